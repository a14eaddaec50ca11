"""Passes over sites, in cases whose answer is known without a reference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from comity.access import Site, station_windows, stations, window_table
from comity.core import Epoch, InputError, Interval, ThreadExecutor
from comity.orbits import (
    EarthOrientation,
    MeanElements,
    PropagationError,
    SGP4Trajectory,
    elevation_azimuth_deg,
    geodetic_to_ecef,
)

DAY = Interval.from_iso("2024-09-22T00:00:00Z/2024-09-23T00:00:00Z")
EOP = EarthOrientation.bundled()
POLAR = MeanElements(
    name="POLAR",
    norad_id=90001,
    cospar_id="2024-001A",
    epoch=DAY.start,
    mean_motion=15.0,
    eccentricity=0.001,
    inclination_deg=97.5,
    raan_deg=20.0,
    arg_of_perigee_deg=0.0,
    mean_anomaly_deg=0.0,
    bstar=1e-4,
    mean_motion_dot=0.0,
    mean_motion_ddot=0.0,
)
STATIONARY = replace(
    POLAR,
    name="STATIONARY",
    norad_id=90002,
    mean_motion=1.00273,
    eccentricity=0.0001,
    inclination_deg=0.05,
    raan_deg=0.0,
    bstar=0.0,
    # the subsatellite point is near longitude 43° E: Greenwich stands at 1.2° then
    mean_anomaly_deg=44.3,
)


def trajectory(elements: MeanElements) -> SGP4Trajectory:
    return SGP4Trajectory(elements, EOP)


def elevation(of: SGP4Trajectory, at: Epoch, site: Site) -> float:
    position, _ = of.itrf(at, np.zeros(1))
    line = position - geodetic_to_ecef(site.lon_deg, site.lat_deg, site.altitude_m)
    return float(elevation_azimuth_deg(site.lon_deg, site.lat_deg, line)[0][0])


def test_edges_stand_on_the_mask_and_culminations_above_all_else() -> None:
    orbit = trajectory(POLAR)
    sites = [
        Site(name="pole", lon_deg=0.0, lat_deg=90.0, min_elevation_deg=5.0),
        Site(name="assal", lon_deg=42.416, lat_deg=11.652, altitude_m=-155.0, min_elevation_deg=10.0),
        Site(name="fiji", lon_deg=180.0, lat_deg=-16.8, min_elevation_deg=30.0),
    ]
    windows = station_windows([orbit], sites, DAY)
    by_name = {site.name: site for site in sites}
    assert {w.target for w in windows} == {"pole", "assal", "fiji"}
    assert sum(w.target == "pole" for w in windows) == 15  # one pass every revolution
    for w in windows:
        site = by_name[w.target]
        for edge in (w.interval.start, w.interval.end):
            if edge not in (DAY.start, DAY.end):
                assert elevation(orbit, edge, site) == pytest.approx(site.min_elevation_deg, abs=1e-4)
        inside = [w.interval.start + w.interval.duration_s * k / 50 for k in range(51)]
        top = max(elevation(orbit, at, site) for at in inside)
        assert w.max_elevation_deg >= top - 1e-9
        assert elevation(orbit, w.max_elevation_at, site) == pytest.approx(w.max_elevation_deg, abs=1e-6)
        assert w.elements.source == POLAR.source
        assert w.elements.age_s == pytest.approx(w.interval.middle - POLAR.epoch)


def test_a_geostationary_object_is_always_or_never_there() -> None:
    orbit = trajectory(STATIONARY)
    sites = [
        Site(name="djibouti", lon_deg=43.1, lat_deg=11.6, min_elevation_deg=60.0),
        Site(name="hawaii", lon_deg=-155.0, lat_deg=19.0),
        Site(name="pole", lon_deg=0.0, lat_deg=-90.0),
    ]
    windows = station_windows([orbit], sites, DAY)
    assert [(w.target, w.interval) for w in windows] == [("djibouti", DAY)]
    assert windows[0].max_elevation_deg > 70.0


def test_a_pass_that_barely_clears_the_mask_is_not_missed() -> None:
    orbit = trajectory(POLAR)
    site = Site(name="s", lon_deg=43.1, lat_deg=11.6)
    first = station_windows([orbit], [site], DAY)[1]
    for short in (1e-3, 1e-5, 1e-6):  # degrees below the culmination: passes of seconds and less
        grazed = replace(site, min_elevation_deg=first.max_elevation_deg - short)
        found = [w for w in station_windows([orbit], [grazed], DAY) if w.interval.overlaps(first.interval)]
        assert len(found) == 1, short
        assert first.max_elevation_at in found[0].interval
        assert elevation(orbit, found[0].interval.start, site) == pytest.approx(
            grazed.min_elevation_deg, abs=1e-6
        )
    missed = replace(site, min_elevation_deg=first.max_elevation_deg + 1e-6)
    assert not any(
        w.interval.overlaps(first.interval) for w in station_windows([orbit], [missed], DAY)
    )  # fmt: skip


def test_windows_are_clipped_to_the_interval() -> None:
    orbit = trajectory(POLAR)
    site = Site(name="s", lon_deg=43.1, lat_deg=11.6)
    whole = station_windows([orbit], [site], DAY)[0]
    inner = Interval(whole.interval.start + 60.0, whole.interval.start + 61.0)
    assert [w.interval for w in station_windows([orbit], [site], inner)] == [inner]


def test_an_object_that_decays_is_named_and_the_others_go_on() -> None:
    falling = replace(POLAR, name="FALLING", norad_id=90003, mean_motion=16.4, bstar=0.01)
    site = Site(name="s", lon_deg=0.0, lat_deg=90.0)
    week = Interval(DAY.start, DAY.start + 7 * 86_400)
    orbits = [trajectory(falling), trajectory(POLAR)]
    with pytest.raises(PropagationError, match="FALLING"):
        station_windows(orbits, [site], week)
    lost: list[str] = []
    windows = station_windows(orbits, [site], week, on_error=lambda of, error: lost.append(of.name))
    assert lost == ["FALLING"]
    assert {w.spacecraft for w in windows} == {"POLAR"}
    assert windows == station_windows(
        orbits, [site], week, on_error=lambda of, error: None, executor=ThreadExecutor(2)
    )


def test_a_table_holds_the_windows_of_the_list() -> None:
    orbits = [trajectory(POLAR), trajectory(STATIONARY)]
    sites = [Site(name=f"s{k}", lon_deg=40.0 * k, lat_deg=20.0 * k - 80.0) for k in range(9)]
    table = window_table(orbits, sites, DAY)
    windows = station_windows(orbits, sites, DAY)
    assert len(table) == len(windows) > 40
    for row, window in zip(table.rows(), windows, strict=True):
        spacecraft, site, start, end, culmination, _ = row
        assert (orbits[spacecraft].name, sites[site].name) == (window.spacecraft, window.target)
        assert DAY.start + start - window.interval.start == pytest.approx(0.0, abs=2e-3)
        assert DAY.start + end - window.interval.end == pytest.approx(0.0, abs=2e-3)
        assert np.isnan(culmination)


@pytest.mark.parametrize("nodes", [7, 40, 333])
def test_a_span_walked_through_in_pieces_gives_the_same_windows(
    nodes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    orbits = [trajectory(POLAR), trajectory(STATIONARY), trajectory(replace(POLAR, mean_motion=2.0))]
    sites = [
        Site(name="a", lon_deg=180.0, lat_deg=70.0, min_elevation_deg=-5.0),
        Site(name="b", lon_deg=43.1, lat_deg=11.6, min_elevation_deg=20.0),
    ]
    whole = window_table(orbits, sites, DAY, culminations=True)
    monkeypatch.setattr(stations, "_MAX_PIECE", nodes)
    cut = window_table(orbits, sites, DAY, culminations=True, executor=ThreadExecutor(2))
    assert len(whole) == len(cut) > 15
    assert np.array_equal(whole.spacecraft, cut.spacecraft)
    assert np.array_equal(whole.site, cut.site)
    for one, other in (
        (whole.start_s, cut.start_s),
        (whole.end_s, cut.end_s),
        (whole.max_elevation_deg, cut.max_elevation_deg),
    ):
        assert one is not None
        assert other is not None
        assert np.allclose(one, other, atol=1e-4)


def test_bad_sites_are_refused() -> None:
    with pytest.raises(InputError, match="site 'x': latitude 91°"):
        Site(name="x", lon_deg=0.0, lat_deg=91.0)
    with pytest.raises(InputError, match="minimum elevation 95° is outside -10 … 90"):
        Site(name="x", lon_deg=0.0, lat_deg=1.0, min_elevation_deg=95.0)
    twice = [Site(name="x", lon_deg=0.0, lat_deg=1.0), Site(name="x", lon_deg=3.0, lat_deg=1.0)]
    with pytest.raises(InputError, match="two sites are called 'x'"):
        station_windows([trajectory(POLAR)], twice, DAY)
