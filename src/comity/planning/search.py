"""Runs CP-SAT so that it can be watched and stopped from the thread that asked."""

from __future__ import annotations

from dataclasses import dataclass

from ortools.sat.python import cp_model

from comity.core import Progress
from comity.planning.background import run_watched
from comity.planning.solver import Deadline, Stop


@dataclass(frozen=True, slots=True)
class Outcome:
    """``values`` by variable index (None: nothing found); ``bound`` on the objective (None: none proved).

    ``work``: CP-SAT's deterministic time.
    """

    values: tuple[int, ...] | None
    bound: float | None
    proven: bool
    interrupted: bool
    work: float


class _Watch(cp_model.CpSolverSolutionCallback):
    """Keeps the newest objective for the progress report."""

    def __init__(self) -> None:
        super().__init__()
        self.objective = 0.0

    def on_solution_callback(self) -> None:
        self.objective = self.objective_value


def run(
    model: cp_model.CpModel,
    *,
    seed: int,
    stop: Stop,
    deadline: Deadline,
    reserve_s: float,
    workers: int,
    unit: float,
    known: tuple[float, float],
    progress: Progress,
) -> Outcome:
    """Solve ``model`` until proven, ``stop`` (less ``reserve_s`` of clock time) or a KeyboardInterrupt.

    For the progress report: ``unit``, the worth of one unit of the objective, and ``known``, worth and
    bound before the search. CP-SAT runs in a thread of its own, so that this one can report and be
    interrupted. With ``stop.work`` the workers take turns at fixed points of deterministic time, so that
    the result does not depend on how fast each one is.
    """
    solver = cp_model.CpSolver()
    parameters = solver.parameters
    parameters.random_seed = seed
    parameters.num_workers = workers
    parameters.catch_sigint_signal = False
    parameters.relative_gap_limit = stop.gap
    # The covering steps make the plain relaxation weak; with all of it in the LP the bound is tight.
    parameters.linearization_level = 2
    parameters.subsolvers.append("max_lp")
    if stop.work is not None:
        parameters.interleave_search = True
        parameters.max_deterministic_time = stop.work
    left = max(0.01, deadline.left_s - reserve_s)
    if stop.wall_s is not None:
        parameters.max_time_in_seconds = left

    bounds: list[float] = []
    watch = _Watch()
    solver.best_bound_callback = bounds.append

    def look() -> None:
        value = max(known[0], watch.objective * unit)
        upper = min([known[1], *(b * unit for b in bounds[-1:])])
        _report(progress, deadline, value, upper)

    interrupted = run_watched(lambda: solver.solve(model, watch), solver.stop_search, look)
    return _read(solver, model, bounds, interrupted)


def _report(progress: Progress, deadline: Deadline, value: float, upper: float) -> None:
    gap = max(0.0, upper - value) / max(upper, 1e-300)
    total = deadline.wall_s or 0.0
    message = f"value {value:,.0f}, at most {upper:,.0f} (gap {gap:.2%})"
    progress(min(deadline.elapsed_s, total), total or 1.0, message)


def _read(
    solver: cp_model.CpSolver, model: cp_model.CpModel, bounds: list[float], interrupted: bool
) -> Outcome:
    response = solver.response_proto
    status = response.status
    if status in (cp_model.MODEL_INVALID, cp_model.INFEASIBLE):
        raise RuntimeError(f"planning model is {solver.status_name(status)}: {model.validate()}")
    found = status in (cp_model.OPTIMAL, cp_model.FEASIBLE)
    if found:
        bounds.append(response.best_objective_bound)
    return Outcome(
        values=tuple(response.solution) if found else None,
        bound=min(bounds) if bounds else None,
        proven=status == cp_model.OPTIMAL,
        interrupted=interrupted,
        work=response.deterministic_time,
    )
