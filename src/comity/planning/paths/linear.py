"""Linear and mixed-integer programs given as arrays, solved by what OR-Tools carries."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray
from ortools.math_opt import model_pb2
from ortools.math_opt.python import mathopt
from scipy.sparse import csr_matrix

from comity.planning.paths.problem import FloatArray


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

    def model(self) -> mathopt.Model:
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
        return mathopt.Model.from_model_proto(proto)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answer:
    """What a solver found: a solution (None for none), its value, and the bound of the objective."""

    x: FloatArray | None
    value: float
    bound: float
    optimal: bool


#: What OR-Tools raises when a solver fails inside (AttributeError: it has no translation of HiGHS's own
#: internal errors).
_DIED = (AttributeError, RuntimeError, ValueError)

_KINDS = {
    "highs": mathopt.SolverType.HIGHS,
    "scip": mathopt.SolverType.GSCIP,
}


def whole(
    program: Program,
    *,
    solver: str = "highs",
    limit_s: float | None = None,
    nodes: int | None = None,
    gap: float = 1e-6,
    hint: FloatArray | None = None,
    seed: int = 0,
) -> Answer:
    """The best whole-numbered solution found."""
    model = program.model()
    parameters = mathopt.SolveParameters(
        relative_gap_tolerance=gap,
        node_limit=nodes,
        random_seed=seed,
        time_limit=None if limit_s is None else timedelta(seconds=limit_s),
    )
    hints = []
    if hint is not None:
        values = dict(zip(model.variables(), hint.tolist(), strict=True))
        hints = [mathopt.SolutionHint(variable_values=values)]
    result = None
    for kind in dict.fromkeys((solver, "scip")):
        try:
            result = mathopt.solve(
                model,
                _KINDS[kind],
                params=parameters,
                model_params=mathopt.ModelSolveParameters(solution_hints=hints),
            )
            break
        except _DIED:
            continue
    if result is None:
        return Answer(x=None, value=-np.inf, bound=np.inf, optimal=False)
    bound = result.termination.objective_bounds.dual_bound
    if not result.has_primal_feasible_solution():
        return Answer(x=None, value=-np.inf, bound=bound, optimal=False)
    x = np.array(result.variable_values(list(model.variables())))
    optimal = result.termination.reason == mathopt.TerminationReason.OPTIMAL
    return Answer(x=x, value=result.objective_value(), bound=bound, optimal=optimal)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Optimum:
    """Of a linear program: a solution, its value, a price for each row."""

    x: FloatArray
    value: float
    duals: FloatArray


#: How a linear program is solved, one way after the other until one works.
_WAYS = (
    (mathopt.SolverType.HIGHS, mathopt.LPAlgorithm.BARRIER),
    (mathopt.SolverType.GLOP, mathopt.LPAlgorithm.DUAL_SIMPLEX),
)
_PAUSE_S = 0.05


def optimum(program: Program, *, over: Callable[[], bool] = lambda: False) -> Optimum | None:
    """Optimum of a linear program, at a vertex; None where there is none or ``over()`` came first.

    It is found in a thread of its own, so that ``over`` and Ctrl-C are heard meanwhile; a solver that is not
    waited for runs to its end there.
    """
    found: list[Optimum | None] = []
    worker = threading.Thread(target=lambda: found.append(_vertex(program)), daemon=True)
    worker.start()
    while worker.is_alive():
        worker.join(_PAUSE_S)
        if worker.is_alive() and over():
            return None
    return found[0] if found else None


def _vertex(program: Program) -> Optimum | None:
    model = program.model()
    for kind, algorithm in _WAYS:
        try:
            result = mathopt.solve(model, kind, params=mathopt.SolveParameters(lp_algorithm=algorithm))
        except _DIED:
            continue
        if (
            result.termination.reason != mathopt.TerminationReason.OPTIMAL
            or not result.has_dual_feasible_solution()
        ):
            continue
        return Optimum(
            x=np.array(result.variable_values(list(model.variables()))),
            value=result.objective_value(),
            duals=np.array(result.dual_values(list(model.linear_constraints()))),
        )
    return None
