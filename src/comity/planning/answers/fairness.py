"""Fair plans: what each partner would earn alone, a plan that leaves it enough, and the price of that.

The fair part of a partner is one row over the whole plan. Weights on its requests' values (1 + μ) stand for
it: every solution of the weighted problem is a candidate, and its bound less Σ μ · least bounds every fair
plan (Lagrange). The partners' own plans side by side are fair by construction, and a start that never fails
where nothing but satellites and stations is shared.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from comity.core import InputError, Progress, StateError, UnknownIdError, silent
from comity.planning.answers.carrying import better, carried, fill_all, plan_of
from comity.planning.answers.changes import restricted
from comity.planning.answers.insertion import place
from comity.planning.answers.obstacles import Trial
from comity.planning.baseline import PlanSolver
from comity.planning.baseline.worth import best_alone
from comity.planning.problem import Opportunity, Plan, PlanningProblem, judge_parts, worth_of
from comity.planning.solver import Stop

#: An interrupt ends all solutions that belong together: those still to come take this long.
_INTERRUPTED, _HURRY = "interrupted", Stop(wall_s=1.0)
#: Weighted problems solved besides the one without fairness, and weights tried by repairing alone.
_ROUNDS = 3
_WEIGHTS = (0.25, 0.5, 1.0, 2.0, 4.0, 16.0)
#: A relative gap this small is rounding.
_PROVEN = 1e-8
#: Requests that a repair tries to place for one partner; with more opportunities in all, plans are not
#: repaired but weighted problems solved, so many of them.
_MOST_REPAIRS = 200
_MOST_REPAIRED, _WEIGHTED = 5_000, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """What a partner's own satellites and stations would earn its own requests.

    ``value``: of the plan found; ``upper``: no plan earns more.
    """

    partner: str
    value: float
    upper: float
    plan: Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class FairPlan:
    """A fair ``plan`` of ``problem``, the ``free`` plan of the same problem without fairness.

    ``price``: what the fair plan earns less; the true price lies in ``price_least`` … ``price_most``.
    """

    problem: PlanningProblem
    plan: Plan
    free: Plan
    price: float
    price_least: float
    price_most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerRow:
    """A partner's side of a plan: ``requested`` and ``earned`` are values, ``alone`` None where not known."""

    partner: str
    requests: int
    served: int
    requested: float
    earned: float
    alone: float | None
    least: float | None

    @property
    def share(self) -> float | None:
        """Earned of what it would earn alone; None where that is not known or nothing."""
        return None if not self.alone else self.earned / self.alone


def partner_rows(problem: PlanningProblem, plan: Plan) -> tuple[PartnerRow, ...]:
    """One row per partner, in the problem's order."""
    earned = worth_of(problem, plan.activities).requests
    rows = []
    for p in problem.partners:
        own = [r for r in problem.requests if r.partner == p.id]
        rows.append(
            PartnerRow(
                partner=p.id,
                requests=len(own),
                served=sum(1 for r in own if earned[r.id] > 0),
                requested=math.fsum(r.value for r in own),
                earned=math.fsum(earned[r.id] for r in own),
                alone=p.alone_value,
                least=None if p.alone_value is None else p.fair_fraction * p.alone_value,
            )
        )
    return tuple(rows)


def alone_problem(problem: PlanningProblem, partner: str) -> PlanningProblem:
    """The partner's own requests, satellites and stations: no shares, exclusive use, fairness or churn."""
    if partner not in {p.id for p in problem.partners}:
        raise UnknownIdError("partner", partner, tuple(p.id for p in problem.partners))
    own = restricted(
        problem,
        requests={r.id for r in problem.requests if r.partner == partner},
        satellites={s.id for s in problem.satellites if s.partner == partner},
        stations={s.id for s in problem.stations if s.partner == partner},
        partners={partner},
    )
    free = tuple(replace(p, fair_fraction=0.0, alone_value=None) for p in own.partners)
    return replace(own, partners=free, shares=(), exclusives=(), previous=(), churn_price=0.0)


def alone_values(
    problem: PlanningProblem,
    partners: Iterable[str],
    *,
    solver: PlanSolver | None = None,
    seed: int = 0,
    stop: Stop,
    progress: Progress = silent,
) -> tuple[Alone, ...]:
    """Plan and bound of each partner's :func:`alone_problem`; ``stop`` is shared among them."""
    from comity.planning.dispatch import solver_for  # slow to import

    names = list(partners)
    part = _part(stop, 1 / max(1, len(names)))
    found = []
    for name in names:
        task = alone_problem(problem, name)
        plan = (solver or solver_for(task)).solve(task, seed=seed, stop=part, progress=progress)
        if plan.stopped == _INTERRUPTED:
            part = _HURRY
        filled = carried(task, plan.activities, plan.downlinks)
        fill_all(filled)
        plan = better(task, plan, [filled])
        found.append(Alone(partner=name, value=plan.value, upper=plan.upper, plan=plan))
    return tuple(found)


