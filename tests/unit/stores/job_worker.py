"""Workers in processes of their own, to be killed: ``job_worker.py DATABASE``.

Its jobs take a number from the database's counter, at a moment that a killing parent cannot know.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any

from comity.operations.jobs import JobWork
from comity.operations.worker import Kind, Run, Worker
from comity.stores import SqlStore


def take_a_number(run: Run) -> dict[str, Any]:
    """An effect that would show if it happened twice: the counter never takes a number back."""
    for step in range(4):
        run.progress(step, 4, "before")
        time.sleep(0.01)
    if "number" not in run.job.notes:
        with run.store.begin() as work:
            number = work.next_id("taken")
            jobs: JobWork = work  # type: ignore[assignment]
            jobs.jobs.note(run.job, "number", number)
            time.sleep(0.005)
    for step in range(4):
        run.progress(step, 4, "after")
        time.sleep(0.01)
    return {"taken": True}


def work(place: str) -> None:
    """Work until killed."""
    kinds = {"number": Kind(name="number", handler=take_a_number)}
    Worker(SqlStore(place), kinds, lease_s=1.5, poll_s=0.05).start()
    while True:
        time.sleep(60)


def main() -> None:
    """Fork a worker for each line that comes in, and say its process number."""
    place = sys.argv[1]
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            work(place)
        print(pid, flush=True)


if __name__ == "__main__":
    main()
