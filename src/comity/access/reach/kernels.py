"""Where along their ways many objects come near places, abeam of them and nearest to looking straight down.

All of it reads one table of Earth-fixed states: rows (N, 6) m and m/s, those of an object one after another
and evenly spaced in time, ``nodes`` (n, 2) its first row and how many there are, ``times`` (n, 2) the time of
the first and the step (s). Between rows an object moves on the cubic through them (Hermite). Numba compiles
on first use and caches on disk; every function frees the interpreter lock.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from comity.orbits.geodesy import EQUATORIAL_RADIUS_M, FLATTENING

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_OPTIONS: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy"}
_E2 = FLATTENING * (2.0 - FLATTENING)
_POLAR = EQUATORIAL_RADIUS_M * (1.0 - FLATTENING)
_SECOND_E2 = _E2 / (1.0 - _E2)
_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0
#: Abeam times are refined until they move by no more than this (s).
_ROOT_S = 1e-6


@numba.njit(inline="always", **_OPTIONS)
def _hermite(table: FloatArray, row: int, h: float, u: float) -> Any:
    """Position (m) and velocity (m/s) at the fraction ``u`` of the step of ``h`` s from ``row``."""
    out = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    for c in range(3):
        r0, v0, v1 = table[row, c], table[row, c + 3] * h, table[row + 1, c + 3] * h
        a, b = table[row + 1, c] - r0 - v0, v1 - v0
        second, third = 3.0 * a - b, b - 2.0 * a
        place = r0 + u * (v0 + u * (second + u * third))
        speed = (v0 + u * (2.0 * second + u * 3.0 * third)) / h
        if c == 0:
            out = (place, out[1], out[2], speed, out[4], out[5])
        elif c == 1:
            out = (out[0], place, out[2], out[3], speed, out[5])
        else:
            out = (out[0], out[1], place, out[3], out[4], speed)
    return out


@numba.njit(inline="always", **_OPTIONS)
def _read(table: FloatArray, first: int, count: int, begin: float, h: float, t: float) -> Any:
    """State at a time (s); beyond the rows on the last cubic."""
    place = (t - begin) / h
    k = min(max(int(place), 0), count - 2)
    return _hermite(table, first + k, h, place - k)


@numba.njit(inline="always", **_OPTIONS)
def _down(x: float, y: float, z: float) -> Any:
    """Unit vector to the geodetic nadir: Bowring's iteration (Survey Review 181, 1976), to rounding."""
    p = math.sqrt(x * x + y * y)
    # sine and cosine of the reduced latitude, then of the geodetic one, each time nearer
    s, c = z * EQUATORIAL_RADIUS_M, p * _POLAR
    for _ in range(4):
        size = math.sqrt(s * s + c * c)
        s, c = s / size, c / size
        up = z + _SECOND_E2 * _POLAR * s * s * s
        out = p - _E2 * EQUATORIAL_RADIUS_M * c * c * c
        s, c = (1.0 - FLATTENING) * up, out
    size = math.sqrt(up * up + out * out)
    level = out / size / p if p > 0.0 else 0.0
    return -x * level, -y * level, -up / size


@numba.njit(inline="always", **_OPTIONS)
def _forward(vx: float, vy: float, vz: float, dx: float, dy: float, dz: float) -> Any:
    """Unit vector of the motion over the ground, square to the nadir."""
    sink = vx * dx + vy * dy + vz * dz
    fx, fy, fz = vx - sink * dx, vy - sink * dy, vz - sink * dz
    size = math.sqrt(fx * fx + fy * fy + fz * fz)
    return fx / size, fy / size, fz / size


@numba.njit(**_OPTIONS)
def _ahead(
    table: FloatArray, first: int, count: int, begin: float, h: float, t: float,
    gx: float, gy: float, gz: float,
) -> Any:  # fmt: skip
    """How far (m) a point lies ahead of the plane through the object and its nadir, square to its motion."""
    x, y, z, vx, vy, vz = _read(table, first, count, begin, h, t)
    dx, dy, dz = _down(x, y, z)
    fx, fy, fz = _forward(vx, vy, vz, dx, dy, dz)
    return (gx - x) * fx + (gy - y) * fy + (gz - z) * fz


