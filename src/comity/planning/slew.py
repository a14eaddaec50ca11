"""Which opportunities of one spacecraft exclude each other because it cannot turn in time."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from comity.planning.model import Opportunity, SpacecraftLimits

#: Two instants closer than this (s) count as the same.
SAME_INSTANT_S = 1e-9


def slew_time_s(angle_rad: NDArray[np.float64], limits: SpacecraftLimits) -> NDArray[np.float64]:
    """Least time (s) to turn by ``angle_rad`` (any shape) from rest to rest, without settling.

    Bang-coast-bang about the eigenaxis: full acceleration a up to the rate v, coast, full braking. Up
    to v²/a the rate is never reached: 2√(θ/a); beyond it v/a + θ/v.
    """
    v, a = limits.slew_rate_rad_s, limits.slew_acceleration_rad_s2
    return np.where(angle_rad <= v * v / a, 2 * np.sqrt(angle_rad / a), v / a + angle_rad / v)


def rival_pairs(taken: list[Opportunity], limits: SpacecraftLimits) -> list[tuple[int, int]]:
    """Pairs (i, j), i < j, of ``taken`` (one spacecraft, by start) that cannot both be carried out.

    j must not start before i has ended and the spacecraft has turned from i's last line of sight to j's
    first and settled. Every pair is held to this, not only neighbours in the plan.
    """
    n = len(taken)
    if n < 2:
        return []
    start = np.array([o.start_s for o in taken])
    end = np.array([o.end_s for o in taken])
    first = np.array([o.from_direction for o in taken])
    last = np.array([o.to_direction for o in taken])
    slowest = float(slew_time_s(np.array(math.pi), limits))
    # Only those that start before the slowest slew is over can be rivals of i.
    upto = np.searchsorted(start, end + limits.settle_s + slowest)
    count = np.maximum(upto - np.arange(n) - 1, 0)
    i = np.repeat(np.arange(n), count)
    j = i + 1 + np.arange(len(i)) - np.repeat(np.cumsum(count) - count, count)
    cross = np.linalg.norm(np.cross(last[i], first[j]), axis=1)
    angle = np.arctan2(cross, np.einsum("ij,ij->i", last[i], first[j]))
    late = start[j] + SAME_INSTANT_S < end[i] + limits.settle_s + slew_time_s(angle, limits)
    return list(zip(i[late].tolist(), j[late].tolist(), strict=True))
