"""A planning problem as one whole-numbered program: every node, every rule, every conflict in time."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack, vstack

from comity.planning.paths.cliques import covering
from comity.planning.paths.linear import Program
from comity.planning.paths.resources import Coupling
from comity.planning.paths.stated import kernels
from comity.planning.paths.stated.energy import add_energy
from comity.planning.paths.stated.nodes import Nodes, never_first, nodes_of
from comity.planning.paths.stated.pointing import Pointings, angles
from comity.planning.paths.stated.rows import Rows
from comity.planning.paths.stated.rules import add_rules
from comity.planning.paths.stated.sending import add_sending
from comity.planning.paths.stated.worth import Worth
from comity.planning.problem import PlanningProblem, Pointing, Satellite, Slew

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

#: More pairs of nodes than this are not a program for one machine.
MOST_PAIRS = 25_000_000
_METRICS = {"line": 0, "attitude": 1, "axes-sum": 2, "axes-max": 3}
#: What the checker lets pass (s).
_TOLERANCE_S = 1.1e-6


class TooManyPairs(Exception):
    """The program would not fit."""


class Stated:
    """Columns: nodes (n,), then the rows' own variables (q,). Its optimum bounds every plan.

    ``buckets``: free starts are gathered (the optimum bounds), else tried one by one (the optimum guides).
    ``pieces``: the parts of contacts by satellite. ``constant``: what is added to the objective to make it a
    plan's value (churn). Raises :class:`TooManyPairs`.
    """

    def __init__(self, problem: PlanningProblem, *, buckets: bool) -> None:
        self.problem = problem
        self.nodes = nodes = nodes_of(problem, buckets=buckets)
        rows = Rows(len(nodes))
        worth = Worth(problem, nodes, rows)
        add_rules(problem, nodes, rows, worth)
        self.pieces, never = add_sending(problem, nodes, rows)
        add_energy(problem, nodes, rows, self.pieces)
        self.constant, kept = _churn(problem, nodes, rows)
        self.out = worth.useless & ~kept
        self.out[never] = True
        self.out |= never_first(problem, nodes)
        self.out &= ~nodes.frozen
        self.value = rows.value
        self.coupling: Coupling = rows.coupling()
        # One node of each set: the request where it is a point to be had once, else the opportunity.
        self.sets = np.where(worth.alone, nodes.request, len(problem.requests) + nodes.opportunity)
        self.cliques = self._in_time()

    def _in_time(self) -> tuple[IntArray, IntArray]:
        """Sets of nodes that exclude each other in time, as CSR."""
        nodes, problem = self.nodes, self.problem
        starts, members, total = [np.zeros(1, np.int64)], [np.empty(0, np.int64)], 0
        filled = 0
        spread = self._spread()
        for k, satellite in enumerate(problem.satellites):
            own = np.flatnonzero((nodes.satellite == k) & ~self.out)
            if len(own) < 2:
                continue
            pairs, timely = self._pairs(satellite, own, spread)
            total += len(pairs)
            if total > MOST_PAIRS:
                raise TooManyPairs
            first, inside = covering(len(own), pairs, timely, self.sets[own])
            starts.append(first[1:] + filled)
            members.append(own[inside])
            filled += len(inside)
        return np.concatenate(starts), np.concatenate(members)

    def _spread(self) -> FloatArray:
        """How far a bucket's pointing is off its middle, (n,): the sum of its path's pieces, halved."""
        nodes = self.nodes
        spread = np.zeros(len(nodes))
        wide = np.flatnonzero((nodes.late_s > nodes.start_s) & nodes.pointed)
        for v in wide.tolist():
            o = self.problem.opportunities[nodes.opportunity[v]]
            slew = self.problem.satellites[nodes.satellite[v]].slew
            assert o.pointing is not None and slew is not None
            length = nodes.late_s[v] - nodes.start_s[v]
            spread[v] = max(
                _path(o.pointing, slew, nodes.start_s[v], length),
                _path(o.pointing, slew, nodes.end_s[v], length),
            )
        return spread

    def _pairs(
        self, satellite: Satellite, own: IntArray, spread: FloatArray
    ) -> tuple[NDArray[np.int32], BoolArray]:
        nodes, slew = self.nodes, satellite.slew or Slew()
        metric = _METRICS[slew.metric]
        pieces = np.array([(p.upto_rad, p.base_s, p.s_per_rad) for p in slew.pieces], np.float64).reshape(
            -1, 3
        )
        rate, acceleration = slew.rate_rad_s or 0.0, slew.acceleration_rad_s2 or 1.0
        lasting = nodes.end_s[own] - nodes.start_s[own]
        width = _width(self.problem, satellite)
        first = np.ascontiguousarray(nodes.first[own, :width])
        last = np.ascontiguousarray(nodes.last[own, :width])
        if slew.pieces and not _subadditive(slew):
            wild = np.ones(len(own), np.bool_)
        elif slew.pieces:
            wild = np.array(
                [_wild(slew, a, b, d, metric) for a, b, d in zip(first, last, lasting, strict=True)]
            )
        else:
            wild = kernels.restless(first, last, lasting, metric, rate, acceleration, slew.settle_s)
        wild &= nodes.pointed[own]
        pairs, timely = kernels.rivals(
            nodes.start_s[own], nodes.late_s[own], lasting, self.sets[own], first, last, spread[own],
            nodes.pointed[own], wild, metric, rate, acceleration, slew.settle_s, pieces, _reach(slew),
            _TOLERANCE_S, MOST_PAIRS,
        )  # fmt: skip
        if pairs.shape[1] == 3:
            raise TooManyPairs
        return self._explicit(own, pairs, timely)

    def _explicit(
        self, own: IntArray, pairs: NDArray[np.int32], timely: BoolArray
    ) -> tuple[NDArray[np.int32], BoolArray]:
        """With the stated transitions in place of turns."""
        names = self.problem.opportunities
        where: dict[int, list[int]] = defaultdict(list)
        inside = set(self.nodes.opportunity[own].tolist())
        wanted = {o.id: k for k, o in enumerate(names) if k in inside} if self.problem.transitions else {}
        stated = [t for t in self.problem.transitions if t.first in wanted and t.second in wanted]
        if not stated:
            return pairs, timely
        for place, o in enumerate(self.nodes.opportunity[own].tolist()):
            where[o].append(place)
        least = {(wanted[t.first], wanted[t.second]): t.least_s for t in stated}
        found = {(int(a), int(b)) for a, b in pairs}
        early, late = self.nodes.start_s[own], self.nodes.late_s[own]
        lasting = self.nodes.end_s[own] - early
        both = {(min(a, b), max(a, b)) for a, b in least}
        for a, b in both:
            for i in where[a]:
                for j in where[b]:
                    if self.sets[own[i]] == self.sets[own[j]]:
                        continue
                    fits = False
                    for x, y, o, p in ((i, j, a, b), (j, i, b, a)):
                        gap = late[y] - early[x] - lasting[x] + _TOLERANCE_S
                        # The other way round the turn decides: left to the plan's check.
                        fits |= gap >= max(0.0, least.get((o, p), 0.0)) and late[y] >= early[x]
                    pair = min(i, j), max(i, j)
                    if fits:
                        found.discard(pair)
                    else:
                        found.add(pair)
        ordered = np.array(sorted(found), dtype=np.int32).reshape(-1, 2)
        return ordered, self.sets[own[ordered[:, 0]]] != self.sets[own[ordered[:, 1]]]

    def program(self, chosen: BoolArray, *, low: FloatArray | None = None) -> tuple[Program, IntArray]:
        """Over the ``chosen`` (n,) nodes; ``low`` (q,): higher lower bounds of the rows' variables."""
        c = self.coupling
        keep = np.flatnonzero(chosen & ~self.out)
        n, q = len(keep), len(c.low)
        column = np.full(len(self.nodes), -1, dtype=np.int64)
        column[keep] = np.arange(n)
        sets, place = np.unique(self.sets[keep], return_inverse=True)
        once = csr_matrix((np.ones(n), (place, np.arange(n))), shape=(len(sets), n + q))
        starts, members = self.cliques
        row = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
        inside = column[members] >= 0
        exclusive = csr_matrix(
            (np.ones(int(inside.sum())), (row[inside], column[members[inside]])),
            shape=(len(starts) - 1, n + q),
        )
        size = np.diff(exclusive.indptr)
        exclusive = exclusive[size > 1]
        once = once[np.diff(once.indptr) > 0]
        rows = vstack((once, exclusive, hstack((c.nodes[:, keep], c.extra))), format="csr")
        ones = once.shape[0] + exclusive.shape[0]
        return (
            Program(
                gain=np.concatenate((self.value[keep], c.gain)),
                rows=rows,
                below=np.concatenate((np.full(ones, -np.inf), np.where(c.equal, c.limit, -np.inf))),
                above=np.concatenate((np.ones(ones), c.limit)),
                low=np.concatenate(
                    (self.nodes.frozen[keep].astype(np.float64), c.low if low is None else low)
                ),
                high=np.concatenate((np.ones(n), c.high)),
                whole=np.concatenate((np.ones(n, np.bool_), c.whole)),
            ),
            keep,
        )


