"""Making the plan: what is still wanted, what can be had, what the solver chose, and why not the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from math import radians

import numpy as np

from comity.core import (
    ComityError,
    Epoch,
    Executor,
    Interval,
    Progress,
    ThreadExecutor,
    silent,
    span,
)
from comity.operations.commands import LEAD_S, again, kept_bits
from comity.operations.licences import image_decision
from comity.operations.orders import advance
from comity.operations.oversight import approved, with_withheld
from comity.operations.ports import Store, UnitOfWork
from comity.operations.records import Activity, PlanRecord
from comity.operations.situation import Situation, cancelled_since, ready_situation
from comity.operations.sky import contact_windows
from comity.planning import (
    Contact,
    CpSatSolver,
    Problem,
    Reason,
    Solution,
    Solver,
    SpacecraftLimits,
    Stop,
    Task,
    check,
)
from comity.services import Candidate, OrderTask

#: Room on either side of an activity that stays as it is, for the turn to or from it.
FIXED_MARGIN_S = 120.0


def make_plan(
    store: Store,
    *,
    now: Epoch,
    seed: int = 0,
    stop: Stop | None = None,
    solver: Solver | None = None,
    lead_s: float | None = LEAD_S,
    executor: Executor | None = None,
    progress: Progress = silent,
) -> PlanRecord:
    """Plan every open task from ``now`` on, keep the plan, and drop what it replaces.

    What has begun stays, and so does what was approved and begins within ``lead_s``, with the downlinks that
    bring it. Later activities of earlier plans are dropped and planned anew: approved acquisitions are worth
    :data:`comity.operations.commands.CHURN_PRICE` more as they are, and what the plan has again keeps its id
    and its approval (all of it: the plan is approved itself). ``lead_s`` None: nothing of that. The plan is
    checked independently before it is kept, and nothing is stored until then. Orders that came meanwhile wait
    for the next plan; what was planned for one that was cancelled meanwhile is dropped at once. Raises
    :class:`StateError` when nothing is open, or when what the plan stands on changed otherwise.
    """
    with span("read what is to be planned"):
        situation = ready_situation(store, now, lead_s=lead_s, executor=executor, progress=progress)
        problem = problem_of(situation, executor or ThreadExecutor())
    with span("solve", tasks=len(problem.tasks), opportunities=len(problem.opportunities)):
        solution = (solver or CpSatSolver()).solve(
            problem, seed=seed, stop=stop or Stop(wall_s=30.0), progress=progress
        )
    if violations := check(problem, solution):
        raise ComityError(f"the solver's plan breaks {len(violations)} constraints: {violations[0]}")
    with store.begin() as work:
        cancelled = cancelled_since(work, situation)
        return _keep(work, situation, problem, solution, now, cancelled)


def problem_of(situation: Situation, executor: Executor) -> Problem:
    """The planner's problem: open tasks, what can serve them, contacts, and what is committed."""
    programme, horizon = situation.programme, situation.horizon
    used = {c.opportunity.spacecraft for c in situation.candidates} | {
        a.spacecraft for a in situation.waiting
    }
    stored = dict.fromkeys(used, 0.0)
    for activity in situation.waiting:
        stored[activity.spacecraft] += activity.bits
    ahead = (a for a in situation.fixed if a.state == "planned" and a.interval.start >= horizon.start)
    reserved = kept_bits(ahead, situation.standing)
    contacts = [
        Contact(
            id=f"contact-{number}",
            spacecraft=window.spacecraft,
            station=window.target,
            start_s=window.interval.start - horizon.start,
            end_s=window.interval.end - horizon.start,
            rate_bps=min(
                programme.craft(window.spacecraft).downlink_bps,
                programme.station(window.target).downlink_bps,
            ),
        )
        for number, window in enumerate(contact_windows(programme, sorted(used), horizon, executor), 1)
    ]
    return Problem(
        start=horizon.start,
        horizon_s=horizon.duration_s,
        tasks=tuple(planner_task(task) for task in situation.tasks),
        opportunities=tuple(c.opportunity for c in situation.candidates),
        contacts=tuple(contacts),
        spacecraft=tuple(
            SpacecraftLimits(
                id=craft.id,
                slew_rate_rad_s=radians(craft.slew_rate_deg_s),
                slew_acceleration_rad_s2=radians(craft.slew_acceleration_deg_s2),
                settle_s=craft.settle_s,
                memory_bits=max(
                    craft.memory_bits - reserved.get(craft.id, 0.0),
                    min(stored[craft.id], craft.memory_bits),
                    1.0,
                ),
                stored_bits=min(stored[craft.id], craft.memory_bits),
            )
            for craft in programme.spacecraft
            if craft.id in used
        ),
        antennas={station.id: station.antennas for station in programme.stations},
        busy_spacecraft=with_withheld(
            _busy((a for a in situation.fixed if a.spacecraft in used), horizon, lambda a: a.spacecraft),
            situation.withheld,
            "spacecraft",
            horizon,
            used,
        ),
        busy_stations=with_withheld(
            _busy(situation.fixed, horizon, lambda a: a.station),
            situation.withheld,
            "station",
            horizon,
            [station.id for station in programme.stations],
        ),
    )


