"""What really happened: taking in the operator's report, or simulating it where there is none."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from comity.core import Epoch, InputError
from comity.imagery import CLOUD_SOURCE, draw_cloud_fraction
from comity.operations.cloud import CODE, over_limit, over_text
from comity.operations.commands import commanded_plans, uncommanded
from comity.operations.orders import advance, remark
from comity.operations.ports import Store, UnitOfWork
from comity.operations.records import Activity, Order, TaskState
from comity.services import OrderTask

#: Chance that an acquisition or a downlink fails for a technical cause, in simulation only. An
#: illustrative figure: 1 in 40.
FAILURE_CHANCE = 0.025
_CAUSES = {
    "acquisition": ("attitude not settled in time", "instrument safe mode", "command not received"),
    "downlink": ("no lock on the carrier", "antenna drive fault", "rain fade"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What happened to one activity. ``cloud`` 0…1 of the footprint, where it is known. ``simulated``: drawn,
    not reported. ``commanded``: False for what nobody was told to do in time; it is no try."""

    activity: str
    state: Literal["done", "failed"]
    cloud: float | None = None
    text: str = ""
    cloud_source: str = "reported"
    simulated: bool = False
    commanded: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionSummary:
    """Counts of what was taken in.

    Tasks: ``retried`` failed and are tried again; ``expired`` failed and their time is over. ``cloudy``: only
    images over the cloud limit came, and a clearer one is tried while the window lasts; ``over_limit``: the
    same, but the window is over and the customer is asked.
    """

    done: int
    failed: int
    received: int
    retried: tuple[str, ...]
    expired: tuple[str, ...]
    cloudy: tuple[str, ...] = ()
    over_limit: tuple[str, ...] = ()


def execute(
    store: Store,
    *,
    now: Epoch,
    until: Epoch | None = None,
    report: Sequence[Outcome] | None = None,
    seed: int = 0,
) -> ExecutionSummary:
    """Take in the outcomes of planned activities, all or none.

    ``report``: what happened, by activity id; an unknown or repeated id, or an activity that is not
    awaiting an outcome, raises and changes nothing. Without a report every activity ending by
    ``until`` (default: the end of the plan) is simulated: failures by chance, cloud from the proxy
    :data:`comity.imagery.CLOUD_SOURCE`, both drawn from ``seed`` and the activity's own id, so that
    the order of calls does not matter.
    """
    with store.begin() as work:
        planned = work.activities.all(state="planned")
        known = {activity.id: activity for activity in planned}
        if report is None:
            due = [a for a in planned if until is None or a.interval.end <= until]
            outcomes = [simulate(activity, seed) for activity in due]
        else:
            outcomes = _checked(report, known, work)
        ended = [known[o.activity].interval.end for o in outcomes]
        return _take_in(work, known, outcomes, max([now, *ended]) if until is None else max(now, until))


def execute_passed(store: Store, *, now: Epoch, simulated: bool, seed: int = 0) -> ExecutionSummary:
    """Take in what the time alone settles, all or none: what the road needs while nobody looks after it.

    An activity whose plan was not approved before it began was never commanded, and failed. Where outcomes
    are ``simulated``, those that were commanded and have ended are drawn as :func:`execute` draws them;
    elsewhere they await the operator's report.
    """
    with store.begin() as work:
        planned = work.activities.all(state="planned")
        plans = commanded_plans(work)
        outcomes = []
        for activity in planned:
            if activity.interval.start <= now and uncommanded(activity, plans):
                text = f"not commanded: {activity.plan} was not approved before it began"
                outcomes.append(Outcome(activity=activity.id, state="failed", text=text, commanded=False))
            elif simulated and activity.interval.end <= now:
                outcomes.append(simulate(activity, seed))
        return _take_in(work, {activity.id: activity for activity in planned}, outcomes, now)


def _take_in(
    work: UnitOfWork, known: Mapping[str, Activity], outcomes: Iterable[Outcome], at: Epoch
) -> ExecutionSummary:
    """Keep outcomes and what follows from them by the time ``at``."""
    outcomes = list(outcomes)
    done = [_apply(work, known[outcome.activity], outcome) for outcome in outcomes]
    received = _receive(work, done)
    judged = _judge(work, done, at, frozenset(o.activity for o in outcomes if not o.commanded))
    return ExecutionSummary(
        done=sum(a.state == "done" for a in done),
        failed=sum(a.state == "failed" for a in done),
        received=received,
        retried=tuple(judged["retried"]),
        expired=tuple(judged["expired"]),
        cloudy=tuple(judged["cloudy"]),
        over_limit=tuple(judged["over_limit"]),
    )


