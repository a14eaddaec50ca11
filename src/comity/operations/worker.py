"""The worker: claims jobs, keeps their leases alive, does them, and puts each one's end into the queue."""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from comity.core import Clock, ComityError, InputError, Progress, SystemClock, UnknownIdError
from comity.operations.jobs import (
    HeldStore,
    Job,
    JobCancelledError,
    JobQueue,
    JobStore,
    LeaseLostError,
)
from comity.operations.ports import Store, StoreError
from comity.operations.product_bucket import BucketAwayError

#: How long a claim holds without a sign of life.
LEASE_S = 30.0
#: Most time between two signs of life: a cancellation is heard as late as that.
BEAT_S = 2.0
#: How often an idle worker looks for work.
POLL_S = 0.5
#: Least time between two tellings of progress.
TELL_S = 0.25
#: Pauses between runs where a kind names none: each doubles, up to the last.
FIRST_PAUSE_S = 2.0
LONGEST_PAUSE_S = 600.0
#: Least pause after a file could not be read or written: somebody has to make room.
DISK_PAUSE_S = 300.0
#: Pause after the operator's own bucket could not be used.
BUCKET_PAUSE_S = 30.0


class HandedBackError(ComityError):
    """The worker is stopping: the job goes back to the queue."""


class RetryLaterError(ComityError):
    """The job is to be run again, not before ``retry_s``."""

    def __init__(self, message: str, retry_s: float) -> None:
        super().__init__(message)
        self.retry_s = retry_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a job's handler is given.

    ``store``: writes only while the lease is this run's own. ``progress``: to be passed down; it raises
    where the job was cancelled or the worker stops. ``job.notes``: what earlier runs made.
    """

    job: Job
    store: Store
    progress: Progress


Handler = Callable[[Run], Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How a kind of job is done.

    ``handler``: does it and returns its result (plain JSON data); to be run any number of times.
    ``notes``: collections whose new records are noted with the job. ``pauses_s``: between runs, the last
    one again for the rest; empty: doubling.
    """

    name: str
    handler: Handler
    notes: tuple[str, ...] = ()
    pauses_s: tuple[float, ...] = ()

    def pause_s(self, job: Job) -> float:
        """Pause after this run of the job: up to a tenth longer, so that jobs do not come back as one."""
        if self.pauses_s:
            pause = self.pauses_s[min(job.runs, len(self.pauses_s)) - 1]
        else:
            pause = min(FIRST_PAUSE_S * 2.0 ** (job.runs - 1), LONGEST_PAUSE_S)
        draw = zlib.crc32(f"{job.id}/{job.runs}".encode()) % 1000 / 1000.0
        return pause * (1.0 + 0.1 * draw)


@dataclass(slots=True)
class _Live:
    """A run under way: what its heartbeat tells it."""

    job: Job
    stop: threading.Event = field(default_factory=threading.Event)
    cancel: threading.Event = field(default_factory=threading.Event)
    lost: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    told: tuple[float, float, str] | None = None


