"""Fleets with rules that the paths' arrays cannot say: rows in the bound, prices in the plan.

Duty, shares, knapsacks, the most of groups and the age of data are rows beside those of memory and energy.
Their prices make acquisitions that use them worth less; the paths are planned at those worths, what still
breaks a rule is left out, and the plain solver's rounds improve what is left by all rules.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from comity.core import InputError
from comity.planning.baseline import BaselineSolver
from comity.planning.baseline.motion import slot_at
from comity.planning.baseline.solver import Search
from comity.planning.paths.bounding import bounds
from comity.planning.paths.narrowing import only
from comity.planning.paths.relaxation import Graph, Relaxation
from comity.planning.paths.remote import Keeper, RemoteGraph
from comity.planning.paths.solver import solve
from comity.planning.paths.stated.fleet import Fleet, fleet_of
from comity.planning.paths.stated.fleet_solver import METHOD, STEPS_PER_UNIT, holding, told
from comity.planning.paths.stated.nodes import FloatArray, IntArray

#: Part of the time or work for the prices, and for the paths after it; steps without a limit of work.
_PRICES, _PATHS, _STEPS = 0.3, 0.4, (40, 100)
_CLOSE = 1e-4
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class RuledFleetSolver(BaselineSolver):
    """See the module, and :func:`.fleet.beyond_fleet` with ``rules`` for what it takes."""

    name: ClassVar[str] = "paths, ruled"
    workers: int = 2
    keeper: Keeper | None = None

    def _exact(self, search: Search, seed: int) -> None:
        fleet = fleet_of(search.draft.problem)
        if not len(fleet.paths):
            return
        prices = self._prices(search, fleet)
        if not search.over():
            self._paths(search, fleet, prices, seed)

    def _limits(self, search: Search, part: float, steps: int) -> tuple[int, float]:
        """Steps, and the deadline (s from the beginning), of one stage."""
        stop, deadline = search.stop, search.deadline
        if stop.work is not None:
            steps = max(1, math.floor(STEPS_PER_UNIT * part * stop.work))
        left = deadline.left_s
        return steps, deadline.elapsed_s + (math.inf if math.isinf(left) else part * left)

    def _prices(self, search: Search, fleet: Fleet) -> FloatArray:
        """Lower the bound; what the rules that are rows cost each node then, (n,)."""
        graph = Graph(fleet.paths, workers=self.workers)
        if self.keeper is not None:
            graph = RemoteGraph(fleet.paths, self.keeper, workers=self.workers)
        relaxation = Relaxation(fleet.paths, fleet.outer, graph)
        steps, until = self._limits(search, _PRICES, _STEPS[0])
        best = search.best
        found = relaxation.zero()

        def tell(bound: float) -> None:
            upper = bound * (1 + 1e-12) + fleet.constant
            if upper < best.upper:
                best.upper, best.method = upper, METHOD

        rounds = bounds(relaxation, over=lambda: search.deadline.elapsed_s > until, tell=tell)
        for step in itertools.islice(rounds, steps):
            found = step.prices
            best.exact_work += 1.0 / STEPS_PER_UNIT
            search.progress(
                search.deadline.elapsed_s, search.stop.wall_s or 1.0, told(sum(best.worth), best.upper)
            )
            if search.deadline.elapsed_s > until:
                break
        rows = np.zeros_like(found.rows)
        rows[fleet.ruled] = found.rows[fleet.ruled]
        return np.asarray(fleet.outer.nodes.T @ rows)

    def _paths(self, search: Search, fleet: Fleet, cost: FloatArray, seed: int) -> None:
        best, frozen = search.best, fleet.nodes.frozen
        worth = np.where(frozen, fleet.paths.value, fleet.paths.value - cost)
        keep = np.flatnonzero(frozen | (worth > 0))
        column = np.full(len(fleet.paths), -1, np.int64)
        column[keep] = np.arange(len(keep))
        start = column[fleet.previous]
        steps, until = self._limits(search, _PATHS, _STEPS[1])
        try:
            found = solve(
                replace(only(fleet.paths, keep), value=worth[keep]),
                seed=seed,
                steps=steps,
                wall_s=None if math.isinf(until) else max(0.1, until - search.deadline.elapsed_s),
                gap=max(search.stop.gap, _CLOSE),
                workers=self.workers,
                start=start[start >= 0],
                frozen=frozen[keep] if frozen.any() else None,
                keeper=self.keeper,
            )
        except InputError:
            return  # by the arrays' stricter rules not even an empty plan holds
        best.exact_work += found.steps / STEPS_PER_UNIT
        nodes = _allowed(fleet, keep[np.array(found.nodes, dtype=np.int64)])
        held = holding(fleet, nodes, found.sendings)
        if held is not None and (True, (held[2].worth.value,)) > (best.fair, best.worth):
            best.put(held[0], held[1], (held[2].worth.value,), fair=True)
            slots = [
                slot_at(o, a.start_s, search.draft.satellites[o.satellite].slew)
                for a in held[0]
                for o in (search.draft.opportunities[a.opportunity],)
            ]
            search.carry_out(slots)
            best.offer(search.draft)
        if found.stopped == "interrupted":
            raise KeyboardInterrupt


def _allowed(fleet: Fleet, nodes: IntArray) -> IntArray:
    """Of ``nodes``, the most valuable first, those that keep the rules that are rows."""
    rows, limit = fleet.outer.nodes[fleet.ruled].tocsc(), fleet.outer.limit[fleet.ruled]
    used = np.zeros(len(limit))
    kept = []
    value = np.where(fleet.nodes.frozen, np.inf, fleet.paths.value)[nodes]
    for v in nodes[np.lexsort((nodes, -value))].tolist():
        own = slice(rows.indptr[v], rows.indptr[v + 1])
        at, more = rows.indices[own], rows.data[own]
        if fleet.nodes.frozen[v] or np.all(used[at] + more <= limit[at] + _ROUNDING):
            used[at] += more
            kept.append(v)
    return np.sort(np.array(kept, dtype=np.int64))
