"""A plan carried over into another problem, and a solver's plan that is never worse than that."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from comity.core import InputError, Progress, StateError, silent
from comity.planning.answers.changes import downlinks_of
from comity.planning.answers.insertion import fill
from comity.planning.answers.obstacles import Trial
from comity.planning.answers.sending import one_load_each
from comity.planning.baseline import PlanSolver
from comity.planning.baseline.worth import simple_bound
from comity.planning.problem import Activity, Downlink, Plan, PlanningProblem, judge_parts
from comity.planning.solver import Stop

#: What a solver that dies may raise besides errors of Comity's own.
DEATHS = (StateError, RuntimeError, ValueError, ArithmeticError, LookupError, MemoryError, OSError)


def carried(problem: PlanningProblem, activities: Sequence[Activity], downlinks: Sequence[Downlink]) -> Trial:
    """What of a plan is still valid in ``problem``, its frozen part first; the rest is left out."""
    known = {o.id for o in problem.opportunities}
    acts = [a for a in activities if a.opportunity in known]
    names = {a.opportunity for a in acts}
    fixed = problem.frozen_downlinks
    whole = downlinks_of(downlinks, names, {c.id for c in problem.contacts})
    # What is frozen may be a part of a downlink.
    links = [each for d in whole for each in ([d] if not fixed or d in fixed else one_load_each([d]))]
    if not judge_parts(problem, acts, links).violations:
        return Trial(problem, acts, links)
    plan = Trial(problem, problem.frozen, problem.frozen_downlinks)
    ordered = sorted(
        acts, key=lambda a: (-plan.requests[plan.opportunities[a.opportunity].request].value, a.opportunity)
    )
    for a in ordered:
        plan.insert(plan.opportunities[a.opportunity], [a.start_s])
    return plan


def fill_all(plan: Trial) -> None:
    """Serve whatever request still fits, the most valuable first."""
    fill(plan, sorted(plan.problem.requests, key=lambda r: (r.tier, -r.value, r.id)))


def plan_of(
    plan: Trial,
    *,
    upper: float,
    upper_for: str,
    method: str,
    solver: str,
    seed: int,
    work: float,
    stopped: str,
) -> Plan:
    """The plan as the checker values it; raises :class:`StateError` if it breaks a rule."""
    activities, downlinks = plan.activities(), plan.downlinks()
    found = judge_parts(plan.problem, activities, downlinks)
    if found.violations:
        first = found.violations[0]
        raise StateError(f"no valid plan was found: {first.kind}: {first.text}")
    return Plan(
        activities=activities,
        downlinks=downlinks,
        value=found.worth.value,
        tier_values=found.worth.tiers,
        upper=max(upper, found.worth.value),
        upper_for=upper_for,
        method=method,
        solver=solver,
        seed=seed,
        work=work,
        stopped=stopped,
    )


def solve_from(
    problem: PlanningProblem,
    plan: Plan,
    *,
    solver: PlanSolver,
    seed: int,
    stop: Stop,
    progress: Progress = silent,
) -> Plan:
    """Solve ``problem``, starting from a plan of one like it: never worse than that one carried over.

    A solver that dies leaves the plan carried over, with a simple bound; ``stopped`` then says so.
    """
    start = carried(problem, plan.activities, plan.downlinks)
    fill_all(start)
    warm = problem if problem.previous else replace(problem, previous=start.activities())
    if not problem.previous:
        warm = replace(warm, churn_price=0.0)
    try:
        found = solver.solve(warm, seed=seed, stop=stop, progress=progress)
    except InputError:
        raise
    except DEATHS as error:
        try:
            return plan_of(
                start,
                upper=simple_bound(problem),
                upper_for="the problem as stated",
                method="each request with every satellite to itself",
                solver="carried over",
                seed=seed,
                work=0.0,
                stopped=f"the solver failed: {error}",
            )
        except StateError:
            raise error from None
    return better(problem, found, [start])


def better(problem: PlanningProblem, plan: Plan, others: Iterable[Trial]) -> Plan:
    """``plan``, or the one of ``others`` that is worth more, with the bound of ``plan``."""
    best, worth = plan, Trial(problem, plan.activities, plan.downlinks).worth()
    for other in others:
        if (
            other.worth() > worth
            and not judge_parts(problem, other.activities(), other.downlinks()).violations
        ):
            best = plan_of(
                other,
                upper=plan.upper,
                upper_for=plan.upper_for,
                method=plan.method,
                solver=f"{plan.solver.removesuffix(', carried over')}, carried over",
                seed=plan.seed,
                work=plan.work,
                stopped=plan.stopped,
            )
            worth = other.worth()
    return best
