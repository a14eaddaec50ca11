"""Rigorous cameras: location there and back, and against the same geometry worked out another way."""

from __future__ import annotations

import math

import erfa
import numpy as np
import pytest
from pyproj import Geod

from comity.core import InputError
from comity.imagery.geometry.cameras import Camera, CameraModel, pushbroom, square_row_period_s
from comity.imagery.geometry.platform import Attitude, Platform, platform_of
from comity.imagery.geometry.pointing import OrbitalPointing, TargetPointing, ground_motion, pointed_platform
from comity.imagery.geometry.rotations import axis_rotation, matrix_of, quaternion_of
from comity.orbits import (
    EarthOrientation,
    ecef_to_geodetic,
    gcrf_to_itrf_matrix,
    geodetic_to_ecef,
)
from unit.imagery.geometry.flown import EPOCH, FRAME, LINE, frame_image, line_image, platform, trajectory

GEOD = Geod(ellps="WGS84")
LOOKS = [
    OrbitalPointing(),
    OrbitalPointing(roll_deg=30.0, pitch_deg=30.0),
    OrbitalPointing(roll_deg=-30.0, pitch_deg=-30.0),
    OrbitalPointing(roll_deg=21.0, pitch_deg=-21.0, yaw_deg=10.0),
]


def spread(model: CameraModel, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    rows, columns = model.shape
    n = 500
    return draw.uniform(0, columns - 1, n), draw.uniform(0, rows - 1, n), draw.uniform(-100, 5000, n)


def distance_m(a: tuple[np.ndarray, np.ndarray], b: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    return np.asarray(GEOD.inv(*np.broadcast_arrays(a[0], a[1], b[0], b[1]))[2])


@pytest.mark.parametrize("law", LOOKS, ids=str)
@pytest.mark.parametrize("take", [line_image, frame_image])
def test_location_closes(take, law) -> None:  # type: ignore[no-untyped-def]
    model = take(law)
    column, row, height = spread(model)
    again = model.project(*model.locate(column, row, height), height)
    assert np.abs(again[0] - column).max() < 1e-6
    assert np.abs(again[1] - row).max() < 1e-6


def test_a_line_of_sight_is_what_the_camera_s_definition_says() -> None:
    """Without the kernels: the ground point's direction in the focal plane is the detector's."""
    model = line_image(OrbitalPointing(roll_deg=20.0, pitch_deg=10.0))
    column, row, height = spread(model)
    ground = geodetic_to_ecef(*model.locate(column, row, height), height)
    seconds = model.first_row_s + row * model.row_period_s
    position, velocity, turn = model.platform.state(seconds)
    # along axes that do not turn, the ground lay farther west when light left it (by 1 m at the equator) …
    light_s = np.linalg.norm(ground - position, axis=-1) / 299_792_458.0
    rate = np.array([0.0, 0.0, 7.292115e-5])
    sight = ground - np.cross(rate, ground) * light_s[:, None] - position
    sight /= np.linalg.norm(sight, axis=-1, keepdims=True)
    # … and the camera moves; aberration by ERFA's own function (relativistic; the velocity's square is 4e-10)
    beta = (velocity + np.cross(rate, position)) / 299_792_458.0
    lorentz = np.sqrt(1.0 - np.sum(beta**2, axis=-1))
    apparent = erfa.ab(sight, beta, 1.0, lorentz)
    seen = np.einsum("nji,nj->ni", turn, apparent)
    x, y = seen[:, 0] / seen[:, 2], seen[:, 1] / seen[:, 2]
    # the detector, by Brown's formula
    scale = LINE.pixel_pitch_m / LINE.focal_length_m
    xd, yd = np.zeros_like(column), -(column - 4_999.5) * scale
    (k1, _, _), (p1, p2) = LINE.distortion.radial, LINE.distortion.tangential
    r2 = xd**2 + yd**2
    xi = xd + xd * k1 * r2 + p1 * (r2 + 2 * xd**2) + 2 * p2 * xd * yd
    yi = yd + yd * k1 * r2 + p2 * (r2 + 2 * yd**2) + 2 * p1 * xd * yd
    assert np.abs(x - xi).max() / scale < 1e-3
    assert np.abs(y - yi).max() / scale < 1e-3


def test_nadir_looks_down_the_ellipsoid_s_normal_and_aberration_shifts_it_ahead() -> None:
    flown = platform(OrbitalPointing(yaw_steering=False))
    still = CameraModel(
        camera=FRAME,
        platform=flown,
        shape=(3_072, 4_096),
        first_row_s=0.0,
        row_period_s=0.0,
        aberration=False,
    )
    here = ecef_to_geodetic(flown.state(np.zeros(1))[0])
    under = still.locate(*FRAME.axis_px, 0.0)
    assert distance_m(here[:2], under) < 1e-3
    moved = CameraModel(
        camera=FRAME, platform=flown, shape=(3_072, 4_096), first_row_s=0.0, row_period_s=0.0
    ).locate(*FRAME.axis_px, 0.0)
    # v/c over the range, 17 m; the direction is true = apparent − v/c, so behind
    altitude = float(here[2][0])
    speed = float(np.linalg.norm(flown.state(np.zeros(1))[1]))
    azimuth, _, length = GEOD.inv(under[0], under[1], moved[0], moved[1])
    assert length == pytest.approx(altitude * speed / 299_792_458.0, rel=2e-3)
    _, course = ground_motion(trajectory(), EPOCH)
    assert math.cos(math.radians(azimuth - course)) < -0.999


def test_the_image_is_seen_from_above_and_rows_run_with_the_flight() -> None:
    model = line_image()
    lon, lat = model.locate([0.0, 9_999.0, 0.0], [0.0, 0.0, 39_999.0], 0.0)
    _, course = ground_motion(trajectory(), EPOCH)
    along, _, length = GEOD.inv(lon[0], lat[0], lon[2], lat[2])
    across, _, width = GEOD.inv(lon[0], lat[0], lon[1], lat[1])
    assert abs((along - course + 180) % 360 - 180) < 1.0
    # columns to port of the flight: a turn from columns to rows is clockwise, as on a map
    assert abs((along - across) % 360 - 90.0) < 0.1
    assert length / 39_999 == pytest.approx(width / 9_999, rel=2e-3)
    assert width / 9_999 == pytest.approx(13e-6 / 12.905 * 694e3, rel=0.05)


@pytest.mark.parametrize(("roll", "pitch"), [(20.0, 0.0), (0.0, 20.0)])
def test_roll_is_to_port_and_pitch_ahead(roll: float, pitch: float) -> None:
    model = frame_image(OrbitalPointing(roll_deg=roll, pitch_deg=pitch))
    lon, lat = model.locate(*FRAME.axis_px, 0.0)
    here = ecef_to_geodetic(model.platform.state(np.zeros(1))[0])
    azimuth, _, _ = GEOD.inv(here[0][0], here[1][0], lon, lat)
    _, course = ground_motion(trajectory(), EPOCH)
    wanted = course - 90.0 if roll else course
    assert abs((azimuth - wanted + 180) % 360 - 180) < 5.0


def test_yaw_steering_makes_the_ground_move_along_columns() -> None:
    """Between two frames a fraction of a second apart a place stays in its column."""
    for law in LOOKS[:3]:
        flown = platform(law)
        frames = [
            CameraModel(camera=FRAME, platform=flown, shape=(3_072, 4_096), first_row_s=t, row_period_s=0.0)
            for t in (-0.05, 0.05)
        ]
        lon, lat = frames[0].locate(*FRAME.axis_px, 0.0)
        column, row = frames[1].project(lon, lat, 0.0)
        moved = FRAME.axis_px[1] - row
        assert moved > 50.0
        assert abs(column - FRAME.axis_px[0]) < 2e-4 * moved


def test_motion_compensation_scans_through_its_target_more_slowly() -> None:
    position, _ = trajectory().itrf(EPOCH, np.zeros(1))
    lon, lat, _ = (float(v[0]) for v in ecef_to_geodetic(position))
    periods = {}
    for slowdown in (1.0, 3.0):
        law = TargetPointing(lon_deg=lon + 1.0, lat_deg=lat, height_m=500.0, at=EPOCH, slowdown=slowdown)
        model = line_image(law, rows=10_000, half_s=8.0)
        periods[slowdown] = model.row_period_s
        column, row = model.project(lon + 1.0, lat, 500.0)
        assert column == pytest.approx(4_999.5, abs=1e-2)
        assert row == pytest.approx(4_999.5, abs=1e-2)
    assert periods[3.0] / periods[1.0] == pytest.approx(3.0, rel=0.02)
    stare = TargetPointing(lon_deg=lon + 1.0, lat_deg=lat, at=EPOCH, slowdown=math.inf)
    with pytest.raises(InputError, match="no row period"):
        square_row_period_s(LINE, platform(stare))


def test_a_band_ahead_sees_the_same_place_earlier() -> None:
    model = line_image()
    nir = model.for_band("nir")
    place = model.locate(5_000.0, 20_000.0, 300.0)
    column, row = nir.project(*place, 300.0)
    assert row == pytest.approx(20_000.0 - 500.0, abs=0.5)
    assert column == pytest.approx(5_000.0 - 0.25, abs=0.05)
    with pytest.raises(InputError, match=r"no band 'swir'; it has pan, nir"):
        model.for_band("swir")


@pytest.mark.parametrize("take", [line_image, frame_image])
def test_an_extract_is_the_same_geometry_shifted(take) -> None:  # type: ignore[no-untyped-def]
    model = take(OrbitalPointing(roll_deg=10.0))
    part = model.extract(1_000, 700, (300, 200))
    assert part.shape == (300, 200)
    whole = model.locate([1_000.0, 1_199.0], [700.0, 999.0], 100.0)
    assert np.abs(np.subtract(part.locate([0.0, 199.0], [0.0, 299.0], 100.0), whole)).max() < 1e-12
    twice = part.extract(10, 20, (50, 50))
    assert (
        np.abs(np.subtract(twice.locate(0.0, 0.0, 100.0), model.locate(1_010.0, 720.0, 100.0))).max() < 1e-12
    )


def test_what_is_not_seen_is_nan() -> None:
    model = line_image()
    lon, lat = (float(v) for v in model.locate(5_000.0, 20_000.0, 0.0))
    for place in ((lon + 180.0, -lat), (lon + 5.0, lat), (lon, lat + 5.0), (math.nan, lat)):
        assert np.isnan(model.project(*place, 0.0)).all(), place
    assert np.isnan(model.project(lon, lat, math.nan)).all()
    assert np.isnan(model.locate(-5_000.0, 0.0, 0.0)).all()
    assert np.isnan(model.locate(0.0, 1e9, 0.0)).all()
    sky = frame_image(OrbitalPointing(roll_deg=70.0, yaw_steering=False))
    assert np.isnan(sky.locate(2_000.0, 1_500.0, 0.0)).all()


def test_attitude_samples_in_the_celestial_frame_give_the_same_image() -> None:
    model = line_image(OrbitalPointing(roll_deg=15.0))
    eop = EarthOrientation.bundled()
    seconds = np.arange(-7.0, 7.5, 0.5)
    wide = platform(OrbitalPointing(roll_deg=15.0), half_s=7.0)
    celestial = np.swapaxes(gcrf_to_itrf_matrix(EPOCH, seconds, eop), 1, 2) @ wide.state(seconds)[2]
    quaternion = quaternion_of(celestial) * np.where(np.arange(len(seconds)) % 2, 1.0, -1.0)[:, None]
    attitude = Attitude(epoch=EPOCH, seconds=seconds, quaternion=quaternion, frame="GCRF")
    again = pushbroom(
        LINE,
        platform_of(trajectory(), attitude, EPOCH, -6.0, 6.0),
        40_000,
        row_period_s=model.row_period_s,
    )
    column, row, height = spread(model)
    u, v = again.project(*model.locate(column, row, height), height)
    assert np.hypot(u - column, v - row).max() < 5e-3


def test_attitude_that_is_none_is_refused() -> None:
    good = np.array([[0.0, 0.0, 0.0, 1.0]] * 3)
    times = np.array([0.0, 1.0, 2.0])
    with pytest.raises(InputError, match="of length 2"):
        Attitude(epoch=EPOCH, seconds=times, quaternion=good * 2.0)
    with pytest.raises(InputError, match="do not rise at sample 2"):
        Attitude(epoch=EPOCH, seconds=times[[0, 2, 1]], quaternion=good)
    with pytest.raises(InputError, match="not a finite"):
        Attitude(epoch=EPOCH, seconds=times, quaternion=good * math.nan)
    with pytest.raises(InputError, match=r"known from .* needed from"):
        platform_of(trajectory(), Attitude(epoch=EPOCH, seconds=times, quaternion=good), EPOCH, -1.0, 2.0)
    with pytest.raises(InputError, match="misses the Earth"):
        pointed_platform(trajectory(), OrbitalPointing(roll_deg=70.0), EPOCH, -1.0, 1.0)
    with pytest.raises(InputError, match="above the spacecraft's horizon"):
        pointed_platform(
            trajectory(), TargetPointing(lon_deg=-120.0, lat_deg=80.0, at=EPOCH), EPOCH, -1.0, 1.0
        )


def test_an_image_longer_than_its_orbit_is_refused() -> None:
    with pytest.raises(InputError, match="orbit and attitude are known from"):
        pushbroom(LINE, platform(half_s=1.0), 40_000, row_period_s=1e-4)
    with pytest.raises(InputError, match="check the units"):
        Camera(kind="pushbroom", columns=10_000, focal_length_m=12.9, pixel_pitch_m=13.0)


def test_rotations_there_and_back() -> None:
    draw = np.random.default_rng(1)
    q = draw.normal(size=(200, 4))
    q[:8] = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]] * 2
    turn = matrix_of(q)
    assert np.abs(matrix_of(quaternion_of(turn)) - turn).max() < 1e-14
    assert np.abs(turn @ np.swapaxes(turn, 1, 2) - np.eye(3)).max() < 1e-14
    quarter = axis_rotation(2, math.pi / 2) @ np.array([1.0, 0.0, 0.0])
    assert np.abs(quarter - [0.0, 1.0, 0.0]).max() < 1e-15


def test_a_platform_of_two_poses_moves_straight() -> None:
    flown = Platform(
        epoch=EPOCH,
        seconds=np.array([0.0, 1.0]),
        position=np.array([[7e6, 0.0, 0.0], [7e6, 7e3, 0.0]]),
        quaternion=np.array([[0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, -1.0]]),
    )
    position, velocity, turn = flown.state(np.array([0.25]))
    assert position[0] == pytest.approx([7e6, 1_750.0, 0.0])
    assert velocity[0] == pytest.approx([0.0, 7e3, 0.0])
    assert np.abs(turn[0] - np.eye(3)).max() < 1e-12
