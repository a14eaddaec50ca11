"""Compiled figures per cell: looks clipped to the light, merged over satellites, gaps, waits.

Every cell is worked through alone and in order of time, so that its figures do not depend on its neighbours.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Columns of the figures per cell.
LOOKS, ACCESSES, COVERED, FIRST, GAP_MEAN, GAP_MEDIAN, GAP_MAX, WAIT_MEAN, WAIT_MAX, LONGEST = range(10)
FIGURES = 10


@numba.njit(cache=True, nogil=True)
def _above(
    sun: FloatArray, step_s: float, x: float, y: float, z: float, sine: float, end_s: float, out: FloatArray
) -> int:
    """Spans (k, 2) s in which u·s exceeds ``sine``; ``sun`` (m, 6): unit vectors to the Sun and rates (1/s).

    The second derivative is that of a vector turning once a day, at most 5.4e-9 /s²: a stretch between two
    nodes is cut until that proves its sign, or it is a millisecond long.
    """
    most = 5.4e-9
    count = 0
    up = False
    stack = np.empty((64, 6))
    fb = sun[0, 0] * x + sun[0, 1] * y + sun[0, 2] * z - sine
    gb = sun[0, 3] * x + sun[0, 4] * y + sun[0, 5] * z
    if fb > 0.0:
        up = True
        out[0, 0] = 0.0
    for k in range(sun.shape[0] - 1):
        fa, ga = fb, gb
        fb = sun[k + 1, 0] * x + sun[k + 1, 1] * y + sun[k + 1, 2] * z - sine
        gb = sun[k + 1, 3] * x + sun[k + 1, 4] * y + sun[k + 1, 5] * z
        h = step_s
        bend = most * h * h / 8.0
        if (fa > 0.0) == (fb > 0.0):
            sign = 1.0 if fa > 0.0 else -1.0
            if sign * (fa + 0.5 * ga * h) > bend and sign * (fb - 0.5 * gb * h) > bend:
                continue
        a0, a1 = fa, ga * h
        d = fb - fa - a1
        e = gb * h - a1
        a2, a3 = 3.0 * d - e, e - 2.0 * d
        depth = 1
        stack[0, 0], stack[0, 1], stack[0, 2], stack[0, 3], stack[0, 4], stack[0, 5] = (
            0.0,
            fa,
            a1,
            1.0,
            fb,
            gb * h,
        )
        tolerance = 1e-3 / h
        while depth > 0:
            depth -= 1
            a, va, ra = stack[depth, 0], stack[depth, 1], stack[depth, 2]
            b, vb, rb = stack[depth, 3], stack[depth, 4], stack[depth, 5]
            w = b - a
            curve = most * h * h * 1.01
            if (va > 0.0) == (vb > 0.0):
                sign = 1.0 if va > 0.0 else -1.0
                least = curve * w * w / 8.0
                if w < tolerance or min(sign * (va + 0.5 * ra * w), sign * (vb - 0.5 * rb * w)) > least:
                    continue
            elif w < tolerance or abs(ra) > curve * w:
                left, right, u = a, b, a + w * va / (va - vb)
                rising = vb > 0.0
                for _ in range(60):
                    f = a0 + u * (a1 + u * (a2 + u * a3))
                    g = a1 + u * (2.0 * a2 + 3.0 * u * a3)
                    if (f > 0.0) == rising:
                        right = u
                    else:
                        left = u
                    step = -f / g if g != 0.0 else math.inf
                    after = u + step
                    if abs(step) < 1e-3 * tolerance or right - left < 1e-4 * tolerance:
                        u = min(right, max(left, after))
                        break
                    u = after if left < after < right else 0.5 * (left + right)
                at = (k + u) * h
                if up:
                    out[count, 1] = at
                    count += 1
                    if count == len(out):
                        return count
                else:
                    out[count, 0] = at
                up = not up
                continue
            m = a + 0.5 * w
            f = a0 + m * (a1 + m * (a2 + m * a3))
            g = a1 + m * (2.0 * a2 + 3.0 * m * a3)
            stack[depth, 0], stack[depth, 1], stack[depth, 2] = m, f, g
            stack[depth, 3], stack[depth, 4], stack[depth, 5] = b, vb, rb
            depth += 1
            stack[depth, 0], stack[depth, 1], stack[depth, 2] = a, va, ra
            stack[depth, 3], stack[depth, 4], stack[depth, 5] = m, f, g
            depth += 1
    if up:
        out[count, 1] = end_s
        count += 1
    return count


@numba.njit(cache=True, nogil=True)
def _lit(
    sun: FloatArray, sun_step_s: float, place: FloatArray, low: float, high: float, end_s: float,
    above: FloatArray, below: FloatArray, out: FloatArray,
) -> int:  # fmt: skip
    """Spans (k, 2) s with the Sun between two sines of elevation (below −1: no limit; above 1: none)."""
    x, y, z = place[6], place[7], place[8]
    if low < -1.0:
        many = 1
        above[0, 0], above[0, 1] = 0.0, end_s
    else:
        many = _above(sun, sun_step_s, x, y, z, low, end_s, above)
    if high > 1.0:
        out[:many] = above[:many]
        return many
    dark = _above(sun, sun_step_s, -x, -y, -z, -high, end_s, below)
    count, i, j = 0, 0, 0
    while i < many and j < dark:
        start, end = max(above[i, 0], below[j, 0]), min(above[i, 1], below[j, 1])
        if start < end:
            out[count, 0], out[count, 1] = start, end
            count += 1
        if above[i, 1] < below[j, 1]:
            i += 1
        else:
            j += 1
    return count


@numba.njit(cache=True, nogil=True)
def _percentile(ordered: FloatArray, count: int, percent: float) -> float:
    """Of values in order, linear between them (Hyndman & Fan's type 7, NumPy's own)."""
    at = percent / 100.0 * (count - 1)
    k = min(int(at), count - 1)
    if k + 1 >= count:
        return float(ordered[count - 1])
    return float(ordered[k] + (at - k) * (ordered[k + 1] - ordered[k]))


@numba.njit(cache=True, nogil=True)
def _figures(
    starts: FloatArray, ends: FloatArray, many: int, end_s: float, percents: FloatArray, begins: FloatArray,
    gaps: FloatArray, figures: FloatArray, gap_percentiles: FloatArray, wait_percentiles: FloatArray,
    waits: NDArray[np.float32],
) -> None:  # fmt: skip
    """Fill in one cell's figures from its accesses, in order and apart."""
    figures[ACCESSES] = many
    covered = 0.0
    for i in range(many):
        covered += ends[i] - starts[i]
    figures[COVERED] = covered
    for j in range(FIRST, FIGURES):
        figures[j] = math.nan
    gap_percentiles[:] = math.nan
    wait_percentiles[:] = math.nan
    waits[:] = math.nan
    if many == 0:
        figures[LONGEST] = end_s
        return
    figures[FIRST] = starts[0]
    whole, squares = 0.0, 0.0
    for i in range(many - 1):
        gap = starts[i + 1] - ends[i]
        gaps[i] = gap
        whole += gap
        squares += gap * gap
    lead, tail = starts[0], end_s - ends[many - 1]
    ordered = np.sort(gaps[: many - 1])
    longest = ordered[many - 2] if many > 1 else 0.0
    if many > 1:
        figures[GAP_MEAN] = whole / (many - 1)
        figures[GAP_MEDIAN] = _percentile(ordered, many - 1, 50.0)
        figures[GAP_MAX] = longest
        for p in range(len(percents)):
            gap_percentiles[p] = _percentile(ordered, many - 1, percents[p])
    figures[LONGEST] = max(longest, lead, tail)
    until = ends[many - 1]
    figures[WAIT_MEAN] = (squares + lead * lead) / (2.0 * until)
    figures[WAIT_MAX] = max(longest, lead)
    gaps[many - 1] = lead
    ordered = np.sort(gaps[:many])
    for p in range(len(percents)):
        wanted = percents[p] / 100.0 * until - covered
        wait, below = 0.0, 0.0
        if wanted > 0.0:
            wait = ordered[many - 1]
            for i in range(many):
                if below + ordered[i] * (many - i) >= wanted:
                    wait = (wanted - below) / (many - i)
                    break
                below += ordered[i]
        wait_percentiles[p] = wait
    i = 0
    for p in range(len(begins)):
        while i < many and ends[i] <= begins[p]:
            i += 1
        if i < many:
            waits[p] = max(0.0, starts[i] - begins[p])