def _churn(problem: PlanningProblem, nodes: Nodes, rows: Rows) -> tuple[float, BoolArray]:
    """What is kept of the previous plan is worth the price of dropping it; all of it was paid before.

    That sum, and the nodes (n,) that keep something: worth it even where they serve nobody.
    """
    if not problem.previous or problem.churn_price <= 0:
        return 0.0, np.zeros(len(nodes), np.bool_)
    at = {a.opportunity: a.start_s for a in problem.previous}
    started = np.array([at.get(o.id, math.inf) for o in problem.opportunities])[nodes.opportunity]
    same = (started >= nodes.start_s - _TOLERANCE_S) & (started <= nodes.late_s + _TOLERANCE_S)
    rows.value[same] += problem.churn_price
    return -len(problem.previous) * problem.churn_price, same


def _path(pointing: Pointing, slew: Slew, start_s: float, length_s: float) -> float:
    """How far the pointing is off its middle, at the most, within so many seconds from ``start_s``."""
    table = Pointings([pointing], slew.metric)
    inner = [t for t in pointing.at_s if start_s < t < start_s + length_s]
    at = np.array([start_s, *inner, start_s + length_s, start_s + length_s / 2])
    looks = table.at(np.zeros(len(at), np.int64), at)
    middle = np.repeat(looks[-1:], len(at) - 1, axis=0)
    # Between two samples the pointing turns steadily: it is farthest at one of them.
    return float(angles(looks[:-1], middle, slew.metric).max()) + 1e-12