def _draw(seed: int, activity: str, purpose: str) -> float:
    """Uniform 0…1 that depends only on these three."""
    digest = hashlib.sha256(f"{seed}/{activity}/{purpose}".encode()).digest()
    return int.from_bytes(digest[:7], "big") / float(1 << 56)


def simulate(activity: Activity, seed: int) -> Outcome:
    """A simulated outcome of one activity."""
    if _draw(seed, activity.id, "failure") < FAILURE_CHANCE:
        causes = _CAUSES[activity.kind]
        cause = causes[int(_draw(seed, activity.id, "cause") * len(causes))]
        return Outcome(activity=activity.id, state="failed", text=f"{cause} (simulated)", simulated=True)
    if activity.kind == "downlink" or activity.footprint is None:
        return Outcome(activity=activity.id, state="done", text="simulated", simulated=True)
    middle = activity.footprint.representative_point()
    cloud = draw_cloud_fraction(middle.x, middle.y, activity.id, seed)
    return Outcome(
        activity=activity.id,
        state="done",
        cloud=cloud,
        text="simulated",
        cloud_source=CLOUD_SOURCE,
        simulated=True,
    )


def _checked(report: Sequence[Outcome], known: dict[str, Activity], work: UnitOfWork) -> list[Outcome]:
    seen: set[str] = set()
    for outcome in report:
        if outcome.activity in seen:
            raise InputError(f"{outcome.activity} is reported twice: nothing was taken in")
        seen.add(outcome.activity)
        if outcome.activity not in known:
            state = work.activities.get(outcome.activity).state
            raise InputError(f"{outcome.activity} is already {state}: nothing was taken in")
        if outcome.cloud is not None and not 0 <= outcome.cloud <= 1:
            raise InputError(f"{outcome.activity}: cloud {outcome.cloud} is outside 0…1")
        if outcome.state not in ("done", "failed"):
            raise InputError(f"{outcome.activity}: state {outcome.state!r} is neither done nor failed")
    return list(report)


def _apply(work: UnitOfWork, activity: Activity, outcome: Outcome) -> Activity:
    after = replace(
        activity,
        state=outcome.state,
        cloud=outcome.cloud,
        cloud_source=outcome.cloud_source if outcome.cloud is not None else "",
        outcome=outcome.text,
        simulated=outcome.simulated,
    )
    work.activities.put(after)
    return after


def _receive(work: UnitOfWork, executed: Iterable[Activity]) -> int:
    """Note on each acquisition that finished downlinks brought whole which station received the last of it.

    Satellites and stations may report in any order, so both what was acquired and what was sent now is
    looked at.
    """
    touched = {name for a in executed for name in ((a.id,) if a.kind == "acquisition" else _parts(a))}
    waiting = [
        a for a in map(work.activities.get, sorted(touched)) if a.state == "done" and not a.received_by
    ]
    count = 0
    for craft in dict.fromkeys(a.spacecraft for a in waiting):
        downlinks = work.activities.all(kind="downlink", spacecraft=craft)
        for acquisition in (a for a in waiting if a.spacecraft == craft):
            last = _last_of(acquisition.id, downlinks)
            if last is not None:
                work.activities.put(replace(acquisition, received_by=last.station))
                count += 1
    return count


def _parts(downlink: Activity) -> tuple[str, ...]:
    return (*downlink.carries, *downlink.begins)


def _last_of(acquisition: str, downlinks: Iterable[Activity]) -> Activity | None:
    """The downlink that completed it, None while a part of it is missing: parts are one plan's."""
    by_plan: dict[str, list[Activity]] = {}
    for downlink in downlinks:
        if acquisition in _parts(downlink):
            by_plan.setdefault(downlink.plan, []).append(downlink)
    for parts in by_plan.values():
        complete = [d for d in parts if acquisition in d.carries]
        if complete and all(d.state == "done" for d in parts):
            return complete[0]
    return None


