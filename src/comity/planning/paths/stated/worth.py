"""What requests earn, as rows: exact at whole numbers where it can be, else never too little.

``sure`` members of a span are nodes all of whose starts lie in it, ``possible`` ones have some there: limits
count the former, worth the latter, so that a node that stands for many starts never bounds too low.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from comity.planning.paths.stated.nodes import Nodes
from comity.planning.paths.stated.rows import Rows
from comity.planning.problem import PlanningProblem, Request

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

#: Chances this near 1 are 1.
_CERTAIN = 1e-9
_MOST_CHORDS = 12
_MOST_SUMS = 400


@dataclass(frozen=True, slots=True)
class Unit:
    """One try: it is made when a node of ``nodes`` is taken, or when variable ``made`` is 1.

    ``key``: satellite and pass of a try of several views.
    """

    chance: float
    nodes: IntArray
    made: int | None = None
    key: tuple[str, str | None] | None = None


class Worth:
    """Adds the worth of all requests to ``rows``, and the limits that belong to a request.

    ``alone`` (n,): whether a node's set (one of which is taken at most) is its request, not only its
    opportunity. ``useless`` (n,): nodes that can earn nothing.
    """

    def __init__(self, problem: PlanningProblem, nodes: Nodes, rows: Rows) -> None:
        self.problem, self.nodes, self.rows = problem, nodes, rows
        self.chance = np.array([o.probability for o in problem.opportunities])[nodes.opportunity]
        order = np.argsort(nodes.request, kind="stable")
        cuts = np.searchsorted(nodes.request[order], np.arange(len(problem.requests) + 1))
        self.of = [order[a:b] for a, b in itertools.pairwise(cuts)]
        self.alone = np.zeros(len(nodes), np.bool_)
        self.useless = np.zeros(len(nodes), np.bool_)
        #: By request: variables that are 1 only where a try of several views is complete.
        self.complete: dict[int, list[int]] = defaultdict(list)
        #: Variables with a gain: (variable, gain, request).
        self.earned: list[tuple[int, float, int]] = []
        self._at = 0
        for k, request in enumerate(problem.requests):
            self._add(k, request, self.of[k])
        held = nodes.frozen
        self.useless &= ~held

    def _add(self, k: int, request: Request, own: IntArray) -> None:
        if not len(own):
            return
        self._at = k
        if request.cells is None and request.views == 1 and request.tries == 1 and not request.periods:
            self.alone[own] = True
            self.rows.value[own] += request.value * self.chance[own]
            self._one_view(request, own)
            return
        spans = request.periods or ((-math.inf, math.inf),)
        inside = np.zeros(len(own), np.bool_)
        if request.views > 1 and request.periods and request.cells is None:
            self._passes_in_periods(k, request, own)
            return
        for span in spans:
            sure, possible = self._inside(own, span)
            inside[possible] = True
            members = own[possible]
            units = self._units(k, request, members)
            self._limit(request, own[sure], units)
            share = request.value / len(spans)
            if request.cells is None and request.views == request.tries == 1:
                # One of them at most: the worth of each is its own.
                self.rows.value[members] += share * self.chance[members]
            elif request.cells is None:
                self._chances(share, request.tries, units)
            else:
                self._cells(request, share, members)
        self.useless[own[~inside]] = True
        self._one_view(request, own)

    def _passes_in_periods(self, k: int, request: Request, own: IntArray) -> None:
        """A pass counts, once, for the period in which its first view starts; the others may start later."""
        share = request.value / len(request.periods)
        late = self.nodes.late_s[own]
        useful = np.zeros(len(own), np.bool_)
        made: dict[object, list[int]] = defaultdict(list)
        for span in request.periods:
            begins = own[self._inside(own, span)[1]]
            units = self._units(k, request, own[late >= span[0]], begins)
            useful |= late >= span[0]
            self._limit(request, begins, units)
            self._chances(share, request.tries, units)
            for unit in units:
                if unit.made is not None:
                    made[unit.key].append(unit.made)
        for each in made.values():
            if len(each) > 1:
                self.rows.row([], 1.0, [(y, 1.0) for y in each], 1.0)
        self.useless[own[~useful]] = True

    def _inside(self, own: IntArray, span: tuple[float, float]) -> tuple[BoolArray, BoolArray]:
        early, late = self.nodes.start_s[own], self.nodes.late_s[own]
        return (early >= span[0]) & (late < span[1]), (late >= span[0]) & (early < span[1])

    def _units(
        self, k: int, request: Request, members: IntArray, begins: IntArray | None = None
    ) -> list[Unit]:
        """Tries that can be made of these nodes (with one of ``begins`` among their views, where given)."""
        opportunities = self.problem.opportunities
        by: dict[int, list[int]] = defaultdict(list)
        for v in members.tolist():
            by[int(self.nodes.opportunity[v])].append(v)
        if request.views == 1:
            return [
                Unit(opportunities[o].probability, np.array(own, dtype=np.int64)) for o, own in by.items()
            ]
        passes: dict[tuple[str, str | None], dict[str | None, list[int]]] = defaultdict(dict)
        for o in by:
            each = opportunities[o]
            passes[each.satellite, each.pass_id].setdefault(each.view, []).append(o)
        units = []
        for key, views in passes.items():
            if len(views) < request.views:
                continue
            at_first = None
            if begins is not None:
                at_first = np.intersect1d(begins, [v for view in views.values() for o in view for v in by[o]])
                if not len(at_first):
                    continue
            best = sorted(
                (max(opportunities[o].probability for o in v) for v in views.values()), reverse=True
            )
            made = self.rows.variable(0.0, 1.0, whole=True)
            parts = []
            for view in views.values():
                own = np.array([v for o in view for v in by[o]], dtype=np.int64)
                if len(views) == request.views:
                    self.rows.row(own, -1.0, [(made, 1.0)], 0.0)
                else:
                    had = self.rows.variable(0.0, 1.0)
                    self.rows.row(own, -1.0, [(had, 1.0)], 0.0)
                    parts.append((had, -1.0))
            if parts:
                self.rows.row([], 1.0, [(made, float(request.views)), *parts], 0.0)
            if at_first is not None:
                self.rows.row(at_first, -1.0, [(made, 1.0)], 0.0)
            self.complete[k].append(made)
            units.append(Unit(best[request.views - 1], np.empty(0, np.int64), made, key))
        return units

    def _one_view(self, request: Request, own: IntArray) -> None:
        """Starts of tries keep apart."""
        if request.spacing_s <= 0 or request.views > 1:
            return
        order = own[np.argsort(self.nodes.start_s[own], kind="stable")]
        start, late = self.nodes.start_s[order], np.maximum.accumulate(self.nodes.late_s[order])
        # Windows in which every two are too near: as far as each goes, if farther than the one before.
        until = np.searchsorted(late, start + request.spacing_s - 1e-6, side="left")
        reached = 0
        for i, j in enumerate(until.tolist()):
            if j > reached and j - i > 1:
                self.rows.row(order[i:j], 1.0, [], 1.0)
            reached = max(reached, j)

    def _limit(self, request: Request, sure: IntArray, units: Sequence[Unit]) -> None:
        if request.cells is not None or len(units) <= request.tries:
            return
        if request.views == 1:
            self.rows.row(sure, 1.0, [], float(request.tries))
        else:
            made = [(u.made, 1.0) for u in units if u.made is not None]
            self.rows.row([], 1.0, made, float(request.tries))

    def _chances(self, share: float, tries: int, units: Sequence[Unit]) -> None:
        """Earn ``share`` · (1 − Π(1 − pᵢ)) over the best ``tries`` units that are made."""
        units = [u for u in units if u.chance > 0]
        if share <= 0 or not units:
            return
        if len(units) == 1:
            one = units[0]
            self.rows.value[one.nodes] += share * one.chance
            if one.made is not None:
                y = self._gaining(1.0, share * one.chance)
                self.rows.row([], 1.0, [(y, 1.0), (one.made, -1.0)], 0.0)
            return
        chances = sorted((u.chance for u in units), reverse=True)
        most = 1 - math.prod(1 - p for p in chances[:tries])
        y = self._gaining(most, share)
        if tries == 1:
            for least in _thresholds(chances):
                self._below(y, units, [max(0.0, u.chance - least) for u in units], least)
            return
        self._below(y, units, [u.chance for u in units], 0.0)
        logs = [-math.log(max(_CERTAIN, 1 - u.chance)) for u in units]
        for slope, offset in _chords(logs, tries):
            self._below(y, units, [slope * a for a in logs], offset + _CERTAIN)

    def _gaining(self, high: float, gain: float) -> int:
        y = self.rows.variable(0.0, high, gain=gain)
        self.earned.append((y, gain, self._at))
        return y

    def _below(self, y: int, units: Sequence[Unit], factors: Sequence[float], limit: float) -> None:
        """y ≤ limit + Σ factor · made."""
        where = np.concatenate([u.nodes for u in units])
        each = np.concatenate([np.full(len(u.nodes), -f) for u, f in zip(units, factors, strict=True)])
        terms = [(u.made, -f) for u, f in zip(units, factors, strict=True) if u.made is not None and f]
        keep = each != 0
        self.rows.row(where[keep], each[keep], [(y, 1.0), *terms], limit)

    def _cells(self, request: Request, share: float, members: IntArray) -> None:
        """Cells with the same cover are one."""
        assert request.cells is not None
        by: dict[int, list[int]] = defaultdict(list)
        for v in members.tolist():
            by[int(self.nodes.opportunity[v])].append(v)
        covers: dict[int, list[int]] = defaultdict(list)
        for o in by:
            for cell in dict.fromkeys(self.problem.opportunities[o].cells or ()):
                covers[cell].append(o)
        weights: dict[tuple[int, ...], float] = defaultdict(float)
        for cell, cover in covers.items():
            weights[tuple(sorted(cover))] += request.cells[cell]
        for group, weight in weights.items():
            units = [
                Unit(self.problem.opportunities[o].probability, np.array(by[o], dtype=np.int64))
                for o in group
            ]
            self._chances(share * weight, request.tries, units)


def _thresholds(chances: Sequence[float]) -> list[float]:
    """0 and some of the chances below the largest: y ≤ t + Σ (p − t)⁺ holds for any t."""
    below = sorted({p for p in chances if p < chances[0]})
    every = max(1, -(-len(below) // _MOST_CHORDS))
    return [0.0, *below[::every]]


def _chords(logs: Sequence[float], tries: int) -> list[tuple[float, float]]:
    """Lines (slope, offset) above 1 − exp(−s) at every sum s of at most ``tries`` of ``logs``.

    Chords between neighbouring sums where these are few (then the least of them is exact), else tangents.
    """
    sums = {0.0}
    layer = {0.0}
    distinct = sorted(set(logs), reverse=True)
    for _ in range(tries):
        layer = {round(s + a, 12) for s in layer for a in distinct}
        sums |= layer
        if len(sums) > _MOST_SUMS:
            break
    ordered = sorted(sums)
    if len(ordered) <= _MOST_CHORDS + 1:
        lines = []
        for s, t in itertools.pairwise(ordered):
            slope = (math.exp(-s) - math.exp(-t)) / (t - s)
            lines.append((slope, 1 - math.exp(-s) - slope * s))
        return lines
    top = sum(sorted(logs, reverse=True)[:tries])
    points = [min(top, 30.0) * k / _MOST_CHORDS for k in range(1, _MOST_CHORDS + 1)]
    return [(math.exp(-s), 1 - math.exp(-s) * (1 + s)) for s in points]
