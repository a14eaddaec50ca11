"""Coverage against published figures and closed formulas; each with its source and tolerance."""

from __future__ import annotations

import math

import numpy as np
import pytest

from comity.access.coverage import Options, Sensor, coverage, equal_area_grid, points_grid
from comity.core import Epoch, Interval
from comity.orbits import EarthOrientation, SGP4Trajectory, ecef_to_geodetic
from comity.orbits.constellations import repeating_altitude_m, sun_synchronous, walker_delta

START = Epoch.from_iso("2024-09-22T00:00:00Z")
EOP = EarthOrientation.bundled()


@pytest.mark.parametrize(("altitude_m", "elevation_deg"), [(500_000.0, 5.0), (1_200_000.0, 25.0)])
def test_time_covered_is_the_part_of_the_earth_seen_at_once(altitude_m: float, elevation_deg: float) -> None:
    """Mean over the Earth of the time covered = access area / Earth's area = (1 − cos λ)/2.

    λ from sin ρ = R/(R + h), sin η = cos ε sin ρ, λ = 90° − η − ε: Wertz & Larson, *SMAD*, 3rd ed., eq. 5-24
    to 5-28 and 7-1 (instantaneous access area), with the height and the Earth's radius below the satellite at
    each minute. Tolerance 0.5 %: the ellipsoid's curvature is not that of the sphere of this radius.
    """
    one = walker_delta(1, 1, 0, inclination_deg=70.0, altitude_m=altitude_m, epoch=START)[0]
    trajectory = SGP4Trajectory(one, EOP)
    result = coverage(
        [trajectory], Sensor(min_elevation_deg=elevation_deg), equal_area_grid(400_000.0),
        Interval(START, START + 86_400), options=Options(starts=0),
    )  # fmt: skip
    position, _ = trajectory.itrf(START, np.arange(0.0, 86_400.0, 60.0))
    high = np.linalg.norm(position, axis=-1)
    earth = high - ecef_to_geodetic(position)[2]
    nadir = np.arcsin(math.cos(math.radians(elevation_deg)) * earth / high)
    seen = float(np.mean(1.0 - np.cos(math.pi / 2.0 - nadir - math.radians(elevation_deg)))) / 2.0
    assert result.area_mean(result.covered_fraction) == pytest.approx(seen, rel=0.005)


def test_two_sentinel_2_see_the_equator_every_five_days() -> None:
    """290 km swath, 786 km, LTDN 10:30, two satellites opposite: revisit at the equator 5 days.

    One: 10 days (ESA, *Sentinel-2*, SP-1322/2, §3.1). Tracks of 143 orbits lie 280 km apart at the equator:
    every place is in one swath per cycle, and 3.6 % of them in two. Tolerance: a minute.
    """
    pair = sun_synchronous(altitude_m=repeating_altitude_m(143, 10), epoch=START, ltdn_h=10.5, satellites=2)
    trajectories = [SGP4Trajectory(one, EOP) for one in pair]
    spots = points_grid([(10.0 + 0.063 * k, 0.0) for k in range(40)])  # one distance between tracks
    month = Interval(START, START + 31 * 86_400)
    lit = Options(min_sun_elevation_deg=0.0, starts=0)
    for many, days in ((2, 5.0), (1, 10.0)):
        result = coverage(trajectories[:many], Sensor(swath_m=290_000.0), spots, month, options=lit)
        whole = np.isclose(result.revisit_max_s, days * 86_400.0, atol=60.0)
        assert np.isfinite(result.revisit_max_s).all() and result.revisit_max_s.max() < days * 86_400.0 + 60.0
        assert np.count_nonzero(whole) >= 36


def test_a_walker_constellation_treats_equal_latitudes_alike() -> None:
    """Walker 1984: the pattern repeats itself turned by a plane: figures depend on the latitude alone.

    Between north and south 4 %: the Earth's pear shape (J3) lifts orbits by some 7 km in the south, and the
    area seen at 20° or more grows with the square of the height.
    """
    pattern = walker_delta(24, 6, 1, inclination_deg=53.0, altitude_m=600_000.0, epoch=START)
    trajectories = [SGP4Trajectory(one, EOP) for one in pattern]
    rows = (-45.0, -20.0, 0.0, 20.0, 45.0)
    spots = points_grid([(lon, lat) for lat in rows for lon in range(-180, 180, 15)])
    result = coverage(
        trajectories, Sensor(min_elevation_deg=20.0), spots, Interval(START, START + 2 * 86_400),
        options=Options(starts=0),
    )  # fmt: skip
    by_row = result.covered_s.reshape(len(rows), -1)
    assert np.all(np.ptp(by_row, axis=1) < 0.25 * by_row.mean(axis=1))
    mean = by_row.mean(axis=1)
    assert mean[0] == pytest.approx(mean[-1], rel=0.04) and mean[1] == pytest.approx(mean[-2], rel=0.04)
    assert mean[-1] > 1.5 * mean[2]  # and the most inclined part of the orbit sees most
