"""A stronger bound: satellites planned alone, in whole numbers, at the final prices.

With requests and antennas priced (Dantzig–Wolfe decomposition), what is left falls apart by satellite. The
best a satellite can do alone, with its memory and its battery in whole numbers, is at most what its longest
path and the prices of its own rows promise, often less. One satellite after the other takes its place in the
sum; any upper bound of its program will do, so that each may end at a limit of work.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix, hstack, vstack

from comity.planning.paths import kernels
from comity.planning.paths.linear import Program, whole
from comity.planning.paths.problem import FloatArray, IntArray, PathProblem
from comity.planning.paths.relaxation import BoolArray, Prices, Relaxation

#: Of a satellite's program: acquisitions in it at most, nodes of the tree, relative gap; part of a bound that
#: is left for rounding.
_MOST, _TREE, _CLOSE, _ROUNDING = 3000, 30, 3e-4, 1e-7
#: What a satellite may gain at least (part of all) to be worth a program.
_LEAST = 3e-6


def turns_add_up(problem: PathProblem) -> bool:
    """Whether nodes that cannot follow each other cannot do so with others between either.

    Turning times are concave in the angle, so this holds where no satellite sweeps over more during an
    acquisition than it could turn by in that time.
    """
    angle = np.arctan2(
        np.linalg.norm(np.cross(problem.first, problem.last), axis=1),
        np.einsum("ij,ij->i", problem.first, problem.last),
    )
    rate = problem.agility.rate_rad_s[problem.satellite]
    ramp = rate / problem.agility.acceleration_rad_s2[problem.satellite]
    turn = np.where(angle <= rate * ramp, 2.0 * np.sqrt(angle * ramp / rate), ramp + angle / rate)
    room = problem.end_s - problem.start_s + problem.agility.settle_s[problem.satellite]
    return bool(np.all(turn <= room - kernels.SAME_S))


class Alone:
    """The bound at ``prices`` as a sum over satellites, ``tops`` (s,), and ``rest``."""

    def __init__(self, relaxation: Relaxation, prices: Prices) -> None:
        self.relaxation = relaxation
        problem, coupling = relaxation.problem, relaxation.coupling
        self.owner = _owners(relaxation)
        shared = self.owner < 0
        rows = np.where(shared, prices.rows, 0.0)
        #: What nodes and the resources' variables are worth where only shared rows are priced.
        self.gain = problem.value - prices.requests[problem.request] - coupling.nodes.T @ rows
        self.extra_gain = coupling.gain - coupling.extra.T @ rows
        self.slack = relaxation.slack(prices)
        self.tops = relaxation.graph.tops.copy()
        reduced = coupling.gain - coupling.extra.T @ prices.rows
        most = np.where(reduced > 0, reduced * coupling.high, reduced * coupling.low)
        nobody = coupling.satellite < 0
        np.add.at(self.tops, coupling.satellite[~nobody], most[~nobody])
        priced = coupling.limit * prices.rows
        np.add.at(self.tops, self.owner[~shared], priced[~shared])
        self.rest = float(prices.requests.sum() + priced[shared].sum() + most[nobody].sum())
        self._nodes, self._extra = coupling.nodes.tocsr(), coupling.extra.tocsr()
        self._done = np.zeros(problem.satellites, np.bool_)

    @property
    def bound(self) -> float:
        """On the value of any plan."""
        return self.rest + float(self.tops.sum())

    def values(self, taken: FloatArray, extra: FloatArray) -> FloatArray:
        """What a plan is worth at these prices, by satellite."""
        problem, coupling = self.relaxation.problem, self.relaxation.coupling
        own = np.bincount(problem.satellite, taken * self.gain, problem.satellites)
        mine = coupling.satellite >= 0
        weights = (extra * self.extra_gain)[mine]
        return np.asarray(own + np.bincount(coupling.satellite[mine], weights, problem.satellites))

    def waiting(self, known: FloatArray, most: int) -> IntArray:
        """Up to so many satellites, not yet tried, whose part may fall the most where ``known`` (s,) is
        what they can do alone."""
        loss = np.where(self._done, 0.0, self.tops - known)
        first = np.argsort(-loss, kind="stable")[:most]
        return first[loss[first] > _LEAST * self.bound]

    def bound_of(self, satellite: int, known: float, *, seed: int, over: Callable[[], bool]) -> float:
        """An upper bound of what ``satellite`` can do alone, not above its part now.

        ``known``: what it can do at least; nodes that only worse paths use are left out by it.
        """
        top = float(self.tops[satellite])
        short = max(0.0, top - known) + _ROUNDING * abs(top)
        offsets = self.relaxation.graph.offsets
        slack = self.slack[offsets[satellite] : offsets[satellite + 1]]
        if len(slack) > _MOST:
            short = min(short, float(np.partition(slack, _MOST - 1)[_MOST - 1]))
        program = self._program(satellite, slack <= short)
        found = whole(program, nodes=_TREE, gap=_CLOSE, seed=seed, over=over)
        # A path with a node that was left out is worth less than this.
        return min(top, max(found.bound + _ROUNDING * abs(found.bound), top - short))

    def put(self, satellite: int, bound: float) -> None:
        """``bound`` takes the place of the satellite's part."""
        self._done[satellite] = True
        self.tops[satellite] = min(self.tops[satellite], bound)

    def _program(self, satellite: int, near: BoolArray) -> Program:
        problem, coupling = self.relaxation.problem, self.relaxation.coupling
        offsets = self.relaxation.graph.offsets
        chosen = offsets[satellite] + np.flatnonzero(near)
        columns = np.flatnonzero(coupling.satellite == satellite)
        rows = np.flatnonzero(self.owner == satellite)
        n, q = len(chosen), len(columns)
        requests, place = np.unique(problem.request[chosen], return_inverse=True)
        once = csr_matrix((np.ones(n), (place, np.arange(n))), shape=(len(requests), n + q))
        starts, members = self.relaxation.graph.cliques(chosen)
        sets = csr_matrix((np.ones(len(members)), members, starts), shape=(len(starts) - 1, n + q))
        resources = hstack((self._nodes[rows][:, chosen], self._extra[rows][:, columns]))
        ones = np.ones(len(requests) + len(starts) - 1)
        limit = coupling.limit[rows]
        return Program(
            gain=np.concatenate((self.gain[chosen], self.extra_gain[columns])),
            rows=vstack((resources, once, sets), format="csr"),
            below=np.concatenate((np.where(coupling.equal[rows], limit, -np.inf), -np.inf * ones)),
            above=np.concatenate((limit, ones)),
            low=np.concatenate((np.zeros(n), coupling.low[columns])),
            high=np.concatenate((np.ones(n), coupling.high[columns])),
            whole=np.concatenate((np.ones(n, np.bool_), coupling.whole[columns])),
        )


def _owners(relaxation: Relaxation) -> IntArray:
    """The satellite that has each row to itself, −1 where there is none, (m,)."""
    problem, coupling = relaxation.problem, relaxation.coupling
    m = len(coupling.limit)
    low, high = np.full(m, problem.satellites, np.int64), np.full(m, -1, np.int64)
    for part, whose in ((coupling.nodes, problem.satellite), (coupling.extra, coupling.satellite)):
        entries = coo_matrix(part)
        np.minimum.at(low, entries.row, whose[entries.col])
        np.maximum.at(high, entries.row, whose[entries.col])
    return np.where((low == high) & (low >= 0), low, -1)
