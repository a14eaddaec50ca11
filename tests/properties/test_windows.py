"""What holds for passes of any orbit over any site."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from comity.access import Site, StationWindow, station_windows
from comity.core import Epoch, Interval
from comity.orbits import (
    EarthOrientation,
    MeanElements,
    PropagationError,
    SGP4Trajectory,
    elevation_azimuth_deg,
    geodetic_to_ecef,
)

START = Epoch.from_iso("2024-09-22T00:00:00Z")
EOP = EarthOrientation.bundled()


@st.composite
def orbits(draw: st.DrawFn) -> SGP4Trajectory:
    """From 200 km circular to Molniya and beyond geostationary."""
    mean_motion = draw(st.one_of(st.floats(11.0, 16.0), st.floats(0.9, 11.0)))
    axis_km = (398_600.8 / (mean_motion * 2 * np.pi / 86_400) ** 2) ** (1 / 3)
    eccentricity = draw(st.floats(0.0, 1.0)) * max(0.0, min(0.75, 1.0 - (6_378.0 + 250.0) / axis_km))
    angle = st.floats(0.0, 359.0)
    elements = MeanElements(
        name="X",
        norad_id=1,
        cospar_id="",
        epoch=START + draw(st.floats(-5.0, 0.0)) * 86_400.0,
        mean_motion=mean_motion,
        eccentricity=eccentricity,
        inclination_deg=draw(st.floats(0.0, 179.0)),
        raan_deg=draw(angle),
        arg_of_perigee_deg=draw(angle),
        mean_anomaly_deg=draw(angle),
        bstar=draw(st.floats(0.0, 1e-4)),
        mean_motion_dot=0.0,
        mean_motion_ddot=0.0,
    )
    try:
        return SGP4Trajectory(elements, EOP)
    except PropagationError:
        assume(False)
        raise


SITES = st.builds(
    Site,
    name=st.just("s"),
    lon_deg=st.sampled_from([-180.0, 180.0]) | st.floats(-180.0, 180.0),
    lat_deg=st.sampled_from([-90.0, 90.0]) | st.floats(-90.0, 90.0),
    altitude_m=st.floats(-400.0, 5_000.0),
    min_elevation_deg=st.floats(0.0, 60.0),
)


def passes(orbit: SGP4Trajectory, site: Site, interval: Interval) -> list[StationWindow]:
    try:
        return station_windows([orbit], [site], interval)
    except PropagationError:
        assume(False)
        raise


def spans(windows: list[StationWindow]) -> list[tuple[float, float]]:
    return [(w.interval.start - START, w.interval.end - START) for w in windows]


@settings(max_examples=60, deadline=None)
@given(orbits(), SITES, st.floats(0.05, 0.95))
def test_cutting_the_interval_cuts_the_windows(orbit: SGP4Trajectory, site: Site, where: float) -> None:
    whole = Interval(START, START + 86_400)
    cut = START + 86_400.0 * where
    found = spans(passes(orbit, site, whole))
    assert all(0.0 <= a < b <= 86_400.0 for a, b in found)
    assert all(a[1] < b[0] for a, b in pairwise(found))
    halves = spans(passes(orbit, site, Interval(START, cut))) + spans(
        passes(orbit, site, Interval(cut, whole.end))
    )
    joined: list[tuple[float, float]] = []
    for a, b in halves:
        if joined and joined[-1][1] == a:
            joined[-1] = joined[-1][0], b
        else:
            joined.append((a, b))
    long = [s for s in joined if s[1] - s[0] > 0.01]
    assert len(long) == len([s for s in found if s[1] - s[0] > 0.01])
    for one, other in zip(long, (s for s in found if s[1] - s[0] > 0.01), strict=True):
        assert np.allclose(one, other, atol=2e-3)


@settings(max_examples=60, deadline=None)
@given(orbits(), SITES, st.floats(0.5, 25.0))
def test_a_higher_mask_gives_windows_inside(orbit: SGP4Trajectory, site: Site, more_deg: float) -> None:
    day = Interval(START, START + 86_400)
    wide = spans(passes(orbit, site, day))
    higher = passes(orbit, replace(site, min_elevation_deg=site.min_elevation_deg + more_deg), day)
    for (start, end), window in zip(spans(higher), higher, strict=True):
        assert window.max_elevation_deg >= site.min_elevation_deg + more_deg - 1e-6
        assert window.interval.start <= window.max_elevation_at <= window.interval.end
        assert any(a - 1e-3 <= start and end <= b + 1e-3 for a, b in wide)


@settings(max_examples=60, deadline=None)
@given(orbits(), SITES)
def test_no_instant_is_called_wrongly(orbit: SGP4Trajectory, site: Site) -> None:
    """A dense look at the elevation finds the object up inside the windows and down outside them."""
    day = Interval(START, START + 21_600)
    found = spans(passes(orbit, site, day))
    times = np.linspace(0.0, 21_600.0, 4_321)
    position, _ = orbit.itrf(START, times)
    line = position - geodetic_to_ecef(site.lon_deg, site.lat_deg, site.altitude_m)
    elevation, _ = elevation_azimuth_deg(site.lon_deg, site.lat_deg, line)
    inside = np.zeros(len(times), dtype=bool)
    near = np.zeros(len(times), dtype=bool)
    for a, b in found:
        inside |= (times >= a) & (times <= b)
        near |= (np.abs(times - a) < 2e-3) | (np.abs(times - b) < 2e-3)
    wrong = (inside != (elevation > site.min_elevation_deg)) & ~near
    assert not wrong.any(), times[wrong]


@settings(max_examples=60, deadline=None)
@given(orbits(), SITES, st.floats(-6.0, -2.0))
def test_a_pass_that_only_just_clears_the_mask_is_found(
    orbit: SGP4Trajectory, site: Site, exponent: float
) -> None:
    """With the mask a hair below a culmination, what is left of the pass may be far shorter than a step."""
    day = Interval(START, START + 86_400)
    whole = [
        w
        for w in passes(orbit, site, day)
        if day.start < w.interval.start and w.interval.end < day.end and w.max_elevation_deg < 89.0
    ]
    assume(whole)
    highest = max(whole, key=lambda w: w.max_elevation_deg)
    grazed = replace(site, min_elevation_deg=highest.max_elevation_deg - 10.0**exponent)
    found = [w for w in passes(orbit, grazed, day) if w.interval.overlaps(highest.interval)]
    assert any(highest.max_elevation_at in w.interval for w in found)
