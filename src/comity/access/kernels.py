"""Compiled search for passes over ground sites, from the steps in which something may happen.

Between two states of the grid the object moves on the cubic through them (Hermite), and everything here is
about that curve. Most steps that hold an edge are refined side by side; where two ends of a step are on one
side of the mask but near it, a bound on the curvature of the clearance says how far ahead nothing can happen,
so that no pass hides between them. Numba compiles on first use and caches on disk; every function frees the
interpreter lock.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Int32Array = NDArray[np.int32]
WordArray = NDArray[np.uint64]

#: Passes shorter than this may be left out (s).
SHORTEST_S = 1e-3
_EDGE_S = 1e-6
#: Edges refined side by side in one go.
_CHUNK = 256
#: Kinds of events (:data:`comity.access.crossings.kernels.NEAR`).
_NEAR = 2
#: What a node may be: above the mask, and so near to it that more may hide beside it.
_ABOVE, _NEAR = 1, 2
_OPTIONS: dict[str, Any] = {
    "cache": True,
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"contract", "arcp", "nsz"},
}


@numba.njit(inline="always", **_OPTIONS)
def _cubic(a: float, va: float, b: float, vb: float, h: float, x: float) -> Any:
    """Value and rate at the fraction ``x`` of a step of ``h`` s, from those at its ends (Hermite)."""
    rise, first, last = b - a, va * h, vb * h
    third = first + last - 2.0 * rise
    second = rise - first - third
    return a + x * (first + x * (second + x * third)), (first + x * (2.0 * second + x * 3.0 * third)) / h


@numba.njit(inline="always", **_OPTIONS)
def _clearance(
    dx: float, dy: float, dz: float, vx: float, vy: float, vz: float,
    ux: float, uy: float, uz: float, sine: float,
) -> Any:  # fmt: skip
    """d·u − sin(mask)·|d| (m), positive above the mask, and its rate (m/s); d from site to object."""
    distance = math.sqrt(dx * dx + dy * dy + dz * dz)
    value = dx * ux + dy * uy + dz * uz - sine * distance
    return value, vx * ux + vy * uy + vz * uz - sine * (dx * vx + dy * vy + dz * vz) / distance


@numba.njit(inline="always", **_OPTIONS)
def _place(states: FloatArray, k: int, h: float, x: float, sites: FloatArray, j: int) -> Any:
    """Position from a site (m) and velocity (m/s) at the fraction ``x`` of the step from node ``k``."""
    dx, vx = _cubic(
        states[k, 0] - sites[j, 0], states[k, 3], states[k + 1, 0] - sites[j, 0], states[k + 1, 3], h, x
    )
    dy, vy = _cubic(
        states[k, 1] - sites[j, 1], states[k, 4], states[k + 1, 1] - sites[j, 1], states[k + 1, 4], h, x
    )
    dz, vz = _cubic(
        states[k, 2] - sites[j, 2], states[k, 5], states[k + 1, 2] - sites[j, 2], states[k + 1, 5], h, x
    )
    return dx, dy, dz, vx, vy, vz


@numba.njit(inline="always", **_OPTIONS)
def _within(states: FloatArray, k: int, h: float, x: float, sites: FloatArray, j: int) -> Any:
    """Clearance (m) and its rate (m/s) at the fraction ``x`` of the step from node ``k``."""
    dx, dy, dz, vx, vy, vz = _place(states, k, h, x, sites, j)
    return _clearance(dx, dy, dz, vx, vy, vz, sites[j, 3], sites[j, 4], sites[j, 5], sites[j, 6])


@numba.njit(inline="always", **_OPTIONS)
def _guess(a: float, slope_a: float, b: float, slope_b: float) -> Any:
    """Where in [0, 1] a cubic with these values and slopes at the ends has its root, nearly.

    The cubic of place over value, then one step of Newton's method on the cubic itself; the chord where the
    slopes do not both go from a to b.
    """
    rise = b - a
    chord = -a / rise
    w = chord + chord * (1.0 - chord) * (
        (1.0 - chord) * (rise / slope_a - 1.0) - chord * (rise / slope_b - 1.0)
    )
    third = slope_a + slope_b - 2.0 * rise
    second = rise - slope_a - third
    value = a + w * (slope_a + w * (second + w * third))
    w = w - value / (slope_a + w * (2.0 * second + w * 3.0 * third))
    return w if (slope_a * rise > 0.0) & (slope_b * rise > 0.0) & (w > 0.0) & (w < 1.0) else chord


@numba.njit(**_OPTIONS)
def _edge(
    states: FloatArray, k: int, h: float, sites: FloatArray, j: int,
    a: float, ga: float, da: float, b: float, gb: float, db: float, rising: bool,
) -> Any:  # fmt: skip
    """Where in the step (a fraction in [a, b]) the clearance changes sign, ``rising`` or falling.

    First a guess from the ends alone, then Newton's method on the clearance itself, kept inside the bracket,
    until what its next step would add is below :data:`_EDGE_S`.
    """
    span = b - a
    x = a + span * _guess(ga, da * span * h, gb, db * span * h)
    if not a < x < b:
        x = 0.5 * (a + b)
    bend = abs(db - da) / (span * h)
    for _ in range(60):
        g, d = _within(states, k, h, x, sites, j)
        if (g > 0.0) == rising:
            b = x
        else:
            a = x
        step = -g / d
        trial = x + step / h
        if a <= trial <= b:
            x = trial
            if bend * step * step <= _EDGE_S * abs(d):
                break
        else:
            x = 0.5 * (a + b)
        if (b - a) * h < _EDGE_S:
            break
    return x


@numba.njit(inline="always", **_OPTIONS)
def _sine(states: FloatArray, k: int, h: float, x: float, sites: FloatArray, j: int) -> Any:
    """Sine of the elevation and its rate (1/s)."""
    dx, dy, dz, vx, vy, vz = _place(states, k, h, x, sites, j)
    inverse = 1.0 / math.sqrt(dx * dx + dy * dy + dz * dz)
    sine = (dx * sites[j, 3] + dy * sites[j, 4] + dz * sites[j, 5]) * inverse
    climb = vx * sites[j, 3] + vy * sites[j, 4] + vz * sites[j, 5]
    return sine, (climb - sine * (dx * vx + dy * vy + dz * vz) * inverse) * inverse


@numba.njit(**_OPTIONS)
def _culmination(states: FloatArray, h: float, sites: FloatArray, j: int, begin: float, end: float) -> Any:
    """Greatest sine of the elevation from ``begin`` to ``end``, and when; times in steps."""
    final = states.shape[0] - 2
    best, when = -2.0, begin
    first = min(int(begin), final)
    sine, rate = _sine(states, first, h, begin - first, sites, j)
    place = begin
    while True:
        if sine > best:
            best, when = sine, place
        if place >= end:
            break
        after = min(math.floor(place) + 1.0, end)
        k = min(int(after), final)
        sine_after, rate_after = _sine(states, k, h, after - k, sites, j)
        if rate > 0.0 and rate_after < 0.0:
            low, high, v_low, v_high = place, after, rate, rate_after
            k = min(int(place), final)
            for _ in range(60):
                middle = low + (high - low) * v_low / (v_low - v_high)
                sine, rate = _sine(states, k, h, middle - k, sites, j)
                if sine > best:
                    best, when = sine, middle
                if rate > 0.0:
                    low, v_low, v_high = middle, rate, 0.5 * v_high
                else:
                    high, v_high, v_low = middle, rate, 0.5 * v_low
                if abs(rate) * (high - low) * h < 1e-13 or (high - low) * h < 1e-4:
                    break
        place, sine, rate = after, sine_after, rate_after
    return best, when


@numba.njit(**_OPTIONS)
def _close(
    states: FloatArray, h: float, offset_s: float, sites: FloatArray, j: int, start: float, end: float,
    culminate: bool, peak: FloatArray, rows: FloatArray, count: int,
) -> int:  # fmt: skip
    """A pass from ``start`` to ``end`` (s) into row ``count``, if it is long enough and there is room."""
    if end - start < SHORTEST_S:
        return count
    if count < rows.shape[0]:
        rows[count, 0], rows[count, 1] = start, end
        if culminate:
            _raise_peak(states, h, offset_s, sites, j, start, end, peak)
            rows[count, 2], rows[count, 3] = peak[1], peak[0]
    peak[0] = -2.0
    return count + 1


@numba.njit(**_OPTIONS)
def _raise_peak(
    states: FloatArray,
    h: float,
    offset_s: float,
    sites: FloatArray,
    j: int,
    start: float,
    end: float,
    peak: FloatArray,
) -> None:
    """Bring ``peak`` (sine, time) up to the culmination of the part of a pass in this piece."""
    begin = max(0.0, (start - offset_s) / h)
    sine, place = _culmination(states, h, sites, j, begin, (end - offset_s) / h)
    if sine > peak[0]:
        peak[0], peak[1] = sine, offset_s + place * h


@numba.njit(**_OPTIONS)
def _walk(
    states: FloatArray, k: int, h: float, offset_s: float, sites: FloatArray, j: int, inside: bool, start:
    float, bend: float, culminate: bool, peak: FloatArray, rows: FloatArray, count: int,
) -> Any:  # fmt: skip
    """Edges that hide in the step from node ``k``, both of whose ends are on one side of the mask.

    With |g″| ≤ ``bend`` the clearance g cannot change its sign before τ = (√(g′² + 2·bend·|g|) − g′)/bend, g′
    counted towards the mask: the walk leaps by that, and by :data:`SHORTEST_S` at least. Returns ``count``
    and ``start``.
    """
    ga, da = _within(states, k, h, 0.0, sites, j)
    gb, db = _within(states, k, h, 1.0, sites, j)
    if (da > 0.0) == (db > 0.0) and abs(da) + abs(db) >= bend * h:
        return count, start  # too steep at both ends to turn twice in between
    x, outcome = 0.0, inside
    while x < 1.0:
        toward = -da if inside else da
        leap = (math.sqrt(toward * toward + 2.0 * bend * abs(ga)) - toward) / bend
        y, g, d, above = x + max(leap, SHORTEST_S) / h, gb, db, outcome
        if y < 1.0:
            g, d = _within(states, k, h, y, sites, j)
            above = g > 0.0
        else:
            y = 1.0
        if above != inside:
            x = _edge(states, k, h, sites, j, x, ga, da, y, g, d, above)
            at = offset_s + (k + x) * h
            if inside:
                count = _close(states, h, offset_s, sites, j, start, at, culminate, peak, rows, count)
            start = at if above else math.nan
            inside = above
        x, ga, da = y, g, d
    return count, start


@numba.njit(**_OPTIONS)
def _refine(
    states: FloatArray, h: float, sites: FloatArray, which: WordArray, events: IntArray, count: int,
    scratch: FloatArray, edges: FloatArray,
) -> None:  # fmt: skip
    """Where the edges of ``events`` lie, each a fraction of its step; NaN where it takes more to find."""
    for first in range(0, count, _CHUNK):
        n = min(_CHUNK, count - first)
        for e in range(n):
            j, k = which[first + e], max(events[first + e, 0] - 1, 0)
            for c in range(3):
                scratch[c * _CHUNK + e] = states[k, c] - sites[j, c]
                scratch[(c + 3) * _CHUNK + e] = states[k, c + 3]
                scratch[(c + 6) * _CHUNK + e] = states[k + 1, c] - sites[j, c]
                scratch[(c + 9) * _CHUNK + e] = states[k + 1, c + 3]
                scratch[(c + 12) * _CHUNK + e] = sites[j, c + 3]
            scratch[15 * _CHUNK + e] = sites[j, 6]
        _refine_together(h, n, scratch)
        for e in range(n):
            edges[first + e] = scratch[e]


@numba.njit(**_OPTIONS)
def _refine_together(h: float, count: int, w: FloatArray) -> None:
    """Edges of ``count`` steps side by side: a guess from the ends, then two steps of Newton's method.

    Rows of the flat scratch ``w``: 0 … 11 position from the site (m) and velocity (m/s) at both ends of a
    step, 12 … 15 the vertical and the sine of the mask. Row 0 becomes the result, NaN where the last step was
    too long.
    """
    for e in range(count):
        ax, ay, az, avx, avy, avz = (
            w[e],
            w[_CHUNK + e],
            w[2 * _CHUNK + e],
            w[3 * _CHUNK + e],
            w[4 * _CHUNK + e],
            w[5 * _CHUNK + e],
        )
        bx, by, bz, bvx, bvy, bvz = (
            w[6 * _CHUNK + e],
            w[7 * _CHUNK + e],
            w[8 * _CHUNK + e],
            w[9 * _CHUNK + e],
            w[10 * _CHUNK + e],
            w[11 * _CHUNK + e],
        )
        ux, uy, uz, sine = w[12 * _CHUNK + e], w[13 * _CHUNK + e], w[14 * _CHUNK + e], w[15 * _CHUNK + e]
        ga, da = _clearance(ax, ay, az, avx, avy, avz, ux, uy, uz, sine)
        gb, db = _clearance(bx, by, bz, bvx, bvy, bvz, ux, uy, uz, sine)
        x = _guess(ga, da * h, gb, db * h)
        step, rate = 0.0, 1.0
        for _ in range(2):
            x = min(max(x - step, 0.0), 1.0)
            dx, vx = _cubic(ax, avx, bx, bvx, h, x)
            dy, vy = _cubic(ay, avy, by, bvy, h, x)
            dz, vz = _cubic(az, avz, bz, bvz, h, x)
            value, rate = _clearance(dx, dy, dz, vx, vy, vz, ux, uy, uz, sine)
            step = value / (rate * h)
        good = (abs(db - da) * h * step * step <= _EDGE_S * abs(rate)) & (ga * gb < 0.0)
        w[e] = x - step if good else math.nan


@numba.njit(**_OPTIONS)
def _search(
    states: FloatArray, h: float, offset_s: float, last: bool, sites: FloatArray, j: int, since: FloatArray,
    bend: float, events: IntArray, edges: FloatArray, first: int, until: int,
    culminate: bool, peak: FloatArray, rows: FloatArray, count: int,
) -> int:  # fmt: skip
    """Passes of one object over site ``j`` from its events ``first`` … ``until``; appended to ``rows``.

    Returns the new count, also where ``rows`` is too short for all of them. ``since[j]``: since when a pass
    is under way at the first node, then at the last (s; NaN: none), which only ``last`` closes.
    """
    start = since[j]
    for e in range(first, until):
        k = events[e, 0] - 1
        inside = not math.isnan(start)
        if events[e, 1] == _NEAR:
            count, start = _walk(
                states, k, h, offset_s, sites, j, inside, start, bend, culminate, peak, rows, count
            )
            continue
        at = offset_s
        if k >= 0:
            x = edges[e]
            if not 0.0 <= x <= 1.0:
                ga, da = _within(states, k, h, 0.0, sites, j)
                gb, db = _within(states, k, h, 1.0, sites, j)
                x = _edge(states, k, h, sites, j, 0.0, ga, da, 1.0, gb, db, not inside)
            at += (k + x) * h
        if inside:
            count = _close(states, h, offset_s, sites, j, start, at, culminate, peak, rows, count)
        start = math.nan if inside else at
    if not math.isnan(start):
        end = offset_s + (states.shape[0] - 1) * h
        if last:
            count = _close(states, h, offset_s, sites, j, start, end, culminate, peak, rows, count)
            start = math.nan
        elif culminate:
            _raise_peak(states, h, offset_s, sites, j, start, end, peak)
    since[j] = start
    return count


@numba.njit(**_OPTIONS)
def find_passes(
    states: FloatArray, h: float, offset_s: float, last: bool, sites: FloatArray, culminate: bool,
    events: IntArray, until: IntArray, bends: FloatArray, since: FloatArray, peaks: FloatArray,
    spacecraft: Int32Array, which_site: Int32Array, rows: FloatArray,
) -> int:  # fmt: skip
    """Passes of n objects over m sites on one piece of a grid of times.

    ``states`` (n, nodes, 6) Earth-fixed, m and m/s, at ``offset_s + k·h`` s; ``sites`` (m, 7): position (m),
    vertical (unit), sine of the mask; ``events``, ``until``, ``bends``: what
    :func:`comity.access.crossings.kernels.find_crossings` found. Passes still under way where the piece
    before ended: ``since`` (n, m) their starts (s), NaN for none, and ``peaks`` (n, m, 2) sine and time of
    their culminations so far; both are brought up to date, and only the ``last`` piece closes passes. Fills
    ``spacecraft`` and ``which_site`` (w,) with indices of object and site and ``rows`` (w, 2 or more) with
    start and end (s) and, to ``culminate``, time (s) and sine of the greatest elevation; in the order of
    object, site and time. Returns how many there are, −1 where the room is too small (then ``since`` and
    ``peaks`` are spoilt).
    """
    sites_count = sites.shape[0]
    scratch = np.empty(16 * _CHUNK)
    which, edges = np.empty(events.shape[0], np.uint64), np.empty(events.shape[0])
    count = 0
    for i in range(states.shape[0]):
        first, end = until[i, 0], until[i, sites_count]
        own, open_since, own_peaks = states[i], since[i], peaks[i]
        for j in range(sites_count):
            which[until[i, j] : until[i, j + 1]] = j
        _refine(own, h, sites, which[first:end], events[first:end], end - first, scratch, edges[first:end])
        for j in range(sites_count):
            before = count
            count = _search(
                own,
                h,
                offset_s,
                last,
                sites,
                j,
                open_since,
                bends[i, j],
                events,
                edges,
                until[i, j],
                until[i, j + 1],
                culminate,
                own_peaks[j],
                rows,
                count,
            )
            if count > rows.shape[0]:
                return -1
            for row in range(before, count):
                spacecraft[row] = i
                which_site[row] = j
    return count
