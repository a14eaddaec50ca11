"""Passes over a fleet's paths elsewhere: workers hold blocks of satellites, gains go there round by round.

A satellite's arcs are made where its block is held and stay there; what is sent of a pass is eight bytes a
node there and a bit (a smooth pass: eight bytes) back. Each satellite's path depends on its own nodes alone
and sums are taken here in one order, so that the answer is that of threads to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from comity.core import ComityError
from comity.planning.paths.narrowing import only
from comity.planning.paths.problem import Agility, FloatArray, IntArray, PathProblem
from comity.planning.paths.relaxation import BoolArray, Graph
from comity.planning.paths.soft import Soft, SoftPaths


class Keeper(Protocol):
    """Workers that keep things: what is made there stays there, and is made again where a worker is lost."""

    @property
    def slots(self) -> int:
        """How many things are worked on at once."""
        ...

    def keep(self, make: Callable[..., Any], items: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Handles of ``make(*item)``, spread over the workers; a handle in an item is what it stands for."""
        ...

    def ask(self, function: Callable[..., Any], items: Sequence[tuple[Any, ...]]) -> list[Any]:
        """``function(*item)`` of each item, where the thing is that its first handle stands for.

        Raises :class:`ComityError` where the workers are gone.
        """
        ...


def make_block(problem: PathProblem) -> Graph:
    """The graph of a block, as a worker holds it."""
    return Graph(problem, workers=1)


def block_paths(block: Graph, gain: FloatArray) -> tuple[FloatArray, NDArray[np.uint8]]:
    """Best path of each satellite, and the nodes on it as bits."""
    _, used = block.paths(gain)
    return block.tops, np.packbits(used)


def block_slack(block: Graph, gain: FloatArray) -> FloatArray:
    """See :meth:`Graph.slack`."""
    return block.slack(gain)


def make_soft(block: Graph, nodes: IntArray) -> SoftPaths:
    """A block's smooth passes over some of its nodes."""
    return SoftPaths(block, nodes)


def block_soft(soft: SoftPaths, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """One of them."""
    return soft(weight)


class RemoteGraph(Graph):
    """A graph whose passes are made by the workers of a ``keeper``; here, once those are gone."""

    def __init__(self, problem: PathProblem, keeper: Keeper, *, workers: int = 2) -> None:
        self.keeper: Keeper | None = keeper
        super().__init__(problem, workers=workers)
        count = min(max(1, keeper.slots), problem.satellites)
        cuts = np.searchsorted(self.offsets, np.linspace(0, len(problem), count + 1))
        cuts[0], cuts[-1] = 0, problem.satellites
        self.blocks = [(int(a), int(b)) for a, b in pairwise(cuts.tolist()) if b > a]
        self.cuts = [slice(int(self.offsets[a]), int(self.offsets[b])) for a, b in self.blocks]
        self.kept = keeper.keep(make_block, [(_block(problem, a, b),) for a, b in self.blocks])

    def _arcs(self) -> tuple[IntArray, NDArray[np.int32]]:
        if self.keeper is None:
            return super()._arcs()
        return np.zeros(1, np.int64), np.empty(0, np.int32)

    def asked(self, function: Callable[..., Any], items: Sequence[tuple[Any, ...]]) -> list[Any] | None:
        """What the workers answer; None, now and from then on, where they are gone."""
        if self.keeper is None:
            return None
        try:
            return self.keeper.ask(function, items)
        except ComityError:
            self.keeper = None
            self.pointer, self.index = self._arcs()
            return None

    def paths(self, gain: FloatArray) -> tuple[float, BoolArray]:
        """See :meth:`Graph.paths`."""
        found = self.asked(block_paths, [(k, gain[c]) for k, c in zip(self.kept, self.cuts, strict=True)])
        if found is None:
            return super().paths(gain)
        for (a, b), cut, (tops, used) in zip(self.blocks, self.cuts, found, strict=True):
            self.tops[a:b] = tops
            self.used[cut] = np.unpackbits(used, count=cut.stop - cut.start).astype(np.bool_)
        return float(self.tops.sum()), self.used

    def slack(self, gain: FloatArray) -> FloatArray:
        """See :meth:`Graph.slack`."""
        found = self.asked(block_slack, [(k, gain[c]) for k, c in zip(self.kept, self.cuts, strict=True)])
        return super().slack(gain) if found is None else np.concatenate(found)

    def soft(self, nodes: IntArray) -> Soft:
        """See :meth:`Graph.soft`."""
        return _RemoteSoft(self, nodes)


class _RemoteSoft:
    def __init__(self, graph: RemoteGraph, nodes: IntArray) -> None:
        self.graph, self.nodes = graph, nodes
        places = np.searchsorted(nodes, [c.start for c in graph.cuts] + [len(graph.problem)])
        self.cuts = [slice(int(a), int(b)) for a, b in pairwise(places)]
        self.here: SoftPaths | None = None
        self.kept: list[Any] = []
        if graph.keeper is not None:
            parts = zip(graph.kept, graph.cuts, self.cuts, strict=True)
            self.kept = graph.keeper.keep(make_soft, [(k, nodes[c] - all.start) for k, all, c in parts])

    def __call__(self, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
        items = [(k, weight[c]) for k, c in zip(self.kept, self.cuts, strict=False)]
        found = self.graph.asked(block_soft, items)
        if found is None:
            self.here = self.here or SoftPaths(self.graph, self.nodes)
            return self.here(weight)
        shares, totals = zip(*found, strict=True)
        return np.concatenate(shares), np.concatenate(totals)


def _block(problem: PathProblem, a: int, b: int) -> PathProblem:
    """Satellites a … b − 1 alone, with what a path needs."""
    agility = problem.agility
    own = np.arange(problem.offsets[a], problem.offsets[b])
    bare = replace(problem, store=None, contacts=None, battery=None)
    part = only(bare, own)
    return replace(
        part,
        satellite=part.satellite - a,
        agility=Agility(
            rate_rad_s=agility.rate_rad_s[a:b],
            acceleration_rad_s2=agility.acceleration_rad_s2[a:b],
            settle_s=agility.settle_s[a:b],
        ),
    )
