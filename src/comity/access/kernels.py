"""Compiled search for passes over ground sites.

Between two states of the grid the object moves on the cubic through them (Hermite), and everything here is
about that curve. Two bounds on how fast things can change carry the search: with |u·r″| ≤ A the height above
a site's horizon plane cannot reach a threshold q further up before τ = (−f′ + √(f′² + 2Aq))/A, and the same
holds for the clearance above the mask with a bound G on its second derivative. So the search leaps as far as
nothing can happen, and no pass hides between two nodes. Numba compiles on first use and caches on disk; every
function frees the interpreter lock.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Int32Array = NDArray[np.int32]
ByteArray = NDArray[np.uint8]
WordArray = NDArray[np.uint64]

#: Passes shorter than this may be left out (s).
SHORTEST_S = 1e-3
_EDGE_S = 1e-6
#: Steps that are ruled out together where the object stays far below the mask.
_BLOCK = 6
_OPTIONS: dict[str, Any] = {
    "cache": True,
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"contract", "arcp", "nsz"},
}


@numba.njit(inline="always", **_OPTIONS)
def _hermite(states: FloatArray, k: int, h: float, x: float) -> Any:
    """Position (m) and velocity (m/s) at the fraction ``x`` of the step from node ``k``."""
    x2 = x * x
    x3 = x2 * x
    a1 = 3.0 * x2 - 2.0 * x3
    a0 = 1.0 - a1
    b0 = (x3 - 2.0 * x2 + x) * h
    b1 = (x3 - x2) * h
    slope = 6.0 * (x - x2) / h
    c0 = 1.0 - 4.0 * x + 3.0 * x2
    c1 = 3.0 * x2 - 2.0 * x
    px = a0 * states[k, 0] + b0 * states[k, 3] + a1 * states[k + 1, 0] + b1 * states[k + 1, 3]
    py = a0 * states[k, 1] + b0 * states[k, 4] + a1 * states[k + 1, 1] + b1 * states[k + 1, 4]
    pz = a0 * states[k, 2] + b0 * states[k, 5] + a1 * states[k + 1, 2] + b1 * states[k + 1, 5]
    vx = slope * (states[k + 1, 0] - states[k, 0]) + c0 * states[k, 3] + c1 * states[k + 1, 3]
    vy = slope * (states[k + 1, 1] - states[k, 1]) + c0 * states[k, 4] + c1 * states[k + 1, 4]
    vz = slope * (states[k + 1, 2] - states[k, 2]) + c0 * states[k, 5] + c1 * states[k + 1, 5]
    return px, py, pz, vx, vy, vz


@numba.njit(inline="always", **_OPTIONS)
def _clearance(px: float, py: float, pz: float, vx: float, vy: float, vz: float, site: FloatArray) -> Any:
    """d·u − sin(mask)·|d| (m), positive above the mask, and its rate (m/s); d from site to object."""
    dx, dy, dz = px - site[0], py - site[1], pz - site[2]
    ux, uy, uz, sine = site[3], site[4], site[5], site[6]
    distance = math.sqrt(dx * dx + dy * dy + dz * dz)
    value = dx * ux + dy * uy + dz * uz - sine * distance
    rate = vx * ux + vy * uy + vz * uz - sine * (dx * vx + dy * vy + dz * vz) / distance
    return value, rate


@numba.njit(inline="always", **_OPTIONS)
def _at_node(states: FloatArray, k: int, site: FloatArray) -> Any:
    return _clearance(
        states[k, 0], states[k, 1], states[k, 2], states[k, 3], states[k, 4], states[k, 5], site
    )


@numba.njit(inline="always", **_OPTIONS)
def _within(states: FloatArray, k: int, h: float, x: float, site: FloatArray) -> Any:
    px, py, pz, vx, vy, vz = _hermite(states, k, h, x)
    return _clearance(px, py, pz, vx, vy, vz, site)


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def motion_bounds(states: FloatArray, h: float) -> Any:
    """Least and greatest distance from the geocentre (m), greatest speed (m/s) and acceleration (m/s²).

    Of the cubic through ``states`` (nodes, 6), ``h`` seconds apart: its second derivative is linear in a
    step, so the ends tell its greatest size.
    """
    nearest, farthest, fastest, most = math.inf, 0.0, 0.0, 0.0
    for k in range(states.shape[0]):
        r = states[k, 0] ** 2 + states[k, 1] ** 2 + states[k, 2] ** 2
        v = states[k, 3] ** 2 + states[k, 4] ** 2 + states[k, 5] ** 2
        nearest, farthest, fastest = min(nearest, r), max(farthest, r), max(fastest, v)
    for k in range(states.shape[0] - 1):
        begin, end = 0.0, 0.0
        for c in range(3):
            chord = 6.0 * (states[k + 1, c] - states[k, c]) / h
            a = (chord - 4.0 * states[k, c + 3] - 2.0 * states[k + 1, c + 3]) / h
            b = (2.0 * states[k, c + 3] + 4.0 * states[k + 1, c + 3] - chord) / h
            begin += a * a
            end += b * b
        most = max(most, max(begin, end))
    most = math.sqrt(most)
    fastest = math.sqrt(fastest) + 0.5 * most * h
    nearest = math.sqrt(nearest)
    sagitta = most * h * h / 8.0
    nearest = max(0.0, nearest - sagitta - (fastest * h) ** 2 / (8.0 * max(nearest, 1.0)))
    return nearest, math.sqrt(farthest) + sagitta, fastest, most


@numba.njit(**_OPTIONS)
def _blocks(states: FloatArray, h: float, most: float, centres: FloatArray) -> float:
    """Where the object is in the middle of each block of nodes, and how far it moves from there.

    Fills ``centres`` (6, blocks): position (m), and velocity over half a block's time (m). Returns how far
    (m) it may leave the straight line in that time.
    """
    half = 0.5 * _BLOCK * h
    final = states.shape[0] - 1
    for b in range(centres.shape[1]):
        k = min(b * _BLOCK + _BLOCK // 2, final)
        for c in range(3):
            centres[c, b] = states[k, c]
            centres[c + 3, b] = states[k, c + 3] * half
    return 0.5 * most * half * half


@numba.njit(**_OPTIONS)
def _reaching(centres: FloatArray, ux: float, uy: float, uz: float, limit: float, flags: ByteArray) -> None:
    """Mark the blocks in which u·r may exceed ``limit`` (m)."""
    for b in range(centres.shape[1]):
        height = centres[0, b] * ux + centres[1, b] * uy + centres[2, b] * uz
        climb = abs(centres[3, b] * ux + centres[4, b] * uy + centres[5, b] * uz)
        flags[b] = 1 if height + climb > limit else 0


@numba.njit(**_OPTIONS)
def _next_marked(flags: ByteArray, words: WordArray, block: int) -> int:
    """The first marked block from ``block`` on; ``words`` are the same flags, eight at a time."""
    word = block // 8
    if words[word] == 0:
        block = 0
        while word < words.shape[0] and words[word] == 0:
            word += 1
        if word == words.shape[0]:
            return 8 * word
    block = max(block, 8 * word)
    while block < flags.shape[0] and flags[block] == 0:
        block += 1
    return block


@numba.njit(**_OPTIONS)
def _threshold(site: FloatArray, nearest: float, farthest: float) -> Any:
    """Least u·r (m) at which an object that far from the geocentre can stand above the mask.

    From |r|² = |P|² + 2·P·d + ρ² with P·d ≤ ρ·((P·u)·sin(mask) + |P_t|), P_t the part of the site's position
    P across its vertical u.
    """
    px, py, pz, sine = site[0], site[1], site[2], site[6]
    height = px * site[3] + py * site[4] + pz * site[5]
    square = px * px + py * py + pz * pz
    across = math.sqrt(max(0.0, square - height * height))
    if sine >= 0.0:
        b = height * sine + across
        c = nearest * nearest - square
        slant = max(0.0, -b + math.sqrt(b * b + c)) if c > 0.0 else 0.0
    else:
        b = height * sine - across
        c = max(0.0, farthest * farthest - square)
        slant = -b + math.sqrt(b * b + c)
    return height + sine * slant


@numba.njit(**_OPTIONS)
def _edge(
    states: FloatArray, k: int, h: float, site: FloatArray,
    a: float, ga: float, da: float, b: float, gb: float, db: float,
) -> float:  # fmt: skip
    """Where in the step (a fraction in [a, b]) the clearance changes sign.

    First a guess from the ends alone: the cubic of time over clearance, then one step of Newton's method
    on the cubic of clearance over time. Then Newton's method on the clearance itself, kept inside the
    bracket, until what its next step would add is below :data:`_EDGE_S`.
    """
    rise, span = gb - ga, b - a
    slope_a, slope_b = da * span * h, db * span * h
    w = -ga / rise
    if slope_a * rise > 0.0 and slope_b * rise > 0.0:
        w += w * (1.0 - w) * ((1.0 - w) * (rise / slope_a - 1.0) - w * (rise / slope_b - 1.0))
        third = slope_a + slope_b - 2.0 * rise
        second = rise - slope_a - third
        value = ga + w * (slope_a + w * (second + w * third))
        w -= value / (slope_a + w * (2.0 * second + w * 3.0 * third))
    x = a + w * span
    if not a < x < b:
        x = 0.5 * (a + b)
    bend = abs(db - da) / (span * h)
    for _ in range(60):
        g, d = _within(states, k, h, x, site)
        if (g > 0.0) == (gb > 0.0):
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
def _sine(states: FloatArray, k: int, h: float, x: float, site: FloatArray) -> Any:
    """Sine of the elevation and its rate (1/s)."""
    px, py, pz, vx, vy, vz = _hermite(states, k, h, x)
    dx, dy, dz = px - site[0], py - site[1], pz - site[2]
    inverse = 1.0 / math.sqrt(dx * dx + dy * dy + dz * dz)
    sine = (dx * site[3] + dy * site[4] + dz * site[5]) * inverse
    climb = vx * site[3] + vy * site[4] + vz * site[5]
    return sine, (climb - sine * (dx * vx + dy * vy + dz * vz) * inverse) * inverse


@numba.njit(**_OPTIONS)
def _culmination(states: FloatArray, h: float, site: FloatArray, begin: float, end: float) -> Any:
    """Greatest sine of the elevation from ``begin`` to ``end``, and when; times in steps."""
    final = states.shape[0] - 2
    best, when = -2.0, begin
    first = min(int(begin), final)
    sine, rate = _sine(states, first, h, begin - first, site)
    place = begin
    while True:
        if sine > best:
            best, when = sine, place
        if place >= end:
            break
        after = min(math.floor(place) + 1.0, end)
        k = min(int(after), final)
        sine_after, rate_after = _sine(states, k, h, after - k, site)
        if rate > 0.0 and rate_after < 0.0:
            low, high, v_low, v_high = place, after, rate, rate_after
            k = min(int(place), final)
            for _ in range(60):
                middle = low + (high - low) * v_low / (v_low - v_high)
                sine, rate = _sine(states, k, h, middle - k, site)
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
    states: FloatArray, h: float, offset_s: float, site: FloatArray, start: float, end: float,
    culminate: bool, peak: FloatArray, rows: FloatArray, count: int,
) -> int:  # fmt: skip
    """A pass from ``start`` to ``end`` (s) into row ``count``, if it is long enough and there is room."""
    if end - start < SHORTEST_S:
        return count
    if count < rows.shape[0]:
        rows[count, 0], rows[count, 1] = start, end
        if culminate:
            _raise_peak(states, h, offset_s, site, start, end, peak)
            rows[count, 2], rows[count, 3] = peak[1], peak[0]
    peak[0] = -2.0
    return count + 1


@numba.njit(**_OPTIONS)
def _raise_peak(
    states: FloatArray,
    h: float,
    offset_s: float,
    site: FloatArray,
    start: float,
    end: float,
    peak: FloatArray,
) -> None:
    """Bring ``peak`` (sine, time) up to the culmination of the part of a pass in this piece."""
    begin = max(0.0, (start - offset_s) / h)
    sine, place = _culmination(states, h, site, begin, (end - offset_s) / h)
    if sine > peak[0]:
        peak[0], peak[1] = sine, offset_s + place * h


@numba.njit(**_OPTIONS)
def _search(
    states: FloatArray, h: float, offset_s: float, last: bool, site: FloatArray, since: float,
    bounds: Any, centres: FloatArray, slack: float, flags: ByteArray, words: WordArray,
    culminate: bool, peak: FloatArray, rows: FloatArray, count: int,
) -> Any:  # fmt: skip
    """Passes of one object over one site; appended to ``rows`` from row ``count`` on.

    Returns the new count, also where ``rows`` is too short for all of them, and since when a pass is under
    way at the last node (s; NaN: none), which only ``last`` closes.
    """
    nearest, farthest, fastest, most = bounds
    nodes = states.shape[0]
    ux, uy, uz, sine = site[3], site[4], site[5], site[6]
    threshold = _threshold(site, nearest, farthest)
    radius = math.sqrt(site[0] ** 2 + site[1] ** 2 + site[2] ** 2)
    closest = max(1.0, nearest - radius)
    bend = 1.001 * (most * (1.0 + abs(sine)) + abs(sine) * fastest * fastest / closest)
    most = 1.001 * most
    inverse = 1.0 / h
    per_most, per_bend = 1.0 / (most * h), 1.0 / (bend * h)
    _reaching(centres, ux, uy, uz, threshold - slack, flags)
    g, d = _at_node(states, 0, site)
    inside = g > 0.0
    start = since
    if inside and math.isnan(start):
        start = offset_s
    if not inside and not math.isnan(start):  # it ended right at the seam
        count = _close(states, h, offset_s, site, start, offset_s, culminate, peak, rows, count)
        start = math.nan
    k = 0
    while k < nodes - 1:
        if not inside:
            block = k // _BLOCK
            if flags[block] == 0:
                k = _next_marked(flags, words, block) * _BLOCK
                continue
            lacking = threshold - (states[k, 0] * ux + states[k, 1] * uy + states[k, 2] * uz)
            if lacking > 0.0:
                climb = states[k, 3] * ux + states[k, 4] * uy + states[k, 5] * uz
                jump = int(min((math.sqrt(climb * climb + 2.0 * most * lacking) - climb) * per_most, 1e9))
                if jump >= 1:
                    k += jump
                    continue
        g, d = _at_node(states, k, site)
        if (g > 0.0) == inside:
            toward = -d if inside else d
            jump = int(min((math.sqrt(toward * toward + 2.0 * bend * abs(g)) - toward) * per_bend, 1e9))
            if jump >= 1:
                k += jump
                continue
        # An edge may lie in this step.
        gb, db = _at_node(states, k + 1, site)
        if (g > 0.0) == inside and (gb > 0.0) != inside:
            x = _edge(states, k, h, site, 0.0, g, d, 1.0, gb, db)
            at = offset_s + (k + x) * h
            if inside:
                count = _close(states, h, offset_s, site, start, at, culminate, peak, rows, count)
                start = math.nan
            else:
                start = at
            inside = not inside
            k += 1
            continue
        if (d > 0.0) == (db > 0.0) and abs(d) + abs(db) >= bend * h:
            k += 1  # too steep at both ends to turn twice in between
            continue
        # Walk through the step as the bound allows.
        x = 0.0
        while x < 1.0:
            toward = -d if inside else d
            leap = (math.sqrt(toward * toward + 2.0 * bend * abs(g)) - toward) / bend
            y = x + max(leap, SHORTEST_S) * inverse
            if y >= 1.0:
                y = 1.0
                gy, dy = gb, db
            else:
                gy, dy = _within(states, k, h, y, site)
            if (gy > 0.0) != inside:
                edge = _edge(states, k, h, site, x, g, d, y, gy, dy)
                at = offset_s + (k + edge) * h
                if inside:
                    count = _close(states, h, offset_s, site, start, at, culminate, peak, rows, count)
                    start = math.nan
                else:
                    start = at
                inside = not inside
            x, g, d = y, gy, dy
        k += 1
    if inside and last:
        at = offset_s + (nodes - 1) * h
        count = _close(states, h, offset_s, site, start, at, culminate, peak, rows, count)
        start = math.nan
    elif inside and culminate:
        _raise_peak(states, h, offset_s, site, start, offset_s + (nodes - 1) * h, peak)
    return count, start


@numba.njit(**_OPTIONS)
def find_passes(
    states: FloatArray, h: float, offset_s: float, last: bool, sites: FloatArray, culminate: bool,
    since: FloatArray, peaks: FloatArray, spacecraft: Int32Array, which: Int32Array, rows: FloatArray,
) -> int:  # fmt: skip
    """Passes of n objects over m sites on one piece of a grid of times.

    ``states`` (n, nodes, 6) Earth-fixed, m and m/s, at ``offset_s + k·h`` s; an object without states has NaN
    first and is left out. ``sites`` (m, 7): position (m), vertical (unit), sine of the mask. Passes still
    under way where the piece before ended: ``since`` (n, m) their starts (s), NaN for none, and ``peaks`` (n,
    m, 2) sine and time of their culminations so far; both are brought up to date, and only the ``last`` piece
    closes passes. Fills ``spacecraft`` and ``which`` (w,) with indices of object and site and ``rows`` (w, 2
    or more) with start and end (s) and, to ``culminate``, time (s) and sine of the greatest elevation; in the
    order of object, site and time. Returns how many there are, −1 where the room is too small (then ``since``
    and ``peaks`` are spoilt).
    """
    blocks = (states.shape[1] + _BLOCK - 2) // _BLOCK
    centres, words = np.empty((6, blocks)), np.zeros((blocks + 7) // 8, dtype=np.uint64)
    flags = words.view(np.uint8)
    count = 0
    for i in range(states.shape[0]):
        if math.isnan(states[i, 0, 0]):
            continue
        bounds = motion_bounds(states[i], h)
        slack = _blocks(states[i], h, bounds[3], centres)
        for j in range(sites.shape[0]):
            before = count
            count, since[i, j] = _search(
                states[i],
                h,
                offset_s,
                last,
                sites[j],
                since[i, j],
                bounds,
                centres,
                slack,
                flags,
                words,
                culminate,
                peaks[i, j],
                rows,
                count,
            )
            if count > rows.shape[0]:
                return -1
            for row in range(before, count):
                spacecraft[row] = i
                which[row] = j
    return count