def _judge(
    work: UnitOfWork, executed: Iterable[Activity], at: Epoch, untold: frozenset[str]
) -> dict[str, list[str]]:
    """What the outcomes mean for tasks and orders: a new try while the window lasts, else failure.

    An image over the cloud limit counts as no success while there is time for a clearer one. ``untold``: what
    was not commanded in time, which is no try of the customer's.
    """
    judged: dict[str, list[str]] = {"retried": [], "expired": [], "cloudy": [], "over_limit": []}
    by_task: dict[str, list[Activity]] = {}
    for activity in executed:
        if activity.kind == "acquisition" and activity.task is not None:
            by_task.setdefault(activity.task, []).append(activity)
    for task_id, activities in by_task.items():
        task = work.tasks.get(task_id)
        clear = [a for a in activities if a.state == "done" and not over_limit(a, task)]
        cloudy = [a for a in activities if a.state == "done" and over_limit(a, task)]
        failed = [a for a in activities if a.state == "failed"]
        got = tuple(sorted({*task.got, *(cell for a in clear for cell in a.cells)}))
        missed = sum(a.id in untold for a in activities)
        tries = task.tries + len(activities) - missed
        task = replace(task, tries=tries, missed=task.missed + missed, got=got)
        coming = any(a.state == "planned" for a in work.activities.all(task=task_id))
        wanting = task.state in ("open", "planned")
        if (clear and not task.cell_points) or (task.cell_points and len(got) == len(task.cell_points)):
            task = replace(task, state="acquired", reason_code="", reason_text="")
        elif failed:
            task, may = reopen(task, at, failed[-1].outcome, tried=missed < len(failed))
            judged["retried" if may else "expired"].append(task_id)
        elif cloudy and wanting:
            task, may = _clouded(task, cloudy, at, coming=coming)
            judged["cloudy" if may else "over_limit"].append(task_id)
        elif task.cell_points and wanting:
            task = replace(task, state="planned" if coming else "open")
        work.tasks.put(task)
        order = work.orders.get(task.order)
        if order.status in ("scheduled", "tasked") and clear:
            work.orders.put(advance(order, at, "processing", None, f"{task_id} acquired"))
    # After all the clear ones: an order of which one came stays in processing.
    for task_id in (*judged["cloudy"], *judged["over_limit"]):
        task = work.tasks.get(task_id)
        work.orders.put(_remark_clouds(work, work.orders.get(task.order), task, at))
    return judged


def _clouded(
    task: OrderTask, cloudy: Sequence[Activity], at: Epoch, *, coming: bool
) -> tuple[OrderTask, bool]:
    """The task after images over the limit, and whether a clearer one is tried or the customer decides."""
    why = over_text(min(a.cloud or 0.0 for a in cloudy), task)
    if task.interval.end > at:
        text = f"try {task.tries}: {why}; a clearer one is planned until {task.interval.end}"
        state: TaskState = "planned" if coming else "open"
        return replace(task, state=state, reason_code=CODE, reason_text=text), True
    text = f"{why}, and its time is over: the customer decides"
    # An area stays open, as after a failure: other strips of it may still be on their way.
    state = "open" if task.cell_points else "acquired"
    return replace(task, state=state, reason_code=CODE, reason_text=text), False


def _remark_clouds(work: UnitOfWork, order: Order, task: OrderTask, at: Epoch) -> Order:
    """The order with the clouds in its history; back to accepted when nothing else of it is planned."""
    text = f"{task.id}: {task.reason_text}"
    planned = work.activities.all(order=order.id, state="planned")
    if order.status in ("scheduled", "tasked") and not planned and task.state == "open":
        return advance(order, at, "accepted", CODE, text)
    return remark(order, at, CODE, text)


def reopen(task: OrderTask, at: Epoch, why: str, *, tried: bool = True) -> tuple[OrderTask, bool]:
    """The task for another try, or failed when its time is over; and whether it may try again.

    ``tried``: False where nobody was told to fly it.

    An area stays open to its end even then: other strips of it may still be on their way.
    """
    if task.interval.end <= at and task.cell_points:
        text = f"{why}; its time is over"
        return replace(task, state="open", reason_code="expired", reason_text=text), False
    if task.interval.end > at:
        before = f"try {max(task.tries, 1)} failed: {why}" if tried else why
        text = f"{before}; a new try is planned until {task.interval.end}"
        return replace(task, state="open", reason_code="retry", reason_text=text), True
    text = f"failed after {max(task.tries, int(tried))} tries: {why}"
    return replace(task, state="failed", reason_code="expired", reason_text=text), False
