"""``IMG.camera.json``: written and read the same, every form of it, and clear words for what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from comity.core import InputError
from comity.imagery.geometry.cameras import CameraModel
from comity.imagery.geometry.pointing import OrbitalPointing
from comity.imagery.geometry.sidecar import (
    camera_from_json,
    camera_path,
    camera_schema,
    camera_to_json,
    read_camera,
    write_camera,
)
from comity.orbits import EarthOrientation, itrf_to_gcrf
from unit.imagery.geometry.flown import EPOCH, frame_image, line_image, trajectory

LAW = OrbitalPointing(roll_deg=20.0, pitch_deg=10.0)


def apart_px(a: CameraModel, b: CameraModel) -> float:
    rows, columns = a.shape
    column, row = np.meshgrid(np.linspace(0, columns - 1, 9), np.linspace(0, rows - 1, 9))
    u, v = b.project(*a.locate(column, row, 800.0), 800.0)
    return float(np.hypot(u - column, v - row).max())


@pytest.mark.parametrize("take", [line_image, frame_image])
def test_a_file_gives_the_geometry_back(take: Callable[..., CameraModel], tmp_path: Path) -> None:
    model = take(LAW)
    path = write_camera(model, camera_path(tmp_path / "strip.tif"))
    assert path.name == "strip.camera.json"
    again = read_camera(path)
    assert again.shape == model.shape
    assert apart_px(model, again) < 1e-6
    jsonschema.Draft202012Validator(camera_schema()).validate(json.loads(path.read_text()))


def test_parts_and_bands_are_kept() -> None:
    model = line_image(LAW).extract(500, 900, (400, 300)).for_band("nir")
    again = camera_from_json(json.loads(json.dumps(camera_to_json(model))))
    assert again.band == "nir"
    assert apart_px(model, again) < 1e-6


def document(model: CameraModel) -> dict[str, Any]:
    return json.loads(json.dumps(camera_to_json(model)))  # type: ignore[no-any-return]


def test_an_orbit_in_the_celestial_frame_and_a_law_will_do() -> None:
    model = line_image(LAW)
    data = document(model)
    seconds = np.arange(-60.0, 61.0, 10.0)
    state = itrf_to_gcrf(*trajectory().itrf(EPOCH, seconds), EPOCH, seconds, EarthOrientation.bundled())
    data["orbit"] = {"frame": "GCRF", "seconds": seconds.tolist(), "position_m": state[0].tolist()}
    data["attitude"] = {"law": "orbital", "roll_deg": 20.0, "pitch_deg": 10.0}
    assert apart_px(model, camera_from_json(data)) < 0.05
    lon, lat = (float(value) for value in model.locate(4_999.5, 19_999.5, 0.0))
    data["attitude"] = {"law": "target", "lon_deg": lon, "lat_deg": lat, "at": EPOCH.iso(9), "slowdown": 1.5}
    column, row = camera_from_json(data).project(lon, lat, 0.0)
    assert (float(column), float(row)) == pytest.approx((4_999.5, 19_999.5), abs=0.01)


@pytest.mark.parametrize(
    ("keys", "value", "told"),
    [
        (("camera", "focal_length_m"), -1.0, r"camera\.focal_length_m: input should be greater than 0"),
        (("camera", "focal_lenght_m"), 1.0, r"camera\.focal_lenght_m: extra inputs"),
        (("camera", "pixel_pitch_m"), 13.0, "check the units"),
        (("type",), "something", r"type: input should be 'comity-camera'"),
        (("orbit",), None, "orbit: "),
        (("orbit", "frame"), "MARS", r"orbit\.frame: reference frame 'MARS' is not supported"),
        (("orbit", "position_m"), [[1.0, 2.0]], r"orbit\.position_m\[0\]"),
        (("attitude", "quaternion"), [[0, 0, 0, 2]] * 49, "of length 2"),
        (("attitude", "law"), "loop", "law must be 'orbital' or 'target'"),
        (("attitude",), {"law": "orbital", "roll_deg": 80}, "roll_deg 80 is outside"),
        (("attitude",), {"seconds": [0, 1]}, r"attitude\.quaternion: field required"),
        (
            ("attitude",),
            {"law": "target", "lon_deg": 1, "lat_deg": 2, "at": "2024-09-22", "slowdown": -1},
            r"attitude\.slowdown: input should be greater than 0",
        ),
        (("image", "first_row_s"), 100.0, "orbit and attitude are known from"),
        (("image", "row_period_s"), 0.0, "row_period_s 0 is not above 0"),
        (("image", "band"), "swir", "no band 'swir'"),
        (("epoch",), "yesterday", "epoch: 'yesterday' is not an ISO 8601 time"),
    ],
)
def test_what_is_wrong_is_named(keys: tuple[str, ...], value: Any, told: str, tmp_path: Path) -> None:
    data = document(line_image(LAW))
    place = data
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    path = tmp_path / "bad.camera.json"
    path.write_text(json.dumps(data))
    with pytest.raises(InputError, match=told) as error:
        read_camera(path)
    assert str(error.value).startswith(str(path))


def test_a_file_that_is_no_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cut.camera.json"
    path.write_text('{"type": "comity-cam')
    with pytest.raises(InputError, match=r"cut\.camera\.json is not JSON"):
        read_camera(path)
    path.write_text("[1, 2]")
    with pytest.raises(InputError, match="the file"):
        read_camera(path)
