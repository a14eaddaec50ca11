"""Jobs and events in the database: SQLite as it comes, PostgreSQL with SKIP LOCKED."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from types import TracebackType
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    and_,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError

from comity.core import Epoch, StateError, UnknownIdError, decode, encode
from comity.operations.events import Event
from comity.operations.jobs import (
    MOST_RUNS,
    Job,
    JobCancelledError,
    JobState,
    LeaseLostError,
    dead_letter,
    not_ended,
)
from comity.operations.memory_jobs import lapse
from comity.stores.job_schema import events, jobs

_TIMES = ("created", "due", "lease_until", "ended")
_DATA = ("payload", "result", "notes")
_FIELDS = tuple(field.name for field in fields(Job))


def _row(values: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a job as its columns."""
    row = dict(values)
    for name in _TIMES:
        if row.get(name) is not None:
            row[name] = row[name].tai_ns
    for name in _DATA:
        if row.get(name) is not None:
            row[name] = json.dumps(row[name], separators=(",", ":"))
    return row


def _job(row: Row[Any]) -> Job:
    values = {name: getattr(row, name) for name in _FIELDS}
    for name in _TIMES:
        values[name] = None if values[name] is None else Epoch(values[name])
    for name in _DATA:
        values[name] = None if values[name] is None else json.loads(values[name])
    return Job(**values)


class SqlJobs:
    """A :class:`comity.operations.JobQueue` on one connection, within its transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

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
        id = f"job-{uuid4().hex}"
        job = Job(
            id=id,
            kind=kind,
            tenant=tenant,
            key=key or id,
            payload=dict(payload),
            state="queued",
            created=now,
            due=due or now,
            most_runs=most_runs,
        )
        row = _row({name: getattr(job, name) for name in _FIELDS})
        flavour = postgresql if self._connection.dialect.name == "postgresql" else sqlite
        new = flavour.insert(jobs).values(row)
        new = new.on_conflict_do_nothing(index_elements=["kind", "tenant", "key"]).returning(jobs.c.id)
        if self._connection.execute(new).first() is not None:
            return job
        same = (jobs.c.kind == kind, jobs.c.tenant == tenant, jobs.c.key == job.key)
        return _job(self._connection.execute(select(jobs).where(*same)).one())

    def get(self, id: str) -> Job:
        """Raises :class:`UnknownIdError`."""
        return self._get(id)

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
        query = select(jobs).order_by(jobs.c.seq.desc()).limit(limit)
        for column, value in ((jobs.c.tenant, tenant), (jobs.c.kind, kind), (jobs.c.state, state)):
            if value is not None:
                query = query.where(column == value)
        if after is not None:
            self._get(after)
            query = query.where(jobs.c.seq < select(jobs.c.seq).where(jobs.c.id == after).scalar_subquery())
        return [_job(row) for row in self._connection.execute(query)]

    def claim(self, worker: str, *, now: Epoch, lease_s: float, kinds: Iterable[str]) -> Job | None:
        """The job longest due that nobody holds; others' claims are stepped over, not waited for."""
        wanted = jobs.c.kind.in_(sorted(kinds))
        lapsed = and_(jobs.c.state == "running", jobs.c.lease_until <= now.tai_ns)
        while (job := self._next(and_(wanted, lapsed))) is not None:
            if job.runs < job.most_runs and not job.cancel_asked:
                return self._claimed(job, worker, now + lease_s)
            ended = lapse(job, now)
            self._change(job, state=ended.state, error=ended.error, worker="", lease_until=None, ended=now)
        job = self._next(and_(wanted, jobs.c.state == "queued", jobs.c.due <= now.tai_ns))
        return None if job is None else self._claimed(job, worker, now + lease_s)

    def _next(self, where: ColumnElement[bool]) -> Job | None:
        row = self._connection.execute(
            select(jobs)
            .where(where)
            .order_by(jobs.c.due, jobs.c.seq)
            .limit(1)
            .with_for_update(skip_locked=True)
        ).first()
        return None if row is None else _job(row)

    def _claimed(self, job: Job, worker: str, until: Epoch) -> Job:
        return self._change(job, state="running", worker=worker, lease_until=until, runs=job.runs + 1)

    def beat(
        self, job: Job, *, now: Epoch, lease_s: float, progress: tuple[float, float, str] | None = None
    ) -> Job:
        """Renew the lease and tell progress."""
        mine = self._mine(job)
        if progress is None:
            return self._change(mine, lease_until=now + lease_s, quietly=True)
        done, total, message = progress
        return self._change(mine, lease_until=now + lease_s, done=done, total=total, message=message)

    def hold(self, job: Job) -> Job:
        """The job as it is, locked."""
        mine = self._mine(job)
        if mine.cancel_asked:
            raise JobCancelledError(f"{job.id} was cancelled")
        return mine

    def note(self, job: Job, name: str, value: Any) -> None:
        """Remember what this job made."""
        mine = self._mine(job)
        self._change(mine, notes={**mine.notes, name: value})

    def finish(self, job: Job, *, now: Epoch, result: Mapping[str, Any]) -> Job:
        """Done."""
        return self._end(self._mine(job), "done", now, result=dict(result), error="")

    def fail(self, job: Job, *, now: Epoch, error: str, retry_s: float | None) -> Job:
        """Due again, or a dead letter."""
        mine = self._mine(job)
        if mine.cancel_asked:
            return self._end(mine, "cancelled", now, error=error)
        if retry_s is None or mine.runs >= mine.most_runs:
            return self._end(mine, "failed", now, error=error)
        return self._change(mine, state="queued", due=now + retry_s, error=error, worker="", lease_until=None)

    def release(self, job: Job, *, now: Epoch) -> Job:
        """Hand a job back."""
        mine = self._mine(job)
        if mine.cancel_asked:
            return self._end(mine, "cancelled", now)
        return self._change(mine, state="queued", due=now, runs=mine.runs - 1, worker="", lease_until=None)

    def cancelled(self, job: Job, *, now: Epoch) -> Job:
        """The worker's answer to a cancellation."""
        return self._end(self._mine(job), "cancelled", now)

    def cancel(self, id: str, *, now: Epoch) -> Job:
        """Cancel a job that waits; ask a running one to stop."""
        job = self._get(id, lock=True)
        not_ended(job)
        if job.state == "running":
            return self._change(job, cancel_asked=True)
        return self._change(job, state="cancelled", cancel_asked=True, ended=now)

    def retry(self, id: str, *, now: Epoch) -> Job:
        """Queue a dead letter again."""
        job = self._get(id, lock=True)
        dead_letter(job)
        return self._change(job, state="queued", due=now, most_runs=job.runs + MOST_RUNS, ended=None)

    def counts(self) -> dict[tuple[str, JobState], int]:
        """How many jobs there are of each kind and state."""
        query = select(jobs.c.kind, jobs.c.state, func.count()).group_by(jobs.c.kind, jobs.c.state)
        return {(kind, state): number for kind, state, number in self._connection.execute(query)}

    def prune(self, before: Epoch) -> int:
        """Forget what ended well before ``before``."""
        old = and_(jobs.c.state.in_(("done", "cancelled")), jobs.c.ended < before.tai_ns)
        return self._connection.execute(delete(jobs).where(old)).rowcount

    def _get(self, id: str, *, lock: bool = False) -> Job:
        query = select(jobs).where(jobs.c.id == id)
        row = self._connection.execute(query.with_for_update() if lock else query).first()
        if row is None:
            raise UnknownIdError("job", id)
        return _job(row)

    def _mine(self, job: Job) -> Job:
        kept = self._get(job.id, lock=True)
        if (kept.state, kept.worker, kept.runs) != ("running", job.worker, job.runs):
            raise LeaseLostError(f"{job.id} is no longer held by {job.worker}: it is {kept.state}")
        return kept

    def _end(self, job: Job, state: JobState, now: Epoch, **changes: Any) -> Job:
        return self._change(job, state=state, worker="", lease_until=None, ended=now, **changes)

    def _change(self, job: Job, *, quietly: bool = False, **changes: Any) -> Job:
        """The job with these fields; ``quietly``: its revision stays, nobody need look again."""
        revision = job.revision + (not quietly)
        row = _row({**changes, "revision": revision})
        self._connection.execute(update(jobs).where(jobs.c.id == job.id).values(row))
        return Job(**{name: getattr(job, name) for name in _FIELDS} | changes | {"revision": revision})