@numba.njit(**_OPTIONS)
def _abeam(
    table: FloatArray, first: int, count: int, begin: float, h: float,
    low: float, high: float, at_low: float, at_high: float, gx: float, gy: float, gz: float,
) -> float:  # fmt: skip
    """When the point comes abeam, from ahead at ``low`` to not ahead at ``high`` (s).

    Secants kept inside the bracket (Illinois), bisection where they do not shrink it.
    """
    side, before = 0, high - low
    t = high
    for n in range(200):
        if at_low == at_high:
            break
        new = (low * at_high - high * at_low) / (at_high - at_low)
        if n % 4 == 3:
            if high - low > 0.5 * before:
                new = 0.5 * (low + high)
            before = high - low
        moved, t = abs(new - t), new
        if moved < _ROOT_S or high - low < _ROOT_S:
            break
        value = _ahead(table, first, count, begin, h, t, gx, gy, gz)
        if value > 0.0:
            low, at_low = t, value
            if side == 1:
                at_high *= 0.5
            side = 1
        else:
            high, at_high = t, value
            if side == -1:
                at_low *= 0.5
            side = -1
        if value == 0.0:
            break
    return t


@numba.njit(inline="always", **_OPTIONS)
def _angle(cosine: float) -> Any:
    return math.acos(min(1.0, max(-1.0, cosine)))


@numba.njit(**_OPTIONS)
def find_near(
    table: FloatArray, nodes: IntArray, times: FloatArray,
    member: IntArray, reach: FloatArray, turn: FloatArray,
    until: IntArray, hub: FloatArray, around: FloatArray, ground: FloatArray, place: IntArray, abeam: bool,
    which: IntArray, node: IntArray, at: FloatArray,
) -> int:  # fmt: skip
    """Steps of objects near places; with ``abeam`` only those in which the place comes abeam, and when.

    Group after group (g,) of an object ``member`` and the places ``place[until[g]:until[g + 1]]`` of
    ``ground`` (…, 3) m, all of them within ``around`` rad of the direction ``hub`` (g, 3). A step is near
    where both its ends are within ``reach`` (g,) rad of the place, as seen from the geocentre; no step turns
    the object further than ``turn`` (g,) rad. ``which`` (index of ``place``), ``node`` (of its object) and
    ``at`` (s) of each step are filled as far as they go, in the order of group, time and place; how many
    there are is returned.
    """
    found = 0
    unit = np.empty((len(place), 3))
    for pair in range(len(place)):
        gx, gy, gz = ground[place[pair], 0], ground[place[pair], 1], ground[place[pair], 2]
        size = math.sqrt(gx * gx + gy * gy + gz * gz)
        unit[pair, 0], unit[pair, 1], unit[pair, 2] = gx / size, gy / size, gz / size
    since, before = np.empty(len(place), np.int64), np.empty(len(place))
    fx, fy, fz = 0.0, 0.0, 0.0
    for g in range(len(member)):
        first, count = nodes[member[g], 0], nodes[member[g], 1]
        begin, h = times[member[g], 0], times[member[g], 1]
        least = math.cos(min(math.pi, reach[g]))
        since[until[g] : until[g + 1]] = -2
        k = 0
        while k < count:
            row = first + k
            x, y, z = table[row, 0], table[row, 1], table[row, 2]
            radius = math.sqrt(x * x + y * y + z * z)
            beyond = _angle((x * hub[g, 0] + y * hub[g, 1] + z * hub[g, 2]) / radius) - reach[g] - around[g]
            if beyond > 0.0:
                k += max(1, int(beyond / turn[g]))
                continue
            if abeam:
                dx, dy, dz = _down(x, y, z)
                fx, fy, fz = _forward(table[row, 3], table[row, 4], table[row, 5], dx, dy, dz)
            for pair in range(until[g], until[g + 1]):
                if x * unit[pair, 0] + y * unit[pair, 1] + z * unit[pair, 2] < least * radius:
                    continue
                gx, gy, gz = ground[place[pair], 0], ground[place[pair], 1], ground[place[pair], 2]
                ahead = (gx - x) * fx + (gy - y) * fy + (gz - z) * fz
                if since[pair] == k - 1 and (not abeam or before[pair] > 0.0 >= ahead):
                    if found < len(which):
                        which[found], node[found] = pair, k - 1
                        if abeam:
                            last = begin + k * h
                            at[found] = _abeam(
                                table, first, count, begin, h, last - h, last, before[pair], ahead, gx, gy, gz
                            )
                    found += 1
                since[pair], before[pair] = k, ahead
            k += 1
    return found


