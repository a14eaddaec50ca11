"""Shapes in masks (rows, cols): moved, opened, grown."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Flags = NDArray[np.bool_]


def shifted(flags: Flags, rows: float, cols: float) -> Flags:
    """Moved by whole pixels; what comes in is False."""
    r, c = round(rows), round(cols)
    out = np.zeros_like(flags)
    height, width = flags.shape
    if abs(r) >= height or abs(c) >= width:
        return out
    out[max(r, 0) : height + min(r, 0), max(c, 0) : width + min(c, 0)] = flags[
        max(-r, 0) : height + min(-r, 0), max(-c, 0) : width + min(-c, 0)
    ]
    return out


def local_mean(values: Array, where: Flags, reach: int) -> Array:
    """Mean of the values ``where`` they count, over a square of ``reach`` pixels to each side."""
    from scipy import ndimage

    weight = where.astype(np.float32)
    filled = np.where(where, values, 0.0).astype(np.float32)
    overall = float(filled.sum() / max(weight.sum(), 1.0))
    top = ndimage.uniform_filter(filled, size=2 * reach + 1, mode="nearest")
    share = ndimage.uniform_filter(weight, size=2 * reach + 1, mode="nearest")
    return np.asarray(np.where(share > 0.05, top / np.maximum(share, 1e-3), overall), np.float32)


def opened(flags: Flags, radius: float) -> Flags:
    """Without what is narrower than twice ``radius`` pixels (by distance: quick at any radius)."""
    from scipy import ndimage

    # The image's border does not make a thing narrow.
    padded = np.pad(flags, 1 + math.ceil(radius), mode="edge")
    inner = ndimage.distance_transform_edt(padded) > radius
    if not inner.any():
        return np.zeros_like(flags)
    grown = ndimage.distance_transform_edt(~inner) <= radius
    cut = 1 + math.ceil(radius)
    return np.asarray(grown[cut:-cut, cut:-cut] & flags, bool)


def dilated(flags: Flags, radius: float) -> Flags:
    """With all that is nearer than ``radius`` pixels."""
    from scipy import ndimage

    if not flags.any():
        return flags
    return np.asarray(ndimage.distance_transform_edt(~flags) <= radius, bool)
