"""What to change in many satellites at once: a linear program near the plan says, a small whole one decides.

The relaxation of a large part of the plan, with a premium on every node that the plan has, moves only what
gains more than the premium (compare proximity search, Fischetti & Monaci 2014). What it leaves in the plan
stays; the rest is planned anew in whole numbers, with the nodes it uses: often a few dozen of
thousands, in satellites that small groups would not bring together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from comity.planning.paths.linear import Answer, optimum
from comity.planning.paths.problem import IntArray
from comity.planning.paths.relaxation import BoolArray
from comity.planning.paths.search import Part, Search

_ALL, _NONE = 1 - 1e-6, 1e-6


def solve_near(
    search: Search,
    group: IntArray,
    denied: BoolArray | None,
    *,
    useful: BoolArray,
    free: BoolArray,
    portion: float,
    premium: float,
    nodes: int,
    gap: float,
    seed: int,
    over: Callable[[], bool],
) -> tuple[Part, Answer] | None:
    """The best found for what moves in ``group``, None where nothing does or ``over()`` came first.

    ``premium``: what a node of the plan counts for besides its value. The others: see :class:`Part`.
    """
    problem = search.relaxation.problem
    part = Part(search, group, useful, free, portion=portion, denied=denied)
    n = len(part.chosen)
    taken = search.taken[part.chosen]
    program = part.program()
    gain = program.gain.copy()
    gain[:n] += premium * taken
    found = optimum(replace(program, gain=gain, whole=None), over=over)
    if found is None:
        return None
    share = found.x[:n]
    stays = taken & (share > _ALL)
    moves = part.chosen[(taken | (share > _NONE)) & ~stays]
    if not len(moves):
        return None
    used = np.zeros(len(problem), np.bool_)
    used[moves] = True
    kept = np.zeros(len(problem), np.bool_)
    kept[part.chosen[stays]] = True
    moving = np.unique(problem.satellite[moves])
    small = Part(search, moving, used, free & ~kept, portion=portion, denied=denied)
    return small, small.solve(nodes=nodes, gap=gap, seed=seed, over=over, sparse=True)
