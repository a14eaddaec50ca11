"""Finding when a smooth condition holds."""

from __future__ import annotations

import numpy as np
import pytest

from comity.access import intervals_where_positive
from comity.access.events import maximise, refine_roots
from comity.core import InputError


def test_edges_of_a_sine() -> None:
    spans = intervals_where_positive(np.sin, 1.0, 10.0, 0.7, max_curvature=1.0, tolerance_s=1e-9)
    assert np.ravel(spans) == pytest.approx([1.0, np.pi, 2 * np.pi, 3 * np.pi], abs=1e-8)


@pytest.mark.parametrize("level", [0.99, 0.999999, 0.9999999])
def test_what_hides_between_two_nodes_is_found(level: float) -> None:
    half = np.arccos(level)
    tops = np.pi / 2 + 2 * np.pi * np.arange(3)
    bound = {"max_curvature": 1.0, "shortest_s": 1e-4, "tolerance_s": 1e-7}
    rises = intervals_where_positive(lambda t: np.sin(t) - level, 0.0, 18.0, 18.0, **bound)
    assert rises == [(pytest.approx(t - half, abs=1e-6), pytest.approx(t + half, abs=1e-6)) for t in tops]
    dips = intervals_where_positive(lambda t: level - np.sin(t), 0.0, 18.0, 18.0, **bound)
    assert len(dips) == 4
    assert dips[0][1] == pytest.approx(tops[0] - half, abs=1e-6)


def test_always_never_and_no_time_at_all() -> None:
    assert intervals_where_positive(lambda t: np.ones_like(t), 2.0, 7.0, 60.0, max_rate=0.0) == [(2.0, 7.0)]
    assert intervals_where_positive(lambda t: -np.ones_like(t), 2.0, 7.0, 60.0, max_rate=0.0) == []
    assert intervals_where_positive(np.sin, 2.0, 2.0, 60.0, max_rate=1.0) == []


def test_a_spike_of_a_millisecond_in_a_day_is_found_by_its_slope_alone() -> None:
    """A kinked function has no bound on its curvature; the one on its rate is enough."""
    spans = intervals_where_positive(
        lambda t: 0.0006 - np.abs(t - 43_211.0), 0.0, 86_400.0, 3_600.0, max_rate=1.0, tolerance_s=1e-6
    )
    assert spans == [(pytest.approx(43_210.9994, abs=2e-6), pytest.approx(43_211.0006, abs=2e-6))]


def test_three_crossings_in_one_cell_are_three() -> None:
    """Ends of unlike sign do not hide a dip and a rise between them."""
    spans = intervals_where_positive(
        lambda t: (t - 1.0) * (t - 1.01) * (t - 1.02), 0.0, 2.0, 2.0, max_curvature=8.0
    )
    assert np.ravel(spans) == pytest.approx([1.0, 1.01, 1.02, 2.0], abs=1e-4)


def test_what_cannot_be_answered_is_refused() -> None:
    with pytest.raises(InputError, match="bound"):
        intervals_where_positive(np.sin, 0.0, 1.0, 1.0)
    with pytest.raises(InputError, match="too close to its limit"):
        intervals_where_positive(lambda t: 0.0 * t, 0.0, 86_400.0, 60.0, max_rate=1.0)


def test_roots_and_maxima_of_many_brackets_at_once() -> None:
    shift = np.array([0.1, 0.5, 0.9])
    low, high = np.zeros(3), np.ones(3)
    calls = []

    def cubic(t, which):  # type: ignore[no-untyped-def]
        calls.append(len(t))
        return (t - shift[which]) ** 3

    roots = refine_roots(cubic, low, high, -(shift**3), (1 - shift) ** 3, 1e-6)
    assert roots == pytest.approx(shift, abs=1e-6)
    assert len(calls) < 60  # a triple root is the worst case; bisection of all needs 20, never much more
    times, values = maximise(lambda t, which: -((t - shift[which]) ** 2), low, high, 1e-6)
    assert times == pytest.approx(shift, abs=1e-6)
    assert values == pytest.approx(0.0, abs=1e-9)
