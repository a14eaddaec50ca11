"""Compiled search for looks: every span of time in which a satellite's field of regard holds a cell.

A limit is a clearance f(t), positive while it is kept, with bounds on f″ for each step between two nodes
(:mod:`comity.access.coverage.motion.kernels`). A stretch whose ends have the same sign is given up only when
the bounds prove that f keeps that sign inside; else it is cut and looked at again, down to
``TOLERANCE_S``. So no look longer than that is missed, however long the step.

Steps are jumped over while a satellite cannot reach a tile of cells: with f = c·r̂ and |f″| ≤ a, f stays
below a threshold q above it for τ = (−f′ + √(f′² + 2aq)) / a.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

from comity.access.coverage.motion.kernels import CONE, ELEVATION, hermite

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Looks (and breaks in them) shorter than this may be missed (s); roots are good to a thousandth of it.
TOLERANCE_S = 1e-3
#: Columns of a place: position (m), unit vector to it, up, mean radius of curvature (m).
PLACE = 10

#: What is compared: the main limit of a cone or swath, the inner cone, the horizon or an elevation.
_CONE, _SWATH, _INNER, _HORIZON = 0, 1, 2, 3
#: A clearance is a polynomial of degree 12 at most in a step.
_MOST = 16


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _clearance(
    kind: int, limit: float, place: FloatArray, i: int,
    rx: float, ry: float, rz: float, vx: float, vy: float, vz: float,
    nx: float, ny: float, nz: float, mx: float, my: float, mz: float,
) -> tuple[float, float]:  # fmt: skip
    """Clearance and its rate, from position, velocity, nadir and the nadir's rate."""
    if kind == _SWATH:
        ux, uy, uz = place[i, 6], place[i, 7], place[i, 8]
        return -(ux * nx + uy * ny + uz * nz) - limit, -(ux * mx + uy * my + uz * mz)
    dx, dy, dz = place[i, 0] - rx, place[i, 1] - ry, place[i, 2] - rz
    if kind == _HORIZON:
        ux, uy, uz = place[i, 6], place[i, 7], place[i, 8]
        value, rate = -(dx * ux + dy * uy + dz * uz), vx * ux + vy * uy + vz * uz
        if limit > 0.0:
            distance = math.sqrt(dx * dx + dy * dy + dz * dz)
            value -= limit * distance
            rate += limit * (dx * vx + dy * vy + dz * vz) / distance
        return value, rate
    s = dx * nx + dy * ny + dz * nz
    slope = dx * mx + dy * my + dz * mz - (vx * nx + vy * ny + vz * nz)
    value = s * s - limit * (dx * dx + dy * dy + dz * dz)
    rate = 2.0 * (s * slope + limit * (dx * vx + dy * vy + dz * vz))
    return (-value, -rate) if kind == _INNER else (value, rate)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _at_node(
    kind: int, limit: float, place: FloatArray, i: int, x: FloatArray, k: int, step_s: float
) -> tuple[float, float]:  # fmt: skip
    """Clearance at a node and its rate per step."""
    value, rate = _clearance(
        kind,
        limit,
        place,
        i,
        x[k, 0],
        x[k, 1],
        x[k, 2],
        x[k, 3],
        x[k, 4],
        x[k, 5],
        x[k, 6],
        x[k, 7],
        x[k, 8],
        x[k, 9],
        x[k, 10],
        x[k, 11],
    )
    return value, rate * step_s


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _between(
    kind: int, limit: float, place: FloatArray, i: int, p: FloatArray, u: float
) -> tuple[float, float]:
    """Clearance at a part u of a step and its rate per step."""
    u2, u3 = 2.0 * u, 3.0 * u * u
    return _clearance(
        kind, limit, place, i,
        p[0, 0] + u * (p[1, 0] + u * (p[2, 0] + u * p[3, 0])),
        p[0, 1] + u * (p[1, 1] + u * (p[2, 1] + u * p[3, 1])),
        p[0, 2] + u * (p[1, 2] + u * (p[2, 2] + u * p[3, 2])),
        p[1, 0] + u2 * p[2, 0] + u3 * p[3, 0],
        p[1, 1] + u2 * p[2, 1] + u3 * p[3, 1],
        p[1, 2] + u2 * p[2, 2] + u3 * p[3, 2],
        p[0, 3] + u * (p[1, 3] + u * (p[2, 3] + u * p[3, 3])),
        p[0, 4] + u * (p[1, 4] + u * (p[2, 4] + u * p[3, 4])),
        p[0, 5] + u * (p[1, 5] + u * (p[2, 5] + u * p[3, 5])),
        p[1, 3] + u2 * p[2, 3] + u3 * p[3, 3],
        p[1, 4] + u2 * p[2, 4] + u3 * p[3, 4],
        p[1, 5] + u2 * p[2, 5] + u3 * p[3, 5],
    )  # fmt: skip


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _hidden(sign: float, fa: float, ga: float, fb: float, gb: float, w: float, lo: float, hi: float) -> bool:
    """Whether a clearance of one sign at both ends may have the other inside."""
    a, da, b, db = sign * fa, sign * ga, sign * fb, sign * gb
    least = lo if sign > 0.0 else -hi
    if (hi <= 0.0) if sign > 0.0 else (lo >= 0.0):
        return False  # a hill stands above its chord
    if least >= 0.0:  # a valley lies above its tangents
        if da >= 0.0 or db <= 0.0:
            return False
        return a + da * (b - a - db * w) / (da - db) <= 0.0
    sag = least * w * w / 8.0
    return a + 0.5 * da * w + sag <= 0.0 or b - 0.5 * db * w + sag <= 0.0


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _root(
    kind: int, limit: float, place: FloatArray, i: int, poly: FloatArray,
    a: float, fa: float, ga: float, b: float, fb: float, tolerance: float,
) -> float:  # fmt: skip
    """The one root between a and b: Newton from the root of a parabola, kept inside its bracket."""
    w = b - a
    bend = (fb - fa - ga * w) / (w * w)
    root = math.sqrt(max(0.0, ga * ga - 4.0 * bend * fa))
    divisor = ga + root if fb > fa else ga - root
    u = a - 2.0 * fa / divisor if divisor != 0.0 else a
    if not a < u < b:
        u = a + w * fa / (fa - fb)
    rising = fb > 0.0
    for _ in range(60):
        f, g = _between(kind, limit, place, i, poly, u)
        if (f > 0.0) == rising:
            b = u
        else:
            a = u
        step = -f / g if g != 0.0 else math.inf
        if abs(step) < 1e-3 * tolerance or abs(bend * step * step) < 1e-3 * tolerance * abs(g):
            return min(b, max(a, u + step))  # what Newton leaves is the parabola's share of step²
        after = u + step
        u = after if a < after < b else 0.5 * (a + b)
        if b - a < 1e-4 * tolerance:
            break
    return u


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _hill(
    kind: int, limit: float, place: FloatArray, i: int, poly: FloatArray,
    fa: float, ga: float, fb: float, gb: float, tolerance: float, out: FloatArray,
) -> int:  # fmt: skip
    """As :func:`_spans` for a clearance that is one hill, by the shortest way; −1: not settled so."""
    start, end = 0.0, 1.0
    if fa <= 0.0 and fb <= 0.0:
        top = min(0.9, max(0.1, ga / (ga - gb)))
        f, g = _between(kind, limit, place, i, poly, top)
        if f <= 0.0:
            return -1
        start = _root(kind, limit, place, i, poly, 0.0, fa, ga, top, f, tolerance)
        end = _root(kind, limit, place, i, poly, top, f, g, 1.0, fb, tolerance)
    elif fa <= 0.0:
        start = _root(kind, limit, place, i, poly, 0.0, fa, ga, 1.0, fb, tolerance)
    elif fb <= 0.0:
        end = _root(kind, limit, place, i, poly, 0.0, fa, ga, 1.0, fb, tolerance)
    out[0, 0], out[0, 1] = start, end
    return 1


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _spans(
    kind: int, limit: float, place: FloatArray, i: int, node: FloatArray, k: int, poly: FloatArray,
    step_s: float, lo: float, hi: float, stack: FloatArray, out: FloatArray,
) -> int:  # fmt: skip
    """Spans (k, 2) of u within a step in which a clearance is positive; returns how many."""
    fa, ga = _at_node(kind, limit, place, i, node, k, step_s)
    fb, gb = _at_node(kind, limit, place, i, node, k + 1, step_s)
    up = fa > 0.0
    lo, hi = lo * step_s * step_s, hi * step_s * step_s
    if up == (fb > 0.0) and not _hidden(1.0 if up else -1.0, fa, ga, fb, gb, 1.0, lo, hi):
        if not up:
            return 0
        out[0, 0], out[0, 1] = 0.0, 1.0
        return 1
    tolerance = TOLERANCE_S / step_s
    count = 0
    if up:
        out[0, 0] = 0.0
    depth = 1
    a, b = 0.0, 1.0
    stack[0, 0], stack[0, 1], stack[0, 2], stack[0, 3], stack[0, 4], stack[0, 5] = a, fa, ga, b, fb, gb
    while depth > 0:
        depth -= 1
        a, fa, ga = stack[depth, 0], stack[depth, 1], stack[depth, 2]
        b, fb, gb = stack[depth, 3], stack[depth, 4], stack[depth, 5]
        w = b - a
        if (fa > 0.0) == (fb > 0.0):
            if w < tolerance or not _hidden(1.0 if fa > 0.0 else -1.0, fa, ga, fb, gb, w, lo, hi):
                continue
            middle = a + w * ga / (ga - gb) if ga != gb else a + 0.5 * w
            middle = min(b - 0.1 * w, max(a + 0.1 * w, middle))
        else:
            rises = fb > fa
            least, most = min(ga + lo * w, gb - hi * w), max(ga + hi * w, gb - lo * w)
            if w < tolerance or hi <= 0.0 or lo >= 0.0 or (least > 0.0 if rises else most < 0.0):
                u = _root(kind, limit, place, i, poly, a, fa, ga, b, fb, tolerance)
                if up:
                    out[count, 1] = u
                    count += 1
                    if count == _MOST:
                        return count
                else:
                    out[count, 0] = u
                up = not up
                continue
            middle = a + 0.5 * w
        f, g = _between(kind, limit, place, i, poly, middle)
        stack[depth, 0], stack[depth, 1], stack[depth, 2] = middle, f, g
        stack[depth, 3], stack[depth, 4], stack[depth, 5] = b, fb, gb
        depth += 1
        stack[depth, 0], stack[depth, 1], stack[depth, 2] = a, fa, ga
        stack[depth, 3], stack[depth, 4], stack[depth, 5] = middle, f, g
        depth += 1
    if up:
        out[count, 1] = 1.0
        count += 1
    return count


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _common(a: FloatArray, many_a: int, b: FloatArray, many_b: int, out: FloatArray) -> int:
    """Spans common to two lists in order; ``out`` is neither."""
    count, i, j = 0, 0, 0
    while i < many_a and j < many_b:
        start, end = max(a[i, 0], b[j, 0]), min(a[i, 1], b[j, 1])
        if start < end:
            out[count, 0], out[count, 1] = start, end
            count += 1
        if a[i, 1] < b[j, 1]:
            i += 1
        else:
            j += 1
    return count


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _limit(sensor: FloatArray, place: FloatArray, i: int, which: int) -> tuple[int, float]:
    """Kind and value of the main limit (0), inner cone (1) or horizon (2)."""
    if which == 0:
        return (_CONE, sensor[1]) if sensor[0] == CONE else (_SWATH, math.cos(sensor[1] / place[i, 9]))
    if which == 1:
        return _INNER, sensor[2]
    return _HORIZON, (sensor[1] if sensor[0] == ELEVATION else 0.0)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _within(
    sensor: FloatArray, place: FloatArray, i: int, node: FloatArray, k: int, step: FloatArray,
    poly: FloatArray, step_s: float, stack: FloatArray,
    spans: FloatArray, other: FloatArray, third: FloatArray,
) -> int:  # fmt: skip
    """Spans (k, 2) of u within a step in which all limits are kept; returns how many."""
    many = -1
    for which in range(3):
        if step[k, 1 + 3 * which] == 0.0:
            continue
        kind, limit = _limit(sensor, place, i, which)
        lo, hi = step[k, 2 + 3 * which], step[k, 3 + 3 * which]
        if many < 0:
            many = _spans(kind, limit, place, i, node, k, poly, step_s, lo, hi, stack, spans)
        else:
            got = _spans(kind, limit, place, i, node, k, poly, step_s, lo, hi, stack, other)
            many = min(_MOST, _common(spans, many, other, got, third))
            for j in range(many):
                spans[j, 0], spans[j, 1] = third[j, 0], third[j, 1]
        if many == 0:
            break
    return many


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _grown(array: NDArray, more: int):  # type: ignore[no-untyped-def,type-arg]
    bigger = np.empty(array.shape[0] + more, dtype=array.dtype)
    bigger[: array.shape[0]] = array
    return bigger


