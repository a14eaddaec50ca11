"""Plans and opportunities as tables: what was found, what was chosen, and why not the rest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from comity.access import ImagingWindow
from comity.core import Epoch, Interval
from comity.fleet import Request
from comity.operations.records import PlanRecord
from comity.server.report.lookup import Lookup, area_of

#: What the reason codes of planning say, for people.
REASON_WORDS = {
    "no-window": "no window",
    "beaten": "beaten by others",
    "memory": "memory full",
    "downlink": "no downlink",
    "rule": "licence rule",
    "not-worth": "not worth it",
    "time-limit": "solver stopped",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonRow:
    """Why one task is not, or not wholly, in a plan; ``by`` are the names of what took its place."""

    task: str
    target: str
    customer: str
    code: str
    words: str
    text: str
    by: tuple[str, ...]
    earned: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanView:
    """A plan's figures; values are in the programme's currency and are what the solver weighed."""

    id: str
    created: Epoch
    horizon: Interval
    value: float
    upper: float
    gap: float
    method: str
    solver: str
    seed: int
    tasks: int
    whole: int
    partly: int
    opportunities: int
    contacts: int
    acquisitions: int
    downlinks: int
    reasons: tuple[ReasonRow, ...]
    codes: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRow:
    """The imaging windows of one target; ``passes`` names spacecraft with their number of windows."""

    name: str
    strips: int
    windows: int
    best_gsd_m: float
    best_off_nadir_deg: float
    first: Epoch
    last: Epoch
    passes: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpportunityView:
    """What was found for one request, and with how old elements (days at the window)."""

    request: Request
    found_at: Epoch
    interval: Interval
    windows: int
    spacecraft: int
    rows: tuple[TargetRow, ...]
    without: tuple[str, ...]
    element_sources: tuple[str, ...]
    youngest_days: float
    oldest_days: float


def plan_views(lookup: Lookup) -> list[PlanView]:
    """Every plan, in the order they were made."""
    return [_plan_view(lookup, plan) for plan in sorted(lookup.account.plans, key=lambda plan: plan.created)]


def _plan_view(lookup: Lookup, plan: PlanRecord) -> PlanView:
    problem, solution = plan.problem, plan.solution
    short = {reason.task for reason in solution.reasons}
    earned = {task for task, value in solution.task_values.items() if value > 0}
    reasons = tuple(
        ReasonRow(
            task=reason.task,
            target=_task_name(lookup, reason.task),
            customer=_task_customer(lookup, reason.task),
            code=reason.code,
            words=REASON_WORDS.get(reason.code, reason.code),
            text=reason.text,
            by=tuple(_task_name(lookup, task) for task in reason.by),
            earned=solution.task_values.get(reason.task, 0.0),
        )
        for reason in solution.reasons
    )
    counts: dict[str, int] = {}
    for row in reasons:
        counts[row.words] = counts.get(row.words, 0) + 1
    return PlanView(
        id=plan.id,
        created=plan.created,
        horizon=Interval(problem.start, problem.start + problem.horizon_s),
        value=solution.bound.value,
        upper=solution.bound.upper,
        gap=solution.bound.gap,
        method=solution.bound.method,
        solver=solution.solver,
        seed=solution.seed,
        tasks=len(problem.tasks),
        whole=len(earned - short),
        partly=len(earned & short),
        opportunities=len(problem.opportunities),
        contacts=len(problem.contacts),
        acquisitions=len(solution.acquisitions),
        downlinks=len(solution.downlinks),
        reasons=reasons,
        codes=tuple(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))),
    )


def _task_name(lookup: Lookup, id: str) -> str:
    task = lookup.tasks.get(id)
    if task is None:
        return id
    name = lookup.target_name(task.order, task.target)
    day = id.rpartition("/")[2]
    return f"{name}, {day.replace('-', ' ')}" if day.startswith("day-") else name


def _task_customer(lookup: Lookup, id: str) -> str:
    task = lookup.tasks.get(id)
    return lookup.customer_name(task.order) if task else ""


def opportunity_views(lookup: Lookup) -> list[OpportunityView]:
    """The windows found for every request, in the order of the requests."""
    found = {one.request: one for one in lookup.account.opportunities}
    views = []
    for request in lookup.account.requests:
        if request.id not in found:
            continue
        one = found[request.id]
        by_target: dict[str, list[ImagingWindow]] = {}
        for window in one.windows:
            by_target.setdefault(_target_of(request, window.target), []).append(window)
        ages = [abs(window.elements.age_s) / 86_400.0 for window in one.windows]
        names = {target.id: target.name for target in request.targets}
        views.append(
            OpportunityView(
                request=request,
                found_at=one.found_at,
                interval=one.interval,
                windows=len(one.windows),
                spacecraft=len({window.spacecraft for window in one.windows}),
                rows=tuple(
                    _target_row(lookup, names.get(target, target), windows)
                    for target, windows in by_target.items()
                ),
                without=tuple(name for id, name in names.items() if id not in by_target),
                element_sources=tuple(sorted({window.elements.source for window in one.windows})),
                youngest_days=min(ages, default=0.0),
                oldest_days=max(ages, default=0.0),
            )
        )
    return views


def _target_of(request: Request, window_target: str) -> str:
    known = {target.id for target in request.targets}
    return window_target if window_target in known else area_of(window_target)


def _target_row(lookup: Lookup, name: str, windows: Iterable[ImagingWindow]) -> TargetRow:
    mine = sorted(windows, key=lambda window: window.interval.start)
    best = min(mine, key=lambda window: window.best.gsd_m)
    counts: dict[str, int] = {}
    for window in mine:
        counts[window.spacecraft] = counts.get(window.spacecraft, 0) + 1
    strips = {window.target for window in mine}
    return TargetRow(
        name=name,
        strips=len(strips) if any(area_of(strip) != strip for strip in strips) else 0,
        windows=len(mine),
        best_gsd_m=best.best.gsd_m,
        best_off_nadir_deg=min(window.best.off_nadir_deg for window in mine),
        first=mine[0].interval.start,
        last=mine[-1].interval.start,
        passes=tuple(
            (lookup.craft_name(id), count)
            for id, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
        ),
    )
