"""Compiled resampling: where output pixels fall in a source over relief, and what they take from it.

Positions are float32 (column, row) in a window of the source; :data:`NOWHERE` marks pixels that see nothing.
Every function releases the GIL.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

#: A position that is none.
NOWHERE = -1.0e9
_AWAY = np.float32(NOWHERE)
_NONE = np.float32(-1.0e8)

_exact: Any = njit(cache=True, nogil=True, error_model="numpy")
_quick: Any = njit(cache=True, nogil=True, fastmath=True, error_model="numpy")


@_exact
def positions(nodes, step, posts, height, spread, source, columns, rows, found):  # type: ignore[no-untyped-def]
    """Source positions of all pixels of a block, with the relief of each.

    ``nodes``: (9, n, m) float64 at every ``step``-th pixel centre: the source column at ``height`` and its
    first and second order in (h − ``height``) / ``spread``, the row likewise, column and row among ``posts``,
    and the undulation to add to them. Each is taken as linear between nodes. ``posts``: relief, float32, NaN
    where unknown. ``source``: width, height, first column and row of the frame the positions count from.
    Results: ``columns``, ``rows`` (float32); ``found``: least and most column and row, how many pixels would
    see the source but lie in a hole of the relief, and the row and column of the first of them.
    """
    high, wide = columns.shape
    width, length, first_column, first_row = source
    post_rows, post_columns = posts.shape
    found[0], found[1], found[2], found[3] = np.inf, -np.inf, np.inf, -np.inf
    found[4] = 0.0
    left = np.empty(9)
    slope = np.empty(9)
    for i in range(high):
        a = i // step
        v = (i - a * step) / step
        for b in range((wide + step - 1) // step):
            good = True
            for k in range(9):
                near = nodes[k, a, b] + (nodes[k, a + 1, b] - nodes[k, a, b]) * v
                far = nodes[k, a, b + 1] + (nodes[k, a + 1, b + 1] - nodes[k, a, b + 1]) * v
                left[k] = near
                slope[k] = (far - near) / step
                if not (np.isfinite(near) and np.isfinite(far)):
                    good = False
            start = b * step
            end = min(start + step, wide)
            if not good:
                for j in range(start, end):
                    columns[i, j] = _AWAY
                    rows[i, j] = _AWAY
                continue
            for j in range(start, end):
                x = j - start
                # Height of the ground here, then where the source sees it.
                pc = left[6] + slope[6] * x
                pr = left[7] + slope[7] * x
                ground = np.nan
                if pc >= -0.5 and pr >= -0.5 and pc <= post_columns - 0.5 and pr <= post_rows - 0.5:
                    pc = min(max(pc, 0.0), post_columns - 1.0)
                    pr = min(max(pr, 0.0), post_rows - 1.0)
                    ic = min(int(pc), max(post_columns - 2, 0))
                    ir = min(int(pr), max(post_rows - 2, 0))
                    jc = min(ic + 1, post_columns - 1)
                    jr = min(ir + 1, post_rows - 1)
                    uc = pc - ic
                    ur = pr - ir
                    top = posts[ir, ic] + (posts[ir, jc] - posts[ir, ic]) * uc
                    low = posts[jr, ic] + (posts[jr, jc] - posts[jr, ic]) * uc
                    ground = top + (low - top) * ur
                t = (ground + left[8] + slope[8] * x - height) / spread
                hole = np.isnan(t)
                if hole:
                    t = 0.0
                column = left[0] + slope[0] * x + t * (left[1] + slope[1] * x + t * (left[2] + slope[2] * x))
                row = left[3] + slope[3] * x + t * (left[4] + slope[4] * x + t * (left[5] + slope[5] * x))
                if not (column >= -0.5 and row >= -0.5 and column <= width - 0.5 and row <= length - 0.5):
                    columns[i, j] = _AWAY
                    rows[i, j] = _AWAY
                    continue
                if hole:
                    if found[4] == 0.0:
                        found[5] = i
                        found[6] = j
                    found[4] += 1.0
                    columns[i, j] = _AWAY
                    rows[i, j] = _AWAY
                    continue
                found[0] = min(found[0], column)
                found[1] = max(found[1], column)
                found[2] = min(found[2], row)
                found[3] = max(found[3], row)
                columns[i, j] = column - first_column
                rows[i, j] = row - first_row


@_exact
def has_value(pixels, nodata, is_float):  # type: ignore[no-untyped-def]
    """Whether any of ``pixels`` (bands, rows, cols) is ``nodata``, or NaN."""
    for b in range(pixels.shape[0]):
        for i in range(pixels.shape[1]):
            met = False
            for j in range(pixels.shape[2]):
                value = pixels[b, i, j]
                met |= value == nodata or (is_float and np.isnan(value))
            if met:
                return True
    return False


@_exact
def nearest(source, nodata, columns, rows, limits, out):  # type: ignore[no-untyped-def]
    """The pixel that holds each position; ``out`` keeps what it was where there is none."""
    bands, length, width = source.shape
    low, high, _ = limits
    for i in range(columns.shape[0]):
        for j in range(columns.shape[1]):
            if columns[i, j] < _NONE:
                continue
            c = min(max(int(np.floor(columns[i, j] + np.float32(0.5))), 0), width - 1)
            r = min(max(int(np.floor(rows[i, j] + np.float32(0.5))), 0), length - 1)
            for b in range(bands):
                value = source[b, r, c]
                if value != nodata and not np.isnan(value):
                    out[b, i, j] = min(max(value, low), high)


@_quick
def two_by_two(source, columns, rows, table_c, table_r, limits, out):  # type: ignore[no-untyped-def]
    """Two taps each way: see :func:`taps`, which does the same for any number."""
    bands, length, width = source.shape
    phases = np.float32(table_c.shape[0] - 1)
    low, high, half = limits
    for i in range(columns.shape[0]):
        for j in range(columns.shape[1]):
            x = columns[i, j]
            if x < _NONE:
                continue
            y = rows[i, j]
            fx = np.floor(x)
            fy = np.floor(y)
            c = int(fx)
            r = int(fy)
            if c < 0 or r < 0 or c + 2 > width or r + 2 > length:
                _edge(source, i, j, c, r, (x - fx) * phases, (y - fy) * phases, table_c, table_r, limits, out)
                continue
            wx = table_c[int((x - fx) * phases + np.float32(0.5))]
            wy = table_r[int((y - fy) * phases + np.float32(0.5))]
            for b in range(bands):
                value = wy[0] * (
                    wx[0] * np.float32(source[b, r, c]) + wx[1] * np.float32(source[b, r, c + 1])
                ) + wy[1] * (
                    wx[0] * np.float32(source[b, r + 1, c]) + wx[1] * np.float32(source[b, r + 1, c + 1])
                )
                out[b, i, j] = min(max(value + half, low), high)


@_quick
def four_by_four(source, columns, rows, table_c, table_r, limits, out):  # type: ignore[no-untyped-def]
    """Four taps each way: see :func:`taps`."""
    bands, length, width = source.shape
    phases = np.float32(table_c.shape[0] - 1)
    low, high, half = limits
    for i in range(columns.shape[0]):
        for j in range(columns.shape[1]):
            x = columns[i, j]
            if x < _NONE:
                continue
            y = rows[i, j]
            fx = np.floor(x)
            fy = np.floor(y)
            c = int(fx) - 1
            r = int(fy) - 1
            if c < 0 or r < 0 or c + 4 > width or r + 4 > length:
                _edge(source, i, j, c, r, (x - fx) * phases, (y - fy) * phases, table_c, table_r, limits, out)
                continue
            px = int((x - fx) * phases + np.float32(0.5))
            py = int((y - fy) * phases + np.float32(0.5))
            x0, x1, x2, x3 = table_c[px, 0], table_c[px, 1], table_c[px, 2], table_c[px, 3]
            for b in range(bands):
                s0 = np.float32(0.0)
                s1 = np.float32(0.0)
                s2 = np.float32(0.0)
                s3 = np.float32(0.0)
                for k in range(4):
                    w = table_r[py, k]
                    s0 += w * np.float32(source[b, r + k, c])
                    s1 += w * np.float32(source[b, r + k, c + 1])
                    s2 += w * np.float32(source[b, r + k, c + 2])
                    s3 += w * np.float32(source[b, r + k, c + 3])
                value = (x0 * s0 + x1 * s1) + (x2 * s2 + x3 * s3)
                out[b, i, j] = min(max(value + half, low), high)


@_quick
def taps(source, columns, rows, table_c, table_r, limits, out):  # type: ignore[no-untyped-def]
    """Weighted means of the pixels about each position.

    ``table_c``, ``table_r``: weights (phases + 1, taps) float32 for each fraction of a pixel, taps even, the
    first at ⌊position⌋ − taps/2 + 1. ``limits``: least and most that is written, and what is added (a half,
    to round integers). Weights that fall beyond the source are shared among the others.
    """
    bands, length, width = source.shape
    phases = np.float32(table_c.shape[0] - 1)
    n = table_c.shape[1]
    m = table_r.shape[1]
    low, high, half = limits
    for i in range(columns.shape[0]):
        for j in range(columns.shape[1]):
            x = columns[i, j]
            if x < _NONE:
                continue
            y = rows[i, j]
            fx = np.floor(x)
            fy = np.floor(y)
            c = int(fx) - n // 2 + 1
            r = int(fy) - m // 2 + 1
            if c < 0 or r < 0 or c + n > width or r + m > length:
                _edge(source, i, j, c, r, (x - fx) * phases, (y - fy) * phases, table_c, table_r, limits, out)
                continue
            wx = table_c[int((x - fx) * phases + np.float32(0.5))]
            wy = table_r[int((y - fy) * phases + np.float32(0.5))]
            for b in range(bands):
                value = np.float32(0.0)
                for k in range(m):
                    part = np.float32(0.0)
                    for q in range(n):
                        part += wx[q] * np.float32(source[b, r + k, c + q])
                    value += wy[k] * part
                out[b, i, j] = min(max(value + half, low), high)


@_quick
def _edge(source, i, j, c, r, phase_c, phase_r, table_c, table_r, limits, out):  # type: ignore[no-untyped-def]
    """One pixel whose taps run over the source's edge."""
    bands, length, width = source.shape
    wx = table_c[int(phase_c + np.float32(0.5))]
    wy = table_r[int(phase_r + np.float32(0.5))]
    low, high, half = limits
    for b in range(bands):
        value = np.float32(0.0)
        weights = np.float32(0.0)
        for k in range(table_r.shape[1]):
            if r + k < 0 or r + k >= length:
                continue
            for q in range(table_c.shape[1]):
                if c + q < 0 or c + q >= width:
                    continue
                w = wy[k] * wx[q]
                value += w * np.float32(source[b, r + k, c + q])
                weights += w
        if weights > np.float32(1e-3):
            out[b, i, j] = min(max(value / weights + half, low), high)


