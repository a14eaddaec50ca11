"""The bound: prices on requests and resources, and the best path of each satellite at those prices.

For any prices λ ≥ 0 on the requests and π on the resource rows (≥ 0 on inequalities), the sum of the prices
times the limits, the longest path of each satellite with every node worth v − λ − π·use, and what stores,
batteries and contacts would make of the prices at best is an upper bound (Lagrangian relaxation, Geoffrion
1974). Prices come from the duals of linear programs over a core of the nodes.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from comity.planning.paths import kernels
from comity.planning.paths.cliques import covering
from comity.planning.paths.problem import FloatArray, IntArray, PathProblem
from comity.planning.paths.resources import Coupling

if TYPE_CHECKING:
    from comity.planning.paths.soft import Soft

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prices:
    """On requests (r,) and on resource rows (m,)."""

    requests: FloatArray
    rows: FloatArray

    def towards(self, other: Prices, part: float) -> Prices:
        """A mixture: ``part`` of ``other``."""
        return Prices(
            requests=(1 - part) * self.requests + part * other.requests,
            rows=(1 - part) * self.rows + part * other.rows,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Priced:
    """What prices give: the bound, the nodes on the best paths, and the slopes towards better prices."""

    bound: float
    used: BoolArray
    requests: FloatArray
    rows: FloatArray


class Graph:
    """The nodes of a problem as a graph, compiled for pricing."""

    def __init__(self, problem: PathProblem, *, workers: int = 2) -> None:
        self.problem = problem
        self.offsets = problem.offsets
        self.start = np.ascontiguousarray(problem.start_s)
        self.end = np.ascontiguousarray(problem.end_s)
        self.request = np.ascontiguousarray(problem.request)
        agility = problem.agility
        self.turns = (agility.rate_rad_s, agility.acceleration_rad_s2, agility.settle_s)
        self.longest = np.array(
            [kernels.slew_s(np.pi, r, a) + s for r, a, s in zip(*self.turns, strict=True)]
        )
        self.by_end = np.lexsort((self.end, problem.satellite)).astype(np.int64)
        self.workers = workers
        # Groups of satellites of about the same number of nodes.
        cuts = np.searchsorted(self.offsets, np.linspace(0, len(problem), 4 * workers + 1))
        cuts[0], cuts[-1] = 0, problem.satellites
        self.groups = [(int(a), int(b)) for a, b in pairwise(cuts) if b > a]
        self.pointer: IntArray
        self.index: NDArray[np.int32]
        self.pointer, self.index = self._arcs()
        n = len(problem)
        self.best, self.after = np.zeros(n), np.zeros(n)
        self.before = np.zeros(n, np.int64)
        self.tops = np.zeros(problem.satellites)
        self.used = np.zeros(n, np.bool_)

    def each(self, work: Callable[[tuple[int, int]], Any]) -> list[Any]:
        """``work`` on each group of satellites (first, beyond), on as many threads as there are workers."""
        if self.workers < 2 or len(self.problem) < 20_000:
            return [work(group) for group in self.groups]
        with ThreadPoolExecutor(self.workers) as pool:
            return list(pool.map(work, self.groups))

    def _arcs(self) -> tuple[IntArray, NDArray[np.int32]]:
        sights = (np.ascontiguousarray(self.problem.first), np.ascontiguousarray(self.problem.last))

        def part(group: tuple[int, int]) -> Any:
            a, b = group
            low, high = self.offsets[a], self.offsets[b]
            return kernels.near_arcs(
                self.offsets[a : b + 1] - low,
                self.start[low:high],
                self.end[low:high],
                self.request[low:high],
                sights[0][low:high],
                sights[1][low:high],
                *(each[a:b] for each in self.turns),
            )

        parts = self.each(part)
        pointers: list[IntArray] = [np.zeros(1, np.int64)]
        indices: list[NDArray[np.int32]] = []
        total = 0
        for (a, _), (pointer, index) in zip(self.groups, parts, strict=True):
            pointers.append(pointer[1:] + total)
            indices.append(index + np.int32(self.offsets[a]))
            total += len(index)
        return np.concatenate(pointers), np.concatenate(indices) if indices else np.empty(0, np.int32)

    def paths(self, gain: FloatArray) -> tuple[float, BoolArray]:
        """Total of the best paths at these gains (n,), and the nodes on them (overwritten next time)."""

        def part(group: tuple[int, int]) -> Any:
            return kernels.price(
                *group, self.offsets, self.start, self.end, self.longest, self.pointer, self.index,
                self.by_end, gain, self.best, self.before, self.tops, self.used,
            )  # fmt: skip

        self.each(part)
        return float(self.tops.sum()), self.used

    def slack(self, gain: FloatArray) -> FloatArray:
        """By how much the total falls when a node is forced into its satellite's path, (n,) ≥ 0."""
        self.paths(gain)

        def part(group: tuple[int, int]) -> Any:
            return kernels.backward(
                *group, self.offsets, self.start, self.end, self.longest, self.pointer, self.index, gain,
                self.after,
            )  # fmt: skip

        self.each(part)
        return np.asarray(self.tops[self.problem.satellite] - self.best - self.after)

    def soft(self, nodes: IntArray) -> Soft:
        """Smooth passes over ``nodes`` (sorted) alone."""
        from comity.planning.paths.soft import SoftPaths

        return SoftPaths(self, nodes)

    def cliques(self, chosen: IntArray) -> tuple[IntArray, NDArray[np.int32]]:
        """Sets of ``chosen`` nodes (sorted) that exclude each other: places, as CSR."""
        problem = self.problem
        pairs, late = kernels.conflicts(
            chosen, problem.satellite, self.start, self.end, self.request, problem.first, problem.last,
            *self.turns,
        )  # fmt: skip
        return covering(len(chosen), pairs, late, np.arange(len(chosen)))  # type: ignore[no-any-return]

    def beside(self, allowed: BoolArray, fixed: BoolArray) -> None:
        """Strike the ``allowed`` (n,) nodes that exclude a ``fixed`` (n,) one, in place."""
        problem = self.problem
        kernels.beside(
            allowed, fixed, self.offsets, self.start, self.end, problem.first, problem.last, *self.turns
        )


