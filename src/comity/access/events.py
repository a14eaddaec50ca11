"""Finding when conditions hold: sign changes of functions of time, none missed, refined together.

A condition is a function of time that is positive where it holds, and a bound on its derivatives over a cell
of time. Cells are halved until the bound rules out what could hide in them (a short rise above zero, a short
dip below), proves that the function crosses zero once, or they are shorter than the shortest event asked
for. Then every crossing is refined at once. Nothing is left to the width of a step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from comity.core import InputError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Refined times are this good (s) unless asked otherwise.
DEFAULT_TOLERANCE_S = 1e-4
#: Events as long as this (s) are found unless asked otherwise.
SHORTEST_S = 1e-3
#: More undecided cells than this mean a function that hugs zero: no answer would mean anything.
_MAX_CELLS = 4_000_000

_GOLDEN = (np.sqrt(5.0) - 1.0) / 2.0
_MAX_ITERATIONS = 200


class Margins(Protocol):
    """Values (k, n) at times (n,) s of k functions that must all be positive; ``which`` (n,) says of whom."""

    def __call__(self, seconds: FloatArray, which: IntArray, /) -> FloatArray:
        """Evaluate the functions of ``which[i]`` at ``seconds[i]``."""
        ...


class Bounds(Protocol):
    """Greatest |f′| and |f″| over cells [low, high] (n,) s, each (k, n); infinite where there is none."""

    def __call__(
        self, low: FloatArray, high: FloatArray, which: IntArray, /
    ) -> tuple[FloatArray, FloatArray]:
        """Bound the functions of ``which[i]`` from ``low[i]`` to ``high[i]``."""
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spans:
    """When something holds: ``which`` (m,) of many, ``start`` and ``end`` (m,) s, sorted in that order."""

    which: IntArray
    start: FloatArray
    end: FloatArray


def find_spans(
    margins: Margins,
    bounds: Bounds,
    which: IntArray,
    low: FloatArray,
    high: FloatArray,
    *,
    shortest_s: float = SHORTEST_S,
    tolerance_s: float = DEFAULT_TOLERANCE_S,
) -> Spans:
    """Spans within cells [low, high] (n,) s in which all margins are positive.

    Cells come in the order of ``which``, then of time; those that touch are searched as one stretch. Every
    span, and every gap between two, that lasts ``shortest_s`` or longer is found, if the bounds are true:

    - a margin with the values a and b of one sign at the ends of a cell h long has no root in it where
      |a| + |b| > h·max|f′| (first order) or min(|a|, |b|) > h²/8·max|f″| (second order);
    - it crosses zero at most once where its mean slope exceeds h·max|f″|.

    Edges are good to ``tolerance_s``. Raises :class:`InputError` where a margin stays so near zero that
    millions of cells remain undecided.
    """
    n = len(which)
    if not n:
        return Spans(which=np.zeros(0, np.int64), start=np.zeros(0), end=np.zeros(0))
    joined = (which[1:] == which[:-1]) & (high[:-1] == low[1:])
    first = margins(low, which)
    last = np.empty_like(first)
    last[:, :-1] = first[:, 1:]
    ends = np.flatnonzero(np.append(~joined, True))
    last[:, ends] = margins(high[ends], which[ends])
    begins = np.flatnonzero(np.append(True, ~joined))
    starts_in, ends_in = (first[:, begins] > 0.0).all(axis=0), (last[:, ends] > 0.0).all(axis=0)

    owner, left, right, at_left, at_right = _isolate(
        margins, bounds, which, low, high, first, last, shortest_s
    )
    # Metres beside sines: of margins as they are, the small ones would hide the large ones until the last.
    scale = np.maximum(np.abs(at_left), np.abs(at_right))
    scale = np.where(scale > 0.0, scale, 1.0)
    least_right = (at_right / scale).min(axis=0)
    roots = refine_roots(
        lambda seconds, index: (margins(seconds, owner[index]) / scale[:, index]).min(axis=0),
        left,
        right,
        (at_left / scale).min(axis=0),
        least_right,
        tolerance_s,
    )
    rising = least_right > 0.0
    open_which = np.concatenate([which[begins[starts_in]], owner[rising]])
    open_at = np.concatenate([low[begins[starts_in]], roots[rising]])
    close_which = np.concatenate([which[ends[ends_in]], owner[~rising]])
    close_at = np.concatenate([high[ends[ends_in]], roots[~rising]])
    by_open, by_close = np.lexsort((open_at, open_which)), np.lexsort((close_at, close_which))
    return Spans(which=open_which[by_open], start=open_at[by_open], end=close_at[by_close])


def _isolate(
    margins: Margins,
    bounds: Bounds,
    which: IntArray,
    low: FloatArray,
    high: FloatArray,
    first: FloatArray,
    last: FloatArray,
    shortest_s: float,
) -> tuple[IntArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    """Cells that hold exactly one crossing: whose, low, high, and the margins (k, n) at both ends."""
    found: list[tuple[IntArray, FloatArray, FloatArray, FloatArray, FloatArray]] = []
    while len(which):
        width = high - low
        crossing = (first > 0.0).all(axis=0) != (last > 0.0).all(axis=0)
        decided = _decided(first, last, width, *bounds(low, high, which)) | (width <= shortest_s)
        one = np.flatnonzero(decided & crossing)
        if len(one):
            found.append((which[one], low[one], high[one], first[:, one], last[:, one]))
        k = np.flatnonzero(~decided)
        if len(k) > _MAX_CELLS:
            raise InputError(
                "a condition stays too close to its limit for its edges to mean anything: "
                "move the limit or shorten the interval"
            )
        which, low, high, first, last = which[k], low[k], high[k], first[:, k], last[:, k]
        middle = 0.5 * (low + high)
        between = margins(middle, which) if len(k) else first
        which = np.concatenate([which, which])
        low, high = np.concatenate([low, middle]), np.concatenate([middle, high])
        first, last = np.concatenate([first, between], axis=1), np.concatenate([between, last], axis=1)
    if not found:
        none = np.zeros(0)
        return np.zeros(0, np.int64), none, none, np.zeros((1, 0)), np.zeros((1, 0))
    owner, left, right, at_left, at_right = (
        np.concatenate(column, axis=-1) for column in zip(*found, strict=True)
    )
    return owner, left, right, at_left, at_right


def _decided(
    first: FloatArray, last: FloatArray, width: FloatArray, rate: FloatArray, curvature: FloatArray
) -> NDArray[np.bool_]:
    """Whether each cell (n,) certainly holds no crossing, or just one, of the least of its margins (k, n)."""
    before, after = first > 0.0, last > 0.0
    same = before == after
    a, b = np.abs(first), np.abs(last)
    with np.errstate(invalid="ignore"):  # infinite bounds
        quiet = same & ((a + b > rate * width) | (np.minimum(a, b) > curvature * width**2 / 8.0))
        single = ~same & (np.abs(last - first) > curvature * width**2)
    out = (quiet & ~before).any(axis=0)
    up, down = quiet & before | single & after, quiet & before | single & before
    return np.asarray(out | up.all(axis=0) | down.all(axis=0), dtype=np.bool_)


def intervals_where_positive(
    function: Callable[[FloatArray], FloatArray],
    start_s: float,
    end_s: float,
    step_s: float,
    *,
    max_rate: float = np.inf,
    max_curvature: float = np.inf,
    shortest_s: float = SHORTEST_S,
    tolerance_s: float = DEFAULT_TOLERANCE_S,
) -> list[tuple[float, float]]:
    """Spans (start, end) in seconds, in order, of [start_s, end_s] in which ``function`` is positive.

    ``function``: (n,) s → (n,). ``max_rate`` and ``max_curvature``: greatest |f′| and |f″| anywhere in the
    span, one at least; see :func:`find_spans` for what is found. ``step_s``: longest cell to begin with.
    Raises :class:`InputError` without either bound.
    """
    if not (np.isfinite(max_rate) or np.isfinite(max_curvature)):
        raise InputError("give a bound on the function's rate or on its curvature")
    if end_s <= start_s:
        return []
    nodes = np.linspace(start_s, end_s, max(2, int(np.ceil((end_s - start_s) / step_s)) + 1))
    spans = find_spans(
        lambda seconds, which: function(seconds)[None],
        lambda low, high, which: (np.full((1, len(low)), max_rate), np.full((1, len(low)), max_curvature)),
        np.zeros(len(nodes) - 1, np.int64),
        nodes[:-1],
        nodes[1:],
        shortest_s=shortest_s,
        tolerance_s=tolerance_s,
    )
    return list(zip(spans.start.tolist(), spans.end.tolist(), strict=True))