@_exact
def taps_among_holes(  # type: ignore[no-untyped-def]
    source, nodata, columns, rows, table_c, table_r, limits, out
):
    """As :func:`taps` where some pixels have no value (``nodata`` or NaN): others share their weight.

    A position whose own pixel has none gets none.
    """
    bands, length, width = source.shape
    phases = np.float32(table_c.shape[0] - 1)
    n = table_c.shape[1]
    m = table_r.shape[1]
    low, high, half = limits
    for i in range(columns.shape[0]):
        for j in range(columns.shape[1]):
            x = columns[i, j]
            if x < _NONE:
                continue
            y = rows[i, j]
            fx = np.floor(x)
            fy = np.floor(y)
            own_c = min(max(int(np.floor(x + np.float32(0.5))), 0), width - 1)
            own_r = min(max(int(np.floor(y + np.float32(0.5))), 0), length - 1)
            c = int(fx) - n // 2 + 1
            r = int(fy) - m // 2 + 1
            wx = table_c[int((x - fx) * phases + np.float32(0.5))]
            wy = table_r[int((y - fy) * phases + np.float32(0.5))]
            for b in range(bands):
                own = source[b, own_r, own_c]
                if own == nodata or np.isnan(own):
                    continue
                value = np.float64(0.0)
                weights = np.float64(0.0)
                for k in range(m):
                    if r + k < 0 or r + k >= length:
                        continue
                    for q in range(n):
                        if c + q < 0 or c + q >= width:
                            continue
                        pixel = source[b, r + k, c + q]
                        if pixel == nodata or np.isnan(pixel):
                            continue
                        w = np.float64(wy[k]) * wx[q]
                        value += w * pixel
                        weights += w
                # Little but negative lobes left: the pixel itself says it better.
                value = value / weights if weights > 0.3 else np.float64(own)
                out[b, i, j] = min(max(value + half, low), high)
