"""What holds for the looks of any satellite at any cell, and for the figures made of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from comity.access.coverage import Coverage, Options, Sensor, coverage, points_grid
from comity.access.coverage.chunks import place_rows, tile_centres
from comity.access.coverage.kernels import scan
from comity.access.coverage.scene import block_of, forget, make_scene
from comity.core import Epoch, Interval
from comity.orbits import (
    EarthOrientation,
    MeanElements,
    PropagationError,
    SGP4Trajectory,
    ecef_to_geodetic,
    geodetic_to_ecef,
    sun_elevation_azimuth_deg,
    up_vector,
)

START = Epoch.from_iso("2024-09-22T00:00:00Z")
EOP = EarthOrientation.bundled()
HOURS_6 = Interval(START, START + 21_600)

FloatArray = NDArray[np.float64]


def orbit(mean_motion: float, eccentricity: float, inclination: float, *angles: float) -> SGP4Trajectory:
    raan, perigee, anomaly = angles
    try:
        return SGP4Trajectory(
            MeanElements(
                name="X",
                norad_id=1,
                cospar_id="",
                epoch=START,
                mean_motion=mean_motion,
                eccentricity=eccentricity,
                inclination_deg=inclination,
                raan_deg=raan,
                arg_of_perigee_deg=perigee,
                mean_anomaly_deg=anomaly,
                bstar=0.0,
                mean_motion_dot=0.0,
                mean_motion_ddot=0.0,
            ),
            EOP,
        )
    except PropagationError:
        assume(False)
        raise


angle = st.floats(0.0, 359.0)
ORBITS = st.one_of(
    st.builds(orbit, st.floats(12.5, 15.8), st.floats(0.0, 0.01), st.floats(0.0, 180.0), angle, angle, angle),
    st.builds(orbit, st.just(1.0027), st.floats(0.0, 1e-3), st.floats(0.0, 5.0), angle, angle, angle),
    st.builds(orbit, st.just(2.006), st.floats(0.6, 0.73), st.just(63.4), angle, st.just(270.0), angle),
    st.builds(orbit, st.floats(2.0, 12.0), st.floats(0.0, 0.2), st.floats(0.0, 180.0), angle, angle, angle),
)
SENSORS = st.one_of(
    st.builds(Sensor, max_off_nadir_deg=st.floats(1.0, 75.0)),
    st.builds(
        lambda outer, part: Sensor(max_off_nadir_deg=outer, min_off_nadir_deg=outer * part),
        st.floats(5.0, 60.0), st.floats(0.1, 0.9),
    ),
    st.builds(Sensor, min_elevation_deg=st.sampled_from([0.0, 0.01]) | st.floats(0.0, 80.0)),
    st.builds(Sensor, swath_m=st.floats(2e5, 6e6)),
)  # fmt: skip
PLACES = st.lists(
    st.tuples(
        st.sampled_from([-180.0, 179.999]) | st.floats(-180.0, 180.0),
        st.sampled_from([-90.0, 0.0, 90.0]) | st.floats(-90.0, 90.0),
    ),
    min_size=1,
    max_size=12,
)


def looks(trajectory: SGP4Trajectory, sensor: Sensor, places: list[tuple[float, float]]) -> list[FloatArray]:
    """Looks (k, 2) s at each place, as the search finds them."""
    scene = make_scene([trajectory], (sensor,), HOURS_6, Options(), EOP)
    rows = place_rows(points_grid(places))
    tiles = np.array([0, len(places)])
    block = block_of(scene, 0)
    which, _, start, end = scan(
        block.nodes, block.middles, block.steps, block.sensors, block.farthest, block.quickest,
        scene.step_s, 0, rows, tiles, tile_centres(rows, tiles),
    )  # fmt: skip
    forget(scene)
    return [np.stack([start[which == k], end[which == k]], axis=-1) for k in range(len(places))]


def clearance(
    trajectory: SGP4Trajectory, sensor: Sensor, place: tuple[float, float], times: FloatArray
) -> FloatArray:
    """By how much (rad) the nearest limit is kept, straight from positions and angles."""
    position, _ = trajectory.itrf(START, times)
    ground = geodetic_to_ecef(*place)
    line = ground - position
    line /= np.linalg.norm(line, axis=-1, keepdims=True)
    lon, lat, _ = ecef_to_geodetic(position)
    down, up = -up_vector(lon, lat), up_vector(*place)

    def between(a: FloatArray, b: FloatArray) -> FloatArray:
        return np.asarray(np.arctan2(np.linalg.norm(np.cross(a, b), axis=-1), np.sum(a * b, axis=-1)))

    off, elevation = between(line, down), np.pi / 2 - between(-line, np.broadcast_to(up, line.shape))
    margins = [elevation]
    if sensor.max_off_nadir_deg is not None:
        margins.append(np.radians(sensor.max_off_nadir_deg) - off)
    if sensor.min_elevation_deg is not None:
        margins = [elevation - np.radians(sensor.min_elevation_deg)]
    if sensor.swath_m is not None:
        e2 = 0.0066943799901413165
        radius = 6_356_752.314245179 / (1 - e2 * np.sin(np.radians(place[1])) ** 2)
        margins.append(sensor.swath_m / 2 / radius - between(-down, np.broadcast_to(up, down.shape)))
    if sensor.min_off_nadir_deg:
        margins.append(off - np.radians(sensor.min_off_nadir_deg))
    return np.min(margins, axis=0)


@settings(max_examples=150, deadline=None)
@given(ORBITS, SENSORS, PLACES)
def test_dense_sampling_agrees_with_every_look(
    trajectory: SGP4Trajectory, sensor: Sensor, places: list[tuple[float, float]]
) -> None:
    times = np.arange(0.0, 21_600.0, 7.0)
    try:
        trajectory.itrf(START, times)
    except PropagationError:
        assume(False)
    for place, found in zip(places, looks(trajectory, sensor, places), strict=True):
        assert np.all(np.diff(found.ravel()) > 0.0)
        margin = clearance(trajectory, sensor, place, times)
        inside = np.zeros(len(times), dtype=bool)
        for start, end in found:
            inside |= (times >= start) & (times <= end)
        wrong = (inside != (margin > 0.0)) & (np.abs(margin) > 1e-5)  # 1 m from the nearest: 2e-6 rad
        assert not wrong.any(), (times[wrong], margin[wrong])


@settings(max_examples=60, deadline=None)
@given(
    st.builds(orbit, st.floats(13.0, 15.5), st.just(1e-3), st.floats(20.0, 160.0), angle, angle, angle),
    st.floats(-180.0, 180.0),
    st.floats(-70.0, 70.0),
)
def test_a_grazing_look_shorter_than_any_step_is_found(
    trajectory: SGP4Trajectory, lon: float, lat: float
) -> None:
    """A limit set to what the best moment of the six hours just keeps leaves about one second of it."""
    wide = Sensor(max_off_nadir_deg=55.0)
    (broad,) = looks(trajectory, wide, [(lon, lat)])
    times = np.concatenate([np.arange(a, b, 0.25) for a, b in broad]) if len(broad) else np.empty(0)
    assume(len(times) > 100)
    off = np.radians(55.0) - clearance(trajectory, wide, (lon, lat), times)
    best = int(np.argmin(off))
    assume(
        np.radians(2.0) < off[best] and 2 < best < len(off) - 3 and times[best + 2] - times[best - 2] < 1.1
    )
    (found,) = looks(trajectory, Sensor(max_off_nadir_deg=float(np.degrees(off[best + 2]))), [(lon, lat)])
    assert len(found) == 1 or np.partition(off[np.abs(times - times[best]) > 60], 0)[0] < off[best + 2] + 1e-5
    mine = found[np.argmin(np.abs(found.mean(axis=-1) - times[best]))]
    assert mine[0] <= times[best] <= mine[1]
    assert mine[1] - mine[0] < 3.0


@settings(max_examples=25, deadline=None)
@given(
    ORBITS, ORBITS, st.floats(-180.0, 180.0), st.floats(-90.0, 90.0), st.floats(-20.0, 30.0), st.booleans()
)
def test_figures_are_those_of_the_sampled_sky(
    one: SGP4Trajectory, other: SGP4Trajectory, lon: float, lat: float, sun_deg: float, night: bool
) -> None:
    """Two satellites, light and merging: time covered, gaps and waits against a sample every two seconds."""
    sensor = Sensor(min_elevation_deg=8.0)
    limits = {"max_sun_elevation_deg" if night else "min_sun_elevation_deg": sun_deg}
    times = np.arange(0.0, 21_600.0, 2.0)
    try:
        margin = [clearance(each, sensor, (lon, lat), times) for each in (one, other)]
    except PropagationError:
        assume(False)
        raise
    sun, _ = sun_elevation_azimuth_deg(lon, lat, START, times, EOP)
    lit = sun < sun_deg if night else sun > sun_deg
    seen = ((margin[0] > 0.0) | (margin[1] > 0.0)) & lit
    result = coverage(
        [one, other], sensor, points_grid([(lon, lat)]), HOURS_6, options=Options(starts=4, **limits)
    )
    edges = np.flatnonzero(np.diff(seen.astype(int)))
    slack = 2.0 * (len(edges) + 2) + 8.0  # edges, and looks that fall between two samples
    assert abs(result.covered_s[0] - 2.0 * seen.sum()) <= slack
    if seen.any():
        assert (
            result.first_s[0] == pytest.approx(times[np.argmax(seen)], abs=2.0) or result.covered_s[0] < slack
        )
        for wait, begin in zip(result.wait_s[0], result.starts_s, strict=True):
            later = times[seen & (times >= begin)]
            if len(later) and np.isfinite(wait):
                assert begin + wait <= later[0] + 1e-2
            if np.isfinite(
                wait
            ):  # and it ends where there is access (waits are kept to a millisecond or two)
                around = begin + float(wait) + np.array([-2e-3, 0.0, 5e-3])
                height, _ = sun_elevation_azimuth_deg(lon, lat, START, around, EOP)
                dark = height < sun_deg + 1e-3 if night else height > sun_deg - 1e-3
                best = np.max([clearance(each, sensor, (lon, lat), around) for each in (one, other)], axis=0)
                assert ((best > -1e-4) & dark).any(), (begin, wait, best)


@settings(max_examples=25, deadline=None)
@given(st.lists(ORBITS, min_size=1, max_size=4), st.floats(-180.0, 180.0), st.floats(-90.0, 90.0))
def test_time_covered_and_gaps_fill_the_interval(
    trajectories: list[SGP4Trajectory], lon: float, lat: float
) -> None:
    try:
        result = coverage(
            trajectories, Sensor(min_elevation_deg=15.0), points_grid([(lon, lat)]), HOURS_6,
            options=Options(percentiles=(0.0, 50.0, 100.0)),
        )  # fmt: skip
    except PropagationError:
        assume(False)
        raise
    check_conservation(result)


def check_conservation(result: Coverage) -> None:
    span = result.interval.duration_s
    whole = np.nan_to_num(result.revisit_mean_s) * np.maximum(result.accesses - 1, 0)
    seen = result.accesses > 0
    cut = span - result.covered_s - whole  # the two gaps that the interval cuts
    lead = np.where(seen, result.first_s, span)
    assert np.all(cut >= lead - 1e-6)
    assert np.all(result.longest_gap_s >= np.maximum(lead, cut - lead) - 1e-6)
    assert np.all((result.looks >= result.accesses) & (result.covered_s <= span))
    many = result.accesses > 1
    assert np.all(result.revisit_max_s[many] >= result.revisit_mean_s[many] - 1e-6)
    assert np.array_equal(result.revisit_percentiles_s[many][:, -1], result.revisit_max_s[many])
    assert np.array_equal(result.revisit_percentiles_s[many][:, 1], result.revisit_median_s[many])
    assert np.all(result.response_mean_s[seen] <= result.response_max_s[seen] + 1e-6)
    assert np.allclose(result.response_percentiles_s[seen][:, -1], result.response_max_s[seen])


def test_a_stricter_sensor_never_sees_more() -> None:
    trajectory = orbit(14.9, 1e-4, 53.0, 0.0, 0.0, 0.0)
    places = [(float(lon), float(lat)) for lon in range(-180, 180, 30) for lat in range(-60, 61, 20)]
    wide = coverage([trajectory], Sensor(max_off_nadir_deg=40.0), points_grid(places), HOURS_6)
    narrow = coverage([trajectory], Sensor(max_off_nadir_deg=25.0), points_grid(places), HOURS_6)
    hollow = replace(Sensor(max_off_nadir_deg=40.0), min_off_nadir_deg=25.0)
    side = coverage([trajectory], hollow, points_grid(places), HOURS_6)
    assert wide.covered_s.sum() > narrow.covered_s.sum() > 0.0
    assert np.allclose(wide.covered_s, narrow.covered_s + side.covered_s, atol=1e-5)
