"""Standing work: what the operator does without being asked, begun when there is a reason to.

A schedule looks for reasons (an order that no plan knows of, a task whose time has passed, an image that was
received) and begins a job for those it has not seen. It is kept in the database and looked at under a lease,
so that of many workers one at a time looks; the job it begins is added in the transaction that remembers its
reasons, so that nothing is begun twice; and no second one is begun while the first has not ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, Literal, Protocol

from comity.core import Epoch, UnknownIdError
from comity.operations.commands import commanded_plans, uncommanded
from comity.operations.delivery import waiting_products
from comity.operations.jobs import ENDED, Job, JobQueue
from comity.operations.ports import Store, UnitOfWork
from comity.operations.records import Activity
from comity.operations.sky import elements_digest

ScheduleName = Literal["plan", "approve", "execute", "process", "close"]
#: How long a look at a schedule may take before another worker may look.
LEASE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """One kind of standing work. Times are the machine's.

    ``every_s``: least time between two beginnings. ``settle_s``: how long after a reason was noticed it
    begins, so that what comes together is done together. ``payload``: what its jobs are given. ``seen``:
    reasons that it has begun a job for. ``asked``: it was asked to run now. ``job``: the last one begun.
    """

    name: ScheduleName
    state: Literal["active", "paused"] = "active"
    every_s: float
    settle_s: float = 0.0
    payload: Mapping[str, Any] = field(default_factory=dict)
    seen: tuple[str, ...] = ()
    noticed: Epoch | None = None
    asked: bool = False
    begun: Epoch | None = None
    runs: int = 0
    job: str | None = None
    holder: str = ""
    held_until: Epoch | None = None

    def due(self) -> Epoch | None:
        """When it begins, None while it has no reason to."""
        if self.noticed is None or self.state == "paused":
            return None
        earliest = self.noticed + self.settle_s
        return earliest if self.begun is None else max(earliest, self.begun + self.every_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasons:
    """``due``: why to begin, each in one word that never means anything else; ``known``: what a run knows of
    beside them, and is no reason afterwards."""

    due: frozenset[str] = frozenset()
    known: frozenset[str] = frozenset()


class Schedules(Protocol):
    """The schedules, within one transaction."""

    def all(self) -> list[Schedule]:
        """In the order of their names."""
        ...

    def get(self, name: str) -> Schedule:
        """One, kept from others until the transaction ends; raises :class:`UnknownIdError`."""
        ...

    def put(self, schedule: Schedule) -> None:
        """Add or replace it."""
        ...


class ScheduleWork(Protocol):
    """One transaction on schedules and the queue."""

    @property
    def schedules(self) -> Schedules: ...
    @property
    def jobs(self) -> JobQueue: ...


class ScheduleStore(Protocol):
    """Where schedules are kept."""

    def begin(self) -> AbstractContextManager[ScheduleWork]:
        """A new transaction; schedules and jobs in it are locked row by row."""
        ...

    def all(self) -> list[Schedule]:
        """Every schedule, without waiting for any transaction."""
        ...

    def stamp(self) -> str:
        """A cheap word that changes with orders, tasks, activities, items, plans, vetoes and programmes."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """What a schedule does: the ``kind`` of job it begins; how it finds reasons at the programme's time."""

    name: ScheduleName
    kind: str
    title: str
    look: Callable[[Store, Epoch], Reasons]


def duties(*, simulate: bool) -> dict[str, Duty]:
    """Every duty, by name. ``simulate``: outcomes are drawn as time passes, instead of being reported."""

    def passed(store: Store, at: Epoch) -> Reasons:
        with store.read() as work:
            return Reasons(due=frozenset(a.id for a in over(work, at, simulate=simulate)))

    return {
        duty.name: duty
        for duty in (
            Duty(name="plan", kind="plan", title="Plan anew when something changed", look=_to_plan),
            Duty(name="approve", kind="approve", title="Approve the newest plan", look=_to_approve),
            Duty(
                name="execute",
                kind="execute",
                title="Simulate what is flown as its time passes"
                if simulate
                else "Give up what was not approved before its time",
                look=passed,
            ),
            Duty(name="process", kind="process", title="Make and offer what was received", look=_to_process),
            Duty(name="close", kind="close", title="End what its time has passed of", look=_to_close),
        )
    }