class SqlEvents:
    """A :class:`comity.operations.EventLog` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def count(self, subject: str) -> int:
        """How many events there are of one order or item."""
        query = select(func.count()).select_from(events).where(events.c.subject == subject)
        return self._connection.scalar(query) or 0

    def add(self, new: Iterable[Event]) -> None:
        """Append those that are not there yet."""
        rows = [{"id": e.id, "tenant": e.tenant, "subject": e.subject, "body": encode(e)} for e in new]
        if rows:
            self._connection.execute(insert(events), rows)

    def after(self, number: int, *, limit: int = 500) -> list[tuple[int, Event]]:
        """Events later than the one of this number."""
        query = (
            select(events.c.seq, events.c.body)
            .where(events.c.seq > number)
            .order_by(events.c.seq)
            .limit(limit)
        )
        return [(seq, decode(Event, body)) for seq, body in self._connection.execute(query)]

    def last(self) -> int:
        """Number of the newest event."""
        return self._connection.scalar(select(func.max(events.c.seq))) or 0


class SqlJobTransaction:
    """One transaction on the queue alone: committed at the end of ``with``, rolled back on an error.

    What the database refuses is raised as :class:`StateError`.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __enter__(self) -> SqlJobs:
        self._context = self._engine.begin()
        try:
            return SqlJobs(self._context.__enter__())
        except DBAPIError as refusal:
            raise _refused(refusal) from refusal

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._context.__exit__(kind, error, trace)
        except DBAPIError as refusal:
            raise _refused(refusal) from refusal
        if isinstance(error, DBAPIError):
            raise _refused(error) from error


def _refused(error: DBAPIError) -> StateError:
    return StateError(f"the database refused: {error.orig}; nothing was changed, try again")
