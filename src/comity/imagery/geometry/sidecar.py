"""``IMG.camera.json``: a rigorous camera beside its image.

Written files hold orbit and attitude as samples in ITRF. What is read may give the orbit in any of
:data:`comity.orbits.FRAMES`, the attitude in any of them too or as a law of pointing; see docs/processing.md
for a file with comments on each key, :func:`camera_schema` for the JSON Schema.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, ValidationError
from pydantic_core import PydanticCustomError

from comity.core import Epoch, InputError, read_text, write_text
from comity.imagery.geometry.cameras import HEIGHTS_M, BandLine, Camera, CameraModel, Distortion
from comity.imagery.geometry.platform import Attitude, Platform, platform_of
from comity.imagery.geometry.pointing import OrbitalPointing, TargetPointing, pointed_platform
from comity.orbits import FRAMES, EarthOrientation, Ephemeris, EphemerisSegment, EphemerisTrajectory, frame_of

KIND = "comity-camera"
VERSION = 1


def camera_path(image: Path) -> Path:
    """Where the camera of an image stands: ``IMG.camera.json`` beside ``IMG.tif``."""
    return image.with_name(f"{image.stem}.camera.json")


def read_camera(path: Path, *, eop: EarthOrientation | None = None) -> CameraModel:
    """The camera of a ``.camera.json``. ``eop`` (the bundled table) serves orbits and attitudes not in ITRF.

    Raises :class:`InputError` naming the file, the key and what is wrong with it.
    """
    try:
        data = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise InputError(f"{path} is not JSON: {error.msg} in line {error.lineno}") from error
    try:
        return camera_from_json(data, eop=eop)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def camera_from_json(data: Any, *, eop: EarthOrientation | None = None) -> CameraModel:
    """The camera of the JSON data of such a file. Raises :class:`InputError` naming key and fault."""
    try:
        document = _Document.model_validate(data)
    except ValidationError as error:
        raise InputError(_told(error)) from error
    return document.model(eop or EarthOrientation.bundled())


def write_camera(model: CameraModel, path: Path) -> Path:
    """Write a camera, whole or not at all; reading it gives the same geometry to 1e-6 px."""
    return write_text(path, json.dumps(camera_to_json(model)) + "\n")


def camera_to_json(model: CameraModel) -> dict[str, Any]:
    """The JSON data of a camera: poses as samples in ITRF."""
    camera, platform = model.camera, model.platform
    position, velocity, _ = platform.state(platform.seconds)
    seconds = platform.seconds.tolist()
    return {
        "type": KIND,
        "version": VERSION,
        "camera": {
            "kind": camera.kind,
            "columns": camera.columns,
            "rows": camera.rows,
            "focal_length_m": camera.focal_length_m,
            "pixel_pitch_m": camera.pixel_pitch_m,
            "principal_point_px": list(camera.axis_px),
            "distortion": {
                "radial": list(camera.distortion.radial),
                "tangential": list(camera.distortion.tangential),
            },
            "bands": [
                {"name": one.name, "along_px": one.along_px, "across_px": one.across_px}
                for one in camera.bands
            ],
            "mount": list(camera.mount),
        },
        "image": {
            "rows": model.shape[0],
            "columns": model.shape[1],
            "first_row_s": model.first_row_s,
            "row_period_s": model.row_period_s,
            "offset_px": list(model.offset_px),
            "band": model.band,
            "aberration": model.aberration,
            "heights_m": list(model.heights_m),
        },
        "epoch": platform.epoch.iso(9),
        "orbit": {
            "frame": "ITRF",
            "seconds": seconds,
            "position_m": position.tolist(),
            "velocity_m_s": velocity.tolist(),
        },
        "attitude": {"frame": "ITRF", "seconds": seconds, "quaternion": platform.quaternion.tolist()},
    }


def camera_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a ``.camera.json``."""
    return _Document.model_json_schema(by_alias=True)


