"""Where satellites look, for many nodes at once, and how long turns between them take."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from comity.planning.problem import Metric, Pointing, Slew

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_SMALL = 1e-9


class Pointings:
    """Samples of many pointings of one metric, one after the other; ``width`` components each."""

    def __init__(self, pointings: Sequence[Pointing], metric: Metric) -> None:
        self.metric = metric
        lengths = np.array([len(p.at_s) for p in pointings], dtype=np.int64)
        self._first = np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths)))
        self._at = np.fromiter((t for p in pointings for t in p.at_s), np.float64, int(self._first[-1]))
        self.width = max((len(p.samples[0]) for p in pointings), default=3)
        flat = np.fromiter((x for p in pointings for sample in p.samples for x in sample), np.float64, -1)
        self._samples = flat.reshape(-1, self.width)

    def at(self, which: IntArray, at_s: FloatArray) -> FloatArray:
        """(m, width): pointing ``which`` (m,) at ``at_s`` (m,)."""
        low, high = self._first[which], self._first[which + 1]
        first, last = low.copy(), high - 1
        # Bisection, all at once: the last sample at or before the instant.
        while np.any(low < high):
            middle = (low + high) // 2
            before = (self._at[np.minimum(middle, len(self._at) - 1)] <= at_s) & (low < high)
            low, high = np.where(before, middle + 1, low), np.where(before | (low >= high), high, middle)
        k = np.clip(low - 1, first, last)
        after = np.minimum(k + 1, last)
        a, b = self._samples[k], self._samples[after]
        length = self._at[after] - self._at[k]
        part = np.clip(
            np.where(length > 0, (at_s - self._at[k]) / np.where(length > 0, length, 1.0), 0.0), 0, 1
        )
        if self.metric in ("axes-sum", "axes-max"):
            return np.asarray(a + part[:, None] * (b - a))
        if self.metric == "attitude":
            b = np.where(np.sum(a * b, axis=1)[:, None] < 0, -b, b)
        arc = arcs(a, b)
        sine = np.sin(arc)
        straight = sine < _SMALL
        sine = np.where(straight, 1.0, sine)
        p = np.where(straight, 1 - part, np.sin((1 - part) * arc) / sine)
        q = np.where(straight, part, np.sin(part * arc) / sine)
        mixed = p[:, None] * a + q[:, None] * b
        return np.asarray(mixed / np.linalg.norm(mixed, axis=1)[:, None])


def arcs(a: FloatArray, b: FloatArray) -> FloatArray:
    """Angles (rad) between unit vectors, (m,)."""
    return np.asarray(2 * np.arctan2(np.linalg.norm(a - b, axis=1), np.linalg.norm(a + b, axis=1)))


def angles(a: FloatArray, b: FloatArray, metric: Metric) -> FloatArray:
    """Angles (rad) to turn by from ``a`` to ``b``, (m,)."""
    if metric in ("axes-sum", "axes-max"):
        steps = np.abs(a - b)
        return np.asarray(steps.sum(axis=1) if metric == "axes-sum" else steps.max(axis=1))
    arc = arcs(a, b)
    return np.asarray(2 * np.minimum(arc, np.pi - arc)) if metric == "attitude" else arc


def turns_s(slew: Slew, angle: FloatArray) -> FloatArray:
    """Times (s) to turn by angles (rad) and settle, (m,); infinite where it cannot."""
    if slew.pieces:
        time = np.full(len(angle), np.inf)
        for piece in reversed(slew.pieces):
            time = np.where(angle <= piece.upto_rad, piece.base_s + angle * piece.s_per_rad, time)
        return np.asarray(time + slew.settle_s)
    if slew.rate_rad_s is None or slew.acceleration_rad_s2 is None:
        return np.full(len(angle), slew.settle_s)
    v, a = slew.rate_rad_s, slew.acceleration_rad_s2
    turn = np.where(angle * a <= v * v, 2 * np.sqrt(angle / a), v / a + angle / v)
    return np.asarray(turn + slew.settle_s)
