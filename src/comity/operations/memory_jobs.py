"""Jobs, events and webhooks in memory: for tests and for trying things out, in one process."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self

from comity.commerce import Ledger
from comity.core import Epoch, UnknownIdError
from comity.operations.buckets import Bucket
from comity.operations.events import Event, item_event, match_event, order_events
from comity.operations.job_changes import JobChanges, changed
from comity.operations.jobs import MOST_RUNS, Job, JobState, where_from
from comity.operations.memory import MemoryCollection, MemoryStore
from comity.operations.oversight import Verdict, Withheld
from comity.operations.partner_events import PartnerNews
from comity.operations.records import Activity, ItemRecord, Order, PlanRecord
from comity.operations.saved_searches import SearchMatch
from comity.operations.webhooks import Webhook


class MemoryJobs(JobChanges):
    """A :class:`comity.operations.JobQueue` over a dict."""

    def __init__(self) -> None:
        self.records: dict[str, Job] = {}
        self._number = 0

    def add(
        self,
        kind: str,
        payload: Mapping[str, Any],
        *,
        now: Epoch,
        tenant: str = "",
        key: str = "",
        due: Epoch | None = None,
        most_runs: int = MOST_RUNS,
    ) -> Job:
        """A new job, or the one of the same kind, tenant and key."""
        if key and (known := self.find(kind, tenant, key)) is not None:
            return known
        self._number += 1
        id = f"job-{self._number:04d}"
        self.records[id] = Job(
            id=id,
            kind=kind,
            tenant=tenant,
            key=key or id,
            payload=dict(payload),
            notes=where_from(),
            state="queued",
            created=now,
            due=due or now,
            most_runs=most_runs,
        )
        return self.records[id]

    def list(
        self,
        *,
        tenant: str | None = None,
        kind: str | None = None,
        state: JobState | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> list[Job]:
        """Newest first."""
        newest = list(reversed(self.records.values()))
        if after is not None:
            newest = newest[newest.index(self.get(after)) + 1 :]
        return [
            job
            for job in newest
            if (tenant is None or job.tenant == tenant)
            and (kind is None or job.kind == kind)
            and (state is None or job.state == state)
        ][:limit]

    def claim(self, worker: str, *, now: Epoch, lease_s: float, kinds: Iterable[str]) -> Job | None:
        """The job longest due that nobody holds."""
        wanted = frozenset(kinds)
        for job in sorted(self.records.values(), key=lambda each: each.due):
            lapsed = job.state == "running" and job.lease_until is not None and job.lease_until <= now
            if job.kind not in wanted or job.due > now or not (job.state == "queued" or lapsed):
                continue
            if (taken := self._take(job, worker, now=now, lease_s=lease_s)) is not None:
                return taken
        return None

    def find(self, kind: str, tenant: str, key: str) -> Job | None:
        """The job of this kind, tenant and key."""
        asked = (kind, tenant, key)
        return next((j for j in self.records.values() if (j.kind, j.tenant, j.key) == asked), None)

    def counts(self) -> dict[tuple[str, JobState], int]:
        """How many jobs there are of each kind and state."""
        return dict(Counter((job.kind, job.state) for job in self.records.values()))

    def prune(self, before: Epoch) -> int:
        """Forget what ended well before ``before``."""
        old = [
            job.id
            for job in self.records.values()
            if job.state in ("done", "cancelled") and job.ended is not None and job.ended < before
        ]
        for id in old:
            del self.records[id]
        return len(old)

    def _get(self, id: str, *, lock: bool = False) -> Job:
        if id not in self.records:
            raise UnknownIdError("job", id)
        return self.records[id]

    def _change(self, job: Job, *, quietly: bool = False, **changes: Any) -> Job:
        self.records[job.id] = changed(job, quietly=quietly, **changes)
        return self.records[job.id]


class MemoryEvents:
    """A :class:`comity.operations.EventLog` over a list."""

    def __init__(self) -> None:
        self.records: list[Event] = []

    def add(self, events: Iterable[Event]) -> None:
        """Append those that are not there yet."""
        known = {event.id for event in self.records}
        self.records.extend(event for event in events if event.id not in known)

    def after(self, number: int, *, limit: int = 500) -> list[tuple[int, Event]]:
        """Events later than the one of this number."""
        return list(enumerate(self.records, 1))[number : number + limit]

    def last(self) -> int:
        """Number of the newest event."""
        return len(self.records)


class _Telling:
    """A collection whose new records are told as events."""

    def __init__(self, inner: Any, work: MemoryJobWork) -> None:
        self._inner = inner
        self._work = work

    def put(self, record: Any) -> None:
        self._inner.put(record)
        news, events = self._work.news, self._work.events
        if isinstance(record, Order):
            news.at = record.statuses[-1].at if record.statuses else None
            events.add(order_events(record))
        elif isinstance(record, ItemRecord):
            if record.state == "offered":
                events.add([item_event(record, self._work.orders.get(record.order).customer)])
        elif isinstance(record, SearchMatch):
            events.add([match_event(record)])
        elif isinstance(record, Activity):
            news.activity(record)
        elif isinstance(record, PlanRecord):
            news.plans.append(record)
        elif isinstance(record, Verdict):
            news.verdicts.append(record)
        elif isinstance(record, Withheld):
            news.withheld.append(record)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class MemoryJobWork:
    """One transaction over the operator's state and its jobs, one at a time, undone on an error."""

    def __init__(self, store: MemoryJobStore) -> None:
        self._store = store
        self._inner = store.inner.begin()
        self.jobs = store.jobs
        self.events = store.events
        self.webhooks: MemoryCollection[Webhook] = store.webhooks
        self.buckets: MemoryCollection[Bucket] = store.buckets
        self.news = PartnerNews()
        for name in ("orders", "items", "matches", "activities", "plans", "verdicts", "withheld"):
            setattr(self, name, _Telling(getattr(self._inner, name), self))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def post(self, ledger: Ledger) -> None:
        """Keep the transactions that are not kept yet; partners are told of theirs."""
        known = self._inner.ledger()
        self._inner.post(ledger)
        self.news.transactions += [entry for entry in ledger if entry.id not in known]

    def _tell_partners(self) -> None:
        if self.news:
            plans = {verdict.plan for verdict in self.news.verdicts}
            approved = [a for plan in plans for a in self.activities.all(plan=plan, state="planned")]
            self.events.add(self.news.events(self._inner.programme(), approved))

    def __enter__(self) -> Self:
        self._store.lock.acquire()
        self._inner.__enter__()
        self._before = (
            dict(self.jobs.records),
            list(self.events.records),
            dict(self.webhooks.records),
            dict(self.buckets.records),
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        refusal: BaseException | None = None
        try:
            if kind is None:
                try:
                    self._tell_partners()
                except BaseException as raised:  # noqa: BLE001 - undone and raised again below
                    refusal, kind = raised, type(raised)
            self._inner.__exit__(kind, error or refusal, trace)
            if kind is not None:
                (
                    self.jobs.records,
                    self.events.records,
                    self.webhooks.records,
                    self.buckets.records,
                ) = self._before
        finally:
            self._store.lock.release()
        if refusal is not None:
            raise refusal


class _QueueOnly:
    def __init__(self, work: MemoryJobWork) -> None:
        self._work = work

    def __enter__(self) -> MemoryJobs:
        return self._work.__enter__().jobs

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._work.__exit__(kind, error, trace)


class MemoryJobStore:
    """A :class:`comity.operations.NoticeStore` in memory; its threads take turns."""

    def __init__(self) -> None:
        self.inner = MemoryStore()
        self.lock = threading.RLock()
        self.jobs = MemoryJobs()
        self.events = MemoryEvents()
        self.webhooks: MemoryCollection[Webhook] = MemoryCollection("webhook")
        self.buckets: MemoryCollection[Bucket] = MemoryCollection("bucket")

    def begin(self) -> MemoryJobWork:
        """A new transaction."""
        return MemoryJobWork(self)

    def read(self) -> MemoryJobWork:
        """The state as it is."""
        return MemoryJobWork(self)

    def begin_jobs(self) -> _QueueOnly:
        """A new transaction on the queue alone."""
        return _QueueOnly(MemoryJobWork(self))

    def read_jobs(self) -> _QueueOnly:
        """The queue as it is."""
        return self.begin_jobs()
