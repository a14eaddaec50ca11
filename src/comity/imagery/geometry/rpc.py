"""Rational polynomial coefficients: where ground points fall in an image, as vendors give it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from comity.core import InputError

Floats = NDArray[np.float64]

#: Monomials of a cubic in three variables.
TERMS = 20
#: How far beyond its nominal range (±1) a model is still believed, on the ground …
_BEYOND = 1.5
#: … and in height, where real models are close to straight: this many ranges and metres more.
_BEYOND_HEIGHT = 2.0
_BEYOND_HEIGHT_M = 500.0
_ITERATIONS = 20
#: Pixels to which the direct location is solved.
_SOLVED_PX = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Rpc:
    """A rational model of an image (RPC00B), which is a :class:`SensorModel`.

    With L, P, H longitude, latitude and height less their offset and over their scale, the row is
    ``row_off`` + ``row_scale`` · (row_num · m) / (row_den · m), the column likewise, where m are the twenty
    monomials 1, L, P, H, LP, LH, PH, L², P², H², PLH, L³, LP², LH², L²P, P³, PH², L²H, P²H, H³. Source:
    NIMA, "The Compendium of Controlled Extensions (CE) for the NITF", STDI-0002, RPC00B.

    Offsets are in pixels with (0, 0) the centre of the first pixel of the raster of ``shape`` (rows,
    columns), degrees and metres above the ellipsoid. ``error_bias_m``, ``error_random_m``: 1σ as the vendor
    states it, None where it does not. Points beyond 1.5 times the nominal ground range, or twice the height
    range and 500 m more, are NaN. Raises :class:`InputError` for coefficients that cannot be a model.
    """

    shape: tuple[int, int]
    row_off: float
    column_off: float
    lat_off_deg: float
    lon_off_deg: float
    height_off_m: float
    row_scale: float
    column_scale: float
    lat_scale_deg: float
    lon_scale_deg: float
    height_scale_m: float
    row_num: tuple[float, ...]
    row_den: tuple[float, ...]
    column_num: tuple[float, ...]
    column_den: tuple[float, ...]
    error_bias_m: float | None = None
    error_random_m: float | None = None

    def __post_init__(self) -> None:
        for name in ("row_num", "row_den", "column_num", "column_den"):
            values = getattr(self, name)
            if len(values) != TERMS or not all(math.isfinite(value) for value in values):
                raise InputError(f"RPC: {name} needs {TERMS} finite coefficients, {len(values)} given")
        for name in ("row_den", "column_den"):
            if not any(getattr(self, name)):
                raise InputError(f"RPC: {name} is all zeros")
        for name in ("row_scale", "column_scale", "lat_scale_deg", "lon_scale_deg", "height_scale_m"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0.0):
                raise InputError(f"RPC: {name} {getattr(self, name):g} is not above 0")
        for name in ("row_off", "column_off", "lat_off_deg", "lon_off_deg", "height_off_m"):
            if not math.isfinite(getattr(self, name)):
                raise InputError(f"RPC: {name} is not a number")
        if abs(self.lat_off_deg) > 90.0 or abs(self.lon_off_deg) > 360.0:
            raise InputError(
                f"RPC: its centre {self.lon_off_deg:g}° E, {self.lat_off_deg:g}° N is not on the Earth"
            )

    @property
    def heights_m(self) -> tuple[float, float]:
        """The heights the model was made for."""
        return self.height_off_m - self.height_scale_m, self.height_off_m + self.height_scale_m

    def project(self, lon_deg: ArrayLike, lat_deg: ArrayLike, height_m: ArrayLike) -> tuple[Floats, Floats]:
        """(column, row) in which ground points are seen."""
        lon, lat, height = np.broadcast_arrays(
            *(np.asarray(value, np.float64) for value in (lon_deg, lat_deg, height_m))
        )
        east = (lon - self.lon_off_deg + 180.0) % 360.0 - 180.0
        x = east / self.lon_scale_deg
        y = (lat - self.lat_off_deg) / self.lat_scale_deg
        z = (height - self.height_off_m) / self.height_scale_m
        with np.errstate(invalid="ignore", divide="ignore"):
            most = _BEYOND_HEIGHT + _BEYOND_HEIGHT_M / self.height_scale_m
            good = (np.abs(x) <= _BEYOND) & (np.abs(y) <= _BEYOND) & (np.abs(z) <= most)
            x, y, z = (np.where(good, value, math.nan) for value in (x, y, z))
            row = _cubic(self.row_num, x, y, z) / _cubic(self.row_den, x, y, z)
            column = _cubic(self.column_num, x, y, z) / _cubic(self.column_den, x, y, z)
        return self.column_off + self.column_scale * column, self.row_off + self.row_scale * row

    def locate(self, column: ArrayLike, row: ArrayLike, height_m: ArrayLike) -> tuple[Floats, Floats]:
        """(lon, lat) degrees where lines of sight meet a height: the model inverted by Newton's method."""
        column, row, height = np.broadcast_arrays(
            *(np.asarray(value, np.float64) for value in (column, row, height_m))
        )
        shape = column.shape
        column, row, height = column.ravel(), row.ravel(), height.ravel()
        lon = np.full(column.shape, self.lon_off_deg)
        lat = np.full(column.shape, self.lat_off_deg)
        good = np.isfinite(column) & np.isfinite(row) & np.isfinite(height)
        step_lon, step_lat = 1e-4 * self.lon_scale_deg, 1e-4 * self.lat_scale_deg
        most = 0.5 * np.array([self.lon_scale_deg, self.lat_scale_deg])
        todo = np.flatnonzero(good)
        for _ in range(_ITERATIONS):
            if todo.size == 0:
                break
            at, up, h = lon[todo], lat[todo], height[todo]
            c, r = self.project(at, up, h)
            c_east, r_east = self.project(at + step_lon, up, h)
            c_north, r_north = self.project(at, up + step_lat, h)
            ce, re = (c_east - c) / step_lon, (r_east - r) / step_lon
            cn, rn = (c_north - c) / step_lat, (r_north - r) / step_lat
            dc, dr = column[todo] - c, row[todo] - r
            with np.errstate(invalid="ignore", divide="ignore"):
                scale = ce * rn - cn * re
                east = np.clip((dc * rn - dr * cn) / scale, -most[0], most[0])
                north = np.clip((dr * ce - dc * re) / scale, -most[1], most[1])
            lon[todo] = at + east
            lat[todo] = up + north
            todo = todo[np.hypot(dc, dr) > _SOLVED_PX]
            lost = ~np.isfinite(lon[todo])
            good[todo[lost]] = False
            todo = todo[~lost]
        # The step after the last look is taken, so what is left did not converge.
        good[todo] = False
        lon = np.where(good, (lon + 180.0) % 360.0 - 180.0, math.nan)
        return lon.reshape(shape), np.where(good, lat, math.nan).reshape(shape)

    def shifted(self, column: float, row: float, shape: tuple[int, int]) -> Rpc:
        """The model of an extract whose first pixel is (``column``, ``row``) of this raster."""
        return replace(self, shape=shape, column_off=self.column_off - column, row_off=self.row_off - row)


def _cubic(a: tuple[float, ...], x: Floats, y: Floats, z: Floats) -> Floats:
    """The polynomial with coefficients ``a``, gathered by powers of x, then y, then z."""
    free = (
        a[0]
        + z * (a[3] + z * (a[9] + z * a[19]))
        + y * (a[2] + z * (a[6] + z * a[16]) + y * (a[8] + z * a[18] + y * a[15]))
    )
    first = a[1] + z * (a[5] + z * a[13]) + y * (a[4] + z * a[10] + y * a[12])
    second = a[7] + z * a[17] + y * a[14]
    return np.asarray(free + x * (first + x * (second + x * a[11])))
