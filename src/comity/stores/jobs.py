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

from comity.core import Epoch, UnknownIdError, decode, encode
from comity.operations.events import Event
from comity.operations.job_changes import JobChanges, changed
from comity.operations.jobs import MOST_RUNS, Job, JobState, where_from
from comity.stores.database import transaction
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


class SqlJobs(JobChanges):
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
            notes=where_from(),
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
        found = self.find(kind, tenant, job.key)
        assert found is not None  # else it would have been added
        return found

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
        lapsed = and_(wanted, jobs.c.state == "running", jobs.c.lease_until <= now.tai_ns)
        queued = and_(wanted, jobs.c.state == "queued", jobs.c.due <= now.tai_ns)
        while (job := self._next(lapsed) or self._next(queued)) is not None:
            if (taken := self._take(job, worker, now=now, lease_s=lease_s)) is not None:
                return taken
        return None

    def find(self, kind: str, tenant: str, key: str) -> Job | None:
        """The job of this kind, tenant and key."""
        same = (jobs.c.kind == kind, jobs.c.tenant == tenant, jobs.c.key == key)
        row = self._connection.execute(select(jobs).where(*same)).first()
        return None if row is None else _job(row)

    def _next(self, where: ColumnElement[bool]) -> Job | None:
        row = self._connection.execute(
            select(jobs)
            .where(where)
            .order_by(jobs.c.due, jobs.c.seq)
            .limit(1)
            .with_for_update(skip_locked=True)
        ).first()
        return None if row is None else _job(row)

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

    def _change(self, job: Job, *, quietly: bool = False, **changes: Any) -> Job:
        after = changed(job, quietly=quietly, **changes)
        row = _row({**changes, "revision": after.revision})
        self._connection.execute(update(jobs).where(jobs.c.id == job.id).values(row))
        return after


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
    """One transaction on the queue alone: committed at the end of ``with``, rolled back on an error."""

    def __init__(self, engine: Engine) -> None:
        self._context = transaction(engine)

    def __enter__(self) -> SqlJobs:
        return SqlJobs(self._context.__enter__())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._context.__exit__(kind, error, trace)
