"""The queue: jobs are run until they end, by one worker at a time, and what they do happens once."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from comity.core import Epoch, FixedClock, InputError, StateError, UnknownIdError
from comity.operations.jobs import HeldStore, JobCancelledError, LeaseLostError
from comity.operations.memory_jobs import MemoryJobStore
from comity.operations.worker import Kind, RetryLaterError, Worker
from comity.stores import SqlStore

NOW = Epoch.from_iso("2026-06-01T00:00:00Z")
KINDS = ("work",)


@pytest.fixture
def store(request: pytest.FixtureRequest, database_url: str):
    if request.param == "memory":
        yield MemoryJobStore()
        return
    opened = SqlStore(database_url)
    yield opened
    opened.close()


def stores(test):
    """Run it on memory, SQLite and PostgreSQL."""
    places = [("memory", "sqlite"), ("sql", "sqlite"), ("sql", "postgresql")]
    ids = ["memory", "sqlite", "postgresql"]
    return pytest.mark.parametrize(("store", "database_url"), places, ids=ids, indirect=True)(test)


def add(store, number: int = 1, **how):
    with store.begin_jobs() as jobs:
        return [jobs.add("work", {"n": n}, now=NOW, **how) for n in range(number)]


def claim(store, worker: str = "w", now: Epoch = NOW, lease_s: float = 10.0):
    with store.begin_jobs() as jobs:
        return jobs.claim(worker, now=now, lease_s=lease_s, kinds=KINDS)


def get(store, id: str):
    with store.begin_jobs() as jobs:
        return jobs.get(id)


@stores
def test_a_job_is_held_by_one_worker_and_what_a_late_one_writes_is_refused(store) -> None:
    (job,) = add(store)
    mine = claim(store, "first")
    assert mine.id == job.id
    assert claim(store, "second") is None
    taken = claim(store, "second", NOW + 10.0)
    assert (taken.id, taken.runs, taken.worker) == (job.id, 2, "second")
    with pytest.raises(LeaseLostError, match="no longer held by first"), store.begin_jobs() as jobs:
        jobs.finish(mine, now=NOW + 11.0, result={})
    late = HeldStore(store, mine)
    with pytest.raises(LeaseLostError), late.begin() as work:
        work.next_id("order")
    with store.begin_jobs() as jobs:
        jobs.finish(taken, now=NOW + 12.0, result={"n": 0})
    done = get(store, job.id)
    assert (done.state, done.result, done.ended) == ("done", {"n": 0}, NOW + 12.0)
    with store.begin() as work:
        assert work.next_id("order") == "order-0001"


@stores
def test_what_a_run_made_is_noted_with_the_making_of_it_or_not_at_all(store) -> None:
    add(store)
    job = claim(store)
    held = HeldStore(store, job)
    with pytest.raises(RuntimeError), held.begin() as work:
        work.next_id("order")
        work.jobs.note(job, "order", "order-0001")
        raise RuntimeError
    assert get(store, job.id).notes == {}
    with held.begin() as work:
        work.jobs.note(job, "order", work.next_id("order"))
    assert get(store, job.id).notes == {"order": "order-0001"}


@stores
def test_one_key_is_one_job_for_each_tenant(store) -> None:
    (first,) = add(store, tenant="a", key="k")
    (again,) = add(store, tenant="a", key="k")
    (other,) = add(store, tenant="b", key="k")
    assert again.id == first.id != other.id
    with store.begin_jobs() as jobs:
        assert [job.id for job in jobs.list(tenant="b")] == [other.id]
        assert [job.id for job in jobs.list(after=other.id)] == [first.id]
        with pytest.raises(UnknownIdError):
            jobs.get("job-none")


@stores
def test_a_failed_job_comes_back_later_each_time_and_ends_among_the_dead_letters(store) -> None:
    def fail(run):
        raise StateError("no luck")

    add(store, most_runs=3)
    at, pauses = NOW, []
    for _ in range(3):
        assert Worker(store, {"work": Kind(name="work", handler=fail)}, clock=FixedClock(at)).run_one()
        with store.begin_jobs() as jobs:
            (job,) = jobs.list()
        pauses.append(job.due - at)
        at = at + 1000.0
    assert (job.state, job.runs, job.error) == ("failed", 3, "no luck")
    assert 2.0 <= pauses[0] < pauses[1] < 4.5
    with store.begin_jobs() as jobs:
        with pytest.raises(StateError, match="already failed"):
            jobs.cancel(job.id, now=at)
        assert jobs.retry(job.id, now=at).state == "queued"
    good = Kind(name="work", handler=lambda run: {"ok": True})
    assert Worker(store, {"work": good}, clock=FixedClock(at)).run_all() == 1
    assert get(store, job.id).state == "done"


@stores
def test_bad_input_is_not_tried_again_and_a_busy_other_side_is_given_its_time(store) -> None:
    full = InputError("cannot write x.tif: No space left on device")
    full.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    errors = [InputError("never good"), RetryLaterError("come back", 77.0), full]

    def fail(run):
        raise errors[run.job.payload["n"]]

    jobs = add(store, 3)
    Worker(store, {"work": Kind(name="work", handler=fail)}, clock=FixedClock(NOW)).run_all()
    never, later, disk = (get(store, job.id) for job in jobs)
    assert (never.state, never.runs) == ("failed", 1)
    assert later.state == "queued"
    assert later.due - NOW == pytest.approx(77.0)
    assert (disk.state, disk.due - NOW) == ("queued", pytest.approx(300.0))  # a full disk is no bad input


@stores
def test_a_worker_that_dies_on_every_run_leaves_a_dead_letter_not_a_loop(store) -> None:
    (job,) = add(store, most_runs=2)
    assert claim(store, "a", NOW, 1.0).runs == 1
    assert claim(store, "b", NOW + 5.0, 1.0).runs == 2
    assert claim(store, "c", NOW + 10.0, 1.0) is None
    dead = get(store, job.id)
    assert (dead.state, dead.error) == ("failed", "its worker died 2 times")


@stores
def test_a_cancelled_job_writes_nothing_more(store) -> None:
    waiting, running = add(store, 2)
    with store.begin_jobs() as jobs:
        assert jobs.cancel(waiting.id, now=NOW).state == "cancelled"
    mine = claim(store)
    assert mine.id == running.id
    with store.begin_jobs() as jobs:
        assert jobs.cancel(running.id, now=NOW).state == "running"
    with pytest.raises(JobCancelledError), HeldStore(store, mine).begin() as work:
        work.next_id("order")
    with store.begin_jobs() as jobs:
        jobs.fail(mine, now=NOW, error="whatever", retry_s=1.0)
    assert get(store, running.id).state == "cancelled"
    with store.begin() as work:
        assert work.next_id("order") == "order-0001"


@stores
def test_what_ended_long_ago_is_forgotten_but_not_the_dead_letters(store) -> None:
    done, dead, waiting = add(store, 3)
    for job in (done, dead):
        assert claim(store).id == job.id
    with store.begin_jobs() as jobs:
        jobs.finish(jobs.get(done.id), now=NOW, result={})
        jobs.fail(jobs.get(dead.id), now=NOW, error="x", retry_s=None)
        assert jobs.prune(NOW + 1.0) == 1
        assert [job.id for job in jobs.list()] == [waiting.id, dead.id]


@stores
def test_progress_is_told_and_a_running_job_stops_when_it_is_cancelled(store) -> None:
    begun = threading.Event()

    def long(run):
        for step in range(10_000):
            run.progress(step, 10_000, "step")
            begun.set()
            time.sleep(0.01)
        return {}

    (job,) = add(store)
    worker = Worker(store, {"work": Kind(name="work", handler=long)}, lease_s=1.0, poll_s=0.02)
    worker.start()
    assert begun.wait(10)
    time.sleep(0.4)
    seen = get(store, job.id)
    assert seen.done > 0
    assert (seen.total, seen.message) == (10_000, "step")
    with store.begin_jobs() as jobs:
        jobs.cancel(job.id, now=Epoch.from_iso("2026-06-01T00:00:00Z"))
    _until(lambda: get(store, job.id).state == "cancelled")
    assert worker.stop(2.0)


@stores
def test_a_stopped_worker_hands_back_what_it_had_begun(store) -> None:
    begun = threading.Event()

    def long(run):
        while True:
            run.progress(1, 2, "on and on")
            begun.set()
            time.sleep(0.01)

    (job,) = add(store, most_runs=1)
    worker = Worker(store, {"work": Kind(name="work", handler=long)}, poll_s=0.02)
    worker.start()
    assert begun.wait(10)
    assert worker.stop(0.1)
    back = get(store, job.id)
    assert (back.state, back.worker, back.most_runs - back.runs) == ("queued", "", 1)


@stores
def test_a_job_that_hears_nothing_is_handed_back_for_it_and_its_late_words_are_refused(store) -> None:
    begun, end, refused = threading.Event(), threading.Event(), []

    def deaf(run):
        begun.set()
        end.wait(10)
        try:
            with run.store.begin() as work:
                work.next_id("order")
        except LeaseLostError as error:
            refused.append(error)
            raise

    (job,) = add(store, most_runs=1)
    worker = Worker(store, {"work": Kind(name="work", handler=deaf)}, poll_s=0.02)
    worker.start()
    assert begun.wait(10)
    assert not worker.stop(0.1)
    back = get(store, job.id)
    assert back.state == "queued"
    assert claim(store, worker.name, now=back.due).id == job.id  # by one of the same name, even
    end.set()
    _until(lambda: not worker.alive())
    assert refused


def test_many_workers_never_claim_the_same_job(database_url: str) -> None:
    opened = [SqlStore(database_url) for _ in range(4)]
    add(opened[0], 60)

    def take(number: int) -> list[str]:
        ids = []
        while (job := claim(opened[number], f"w{number}", lease_s=600.0)) is not None:
            ids.append(job.id)
        return ids

    with ThreadPoolExecutor(4) as pool:
        ids = [id for each in pool.map(take, range(4)) for id in each]
    for store in opened:
        store.close()
    assert len(ids) == len(set(ids)) == 60


def test_a_claim_steps_over_what_another_transaction_holds(database_url: str) -> None:
    if not database_url.startswith("postgresql"):
        pytest.skip("SQLite has one writer at a time")
    first, second = SqlStore(database_url), SqlStore(database_url)
    a, b = add(first, 2)
    with first.begin_jobs() as jobs:
        assert jobs.claim("w1", now=NOW, lease_s=9.0, kinds=KINDS).id == a.id
        assert claim(second, "w2").id == b.id
    with first.begin() as work:  # the road's own lock
        work.next_id("order")
        assert claim(second, "w3") is None
    first.close()
    second.close()


def test_workers_killed_at_any_moment_lose_nothing_and_double_nothing(database_url: str) -> None:
    draw = random.Random(6)
    store = SqlStore(database_url)
    with store.begin_jobs() as jobs:
        for n in range(40):
            jobs.add("number", {"n": n}, now=Epoch.from_iso("2026-01-01T00:00:00Z"), most_runs=100)
    killed = 0
    with _workers(database_url) as (start, kill):
        running = [start(), start()]
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            time.sleep(draw.uniform(0.05, 0.3))
            with store.begin_jobs() as jobs:
                everything = jobs.list(limit=1000)
            if all(job.state == "done" for job in everything):
                break
            if killed < 12 or not any(job.runs > 1 for job in everything):
                victim = draw.randrange(2)
                kill(running[victim])
                killed += 1
                running[victim] = start()
    with store.begin_jobs() as jobs:
        all_jobs = jobs.list(limit=1000)
    assert {job.state for job in all_jobs} == {"done"}
    numbers = [job.notes["number"] for job in all_jobs]
    assert sorted(numbers) == [f"taken-{n:04d}" for n in range(1, 41)]
    assert any(job.runs > 1 for job in all_jobs), "no worker was killed at work"
    with store.begin() as work:
        assert work.next_id("taken") == "taken-0041"
    store.close()


@contextmanager
def _workers(database_url: str) -> Iterator[tuple[Callable[[], int], Callable[[int], None]]]:
    """To start worker processes, each forked from one that has everything imported, and to kill them."""
    argv = [sys.executable, str(Path(__file__).with_name("job_worker.py")), database_url]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as mother:
        alive = []

        def start() -> int:
            mother.stdin.write("\n")
            mother.stdin.flush()
            alive.append(int(mother.stdout.readline()))
            return alive[-1]

        def kill(pid: int) -> None:
            alive.remove(pid)
            os.kill(pid, signal.SIGKILL)

        try:
            yield start, kill
        finally:
            for pid in tuple(alive):
                kill(pid)
            mother.kill()


def _until(true, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)