def planner_task(task: OrderTask) -> Task:
    """The planner's task: of an area, only the cells that the customer has not got yet."""
    if not task.cell_points:
        return Task(id=task.id, order=task.order, value=task.value)
    missing = np.setdiff1d(np.arange(len(task.cell_weights)), np.array(task.got, dtype=int))
    weights = np.array(task.cell_weights)[missing]
    rest = float(weights.sum())
    return Task(
        id=task.id,
        order=task.order,
        value=task.value * rest,
        cells=tuple(float(w) for w in weights / rest) if rest > 0 else (),
    )


def _busy(
    activities: Iterable[Activity], horizon: Interval, owner: Callable[[Activity], str | None]
) -> dict[str, tuple[tuple[float, float], ...]]:
    spans: dict[str, list[tuple[float, float]]] = {}
    for activity in activities:
        name = owner(activity)
        end_s = activity.interval.end - horizon.start + FIXED_MARGIN_S
        start_s = max(0.0, activity.interval.start - horizon.start - FIXED_MARGIN_S)
        if name is not None and end_s > 0.0 and start_s < horizon.duration_s:
            spans.setdefault(name, []).append((start_s, min(end_s, horizon.duration_s)))
    return {name: tuple(sorted(items)) for name, items in spans.items()}


def _keep(
    work: UnitOfWork,
    situation: Situation,
    problem: Problem,
    solution: Solution,
    now: Epoch,
    cancelled: frozenset[str],
) -> PlanRecord:
    """Store the plan, its activities and what it says to every task and order that still wants it."""
    plan = PlanRecord(id=work.next_id("plan"), created=now, problem=problem, solution=solution)
    work.plans.put(plan)
    made = _activities(situation, plan)
    standing = {a.id for a in situation.commanded if work.activities.get(a.id).state == "planned"}
    same = again(made, (a for a in situation.commanded if a.id in standing))
    kept = {activity.id for activity in same.values()}
    for activity in situation.superseded:
        if activity.id in kept:
            continue
        if work.activities.get(activity.id).state == "planned":  # else it was dropped meanwhile, and says why
            work.activities.put(replace(activity, state="dropped", outcome=f"replaced by {plan.id}"))
    for activity in made:
        if activity.id in same:
            continue
        if activity.task in cancelled:
            activity = replace(activity, state="dropped", outcome="cancelled while it was planned")
        work.activities.put(_renamed(activity, same))
    if made and len(same) == len(made):
        approved(work, plan.id, now=now, by="make_plan", reason="all of it was approved before")
    under_way = [activity for activity in situation.fixed if activity.state == "planned"]
    tasks = _judge_tasks(
        (work.tasks.get(task.id) for task in situation.tasks if task.id not in cancelled),
        solution,
        frozenset(activity.task for activity in under_way),
    )
    for task in tasks:
        work.tasks.put(task)
    going = {activity.order for activity in under_way}
    commanded = going | {activity.order for activity in same.values()}
    for order_id in dict.fromkeys(task.order for task in tasks):
        order = work.orders.get(order_id)
        mine = [task for task in tasks if task.order == order_id]
        planned = [task for task in mine if task.state == "planned"]
        if planned and order.status == "tasked" and order_id in commanded:
            continue  # what it was told of stays
        if planned:
            text = f"{plan.id}: {len(planned)} of {len(mine)} open tasks planned"
            work.orders.put(advance(order, now, "scheduled", None, text))
        elif order.status in ("scheduled", "tasked") and order_id not in going:
            text = f"{plan.id} has no place for it: {mine[0].reason_text}"
            work.orders.put(advance(order, now, "accepted", "competition", text))
    return plan


