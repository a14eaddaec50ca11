"""The form of a raster on the ground, apart from its pixels."""

from __future__ import annotations

from dataclasses import dataclass

from rasterio.crs import CRS
from rasterio.transform import Affine


@dataclass(frozen=True, slots=True, kw_only=True)
class RasterLayout:
    """Grid, type and bands of a raster.

    ``transform``: from (column, row) of pixel *corners* to the CRS, as in GDAL. ``bands``: a name each,
    STAC eo common names where they have one. ``scales``, ``offsets``: per band, physical value =
    count × scale + offset. ``nodata``: the count that says there is none.
    """

    crs: CRS
    transform: Affine
    width: int
    height: int
    dtype: str
    bands: tuple[str, ...]
    nodata: float | None
    scales: tuple[float, ...] | None = None
    offsets: tuple[float, ...] | None = None
