"""Compiled loops over the pixels of a block: interleaving with predictor, halving, statistics.

Each works for any integer or float type (one compilation a type) and releases the GIL.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

_jit: Any = njit(cache=True, nogil=True, error_model="numpy")


@_jit
def pack_differences(pixels, row, col, out):  # type: ignore[no-untyped-def]
    """One tile, pixel-interleaved, each sample less the one to its left (TIFF predictor 2).

    ``pixels``: (bands, rows, cols) of an unsigned type; the tile starts at (``row``, ``col``) and may run
    over their end. ``out``: (tile, tile, bands), filled with the nodata count beforehand; what is beyond
    the end keeps that value.
    """
    bands, rows, cols = pixels.shape
    tile = out.shape[0]
    high = min(tile, rows - row)
    wide = min(tile, cols - col)
    for r in range(high):
        for b in range(bands):
            for c in range(wide):
                out[r, c, b] = pixels[b, row + r, col + c]
    for r in range(tile):
        for c in range(tile - 1, 0, -1):
            for b in range(bands):
                out[r, c, b] = out[r, c, b] - out[r, c - 1, b]


@_jit
def pack_plain(pixels, row, col, out):  # type: ignore[no-untyped-def]
    """As :func:`pack_differences` without the differences."""
    bands, rows, cols = pixels.shape
    tile = out.shape[0]
    for r in range(min(tile, rows - row)):
        for b in range(bands):
            for c in range(min(tile, cols - col)):
                out[r, c, b] = pixels[b, row + r, col + c]


@_jit
def halve_integers(pixels, nodata, has_nodata, out):  # type: ignore[no-untyped-def]
    """Mean of the valid ones of each 2 × 2 pixels, half up; (bands, ⌈rows/2⌉, ⌈cols/2⌉) into ``out``."""
    bands, rows, cols = pixels.shape
    for b in range(bands):
        for r in range(out.shape[1]):
            last_r = min(2 * r + 2, rows)
            for c in range(out.shape[2]):
                total = np.int64(0)
                count = np.int64(0)
                for i in range(2 * r, last_r):
                    for j in range(2 * c, min(2 * c + 2, cols)):
                        value = np.int64(pixels[b, i, j])
                        if not has_nodata or value != nodata:
                            total += value
                            count += 1
                if count == 0:
                    out[b, r, c] = nodata
                else:
                    out[b, r, c] = (2 * total + count) // (2 * count)


@_jit
def halve_floats(pixels, nodata, out):  # type: ignore[no-untyped-def]
    """As :func:`halve_integers`; NaN is no data too. ``nodata`` NaN: none but NaN."""
    bands, rows, cols = pixels.shape
    for b in range(bands):
        for r in range(out.shape[1]):
            last_r = min(2 * r + 2, rows)
            for c in range(out.shape[2]):
                total = 0.0
                count = 0
                for i in range(2 * r, last_r):
                    for j in range(2 * c, min(2 * c + 2, cols)):
                        value = np.float64(pixels[b, i, j])
                        if not np.isnan(value) and value != nodata:
                            total += value
                            count += 1
                out[b, r, c] = total / count if count > 0 else nodata


@_jit
def statistics(pixels, nodata, has_nodata, out):  # type: ignore[no-untyped-def]
    """Per band valid count, least, most, sum and sum of squares into ``out`` (bands, 5) float64."""
    bands, rows, cols = pixels.shape
    for b in range(bands):
        count = 0
        least = np.inf
        most = -np.inf
        total = 0.0
        squares = 0.0
        for r in range(rows):
            part = 0.0
            part_squares = 0.0
            for c in range(cols):
                value = np.float64(pixels[b, r, c])
                if np.isnan(value) or (has_nodata and value == nodata):
                    continue
                count += 1
                least = min(least, value)
                most = max(most, value)
                part += value
                part_squares += value * value
            total += part
            squares += part_squares
        out[b, 0] = count
        out[b, 1] = least
        out[b, 2] = most
        out[b, 3] = total
        out[b, 4] = squares
