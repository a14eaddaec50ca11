"""Compiled loops of sharpening: blur onto coarse pixels, spline coefficients, injection of detail.

Images are float32 with NaN where there is no data, unless stated. Positions are pixel centres: (0, 0) is the
centre of the first pixel. Every function releases the GIL.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

_jit: Any = njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz", "arcp"})

#: Taps of the recursive filter's start; the pole of the cubic B-spline to this power is below 1e-7.
_HORIZON = 14
_POLE = np.float32(-0.2679491924311227)
F = np.float32


@_jit
def blur_at(image, column, row, sigma):  # type: ignore[no-untyped-def]
    """Gaussian means of an image (rows, cols) around positions (n, m).

    ``sigma`` in pixels of the image; cut at 3.5 of it. NaN where less than half the weight
    has data.
    """
    height, width = image.shape
    rows, cols = column.shape
    reach = int(np.ceil(3.5 * sigma))
    out = np.empty((rows, cols), np.float32)
    wx, wy = np.empty(2 * reach + 2, np.float32), np.empty(2 * reach + 2, np.float32)
    for i in range(rows):
        for j in range(cols):
            x, y = column[i, j], row[i, j]
            out[i, j] = np.nan
            if not (-reach < x < width + reach and -reach < y < height + reach):
                continue
            x0, y0 = int(np.floor(x)) - reach, int(np.floor(y)) - reach
            full_x, full_y = F(0.0), F(0.0)
            for a in range(wx.size):
                u = (x0 + a - x) / sigma
                wx[a] = np.exp(-0.5 * u * u)
                full_x += wx[a]
            for a in range(wy.size):
                u = (y0 + a - y) / sigma
                wy[a] = np.exp(-0.5 * u * u)
                full_y += wy[a]
            if x0 >= 0 and y0 >= 0 and x0 + wx.size <= width and y0 + wy.size <= height:
                total = F(0.0)
                for b in range(wy.size):
                    line = image[y0 + b]
                    part = F(0.0)
                    for a in range(wx.size):
                        part += wx[a] * line[x0 + a]
                    total += wy[b] * part
                if total == total:
                    out[i, j] = total / (full_x * full_y)
                    continue
            # At an edge, or some pixel has no data: with the weight that is there.
            total, weight = F(0.0), F(0.0)
            for b in range(max(0, -y0), min(wy.size, height - y0)):
                for a in range(max(0, -x0), min(wx.size, width - x0)):
                    value = image[y0 + b, x0 + a]
                    if value == value:
                        total += wy[b] * wx[a] * value
                        weight += wy[b] * wx[a]
            if weight > F(0.5) * full_x * full_y:
                out[i, j] = total / weight
    return out


@_jit
def blur_slopes_at(image, column, row, sigma):  # type: ignore[no-untyped-def]
    """Gaussian mean of an image around positions (n, m) and its slopes per pixel: (3, n, m).

    NaN where any pixel within 3.5 sigmas has no data or lies outside.
    """
    height, width = image.shape
    rows, cols = column.shape
    reach = int(np.ceil(3.5 * sigma))
    out = np.full((3, rows, cols), np.nan, np.float32)
    size = 2 * reach + 2
    wx, wy = np.empty(size, np.float32), np.empty(size, np.float32)
    sx, sy = np.empty(size, np.float32), np.empty(size, np.float32)
    for i in range(rows):
        for j in range(cols):
            x, y = column[i, j], row[i, j]
            x0, y0 = int(np.floor(x)) - reach, int(np.floor(y)) - reach
            if x0 < 0 or y0 < 0 or x0 + size > width or y0 + size > height:
                continue
            full_x, full_y = F(0.0), F(0.0)
            for a in range(size):
                u, v = (x0 + a - x) / sigma, (y0 + a - y) / sigma
                wx[a], wy[a] = np.exp(-0.5 * u * u), np.exp(-0.5 * v * v)
                sx[a], sy[a] = wx[a] * u / sigma, wy[a] * v / sigma
                full_x += wx[a]
                full_y += wy[a]
            mean, slope_x, slope_y = F(0.0), F(0.0), F(0.0)
            for b in range(size):
                line = image[y0 + b]
                part, part_x = F(0.0), F(0.0)
                for a in range(size):
                    part += wx[a] * line[x0 + a]
                    part_x += sx[a] * line[x0 + a]
                mean += wy[b] * part
                slope_x += wy[b] * part_x
                slope_y += sy[b] * part
            full = full_x * full_y
            out[0, i, j], out[1, i, j], out[2, i, j] = mean / full, slope_x / full, slope_y / full
    return out


@_jit
def spline_coefficients(image):  # type: ignore[no-untyped-def]
    """Cubic B-spline coefficients in place, (rows, cols, bands), no NaN; mirrored at edges (Unser 1999)."""
    rows, cols, bands = image.shape
    gain = F((1.0 - _POLE) * (1.0 - 1.0 / _POLE))
    if rows > 1:
        first = np.zeros((cols, bands), np.float32)
        power = F(1.0)
        for k in range(min(_HORIZON, rows)):
            for j in range(cols):
                for b in range(bands):
                    first[j, b] += power * image[k, j, b]
            power *= _POLE
        for j in range(cols):
            for b in range(bands):
                image[0, j, b] = gain * first[j, b]
        for i in range(1, rows):
            for j in range(cols):
                for b in range(bands):
                    image[i, j, b] = gain * image[i, j, b] + _POLE * image[i - 1, j, b]
        end = F(_POLE / (_POLE * _POLE - 1.0))
        for j in range(cols):
            for b in range(bands):
                image[rows - 1, j, b] = end * (image[rows - 1, j, b] + _POLE * image[rows - 2, j, b])
        for i in range(rows - 2, -1, -1):
            for j in range(cols):
                for b in range(bands):
                    image[i, j, b] = _POLE * (image[i + 1, j, b] - image[i, j, b])
    if cols > 1:
        end = F(_POLE / (_POLE * _POLE - 1.0))
        start = np.empty(bands, np.float32)
        for i in range(rows):
            start[:] = F(0.0)
            power = F(1.0)
            for k in range(min(_HORIZON, cols)):
                for b in range(bands):
                    start[b] += power * image[i, k, b]
                power *= _POLE
            for b in range(bands):
                image[i, 0, b] = gain * start[b]
            for j in range(1, cols):
                for b in range(bands):
                    image[i, j, b] = gain * image[i, j, b] + _POLE * image[i, j - 1, b]
            for b in range(bands):
                image[i, cols - 1, b] = end * (image[i, cols - 1, b] + _POLE * image[i, cols - 2, b])
            for j in range(cols - 2, -1, -1):
                for b in range(bands):
                    image[i, j, b] = _POLE * (image[i, j + 1, b] - image[i, j, b])


@_jit
def inject(pan, coarse, gain, valid, node_column, node_row, step, out):  # type: ignore[no-untyped-def]
    """Sharpened pixels: spline of the bands + gain × (pan − spline of the pan's coarse form).

    ``pan`` (rows, cols); ``coarse`` (n, m, bands + 1) spline coefficients, the pan's coarse form last;
    ``gain`` (n, m, bands), read bilinearly; ``valid`` (n, m) uint8. ``node_column``, ``node_row``: positions
    in the coarse image at the pixels (i·step, j·step) of the pan, linear between. ``out`` (bands, rows, cols)
    float32: NaN where the pan has no data or the nearest coarse pixel has none.
    """
    height, width = pan.shape
    n, m, parts = coarse.shape
    bands = parts - 1
    sums = np.empty(parts, np.float32)
    gains = np.empty(bands, np.float32)
    wx, wy = np.empty(4, np.float32), np.empty(4, np.float32)
    cx, cy = np.empty(4, np.int64), np.empty(4, np.int64)
    for i in range(height):
        p, fy = i // step, (i % step) / step
        for j in range(width):
            q, fx = j // step, (j % step) / step
            x = (node_column[p, q] * (1 - fx) + node_column[p, q + 1] * fx) * (1 - fy) + (
                node_column[p + 1, q] * (1 - fx) + node_column[p + 1, q + 1] * fx
            ) * fy
            y = (node_row[p, q] * (1 - fx) + node_row[p, q + 1] * fx) * (1 - fy) + (
                node_row[p + 1, q] * (1 - fx) + node_row[p + 1, q + 1] * fx
            ) * fy
            near_x, near_y = int(np.floor(x + 0.5)), int(np.floor(y + 0.5))
            seen = pan[i, j] == pan[i, j] and 0 <= near_x < m and 0 <= near_y < n
            if not seen or valid[near_y, near_x] == 0:
                for b in range(bands):
                    out[b, i, j] = np.nan
                continue
            x0, y0 = int(np.floor(x)), int(np.floor(y))
            u, v = F(x - x0), F(y - y0)
            _weights(u, wx)
            _weights(v, wy)
            for a in range(4):
                cx[a], cy[a] = _mirror(x0 - 1 + a, m), _mirror(y0 - 1 + a, n)
            sums[:] = F(0.0)
            for b in range(4):
                for a in range(4):
                    w = wy[b] * wx[a]
                    line = coarse[cy[b], cx[a]]
                    for k in range(parts):
                        sums[k] += w * line[k]
            for k in range(bands):
                above = gain[cy[1], cx[1], k] * (F(1.0) - u) + gain[cy[1], cx[2], k] * u
                below = gain[cy[2], cx[1], k] * (F(1.0) - u) + gain[cy[2], cx[2], k] * u
                gains[k] = above * (F(1.0) - v) + below * v
            detail = pan[i, j] - sums[bands]
            for k in range(bands):
                out[k, i, j] = sums[k] + gains[k] * detail


@_jit
def _mirror(at, size):  # type: ignore[no-untyped-def]
    if at < 0:
        at = -at
    if at >= size:
        at = 2 * size - 2 - at
    return min(max(at, 0), size - 1)


@_jit
def _weights(u, out):  # type: ignore[no-untyped-def]
    """Values of the cubic B-spline at the four knots around a place ``u`` beyond the second."""
    v = F(1.0) - u
    out[0] = v * v * v / F(6.0)
    out[1] = F(2.0 / 3.0) - F(0.5) * u * u * (F(2.0) - u)
    out[2] = F(2.0 / 3.0) - F(0.5) * v * v * (F(2.0) - v)
    out[3] = u * u * u / F(6.0)