class Relaxation:
    """The bound as a function of the prices."""

    def __init__(self, problem: PathProblem, coupling: Coupling, graph: Graph) -> None:
        self.problem, self.coupling, self.graph = problem, coupling, graph
        self._use = coupling.nodes.T.tocsr()
        self._extra = coupling.extra.T.tocsr()

    def zero(self) -> Prices:
        """No prices at all."""
        return Prices(requests=np.zeros(self.problem.requests), rows=np.zeros(len(self.coupling.limit)))

    def proper(self, prices: Prices) -> Prices:
        """With what must not be negative at 0 or above."""
        rows = np.where(self.coupling.equal, prices.rows, np.maximum(prices.rows, 0.0))
        return Prices(requests=np.maximum(prices.requests, 0.0), rows=rows)

    def cost(self, prices: Prices) -> FloatArray:
        """What the resources that each node takes cost, (n,)."""
        return np.asarray(self._use @ prices.rows)

    def gain(self, prices: Prices) -> FloatArray:
        """What each node is worth at these prices, (n,)."""
        return np.asarray(
            self.problem.value - prices.requests[self.problem.request] - self._use @ prices.rows
        )

    def price(self, prices: Prices) -> Priced:
        """The bound at ``prices`` (:meth:`proper` ones)."""
        c = self.coupling
        total, used = self.graph.paths(self.gain(prices))
        reduced = c.gain - self._extra @ prices.rows
        z = np.where(reduced > 0, c.high, c.low)
        bound = total + prices.requests.sum() + np.sum(c.limit * prices.rows) + np.sum(reduced * z)
        taken = np.bincount(self.problem.request[used], minlength=self.problem.requests)
        return Priced(
            bound=float(bound),
            used=used,
            requests=(taken - 1.0).astype(np.float64),
            rows=c.nodes @ used.astype(np.float64) + c.extra @ z - c.limit,
        )

    def slack(self, prices: Prices) -> FloatArray:
        """By how much the bound at ``prices`` falls when a node must be in the plan, (n,) ≥ 0."""
        return self.graph.slack(self.gain(prices))
