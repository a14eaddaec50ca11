"""Whatever the orbit, the look and the camera: location closes, and what is told is on the Earth."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from comity.core import Epoch
from comity.imagery.geometry.cameras import (
    BandLine,
    Camera,
    CameraModel,
    Distortion,
    frame,
    pushbroom,
    square_row_period_s,
)
from comity.imagery.geometry.control import ControlPoints, RefinedModel, refine
from comity.imagery.geometry.pointing import OrbitalPointing, pointed_platform
from comity.imagery.geometry.sidecar import camera_from_json, camera_to_json
from comity.orbits import EarthOrientation, MeanElements, SGP4Trajectory, geodetic_to_ecef

EPOCH = Epoch.from_iso("2024-09-22T10:00:00Z")


@cache
def trajectory(inclination_deg: float) -> SGP4Trajectory:
    elements = MeanElements(
        name="MADE-UP",
        norad_id=1,
        cospar_id="",
        epoch=EPOCH,
        mean_motion=14.8,
        eccentricity=0.001,
        inclination_deg=inclination_deg,
        raan_deg=30.0,
        arg_of_perigee_deg=90.0,
        mean_anomaly_deg=0.0,
        bstar=0.0,
        mean_motion_dot=0.0,
        mean_motion_ddot=0.0,
    )
    return SGP4Trajectory(elements, EarthOrientation.bundled())


@st.composite
def models(draw: st.DrawFn) -> CameraModel:
    angle = st.floats(-30.0, 30.0)
    law = OrbitalPointing(
        roll_deg=draw(angle),
        pitch_deg=draw(angle),
        yaw_deg=draw(st.floats(-40.0, 40.0)),
        yaw_steering=draw(st.booleans()),
    )
    kind = draw(st.sampled_from(("pushbroom", "frame")))
    camera = Camera(
        kind=kind,
        columns=1_000,
        rows=1 if kind == "pushbroom" else 800,
        focal_length_m=draw(st.floats(0.2, 10.0)),
        pixel_pitch_m=8e-6,
        principal_point_px=(draw(st.floats(300.0, 700.0)), draw(st.floats(-50.0, 50.0))),
        distortion=Distortion(radial=(draw(st.floats(-1.0, 1.0)), 0.0, 0.0), tangential=(1e-3, -1e-3)),
        bands=(BandLine(name="nir", along_px=draw(st.floats(-100.0, 100.0)), across_px=0.3),),
    )
    inclination = draw(st.sampled_from((0.1, 51.6, 97.5)))
    at = EPOCH + draw(st.floats(0.0, 86_400.0))
    flown = pointed_platform(trajectory(inclination), law, at, -6.0, 6.0)
    if camera.kind == "frame":
        # a rolling shutter exposes its rows one after the other
        model = replace(frame(camera, flown), row_period_s=draw(st.sampled_from((0.0, 2e-5))))
    else:
        model = pushbroom(camera, flown, 900, row_period_s=square_row_period_s(camera, flown))
    return model.for_band(draw(st.sampled_from((None, "nir"))))


@settings(max_examples=60, deadline=None)
@given(model=models(), seed=st.integers(0, 2**32 - 1))
def test_location_closes_and_stays_on_the_line_of_sight(model: CameraModel, seed: int) -> None:
    draw = np.random.default_rng(seed)
    rows, columns = model.shape
    column, row = draw.uniform(-0.5, columns - 0.5, 30), draw.uniform(-0.5, rows - 0.5, 30)
    height = draw.uniform(-100.0, 5_000.0, 30)
    lon, lat = model.locate(column, row, height)
    u, v = model.project(lon, lat, height)
    assert np.hypot(u - column, v - row).max() < 1e-3
    position, direction = model.lines_of_sight(column, row)
    ground = geodetic_to_ecef(lon, lat, height)
    light_s = np.linalg.norm(ground - position, axis=-1) / 299_792_458.0
    # where it lay when light left it: the Earth turns 7.292115e-5 rad/s
    sight = geodetic_to_ecef(lon - np.degrees(7.292115e-5 * light_s), lat, height) - position
    across = np.linalg.norm(np.cross(sight, direction), axis=-1)
    assert across.max() < 1e-5
    assert (np.sum(sight * direction, axis=-1) > 0.0).all()


@settings(max_examples=20, deadline=None)
@given(model=models())
def test_a_written_camera_is_the_same(model: CameraModel) -> None:
    again = camera_from_json(camera_to_json(model))
    rows, columns = model.shape
    column, row = np.meshgrid([0.0, columns - 1.0], [0.0, rows - 1.0])
    u, v = again.project(*model.locate(column, row, 100.0), 100.0)
    assert np.hypot(u - column, v - row).max() < 1e-6


@settings(max_examples=30, deadline=None)
@given(
    model=models(),
    terms=st.tuples(*[st.floats(-20.0, 20.0)] * 2, *[st.floats(-1e-3, 1e-3)] * 4),
    seed=st.integers(0, 2**32 - 1),
)
def test_exact_points_give_their_correction_back(
    model: CameraModel, terms: tuple[float, ...], seed: int
) -> None:
    a0, b0, a1, a2, b1, b2 = terms
    truth = RefinedModel(base=model, correction=np.array([[a0, a1, a2], [b0, b1, b2]]))
    draw = np.random.default_rng(seed)
    column = np.array([50.0, 950.0, 950.0, 50.0, 500.0, 300.0]) + draw.uniform(-40, 40, 6)
    row = np.array([50.0, 50.0, model.shape[0] - 50.0, model.shape[0] - 50.0, 400.0, 700.0])
    lon, lat = truth.locate(column, row, 200.0)
    assume(np.isfinite(lon).all())
    points = ControlPoints(column=column, row=row, lon_deg=lon, lat_deg=lat, height_m=np.full(6, 200.0))
    found = refine(model, points, form="affine", sigma_px=0.3)
    assert found.kept.all()
    assert found.rms_px < 1e-3
