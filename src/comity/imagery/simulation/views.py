"""What a sensor geometry means for a simulation: one model per band, directions of Sun and sensor."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from comity.core import Epoch, InputError
from comity.imagery.geometry.cameras import CameraModel
from comity.imagery.geometry.model import SensorModel

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Displaced:
    """A model whose pixel (column, row) looks where that of ``model`` at (+ ``column``, + ``row``) does."""

    model: SensorModel
    column: float
    row: float

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns, those of ``model``."""
        return self.model.shape

    @property
    def heights_m(self) -> tuple[float, float]:
        """Heights between which ``model`` is valid."""
        return self.model.heights_m

    def project(self, lon_deg: ArrayLike, lat_deg: ArrayLike, height_m: ArrayLike) -> tuple[Floats, Floats]:
        """(column, row) of ground points."""
        column, row = self.model.project(lon_deg, lat_deg, height_m)
        return column - self.column, row - self.row

    def locate(self, column: ArrayLike, row: ArrayLike, height_m: ArrayLike) -> tuple[Floats, Floats]:
        """(lon, lat) degrees of pixels at a height."""
        columns, rows = np.asarray(column, np.float64), np.asarray(row, np.float64)
        return self.model.locate(columns + self.column, rows + self.row, height_m)


def band_models(
    model: SensorModel, bands: Sequence[str], offsets: Mapping[str, tuple[float, float]] | None
) -> tuple[SensorModel, ...]:
    """The geometry of each band.

    A camera that has band lines sees each band with its own, any other model the same with all. ``offsets``:
    by band, (columns, rows) that it looks beside that. Raises :class:`InputError` for offsets of bands that
    are not there, or a camera that has band lines but not of one of these.
    """
    offsets = offsets or {}
    unknown = sorted(set(offsets) - set(bands))
    if unknown:
        raise InputError(f"offset of band {unknown[0]!r}, but the bands are {', '.join(bands)}")
    lines = isinstance(model, CameraModel) and bool(model.camera.bands)
    found = []
    for name in bands:
        own = model.for_band(name) if lines and isinstance(model, CameraModel) else model
        found.append(Displaced(own, *offsets[name]) if any(offsets.get(name, ())) else own)
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Directions:
    """Of Sun and sensor from the middle of an image's ground (degrees; azimuths from true north)."""

    lon_deg: float
    lat_deg: float
    sun_elevation_deg: float
    sun_azimuth_deg: float
    view_zenith_deg: float
    view_azimuth_deg: float


def directions(model: SensorModel, at: Epoch, height_m: float) -> Directions:
    """Those of an image taken ``at``, its ground at ``height_m``."""
    from pyproj import Geod

    from comity.orbits import EarthOrientation
    from comity.orbits.sun import sun_elevation_azimuth_deg

    rows, columns = model.shape
    up = 1_000.0
    lon, lat = model.locate((columns - 1) / 2, (rows - 1) / 2, np.array([height_m, height_m + up]))
    if not np.isfinite(lon).all():
        raise InputError("the middle of the image does not look at the ground")
    azimuth, _, length = Geod(ellps="WGS84").inv(lon[0], lat[0], lon[1], lat[1])
    sun = sun_elevation_azimuth_deg(lon[0], lat[0], at, np.zeros(1), EarthOrientation.bundled())
    return Directions(
        lon_deg=float(lon[0]),
        lat_deg=float(lat[0]),
        sun_elevation_deg=float(sun[0][0]),
        sun_azimuth_deg=float(sun[1][0]),
        view_zenith_deg=math.degrees(math.atan2(length, up)),
        view_azimuth_deg=float(azimuth % 360.0),
    )
