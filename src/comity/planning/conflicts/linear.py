"""The rows as a linear program and as an integer program (GLOP and SCIP in OR-Tools)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ortools.linear_solver import pywraplp

from comity.planning.background import run_watched
from comity.planning.conflicts.packing import Row

_MOST_SEED = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Searched:
    """What SCIP found.

    ``taken``: None if it found nothing. ``upper``: infinite if it proved nothing. ``nodes``: of its tree.
    """

    taken: tuple[int, ...] | None
    upper: float
    nodes: int
    interrupted: bool


def relaxed_bound(values: Sequence[float], rows: Sequence[Row]) -> float:
    """No plan earns more: from the dual prices of the linear relaxation.

    Whatever the solver's tolerances, prices that are not negative give a valid bound: what the rows'
    capacities are worth, plus what each choice earns beyond the price of what it uses.
    """
    if not values:
        return 0.0
    solver, _, constraints = _program("GLOP", values, rows, whole=False)
    if solver.Solve() != pywraplp.Solver.OPTIMAL:
        return math.fsum(values)
    left = list(values)
    terms = []
    for row, constraint in zip(rows, constraints, strict=True):
        price = max(0.0, constraint.dual_value())
        terms.append(price * row.most)
        for k, weight in zip(row.choices, row.weights, strict=True):
            left[k] -= price * weight
    return math.fsum(terms + [max(0.0, each) for each in left])


def search(
    values: Sequence[float],
    rows: Sequence[Row],
    start: Sequence[int],
    *,
    seed: int,
    nodes: int | None,
    wall_s: float | None,
    gap: float,
    look: Callable[[], None],
) -> Searched:
    """Branch and bound over all choices that obey ``rows``, from the plan ``start``.

    It runs in one thread, so seed and ``nodes`` fix what is found as long as ``wall_s`` is not reached.
    ``look`` is called now and then from the calling thread; a KeyboardInterrupt there ends the search and
    keeps what was found.
    """
    solver, variables, _ = _program("SCIP", values, rows, whole=True)
    settings = [
        f"randomization/randomseedshift = {seed % _MOST_SEED}",
        f"limits/gap = {gap!r}",
        "misc/catchctrlc = FALSE",
    ]
    if nodes is not None:
        settings.append(f"limits/totalnodes = {nodes}")
    if wall_s is not None:
        solver.SetTimeLimit(max(1, round(wall_s * 1e3)))
    if not solver.SetSolverSpecificParametersAsString("\n".join(settings) + "\n"):
        raise RuntimeError("SCIP of this OR-Tools refuses the settings of the conflict search")
    inside = set(start)
    solver.SetHint(variables, [float(k in inside) for k in range(len(variables))])

    statuses: list[int] = []
    interrupted = run_watched(lambda: statuses.append(solver.Solve()), solver.InterruptSolve, look)
    found = statuses[0] in (pywraplp.Solver.OPTIMAL, pywraplp.Solver.FEASIBLE)
    upper = solver.Objective().BestBound()
    return Searched(
        taken=tuple(k for k, each in enumerate(variables) if each.solution_value() > 0.5) if found else None,
        upper=upper if math.isfinite(upper) and upper < 1e20 else math.inf,
        nodes=max(1, solver.nodes()),
        interrupted=interrupted,
    )


def _program(
    kind: str, values: Sequence[float], rows: Sequence[Row], *, whole: bool
) -> tuple[pywraplp.Solver, list[pywraplp.Variable], list[pywraplp.Constraint]]:
    solver = pywraplp.Solver.CreateSolver(kind)
    if solver is None:
        raise RuntimeError(f"this OR-Tools was built without {kind}")
    variables = [solver.Var(0.0, 1.0, whole, "") for _ in values]
    constraints = []
    for row in rows:
        constraint = solver.Constraint(-solver.infinity(), row.most)
        for k, weight in zip(row.choices, row.weights, strict=True):
            constraint.SetCoefficient(variables[k], weight)
        constraints.append(constraint)
    objective = solver.Objective()
    for variable, value in zip(variables, values, strict=True):
        objective.SetCoefficient(variable, value)
    objective.SetMaximization()
    return solver, variables, constraints