@numba.njit(**_OPTIONS)
def abeam_within(
    table: FloatArray, nodes: IntArray, times: FloatArray, member: IntArray,
    points: FloatArray, around: FloatArray, within: FloatArray, at: FloatArray,
) -> None:  # fmt: skip
    """Times ``at`` (n, m) s at which points (n, m, 3) come abeam, within ``within`` of ``around`` (n,) s.

    Rows in which some point does not are NaN.
    """
    for i in range(len(member)):
        first, count = nodes[member[i], 0], nodes[member[i], 1]
        begin, h = times[member[i], 0], times[member[i], 1]
        low, high = around[i] - within[i], around[i] + within[i]
        for j in range(points.shape[1]):
            gx, gy, gz = points[i, j, 0], points[i, j, 1], points[i, j, 2]
            at_low = _ahead(table, first, count, begin, h, low, gx, gy, gz)
            at_high = _ahead(table, first, count, begin, h, high, gx, gy, gz)
            if not at_low > 0.0 >= at_high:
                at[i, :] = np.nan
                break
            at[i, j] = _abeam(table, first, count, begin, h, low, high, at_low, at_high, gx, gy, gz)


@numba.njit(**_OPTIONS)
def _off_nadir(
    table: FloatArray, first: int, count: int, begin: float, h: float, t: float,
    gx: float, gy: float, gz: float,
) -> float:  # fmt: skip
    """Tangent of half the angle at the object between its nadir and a point; exact for small ones too."""
    x, y, z, _, _, _ = _read(table, first, count, begin, h, t)
    dx, dy, dz = _down(x, y, z)
    lx, ly, lz = gx - x, gy - y, gz - z
    size = math.sqrt(lx * lx + ly * ly + lz * lz)
    lx, ly, lz = lx / size, ly / size, lz / size
    apart = (lx - dx) ** 2 + (ly - dy) ** 2 + (lz - dz) ** 2
    return math.sqrt(apart / ((lx + dx) ** 2 + (ly + dy) ** 2 + (lz + dz) ** 2))


@numba.njit(**_OPTIONS)
def least_off_nadir(
    table: FloatArray, nodes: IntArray, times: FloatArray, member: IntArray,
    points: FloatArray, start: FloatArray, end: FloatArray, tolerance_s: float, at: FloatArray,
) -> None:  # fmt: skip
    """When in spans (n,) s points (n, 3) are seen at the least angle from the nadir: golden sections."""
    for i in range(len(member)):
        first, count = nodes[member[i], 0], nodes[member[i], 1]
        begin, h = times[member[i], 0], times[member[i], 1]
        gx, gy, gz = points[i, 0], points[i, 1], points[i, 2]
        low, high = start[i], end[i]
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        at_left = _off_nadir(table, first, count, begin, h, left, gx, gy, gz)
        at_right = _off_nadir(table, first, count, begin, h, right, gx, gy, gz)
        while high - low > tolerance_s:
            if at_left <= at_right:
                high, right, at_right = right, left, at_left
                left = high - _GOLDEN * (high - low)
                at_left = _off_nadir(table, first, count, begin, h, left, gx, gy, gz)
            else:
                low, left, at_left = left, right, at_right
                right = low + _GOLDEN * (high - low)
                at_right = _off_nadir(table, first, count, begin, h, right, gx, gy, gz)
        best, least = (left, at_left) if at_left <= at_right else (right, at_right)
        for edge in (start[i], end[i]):
            value = _off_nadir(table, first, count, begin, h, edge, gx, gy, gz)
            if value < least:
                best, least = edge, value
        at[i] = best


