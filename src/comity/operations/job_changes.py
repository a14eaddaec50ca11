"""What may become of a job, the same in every queue; where jobs are kept is the queue's own business."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from comity.core import Epoch, StateError
from comity.operations.jobs import (
    ENDED,
    MOST_RUNS,
    Job,
    JobCancelledError,
    JobState,
    LeaseLostError,
)


class JobChanges(ABC):
    """The part of a :class:`comity.operations.JobQueue` that follows from two calls: get one, change one."""

    @abstractmethod
    def _get(self, id: str, *, lock: bool = False) -> Job:
        """The job, kept from others until the transaction ends where ``lock``."""

    @abstractmethod
    def _change(self, job: Job, *, quietly: bool = False, **changes: Any) -> Job:
        """The job with these fields; ``quietly``: its revision stays, nobody need look again."""

    def get(self, id: str) -> Job:
        """Raises :class:`comity.core.UnknownIdError`."""
        return self._get(id)

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

    def release(self, job: Job, *, now: Epoch, retry_s: float = 0.0) -> Job:
        """Hand a job back; it may be run once more for it. The number of runs never goes back: it fences."""
        mine = self._mine(job)
        if mine.cancel_asked:
            return self._end(mine, "cancelled", now)
        return self._change(
            mine,
            state="queued",
            due=now + retry_s,
            most_runs=mine.most_runs + 1,
            worker="",
            lease_until=None,
        )

    def cancelled(self, job: Job, *, now: Epoch) -> Job:
        """The worker's answer to a cancellation."""
        return self._end(self._mine(job), "cancelled", now)

    def cancel(self, id: str, *, now: Epoch) -> Job:
        """Cancel a job that waits; ask a running one to stop."""
        job = self._get(id, lock=True)
        if job.state in ENDED:
            raise StateError(f"{job.id} is already {job.state}: there is nothing to cancel")
        if job.state == "running":
            return self._change(job, cancel_asked=True)
        return self._change(job, state="cancelled", cancel_asked=True, ended=now)

    def retry(self, id: str, *, now: Epoch) -> Job:
        """Queue a dead letter again."""
        job = self._get(id, lock=True)
        if job.state != "failed":
            raise StateError(f"{job.id} is {job.state}: only a failed job is queued again")
        return self._change(job, state="queued", due=now, most_runs=job.runs + MOST_RUNS, ended=None)

    def _mine(self, job: Job) -> Job:
        kept = self._get(job.id, lock=True)
        if (kept.state, kept.worker, kept.runs) != ("running", job.worker, job.runs):
            raise LeaseLostError(f"{job.id} is no longer held by {job.worker}: it is {kept.state}")
        return kept

    def _end(self, job: Job, state: JobState, now: Epoch, **changes: Any) -> Job:
        return self._change(job, state=state, worker="", lease_until=None, ended=now, **changes)

    def _take(self, job: Job, worker: str, *, now: Epoch, lease_s: float) -> Job | None:
        """The job claimed for ``worker``; None where its worker died on its last run, or after it was
        cancelled: then it has ended now."""
        if job.state == "running":
            if job.cancel_asked:
                self._end(job, "cancelled", now)
                return None
            if job.runs >= job.most_runs:
                text = f"its worker died {job.runs} times" if job.runs > 1 else "its worker died"
                self._end(job, "failed", now, error=text)
                return None
        return self._change(job, state="running", worker=worker, lease_until=now + lease_s, runs=job.runs + 1)


def changed(job: Job, *, quietly: bool = False, **changes: Any) -> Job:
    """A job with these fields and the revision that follows."""
    return replace(job, revision=job.revision + (not quietly), **changes)
