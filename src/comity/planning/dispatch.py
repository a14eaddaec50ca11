"""Which solver a planning problem goes to: the one that proves most for what the problem asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from comity.core import Progress, silent
from comity.planning.baseline import BaselineSolver, PlanSolver
from comity.planning.conflicts import beyond_conflicts, conflict_problem, plan_of_conflicts, solve_conflicts
from comity.planning.paths.remote import Keeper
from comity.planning.paths.stated import (
    FleetSolver,
    ProgramSolver,
    RuledFleetSolver,
    beyond_fleet,
    beyond_program,
    start_count,
)
from comity.planning.problem import Plan, PlanningProblem, validate_problem
from comity.planning.solver import Stop

#: More choices than this do not fit in the tables of the conflict search.
_MOST_CHOICES = 20_000
#: More starts than this make too large a program, beside memory and sending than the second.
_MOST_STARTS, _MOST_STARTS_SENT = 60_000, 5_000


class ConflictSolver:
    """:mod:`comity.planning.conflicts` behind the Protocol."""

    name = "conflicts"

    def solve(self, problem: PlanningProblem, *, seed: int, stop: Stop, progress: Progress = silent) -> Plan:
        """See :class:`comity.planning.baseline.PlanSolver`."""
        validate_problem(problem)
        found = solve_conflicts(conflict_problem(problem), seed=seed, stop=stop, progress=progress)
        return plan_of_conflicts(problem, found, seed=seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """:func:`solver_for` each problem behind the Protocol; ``keeper``: workers elsewhere for the paths."""

    name: ClassVar[str] = "dispatch"
    keeper: Keeper | None = None

    def solve(self, problem: PlanningProblem, *, seed: int, stop: Stop, progress: Progress = silent) -> Plan:
        """See :class:`comity.planning.baseline.PlanSolver`."""
        chosen = solver_for(problem, keeper=self.keeper)
        return chosen.solve(problem, seed=seed, stop=stop, progress=progress)


def solver_for(problem: PlanningProblem, *, keeper: Keeper | None = None) -> PlanSolver:
    """The conflict search where a problem is nothing but fixed choices in conflict; one program over all
    starts where it can say what the problem says and fits; the paths of agile satellites where those can,
    with other rules as rows beside them; else the plain solver.

    The program leaves downlinks to greedy placement: where there is much to send, paths come first.
    ``keeper``: workers elsewhere, which the paths alone have a use for.
    """
    if len(problem.opportunities) <= _MOST_CHOICES and beyond_conflicts(problem) is None:
        return ConflictSolver()
    starts = start_count(problem)
    if beyond_program(problem) is None and starts <= (_MOST_STARTS_SENT if _sends(problem) else _MOST_STARTS):
        return ProgramSolver()
    if beyond_fleet(problem) is None:
        return FleetSolver(keeper=keeper)
    if beyond_fleet(problem, rules=True) is None:
        return RuledFleetSolver(keeper=keeper)
    if beyond_program(problem) is None and starts <= _MOST_STARTS:
        return ProgramSolver()
    return BaselineSolver()


def _sends(problem: PlanningProblem) -> bool:
    """Whether what is recorded has to leave the satellites."""
    return bool(problem.contacts) and (
        any(s.memory_bits is not None for s in problem.satellites)
        or any(r.deliver_by_s is not None or r.deliver_within_s is not None for r in problem.requests)
    )
