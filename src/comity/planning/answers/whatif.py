"""What if: two problems, a plan and a bound of each, and what can be said of the difference."""

from __future__ import annotations

from dataclasses import dataclass

from comity.core import Progress, silent
from comity.planning.answers.carrying import solve_from
from comity.planning.answers.changes import Change, Moved, changed, moves
from comity.planning.answers.reasons import standing_of
from comity.planning.baseline import PlanSolver
from comity.planning.problem import Plan, PlanningProblem, validate_problem
from comity.planning.solver import Stop


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """Both plans, and the difference that the change makes.

    ``difference``: value after less value before, as planned. ``least`` … ``most``: where the difference of
    the best plans lies, by both bounds (and by the change itself: taking something away never helps, adding a
    request never hurts). ``certain``: whether that leaves no doubt of its sign.
    """

    problem: PlanningProblem
    before: Plan
    after: Plan
    moved: tuple[Moved, ...]
    difference: float
    least: float
    most: float

    @property
    def certain(self) -> bool:
        """Whether the difference is more than the gaps can hide."""
        slack = 1e-7 * max(1.0, abs(self.before.value))
        return self.least > slack or self.most < -slack or self.most - self.least <= 2 * slack


def what_if(
    problem: PlanningProblem,
    change: Change,
    *,
    plan: Plan | None = None,
    solver: PlanSolver | None = None,
    seed: int = 0,
    stop: Stop,
    progress: Progress = silent,
) -> WhatIf:
    """Solve the changed problem from ``plan`` (solved for first, within the same limits, where None).

    Raises :class:`comity.core.UnknownIdError` for what the problem does not have, :class:`InputError` for a
    plan that is not one of ``problem``, or a changed problem that contradicts itself.
    """
    from comity.planning.dispatch import solver_for  # slow to import

    after_problem = changed(problem, change)
    validate_problem(after_problem)
    if plan is None:
        plan = (solver or solver_for(problem)).solve(problem, seed=seed, stop=stop, progress=progress)
    else:
        standing_of(problem, plan)
    chosen = solver or solver_for(after_problem)
    after = solve_from(after_problem, plan, solver=chosen, seed=seed, stop=stop, progress=progress)
    least, most = after.value - plan.upper, after.upper - plan.value
    if _plain(problem):
        takes = change.without_satellites or change.without_stations or change.without_partners or change.drop
        if takes and not change.add:
            least, most = min(least, 0.0), min(most, 0.0)
        elif change.add and not takes:
            least, most = max(least, 0.0), max(most, 0.0)
    return WhatIf(
        problem=after_problem,
        before=plan,
        after=after,
        moved=moves(problem, plan, after_problem, after),
        difference=after.value - plan.value,
        least=least,
        most=most,
    )


def _plain(problem: PlanningProblem) -> bool:
    """Whether every plan of less is a plan of more, worth as much."""
    return not (
        problem.frozen
        or problem.frozen_downlinks
        or problem.exclusives
        or problem.churn_price > 0
        or problem.tiers == "strict"
        or any(g.all_or_none for g in problem.groups)
        or any(p.fair_fraction > 0 for p in problem.partners)
    )