@numba.njit(cache=True, nogil=True)
def digest(
    place_of: IntArray, satellite_of: IntArray, look_starts: FloatArray, look_ends: FloatArray, blocks: int,
    places: FloatArray, sun: FloatArray, sun_step_s: float, low: float, high: float, shortest_s: float,
    end_s: float, percents: FloatArray, begins: FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray, NDArray[np.float32]]:  # fmt: skip
    """Figures (n, 10), percentiles of gaps and waits (n, p) and waits (n, b) of n places.

    The looks (k,) come from one or more blocks of time, one after the other; those cut where two blocks meet
    are joined again. ``low`` and ``high``: sines of the Sun's elevation to keep between.
    """
    n = places.shape[0]
    figures = np.empty((n, FIGURES))
    gap_percentiles, wait_percentiles = np.empty((n, len(percents))), np.empty((n, len(percents)))
    waits = np.empty((n, len(begins)), dtype=np.float32)
    offset = np.zeros(n + 1, dtype=np.int64)
    for i in place_of:
        offset[i + 1] += 1
    most = 0
    for i in range(n):
        most = max(most, offset[i + 1])
        offset[i + 1] += offset[i]
    order = np.empty(len(place_of), dtype=np.int64)
    fill = offset[:-1].copy()
    for k in range(len(place_of)):
        order[fill[place_of[k]]] = k
        fill[place_of[k]] += 1
    light = low >= -1.0 or high <= 1.0
    days = int(end_s / 86_000.0) + 2
    above, below, lit = np.empty((2 * days + 2, 2)), np.empty((2 * days + 2, 2)), np.empty((4 * days + 4, 2))
    lit[0, 0], lit[0, 1] = 0.0, end_s
    room = most + 4 * days + 8
    starts, ends, gaps = np.empty(room), np.empty(room), np.empty(room)
    merged_starts, merged_ends = np.empty(room), np.empty(room)
    for i in range(n):
        mine = order[offset[i] : offset[i + 1]]
        if blocks > 1 and len(mine) > 1:
            mine = mine[np.argsort(look_starts[mine], kind="mergesort")]
            mine = mine[np.argsort(satellite_of[mine], kind="mergesort")]
        many_lit = 1
        if light and len(mine):
            many_lit = _lit(sun, sun_step_s, places[i], low, high, end_s, above, below, lit)
        count = 0
        k = 0
        span = 0
        while k < len(mine):
            start, end, satellite = look_starts[mine[k]], look_ends[mine[k]], satellite_of[mine[k]]
            k += 1
            while k < len(mine) and satellite_of[mine[k]] == satellite and look_starts[mine[k]] == end:
                end = look_ends[mine[k]]
                k += 1
            end = min(end, end_s)
            # Back to the first light that ends after the look begins: satellites follow each other.
            span = min(span, many_lit - 1)
            while span > 0 and lit[span - 1, 1] > start:
                span -= 1
            while span >= 0 and span < many_lit and lit[span, 0] < end:
                a, b = max(start, lit[span, 0]), min(end, lit[span, 1])
                if a < b and b - a >= shortest_s:
                    if count == len(starts):
                        starts, ends = _wider(starts), _wider(ends)
                    starts[count], ends[count] = a, b
                    count += 1
                span += 1
        figures[i, LOOKS] = count
        if count > len(gaps):
            gaps = np.empty(len(starts))
            merged_starts, merged_ends = np.empty(len(starts)), np.empty(len(starts))
        turn = np.argsort(starts[:count], kind="mergesort")
        many = 0
        for k in turn:
            if many and starts[k] <= merged_ends[many - 1]:
                merged_ends[many - 1] = max(merged_ends[many - 1], ends[k])
            else:
                merged_starts[many], merged_ends[many] = starts[k], ends[k]
                many += 1
        _figures(
            merged_starts, merged_ends, many, end_s, percents, begins, gaps, figures[i],
            gap_percentiles[i], wait_percentiles[i], waits[i],
        )  # fmt: skip
    return figures, gap_percentiles, wait_percentiles, waits


@numba.njit(cache=True, nogil=True)
def _wider(array: FloatArray) -> FloatArray:
    bigger = np.empty(2 * len(array))
    bigger[: len(array)] = array
    return bigger
