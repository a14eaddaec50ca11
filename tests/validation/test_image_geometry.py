"""The figures that image geometry is held to, on images as large as are asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from comity.imagery.geometry.cameras import CameraModel
from comity.imagery.geometry.control import ControlPoints, refine
from comity.imagery.geometry.fitting import fit_rpc
from comity.imagery.geometry.model import SensorModel
from comity.imagery.geometry.platform import Attitude, Platform, platform_of
from comity.imagery.geometry.pointing import OrbitalPointing, TargetPointing
from comity.imagery.geometry.rotations import quaternion_of
from comity.imagery.geometry.sidecar import camera_from_json, camera_to_json
from comity.orbits import ecef_to_geodetic
from unit.imagery.geometry.flown import EPOCH, frame_image, line_image, trajectory

HEIGHTS_M = (-100.0, 5_000.0)
ARCSEC = np.pi / 648_000.0


def under_the_track() -> tuple[float, float]:
    lon, lat, _ = ecef_to_geodetic(trajectory().itrf(EPOCH, np.zeros(1))[0])
    return float(lon[0]), float(lat[0])


def looks() -> dict[str, CameraModel]:
    lon, lat = under_the_track()
    slow = TargetPointing(lon_deg=lon + 2.0, lat_deg=lat, at=EPOCH, slowdown=3.0)
    laws = {
        f"roll {r}, pitch {p}": OrbitalPointing(roll_deg=r, pitch_deg=p)
        for r in (0, 30)
        for p in (-30, 0, 30)
    }
    images = {f"pushbroom, {name}": line_image(law) for name, law in laws.items()}
    images["pushbroom, three times slowed"] = line_image(slow, half_s=16.0)
    images["frame, roll 30, pitch 30"] = frame_image(laws["roll 30, pitch 30"])
    return images


LOOKS = looks()


def apart_px(truth: CameraModel, other: SensorModel, seed: int = 5) -> float:
    """Rms distance in the image over random places of all of it and all heights."""
    draw = np.random.default_rng(seed)
    rows, columns = truth.shape
    column, row = draw.uniform(0, columns - 1, 3_000), draw.uniform(0, rows - 1, 3_000)
    height = draw.uniform(*HEIGHTS_M, 3_000)
    u, v = other.project(*truth.locate(column, row, height), height)
    return float(np.sqrt(np.mean((u - column) ** 2 + (v - row) ** 2)))


@pytest.mark.parametrize("look", LOOKS)
def test_rigorous_model_and_fitted_rpc(look: str) -> None:
    """0.05 px rms over 10,000 × 40,000 px of 0.7 m, and 5 m frames, at −100 … 5000 m."""
    model = LOOKS[look]
    assert apart_px(model, fit_rpc(model, heights_m=HEIGHTS_M).rpc) < 0.05


def test_geolocation_of_a_simulated_truth_without_control() -> None:
    """0.5 px rms: the truth is what the spacecraft did, the model what its telemetry tells.

    Orbit from a receiver at 1 Hz with 0.15 m of noise, smoothed over the pass; attitude at 8 Hz by star
    trackers and gyros good to 0.05″ (half a pixel is 0.1″: without control no worse attitude will do).
    """
    draw = np.random.default_rng(11)
    truth = line_image(OrbitalPointing(roll_deg=12.0, pitch_deg=5.0))
    flown = truth.platform
    seconds = np.linspace(-6.0, 6.0, 97)
    turn = flown.state(seconds)[2] @ small_turns(draw.normal(0.0, 0.05 * ARCSEC, (97, 3)))
    offset = draw.normal(0.0, 0.15, 3) / np.sqrt(3.0)
    told = platform_of(
        Displaced(offset),
        Attitude(epoch=EPOCH, seconds=seconds, quaternion=quaternion_of(turn), frame="ITRF"),
        EPOCH,
        -6.0,
        6.0,
    )
    known = camera_from_json(camera_to_json(replace(truth, platform=told)))
    assert apart_px(truth, known) < 0.5
    assert apart_px(truth, fit_rpc(known).rpc) < 0.5


@pytest.mark.parametrize("seed", range(12))
def test_geolocation_with_five_control_points(seed: int) -> None:
    """0.2 px rms over the image from 5 points found to 0.1 px; a coarse attitude (5″, drifting by 0.1″/s).

    Every third time one of the points is 15 px wrong and must be told.
    """
    draw = np.random.default_rng(seed)
    truth = line_image(OrbitalPointing(roll_deg=20.0, pitch_deg=10.0))
    flown = truth.platform
    angles = draw.normal(0.0, 5.0, 3) + draw.normal(0.0, 0.1, 3) * flown.seconds[:, None]
    told = Platform(
        epoch=flown.epoch,
        seconds=flown.seconds,
        position=flown.position + draw.normal(0.0, 0.5, 3),
        quaternion=quaternion_of(flown.state(flown.seconds)[2] @ small_turns(angles * ARCSEC)),
    )
    known = replace(truth, platform=told)
    column = np.array([500.0, 9_500.0, 9_300.0, 600.0, 5_000.0])
    row = np.array([500.0, 1_500.0, 38_000.0, 39_000.0, 20_000.0])
    height = draw.uniform(0.0, 3_000.0, 5)
    lon, lat = truth.locate(column, row, height)
    found_column, found_row = column + draw.normal(0.0, 0.1, 5), row + draw.normal(0.0, 0.1, 5)
    if seed % 3 == 0:
        found_column[seed % 5] += 15.0
    points = ControlPoints(column=found_column, row=found_row, lon_deg=lon, lat_deg=lat, height_m=height)
    refined = refine(known, points, sigma_px=0.1)
    assert apart_px(truth, known) > 1.0
    limit = 0.2 if refined.kept.all() else 0.3  # four points are not five
    assert apart_px(truth, refined.model) < limit
    assert int((~refined.kept).sum()) == (seed % 3 == 0)


class Displaced:
    """The trajectory with a constant error (m)."""

    def __init__(self, offset: np.ndarray) -> None:
        self.offset = offset

    def __getattr__(self, name: str) -> object:
        return getattr(trajectory(), name)

    def itrf(self, epoch: object, seconds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        position, velocity = trajectory().itrf(epoch, seconds)  # type: ignore[arg-type]
        return position + self.offset, velocity


def small_turns(angles: np.ndarray) -> np.ndarray:
    """Rotations (n, 3, 3) by small angles (n, 3) rad about the three axes."""
    zero = np.zeros(len(angles))
    x, y, z = angles.T
    skew = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(-1, 3, 3)
    return np.asarray(np.eye(3) + skew)
