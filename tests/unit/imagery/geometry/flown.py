"""A made-up spacecraft at 700 km and its cameras, to take images of nothing with."""

from __future__ import annotations

from functools import cache

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
from comity.imagery.geometry.platform import Platform
from comity.imagery.geometry.pointing import OrbitalPointing, Pointing, pointed_platform
from comity.orbits import EarthOrientation, MeanElements, SGP4Trajectory

EPOCH = Epoch.from_iso("2024-09-22T10:00:00Z")

#: 0.7 m at 694 km, as large an image as is asked for; strong distortion, so that it shows.
LINE = Camera(
    kind="pushbroom",
    columns=10_000,
    focal_length_m=12.905,
    pixel_pitch_m=13e-6,
    distortion=Distortion(radial=(0.5, 0.0, 0.0), tangential=(1e-3, -2e-3)),
    bands=(BandLine(name="pan"), BandLine(name="nir", along_px=500.0, across_px=0.25)),
)
#: 5 m from 694 km.
FRAME = Camera(
    kind="frame",
    columns=4_096,
    rows=3_072,
    focal_length_m=0.555,
    pixel_pitch_m=4e-6,
    distortion=Distortion(radial=(-0.05, 0.3, 0.0)),
)


@cache
def trajectory() -> SGP4Trajectory:
    elements = MeanElements(
        name="MADE-UP",
        norad_id=1,
        cospar_id="",
        epoch=EPOCH,
        mean_motion=14.59,
        eccentricity=0.0001,
        inclination_deg=98.2,
        raan_deg=30.0,
        arg_of_perigee_deg=90.0,
        mean_anomaly_deg=-65.0,
        bstar=0.0,
        mean_motion_dot=0.0,
        mean_motion_ddot=0.0,
    )
    return SGP4Trajectory(elements, EarthOrientation.bundled())


def platform(law: Pointing | None = None, half_s: float = 6.0) -> Platform:
    return pointed_platform(trajectory(), law or OrbitalPointing(), EPOCH, -half_s, half_s)


def line_image(law: Pointing | None = None, rows: int = 40_000, half_s: float = 6.0) -> CameraModel:
    flown = platform(law, half_s)
    return pushbroom(LINE, flown, rows, row_period_s=square_row_period_s(LINE, flown))


def frame_image(law: Pointing | None = None) -> CameraModel:
    return frame(FRAME, platform(law))