def _instant(value: Any) -> Any:
    if isinstance(value, Epoch) or not isinstance(value, str):
        return value
    try:
        Epoch.from_iso(value)
    except InputError as error:
        raise PydanticCustomError("epoch", "{why}", {"why": str(error)}) from error
    return value


def _frame(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return frame_of(value)
    except InputError as error:
        raise PydanticCustomError("frame", "{why}", {"why": str(error)}) from error


Number = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=10_000_000)]
Instant = Annotated[str, BeforeValidator(_instant)]
Frame = Annotated[str, BeforeValidator(_frame), Field(description=f"one of {', '.join(FRAMES)}")]
Vector = tuple[Number, Number, Number]
Quaternion = tuple[Number, Number, Number, Number]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class _Distortion(_Table):
    radial: Vector = (0.0, 0.0, 0.0)
    tangential: tuple[Number, Number] = (0.0, 0.0)


class _Band(_Table):
    name: Annotated[str, Field(min_length=1)]
    along_px: Number = 0.0
    across_px: Number = 0.0


class _Camera(_Table):
    kind: Literal["pushbroom", "frame"]
    columns: Count
    rows: Count = 1
    focal_length_m: Positive
    pixel_pitch_m: Positive
    principal_point_px: tuple[Number, Number] | None = None
    distortion: _Distortion = _Distortion()
    bands: list[_Band] = Field(default_factory=list)
    mount: Quaternion = (0.0, 0.0, 0.0, 1.0)


class _Image(_Table):
    rows: Count
    columns: Count
    first_row_s: Number
    row_period_s: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    offset_px: tuple[Number, Number] = (0.0, 0.0)
    band: str | None = None
    aberration: bool = True
    heights_m: tuple[Number, Number] = HEIGHTS_M


class _Orbit(_Table):
    frame: Frame = "ITRF"
    seconds: Annotated[list[Number], Field(min_length=2)]
    position_m: list[Vector]
    velocity_m_s: list[Vector] | None = None


class _Samples(_Table):
    frame: Frame = "ITRF"
    seconds: Annotated[list[Number], Field(min_length=2)]
    quaternion: list[Quaternion]


class _Orbital(_Table):
    law: Literal["orbital"]
    roll_deg: Number = 0.0
    pitch_deg: Number = 0.0
    yaw_deg: Number = 0.0
    yaw_steering: bool = True
    nadir: Literal["geodetic", "geocentric"] = "geodetic"


class _Target(_Table):
    law: Literal["target"]
    lon_deg: Number
    lat_deg: Number
    height_m: Number = 0.0
    at: Instant
    slowdown: Annotated[float, Field(gt=0)] | Literal["stare"] = 1.0
    azimuth_deg: Number | None = None


def _form(value: Any) -> str:
    """Which form of attitude this is: a law's name, or samples."""
    law = value.get("law") if isinstance(value, dict) else getattr(value, "law", None)
    return "samples" if law is None else str(law)


_Attitude = Annotated[
    Annotated[_Samples, Tag("samples")]
    | Annotated[_Orbital, Tag("orbital")]
    | Annotated[_Target, Tag("target")],
    Discriminator(
        _form,
        custom_error_type="law",
        custom_error_message="law must be 'orbital' or 'target', or left out and samples given",
    ),
]


