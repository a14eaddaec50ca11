"""Whole-numbered programs: small ones by SCIP in a thread, the others by HiGHS in a process of its own.

HiGHS cannot be interrupted: its process is ended; if it dies, nothing else does. The module is both sides:
:func:`solve_whole` starts ``python -m`` of it, sends the program by standard input and reads the answer from
standard output.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from threading import Thread

import numpy as np

from comity.planning.background import run_watched
from comity.planning.paths.linear import Program
from comity.planning.paths.problem import FloatArray

_LOOK_S = 0.2
#: Programs up to this many columns are not worth a process.
SMALL = 1500
_MOST_SEED = 2**31 - 1
_MODULE = "comity.planning.paths.stated.worker"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """``x``: None where nothing was found; ``bound``: of the objective, infinite where nothing is proven.

    ``work``: simplex iterations and nodes of the tree; ``died``: why, None where the solver came to an end.
    """

    x: FloatArray | None
    bound: float
    optimal: bool
    iterations: int
    nodes: int
    died: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Task:
    program: Program
    hint: FloatArray | None
    gap: float
    seed: int
    nodes: int | None
    limit_s: float | None


def solve_whole(
    program: Program,
    *,
    hint: FloatArray | None = None,
    gap: float = 0.0,
    seed: int = 0,
    nodes: int | None = None,
    limit_s: float | None = None,
    look: Callable[[], None] = lambda: None,
) -> Found:
    """The best whole-numbered solution; ``look`` is called now and then, and may raise to end it all."""
    task = _Task(program=program, hint=hint, gap=gap, seed=seed, nodes=nodes, limit_s=limit_s)
    if len(program.gain) <= SMALL:
        return _by_scip(task, look)
    child = subprocess.Popen(
        [sys.executable, "-m", _MODULE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    told: list[tuple[bytes, bytes]] = []
    sent = pickle.dumps(task)
    talk = Thread(target=lambda: told.append(child.communicate(sent)), daemon=True)
    talk.start()
    try:
        while talk.is_alive():
            talk.join(_LOOK_S)
            look()
    finally:
        if child.poll() is None:
            child.kill()
        talk.join()
    out, errors = told[0] if told else (b"", b"")
    if child.returncode != 0 or not out:
        last = errors.decode(errors="replace").strip().splitlines()[-1:] or [f"exit code {child.returncode}"]
        return Found(x=None, bound=np.inf, optimal=False, iterations=0, nodes=0, died=last[0])
    found = pickle.loads(out)
    assert isinstance(found, Found)
    return found


def _by_scip(task: _Task, look: Callable[[], None]) -> Found:
    from ortools.linear_solver import pywraplp

    program, solver = task.program, pywraplp.Solver.CreateSolver("SCIP")
    if solver is None:
        raise RuntimeError("this OR-Tools was built without SCIP")
    x = [
        solver.Var(low, high, bool(whole), "")
        for low, high, whole in zip(program.low.tolist(), program.high.tolist(), _whole(program), strict=True)
    ]
    rows = program.rows.tocsr()
    for k, (below, above) in enumerate(zip(program.below.tolist(), program.above.tolist(), strict=True)):
        row = solver.Constraint(below, above)
        for p in range(rows.indptr[k], rows.indptr[k + 1]):
            row.SetCoefficient(x[rows.indices[p]], float(rows.data[p]))
    for each, gain in zip(x, program.gain.tolist(), strict=True):
        solver.Objective().SetCoefficient(each, gain)
    solver.Objective().SetMaximization()
    settings = [
        f"randomization/randomseedshift = {task.seed % _MOST_SEED}",
        f"limits/gap = {task.gap!r}",
        "misc/catchctrlc = FALSE",
    ]
    if task.nodes is not None:
        settings.append(f"limits/totalnodes = {task.nodes}")
    if task.limit_s is not None:
        solver.SetTimeLimit(max(1, round(task.limit_s * 1e3)))
    if not solver.SetSolverSpecificParametersAsString("\n".join(settings) + "\n"):
        raise RuntimeError("SCIP of this OR-Tools refuses the settings of the program")
    if task.hint is not None:
        solver.SetHint(x, task.hint.tolist())
    statuses: list[int] = []
    if run_watched(lambda: statuses.append(solver.Solve()), solver.InterruptSolve, look):
        raise KeyboardInterrupt
    found = statuses[0] in (pywraplp.Solver.OPTIMAL, pywraplp.Solver.FEASIBLE)
    bound = solver.Objective().BestBound()
    return Found(
        x=np.array([each.solution_value() for each in x]) if found else None,
        bound=bound if np.isfinite(bound) and abs(bound) < 1e20 else np.inf,
        optimal=statuses[0] == pywraplp.Solver.OPTIMAL,
        iterations=solver.iterations(),
        nodes=solver.nodes(),
    )


def _whole(program: Program) -> list[bool]:
    return [False] * len(program.gain) if program.whole is None else program.whole.tolist()


def _answer(task: _Task) -> Found:
    from ortools.math_opt.python import mathopt

    model = task.program.model()
    hints = []
    if task.hint is not None:
        values = dict(zip(model.variables(), task.hint.tolist(), strict=True))
        hints = [mathopt.SolutionHint(variable_values=values)]
    result = mathopt.solve(
        model,
        mathopt.SolverType.HIGHS,
        params=mathopt.SolveParameters(
            relative_gap_tolerance=task.gap,
            absolute_gap_tolerance=0.0,
            node_limit=task.nodes,
            random_seed=task.seed,
            time_limit=None if task.limit_s is None else timedelta(seconds=task.limit_s),
        ),
        model_params=mathopt.ModelSolveParameters(solution_hints=hints),
    )
    stats = result.solve_stats
    found = result.has_primal_feasible_solution()
    return Found(
        x=np.array(result.variable_values(list(model.variables()))) if found else None,
        bound=result.termination.objective_bounds.dual_bound,
        optimal=result.termination.reason == mathopt.TerminationReason.OPTIMAL,
        iterations=stats.simplex_iterations,
        nodes=stats.node_count,
    )


def _main() -> None:
    # Ctrl-C is for the process that asked; it ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    task = pickle.load(sys.stdin.buffer)
    # A solver may write to the standard output: that of this process goes to its errors meanwhile.
    out = os.dup(1)
    os.dup2(2, 1)
    answer = pickle.dumps(_answer(task))
    with os.fdopen(out, "wb") as told:
        told.write(answer)


if __name__ == "__main__":
    # As the module, so that what is read and written is of its classes, not of __main__'s.
    from comity.planning.paths.stated import worker

    worker._main()
