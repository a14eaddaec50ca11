"""Imaging windows as their users meet them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely
from shapely.geometry.base import BaseGeometry

from comity.access.imaging import constellation_windows, imaging_windows
from comity.access.looks import gsd_m
from comity.access.sky import sky_over
from comity.access.states import MARGIN_S, sample_states
from comity.access.windows import ImagingWindow
from comity.core import Epoch, InputError, Interval, UnknownIdError
from comity.fleet import Instrument, Spacecraft, Target, area_km2
from comity.orbits import (
    EarthOrientation,
    EphemerisTrajectory,
    MeanElements,
    SGP4Trajectory,
    Trajectory,
    ecef_to_geodetic,
    sample_ephemeris,
    up_vector,
)

START = Epoch.from_iso("2024-09-22T12:00:00Z")
WEEK = Interval(START, START + 7 * 86_400.0)
DAY = Interval(START, START + 86_400.0)
DJIBOUTI = shapely.Point(43.145, 11.588)

CAMERA = Instrument(
    id="camera",
    name="Camera",
    gsd_m=2.0,
    swath_m=20e3,
    max_off_nadir_deg=40.0,
    reference_altitude_m=510e3,
    bands=("pan",),
    bits_per_sample=10,
    data_rate_bps=1e8,
    pointing="agile",
    sources={},
)
WIDE = replace(
    CAMERA, id="wide", name="Wide", swath_m=1000e3, pointing="nadir", max_off_nadir_deg=0.0, gsd_m=60.0
)
#: Kanopus-V 3, GP of 2024-09-22 as published by CelesTrak/Space-Track.
KANOPUS = MeanElements(
    name="KANOPUS-V 3",
    norad_id=43180,
    cospar_id="2018-014A",
    epoch=Epoch.from_iso("2024-09-22T04:41:51.317Z"),
    mean_motion=15.22250606,
    eccentricity=0.000189,
    inclination_deg=97.3867,
    raan_deg=172.3278,
    arg_of_perigee_deg=78.1503,
    mean_anomaly_deg=281.9945,
    bstar=0.00025421,
    mean_motion_dot=0.00005778,
    mean_motion_ddot=0.0,
    source="GP 2024-09-22",
)


def craft(*instruments: Instrument, id: str = "kanopus-v-3") -> Spacecraft:
    return Spacecraft(
        id=id,
        name="Kanopus-V 3",
        norad_id=43180,
        owner="one",
        instruments=instruments,
        slew_rate_deg_s=1.0,
        slew_acceleration_deg_s2=0.1,
        settle_s=5.0,
        memory_bits=1e12,
        downlink_bps=1e8,
        sources={},
    )


@pytest.fixture(scope="module")
def trajectory() -> SGP4Trajectory:
    return SGP4Trajectory(KANOPUS, EarthOrientation.bundled())


def target(geometry: BaseGeometry, id: str = "here") -> Target:
    return Target(id=id, name=id, geometry=geometry, territory=None)


def windows(
    trajectory: Trajectory, geometry: BaseGeometry, interval: Interval = WEEK, **limits: float
) -> list[ImagingWindow]:
    return imaging_windows(craft(CAMERA), trajectory, [target(geometry)], interval, **limits)  # type: ignore[arg-type]


def test_limits_hold_at_every_look_and_tighten(trajectory: SGP4Trajectory) -> None:
    free = windows(trajectory, DJIBOUTI)
    tight = windows(trajectory, DJIBOUTI, max_off_nadir_deg=30.0, min_sun_elevation_deg=20.0, max_gsd_m=2.2)
    assert len(free) > len(tight) >= 1
    for window in tight:
        assert any(
            w.interval.start <= window.interval.start < window.interval.end <= w.interval.end for w in free
        )
        for look in window.looks:
            assert window.interval.start <= look.at <= window.interval.end
            assert look.off_nadir_deg <= 30.0
            assert look.gsd_m <= 2.2
            assert look.sun_elevation_deg >= 20.0
            assert look.off_nadir_deg >= window.best.off_nadir_deg
        assert window.best in window.looks
        assert [look.at for look in window.looks] == sorted(look.at for look in window.looks)
        assert window.elements.age_s == pytest.approx(window.interval.middle - KANOPUS.epoch)
        assert window.elements.source == "GP 2024-09-22"


def test_an_ephemeris_need_not_reach_beyond_the_interval(trajectory: SGP4Trajectory) -> None:
    """An area and a point, their windows as from the elements although nothing is known before and after."""
    table = sample_ephemeris(trajectory, DAY, 60.0, eop=trajectory.eop)
    for place in (shapely.Point(0.0, 80.0), shapely.box(42.0, 70.0, 44.0, 72.0)):
        found = windows(EphemerisTrajectory(table, trajectory.eop), place, DAY)
        known = windows(trajectory, place, DAY)
        assert len(known) > 3
        assert [w.target for w in found] == [w.target for w in known]
        for one, other in zip(found, known, strict=True):
            assert abs(one.interval.start - other.interval.start) < 5e-3
            assert abs(one.interval.end - other.interval.end) < 5e-3


@pytest.mark.parametrize(
    "orbit",
    [
        {},
        {"mean_motion": 2.006, "eccentricity": 0.74, "inclination_deg": 63.4, "arg_of_perigee_deg": 270.0},
        {"mean_motion": 15.47, "bstar": 2e-3},  # draggy: velocities are m/s off the positions' rates
        {"mean_motion": 1.0027, "inclination_deg": 0.1},
    ],
)
def test_states_stay_within_a_decimetre_of_their_trajectory(orbit: dict[str, float]) -> None:
    one = SGP4Trajectory(replace(KANOPUS, **orbit), EarthOrientation.bundled())  # type: ignore[arg-type]
    states, _ = sample_states([one], DAY, one.eop, sky_over(DAY, one.eop, MARGIN_S))
    times = np.arange(0.0, DAY.duration_s, 7.0)
    there, speed = one.itrf(START, times)
    position, rate, down = states.at(np.zeros(len(times), np.int64), times)
    assert np.linalg.norm(position - there, axis=1).max() < 0.1
    ahead, behind = (one.itrf(START, times + d)[0] for d in (0.25, -0.25))
    assert np.linalg.norm(rate - (ahead - behind) / 0.5, axis=1).max() < 0.05
    assert np.linalg.norm(rate - speed, axis=1).max() < 10.0
    lon, lat, _ = ecef_to_geodetic(position)
    assert np.abs(down + up_vector(lon, lat)).max() < 1e-10  # of ERFA's own, in high orbits


def test_the_shortest_window_is_found(trajectory: SGP4Trajectory) -> None:
    """A limit a hair above the closest approach leaves a window of a fraction of a second."""
    for window in windows(trajectory, DJIBOUTI):
        if window.interval.start == WEEK.start or window.best.at in (
            window.interval.start,
            window.interval.end,
        ):
            continue
        narrow = windows(trajectory, DJIBOUTI, max_off_nadir_deg=window.best.off_nadir_deg + 1e-5)
        again = [w for w in narrow if w.interval.overlaps(window.interval)]
        assert len(again) == 1
        assert again[0].interval.duration_s < 5.0
        none = windows(trajectory, DJIBOUTI, max_off_nadir_deg=window.best.off_nadir_deg - 1e-5)
        assert not any(w.interval.overlaps(window.interval) for w in none)


def test_windows_are_clipped_but_scans_are_whole(trajectory: SGP4Trajectory) -> None:
    window = windows(trajectory, DJIBOUTI)[0]
    middle = window.interval.middle
    first, second = Interval(START, middle), Interval(middle, WEEK.end)
    before, after = windows(trajectory, DJIBOUTI, first)[-1], windows(trajectory, DJIBOUTI, second)[0]
    assert before.interval == Interval(window.interval.start, middle)
    assert after.interval.start == middle
    assert abs(after.interval.end - window.interval.end) < 2e-3

    scan = windows(trajectory, shapely.box(42.5, 11.0, 43.0, 12.0))[0]
    assert scan.whole
    assert not [
        w
        for w in windows(
            trajectory, shapely.box(42.5, 11.0, 43.0, 12.0), Interval(START, scan.interval.middle)
        )
        if w.target == scan.target
    ]


def test_geometry_of_a_look_agrees_with_itself(trajectory: SGP4Trajectory) -> None:
    for window in windows(trajectory, DJIBOUTI):
        look = window.best
        assert abs(look.pitch_deg) < 0.2  # the closest look is across the track
        assert look.off_nadir_deg == pytest.approx(abs(look.roll_deg), abs=0.05)
        assert look.incidence_deg > look.off_nadir_deg
        # rolled to the right of a northward pass is eastward: the view goes from the track to the target
        eastward = 0.0 < look.view_azimuth_deg < 180.0
        assert eastward == ((look.roll_deg > 0.0) == window.ascending)
        assert np.linalg.norm(look.inertial) == pytest.approx(1.0)
        position, _ = trajectory.teme(look.at, np.zeros(1))
        aim = position[0] + look.range_m * np.array(look.inertial)
        assert 6.35e6 < np.linalg.norm(aim) < 6.38e6  # ends on the ground
        assert window.footprint.is_valid
        assert window.footprint.contains(DJIBOUTI)
        swath = look.range_m / 510e3 * 20e3 / np.cos(np.radians(look.incidence_deg))
        length = max(15e3, 20e3 * look.range_m / 510e3)
        assert 1e6 * area_km2(window.footprint) == pytest.approx(swath * length, rel=0.25)


def test_gsd_grows_with_range_and_slant() -> None:
    assert gsd_m(CAMERA, np.array([510e3]), np.array([90.0]))[0] == pytest.approx(2.0)
    assert gsd_m(CAMERA, np.array([1020e3]), np.array([30.0]))[0] == pytest.approx(2.0 * 2.0 * 2.0**0.5)
    assert np.isinf(gsd_m(CAMERA, np.array([1020e3]), np.array([-1.0]))[0])


def test_lac_assal_lies_below_the_sea(trajectory: SGP4Trajectory) -> None:
    shore = windows(trajectory, shapely.Point(42.42, 11.65, -155.0))
    sea = windows(trajectory, shapely.Point(42.42, 11.65))
    assert len(shore) == len(sea) > 0
    for low, high in zip(shore, sea, strict=True):
        drop = low.best.range_m - high.best.range_m
        assert drop == pytest.approx(155.0 * np.cos(np.radians(low.best.incidence_deg)), abs=1.0)
    with pytest.raises(InputError, match="altitude -6000 m"):
        windows(trajectory, shapely.Point(42.42, 11.65, -6000.0))


def test_an_instrument_that_looks_down_takes_what_passes_below(trajectory: SGP4Trajectory) -> None:
    found = imaging_windows(craft(WIDE), trajectory, [target(DJIBOUTI)], WEEK)
    assert found
    for window in found:
        assert window.whole
        assert window.footprint.contains(DJIBOUTI)
        assert 10.0 < window.interval.duration_s < 16.0  # 100 km at 7 km/s
        assert abs(window.best.roll_deg) < 45.0
        position, _ = trajectory.teme(window.best.at, np.zeros(1))
        down = -position[0] / np.linalg.norm(position[0])
        assert np.dot(down, window.best.inertial) > np.cos(np.radians(0.25))  # geodetic nadir, not the target
    assert not imaging_windows(craft(WIDE), trajectory, [target(DJIBOUTI)], WEEK, max_gsd_m=10.0)
    area = imaging_windows(craft(WIDE), trajectory, [target(shapely.box(41.8, 10.9, 43.4, 12.7))], WEEK)
    assert {w.target for w in area} <= {"here/strip-465480001", "here/strip-465490001"}
    assert area


@pytest.mark.parametrize(
    "shape",
    [
        shapely.MultiPolygon([shapely.box(179.5, -17.5, 180, -16.0), shapely.box(-180, -17.5, -179.5, -16)]),
        shapely.box(178.0, -17.5, 181.0, -16.0),
        shapely.box(-180, 81.0, 180, 83.0),
    ],
)
def test_strips_over_the_antimeridian_and_far_north(trajectory: SGP4Trajectory, shape: BaseGeometry) -> None:
    found = windows(trajectory, shape, DAY if shape.bounds[3] > 80 else WEEK)
    assert found
    for window in found:
        west, _, east, _ = window.footprint.bounds
        assert -180.0 <= west <= east <= 180.0
        assert window.footprint.is_valid
        assert 1e6 * area_km2(window.footprint) < 25e3 * 640e3


def test_footprints_over_the_antimeridian_are_cut(trajectory: SGP4Trajectory) -> None:
    for window in windows(trajectory, shapely.Point(179.99, -16.8)):
        assert window.footprint.geom_type == "MultiPolygon"
        assert 1e6 * area_km2(window.footprint) < 4e9


def test_unknown_instruments_and_senseless_limits_are_refused(trajectory: SGP4Trajectory) -> None:
    here = [target(DJIBOUTI)]
    with pytest.raises(UnknownIdError, match="unknown instrument of kanopus-v-3 'radar'; known: camera"):
        imaging_windows(craft(CAMERA), trajectory, here, WEEK, instruments=["radar"])
    with pytest.raises(UnknownIdError, match="unknown instrument 'radar'"):
        constellation_windows([(craft(CAMERA), trajectory)], here, WEEK, instruments=["radar"])
    with pytest.raises(InputError, match="off-nadir limit -1°"):
        windows(trajectory, DJIBOUTI, max_off_nadir_deg=-1.0)
    with pytest.raises(InputError, match="GSD limit 0 m"):
        windows(trajectory, DJIBOUTI, max_gsd_m=0.0)
    with pytest.raises(InputError, match="LineString"):
        windows(trajectory, shapely.LineString([(0, 0), (1, 1)]))


def test_a_constellation_goes_on_without_the_one_that_fell(trajectory: SGP4Trajectory) -> None:
    falling = SGP4Trajectory(replace(KANOPUS, name="FALLING", bstar=0.5), EarthOrientation.bundled())
    told: list[str] = []
    found, refused = constellation_windows(
        [
            (craft(CAMERA), trajectory),
            (craft(CAMERA, id="falling"), falling),
            (craft(WIDE, id="other"), trajectory),
        ],
        [target(DJIBOUTI)],
        WEEK,
        instruments=["camera"],
        progress=lambda done, total, message: told.append(f"{done:g}/{total:g}"),
    )
    assert {w.spacecraft for w in found} == {"kanopus-v-3"}
    assert found == windows(trajectory, DJIBOUTI)
    assert len(refused) == 1
    assert "FALLING" in str(refused[0])
    assert told == ["1/3", "2/3", "3/3"]


def test_side_direction_light_and_incidence_part_the_windows(trajectory: SGP4Trajectory) -> None:
    def spans(**limits: object) -> float:
        found = windows(trajectory, DJIBOUTI, **limits)  # type: ignore[arg-type]
        return sum(one.interval.duration_s for one in found)

    whole = spans()
    for name, values in (
        ("side", ("left", "right")),
        ("direction", ("ascending", "descending")),
        ("light", ("day", "night")),
    ):
        parts = [spans(**{name: value}) for value in values]
        assert sum(parts) == pytest.approx(whole, abs=0.05)
        assert min(parts) > 0.0
    for one in windows(trajectory, DJIBOUTI, side="left", direction="ascending", light="night"):  # type: ignore[arg-type]
        assert one.ascending
        assert one.best.roll_deg < 0.0
        assert one.best.sun_elevation_deg < 0.0
    steep = windows(trajectory, DJIBOUTI, max_incidence_deg=30.0)
    assert steep
    assert max(look.incidence_deg for one in steep for look in one.looks) <= 30.0
    assert any(w.best.incidence_deg > 30.0 for w in windows(trajectory, DJIBOUTI))


def test_strips_keep_to_side_and_direction(trajectory: SGP4Trajectory) -> None:
    area = shapely.box(42.5, 11.0, 43.5, 12.0)
    every = windows(trajectory, area)
    right = windows(trajectory, area, side="right", direction="descending")  # type: ignore[arg-type]
    assert len(every) > len(right) > 0
    assert all(one.best.roll_deg > 0.0 and not one.ascending for one in right)


def test_words_that_are_no_limits_are_refused(trajectory: SGP4Trajectory) -> None:
    for wrong in (
        {"side": "starboard"},
        {"direction": "north"},
        {"light": "dusk"},
        {"max_incidence_deg": 91.0},
    ):
        with pytest.raises(InputError):
            windows(trajectory, DJIBOUTI, **wrong)  # type: ignore[arg-type]