class _Document(_Table):
    type: Literal["comity-camera"]
    version: Literal[1]
    camera: _Camera
    image: _Image
    epoch: Instant
    orbit: _Orbit
    attitude: _Attitude

    def model(self, eop: EarthOrientation) -> CameraModel:
        epoch = Epoch.from_iso(self.epoch)
        image, inside = self.image, self.camera
        camera = Camera(
            kind=inside.kind,
            columns=inside.columns,
            rows=inside.rows,
            focal_length_m=inside.focal_length_m,
            pixel_pitch_m=inside.pixel_pitch_m,
            principal_point_px=inside.principal_point_px,
            distortion=Distortion(radial=inside.distortion.radial, tangential=inside.distortion.tangential),
            bands=tuple(
                BandLine(name=one.name, along_px=one.along_px, across_px=one.across_px)
                for one in inside.bands
            ),
            mount=inside.mount,
        )
        if image.band is not None:
            camera.band(image.band)
        return CameraModel(
            camera=camera,
            platform=self._platform(epoch, eop),
            shape=(image.rows, image.columns),
            first_row_s=image.first_row_s,
            row_period_s=image.row_period_s,
            offset_px=image.offset_px,
            band=image.band,
            aberration=image.aberration,
            heights_m=image.heights_m,
        )

    def _platform(self, epoch: Epoch, eop: EarthOrientation) -> Platform:
        orbit, law = self.orbit, self.attitude
        times = np.array(orbit.seconds)
        position = np.array(orbit.position_m, dtype=np.float64)
        if isinstance(law, _Samples):
            quaternion = np.array(law.quaternion, dtype=np.float64)
            attitude = Attitude(
                epoch=epoch, seconds=np.array(law.seconds), quaternion=quaternion, frame=law.frame
            )
            if orbit.frame == law.frame == "ITRF" and orbit.seconds == law.seconds:
                # as written by Comity: the poses themselves
                return Platform(epoch=epoch, seconds=times, position=position, quaternion=attitude.quaternion)
        try:
            segment = EphemerisSegment(
                epoch=epoch,
                seconds=times,
                position=position,
                velocity=None if orbit.velocity_m_s is None else np.array(orbit.velocity_m_s),
                ref_frame=orbit.frame,
            )
        except InputError as error:
            raise InputError(f"orbit: {error}") from error
        trajectory = EphemerisTrajectory(
            Ephemeris(name="the image's orbit", object_id="", segments=(segment,)), eop
        )
        # a little more than the image on either side, as far as what is given goes
        first, last = (
            self.image.first_row_s,
            self.image.first_row_s + self.image.rows * self.image.row_period_s,
        )
        beside = 1.0 + 0.25 * (last - first)
        low, high = max(float(times[0]), first - beside), min(float(times[-1]), last + beside)
        if isinstance(law, _Samples):
            low, high = max(low, law.seconds[0]), min(high, law.seconds[-1])
        if not low < high:
            raise InputError(
                f"the image is taken {first:g} … {last:g} s after the epoch, but orbit and attitude are not "
                "known then: check epoch, first_row_s and seconds"
            )
        if isinstance(law, _Samples):
            return platform_of(trajectory, attitude, epoch, low, high, eop=eop)
        if isinstance(law, _Orbital):
            pointing: OrbitalPointing | TargetPointing = OrbitalPointing(
                roll_deg=law.roll_deg,
                pitch_deg=law.pitch_deg,
                yaw_deg=law.yaw_deg,
                yaw_steering=law.yaw_steering,
                nadir=law.nadir,
            )
        else:
            pointing = TargetPointing(
                lon_deg=law.lon_deg,
                lat_deg=law.lat_deg,
                height_m=law.height_m,
                at=Epoch.from_iso(law.at),
                slowdown=float("inf") if law.slowdown == "stare" else float(law.slowdown),
                azimuth_deg=law.azimuth_deg,
            )
        return pointed_platform(trajectory, pointing, epoch, low, high)


def _told(error: ValidationError) -> str:
    """The first faults as ``key.key[3]: what``, three at most."""
    lines = []
    for one in error.errors()[:3]:
        place = ""
        for part in one["loc"]:
            if isinstance(part, int):
                place += f"[{part}]"
            elif part.isidentifier() and not (
                place == "attitude" and part in ("samples", "orbital", "target")
            ):  # of a choice between types the key alone is the user's
                place += f".{part}" if place else part
        lines.append(f"{place or 'the file'}: {one['msg'][0].lower()}{one['msg'][1:]}")
    more = len(error.errors()) - len(lines)
    return "; ".join(lines) + (f"; and {more} more" if more > 0 else "")