def with_fairness(
    problem: PlanningProblem,
    alone: Iterable[Alone],
    *,
    fraction: float | None = None,
    basis: Literal["plan", "bound"] = "plan",
) -> PlanningProblem:
    """The problem in which each partner of ``alone`` earns its fair part of what it would alone.

    ``fraction``: for all of them; None keeps each partner's own ``fair_fraction``. ``basis``: whether alone
    is the value of the plan found, or its upper bound.
    """
    if fraction is not None and not 0 <= fraction <= 1:
        raise InputError(f"fair fraction {fraction:g} must be from 0 to 1")
    by_id: Mapping[str, Alone] = {a.partner: a for a in alone}
    return replace(
        problem,
        partners=tuple(
            p
            if p.id not in by_id
            else replace(
                p,
                fair_fraction=p.fair_fraction if fraction is None else fraction,
                alone_value=by_id[p.id].value if basis == "plan" else by_id[p.id].upper,
            )
            for p in problem.partners
        ),
    )


def solve_fair(
    problem: PlanningProblem,
    *,
    alone: Iterable[Alone] = (),
    solver: PlanSolver | None = None,
    seed: int = 0,
    stop: Stop,
    progress: Progress = silent,
) -> FairPlan:
    """The best fair plan found, and what fairness costs.

    ``alone``: plans to start from besides. Raises :class:`StateError` where no fair plan is found, or none
    exists: the message says which.
    """
    from comity.planning.dispatch import solver_for  # slow to import

    least = _least(problem)
    if why := _hopeless(problem, least):
        raise StateError(why)
    free_problem = _without_fairness(problem)
    chosen = solver or solver_for(free_problem)
    alone = tuple(alone)
    hurried = any(a.plan.stopped == _INTERRUPTED for a in alone)
    half = _HURRY if hurried else _part(stop, 0.5) if least else stop
    free = chosen.solve(free_problem, seed=seed, stop=half, progress=progress)
    hurried = hurried or free.stopped == _INTERRUPTED
    filled = carried(free_problem, free.activities, free.downlinks)
    fill_all(filled)
    free = better(free_problem, free, [filled])
    if not _lacking(problem, free):
        free = replace(free, stopped=_INTERRUPTED) if hurried and free.stopped != "proven" else free
        return FairPlan(problem=problem, plan=free, free=free, price=0.0, price_least=0.0, price_most=0.0)
    large = len(problem.opportunities) > _MOST_REPAIRED
    candidates = [*_together(problem, alone), *_repaired(problem, free, large)]
    upper, method = free.upper, f"{free.method}, without fairness"
    weights, low, high = (dict.fromkeys(least, start) for start in (0.0, 0.0, math.inf))
    spent, latest = free.work, free
    rounds = _WEIGHTED if large else _ROUNDS
    for _ in range(0 if hurried else rounds):
        lacking = _lacking(problem, latest)
        for p in least:
            if p in lacking:
                low[p] = weights[p]
            elif weights[p] > 0:
                high[p] = min(high[p], weights[p])
            if not large:
                weights[p] = (2 * weights[p] or 0.5) if p in lacking else 0.75 * weights[p]
            elif p in lacking or weights[p] > 0:
                # As little weight as serves: four times as much, or halfway between too little and enough.
                weights[p] = (4 * low[p] or 0.25) if math.isinf(high[p]) else (low[p] + high[p]) / 2
        heavier = _weighted(free_problem, weights)
        if large and not problem.previous:
            heavier = replace(heavier, previous=latest.activities, churn_price=0.0)
        latest = chosen.solve(heavier, seed=seed, stop=_part(stop, 0.5 / rounds), progress=progress)
        spent += latest.work
        bound = latest.upper - math.fsum(weights[p] * least[p] for p in least)
        if bound < upper and problem.tiers == "sum" and latest.upper_for == free.upper_for:
            upper, method = bound, f"{latest.method}, fairness by weights"
        candidates += _repaired(problem, latest, large)
        if latest.stopped == "interrupted":
            break
    fair = [c for c in candidates if not judge_parts(problem, c.activities(), c.downlinks()).violations]
    if not fair:
        raise StateError(_no_fair_plan(problem, least, upper))
    best = max(enumerate(fair), key=lambda pair: (pair[1].worth(), -pair[0]))[1]
    plan = plan_of(
        best,
        upper=upper,
        upper_for=free.upper_for,
        method=method,
        solver=f"{free.solver}, fair",
        seed=seed,
        work=spent,
        stopped=_INTERRUPTED if hurried else "search ended" if latest.stopped == "proven" else latest.stopped,
    )
    if plan.upper - plan.value <= _PROVEN * plan.upper:
        plan = replace(plan, stopped="proven")
    return FairPlan(
        problem=problem,
        plan=plan,
        free=free,
        price=free.value - plan.value,
        price_least=max(0.0, free.value - plan.upper),
        price_most=max(0.0, free.upper - plan.value),
    )


