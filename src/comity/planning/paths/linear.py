"""Linear and whole-numbered programs given as arrays, solved by what OR-Tools carries.

Small ones are solved in a thread, by GLOP and SCIP, which can be interrupted; the others by HiGHS, which
cannot, in a process of its own (:mod:`.processes`). Either takes one core, gives the same answer on any
number of them, and is given up at once on Ctrl-C or when the caller's time is over.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from ortools.linear_solver import pywraplp
from ortools.math_opt import model_pb2
from ortools.util.python.solve_interrupter import SolveInterrupter
from scipy.sparse import csr_matrix

from comity.planning.background import run_watched
from comity.planning.paths.mathopt_process import Reply, Task, answer
from comity.planning.paths.problem import FloatArray
from comity.planning.paths.processes import ask_process

#: Programs up to this many columns are not worth a process.
SMALL = 1500
#: A solver that does not end by itself at its limit has so long before it is ended.
_GRACE_S = 3.0
_BEYOND_S = 0.02
_MOST_SEED = 2**31 - 1
#: More than this is no bound.
_INFINITE = 1e20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Program:
    """Maximise ``gain @ x`` with ``below ≤ rows @ x ≤ above`` and ``low ≤ x ≤ high``."""

    gain: FloatArray
    rows: csr_matrix
    below: FloatArray
    above: FloatArray
    low: FloatArray
    high: FloatArray
    whole: NDArray[np.bool_] | None = None

    def model(self) -> model_pb2.ModelProto:
        """As OR-Tools takes it."""
        m, n = self.rows.shape
        proto = model_pb2.ModelProto()
        v, c = proto.variables, proto.linear_constraints
        v.ids.extend(range(n))
        v.lower_bounds.extend(self.low.tolist())
        v.upper_bounds.extend(self.high.tolist())
        v.integers.extend([False] * n if self.whole is None else self.whole.tolist())
        proto.objective.maximize = True
        where = np.flatnonzero(self.gain)
        proto.objective.linear_coefficients.ids.extend(where.tolist())
        proto.objective.linear_coefficients.values.extend(self.gain[where].tolist())
        c.ids.extend(range(m))
        c.lower_bounds.extend(self.below.tolist())
        c.upper_bounds.extend(self.above.tolist())
        rows = self.rows.tocsr()
        rows.sort_indices()
        proto.linear_constraint_matrix.row_ids.extend(np.repeat(np.arange(m), np.diff(rows.indptr)).tolist())
        proto.linear_constraint_matrix.column_ids.extend(rows.indices.tolist())
        proto.linear_constraint_matrix.coefficients.extend(rows.data.tolist())
        return proto


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answer:
    """What a solver found: a solution (None for none), its value, and the bound of the objective.

    ``iterations`` of the simplex method and ``nodes`` of the tree are the work done.
    """

    x: FloatArray | None
    value: float
    bound: float
    optimal: bool
    iterations: int = 0
    nodes: int = 0


_NOTHING = Answer(x=None, value=-math.inf, bound=math.inf, optimal=False)


def _never() -> bool:
    return False


def whole(
    program: Program,
    *,
    limit_s: float | None = None,
    nodes: int | None = None,
    gap: float = 1e-6,
    hint: FloatArray | None = None,
    seed: int = 0,
    over: Callable[[], bool] = _never,
    sparse: bool = False,
) -> Answer:
    """The best whole-numbered solution found within ``nodes`` of the tree and ``limit_s`` seconds.

    Nothing, with an infinite bound, where every solver failed, and where ``over()``, which is asked often,
    came first. ``hint``: a solution to begin with. A solver that the time stops ends a little after
    ``limit_s``, so that the caller's clock too says that time, not ``nodes`` or ``gap``, made the answer.
    ``sparse``: few of the columns are whole-numbered, so that a large program is a small one.
    """
    if limit_s is not None:
        limit_s += _BEYOND_S
    if sparse or len(program.gain) <= SMALL:
        return _by_scip(program, limit_s, nodes, gap, hint, seed, over)
    until = math.inf if limit_s is None else time.monotonic() + limit_s
    model = program.model().SerializeToString()
    for solver in ("HIGHS", "GSCIP"):
        reply = ask_process(
            Task(
                model=model,
                solver=solver,
                algorithm=None,
                gap=gap,
                seed=seed % _MOST_SEED,
                nodes=nodes,
                limit_s=None if limit_s is None else max(0.01, until - time.monotonic()),
                hint=hint,
            ),
            lambda: over() or time.monotonic() > until + _GRACE_S,
        )
        if reply is None:
            break
        if reply["failed"] is None:
            return Answer(
                x=reply["x"],
                value=reply["value"],
                bound=_finite(reply["bound"]),
                optimal=reply["optimal"],
                iterations=reply["iterations"],
                nodes=reply["nodes"],
            )
    return _NOTHING


def _by_scip(
    program: Program,
    limit_s: float | None,
    nodes: int | None,
    gap: float,
    hint: FloatArray | None,
    seed: int,
    over: Callable[[], bool],
) -> Answer:
    # Not by MathOpt: an interrupter makes that one complain on the standard error.
    solver = pywraplp.Solver.CreateSolver("SCIP")
    if solver is None:
        raise RuntimeError("this OR-Tools was built without SCIP")
    kinds = np.zeros(len(program.gain), np.bool_) if program.whole is None else program.whole
    columns = zip(program.low.tolist(), program.high.tolist(), kinds.tolist(), strict=True)
    x = [solver.Var(low, high, kind, "") for low, high, kind in columns]
    rows = program.rows.tocsr()
    for k, (below, above) in enumerate(zip(program.below.tolist(), program.above.tolist(), strict=True)):
        row = solver.Constraint(below, above)
        for p in range(rows.indptr[k], rows.indptr[k + 1]):
            row.SetCoefficient(x[rows.indices[p]], float(rows.data[p]))
    objective = solver.Objective()
    for each, gain in zip(x, program.gain.tolist(), strict=True):
        objective.SetCoefficient(each, gain)
    objective.SetMaximization()
    settings = [
        f"randomization/randomseedshift = {seed % _MOST_SEED}",
        f"limits/gap = {gap!r}",
        "misc/catchctrlc = FALSE",
    ]
    if nodes is not None:
        settings.append(f"limits/totalnodes = {nodes}")
    if limit_s is not None:
        solver.SetTimeLimit(math.ceil(limit_s * 1e3))
    if not solver.SetSolverSpecificParametersAsString("\n".join(settings) + "\n"):
        raise RuntimeError("SCIP of this OR-Tools refuses the settings of the program")
    if hint is not None:
        solver.SetHint(x, hint.tolist())
    statuses: list[int] = []
    given_up: list[bool] = []

    def look() -> None:
        if not given_up and over():
            given_up.append(True)
        if given_up:
            solver.InterruptSolve()

    if run_watched(lambda: statuses.append(solver.Solve()), solver.InterruptSolve, look):
        raise KeyboardInterrupt
    if given_up:
        return _NOTHING
    found = statuses[0] in (pywraplp.Solver.OPTIMAL, pywraplp.Solver.FEASIBLE)
    return Answer(
        x=np.array([each.solution_value() for each in x]) if found else None,
        value=objective.Value() if found else -np.inf,
        bound=_finite(objective.BestBound()),
        optimal=statuses[0] == pywraplp.Solver.OPTIMAL,
        iterations=solver.iterations(),
        nodes=solver.nodes(),
    )


def _finite(bound: float) -> float:
    return bound if abs(bound) < _INFINITE else math.inf


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Optimum:
    """Of a linear program: a solution, its value, a price for each row."""

    x: FloatArray
    value: float
    duals: FloatArray


#: How a linear program is solved, one way after the other until one works.
_WAYS = (("HIGHS", "BARRIER"), ("GLOP", "DUAL_SIMPLEX"))


def optimum(program: Program, *, over: Callable[[], bool] = _never) -> Optimum | None:
    """Optimum of a linear program, at a vertex; None where there is none or ``over()`` came first."""
    small = len(program.gain) <= SMALL
    model = program.model().SerializeToString()
    for solver, algorithm in _WAYS[1:] if small else _WAYS:
        task = Task(
            model=model,
            solver=solver,
            algorithm=algorithm,
            gap=0.0,
            seed=0,
            nodes=None,
            limit_s=None,
            hint=None,
        )
        reply = _in_thread(task, over) if small else ask_process(task, over)
        if reply is None:
            return None
        if reply["optimal"] and reply["duals"] is not None:
            return Optimum(x=reply["x"], value=reply["value"], duals=reply["duals"])
    return None


def _in_thread(task: Task, over: Callable[[], bool]) -> Reply | None:
    """None where it was given up."""
    interrupter = SolveInterrupter()
    replies: list[Reply] = []
    given_up: list[bool] = []

    def look() -> None:
        if not given_up and over():
            given_up.append(True)
            interrupter.interrupt()

    if run_watched(lambda: replies.append(answer(task, interrupter)), interrupter.interrupt, look):
        raise KeyboardInterrupt
    return None if given_up else replies[0]