def _renamed(activity: Activity, same: Mapping[str, Activity]) -> Activity:
    """A new activity that brings what keeps its name."""
    names = {new: old.id for new, old in same.items()}
    return replace(
        activity,
        carries=tuple(names.get(name, name) for name in activity.carries),
        begins=tuple(names.get(name, name) for name in activity.begins),
    )


def _judge_tasks(
    tasks: Iterable[OrderTask], solution: Solution, under_way: frozenset[str | None]
) -> list[OrderTask]:
    reasons: Mapping[str, Reason] = {reason.task: reason for reason in solution.reasons}
    judged = []
    for task in tasks:
        reason = reasons.get(task.id)
        judged.append(
            replace(
                task,
                state="planned"
                if solution.task_values.get(task.id, 0.0) > 0 or task.id in under_way
                else "open",
                reason_code=reason.code if reason else "",
                reason_text=reason.text if reason else "",
            )
        )
    return judged


def _activities(situation: Situation, plan: PlanRecord) -> list[Activity]:
    """The plan's acquisitions and downlinks in order of time."""
    start = plan.problem.start
    by_id = {c.opportunity.id: c for c in situation.candidates}
    contacts = {contact.id: contact for contact in plan.problem.contacts}
    chosen = sorted(
        (by_id[a.opportunity] for a in plan.solution.acquisitions),
        key=lambda c: (c.interval.start, c.window.spacecraft),
    )
    acquisitions = [
        Activity(
            id=f"{plan.id}-a{number:03d}",
            plan=plan.id,
            kind="acquisition",
            spacecraft=c.window.spacecraft,
            instrument=c.window.instrument,
            interval=c.interval,
            state="planned",
            bits=c.opportunity.bits,
            order=c.task.order,
            task=c.task.id,
            target=c.window.target,
            look=c.look,
            footprint=c.window.footprint,
            ascending=c.window.ascending,
            cells=_task_cells(c),
            licence=image_decision(
                situation.programme, situation.requests[c.task.order], c.window, c.look, plan.created
            ),
            elements_source=c.window.elements.source,
            elements_epoch=c.window.elements.epoch,
        )
        for number, c in enumerate(chosen, 1)
    ]
    downlinks = []
    for number, sent in enumerate(sorted(plan.solution.downlinks, key=lambda d: d.start_s), 1):
        contact = contacts[sent.contact]
        downlinks.append(
            Activity(
                id=f"{plan.id}-d{number:03d}",
                plan=plan.id,
                kind="downlink",
                spacecraft=contact.spacecraft,
                station=contact.station,
                interval=Interval(start + sent.start_s, start + sent.end_s),
                state="planned",
                bits=sent.bits,
            )
        )
    return [*acquisitions, *_carried(downlinks, [*situation.waiting, *acquisitions])]


def _task_cells(candidate: Candidate) -> tuple[int, ...]:
    """Cells by their numbers in the order's task (the planner counts only those still missing)."""
    if candidate.opportunity.cells is None:
        return ()
    got = set(candidate.task.got)
    missing = [cell for cell in range(len(candidate.task.cell_points)) if cell not in got]
    return tuple(missing[cell] for cell in candidate.opportunity.cells)


def _carried(downlinks: list[Activity], acquisitions: list[Activity]) -> list[Activity]:
    """Each downlink with the acquisitions it brings, first recorded first sent."""
    queues: dict[str, list[tuple[str, float]]] = {}
    for acquisition in sorted(acquisitions, key=lambda a: a.interval.start):
        queues.setdefault(acquisition.spacecraft, []).append((acquisition.id, acquisition.bits))
    filled = []
    for downlink in downlinks:
        queue, left, complete = queues.get(downlink.spacecraft, []), downlink.bits, []
        begun: tuple[str, ...] = ()
        while queue and left > 0:
            name, bits = queue[0]
            if bits <= left * (1 + 1e-9) + 1.0:
                queue.pop(0)
                left -= bits
                complete.append(name)
            else:
                queue[0], begun = (name, bits - left), (name,)
                left = 0.0
        filled.append(replace(downlink, carries=tuple(complete), begins=begun))
    return filled