def _part(stop: Stop, part: float) -> Stop:
    return Stop(
        wall_s=None if stop.wall_s is None else stop.wall_s * part,
        work=None if stop.work is None else stop.work * part,
        gap=stop.gap,
    )


def _least(problem: PlanningProblem) -> dict[str, float]:
    return {
        p.id: p.fair_fraction * p.alone_value
        for p in problem.partners
        if p.fair_fraction > 0 and p.alone_value is not None
    }


def _without_fairness(problem: PlanningProblem) -> PlanningProblem:
    return replace(problem, partners=tuple(replace(p, fair_fraction=0.0) for p in problem.partners))


def _weighted(problem: PlanningProblem, weights: Mapping[str, float]) -> PlanningProblem:
    requests = tuple(
        replace(r, value=r.value * (1 + weights.get(r.partner or "", 0.0))) for r in problem.requests
    )
    return replace(problem, requests=requests)


def _lacking(problem: PlanningProblem, plan: Plan | Trial) -> list[str]:
    """Partners that earn less than is fair."""
    activities = plan.activities if isinstance(plan, Plan) else plan.activities()
    earned = worth_of(problem, activities).requests
    sums = dict.fromkeys(_least(problem), 0.0)
    for r in problem.requests:
        if r.partner in sums:
            sums[r.partner] += earned[r.id]
    return [p for p, least in _least(problem).items() if sums[p] < least * (1 - 1e-9)]


def _together(problem: PlanningProblem, alone: Iterable[Alone]) -> list[Trial]:
    """The partners' own plans side by side, and whatever fits besides."""
    plans = [a.plan for a in alone]
    activities = [a for plan in plans for a in plan.activities]
    free = _without_fairness(problem)
    plan = carried(free, activities, [d for each in plans for d in each.downlinks])
    fill_all(plan)
    return [] if _lacking(problem, plan) else [Trial(problem, plan.activities(), plan.downlinks())]


def _repaired(problem: PlanningProblem, plan: Plan, large: bool = False) -> list[Trial]:
    """``plan`` with requests placed for partners that lack, at rising weights, until it is fair.

    ``large``: only as it is, or what still fits placed.
    """
    activities, downlinks = plan.activities, plan.downlinks
    for weight in (0.0, *_WEIGHTS)[: 0 if large else None]:
        lacking = _lacking(problem, replace(plan, activities=activities))
        if not lacking:
            return [Trial(problem, activities, downlinks)]
        heavier = _weighted(_without_fairness(problem), dict.fromkeys(lacking, weight))
        trial = Trial(heavier, activities, downlinks)
        wanted = [r for r in heavier.requests if r.partner in lacking and not trial.of_request[r.id]]
        wanted.sort(key=lambda r: (r.tier, -r.value, r.id))
        for request in wanted[:_MOST_REPAIRS]:
            if place(trial, request, must=False) and not _lacking(problem, trial):
                break
        activities, downlinks = trial.activities(), trial.downlinks()
    lacking = _lacking(problem, replace(plan, activities=activities))
    return [] if lacking else [Trial(problem, activities, downlinks)]


def _hopeless(problem: PlanningProblem, least: Mapping[str, float]) -> str | None:
    """Why no plan is fair, where a partner's requests by themselves say it."""
    of: dict[str, list[Opportunity]] = {r.id: [] for r in problem.requests}
    for o in problem.opportunities:
        of[o.request].append(o)
    for p, wanted in least.items():
        most = math.fsum(best_alone(r, of[r.id]) for r in problem.requests if r.partner == p)
        if most < wanted * (1 - 1e-9):
            return (
                f"no plan is fair: requests of {p} can earn {most:,.6g} at most, and {wanted:,.6g} is its "
                "fair part: lower its fraction or correct its alone_value"
            )
    return None


def _no_fair_plan(problem: PlanningProblem, least: Mapping[str, float], upper: float) -> str:
    """Whether it is impossible, or was only not found."""
    together = math.fsum(least.values())
    if upper + problem.churn_price * len(problem.previous) < together * (1 - 1e-9):
        return (
            f"no plan is fair: the fair parts sum to {together:,.6g}, and no fair plan can earn more than "
            f"{upper:,.6g}: lower the fractions"
        )
    shown = ", ".join(f"{p} {value:,.6g}" for p, value in least.items())
    return (
        f"no fair plan was found (least earnings: {shown}); that does not prove that there is none: "
        "give more time (--wall-s, --work-limit) or a smaller fraction (--fair)"
    )