def _width(problem: PlanningProblem, satellite: Satellite) -> int:
    for o in problem.opportunities:
        if o.satellite == satellite.id and o.pointing is not None:
            return len(o.pointing.samples[0])
    return 3


def _reach(slew: Slew) -> float:
    """No turn takes longer (s); infinite where some cannot be made."""
    if slew.pieces:
        widest = 3 * 2 * math.pi if slew.metric.startswith("axes") else math.pi
        if slew.pieces[-1].upto_rad < widest:
            return math.inf
        return max(p.base_s + p.upto_rad * p.s_per_rad for p in slew.pieces) + slew.settle_s
    if slew.rate_rad_s is None or slew.acceleration_rad_s2 is None:
        return slew.settle_s
    widest = 3 * 2 * math.pi if slew.metric.startswith("axes") else math.pi
    v, a = slew.rate_rad_s, slew.acceleration_rad_s2
    return max(2 * math.sqrt(widest / a), v / a + widest / v) + slew.settle_s


def _subadditive(slew: Slew) -> bool:
    """Whether a turn in two steps never takes less: time per angle does not rise, time does not fall."""
    time, before = 0.0, math.inf
    low = 0.0
    for piece in slew.pieces:
        at_low, at_high = (piece.base_s + x * piece.s_per_rad for x in (low, piece.upto_rad))
        if at_low < time - 1e-12 or piece.base_s < 0:
            return False
        if low > 0 and at_low / low > before + 1e-12:
            return False
        time, before, low = at_high, at_high / max(piece.upto_rad, 1e-12), piece.upto_rad
    return True


def _wild(slew: Slew, a: FloatArray, b: FloatArray, lasting: float, metric: int) -> bool:
    pieces = np.array([(p.upto_rad, p.base_s, p.s_per_rad) for p in slew.pieces], np.float64)
    theta = kernels.angle(a, b, metric)
    return theta > 1e-12 and bool(kernels.turn_s(theta, 0.0, 1.0, 0.0, pieces) > lasting + slew.settle_s)