@numba.njit(cache=True, nogil=True, error_model="numpy")
def scan(
    nodes: FloatArray, middles: FloatArray, steps: FloatArray, sensors: FloatArray, farthest: FloatArray,
    quickest: FloatArray, step_s: float, first_step: int, places: FloatArray, tiles: IntArray,
    centres: FloatArray,
) -> tuple[IntArray, IntArray, FloatArray, FloatArray]:  # fmt: skip
    """Looks of s satellites at n places during one block of steps, place by place joined over steps.

    ``nodes`` (s, m, 12), ``middles`` (s, m − 1, 6), ``steps`` (s, m − 1, 10), ``sensors`` (s, 3),
    ``farthest`` and ``quickest`` (s,) as :func:`motion.kernels.prepare` makes them; the first node stands at
    ``first_step · step_s``. ``places`` (n, 10); tile t is places ``tiles[t]`` … ``tiles[t + 1] − 1``, all
    within the angle ``centres[t, 3]`` of the unit vector before it.

    Returns place and satellite (k,) and start and end (k,) s of each look, in the order of
    satellites, then tiles, then time.
    """
    capacity = 4096
    place_of, satellite_of = np.empty(capacity, dtype=np.int64), np.empty(capacity, dtype=np.int64)
    starts, ends = np.empty(capacity), np.empty(capacity)
    count = 0
    latest = np.empty(places.shape[0], dtype=np.int64)
    hits = np.empty(places.shape[0], dtype=np.int64)
    poly = np.empty((4, 6))
    stack = np.empty((200, 6))
    spans, other, third = np.empty((_MOST, 2)), np.empty((_MOST, 2)), np.empty((2 * _MOST, 2))
    h2 = step_s * step_s
    tolerance = TOLERANCE_S / step_s
    lead, lo, alone = 0, 2, True
    last = middles.shape[1]
    for s in range(nodes.shape[0]):
        node, middle, step, sensor = nodes[s], middles[s], steps[s], sensors[s]
        a = max(quickest[s], 1e-13)  # an object that stands still over the ground
        for t in range(centres.shape[0]):
            cx, cy, cz = centres[t, 0], centres[t, 1], centres[t, 2]
            angle = farthest[s] + centres[t, 3]
            threshold = math.cos(angle) if angle < math.pi else -2.0
            begin, end = tiles[t], tiles[t + 1]
            for i in range(begin, end):
                latest[i] = -1
            k = 0
            while k < last:
                q = threshold - (cx * middle[k, 0] + cy * middle[k, 1] + cz * middle[k, 2])
                if q > 0.0:
                    f1 = cx * middle[k, 3] + cy * middle[k, 4] + cz * middle[k, 5]
                    k += 1 + int((math.sqrt(f1 * f1 + 2.0 * a * q) - f1) / (a * step_s))
                    continue
                found = 0
                mx, my, mz, edge = middle[k, 0], middle[k, 1], middle[k, 2], step[k, 0]
                for i in range(begin, end):
                    if places[i, 3] * mx + places[i, 4] * my + places[i, 5] * mz >= edge:
                        hits[found] = i
                        found += 1
                if found > 0:
                    hermite(node[k], node[k + 1], step_s, poly)
                    lead = 0 if step[k, 1] != 0.0 else 2
                    lo = 2 + 3 * lead
                    alone = step[k, 1] + step[k, 4] + step[k, 7] == 1.0
                for h in range(found):
                    i = hits[h]
                    kind, limit = _limit(sensor, places, i, lead)
                    fa, ga = _at_node(kind, limit, places, i, node, k, step_s)
                    fb, gb = _at_node(kind, limit, places, i, node, k + 1, step_s)
                    if (
                        fa <= 0.0
                        and fb <= 0.0
                        and not _hidden(-1.0, fa, ga, fb, gb, 1.0, step[k, lo] * h2, step[k, lo + 1] * h2)
                    ):
                        continue  # most of them: in reach for the search, out of it for the sensor
                    many = -1
                    if alone and step[k, lo + 1] <= 0.0:
                        many = _hill(kind, limit, places, i, poly, fa, ga, fb, gb, tolerance, spans)
                    if many < 0:
                        many = _within(
                            sensor, places, i, node, k, step, poly, step_s, stack, spans, other, third
                        )
                    base = float(first_step + k) * step_s
                    for j in range(many):
                        start, stop = base + spans[j, 0] * step_s, base + spans[j, 1] * step_s
                        if spans[j, 1] == 1.0:
                            stop = float(first_step + k + 1) * step_s
                        if not start < stop:
                            continue
                        if latest[i] >= 0 and ends[latest[i]] == start:
                            ends[latest[i]] = stop
                            continue
                        if count == starts.shape[0]:
                            more = starts.shape[0]
                            place_of, satellite_of = _grown(place_of, more), _grown(satellite_of, more)
                            starts, ends = _grown(starts, more), _grown(ends, more)
                        place_of[count], satellite_of[count] = i, s
                        starts[count], ends[count] = start, stop
                        latest[i] = count
                        count += 1
                k += 1
    return place_of[:count].copy(), satellite_of[:count].copy(), starts[:count].copy(), ends[:count].copy()
