"""Image geometry: rigorous models against their RPCs, there and back, and against a known truth."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.transform import RPCTransformer

from comity.core import Epoch
from comity.imagery.geometry.cameras import Camera, CameraModel, frame, pushbroom, square_row_period_s
from comity.imagery.geometry.control import ControlPoints, refine
from comity.imagery.geometry.fitting import fit_rpc
from comity.imagery.geometry.model import SensorModel
from comity.imagery.geometry.platform import Attitude, platform_of
from comity.imagery.geometry.pointing import OrbitalPointing, Pointing, TargetPointing, pointed_platform
from comity.imagery.geometry.rotations import quaternion_of
from comity.imagery.geometry.rpc_files import to_tag
from comity.orbits import EarthOrientation, MeanElements, SGP4Trajectory, ecef_to_geodetic

Line = dict[str, Any]
Floats = NDArray[np.float64]

EPOCH = Epoch.from_iso("2024-09-22T10:00:00Z")
HEIGHTS_M = (-100.0, 5_000.0)
RPC_PX = 0.05
ALONE_PX = 0.5
CONTROLLED_PX = 0.2
CLOSURE_PX = 1e-3
ARCSEC = np.pi / 648_000.0
LINE = Camera(kind="pushbroom", columns=10_000, focal_length_m=12.905, pixel_pitch_m=13e-6)
FRAME = Camera(kind="frame", columns=4_096, rows=3_072, focal_length_m=0.555, pixel_pitch_m=4e-6)


def rpc() -> Iterator[Line]:
    """RPCs of 10,000 × 40,000 px of 0.7 m and of a 5 m frame; GDAL's answer to the same coefficients."""
    for name, model in _looks():
        start = time.process_time()
        found = fit_rpc(model, heights_m=HEIGHTS_M)
        seconds = time.process_time() - start
        column, row, height, place = _spread(model, 20_000)
        u, v = found.rpc.project(*place, height)
        with RPCTransformer(to_tag(found.rpc)) as gdal:
            there = gdal.rowcol(place[0][:500], place[1][:500], zs=height[:500], op=float)
        # GDAL's transformer answers from the corner of the first pixel, RPCs count from its centre
        gdal_row, gdal_column = (np.asarray(values) - 0.5 for values in there)
        apart = np.hypot(gdal_column - u[:500], gdal_row - v[:500])
        yield {
            "job": "rigorous model and fitted RPC",
            "look": name,
            "rms_px": _rms(u - column, v - row),
            "max_px": float(np.hypot(u - column, v - row).max()),
            "told_rms_px": found.rms_px,
            "gdal_apart_max_px": float(apart.max()),
            "fit_cpu_s": round(seconds, 2),
            "heights_m": list(HEIGHTS_M),
            "reach": f"<= {RPC_PX} px rms",
            "met": _rms(u - column, v - row) <= RPC_PX,
        }


def location(points: int = 1_000_000) -> Iterator[Line]:
    """Location to a height and back, of many points on one core."""
    for name, model in _looks():
        _spread(model, 10)  # compile
        start = time.process_time()
        column, row, height, place = _spread(model, points)
        there = time.process_time() - start
        start = time.process_time()
        u, v = model.project(*place, height)
        back = time.process_time() - start
        closure = float(np.hypot(u - column, v - row).max())
        yield {
            "job": "location there and back",
            "look": name,
            "points": points,
            "direct_cpu_s": round(there, 2),
            "inverse_cpu_s": round(back, 2),
            "closure_max_px": closure,
            "reach": f"< {CLOSURE_PX} px, a few seconds",
            "met": closure < CLOSURE_PX,
        }


