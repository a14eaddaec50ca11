"""Passes over a station with hills around it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from comity.access import Site, conditions, find_events, station_windows, window_table
from comity.core import Epoch, InputError, Interval
from comity.fleet.horizon import HorizonMask
from comity.orbits import (
    EarthOrientation,
    MeanElements,
    SGP4Trajectory,
    elevation_azimuth_deg,
    geodetic_to_ecef,
)

START = Epoch.from_iso("2024-09-22T00:00:00Z")
THREE_DAYS = Interval(START, START + 3 * 86_400.0)
EOP = EarthOrientation.bundled()
#: A mountain in the east, a gap of two degrees in it, low hills elsewhere.
HILLS = HorizonMask(((30.0, 4.0), (60.0, 40.0), (89.0, 40.0), (90.0, 2.0), (91.0, 40.0), (120.0, 4.0)))


def orbit(mean_motion: float, eccentricity: float, inclination_deg: float) -> SGP4Trajectory:
    elements = MeanElements(
        name=f"{mean_motion:g}",
        norad_id=1,
        cospar_id="",
        epoch=START,
        mean_motion=mean_motion,
        eccentricity=eccentricity,
        inclination_deg=inclination_deg,
        raan_deg=40.0,
        arg_of_perigee_deg=270.0,
        mean_anomaly_deg=0.0,
        bstar=0.0,
        mean_motion_dot=0.0,
        mean_motion_ddot=0.0,
    )
    return SGP4Trajectory(elements, EOP)


ORBITS = [orbit(14.8, 1e-3, 98.0), orbit(15.5, 1e-3, 51.6), orbit(2.006, 0.72, 63.4)]


def test_passes_keep_above_the_hills_and_lose_nothing() -> None:
    site = Site(name="valley", lon_deg=179.95, lat_deg=48.0, altitude_m=900.0, min_elevation_deg=3.0)
    hilly = replace(site, name="hilly", horizon=HILLS)
    found = station_windows(ORBITS, [site, hilly], THREE_DAYS)
    assert [w for w in found if w.target == "valley"] == station_windows(ORBITS, [site], THREE_DAYS)
    mine = [w for w in found if w.target == "hilly"]
    ground = geodetic_to_ecef(site.lon_deg, site.lat_deg, site.altitude_m)
    parts = 0
    for trajectory in ORBITS:
        condition = conditions.above_mask(trajectory, site, HILLS) & conditions.elevation(trajectory, site)
        expected = [e.interval for e in find_events(condition, THREE_DAYS, eop=EOP)]
        windows = [w for w in mine if w.spacecraft == trajectory.name]
        assert len(windows) == len(expected) > 0
        for window, other in zip(windows, expected, strict=True):
            assert abs(window.interval.start - other.start) < 2e-3
            assert abs(window.interval.end - other.end) < 2e-3
            times = np.linspace(window.interval.start - START, window.interval.end - START, 50)[1:-1]
            elevation, azimuth = elevation_azimuth_deg(
                site.lon_deg, site.lat_deg, trajectory.itrf(START, times)[0] - ground
            )
            assert (elevation > HILLS.elevation_deg(azimuth)).all()
            assert window.max_elevation_deg >= elevation.max() - 1e-6
            assert window.interval.start <= window.max_elevation_at <= window.interval.end
        parts += len(windows)
    passes = sum(w.target == "valley" for w in found)
    assert parts != passes


def test_a_table_keeps_its_order() -> None:
    sites = [
        Site(name="a", lon_deg=10.0, lat_deg=50.0, horizon=HILLS),
        Site(name="b", lon_deg=20.0, lat_deg=60.0),
    ]
    table = window_table(ORBITS, sites, THREE_DAYS)
    rows = list(zip(table.spacecraft.tolist(), table.site.tolist(), table.start_s.tolist(), strict=True))
    assert rows == sorted(rows)
    assert (table.end_s - table.start_s > 0.0).all()


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ((), "one row"),
        (((10.0, 5.0), (10.0, 6.0)), "row 2: azimuth 10° does not come after 10°"),
        (((0.0, 1.0), (360.0, 2.0)), "at 0° is not"),
        (((0.0, 90.0),), "elevation 90° is outside"),
        (((-1.0, 0.0),), "azimuth -1° is outside"),
    ],
)
def test_a_horizon_that_is_none_is_refused(rows: tuple[tuple[float, float], ...], told: str) -> None:
    with pytest.raises(InputError, match=told):
        HorizonMask(rows)


def test_a_horizon_goes_on_round_north() -> None:
    mask = HorizonMask(((10.0, 0.0), (350.0, 20.0)))
    assert mask.elevation_deg(np.array([0.0, 355.0, 360.0, 10.0, 180.0])) == pytest.approx(
        [10, 15, 10, 0, 10]
    )