class Worker:
    """Does jobs of the given kinds, ``threads`` at once, until :meth:`stop`.

    ``before``: called before each look for work, e.g. to turn events into calls; its errors are told and do
    not end the worker. ``tell``: is given one line of what goes on (a log).
    """

    def __init__(
        self,
        store: JobStore,
        kinds: Mapping[str, Kind],
        *,
        clock: Clock | None = None,
        threads: int = 1,
        lease_s: float = LEASE_S,
        poll_s: float = POLL_S,
        before: Callable[[], object] | None = None,
        tell: Callable[[str, Mapping[str, Any]], object] = lambda event, facts: None,
        name: str | None = None,
    ) -> None:
        if threads < 1:
            raise InputError(f"a worker needs a thread: {threads} is below 1")
        self.name = name or f"worker-{uuid4().hex[:12]}"
        self._store = store
        self._kinds = dict(kinds)
        self._clock = clock or SystemClock()
        self._count = threads
        self._lease_s = lease_s
        self._poll_s = poll_s
        self._before = before
        self._tell = tell
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._threads: list[threading.Thread] = []
        self._live: dict[str, _Live] = {}
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin, in threads of this process."""
        self._stopping.clear()
        self._threads = [
            threading.Thread(target=self._loop, name=f"{self.name}/{number}", daemon=True)
            for number in range(self._count)
        ]
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """There may be work: look now."""
        self._wake.set()

    def running(self) -> list[str]:
        """Identifiers of the jobs under way."""
        with self._lock:
            return sorted(self._live)

    def alive(self) -> bool:
        """Whether all its threads are at work."""
        return bool(self._threads) and all(thread.is_alive() for thread in self._threads)

    def rest(self) -> None:
        """Take no more jobs; those under way go on."""
        self._stopping.set()
        self._wake.set()

    def stop(self, grace_s: float = 10.0) -> bool:
        """Take no more jobs; let those under way end within ``grace_s``, then hand them back.

        Returns whether every thread has ended. One deep in a computation that reports no progress does
        not: its job is handed back for it, and what it still writes is refused.
        """
        self.rest()
        deadline = time.monotonic() + grace_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        with self._lock:
            for live in self._live.values():
                live.stop.set()
        for thread in self._threads:
            thread.join(max(1.0, grace_s / 5))
        with self._lock:
            left = list(self._live.values())
        for live in left:
            live.lost.set()
            try:
                with self._store.begin_jobs() as jobs:
                    jobs.release(live.job, now=self._clock.now())
            except ComityError as error:  # it has ended just now, or is claimed again after its lease
                self._tell("job-not-handed-back", {"job": live.job.id, "error": str(error)})
        return not any(thread.is_alive() for thread in self._threads)

    def run_one(self) -> bool:
        """Do one job that is due, here and now; whether there was one."""
        if self._before is not None:
            try:
                self._before()
            except ComityError as error:
                self._tell("before-jobs-failed", {"error": str(error)})
        with self._store.begin_jobs() as jobs:
            job = jobs.claim(self.name, now=self._clock.now(), lease_s=self._lease_s, kinds=self._kinds)
        if job is None:
            return False
        self._do(job)
        return True

    def run_all(self) -> int:
        """Do jobs until none is due; how many there were."""
        number = 0
        while self.run_one():
            number += 1
        return number

    def _loop(self) -> None:
        while not self._stopping.is_set():
            try:
                if self.run_one():
                    continue
            except ComityError as error:  # the database is away or busy: so is the worker, for a while
                self._tell("worker-waits", {"error": str(error)})
            self._wake.wait(self._poll_s)
            self._wake.clear()

    def _do(self, job: Job) -> None:
        kind = self._kinds[job.kind]
        live = _Live(job)
        with self._lock:
            self._live[job.id] = live
        heart = threading.Thread(target=self._beat, args=(live,), name=f"{job.id}/heart", daemon=True)
        heart.start()
        self._tell("job-started", {"job": job.id, "kind": job.kind, "run": job.runs})
        try:
            run = Run(job=job, store=HeldStore(self._store, job, kind.notes), progress=self._progress(live))
            result = kind.handler(run)
            self._keep(lambda jobs: jobs.finish(job, now=self._clock.now(), result=result))
            self._tell("job-done", {"job": job.id, "kind": job.kind})
        except Exception as error:  # noqa: BLE001 - whatever a job does, its worker lives on
            self._ended(job, kind, error)
        finally:
            live.over.set()
            heart.join()
            with self._lock:
                self._live.pop(job.id, None)

    def _ended(self, job: Job, kind: Kind, error: Exception) -> None:
        """Put into the queue how a run ended that did not succeed."""
        named = f"{type(error).__name__}: {error}"
        text = str(error) if isinstance(error, ComityError) else named
        self._tell("job-ended", {"job": job.id, "kind": job.kind, "run": job.runs, "error": named})

        def end(jobs: JobQueue) -> None:
            now = self._clock.now()
            if isinstance(error, JobCancelledError):
                jobs.cancelled(job, now=now)
            elif isinstance(error, HandedBackError):
                jobs.release(job, now=now)
            elif isinstance(error, StoreError):  # no fault of the job's
                jobs.release(job, now=now, retry_s=FIRST_PAUSE_S)
            elif isinstance(error, BucketAwayError):  # nor is this
                jobs.release(job, now=now, retry_s=BUCKET_PAUSE_S)
            else:
                jobs.fail(job, now=now, error=text[:2000], retry_s=_pause(kind, job, error))

        if isinstance(error, LeaseLostError):
            return
        try:
            self._keep(end)
        except ComityError as refusal:  # the lease runs out and the job is claimed again
            self._tell("job-end-not-kept", {"job": job.id, "error": str(refusal)})

    def _keep(self, change: Callable[[JobQueue], object]) -> None:
        """Change the queue; while the database is away, for as long as the lease may hold, again."""
        until = time.monotonic() + self._lease_s
        while True:
            try:
                with self._store.begin_jobs() as jobs:
                    change(jobs)
                return
            except StoreError:
                if self._stopping.is_set() or time.monotonic() > until:
                    raise
                time.sleep(min(1.0, self._lease_s / 10.0))

    def _progress(self, live: _Live) -> Progress:
        last = 0.0

        def progress(done: float, total: float, message: str, /) -> None:
            nonlocal last
            if live.cancel.is_set():
                raise JobCancelledError(f"{live.job.id} was cancelled")
            if live.stop.is_set():
                raise HandedBackError(f"{live.job.id}: the worker stops")
            if live.lost.is_set():
                raise LeaseLostError(f"{live.job.id} was taken over")
            live.told = (float(done), float(total), message[:500])
            at = time.monotonic()
            if at - last >= TELL_S:
                last = at
                self._renew(live)

        return progress

    def _beat(self, live: _Live) -> None:
        while not live.over.wait(min(self._lease_s / 4.0, BEAT_S)):
            self._renew(live)

    def _renew(self, live: _Live) -> None:
        told, live.told = live.told, None
        try:
            with self._store.begin_jobs() as jobs:
                job = jobs.beat(live.job, now=self._clock.now(), lease_s=self._lease_s, progress=told)
        except LeaseLostError:
            if not live.over.is_set():
                live.lost.set()
        except ComityError as error:  # tried again at the next beat
            self._tell("heartbeat-failed", {"job": live.job.id, "error": str(error)})
        else:
            if job.cancel_asked:
                live.cancel.set()


def _pause(kind: Kind, job: Job, error: Exception) -> float | None:
    """How long until the next run, None where another one would end the same way."""
    if isinstance(error, RetryLaterError):
        return max(error.retry_s, kind.pause_s(job))
    if isinstance(error, InputError) and isinstance(error.__cause__, OSError):
        return max(DISK_PAUSE_S, kind.pause_s(job))  # the disk is full or away: nothing that was asked
    if isinstance(error, InputError | UnknownIdError):
        return None
    return kind.pause_s(job)
