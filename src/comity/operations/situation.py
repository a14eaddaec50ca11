"""What planning starts from, read at one moment, and whether a plan still stands on it when it is kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from comity.core import Epoch, Executor, Interval, Progress, StateError, silent
from comity.fleet import Programme, Request
from comity.imagery import clear_probability
from comity.operations.commands import LEAD_S, commanded_plans, kept_ids, preferred, uncommanded
from comity.operations.licences import may_image
from comity.operations.orders import FINAL, find_opportunities
from comity.operations.oversight import Withheld
from comity.operations.ports import Store, UnitOfWork
from comity.operations.records import Activity
from comity.operations.sky import elements_digest
from comity.services import Candidate, OrderTask, service_of

#: After the last acquisition may end, contacts are still planned for this long, to bring it down.
DOWNLINK_TAIL_S = 12 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What planning starts from, read at one moment.

    ``tasks``: what is open, areas as if what has begun had succeeded; ``wanted``: the same as it is kept.
    ``fixed``: activities that nothing may overlap, because they have begun, are over, or were commanded and
    begin soon. ``waiting``: acquisitions aboard that no fixed downlink brings. ``superseded``: what the new
    plan replaces; ``commanded``: what of it was commanded. ``verdicts``: the approved plans.
    ``outdated``: requests whose windows were found with other elements than the programme now has.
    ``withheld``: what owners keep for themselves. ``standing``: every activity that was not dropped and has
    not failed.
    """

    programme: Programme
    requests: Mapping[str, Request]
    tasks: tuple[OrderTask, ...]
    candidates: tuple[Candidate, ...]
    fixed: tuple[Activity, ...]
    waiting: tuple[Activity, ...]
    superseded: tuple[Activity, ...]
    commanded: tuple[Activity, ...]
    verdicts: frozenset[str]
    outdated: tuple[str, ...]
    wanted: tuple[OrderTask, ...]
    standing: tuple[Activity, ...]
    horizon: Interval
    withheld: tuple[Withheld, ...] = ()


def ready_situation(
    store: Store,
    now: Epoch,
    *,
    lead_s: float | None = LEAD_S,
    executor: Executor | None = None,
    progress: Progress = silent,
) -> Situation:
    """:func:`read_situation`, with windows found anew where they are of other elements."""
    situation = read_situation(store, now, lead_s=lead_s)
    for request in situation.outdated:
        find_opportunities(store, request, now=now, executor=executor, progress=progress)
    return read_situation(store, now, lead_s=lead_s) if situation.outdated else situation


