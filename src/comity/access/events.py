"""Finding when a condition holds: sign changes of smooth functions of time, refined together.

A condition is a function of time that is positive where it holds. It is looked at on a grid; what hides
between two nodes of the grid (a short rise above zero, a short dip below) is searched for by its
slope; then every crossing is refined at once. One new condition is one new function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Refined times are this good (s) unless asked otherwise.
DEFAULT_TOLERANCE_S = 1e-4

_GOLDEN = (np.sqrt(5.0) - 1.0) / 2.0
_MAX_ITERATIONS = 200


class Condition(Protocol):
    """Value at each time, (n,) s → (n,); positive where the condition holds; any smooth unit."""

    def __call__(self, seconds: FloatArray, /) -> FloatArray:
        """Evaluate at times counted in seconds from the search's epoch."""
        ...


class BracketFunction(Protocol):
    """Values (n,) at times (n,) s, one for each of many searches; ``which`` (n,) says whose they are."""

    def __call__(self, seconds: FloatArray, which: IntArray, /) -> FloatArray:
        """Evaluate search ``which[k]`` at ``seconds[k]``."""
        ...


def refine_roots(
    function: BracketFunction,
    low: FloatArray,
    high: FloatArray,
    value_low: FloatArray,
    value_high: FloatArray,
    tolerance_s: float = DEFAULT_TOLERANCE_S,
) -> FloatArray:
    """Roots of many brackets at once, (n,) s, each within ``tolerance_s``.

    Each bracket [low, high] has values of opposite sign (zero counts as negative). Chandrupatla's
    method ("A new hybrid quadratic/bisection algorithm", Adv. Eng. Software 28, 1997): inverse quadratic
    steps where they are safe, bisection elsewhere, so a bracket never takes more steps than bisection would.
    """
    n = len(low)
    newest, v_newest = high.astype(np.float64), value_high.astype(np.float64)
    other, v_other = low.astype(np.float64), value_low.astype(np.float64)
    if np.any((v_newest > 0) == (v_other > 0)):
        raise ValueError("a bracket does not change sign")
    third, v_third = other.copy(), v_other.copy()
    fraction = np.full(n, 0.5)
    active = np.arange(n, dtype=np.int64)
    for _ in range(_MAX_ITERATIONS):
        if not len(active):
            break
        k = active
        trial = newest[k] + fraction[k] * (other[k] - newest[k])
        value = function(trial, k)
        same = (value > 0) == (v_newest[k] > 0)
        third[k] = np.where(same, newest[k], other[k])
        v_third[k] = np.where(same, v_newest[k], v_other[k])
        other[k] = np.where(same, other[k], newest[k])
        v_other[k] = np.where(same, v_other[k], v_newest[k])
        newest[k], v_newest[k] = trial, value
        width = np.abs(other[k] - newest[k])
        going = (width > tolerance_s) & (value != 0.0)
        fraction[k] = _chandrupatla_fraction(
            newest[k], other[k], third[k], v_newest[k], v_other[k], v_third[k], tolerance_s
        )
        active = k[going]
    best = np.where(np.abs(v_newest) <= np.abs(v_other), newest, other)
    return np.asarray(best, dtype=np.float64)


def _chandrupatla_fraction(
    a: FloatArray,
    b: FloatArray,
    c: FloatArray,
    fa: FloatArray,
    fb: FloatArray,
    fc: FloatArray,
    tolerance_s: float,
) -> FloatArray:
    """Where between ``a`` (0) and ``b`` (1) to look next."""
    with np.errstate(divide="ignore", invalid="ignore"):
        xi = (a - b) / (c - b)
        phi = (fa - fb) / (fc - fb)
        quadratic = (phi**2 < xi) & ((1 - phi) ** 2 < 1 - xi)
        step = fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
        # never closer to an end than the tolerance, so that the last step closes the bracket
        margin = np.minimum(0.5, 0.5 * tolerance_s / np.maximum(np.abs(b - a), 1e-300))
    step = np.where(quadratic & np.isfinite(step), step, 0.5)
    return np.asarray(np.clip(step, margin, 1.0 - margin), dtype=np.float64)


