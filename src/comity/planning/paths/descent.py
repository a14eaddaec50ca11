"""Prices by a smooth descent, before any linear program.

The longest path of each satellite is replaced by ``heat`` times the logarithm of the sum over its paths of
exp(worth / heat) (entropic smoothing; the shares of nodes are its slope), the resources' variables by an
entropic proximal term about their values after the last level (Bregman proximal point method, Censor and
Zenios 1992), which keeps large prices within reach and leaves no bias. The sum is minimised by L-BFGS whose
first metric solves the resource rows together (a sparse factor) and each request alone; inequality prices
stay at 0 or above by projection.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.sparse import csc_matrix, diags
from scipy.sparse.linalg import splu

from comity.planning.paths.problem import FloatArray, IntArray
from comity.planning.paths.relaxation import BoolArray, Prices, Relaxation

_MEMORY, _TRIALS, _SHORTER, _DECREASE = 10, 12, 0.4, 1e-4
#: Least part of a variable's greatest curvature; largest log-odds at which a level starts.
_CURVED, _ODDS = 0.2, 7.0
_SAFE_EXPONENT = 200.0


class Descent:
    """Prices that are moved level by level; ``shares`` and ``extra`` are of the smooth problem."""

    def __init__(self, relaxation: Relaxation) -> None:
        self.relaxation = relaxation
        problem, coupling = relaxation.problem, relaxation.coupling
        self._requests = problem.requests
        self._width = coupling.high - coupling.low
        self._extra = coupling.extra.tocsr()
        self._extra_t = self._extra.T.tocsr()
        self._by_node = coupling.nodes.tocsc()
        self._limit = np.concatenate((np.ones(problem.requests), coupling.limit))
        self._free = np.concatenate((np.zeros(problem.requests, np.bool_), coupling.equal))
        entries = coupling.extra.tocoo()
        self._entries = (entries.row, entries.col, np.abs(entries.data))
        self._holder = 2 * (coupling.satellite + 1) + coupling.charge
        self._odds = np.zeros(len(coupling.low))
        self._now = np.zeros(len(coupling.low))
        self._y = np.zeros(len(self._limit))
        self.extra = coupling.low.copy()
        self.passes = 0
        self._nodes: IntArray = np.empty(0, np.int64)

    @property
    def prices(self) -> Prices:
        """Where the descent stands."""
        return Prices(requests=self._y[: self._requests].copy(), rows=self._y[self._requests :].copy())

    @property
    def shares(self) -> FloatArray:
        """Shares of all nodes, (n,)."""
        out = np.zeros(len(self.relaxation.problem))
        out[self._nodes] = self._share
        return out

    def restrict(self, keep: BoolArray) -> None:
        """Go on with the nodes marked in (n,) alone."""
        problem, graph = self.relaxation.problem, self.relaxation.graph
        self._nodes = np.flatnonzero(keep)
        self._request, self._value = problem.request[self._nodes], problem.value[self._nodes]
        self._rows = self._by_node[:, self._nodes].tocsr()
        self._rows_t = self._rows.T.tocsr()
        self._share, self._soft = np.zeros(len(self._nodes)), graph.soft(self._nodes)

    def _stiffness(self, least: float, part: float) -> FloatArray:
        """Of each variable: a ``part`` of the largest price of its store or battery, not under ``least``.

        A variable's price moves by about its stiffness in a step: too little, and where prices are high they
        are not reached; too much, and the variable stays where it was.
        """
        row, column, factor = self._entries
        top = np.zeros(self._holder.max(initial=0) + 1)
        np.maximum.at(top, self._holder[column], np.abs(self._y[self._requests + row]) * factor)
        return np.maximum(least, part * top[self._holder])

    def _smooth(self, y: FloatArray, heat: float, stiffness: FloatArray) -> tuple[float, FloatArray]:
        """The smooth bound and its slopes."""
        self.passes += 1
        rows = y[self._requests :]
        weight = (self._value - y[self._request] - self._rows_t @ rows) / heat
        self._share, totals = self._soft(weight)
        low = self.relaxation.coupling.low
        reduced = self.relaxation.coupling.gain - self._extra_t @ rows
        odds = np.clip(self._odds + reduced * self._width / stiffness, -_SAFE_EXPONENT, _SAFE_EXPONENT)
        inside = 1.0 / (1.0 + np.exp(-odds))
        self._now, self.extra = odds, low + self._width * inside
        gained = np.where(self._width > 0, stiffness * (_softplus(odds) - _softplus(self._odds)), 0.0)
        value = _dot(self._limit, y) + heat * totals.sum() + float(np.sum(reduced * low)) + gained.sum()
        slope = self._limit.copy()
        slope[: self._requests] -= np.bincount(self._request, self._share, self._requests)
        slope[self._requests :] -= self._rows @ self._share + self._extra @ self.extra
        self._curved = self._width**2 / stiffness * np.maximum(inside * (1.0 - inside), _CURVED)
        return float(value), slope

    def _metric(self, slope: FloatArray, heat: float) -> Callable[[FloatArray], FloatArray]:
        """The inverse of a curvature that is easy to solve with."""
        wanted = np.maximum(np.bincount(self._request, self._share, self._requests), 1e-6)
        apart = np.abs(wanted - 1.0) < 1e-3
        safe = np.where(apart, 2.0, wanted)
        spread = np.bincount(self._request, self._share * (1.0 - self._share), self._requests)
        # What the share of a request falls by when its price rises, up to where it would be 1.
        alone = np.maximum(spread, np.where(apart, 1.0, (safe - 1.0) / np.log(safe))) / heat
        of_rows = slice(self._requests, None)
        kept = (self._free[of_rows] | (self._y[of_rows] > 0) | (slope[of_rows] < 0)).astype(np.float64)
        together = self._rows @ diags((self._share + 1e-6) / heat) @ self._rows_t
        together = together + self._extra @ diags(self._curved) @ self._extra_t
        together = together + diags(np.full(len(kept), 1e-3 / heat))
        only = diags(kept)
        factor = splu(
            csc_matrix(only @ together @ only + diags(1.0 - kept)),
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
        )

        def solve(right: FloatArray) -> FloatArray:
            return np.concatenate((right[: self._requests] / alone, factor.solve(right[self._requests :])))

        return solve

    def level(self, heat: float, least: float, part: float, steps: int, over: Callable[[], bool]) -> None:
        """So many steps at this heat; the resources' variables are held near where the last level left them.

        ``least``, ``part``: how stiffly, as such and of their prices.
        """
        stiffness = self._stiffness(least, part)
        self._odds = np.clip(self._now, -_ODDS, _ODDS)
        value, slope = self._smooth(self._y, heat, stiffness)
        metric = self._metric(slope, heat)
        moves: list[FloatArray] = []
        turns: list[FloatArray] = []
        for _ in range(steps):
            if over():
                return
            held = ~self._free & (self._y <= 0) & (slope >= 0)
            way = -_direction(np.where(held, 0.0, slope), moves, turns, metric, held)
            if _dot(way, slope) >= 0:
                moves.clear()
                turns.clear()
                way = -_direction(np.where(held, 0.0, slope), moves, turns, metric, held)
            part = 1.0
            for _ in range(_TRIALS):
                y = self._y + part * way
                y = np.where(self._free, y, np.maximum(y, 0.0))
                new_value, new_slope = self._smooth(y, heat, stiffness)
                if new_value <= value + _DECREASE * _dot(slope, y - self._y):
                    break
                part *= _SHORTER
            else:
                self._smooth(self._y, heat, stiffness)
                return
            move, turn = y - self._y, new_slope - slope
            if _dot(move, turn) > 1e-12 * np.sqrt(_dot(move, move) * _dot(turn, turn)):
                moves.append(move)
                turns.append(turn)
                del moves[:-_MEMORY], turns[:-_MEMORY]
            self._y, value, slope = y, new_value, new_slope


def _dot(a: FloatArray, b: FloatArray) -> float:
    # Not by BLAS, whose threads would let the sum depend on how many cores there are.
    return float(np.sum(a * b))


def _softplus(x: FloatArray) -> FloatArray:
    return np.asarray(np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x))))


def _direction(
    slope: FloatArray,
    moves: list[FloatArray],
    turns: list[FloatArray],
    metric: Callable[[FloatArray], FloatArray],
    held: BoolArray,
) -> FloatArray:
    """L-BFGS by two loops (Nocedal 1980), 0 where ``held``."""
    q = slope.copy()
    parts = []
    for move, turn in zip(reversed(moves), reversed(turns), strict=True):
        part = _dot(move, q) / _dot(move, turn)
        parts.append(part)
        q -= part * turn
    q = np.where(held, 0.0, metric(np.where(held, 0.0, q)))
    for move, turn, part in zip(moves, turns, reversed(parts), strict=True):
        q += (part - _dot(turn, q) / _dot(move, turn)) * move
    return np.where(held, 0.0, q)