def read_situation(store: Store, now: Epoch, *, lead_s: float | None = LEAD_S) -> Situation:
    """Everything that planning from ``now`` stands on; ``lead_s`` as :func:`make_plan` has it."""
    with store.read() as work:
        programme = work.programme()
        wanted = [
            task
            for state in ("open", "planned")
            for task in work.tasks.all(state=state)
            if task.interval.end > now
        ]
        wanted.sort(key=lambda task: task.id)
        orders = {o.id: o for o in map(work.orders.get, dict.fromkeys(t.order for t in wanted))}
        orders = {id: order for id, order in orders.items() if order.status not in FINAL}
        wanted = [task for task in wanted if task.order in orders]
        requests = {order.id: work.requests.get(order.request) for order in orders.values()}
        activities = [a for state in ("planned", "done") for a in work.activities.all(state=state)]
        planned = [a for a in activities if a.state == "planned"]
        plans = commanded_plans(work)
        kept = frozenset[str]() if lead_s is None else kept_ids(planned, plans, programme, now, lead_s)
        running = [a for a in planned if a.interval.start < now or a.id in kept]
        open_tasks = _still_wanted(wanted, running)
        known = {
            found.request: found for r in requests.values() for found in work.opportunities.all(request=r.id)
        }
        withheld = tuple(each for each in work.withheld.all() if each.lifted is None)
    digest = elements_digest(programme)
    windows = {request: found.windows for request, found in known.items() if found.elements == digest}
    aboard = any(a.kind == "acquisition" and a.received_by is None for a in activities)
    if not open_tasks and not aboard:
        waits = f"{len(running)} activities await their outcome: execute first" if running else ""
        raise StateError(f"nothing to plan: no order has an open task; {waits or 'order a quote first'}")
    end = max((task.interval.end for task in open_tasks), default=now)
    horizon = Interval(now, max(end, now + 1))
    found: list[Candidate] = []
    for order in orders.values():
        request = requests[order.id]
        mine = [task for task in open_tasks if task.order == order.id]
        if mine:
            service = service_of(request.product.service)
            seen = windows.get(request.id, ())
            found.extend(
                candidate
                for candidate in service.candidates(programme, mine, seen, horizon, _clear_sky)
                if may_image(programme, request, candidate.window, candidate.look, now)
            )
    under_way = {a.id for a in running}
    superseded = tuple(a for a in planned if a.id not in under_way)
    commanded = tuple(a for a in superseded if lead_s is not None and not uncommanded(a, plans))
    over = [a for a in activities if a.state == "done" and a.interval.end > now]
    coming = {name for a in running for name in a.carries}
    return Situation(
        programme=programme,
        requests=requests,
        tasks=tuple(open_tasks),
        candidates=preferred(found, commanded),
        fixed=(*running, *over),
        waiting=tuple(
            a
            for a in activities
            if a.kind == "acquisition"
            and a.id not in coming
            and ((a.state == "done" and a.received_by is None) or a.id in under_way)
        ),
        superseded=superseded,
        commanded=commanded,
        verdicts=frozenset(plans),
        outdated=tuple(sorted({requests[task.order].id for task in open_tasks} - set(windows))),
        wanted=tuple(wanted),
        standing=tuple(activities),
        horizon=Interval(now, horizon.end + DOWNLINK_TAIL_S),
        withheld=withheld,
    )


def _still_wanted(tasks: Iterable[OrderTask], running: Iterable[Activity]) -> list[OrderTask]:
    """Tasks less what acquisitions bring that have begun and await their outcome."""
    under_way: dict[str, set[int]] = {}
    for activity in running:
        if activity.task is not None:
            under_way.setdefault(activity.task, set()).update(activity.cells)
    wanted = []
    for task in tasks:
        if task.id in under_way:
            task = replace(task, got=tuple(sorted({*task.got, *under_way[task.id]})))
            if len(task.got) == len(task.cell_points):
                continue  # so does a point, which has no cells
        wanted.append(task)
    return wanted


def _clear_sky(lon_deg: float, lat_deg: float, max_cloud: float, /) -> float:
    return float(clear_probability(lon_deg, lat_deg, max_cloud))


def cancelled_since(work: UnitOfWork, situation: Situation) -> frozenset[str]:
    """Tasks that were cancelled while the plan was made.

    Raises :class:`StateError` where the plan stands no more: a task was tried or judged, an activity it goes
    around ended or was dropped, another plan was made or approved, or an asset was withheld.
    """
    tasks = {task.id: work.tasks.get(task.id) for task in situation.wanted}
    cancelled = frozenset(id for id, task in tasks.items() if task.state == "cancelled")
    known = {a.id: a.state for a in situation.standing}
    replaced = {a.id for a in situation.superseded}
    present = {a.id: a for state in ("planned", "done") for a in work.activities.all(state=state)}
    dropped = {id for id in known.keys() - present.keys() if work.activities.get(id).state == "dropped"}
    gone = known.keys() - present.keys() - dropped
    held = {each.id for each in situation.withheld}
    stands = (
        all(
            tasks[task.id].state in ("open", "planned")
            and (tasks[task.id].tries, tasks[task.id].got) == (task.tries, task.got)
            for task in situation.wanted
            if task.id not in cancelled
        )
        and not gone
        and situation.verdicts == commanded_plans(work).keys()
        and all(id in replaced or work.activities.get(id).task in cancelled for id in dropped)
        and all(known.get(id) == activity.state for id, activity in present.items())
        and all(each.id in held for each in work.withheld.all() if each.lifted is None)
    )
    if not stands:
        raise StateError("orders or plans changed while the plan was made: make it again")
    return cancelled