def over(work: UnitOfWork, at: Epoch, *, simulate: bool) -> list[Activity]:
    """Planned activities whose outcome is settled by now: those not commanded in time, and, where outcomes
    are simulated, those that have ended."""
    plans = commanded_plans(work)
    return [
        activity
        for activity in work.activities.all(state="planned")
        if (activity.interval.start <= at and uncommanded(activity, plans))
        or (simulate and activity.interval.end <= at)
    ]


def _to_plan(store: Store, at: Epoch) -> Reasons:
    with store.read() as work:
        wanted = [t for state in ("open", "planned") for t in work.tasks.all(state=state)]
        wanted = [t for t in wanted if t.interval.end > at]
        coming = {name for a in work.activities.all(kind="downlink", state="planned") for name in a.carries}
        aboard = {
            f"aboard {a.id}"
            for a in work.activities.all(kind="acquisition", state="done")
            if a.received_by is None and a.id not in coming
        }
        programme = work.programme()
        causes = {f"withheld {w.id} {w.lifted or ''}" for w in work.withheld.all() if w.interval.end > at}
        causes.add(f"cancelled {len(work.orders.all(status='user_cancelled'))}")
    text = f"{programme.text}{elements_digest(programme)}"
    changed = f"programme {sha256(text.encode()).hexdigest()[:16]}"
    tasks = {f"task {t.id} {t.tries}" + f" {t.missed}" * bool(t.missed): t.state for t in wanted}
    unplanned = {name for name, state in tasks.items() if state == "open"}
    due = unplanned | aboard | ({changed} if tasks else set()) | (causes if unplanned else set())
    return Reasons(due=frozenset(due), known=frozenset({*tasks, *causes, changed}))


def _to_approve(store: Store, at: Epoch) -> Reasons:
    with store.read() as work:
        plans = commanded_plans(work)
        ahead = [a for a in work.activities.all(state="planned") if a.interval.start > at]
        return Reasons(due=frozenset(a.plan for a in ahead if a.plan not in plans))


def _to_process(store: Store, at: Epoch) -> Reasons:
    return Reasons(due=frozenset(work.activity.id for work in waiting_products(store, at)))


def _to_close(store: Store, at: Epoch) -> Reasons:
    due: set[str] = set()
    with store.read() as work:
        for state in ("open", "planned", "acquired"):
            for task in work.tasks.all(state=state):
                if task.interval.end <= at:
                    mine = work.activities.all(task=task.id)
                    seen = [*(a.state for a in mine), *(i.state for i in work.items.all(task=task.id))]
                    due.add(f"{task.id} {state} {task.tries} {','.join(seen)}")
    return Reasons(due=frozenset(due))


def set_up(
    store: ScheduleStore, wanted: Iterable[Schedule], *, active: Iterable[str] | None = None
) -> list[Schedule]:
    """Keep the schedules that are not kept yet; those that are keep their state and what they have seen.

    ``active``: these are active from now on and all others paused; None leaves that as it is.
    """
    named = None if active is None else frozenset(active)
    kept = []
    with store.begin() as work:
        known = {schedule.name: schedule for schedule in work.schedules.all()}
        for new in wanted:
            old = known.get(new.name)
            made = (
                new
                if old is None
                else replace(old, every_s=new.every_s, settle_s=new.settle_s, payload=new.payload)
            )
            if named is not None:
                made = replace(made, state="active" if new.name in named else "paused")
            if made != old:
                work.schedules.put(made)
            kept.append(made)
    return kept


