"""Durable jobs: work that outlives the call that asked for it, and the process that does it.

A job is claimed under a lease that its worker renews. A worker that dies stops renewing, and the job is
claimed again: each job is *run* at least once. Its *effects* happen once, because a worker writes through a
:class:`HeldStore`, whose every transaction first makes sure that the lease is still its own, and notes what
it made in the transaction that makes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Protocol, Self, cast

from comity.core import ComityError, Epoch, origin
from comity.operations.ports import Collection, Store, UnitOfWork

JobState = Literal["queued", "running", "done", "failed", "cancelled"]
ENDED: frozenset[JobState] = frozenset({"done", "failed", "cancelled"})
#: Runs of a job before it is left among the dead letters, unless its kind says otherwise.
MOST_RUNS = 5


class LeaseLostError(ComityError):
    """The job is another worker's by now, or has ended: what this one would still write is refused."""


class JobCancelledError(ComityError):
    """The job was cancelled while it ran: nothing more of it is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One piece of work.

    ``tenant``: whose it is, empty for the operator's own. ``key``: two jobs of one kind and key are one
    job. ``due``: not run before. ``runs``: how often it was claimed; the number of the present run is its
    fencing token. ``done`` of ``total`` units are finished, ``message`` says what is under way; ``revision``
    grows with everything that changes. ``notes``: what it made so far, by name, and ``origin``, what it was
    added by (:func:`comity.core.origin`).
    """

    id: str
    kind: str
    tenant: str
    key: str
    payload: Mapping[str, Any]
    state: JobState
    created: Epoch
    due: Epoch
    most_runs: int = MOST_RUNS
    runs: int = 0
    worker: str = ""
    lease_until: Epoch | None = None
    cancel_asked: bool = False
    done: float = 0.0
    total: float = 0.0
    message: str = ""
    result: Mapping[str, Any] | None = None
    error: str = ""
    ended: Epoch | None = None
    revision: int = 0
    notes: Mapping[str, Any] = field(default_factory=dict)


def where_from() -> dict[str, Any]:
    """The notes that a job starts with."""
    words = origin()
    return {"origin": words} if words else {}


class JobQueue(Protocol):
    """The jobs, within one transaction. Times are the machine's, never the programme's."""

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
        """A new job; or, where one of this kind, tenant and (not empty) key is there, that one."""
        ...

    def get(self, id: str) -> Job:
        """Raises :class:`comity.core.UnknownIdError`."""
        ...

    def list(
        self,
        *,
        tenant: str | None = None,
        kind: str | None = None,
        state: JobState | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> list[Job]:
        """Newest first, those older than the job ``after``."""
        ...

    def claim(self, worker: str, *, now: Epoch, lease_s: float, kinds: Iterable[str]) -> Job | None:
        """The job longest due that nobody holds, now held by ``worker`` for ``lease_s``.

        One whose lease ran out on its last run is moved to the dead letters on the way.
        """
        ...

    def beat(
        self,
        job: Job,
        *,
        now: Epoch,
        lease_s: float,
        progress: tuple[float, float, str] | None = None,
    ) -> Job:
        """Renew the lease and tell progress; raises :class:`LeaseLostError`."""
        ...

    def hold(self, job: Job) -> Job:
        """The job as it is, kept from others until the transaction ends.

        Raises :class:`LeaseLostError`, and :class:`JobCancelledError` where that was asked for.
        """
        ...

    def note(self, job: Job, name: str, value: Any) -> None:
        """Remember what this job made, together with the making of it; raises :class:`LeaseLostError`."""
        ...

    def finish(self, job: Job, *, now: Epoch, result: Mapping[str, Any]) -> Job:
        """Done; raises :class:`LeaseLostError`."""
        ...

    def fail(self, job: Job, *, now: Epoch, error: str, retry_s: float | None) -> Job:
        """Due again in ``retry_s``; a dead letter where that is None or the runs are used up."""
        ...

    def find(self, kind: str, tenant: str, key: str) -> Job | None:
        """The job of this kind, tenant and key."""
        ...

    def release(self, job: Job, *, now: Epoch, retry_s: float = 0.0) -> Job:
        """Hand a job back unfinished, due in ``retry_s``; this run does not count against the most."""
        ...

    def cancelled(self, job: Job, *, now: Epoch) -> Job:
        """The worker's answer to a cancellation."""
        ...

    def cancel(self, id: str, *, now: Epoch) -> Job:
        """Cancel a job that waits; ask a running one to stop. Raises :class:`StateError` for an ended one."""
        ...

    def retry(self, id: str, *, now: Epoch) -> Job:
        """Queue a dead letter again, with all its runs; raises :class:`StateError` for any other job."""
        ...

    def counts(self) -> dict[tuple[str, JobState], int]:
        """How many jobs there are of each kind and state."""
        ...

    def prune(self, before: Epoch) -> int:
        """Forget jobs that were done or cancelled before then; dead letters stay. How many."""
        ...


class JobWork(UnitOfWork, Protocol):
    """A unit of work that holds the jobs too."""

    @property
    def jobs(self) -> JobQueue: ...


class JobStore(Store, Protocol):
    """The operator's state and its jobs.

    ``begin`` is for what belongs together with orders and plans; ``begin_jobs`` for the queue alone, which
    need not wait for those.
    """

    def begin(self) -> JobWork: ...

    def read(self) -> JobWork: ...

    def begin_jobs(self) -> JobTransaction: ...

    def read_jobs(self) -> JobTransaction: ...


class JobTransaction(Protocol):
    """One transaction on the queue alone."""

    def __enter__(self) -> JobQueue: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class HeldStore:
    """A store for the run of one job: a transaction that finds the lease lost writes nothing.

    ``noted``: collections (by their name in the unit of work) whose new records' ids are noted with the job,
    in the transaction that adds them.
    """

    def __init__(self, store: JobStore, job: Job, noted: Iterable[str] = ()) -> None:
        self._store = store
        self._job = job
        self._noted = frozenset(noted)

    def begin(self) -> UnitOfWork:
        """A new transaction, of a job that is still this worker's."""
        return cast(UnitOfWork, _HeldWork(self._store.begin(), self._job, self._noted))

    def read(self) -> UnitOfWork:
        """One moment of the state: nothing is written, so nothing is held."""
        return self._store.read()


class _HeldWork:
    def __init__(self, work: JobWork, job: Job, noted: frozenset[str]) -> None:
        self._work = work
        self._job = job
        self._noted = noted

    def __enter__(self) -> Self:
        self._work.__enter__()
        try:
            self._work.jobs.hold(self._job)
        except BaseException as error:
            self._work.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._work.__exit__(kind, error, trace)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._work, name)
        return _Noting(value, self._work.jobs, self._job, name) if name in self._noted else value


class _Noting:
    """A collection whose added records are noted with the job."""

    def __init__(self, inner: Collection[Any], jobs: JobQueue, job: Job, name: str) -> None:
        self._inner = inner
        self._jobs = jobs
        self._job = job
        self._name = name

    def put(self, record: Any) -> None:
        """Add the record and note its id."""
        self._inner.put(record)
        self._jobs.note(self._job, self._name, record.id)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)