@numba.njit(**_OPTIONS)
def read_states(
    table: FloatArray, nodes: IntArray, times: FloatArray, member: IntArray, seconds: FloatArray,
    position: FloatArray, velocity: FloatArray, down: FloatArray,
) -> None:  # fmt: skip
    """Positions (m), velocities (m/s) and unit vectors to the nadir, each (n, 3), at times (n,) s."""
    for i in range(len(member)):
        m = member[i]
        x, y, z, vx, vy, vz = _read(table, nodes[m, 0], nodes[m, 1], times[m, 0], times[m, 1], seconds[i])
        position[i, 0], position[i, 1], position[i, 2] = x, y, z
        velocity[i, 0], velocity[i, 1], velocity[i, 2] = vx, vy, vz
        down[i, 0], down[i, 1], down[i, 2] = _down(x, y, z)


@numba.njit(**_OPTIONS)
def survey(table: FloatArray, nodes: IntArray, out: FloatArray) -> None:
    """Of each object: mean and greatest radius (m) and the fastest it turns (rad/s), into (n, 3)."""
    for i in range(len(nodes)):
        total, greatest, fastest = 0.0, 0.0, 0.0
        for row in range(nodes[i, 0], nodes[i, 0] + nodes[i, 1]):
            square = table[row, 0] ** 2 + table[row, 1] ** 2 + table[row, 2] ** 2
            total += math.sqrt(square)
            greatest = max(greatest, square)
            speed = table[row, 3] ** 2 + table[row, 4] ** 2 + table[row, 5] ** 2
            fastest = max(fastest, speed / square)
        out[i, 0], out[i, 1], out[i, 2] = total / nodes[i, 1], math.sqrt(greatest), math.sqrt(fastest)


@numba.njit(**_OPTIONS)
def band_spans(
    edges: FloatArray, west: FloatArray, east: FloatArray, gap: float, band: IntArray, spans: FloatArray
) -> int:  # fmt: skip
    """Where between two lines along the second axis there is ground of polygons with these edges (n, 4).

    Edges of all rings, (x, y) to (x, y) m; for each pair of ``west`` and ``east`` x (b,) m, spans of y less
    than ``gap`` apart as one. From any point of the ground one comes, going west, to an edge or to the
    western line: what the edges in between cover and what of that line is ground is all there is. Fills
    ``band`` and ``spans`` (…, 2) as far as they go; returns how many there are.
    """
    count = edges.shape[0]
    low, high, crossing = np.empty(2 * count), np.empty(2 * count), np.empty(count)
    found = 0
    for b in range(len(west)):
        pieces, crossings = 0, 0
        for e in range(count):
            x0, y0, x1, y1 = edges[e, 0], edges[e, 1], edges[e, 2], edges[e, 3]
            if max(x0, x1) < west[b] or min(x0, x1) > east[b]:
                continue
            if x0 == x1:
                begin, end = 0.0, 1.0
            else:
                enter, leave = (west[b] - x0) / (x1 - x0), (east[b] - x0) / (x1 - x0)
                begin, end = max(min(enter, leave), 0.0), min(max(enter, leave), 1.0)
                if (x0 <= west[b]) != (x1 <= west[b]):
                    crossing[crossings] = y0 + enter * (y1 - y0)
                    crossings += 1
            if begin < end:
                one, other = y0 + begin * (y1 - y0), y0 + end * (y1 - y0)
                low[pieces], high[pieces] = min(one, other), max(one, other)
                pieces += 1
        line = np.sort(crossing[:crossings])
        for k in range(crossings // 2):
            low[pieces], high[pieces] = line[2 * k], line[2 * k + 1]
            pieces += 1
        order = np.argsort(low[:pieces])
        last = -np.inf
        for k in range(pieces):
            begin, end = low[order[k]], high[order[k]]
            if begin - last <= gap:
                last = max(last, end)
            else:
                found, last = found + 1, end
                if found <= len(band):
                    band[found - 1], spans[found - 1, 0] = b, begin
            if found <= len(band):
                spans[found - 1, 1] = last
    return found