def change_schedule(
    store: ScheduleStore, name: str, *, state: Literal["active", "paused"] | None = None, run: bool = False
) -> Schedule:
    """Pause or resume a schedule, or have it run at the next look, paused or not, reason or not."""
    with store.begin() as work:
        schedule = work.schedules.get(name)
        schedule = replace(schedule, state=state or schedule.state, asked=schedule.asked or run)
        work.schedules.put(schedule)
    return schedule


class Standing:
    """Looks at the schedules of ``store`` and begins what has a reason to in the operator's ``state``.

    ``recheck_s``: how often reasons are looked for although nothing changed in the database, because time
    passes. Safe to use from several threads and processes.
    """

    def __init__(
        self,
        store: ScheduleStore,
        state: Store,
        known: Mapping[str, Duty],
        *,
        name: str,
        recheck_s: float = 30.0,
    ) -> None:
        self._store = store
        self._state = state
        self._duties = dict(known)
        self._name = name
        self._recheck_s = recheck_s
        self._looked: dict[str, tuple[str, Epoch]] = {}

    def look(self, *, now: Epoch, at: Epoch) -> list[Job]:
        """Begin what is due. ``now``: the machine's time; ``at``: the programme's."""
        begun: list[Job] = []
        schedules = self._store.all()
        if not any(schedule.asked or schedule.state == "active" for schedule in schedules):
            return begun
        stamp = self._store.stamp()
        for schedule in schedules:
            if schedule.name not in self._duties or not self._worth(schedule, stamp, now):
                continue
            self._looked[schedule.name] = (stamp, now)
            job = self._look_at(schedule.name, now, at)
            if job is not None:
                begun.append(job)
        return begun

    def _worth(self, schedule: Schedule, stamp: str, now: Epoch) -> bool:
        """Whether a look could find anything that the last one did not."""
        if schedule.asked:
            return True
        if schedule.state == "paused":
            return False
        due = schedule.due()
        if due is not None:
            return due <= now
        last = self._looked.get(schedule.name)
        return last is None or last[0] != stamp or now - last[1] >= self._recheck_s

    def _look_at(self, name: str, now: Epoch, at: Epoch) -> Job | None:
        with self._store.begin() as work:
            schedule = work.schedules.get(name)
            if schedule.held_until is not None and schedule.held_until > now:
                return None
            if schedule.job is not None and not _ended(work.jobs, schedule.job):
                self._looked.pop(name, None)  # look again when it has
                return None
            schedule = replace(schedule, holder=self._name, held_until=now + LEASE_S)
            work.schedules.put(schedule)
        duty = self._duties[name]
        found = duty.look(self._state, at)
        with self._store.begin() as work:
            kept = work.schedules.get(name)
            if kept.holder != self._name or kept.held_until != schedule.held_until:
                return None  # it took too long, and is another's by now
            return self._decide(work, duty, replace(kept, holder="", held_until=None), found, now)

    def _decide(
        self, work: ScheduleWork, duty: Duty, schedule: Schedule, found: Reasons, now: Epoch
    ) -> Job | None:
        new = found.due - frozenset(schedule.seen)
        noticed = (schedule.noticed or now) if new else None
        schedule = replace(schedule, noticed=noticed)
        due = schedule.due()
        if not schedule.asked and (due is None or due > now):
            work.schedules.put(schedule)
            return None
        runs = schedule.runs + 1
        job = work.jobs.add(
            duty.kind,
            {**schedule.payload, "schedule": duty.name},
            now=now,
            key=f"schedule {duty.name} {runs}",
        )
        work.schedules.put(
            replace(
                schedule,
                seen=tuple(sorted(found.due | found.known)),
                noticed=None,
                asked=False,
                begun=now,
                runs=runs,
                job=job.id,
            )
        )
        return job


def _ended(jobs: JobQueue, id: str) -> bool:
    try:
        return jobs.get(id).state in ENDED
    except UnknownIdError:  # long over and forgotten
        return True
