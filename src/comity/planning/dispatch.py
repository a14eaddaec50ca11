"""Which solver a planning problem goes to: the one that proves most for what the problem asks."""

from __future__ import annotations

from comity.core import Progress, silent
from comity.planning.baseline import BaselineSolver, PlanSolver
from comity.planning.conflicts import beyond_conflicts, conflict_problem, plan_of_conflicts, solve_conflicts
from comity.planning.problem import Plan, PlanningProblem, validate_problem
from comity.planning.solver import Stop

#: More choices than this do not fit in the tables of the conflict search.
_MOST_CHOICES = 20_000


class ConflictSolver:
    """:mod:`comity.planning.conflicts` behind the Protocol."""

    name = "conflicts"

    def solve(self, problem: PlanningProblem, *, seed: int, stop: Stop, progress: Progress = silent) -> Plan:
        """See :class:`comity.planning.baseline.PlanSolver`."""
        validate_problem(problem)
        found = solve_conflicts(conflict_problem(problem), seed=seed, stop=stop, progress=progress)
        return plan_of_conflicts(problem, found, seed=seed)


def solver_for(problem: PlanningProblem) -> PlanSolver:
    """The conflict search where a problem is nothing but fixed choices in conflict, else the plain solver."""
    if len(problem.opportunities) <= _MOST_CHOICES and beyond_conflicts(problem) is None:
        return ConflictSolver()
    return BaselineSolver()