def geolocation(trials: int = 40) -> Iterator[Line]:
    """The truth flown against the model that telemetry tells, alone and with five control points.

    Alone: orbit to 0.15 m, attitude samples to 0.05″. With points found to 0.1 px: orbit to 0.5 m, attitude
    to 5″ and drifting by 0.1″/s. In every third trial one point of the five is 15 px wrong.
    """
    draw = np.random.default_rng(0)
    truth = _line(OrbitalPointing(roll_deg=20.0, pitch_deg=10.0))
    seconds = np.linspace(-6.0, 6.0, 97)
    alone, before, after, told = [], [], [], 0
    for trial in range(trials):
        fine = draw.normal(0.0, 0.05, (97, 3))
        alone.append(_apart(truth, _told(truth, seconds, fine, draw.normal(0.0, 0.15, 3) / 3**0.5)))
        coarse = draw.normal(0.0, 5.0, 3) + draw.normal(0.0, 0.1, 3) * seconds[:, None]
        known = _told(truth, seconds, coarse, draw.normal(0.0, 0.5, 3))
        column = np.array([500.0, 9_500.0, 9_300.0, 600.0, 5_000.0])
        row = np.array([500.0, 1_500.0, 38_000.0, 39_000.0, 20_000.0])
        height = draw.uniform(0.0, 3_000.0, 5)
        lon, lat = truth.locate(column, row, height)
        seen = column + draw.normal(0.0, 0.1, 5)
        wrong = np.zeros(5, dtype=bool)
        wrong[trial % 5] = trial % 3 == 0
        points = ControlPoints(
            column=seen + 15.0 * wrong,
            row=row + draw.normal(0.0, 0.1, 5),
            lon_deg=lon,
            lat_deg=lat,
            height_m=height,
        )
        refined = refine(known, points, sigma_px=0.1)
        told += bool((refined.kept == ~wrong).all())
        before.append(_apart(truth, known))
        after.append(_apart(truth, refined.model))
    yield {
        "job": "geolocation without control",
        "trials": trials,
        "rms_px": _rms(np.array(alone)),
        "max_px": max(alone),
        "reach": f"<= {ALONE_PX} px rms",
        "met": _rms(np.array(alone)) <= ALONE_PX,
    }
    yield {
        "job": "geolocation with five control points",
        "trials": trials,
        "before_px": _rms(np.array(before)),
        "rms_px": _rms(np.array(after)),
        "max_px": max(after),
        "blunders_told_rightly": told,
        "reach": f"<= {CONTROLLED_PX} px rms",
        "met": _rms(np.array(after)) <= CONTROLLED_PX,
    }


def _looks() -> Iterator[tuple[str, CameraModel]]:
    position, _ = _trajectory().itrf(EPOCH, np.zeros(1))
    lon, lat, _ = (float(value[0]) for value in ecef_to_geodetic(position))
    for roll, pitch in ((0, 0), (30, 0), (0, 30), (30, 30), (-30, -30)):
        law = OrbitalPointing(roll_deg=roll, pitch_deg=pitch)
        yield f"pushbroom 0.7 m, roll {roll}°, pitch {pitch}°", _line(law)
    slow = TargetPointing(lon_deg=lon + 2.0, lat_deg=lat, at=EPOCH, slowdown=3.0)
    yield "pushbroom 0.7 m, slowed three times", _line(slow, 16.0)
    tilted = OrbitalPointing(roll_deg=30, pitch_deg=30)
    yield (
        "frame 5 m, roll 30°, pitch 30°",
        frame(FRAME, pointed_platform(_trajectory(), tilted, EPOCH, -1, 1)),
    )


def _line(law: Pointing, half_s: float = 6.0) -> CameraModel:
    flown = pointed_platform(_trajectory(), law, EPOCH, -half_s, half_s)
    return pushbroom(LINE, flown, 40_000, row_period_s=square_row_period_s(LINE, flown))


def _trajectory() -> SGP4Trajectory:
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


class _Displaced:
    """The trajectory with a constant error (m)."""

    def __init__(self, offset: Floats) -> None:
        self.offset = offset

    def __getattr__(self, name: str) -> Any:
        return getattr(_trajectory(), name)

    def itrf(self, epoch: Epoch, seconds: Floats) -> tuple[Floats, Floats]:
        position, velocity = _trajectory().itrf(epoch, seconds)
        return position + self.offset, velocity


def _told(truth: CameraModel, seconds: Floats, angles_arcsec: Floats, offset: Floats) -> CameraModel:
    """The model with attitude samples wrong by small angles (n, 3) and an orbit by ``offset`` m."""
    x, y, z = (angles_arcsec * ARCSEC).T
    zero = np.zeros(len(x))
    skew = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(-1, 3, 3)
    quaternion = quaternion_of(truth.platform.state(seconds)[2] @ (np.eye(3) + skew))
    attitude = Attitude(epoch=EPOCH, seconds=seconds, quaternion=quaternion, frame="ITRF")
    return replace(truth, platform=platform_of(_Displaced(offset), attitude, EPOCH, -6.0, 6.0))


def _spread(model: CameraModel, count: int) -> tuple[Floats, Floats, Floats, tuple[Floats, Floats]]:
    """Columns, rows and heights over all of an image, and the places there."""
    draw = np.random.default_rng(1)
    rows, columns = model.shape
    column, row = draw.uniform(0, columns - 1, count), draw.uniform(0, rows - 1, count)
    height = draw.uniform(*HEIGHTS_M, count)
    return column, row, height, model.locate(column, row, height)


def _apart(truth: CameraModel, other: SensorModel) -> float:
    column, row, height, place = _spread(truth, 2_000)
    u, v = other.project(*place, height)
    return _rms(u - column, v - row)


def _rms(*parts: Floats) -> float:
    return float(np.sqrt(np.mean(sum(part**2 for part in parts))))
