"""From choices in conflict to a plan with a proven bound."""

from __future__ import annotations

import math
from collections.abc import Sequence

from comity.core import InputError, Progress, silent
from comity.planning.conflicts.graph import reduced_graph
from comity.planning.conflicts.linear import relaxed_bound, search
from comity.planning.conflicts.packing import knapsack_rows, packing_rows
from comity.planning.conflicts.start import greedy_start, improved
from comity.planning.conflicts.types import ConflictPlan, ConflictProblem, broken_rules, value_of
from comity.planning.solver import Deadline, Stop

#: Who excludes whom is kept as a bit for each pair: 60 MB at this many choices.
MOST_CHOICES = 20_000
#: Solvers call a bound reached within their tolerance; relative to the size of the values.
_TOLERANCE = 1e-9
#: Whole-numbered bounds are rounded down, with so much forgiven to the solver's arithmetic.
_WHOLE_TOLERANCE = 1e-4


def solve_conflicts(
    problem: ConflictProblem, *, seed: int = 0, stop: Stop | None = None, progress: Progress = silent
) -> ConflictPlan:
    """The best choices found by the time ``stop`` says, with a bound on any.

    ``stop.work`` counts nodes of the search tree (the first one, at the root, is most of the work on hard
    problems): the same problem, seed and work give the same plan on any machine, unless a wall limit comes
    first. None goes on until the plan is proven best. A KeyboardInterrupt ends the search like a limit
    does; progress is told from the calling thread.

    The steps: choices that can never help are dropped; local search gives a first plan; cliques and "at
    most two" sets make the linear relaxation tight, its prices give a first bound; branch and bound closes
    the rest.

    Raises :class:`InputError` for more than :data:`MOST_CHOICES` choices.
    """
    if len(problem.values) > MOST_CHOICES:
        raise InputError(
            f"{len(problem.values):,} choices in conflict: this method takes {MOST_CHOICES:,} at most; "
            "split the problem or use a planner that follows time"
        )
    stop = stop or Stop()
    deadline = Deadline(stop)
    best: tuple[int, ...] = ()
    upper = math.fsum(problem.values)
    nodes = 0
    interrupted = False

    def tell() -> None:
        value = value_of(problem, best)
        message = f"value {value:,.0f}, at most {upper:,.0f} (gap {_gap(value, upper):.2%})"
        total = stop.wall_s or 0.0
        progress(min(deadline.elapsed_s, total), total or 1.0, message)

    try:
        graph = reduced_graph(problem)
        start = greedy_start(graph)
        best = _in_problem(graph.choices, start)
        start = improved(graph, start, seed, lambda: deadline.passed)
        best = _in_problem(graph.choices, start)
        rows = [*packing_rows(graph), *knapsack_rows(graph)]
        upper = min(upper, _rounded(problem, relaxed_bound(graph.values, rows)))
        tell()
        if not _reached(value_of(problem, best), upper, stop.gap) and not deadline.passed:
            found = search(
                graph.values,
                rows,
                start,
                seed=seed,
                nodes=None if stop.work is None else max(1, math.floor(stop.work)),
                wall_s=None if stop.wall_s is None else deadline.left_s,
                gap=stop.gap,
                look=tell,
            )
            nodes, interrupted = found.nodes, found.interrupted
            upper = min(upper, _rounded(problem, found.upper))
            if found.taken is not None:
                taken = _in_problem(graph.choices, found.taken)
                # Numbers inside the solver are floats: a plan counts when the problem itself accepts it.
                if not broken_rules(problem, taken) and value_of(problem, taken) > value_of(problem, best):
                    best = taken
    except KeyboardInterrupt:
        interrupted = True
    value = value_of(problem, best)
    if _reached(value, upper, 0.0):
        upper = value
    tell()
    return ConflictPlan(
        taken=best,
        value=value,
        upper=upper,
        work=nodes,
        stopped=_why(value, upper, stop, nodes, interrupted=interrupted, late=deadline.passed),
    )


def _in_problem(choices: Sequence[int], taken: Sequence[int]) -> tuple[int, ...]:
    return tuple(sorted(choices[k] for k in taken))


def _rounded(problem: ConflictProblem, upper: float) -> float:
    """``upper``, rounded down to what sums of the values can be, or widened by the tolerance."""
    if not math.isfinite(upper):
        return upper
    if all(value.is_integer() for value in map(float, problem.values)):
        step = math.gcd(*(int(value) for value in problem.values)) or 1
        return float(step * math.floor(upper / step + _WHOLE_TOLERANCE))
    return upper * (1 + _TOLERANCE)


def _gap(value: float, upper: float) -> float:
    return 0.0 if upper <= 0 else max(0.0, (upper - value) / upper)


def _reached(value: float, upper: float, gap: float) -> bool:
    return _gap(value, upper) <= max(gap, 4 * _TOLERANCE)


def _why(value: float, upper: float, stop: Stop, nodes: int, *, interrupted: bool, late: bool) -> str:
    if upper <= value:
        return "proven"
    if interrupted:
        return "interrupted"
    if _reached(value, upper, stop.gap):
        return "gap"
    if late:
        return "wall"
    return "work" if stop.work is not None and nodes >= math.floor(stop.work) else "search ended"
