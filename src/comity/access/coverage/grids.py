"""Points of the ground that coverage is computed at, each with the surface it stands for.

Surfaces are those of the WGS-84 ellipsoid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from comity.core import InputError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

GridKind = Literal["lat-lon", "equal-area", "healpix", "points"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Raster:
    """The full rectangle of cells a lat-lon grid takes some cells of: row 0 north, column 0 west.

    ``west_deg`` … ``east_deg`` may pass 180 (a region across the antimeridian has ``east_deg`` > 180).
    """

    rows: int
    columns: int
    west_deg: float
    south_deg: float
    east_deg: float
    north_deg: float

    @property
    def lon_deg(self) -> FloatArray:
        """Centres (columns,) of the columns, west to east, increasing (may pass 180)."""
        width = (self.east_deg - self.west_deg) / self.columns
        return np.asarray(self.west_deg + (np.arange(self.columns) + 0.5) * width, dtype=np.float64)

    @property
    def lat_deg(self) -> FloatArray:
        """Centres (rows,) of the rows, north to south."""
        height = (self.north_deg - self.south_deg) / self.rows
        return np.asarray(self.north_deg - (np.arange(self.rows) + 0.5) * height, dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grid:
    """n cells: their points (degrees, geodetic, on the ellipsoid) and surfaces.

    Attributes
    ----------
    kind : ``lat-lon`` (has ``raster``), ``equal-area``, ``healpix`` (ring order) or ``points``.
    name : what it covers, e.g. ``world``, ``DJI``.
    lon_deg, lat_deg : (n,) points, −180 ≤ lon < 180. In a cell cut by a border the point lies inside.
    area_m2 : (n,) surface, of the part inside the region; 1 each for points.
    raster : the rectangle of a lat-lon grid, else None.
    raster_index : (n,) row·columns + column of each cell in the raster (increasing), else None.
    nside : HEALPix resolution, else None; ``pixel`` (n,) ring-order pixel numbers, else None.
    labels : (n,) names of points, or empty.
    """

    kind: GridKind
    name: str
    lon_deg: FloatArray
    lat_deg: FloatArray
    area_m2: FloatArray
    raster: Raster | None = None
    raster_index: IntArray | None = None
    nside: int | None = None
    pixel: IntArray | None = None
    labels: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.lon_deg)

    @property
    def raster_mask(self) -> BoolArray:
        """(rows, columns): which cells of it are there. Raises :class:`InputError` without a raster."""
        raster, index = self._raster()
        mask = np.zeros(raster.rows * raster.columns, dtype=np.bool_)
        mask[index] = True
        return mask.reshape(raster.rows, raster.columns)

    def on_raster(self, values: FloatArray) -> FloatArray:
        """Per-cell figures (n,) laid out as (rows, columns), NaN where no cell is.

        Raises :class:`InputError` without a raster.
        """
        raster, index = self._raster()
        full = np.full(raster.rows * raster.columns, np.nan)
        full[index] = values
        return full.reshape(raster.rows, raster.columns)

    def _raster(self) -> tuple[Raster, IntArray]:
        if self.raster is None or self.raster_index is None:
            raise InputError(f"a {self.kind} grid has no rows and columns: take a lat-lon grid")
        return self.raster, self.raster_index
