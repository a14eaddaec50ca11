"""Compiled loops of the simulated acquisition: light on relief, lines of sight on relief, sampling.

Grids are north-up arrays whose element (i, j) stands at (j, i) pixels, whole numbers being centres.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

F = np.float32

_jit: Any = njit(cache=True, nogil=True, error_model="numpy")
_inline: Any = njit(cache=True, nogil=True, error_model="numpy", inline="always")


@_inline
def _bilinear(grid, x, y):  # type: ignore[no-untyped-def]
    """Value at column x, row y; outside the grid its edge goes on."""
    rows, cols = grid.shape
    x = min(max(x, 0.0), cols - 1.000001)
    y = min(max(y, 0.0), rows - 1.000001)
    j = int(x)
    i = int(y)
    a = x - j
    b = y - i
    top = grid[i, j] * (1.0 - a) + grid[i, j + 1] * a
    low = grid[i + 1, j] * (1.0 - a) + grid[i + 1, j + 1] * a
    return top * (1.0 - b) + low * b


@_inline
def _between(nodes, i, j, a, b):  # type: ignore[no-untyped-def]
    """Bilinear value in the cell of node (i, j), ``a`` along columns and ``b`` along rows."""
    top = nodes[i, j] * (1.0 - a) + nodes[i, j + 1] * a
    low = nodes[i + 1, j] * (1.0 - a) + nodes[i + 1, j + 1] * a
    return top * (1.0 - b) + low * b


@_jit
def light_on_relief(height, first, last, pixel, sun, highest, disc):  # type: ignore[no-untyped-def]
    """Direct light by that on level ground, and the sky's share, of rows ``first`` … ``last`` − 1.

    ``height`` (rows, cols) m of the whole grid, ``pixel`` its pixel (m). ``sun``: unit vector to it, east,
    north, up in the grid's axes. A place lies in shadow where the line to the Sun meets relief, as far as
    ``highest`` (m) can reach; the penumbra is as wide as the Sun's ``disc`` (radians). Both results
    (rows, cols) float32.
    """
    rows, cols = height.shape
    direct = np.empty((last - first, cols), np.float32)
    sky = np.empty((last - first, cols), np.float32)
    sun_east, sun_north, sun_up = sun
    level = np.sqrt(sun_east * sun_east + sun_north * sun_north)
    rise = sun_up / max(level, 1e-6)
    dx = sun_east / max(level, 1e-6)
    dy = -sun_north / max(level, 1e-6)
    for i in range(first, last):
        up = max(i - 1, 0)
        down = min(i + 1, rows - 1)
        for j in range(cols):
            left = max(j - 1, 0)
            right = min(j + 1, cols - 1)
            east = (height[i, right] - height[i, left]) / ((right - left) * pixel)
            north = (height[up, j] - height[down, j]) / ((down - up) * pixel)
            normal = 1.0 / np.sqrt(1.0 + east * east + north * north)
            facing = (sun_up - sun_east * east - sun_north * north) * normal
            sky[i - first, j] = 0.5 * (1.0 + normal)
            if facing <= 0.0:
                direct[i - first, j] = 0.0
                continue
            here = height[i, j]
            reach = (highest - here) / rise / pixel
            # Least rise over run by which the line of light clears the relief; an angle times 1 + rise².
            clear = 1e9
            s = 1.0
            while s < reach:
                x = j + dx * s
                y = i + dy * s
                if x < 0.0 or y < 0.0 or x > cols - 1 or y > rows - 1:
                    break
                distance = s * pixel
                over = (here + distance * rise - _bilinear(height, x, y)) / distance
                if over < clear:
                    clear = over
                    if clear < -disc * (1.0 + rise * rise):
                        break
                s += max(1.0, 0.02 * s)
            # Rise over run to an angle across the line of light.
            clear = clear / (1.0 + rise * rise)
            seen = min(max(0.5 + clear / disc, 0.0), 1.0)
            direct[i - first, j] = facing / sun_up * seen
    return direct, sky


@_jit
def meet_relief(nodes_x, nodes_y, levels, steps, shape, height, limits, tilt, steep):  # type: ignore[no-untyped-def]
    """Where lines of sight meet relief: columns, rows (pixels of ``height``) and heights (m), (rows, cols).

    ``nodes_x``, ``nodes_y`` (3, n, m): pixels of ``height`` at which lines of sight pass three ``levels`` (m,
    evenly spaced), of every ``steps[0]``-th row and ``steps[1]``-th column of the ``shape`` asked for.
    ``limits``: lowest and highest of the relief (m). ``tilt``: most pixels that a line moves over per metre
    of height; ``steep``: most metres that the relief rises per pixel.
    """
    rows, cols = shape
    step_r, step_c = steps
    lowest, highest = limits
    out_x = np.empty((rows, cols), np.float64)
    out_y = np.empty((rows, cols), np.float64)
    out_h = np.empty((rows, cols), np.float32)
    h0 = levels[0]
    span = levels[2] - levels[0]
    # One meeting only, and steps towards it converge, unless relief is steeper than the lines of sight.
    simple = tilt * steep < 0.7
    for i in range(rows):
        ni = min(i // step_r, nodes_x.shape[1] - 2)
        b = (i - ni * step_r) / step_r
        for j in range(cols):
            nj = min(j // step_c, nodes_x.shape[2] - 2)
            a = (j - nj * step_c) / step_c
            x0 = _between(nodes_x[0], ni, nj, a, b)
            x1 = _between(nodes_x[1], ni, nj, a, b)
            x2 = _between(nodes_x[2], ni, nj, a, b)
            y0 = _between(nodes_y[0], ni, nj, a, b)
            y1 = _between(nodes_y[1], ni, nj, a, b)
            y2 = _between(nodes_y[2], ni, nj, a, b)
            # Quadratic in t = (h − h0) / span, through t = 0, ½, 1.
            bx = 4.0 * x1 - 3.0 * x0 - x2
            cx = 2.0 * (x0 + x2) - 4.0 * x1
            by = 4.0 * y1 - 3.0 * y0 - y2
            cy = 2.0 * (y0 + y2) - 4.0 * y1
            h = highest
            if simple:
                h = 0.5 * (lowest + highest)
                for _ in range(40):
                    t = (h - h0) / span
                    found = _bilinear(height, x0 + t * (bx + t * cx), y0 + t * (by + t * cy))
                    done = abs(found - h) < 0.005
                    h = found
                    if done:
                        break
            else:
                down = 1.0 / max(tilt, 1e-6)
                above = h
                while h > lowest:
                    t = (h - h0) / span
                    if _bilinear(height, x0 + t * (bx + t * cx), y0 + t * (by + t * cy)) >= h:
                        break
                    above = h
                    h = max(h - down, lowest)
                below = h
                for _ in range(24):
                    h = 0.5 * (above + below)
                    t = (h - h0) / span
                    if _bilinear(height, x0 + t * (bx + t * cx), y0 + t * (by + t * cy)) >= h:
                        below = h
                    else:
                        above = h
                    if above - below < 0.005:
                        break
            t = (h - h0) / span
            out_x[i, j] = x0 + t * (bx + t * cx)
            out_y[i, j] = y0 + t * (by + t * cy)
            out_h[i, j] = h
    return out_x, out_y, out_h


@_jit
def expand(nodes, steps, shape):  # type: ignore[no-untyped-def]
    """Bilinear values (``shape``) of ``nodes`` at every ``steps[0]``-th row and ``steps[1]``-th column."""
    rows, cols = shape
    out = np.empty((rows, cols), np.float64)
    for i in range(rows):
        ni = min(i // steps[0], nodes.shape[0] - 2)
        b = (i - ni * steps[0]) / steps[0]
        for j in range(cols):
            nj = min(j // steps[1], nodes.shape[1] - 2)
            out[i, j] = _between(nodes, ni, nj, (j - nj * steps[1]) / steps[1], b)
    return out


@_jit
def sample(grid, scale, x, y):  # type: ignore[no-untyped-def]
    """Bilinear values × ``scale`` of ``grid`` (rows, cols) at columns ``x``, rows ``y``; 0 outside it."""
    rows, cols = x.shape
    out = np.empty((rows, cols), np.float32)
    for i in range(rows):
        for j in range(cols):
            px = x[i, j]
            py = y[i, j]
            if px < -0.5 or py < -0.5 or px > grid.shape[1] - 0.5 or py > grid.shape[0] - 0.5:
                out[i, j] = F(0.0)
            else:
                out[i, j] = F(_bilinear(grid, px, py) * scale)
    return out


@_jit
def blur_and_halve(image, taps):  # type: ignore[no-untyped-def]
    """Twice as fine an image (2 (rows + 2 m), 2 (cols + 2 m)) through a point spread function, (rows, cols).

    ``taps``: 4 m + 2 weights, symmetric, that sum to 1: those of the fine samples around a pixel's centre
    along either axis.
    """
    n = taps.shape[0]
    margin = (n - 2) // 4
    rows = image.shape[0] // 2 - 2 * margin
    cols = image.shape[1] // 2 - 2 * margin
    across = np.zeros((image.shape[0], cols), np.float32)
    for i in range(image.shape[0]):
        for j in range(cols):
            total = F(0.0)
            for k in range(n):
                total += taps[k] * image[i, 2 * j + k]
            across[i, j] = total
    out = np.zeros((rows, cols), np.float32)
    for i in range(rows):
        for k in range(n):
            weight = taps[k]
            for j in range(cols):
                out[i, j] += weight * across[2 * i + k, j]
    return out
