"""The camera of a programme's spacecraft over a place: an instrument's figures as a rigorous geometry."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence

import numpy as np

from comity.core import Epoch, InputError
from comity.fleet import Instrument
from comity.imagery.geometry.cameras import BandLine, Camera, CameraModel, pushbroom, square_row_period_s
from comity.imagery.geometry.pointing import TargetPointing, pointed_platform
from comity.imagery.processing.alignment import reference_of
from comity.orbits import Trajectory

#: What no operator publishes of these cameras, assumed: detector pitch, and lines between two bands.
_PITCH_M = 8e-6
_LINES_BETWEEN = 24.0
#: How far (px) detectors may stand from where the drawings have them.
_AS_BUILT_PX = 0.8
#: Orbit and attitude are known so long before and after the image.
_BESIDE_S = 1.5


def camera_of(instrument: Instrument, bands: Sequence[str], columns: int | None = None) -> Camera:
    """A pushbroom with an instrument's ground sample distance and swath in these bands.

    Focal length and swath follow from the published figures, detector pitch (8 µm) and the distance of the
    bands' lines (24 px) are assumed. ``columns``: only so many detectors, in the middle. Raises
    :class:`InputError` for bands the instrument does not have or takes in two resolutions.
    """
    for name in bands:
        if name not in instrument.bands:
            raise InputError(f"{instrument.name} has no band {name}; it has {', '.join(instrument.bands)}")
    gsd = instrument.gsd_m
    if instrument.ms_gsd_m is not None and "pan" in instrument.bands:
        if "pan" in bands and len(bands) > 1:
            raise InputError(
                f"{instrument.name} takes pan at {gsd:g} m and colours at {instrument.ms_gsd_m:g} m: "
                "simulate them one after the other"
            )
        gsd = gsd if "pan" in bands else instrument.ms_gsd_m
    across = math.floor(instrument.swath_m / gsd)
    if columns is not None and not 16 <= columns <= across:
        raise InputError(f"{columns} columns: {instrument.name} has {across} at {gsd:g} m, the fewest is 16")
    middle = 0.5 * (len(bands) - 1)
    return Camera(
        kind="pushbroom",
        columns=columns or across,
        focal_length_m=_PITCH_M * instrument.reference_altitude_m / gsd,
        pixel_pitch_m=_PITCH_M,
        bands=tuple(
            BandLine(name=name, along_px=_LINES_BETWEEN * (index - middle))
            for index, name in enumerate(bands)
        ),
    )


def look_at(
    camera: Camera, trajectory: Trajectory, lon_deg: float, lat_deg: float, at: Epoch, rows: int
) -> CameraModel:
    """An image of ``rows`` lines whose middle looks at a place ``at`` an instant.

    Raises :class:`InputError` when the place is below the spacecraft's horizon then.
    """
    law = TargetPointing(lon_deg=lon_deg, lat_deg=lat_deg, at=at)
    short = pointed_platform(trajectory, law, at, -0.5, 0.5)
    period = square_row_period_s(camera, short)
    lines = [abs(band.along_px) for band in camera.bands]
    half = 0.5 * rows * period + max(lines, default=0.0) * period + _BESIDE_S
    platform = pointed_platform(trajectory, law, at, -half, half)
    return pushbroom(camera, platform, rows, row_period_s=period, middle_s=0.0)


def as_built(bands: Sequence[str], seed: int, instrument: str) -> Mapping[str, tuple[float, float]]:
    """By band, how far (columns, rows) a simulated camera's detectors stand off their drawings."""
    digest = hashlib.sha256(f"{seed}/{instrument}/as built".encode()).digest()
    random = np.random.default_rng(np.frombuffer(digest, np.uint32))
    drawn = random.uniform(-_AS_BUILT_PX, _AS_BUILT_PX, (len(bands), 2))
    # Geometry is calibrated on the band that others are laid on.
    drawn -= drawn[list(bands).index(reference_of(bands))]
    return {name: (float(across), float(along)) for name, (across, along) in zip(bands, drawn, strict=True)}
