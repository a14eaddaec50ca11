"""Clouds are drawn from a stated proxy, and a planner can trust the odds."""

from __future__ import annotations

import numpy as np
import pytest

from comity.core import InputError
from comity.imagery import CLOUD_SOURCE, clear_probability, cloud_probability, draw_cloud_fraction


def test_the_source_says_that_it_is_a_proxy() -> None:
    assert "proxy" in CLOUD_SOURCE
    assert "P.840" in CLOUD_SOURCE
    assert CLOUD_SOURCE.startswith("simulated")


def test_deserts_are_clear_and_the_tropics_cloudy() -> None:
    sahara, kinshasa, jakarta, moscow = cloud_probability(
        np.array([20.0, 15.3, 106.8, 37.6]), np.array([24.0, -4.3, -6.2, 55.75])
    )
    assert sahara < 0.15 < 0.4 < moscow < kinshasa < jakarta


def test_the_map_has_no_seam() -> None:
    lat = np.linspace(-80, 80, 33)
    for a, b in ((-180.0, 180.0), (-0.001, 0.001), (359.999, 0.0)):
        assert np.abs(cloud_probability(a, lat) - cloud_probability(b, lat)).max() < 0.01


@pytest.mark.parametrize(("lon", "lat"), [(43.1, 11.6), (106.8, -6.2), (20.0, 24.0)])
def test_draws_have_the_odds_that_planning_expects(lon: float, lat: float) -> None:
    draws = np.array([draw_cloud_fraction(lon, lat, f"activity-{n}", 7) for n in range(1500)])
    assert draws.mean() == pytest.approx(float(cloud_probability(lon, lat)), abs=0.04)
    for limit in (0.05, 0.2, 0.6):
        assert np.mean(draws <= limit) == pytest.approx(float(clear_probability(lon, lat, limit)), abs=0.045)
    assert ((draws >= 0) & (draws <= 1)).all()


def test_a_draw_depends_on_key_and_seed_only() -> None:
    assert draw_cloud_fraction(43.1, 11.6, "a", 1) == draw_cloud_fraction(43.1, 11.6, "a", 1)
    assert len({draw_cloud_fraction(43.1, 11.6, key, seed) for key in "abc" for seed in (1, 2, 3)}) == 9


def test_odds_take_arrays_and_refuse_percent() -> None:
    odds = clear_probability(np.array([[43.1], [15.3]]), np.array([[11.6], [-4.3]]), np.array([0.1, 0.9]))
    assert odds.shape == (2, 2)
    assert (np.diff(odds, axis=1) > 0).all()
    with pytest.raises(InputError, match="not percent"):
        clear_probability(43.1, 11.6, 20)
    with pytest.raises(InputError, match="latitudes"):
        cloud_probability(43.1, 91.0)