def maximise(
    function: BracketFunction,
    low: FloatArray,
    high: FloatArray,
    tolerance_s: float = 1e-3,
    enough: float | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Maxima of many brackets at once by golden sections: times (n,) s and values (n,).

    Each function should have one maximum in its bracket. A search that finds a value above ``enough``
    stops there, when any point above a level will do.
    """
    n = len(low)
    low, high = low.astype(np.float64), high.astype(np.float64)
    every = np.arange(n, dtype=np.int64)
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    v_left, v_right = function(left, every), function(right, every)
    active = every
    for _ in range(_MAX_ITERATIONS):
        going = (high - low)[active] > tolerance_s
        if enough is not None:
            going &= np.maximum(v_left, v_right)[active] <= enough
        active = active[going]
        if not len(active):
            break
        k = active
        to_left = v_left[k] >= v_right[k]
        high[k] = np.where(to_left, right[k], high[k])
        low[k] = np.where(to_left, low[k], left[k])
        kept, v_kept = np.where(to_left, left[k], right[k]), np.where(to_left, v_left[k], v_right[k])
        span = high[k] - low[k]
        fresh = np.where(to_left, high[k] - _GOLDEN * span, low[k] + _GOLDEN * span)
        v_fresh = function(fresh, k)
        left[k], right[k] = np.where(to_left, fresh, kept), np.where(to_left, kept, fresh)
        v_left[k], v_right[k] = np.where(to_left, v_fresh, v_kept), np.where(to_left, v_kept, v_fresh)
    better = v_left >= v_right
    return np.where(better, left, right), np.where(better, v_left, v_right)


def intervals_where_positive(
    function: Condition,
    start_s: float,
    end_s: float,
    step_s: float,
    tolerance_s: float = DEFAULT_TOLERANCE_S,
) -> list[tuple[float, float]]:
    """Spans (start, end) in seconds, in order, of [start_s, end_s] in which ``function`` is positive.

    Edges are good to ``tolerance_s``, clipped to the span searched. Between nodes ``step_s`` apart the
    function may rise once above zero, or dip once below; such hidden spans are found where the
    function's slope at the nodes (taken over ``step_s``/1000) shows a turn between them.
    """
    if end_s <= start_s:
        return []
    nodes = np.linspace(start_s, end_s, max(2, int(np.ceil((end_s - start_s) / step_s)) + 1))
    values = function(nodes)
    times, values = _with_turns(function, nodes, values, tolerance_s)
    crossing = np.nonzero((values[:-1] > 0) != (values[1:] > 0))[0]
    roots = refine_roots(
        lambda seconds, which: function(seconds),
        times[crossing],
        times[crossing + 1],
        values[crossing],
        values[crossing + 1],
        tolerance_s,
    )
    edges = [float(r) for r in roots]
    if values[0] > 0:
        edges.insert(0, float(start_s))
    if values[-1] > 0:
        edges.append(float(end_s))
    return [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b > a]


def _with_turns(
    function: Callable[[FloatArray], FloatArray], nodes: FloatArray, values: FloatArray, tolerance_s: float
) -> tuple[FloatArray, FloatArray]:
    """Nodes and values, with the extrema added where one between two nodes is of the other sign."""
    step = nodes[1] - nodes[0]
    nudge = step * 1e-3
    inward = np.where(np.arange(len(nodes)) < len(nodes) - 1, nudge, -nudge)
    slope = (function(nodes + inward) - values) / inward
    positive = values > 0
    side = np.where(positive[:-1], -1.0, 1.0)  # a dip is the maximum of the negative
    turn = (positive[:-1] == positive[1:]) & (side * slope[:-1] > 0) & (side * slope[1:] < 0)
    # a turn that cannot reach zero with slopes like these at both ends is not worth a search
    reach = side * np.where(
        positive[:-1], np.minimum(values[:-1], values[1:]), np.maximum(values[:-1], values[1:])
    )
    turn &= reach + 2.0 * step * np.maximum(np.abs(slope[:-1]), np.abs(slope[1:])) > 0
    found = np.nonzero(turn)[0]
    if not len(found):
        return nodes, values
    sign = side[found]
    times, peaks = maximise(
        lambda seconds, which: sign[which] * function(seconds),
        nodes[found],
        nodes[found + 1],
        tolerance_s,
        enough=0.0,
    )
    peaks = peaks * sign
    other = (peaks > 0) != positive[found]
    return (
        np.insert(nodes, found[other] + 1, times[other]),
        np.insert(values, found[other] + 1, peaks[other]),
    )
