"""Designed constellations keep what their builders promise."""

from __future__ import annotations

import numpy as np
import pytest

from comity.core import Epoch, InputError
from comity.orbits import EarthOrientation, MeanElements, SGP4Trajectory
from comity.orbits.constellations import (
    repeating_altitude_m,
    sun_synchronous,
    sun_synchronous_inclination_deg,
    walker_delta,
    walker_star,
)

START = Epoch.from_iso("2024-09-22T06:00:00Z")
EOP = EarthOrientation.bundled()


def equator_crossings(elements: MeanElements, days: float, northward: bool) -> list[tuple[float, float]]:
    """Local mean solar time (h) and east longitude (deg) of the crossings in the orbit after ``days``."""
    seconds = days * 86_400.0 + np.arange(0.0, 7_000.0, 1.0)
    position, _ = SGP4Trajectory(elements, EOP).itrf(START, seconds)
    z = position[:, 2] if northward else -position[:, 2]
    found = []
    for k in np.flatnonzero((z[:-1] <= 0.0) & (z[1:] > 0.0)):
        lon = float(np.degrees(np.arctan2(position[k, 1], position[k, 0])))
        hours = (START + float(seconds[k])).utc_jd()[1] * 24.0
        found.append(((hours + lon / 15.0) % 24.0, lon % 360.0))
    return found


def test_local_time_of_the_node_stays_for_a_year() -> None:
    (one,) = sun_synchronous(altitude_m=700_000.0, epoch=START, ltdn_h=10.5)
    for days in (0.0, 90.0, 182.0, 365.0):
        assert equator_crossings(one, days, northward=False)[0][0] == pytest.approx(10.5, abs=0.01)
    (two,) = sun_synchronous(altitude_m=700_000.0, epoch=START, ltan_h=22.5)
    assert two.raan_deg == pytest.approx(one.raan_deg, abs=1e-9)


def test_published_orbits_come_out() -> None:
    """Sentinel-2: 143 revolutions in 10 days, 786 km, 98.62° (ESA, SP-1322/2); Landsat 8: 233 in 16."""
    assert repeating_altitude_m(143, 10) == pytest.approx(786_000.0, abs=500.0)
    assert sun_synchronous_inclination_deg(786_000.0) == pytest.approx(98.62, abs=0.06)
    # Landsat's 705 km counts from a mean radius; its semi-major axis is 7,077.7 km (USGS handbook)
    assert repeating_altitude_m(233, 16) == pytest.approx(7_077_700.0 - 6_378_137.0, abs=300.0)


def test_a_repeating_track_comes_back() -> None:
    (one,) = sun_synchronous(altitude_m=repeating_altitude_m(143, 10), epoch=START, ltdn_h=10.5)
    first = equator_crossings(one, 0.0, northward=False)[0][1]
    again = [lon for _, lon in equator_crossings(one, 10.0, northward=False)]
    assert min(abs(lon - first) for lon in again) * 111.0 < 5.0  # km


@pytest.mark.parametrize("altitude_m", [400_000.0, 1_200_000.0, 20_182_000.0])
def test_altitude_is_the_mean_one(altitude_m: float) -> None:
    one = walker_delta(1, 1, 0, inclination_deg=55.0, altitude_m=altitude_m, epoch=START)[0]
    position, _ = SGP4Trajectory(one, EOP).teme(START, np.arange(0.0, 86_400.0, 20.0))
    mean = np.linalg.norm(position, axis=-1).mean() - 6_378_137.0
    assert mean == pytest.approx(altitude_m, abs=6_000.0)


def test_walker_patterns() -> None:
    """Galileo's 56:24/3/1 in Walker's notation: planes 120° apart, 15° of phase between them."""
    galileo = walker_delta(
        24, 3, 1, inclination_deg=56.0, altitude_m=23_222_000.0, epoch=START, raan_deg=10.0
    )
    assert [one.raan_deg for one in galileo[::8]] == [10.0, 130.0, 250.0]
    assert [one.mean_anomaly_deg for one in galileo[::8]] == [0.0, 15.0, 30.0]
    assert [one.mean_anomaly_deg for one in galileo[:3]] == [0.0, 45.0, 90.0]
    assert len({one.norad_id for one in galileo}) == len({one.name for one in galileo}) == 24
    star = walker_star(66, 6, 2, inclination_deg=86.4, altitude_m=780_000.0, epoch=START)
    assert [one.raan_deg for one in star[::11]] == [0.0, 30.0, 60.0, 90.0, 120.0, 150.0]


def test_bad_designs_are_refused() -> None:
    def walker(**change: float) -> None:
        known = {"inclination_deg": 53.0, "altitude_m": 6e5} | change
        walker_delta(12, 3, 1, epoch=START, **known)

    with pytest.raises(InputError, match="12 satellites do not fill 5 planes"):
        walker_delta(12, 5, 1, inclination_deg=53.0, altitude_m=6e5, epoch=START)
    with pytest.raises(InputError, match="phasing 3 is outside 0 … 2"):
        walker_delta(12, 3, 3, inclination_deg=53.0, altitude_m=6e5, epoch=START)
    with pytest.raises(InputError, match="metres, not km"):
        walker(altitude_m=600.0)
    with pytest.raises(InputError, match="inclination 181"):
        walker(inclination_deg=181.0)
    with pytest.raises(InputError, match="5,970 km"):
        sun_synchronous_inclination_deg(7_000_000.0)
    with pytest.raises(InputError, match="either ltan_h or ltdn_h"):
        sun_synchronous(altitude_m=6e5, epoch=START)
    with pytest.raises(InputError, match="outside 0 … 24"):
        sun_synchronous(altitude_m=6e5, epoch=START, ltan_h=24.5)
    with pytest.raises(InputError, match="common factor"):
        repeating_altitude_m(286, 20)
