"""Rasters of posts: values at pixel centres, linear between them."""

from __future__ import annotations

import math
from pathlib import Path
from threading import Lock, local
from typing import Any

import numpy as np
import rasterio
from numpy.typing import ArrayLike, NDArray
from pyproj import Transformer
from rasterio.errors import RasterioError
from rasterio.windows import Window

from comity.core import InputError

Floats = NDArray[np.float64]

#: Rasters of at most so many posts are read once and kept.
_KEPT = 64_000_000
#: Lengths of whole SRTM tiles: 3″ and 1″.
_SRTM_BYTES = (2 * 1201**2, 2 * 3601**2)
#: A raster is believed so far beyond its outer posts: half a pixel, its own edge.
_EDGE = 0.5


class Posts:
    """The first band of a raster in any projection, read as it is needed; safe from several threads.

    ``what`` names it in errors. Raises :class:`InputError` naming the file if it cannot be read, is complex
    or has no georeference.
    """

    def __init__(self, path: Path, what: str) -> None:
        self.path, self.what = path, what
        try:
            # It stays open for as long as this object lives; rasterio closes what is collected.
            self._file = rasterio.open(path)
        except (RasterioError, OSError) as error:
            if path.suffix.lower() == ".hgt" and path.is_file() and path.stat().st_size not in _SRTM_BYTES:
                raise InputError(
                    f"{what} {path} is no whole SRTM tile: {path.stat().st_size:,} bytes, "
                    f"{' or '.join(f'{size:,}' for size in _SRTM_BYTES)} are expected"
                ) from error
            raise InputError(f"cannot read {what} {path}: {error}") from error
        if self._file.crs is None:
            raise InputError(f"{what} {path} has no coordinate reference system")
        if self._file.transform.is_identity or self._file.transform.determinant == 0.0:
            raise InputError(f"{what} {path} has no georeference")
        if np.dtype(self._file.dtypes[0]).kind not in "iuf":
            raise InputError(f"{what} {path} holds {self._file.dtypes[0]}, not heights")
        self.crs = self._file.crs
        self.rows, self.columns = self._file.height, self._file.width
        self._nodata = self._file.nodata
        self._inverse = ~self._file.transform
        self._lock = Lock()
        self._kept: NDArray[np.float32] | None = None
        self._local = local()
        self._round = self._degrees_round()

    def _degrees_round(self) -> float | None:
        """Columns once round the Earth, of a raster in degrees."""
        if not self.crs.is_geographic:
            return None
        return abs(360.0 / self._file.transform.a) if self._file.transform.a else None

    @property
    def whole_round(self) -> bool:
        """Whether the raster goes round the Earth."""
        return self._round is not None and self.columns >= self._round - 0.5

    def place(self, lon_deg: ArrayLike, lat_deg: ArrayLike) -> tuple[Floats, Floats]:
        """(column, row) among the posts, (0, 0) the first one; NaN where the projection has none."""
        lon, lat = np.broadcast_arrays(np.asarray(lon_deg, np.float64), np.asarray(lat_deg, np.float64))
        if self.crs.is_geographic:
            x, y = lon, lat
        else:
            x, y = self._projected(lon, lat)
        a, b, c, d, e, f = self._inverse[:6]
        with np.errstate(invalid="ignore"):
            column = a * x + b * y + c - 0.5
            row = d * x + e * y + f - 0.5
            if self._round is not None:  # longitudes of another turn
                middle = 0.5 * (self.columns - 1)
                column = middle + (column - middle + 0.5 * self._round) % self._round - 0.5 * self._round
        finite = np.isfinite(column) & np.isfinite(row)
        return np.where(finite, column, math.nan), np.where(finite, row, math.nan)

    def _projected(self, lon: Floats, lat: Floats) -> tuple[Any, Any]:
        there = getattr(self._local, "there", None)
        if there is None:  # pyproj's objects belong to the thread that made them
            there = self._local.there = Transformer.from_crs("OGC:CRS84", self.crs.to_wkt(), always_xy=True)
        return there.transform(lon, lat)

    def window(self, first_row: int, last_row: int, first_col: int, last_col: int) -> NDArray[np.float32]:
        """Posts of rows first … last − 1 and columns likewise; NaN where there is no value.

        Raises :class:`InputError` naming the file where it is cut short.
        """
        with self._lock:
            if self._kept is None and self.rows * self.columns <= _KEPT:
                self._kept = self._read(None)
            if self._kept is not None:
                return self._kept[first_row:last_row, first_col:last_col]
            return self._read(Window(first_col, first_row, last_col - first_col, last_row - first_row))

    def _read(self, window: Window | None) -> NDArray[np.float32]:
        try:
            counts = self._file.read(1, window=window)
        except (RasterioError, OSError) as error:
            raise InputError(f"cannot read {self.what} {self.path}: {error}") from error
        posts = counts.astype(np.float32)
        if self._nodata is not None and not math.isnan(self._nodata):
            posts[counts == np.asarray(self._nodata).astype(counts.dtype)] = np.nan
        scale, offset = self._file.scales[0], self._file.offsets[0]
        if (scale, offset) != (1.0, 0.0):
            posts = posts * np.float32(scale) + np.float32(offset)
        return np.asarray(posts)

    def covers(self, column: Floats, row: Floats) -> NDArray[np.bool_]:
        """Whether places lie on the raster, its outer half pixels included."""
        with np.errstate(invalid="ignore"):
            rows = (row >= -_EDGE) & (row <= self.rows - 1 + _EDGE)
            if self.whole_round:
                return np.asarray(rows & np.isfinite(column))
            return np.asarray(rows & (column >= -_EDGE) & (column <= self.columns - 1 + _EDGE))

    def sample(self, lon_deg: ArrayLike, lat_deg: ArrayLike) -> Floats:
        """Values between posts; NaN beyond the raster and beside a void."""
        column, row = self.place(lon_deg, lat_deg)
        inside = self.covers(column, row)
        out = np.full(column.shape, math.nan)
        if not inside.any():
            return out
        column, row = column[inside], np.clip(row[inside], 0.0, self.rows - 1)
        if not self.whole_round:
            column = np.clip(column, 0.0, self.columns - 1)
        left, top = np.floor(column).astype(np.int64), np.floor(row).astype(np.int64)
        right, low = left + 1, np.minimum(top + 1, self.rows - 1)
        if self.whole_round:
            left, right = left % round(self._round or 1.0), right % round(self._round or 1.0)
            first_col, last_col = 0, self.columns
        else:
            right = np.minimum(right, self.columns - 1)
            first_col, last_col = int(left.min()), int(right.max()) + 1
        first_row = int(top.min())
        posts = self.window(first_row, int(low.max()) + 1, first_col, last_col)
        u, v = column - np.floor(column), row - top
        total = np.zeros(column.shape)
        for rows, cols, weight in (
            (top, left, (1.0 - v) * (1.0 - u)),
            (top, right, (1.0 - v) * u),
            (low, left, v * (1.0 - u)),
            (low, right, v * u),
        ):
            # A void of no weight does no harm: at a post its neighbours do not count.
            total += np.where(weight > 0.0, weight * posts[rows - first_row, cols - first_col], 0.0)
        out[inside] = total
        return out
