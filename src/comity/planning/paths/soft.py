"""Smoothed longest paths over some nodes of a graph."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from comity.planning.paths.problem import FloatArray, IntArray
from comity.planning.paths.relaxation import Graph
from comity.planning.paths.smoothing import restricted, soft_paths, transposed


class Soft(Protocol):
    """A smooth pass: of the nodes' weights (gain over heat) their shares, and a total of each satellite."""

    def __call__(self, weight: FloatArray) -> tuple[FloatArray, FloatArray]: ...


class SoftPaths:
    """A pass here, in the threads of the graph."""

    def __init__(self, graph: Graph, nodes: IntArray) -> None:
        self.graph = graph
        keep = np.zeros(len(graph.problem), np.bool_)
        keep[nodes] = True
        pointer, index = restricted(graph.pointer, graph.index, keep, np.cumsum(keep) - 1)
        n, satellite = len(nodes), graph.problem.satellite[nodes]
        self._pointer, self._index = pointer, index
        self._later_pointer, self._later_index = transposed(n, pointer, index)
        self._start, self._end = graph.start[nodes], graph.end[nodes]
        self._by_end = np.lexsort((self._end, satellite)).astype(np.int64)
        self._offsets = np.searchsorted(satellite, np.arange(graph.problem.satellites + 1)).astype(np.int64)
        self._room, self._exponents = np.zeros((3, n)), np.zeros((3, n), np.int32)
        self._share, self._total = np.zeros(n), np.zeros(graph.problem.satellites)

    def __call__(self, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Shares and totals, overwritten next time."""

        def part(group: tuple[int, int]) -> None:
            soft_paths(
                *group, self._offsets, self._start, self._end, self.graph.longest, self._pointer, self._index,
                self._later_pointer, self._later_index, self._by_end, weight, self._room, self._exponents,
                self._share, self._total,
            )  # fmt: skip

        self.graph.each(part)
        return self._share, self._total
