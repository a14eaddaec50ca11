"""RPCs fitted to rigorous models."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from comity.cli.main import build_app
from comity.core import InputError
from comity.imagery.geometry.cameras import CameraModel, pushbroom
from comity.imagery.geometry.fitting import fit_rpc, terms
from comity.imagery.geometry.platform import Attitude, platform_of
from comity.imagery.geometry.pointing import OrbitalPointing, pointed_platform
from comity.imagery.geometry.rotations import axis_rotation, quaternion_of
from comity.imagery.geometry.rpc import Rpc
from comity.imagery.geometry.rpc_files import read_rpc
from comity.imagery.geometry.sidecar import write_camera
from unit.imagery.geometry.flown import EPOCH, LINE, line_image, platform, trajectory


def apart_px(model: CameraModel, rpc: Rpc, heights: tuple[float, float]) -> float:
    """Rms of the RPC against the model at random places, which neither grid holds."""
    draw = np.random.default_rng(3)
    rows, columns = model.shape
    column, row = draw.uniform(-0.5, columns - 0.5, 4_000), draw.uniform(-0.5, rows - 0.5, 4_000)
    height = draw.uniform(*heights, 4_000)
    u, v = rpc.project(*model.locate(column, row, height), height)
    return float(np.sqrt(np.mean((u - column) ** 2 + (v - row) ** 2)))


def test_what_is_told_of_a_fit_is_true() -> None:
    model = line_image(OrbitalPointing(roll_deg=25.0, pitch_deg=-15.0))
    found = fit_rpc(model, heights_m=(-100.0, 5_000.0))
    there = apart_px(model, found.rpc, (-100.0, 5_000.0))
    assert there < 1e-3
    assert found.rms_px == pytest.approx(there, rel=0.5)
    assert found.max_px >= found.rms_px >= max(found.column_rms_px, found.row_rms_px)
    assert found.rpc.shape == model.shape


def test_a_shaking_platform_shows_in_the_residuals() -> None:
    """3 µrad at 2 Hz moves the image by 3 px: no cubic follows eight swings, and the fit says so."""
    steady = platform(OrbitalPointing())
    seconds = np.linspace(-6.0, 6.0, 481)
    turn = steady.state(seconds)[2] @ axis_rotation(0, 3e-6 * np.sin(2.0 * math.pi * 2.0 * seconds))
    attitude = Attitude(epoch=EPOCH, seconds=seconds, quaternion=quaternion_of(turn), frame="ITRF")
    shaking = pushbroom(
        LINE, platform_of(trajectory(), attitude, EPOCH, -6.0, 6.0), 40_000, row_period_s=1e-4
    )
    found = fit_rpc(shaking)
    assert found.column_rms_px > 1.0
    assert found.row_rms_px < 0.1


def test_across_the_antimeridian() -> None:
    """The same orbit some hours on, where its swath straddles 180°."""
    seconds = np.arange(0.0, 86_400.0, 5.0)
    position, _ = trajectory().itrf(EPOCH, seconds)
    lon = np.degrees(np.arctan2(position[:, 1], position[:, 0]))
    low = np.abs(position[:, 2]) < 4e6
    k = int(np.argmax(low & (np.abs(lon) > 179.97)))
    assert abs(lon[k]) > 179.9
    flown = pointed_platform(trajectory(), OrbitalPointing(), EPOCH + float(seconds[k]), -6.0, 6.0)
    model = pushbroom(LINE, flown, 40_000, row_period_s=1.05e-4)
    corners = model.locate([0.0, 9_999.0, 0.0, 9_999.0], [0.0, 0.0, 39_999.0, 39_999.0], 0.0)[0]
    assert corners.min() < 0.0 < corners.max()
    found = fit_rpc(model)
    assert found.rms_px < 0.01
    assert -180.0 <= found.rpc.lon_off_deg <= 180.0


def test_pixels_without_ground_are_refused() -> None:
    limb = platform(OrbitalPointing(roll_deg=64.4, yaw_steering=False))
    with pytest.raises(InputError, match="has no ground under column"):
        fit_rpc(pushbroom(LINE, limb, 1_000, row_period_s=1e-4))
    with pytest.raises(InputError, match="no range to fit over"):
        fit_rpc(line_image(rows=100), heights_m=(5_000.0, -100.0))


def test_terms_stand_in_the_standard_s_order() -> None:
    lat, lon, height = np.array([2.0]), np.array([3.0]), np.array([5.0])
    wanted = [1, 3, 2, 5, 6, 15, 10, 9, 4, 25, 30, 27, 12, 75, 18, 8, 50, 45, 20, 125]
    assert terms(lat, lon, height)[0].tolist() == wanted


def test_command(tmp_path: Path) -> None:
    model = line_image(OrbitalPointing(roll_deg=5.0), rows=2_000)
    camera = write_camera(model, tmp_path / "a.camera.json")
    out = tmp_path / "a_RPC.TXT"
    run = CliRunner()
    done = run.invoke(build_app("process"), ["process", "fit-rpc", str(camera), "--out", str(out), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["rms_px"] < 0.01
    assert apart_px(model, read_rpc(out, model.shape), (-100.0, 5_000.0)) < 0.01
    there = ["process", "locate", str(camera), "--pixel", "10,20", "--height-m", "300", "--json"]
    found = json.loads(run.invoke(build_app("process"), there).stdout)["places"][0]
    lon, lat = model.locate(10.0, 20.0, 300.0)
    assert (found["lon"], found["lat"]) == pytest.approx((float(lon), float(lat)), abs=1e-12)
    back = ["process", "locate", str(camera), "--place", f"{found['lon']},{found['lat']},300", "--json"]
    found = json.loads(run.invoke(build_app("process"), back).stdout)["places"][0]
    assert (found["column"], found["row"]) == pytest.approx((10.0, 20.0), abs=1e-4)
    bad = run.invoke(
        build_app("process"), ["process", "fit-rpc", str(camera), "--out", str(out), "--heights", "5"]
    )
    assert isinstance(bad.exception, InputError)
    assert "LOW,HIGH" in str(bad.exception)
