"""Which opportunities of one spacecraft exclude each other because it cannot turn in time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from comity.planning.model import Opportunity, SpacecraftLimits

#: Two instants closer than this (s) count as the same.
SAME_INSTANT_S = 1e-9
#: Rows of rivals found at once, and pairs looked at in one go: few megabytes each.
_ROWS, _PAIRS = 64, 1 << 17


def slew_time_s(angle_rad: NDArray[np.float64], limits: SpacecraftLimits) -> NDArray[np.float64]:
    """Least time (s) to turn by ``angle_rad`` (any shape) from rest to rest, without settling.

    Bang-coast-bang about the eigenaxis: full acceleration a up to the rate v, coast, full braking. Up
    to v²/a the rate is never reached: 2√(θ/a); beyond it v/a + θ/v.
    """
    v, a = limits.slew_rate_rad_s, limits.slew_acceleration_rad_s2
    return np.where(angle_rad <= v * v / a, 2 * np.sqrt(angle_rad / a), v / a + angle_rad / v)


def among(positions: NDArray[np.int64], low: int, row: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What ``row``, which begins at ``low``, says of each of ``positions`` (in order); False beyond it."""
    at = positions - low
    if len(at) and at[0] >= 0 and at[-1] < len(row):
        return row[at]
    inside = (at >= 0) & (at < len(row))
    found: NDArray[np.bool_] = inside & row[np.where(inside, at, 0)]
    return found


class Turns:
    """Opportunities of one spacecraft, by start, and which of them exclude each other.

    i and j > i are rivals where j would start before i has ended and the spacecraft has turned from i's last
    line of sight to j's first and settled. Every pair is held to this, not only neighbours in a plan. Only
    rows that are asked for are found, and kept as bits over the stretch that can hold rivals.
    """

    def __init__(self, taken: Sequence[Opportunity], limits: SpacecraftLimits) -> None:
        n = len(taken)
        self._limits = limits
        self._start = np.array([o.start_s for o in taken])
        self._end = np.array([o.end_s for o in taken])
        self._first = np.array([o.from_direction for o in taken]).reshape(n, 3)
        self._last = np.array([o.to_direction for o in taken]).reshape(n, 3)
        slowest = float(slew_time_s(np.array(math.pi), limits))
        # Only those that start before the slowest slew is over can be rivals of i.
        upto = np.searchsorted(self._start, self._end + limits.settle_s + slowest)
        self._high = np.maximum(upto, np.arange(n) + 1)
        self._low = np.searchsorted(np.maximum.accumulate(self._high), np.arange(n), side="right")
        self._rows: list[bytes | None] = [None] * n

    def __len__(self) -> int:
        return len(self._rows)

    def low(self, i: int) -> int:
        """Where the row of ``i`` begins."""
        return int(self._low[i])

    def row(self, i: int) -> NDArray[np.bool_]:
        """Whether each of the opportunities from ``low(i)`` on is a rival of ``i``; beyond it none is."""
        width = int(self._high[i] - self._low[i])
        bits = np.frombuffer(self._bits(i), dtype=np.uint8)
        return np.unpackbits(bits, count=width, bitorder="little").view(np.bool_)

    def mask(self, i: int) -> int:
        """The rivals of ``i`` as bits: the lowest is the first opportunity."""
        return int.from_bytes(self._bits(i), "little") << self.low(i)

    def excludes(self, i: int, j: int) -> bool:
        """Whether ``i`` and ``j`` are rivals."""
        if not self._low[i] <= j < self._high[i]:
            return False
        at = j - self.low(i)
        return bool(self._bits(i)[at >> 3] >> (at & 7) & 1)

    def _bits(self, i: int) -> bytes:
        bits = self._rows[i]
        if bits is None:
            first = i - i % _ROWS
            self._find(first, min(first + _ROWS, len(self)))
            bits = self._rows[i]
            assert bits is not None
        return bits

    def _find(self, first: int, last: int) -> None:
        width = (self._high - self._low)[first:last]
        edges = np.concatenate([[0], np.cumsum(width)])
        late = np.empty(edges[-1], dtype=np.bool_)
        for a in range(0, len(late), _PAIRS):
            at = np.arange(a, min(a + _PAIRS, len(late)))
            of = np.searchsorted(edges, at, side="right") - 1
            late[at] = self._late(first + of, self._low[first + of] + at - edges[of])
        for k in range(last - first):
            self._rows[first + k] = np.packbits(late[edges[k] : edges[k + 1]], bitorder="little").tobytes()

    def _late(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.bool_]:
        i, j = np.minimum(a, b), np.maximum(a, b)
        start, free = self._start[j] + SAME_INSTANT_S, self._end[i] + self._limits.settle_s
        late: NDArray[np.bool_] = (start < free) & (i < j)
        turn = np.flatnonzero(~late & (i < j))
        last, first = self._last[i[turn]], self._first[j[turn]]
        cross = np.linalg.norm(np.cross(last, first), axis=1)
        angle = np.arctan2(cross, np.einsum("ij,ij->i", last, first))
        late[turn] = start[turn] < free[turn] + slew_time_s(angle, self._limits)
        return late
