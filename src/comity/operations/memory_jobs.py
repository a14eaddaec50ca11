"""Jobs, events and webhooks in memory: for tests and for trying things out, in one process."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from comity.core import Epoch, UnknownIdError
from comity.operations.buckets import Bucket
from comity.operations.events import Event, item_event, order_events
from comity.operations.jobs import (
    MOST_RUNS,
    Job,
    JobCancelledError,
    JobState,
    LeaseLostError,
    dead_letter,
    not_ended,
)
from comity.operations.memory import MemoryCollection, MemoryStore
from comity.operations.records import ItemRecord, Order
from comity.operations.webhooks import Webhook


class MemoryJobs:
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
        if key:
            for job in self.records.values():
                if (job.kind, job.tenant, job.key) == (kind, tenant, key):
                    return job
        self._number += 1
        id = f"job-{self._number:04d}"
        return self._keep(
            Job(
                id=id,
                kind=kind,
                tenant=tenant,
                key=key or id,
                payload=dict(payload),
                state="queued",
                created=now,
                due=due or now,
                most_runs=most_runs,
                revision=-1,
            )
        )

    def get(self, id: str) -> Job:
        """Raises :class:`UnknownIdError`."""
        if id not in self.records:
            raise UnknownIdError("job", id)
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
            if job.kind not in wanted or job.due > now:
                continue
            lapsed = job.state == "running" and job.lease_until is not None and job.lease_until <= now
            if lapsed and (job.runs >= job.most_runs or job.cancel_asked):
                self._keep(lapse(job, now))
            elif job.state == "queued" or lapsed:
                return self._keep(
                    replace(job, state="running", worker=worker, lease_until=now + lease_s, runs=job.runs + 1)
                )
        return None

    def beat(
        self, job: Job, *, now: Epoch, lease_s: float, progress: tuple[float, float, str] | None = None
    ) -> Job:
        """Renew the lease and tell progress."""
        mine = replace(self._mine(job), lease_until=now + lease_s)
        if progress is not None:
            done, total, message = progress
            mine = replace(mine, done=done, total=total, message=message)
        return self._keep(mine)

    def hold(self, job: Job) -> Job:
        """The job as it is."""
        mine = self._mine(job)
        if mine.cancel_asked:
            raise JobCancelledError(f"{job.id} was cancelled")
        return mine

    def note(self, job: Job, name: str, value: Any) -> None:
        """Remember what this job made."""
        mine = self._mine(job)
        self._keep(replace(mine, notes={**mine.notes, name: value}))

    def finish(self, job: Job, *, now: Epoch, result: Mapping[str, Any]) -> Job:
        """Done."""
        return self._end(job, now, state="done", result=dict(result), error="")

    def fail(self, job: Job, *, now: Epoch, error: str, retry_s: float | None) -> Job:
        """Due again, or a dead letter."""
        if self._mine(job).cancel_asked:
            return self.cancelled(job, now=now)
        if retry_s is None or self._mine(job).runs >= job.most_runs:
            return self._end(job, now, state="failed", error=error)
        return self._keep(
            replace(
                self._mine(job), state="queued", due=now + retry_s, error=error, worker="", lease_until=None
            )
        )

    def release(self, job: Job, *, now: Epoch) -> Job:
        """Hand a job back."""
        mine = self._mine(job)
        if mine.cancel_asked:
            return self.cancelled(job, now=now)
        return self._keep(
            replace(mine, state="queued", due=now, runs=mine.runs - 1, worker="", lease_until=None)
        )

    def cancelled(self, job: Job, *, now: Epoch) -> Job:
        """The worker's answer to a cancellation."""
        return self._end(job, now, state="cancelled")

    def cancel(self, id: str, *, now: Epoch) -> Job:
        """Cancel a job that waits; ask a running one to stop."""
        job = self.get(id)
        not_ended(job)
        if job.state == "running":
            return self._keep(replace(job, cancel_asked=True))
        return self._keep(replace(job, state="cancelled", cancel_asked=True, ended=now))

    def retry(self, id: str, *, now: Epoch) -> Job:
        """Queue a dead letter again."""
        job = self.get(id)
        dead_letter(job)
        return self._keep(replace(job, state="queued", due=now, most_runs=job.runs + MOST_RUNS, ended=None))

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

    def _mine(self, job: Job) -> Job:
        kept = self.get(job.id)
        if (kept.state, kept.worker, kept.runs) != ("running", job.worker, job.runs):
            raise LeaseLostError(f"{job.id} is no longer held by {job.worker}: it is {kept.state}")
        return kept

    def _end(self, job: Job, now: Epoch, **changes: Any) -> Job:
        return self._keep(replace(self._mine(job), worker="", lease_until=None, ended=now, **changes))

    def _keep(self, job: Job) -> Job:
        job = replace(job, revision=job.revision + 1)
        self.records[job.id] = job
        return job


def lapse(job: Job, now: Epoch) -> Job:
    """A job whose worker died on its last run, or after its cancellation was asked for."""
    if job.cancel_asked:
        return replace(job, state="cancelled", worker="", lease_until=None, ended=now)
    text = f"its worker died {job.runs} times" if job.runs > 1 else "its worker died"
    return replace(job, state="failed", error=text, worker="", lease_until=None, ended=now)


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

    def put(self, record: Order | ItemRecord) -> None:
        self._inner.put(record)
        if isinstance(record, Order):
            self._work.events.add(order_events(record))
        elif record.state == "offered":
            customer = self._work.orders.get(record.order).customer
            self._work.events.add([item_event(record, customer)])

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
        self.orders: Any = _Telling(self._inner.orders, self)
        self.items: Any = _Telling(self._inner.items, self)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

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
        try:
            self._inner.__exit__(kind, error, trace)
            if kind is not None:
                (
                    self.jobs.records,
                    self.events.records,
                    self.webhooks.records,
                    self.buckets.records,
                ) = self._before
        finally:
            self._store.lock.release()


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

    def begin_jobs(self) -> _QueueOnly:
        """A new transaction on the queue alone."""
        return _QueueOnly(MemoryJobWork(self))
