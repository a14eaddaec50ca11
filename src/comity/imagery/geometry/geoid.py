"""Geoids: what to add to heights above mean sea level to have heights above the ellipsoid."""

from __future__ import annotations

import math
from functools import lru_cache
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from comity.core import InputError

Floats = NDArray[np.float64]

EGM96 = "egm96"
NONE = "none"
_STEP_DEG = 0.25
#: Rows and columns put around the grid, so that a spline does not feel its end.
_PAD = 16


class Geoid(Protocol):
    """A surface of undulations."""

    @property
    def name(self) -> str:
        """What it is called in a product's metadata."""

    def undulation_m(self, lon_deg: ArrayLike, lat_deg: ArrayLike) -> Floats:
        """Height of the geoid above WGS-84, m; NaN where it says nothing."""


def open_geoid(name: str | Path) -> Geoid | None:
    """``"egm96"``, a raster of undulations in metres, or None for ``"none"``.

    Raises :class:`InputError` naming a file that cannot be read.
    """
    if str(name).lower() == NONE:
        return None
    if str(name).lower() == EGM96:
        return _egm96()
    path = Path(name)
    if not path.exists():
        raise InputError(f"geoid {name}: give egm96, none or a raster of undulations; there is no such file")
    return GridGeoid(path)


class Egm96:
    """EGM96 to degree 360 (Lemoine and others, NASA/TP-1998-206861), from a 15′ grid by cubic splines.

    Within 0.03 m of the model's 5′ grid everywhere, 0.004 m rms (linear interpolation: 1.1 m, 0.036 m).
    """

    name = "EGM96"

    def __init__(self) -> None:
        from scipy.ndimage import spline_filter

        content = files("comity.imagery").joinpath("data", "egm96.npz").read_bytes()
        with np.load(BytesIO(content)) as data:
            twice = data["differences_cm"].astype(np.int32)
        grid = np.cumsum(np.cumsum(twice, axis=0), axis=1) / 100.0  # rows from 90° N, columns from 180° W
        half = grid.shape[1] // 2
        # Beyond a pole the grid goes on down the other side.
        over = np.roll(grid[_PAD:0:-1], half, axis=1)
        under = np.roll(grid[-2 : -_PAD - 2 : -1], half, axis=1)
        tall = np.vstack([over, grid, under])
        wide = np.hstack([tall[:, -_PAD:], tall, tall[:, :_PAD]])
        self._splines = spline_filter(wide, order=3).astype(np.float32)

    def undulation_m(self, lon_deg: ArrayLike, lat_deg: ArrayLike) -> Floats:
        """Height of the geoid above WGS-84, m."""
        from scipy.ndimage import map_coordinates

        lon, lat = np.broadcast_arrays(np.asarray(lon_deg, np.float64), np.asarray(lat_deg, np.float64))
        good = np.isfinite(lon) & np.isfinite(lat) & (np.abs(lat) <= 90.0)
        col = np.where(good, (lon + 180.0) % 360.0, 0.0) / _STEP_DEG + _PAD
        row = np.where(good, 90.0 - lat, 0.0) / _STEP_DEG + _PAD
        places = np.array([row.ravel(), col.ravel()])
        heights = map_coordinates(self._splines, places, order=3, prefilter=False, output=np.float64)
        return np.where(good, heights.reshape(lon.shape), math.nan)


@lru_cache(maxsize=1)
def _egm96() -> Egm96:
    return Egm96()


class GridGeoid:
    """A raster of undulations (GeoTIFF, GTX, any GDAL reads), interpolated linearly between its posts."""

    def __init__(self, path: Path) -> None:
        from comity.imagery.geometry.posts import Posts

        self._posts = Posts(path, "geoid")
        self.name = path.name

    def undulation_m(self, lon_deg: ArrayLike, lat_deg: ArrayLike) -> Floats:
        """Height of the geoid above WGS-84, m; NaN beyond the grid."""
        return self._posts.sample(lon_deg, lat_deg)
