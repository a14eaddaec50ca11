"""A rush order: one more request put into a plan that stands, at once, with as little change as pays."""

from __future__ import annotations

from dataclasses import dataclass, replace

from comity.core import InputError
from comity.planning.answers.carrying import plan_of
from comity.planning.answers.changes import Addition, Change, Moved, changed, moves
from comity.planning.answers.insertion import place
from comity.planning.answers.reasons import Reason, reason_of, standing_of
from comity.planning.baseline.worth import best_alone, simple_bound
from comity.planning.problem import Activity, Plan, PlanningProblem

#: Tries, strips or periods of one rush order that are placed.
_MOST_PARTS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Rush:
    """``problem`` with the request, its ``plan``, where the request is ``placed``, and who had to ``move``.

    ``reason``: why it is not placed, or not wholly; None where all of it is.
    """

    problem: PlanningProblem
    plan: Plan
    placed: tuple[Activity, ...]
    moved: tuple[Moved, ...]
    reason: Reason | None


def place_rush(
    problem: PlanningProblem, plan: Plan, addition: Addition, *, churn_price: float = 0.0, must: bool = False
) -> Rush:
    """Put a request into ``plan``; nothing else is planned anew, nothing frozen is touched.

    Every activity dropped or moved costs ``churn_price``; displaced requests go elsewhere where they can.
    ``must``: it is placed at the least loss, even if the plan is then worth less. The bound is the plan's,
    plus what the request could earn alone. Raises :class:`InputError` where ``plan`` is not one of
    ``problem`` or the request's ids are taken; the caller validates an addition from outside with
    :func:`comity.planning.problem.validate_problem` of :func:`changed`.
    """
    if churn_price < 0:
        raise InputError(f"churn price {churn_price:g} must be at least 0")
    standing_of(problem, plan)
    task = replace(
        changed(problem, Change(add=(addition,))), previous=plan.activities, churn_price=churn_price
    )
    standing = standing_of(task, plan)
    request = task.requests[-1]
    for k in range(_MOST_PARTS):
        if not place(standing, request, must=must and k == 0):
            break
    upper, method = _upper(problem, task, plan, addition)
    found = plan_of(
        standing,
        upper=upper,
        upper_for=plan.upper_for,
        method=method,
        solver="insertion",
        seed=plan.seed,
        work=standing.attempts / 50_000,
        stopped="search ended",
    )
    placed = tuple(a for a in found.activities if standing.opportunities[a.opportunity].request == request.id)
    others = tuple(m for m in moves(task, plan, task, found) if m.request != request.id)
    return Rush(problem=task, plan=found, placed=placed, moved=others, reason=reason_of(standing, request.id))


def _upper(
    problem: PlanningProblem, task: PlanningProblem, plan: Plan, addition: Addition
) -> tuple[float, str]:
    """No plan with the request is worth more than the best without it and what it could earn alone."""
    alone = best_alone(addition.request, list(addition.opportunities))
    fair = any(p.fair_fraction > 0 and p.alone_value for p in problem.partners)
    if fair or problem.tiers == "strict":
        return simple_bound(task), "each request with every satellite to itself"
    churn = problem.churn_price * len(problem.previous)
    return plan.upper + churn + alone, f"{plan.method}, and the request alone"
