"""Algebra of spans: sorted rows (start, end), (n, 2) s, apart from each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

#: Epochs are whole nanoseconds: pieces of an interval may miss each other by one.
_TOUCHING_S = 1e-8


def complement(spans: FloatArray, end_s: float) -> FloatArray:
    """What is left of [0, end_s]."""
    edges = np.concatenate([[0.0], spans.ravel(), [end_s]]).reshape(-1, 2)
    return edges[edges[:, 1] > edges[:, 0]]


def intersection(a: FloatArray, b: FloatArray) -> FloatArray:
    """What lies in both."""
    return _where_covered(a, b, 2)


def union(a: FloatArray, b: FloatArray) -> FloatArray:
    """What lies in one at least; spans that touch become one."""
    return _where_covered(a, b, 1)


def joined(spans: FloatArray, gap_s: float) -> FloatArray:
    """Spans in order, with those that touch made one, and without any shorter than ``gap_s``."""
    if not len(spans):
        return spans
    new = np.append(True, spans[1:, 0] > spans[:-1, 1] + _TOUCHING_S)
    starts = spans[new, 0]
    ends = spans[np.append(np.flatnonzero(new)[1:] - 1, len(spans) - 1), 1]
    kept = ends - starts >= gap_s
    return np.stack([starts[kept], ends[kept]], axis=-1)


def _where_covered(a: FloatArray, b: FloatArray, least: int) -> FloatArray:
    """Where at least so many of the two sets hold."""
    times = np.concatenate([a[:, 0], b[:, 0], a[:, 1], b[:, 1]])
    change = np.ones(len(times), dtype=np.int64)
    change[len(a) + len(b) :] = -1
    # at one instant openings go first: half-open spans that touch leave no gap between them
    order = np.lexsort((-change, times))
    times, depth = times[order], np.cumsum(change[order])
    inside = depth >= least
    before = np.append(False, inside[:-1])
    spans = np.stack([times[inside & ~before], times[~inside & before]], axis=-1)
    return spans[spans[:, 1] > spans[:, 0]]
