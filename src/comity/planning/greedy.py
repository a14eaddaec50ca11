"""A plan by simple rules: quick, valid, far from blind; the start and the yardstick of better solvers."""

from __future__ import annotations

from comity.core import Progress, silent
from comity.planning.coverage import sum_of_best
from comity.planning.instance import prepare
from comity.planning.model import Bound, Problem, Solution
from comity.planning.result import assemble
from comity.planning.selection import Selection, carry_out, fill
from comity.planning.solver import Deadline, Stop
from comity.planning.validation import validate

#: How the greedy bound is proved.
BEST_METHOD = "sum of the best opportunities"


def greedy(selection: Selection, deadline: Deadline) -> None:
    """Take what gains most, while it fits and time lasts."""
    fill(selection, range(len(selection.instance.ops)), stop=lambda: deadline.passed)


class GreedySolver:
    """Takes what gains most, again and again; bound: :func:`comity.planning.coverage.sum_of_best`.

    Does not use the seed: the plan follows from the problem alone.
    """

    name = "greedy"

    def solve(self, problem: Problem, *, seed: int, stop: Stop, progress: Progress = silent) -> Solution:
        """See :class:`comity.planning.Solver`."""
        validate(problem)
        deadline = Deadline(stop)
        progress(0, 1, "taking what gains most")
        instance = prepare(problem, deadline)
        selection = Selection(instance)
        stopped = ""
        try:
            greedy(selection, deadline)
        except KeyboardInterrupt:
            stopped = ", interrupted"
            selection = carry_out(instance, selection.taken)
        worth = selection.worth
        upper = max(worth, sum_of_best(instance))
        bound = Bound(value=worth, upper=upper, method=BEST_METHOD + stopped)
        progress(1, 1, f"value {worth:,.0f}")
        return assemble(selection, bound, solver=self.name, work=0.0, seed=seed)
