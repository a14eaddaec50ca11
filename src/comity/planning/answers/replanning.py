"""Replanning: what has begun stays, the rest changes where it pays."""

from __future__ import annotations

from dataclasses import replace

from comity.core import InputError, Progress, silent
from comity.planning.answers.carrying import solve_from
from comity.planning.answers.sending import one_load_each
from comity.planning.baseline import PlanSolver
from comity.planning.problem import Plan, PlanningProblem, validate_problem
from comity.planning.solver import Stop


def replanning_problem(
    problem: PlanningProblem, plan: Plan, *, now_s: float, churn_price: float, lock_s: float = 0.0
) -> PlanningProblem:
    """The problem of the rest of the horizon.

    Frozen is what starts before ``now_s`` + ``lock_s`` (s from the problem's start): acquisitions with their
    downlinks whenever these are, and downlinks of what was stored. Each other activity of ``plan`` costs
    ``churn_price`` when it is dropped or moved. Activities that ``problem`` no longer has are dropped;
    :class:`InputError` if one of them is frozen, or if the frozen part breaks a rule.
    """
    until = min(now_s + lock_s, problem.horizon_s)
    if not (0 <= now_s <= problem.horizon_s and lock_s >= 0 and churn_price >= 0):
        raise InputError(
            f"now {now_s:g} s, lock {lock_s:g} s, churn price {churn_price:g}: now must lie within "
            f"the horizon (0 to {problem.horizon_s:g} s), the others must be at least 0"
        )
    until = max(until, problem.frozen_until_s)
    known, contacts = {o.id for o in problem.opportunities}, {c.id for c in problem.contacts}
    fixed = {a.opportunity for a in problem.frozen}
    frozen = [*problem.frozen]
    for a in plan.activities:
        if a.start_s < until and a.opportunity not in fixed:
            if a.opportunity not in known:
                raise InputError(
                    f"acquisition {a.opportunity!r} at {a.start_s:g} s is frozen (until {until:g} s), "
                    "but the problem has no such opportunity"
                )
            frozen.append(a)
    fixed = {a.opportunity for a in frozen}
    links, kept = list(problem.frozen_downlinks), list(problem.frozen_downlinks)
    for d in plan.downlinks:
        if d in kept:
            kept.remove(d)
            continue
        for each in one_load_each([d]):
            owner = each.loads[0].opportunity if each.loads else None
            held = owner in fixed if owner is not None else each.start_s < until
            if not held:
                continue
            if each.contact not in contacts:
                raise InputError(
                    f"the downlink of {owner or 'what was stored'} at {each.start_s:g} s is frozen (until "
                    f"{until:g} s), but the problem has no contact {each.contact!r}"
                )
            links.append(each)
    return replace(
        problem,
        frozen=tuple(frozen),
        frozen_downlinks=tuple(links),
        frozen_until_s=until,
        previous=tuple(a for a in plan.activities if a.opportunity in known),
        churn_price=churn_price,
    )


def replan(
    problem: PlanningProblem,
    plan: Plan,
    *,
    now_s: float,
    churn_price: float,
    lock_s: float = 0.0,
    same_problem: bool = False,
    solver: PlanSolver | None = None,
    seed: int = 0,
    stop: Stop,
    progress: Progress = silent,
) -> Plan:
    """A plan of :func:`replanning_problem`, never worth less than going on with ``plan``.

    ``same_problem``: ``plan`` is one of this very ``problem``, so that its bound holds for the rest too.
    If the solver dies, ``plan`` is carried on (:func:`comity.planning.answers.carrying.solve_from`).
    """
    from comity.planning.dispatch import solver_for  # slow to import

    task = replanning_problem(problem, plan, now_s=now_s, churn_price=churn_price, lock_s=lock_s)
    validate_problem(task)
    chosen = solver or solver_for(task)
    found = solve_from(task, plan, solver=chosen, seed=seed, stop=stop, progress=progress)
    # Freezing and a churn price only take away.
    known = plan.upper + problem.churn_price * len(problem.previous)
    if not same_problem or known >= found.upper:
        return found
    method = f"{plan.method}, before replanning"
    return replace(found, upper=max(known, found.value), upper_for=plan.upper_for, method=method)
