"""Seamlines: which image shows which ground, so that the lines between them cross what looks alike.

Where two images overlap, each pixel of a coarse grid is given to one of them such that the sum of their
differences along the line between is least: a minimum cut (Kwatra et al. 2003), which in the plane is a
path of minimum cost between the ends of the overlap. Pixels only one of them sees, or sees without
cloud, are given to that one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from comity.imagery.processing.colour.fusion import Image

Labels = NDArray[np.int16]
Mask = NDArray[np.bool_]

#: No image sees this ground.
NOBODY = -1
#: Nodes up to which a cut is solved in a second or two.
_MOST_NODES = 60_000
#: Cost of a step of the line over equal pixels, against one over the overlap's mean difference.
_SHORT = 0.1
_UNIT, _NEVER = 1000, 2**29


def seams(images: Sequence[Image], clear: Sequence[Mask]) -> Labels:
    """The image each pixel is taken from, (rows, cols): its index, or NOBODY.

    ``images``: (bands, rows, cols) each on one coarse grid, balanced, NaN is no data. ``clear``: (rows, cols)
    each, False under cloud. Earlier images stand on top where a later one adds nothing.
    """
    labels = np.full(images[0].shape[1:], NOBODY, np.int16)
    shown = np.full(images[0].shape, np.nan, np.float32)
    free = np.zeros(labels.shape, bool)
    for index, (image, unclouded) in enumerate(zip(images, clear, strict=True)):
        seen: Mask = np.asarray(np.isfinite(image).all(axis=0))
        taken = seen & (labels == NOBODY)
        both = seen & (labels != NOBODY)
        if both.any():
            taken |= both & _cut(shown, image, labels != NOBODY, seen, free, unclouded & seen)
        labels[taken] = index
        shown[:, taken] = image[:, taken]
        free[taken] = unclouded[taken]
    return labels


def _cut(first: Image, second: Image, has_first: Mask, has_second: Mask, clear1: Mask, clear2: Mask) -> Mask:
    """Where the overlap goes to the second image."""
    both = has_first & has_second
    rows, cols = np.flatnonzero(both.any(axis=1)), np.flatnonzero(both.any(axis=0))
    part = np.s_[max(0, rows[0] - 1) : rows[-1] + 2, max(0, cols[0] - 1) : cols[-1] + 2]
    factor = max(1, int(np.ceil(np.sqrt(both.sum() / _MOST_NODES))))
    to_second = np.zeros(both.shape, bool)
    cost = np.mean(np.abs(first[(slice(None), *part)] - second[(slice(None), *part)]), axis=0)
    found = _solve(
        _coarser(np.nan_to_num(cost), factor, np.mean),
        _coarser(both[part], factor, np.max),
        _coarser((has_first & ~has_second)[part], factor, np.max),
        _coarser((has_second & ~has_first)[part], factor, np.max),
        _coarser((both & clear1 & ~clear2)[part], factor, np.mean) > 0.5,
        _coarser((both & clear2 & ~clear1)[part], factor, np.mean) > 0.5,
    )
    high, wide = both[part].shape
    to_second[part] = found.repeat(factor, axis=0).repeat(factor, axis=1)[:high, :wide]
    return to_second & both


def _coarser(image: NDArray[Any], factor: int, how: Callable[..., Any]) -> NDArray[Any]:
    if factor == 1:
        return image
    rows, cols = image.shape
    padded = np.pad(image, ((0, -rows % factor), (0, -cols % factor)), mode="edge")
    blocks = padded.reshape(padded.shape[0] // factor, factor, padded.shape[1] // factor, factor)
    found: NDArray[Any] = how(blocks, axis=(1, 3))
    return found


def _solve(
    cost: NDArray[Any],
    both: NDArray[Any],
    only1: NDArray[Any],
    only2: NDArray[Any],
    clear1: NDArray[np.bool_],
    clear2: NDArray[np.bool_],
) -> Mask:
    from scipy.ndimage import binary_dilation
    from scipy.sparse import coo_array, csr_array
    from scipy.sparse.csgraph import breadth_first_order, maximum_flow

    inside = both.astype(bool)
    held1 = inside & (clear1 | binary_dilation(only1.astype(bool)))
    held2 = inside & (clear2 | binary_dilation(only2.astype(bool))) & ~held1
    if not held2.any():
        return np.zeros(inside.shape, bool)
    if not held1.any():
        # The second image holds all the first one shows: the first keeps what is not better clear elsewhere.
        return np.asarray(held2)
    nodes = int(inside.sum())
    number = np.full(inside.shape, -1)
    number[inside] = np.arange(nodes)
    scale = float(np.mean(cost[inside].astype(np.float64))) or 1.0
    price = cost.astype(np.float64) / scale + _SHORT
    ends, weights = [], []
    for a, b in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        joined = inside[a] & inside[b]
        ends.append((number[a][joined], number[b][joined]))
        weights.append(0.5 * (price[a] + price[b])[joined])
    i, j = (np.concatenate([pair[k] for pair in ends]) for k in (0, 1))
    capacity = np.maximum(1, np.minimum(np.concatenate(weights) * _UNIT, 2**20)).astype(np.int32)
    source, sink = nodes, nodes + 1
    left, right = number[held1], number[held2]
    graph = csr_array(
        coo_array(
            (
                np.concatenate([capacity, capacity, np.full(left.size + right.size, _NEVER, np.int32)]),
                (
                    np.concatenate([i, j, np.full(left.size, source), right]),
                    np.concatenate([j, i, left, np.full(right.size, sink)]),
                ),
            ),
            shape=(nodes + 2, nodes + 2),
        )
    )
    residual = graph - maximum_flow(graph, source, sink).flow
    residual.data = np.where(residual.data > 0, 1, 0).astype(np.int32)
    residual.eliminate_zeros()
    reached = breadth_first_order(residual, source, return_predecessors=False)
    first = np.zeros(nodes + 2, bool)
    first[reached] = True
    found = np.zeros(inside.shape, bool)
    found[inside] = ~first[:nodes]
    return found
