"""Compiled loops of access: scanning grids of states for what may hold an event.

Numba compiles on first use and caches on disk. Every function frees the interpreter lock, so threads run
side by side.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: What :func:`scan_elevation` finds in a step: a rise or set through the mask; a hidden rise; a hidden dip.
RISE, SET, HIDDEN_RISE, HIDDEN_DIP = 0, 1, 2, 3


@numba.njit(cache=True, nogil=True, inline="always")
def _clearance(px, py, pz, vx, vy, vz, ux, uy, uz, sine):  # type: ignore[no-untyped-def]
    """d·u − sin(mask)·|d| (m), positive above the mask, and its rate (m/s); d from site to object."""
    distance = math.sqrt(px * px + py * py + pz * pz)
    value = px * ux + py * uy + pz * uz - sine * distance
    rate = vx * ux + vy * uy + vz * uz - sine * (px * vx + py * vy + pz * vz) / distance
    return value, rate


@numba.njit(cache=True, nogil=True)
def scan_elevation(
    position: FloatArray,
    velocity: FloatArray,
    step_s: float,
    sites: FloatArray,
    ups: FloatArray,
    sines: FloatArray,
    margin_m: float,
    events: IntArray,
) -> int:
    """Steps of a grid in which an object may cross the elevation mask of a site.

    ``position``, ``velocity`` (n, 3) m and m/s, Earth-fixed, at nodes ``step_s`` apart; ``sites``, ``ups``
    (m, 3) m and unit; ``sines`` (m,) of the masks. Writes rows (site, node, kind) in the order of sites and
    nodes into ``events`` (k, 3) as far as they fit and returns how many there are: the event lies between
    ``node`` and ``node + 1``. Hidden ones are suspicions: the slope turns between the nodes, and the
    tangents there meet within ``margin_m`` of zero or beyond it.

    Steps are jumped over while the object is too far from the mask to reach it at the highest speed.
    """
    nodes = position.shape[0]
    fastest = 0.0
    for k in range(nodes):
        speed = velocity[k, 0] ** 2 + velocity[k, 1] ** 2 + velocity[k, 2] ** 2
        fastest = max(fastest, speed)
    fastest = math.sqrt(fastest) * 1.01
    count = 0
    for j in range(sites.shape[0]):
        x, y, z = sites[j, 0], sites[j, 1], sites[j, 2]
        ux, uy, uz, sine = ups[j, 0], ups[j, 1], ups[j, 2], sines[j]
        per_step = fastest * (1.0 + abs(sine)) * step_s
        k = 0
        known = -1
        here, rate = 0.0, 0.0
        while k < nodes - 1:
            if known != k:
                here, rate = _clearance(
                    position[k, 0] - x, position[k, 1] - y, position[k, 2] - z,
                    velocity[k, 0], velocity[k, 1], velocity[k, 2], ux, uy, uz, sine,
                )  # fmt: skip
            jump = int(abs(here) / per_step)
            if jump >= 1:
                k += jump
                continue
            after, rate_after = _clearance(
                position[k + 1, 0] - x, position[k + 1, 1] - y, position[k + 1, 2] - z,
                velocity[k + 1, 0], velocity[k + 1, 1], velocity[k + 1, 2], ux, uy, uz, sine,
            )  # fmt: skip
            kind = -1
            if (here > 0.0) != (after > 0.0):
                kind = RISE if after > 0.0 else SET
            else:
                side = -1.0 if here > 0.0 else 1.0
                if side * rate > 0.0 and side * rate_after < 0.0:
                    meet = (after - here - rate_after * step_s) / (rate - rate_after)
                    if side * (here + rate * meet) > -margin_m:
                        kind = HIDDEN_DIP if here > 0.0 else HIDDEN_RISE
            if kind >= 0:
                if count < events.shape[0]:
                    events[count, 0] = j
                    events[count, 1] = k
                    events[count, 2] = kind
                count += 1
            k += 1
            known = k
            here, rate = after, rate_after
    return count


@numba.njit(cache=True, nogil=True)
def highest_nodes(
    position: FloatArray,
    sites: FloatArray,
    ups: FloatArray,
    which: IntArray,
    first: IntArray,
    last: IntArray,
) -> IntArray:
    """Node of greatest elevation among ``first[k]`` … ``last[k]`` (inclusive) seen from ``which[k]``.

    −1 where there is no node in the span.
    """
    best = np.full(which.shape[0], -1, dtype=np.int64)
    for w in range(which.shape[0]):
        j = which[w]
        highest = -2.0
        for k in range(first[w], last[w] + 1):
            dx = position[k, 0] - sites[j, 0]
            dy = position[k, 1] - sites[j, 1]
            dz = position[k, 2] - sites[j, 2]
            up = dx * ups[j, 0] + dy * ups[j, 1] + dz * ups[j, 2]
            sine = up / math.sqrt(dx * dx + dy * dy + dz * dz)
            if sine > highest:
                highest = sine
                best[w] = k
    return best
