"""Looking at an image: map tiles, previews and values at points, in physical units, through rio-tiler."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from comity.core import InputError
from comity.imagery.reading.expression import Expression, Floats
from comity.imagery.reading.source import BandInfo, Source, open_source

if TYPE_CHECKING:
    from rio_tiler.io import Reader
    from rio_tiler.reader import Options

Resampling = Literal["nearest", "bilinear", "cubic", "average"]
#: A tile of the web map at zoom 30 is some 4 cm wide.
MAX_ZOOM = 30
MAX_SIZE = 8_192


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Pixels as they were asked for.

    ``values``: (bands, rows, cols) float32 in physical units, NaN where there is none. ``names``,
    ``units``: of each. ``bounds``: west, south, east, north of the pixels' outer edges in ``crs`` (WKT).
    """

    values: Floats
    names: tuple[str, ...]
    units: tuple[str, ...]
    bounds: tuple[float, float, float, float]
    crs: str
    source: Source


def tile(
    place: Source | Path | str,
    z: int,
    x: int,
    y: int,
    *,
    bands: Sequence[str] | None = None,
    expression: str | Expression | None = None,
    size: int = 256,
    resampling: Resampling = "bilinear",
) -> View:
    """A tile of the web map (XYZ scheme, Web Mercator), ``size`` pixels wide.

    Raises :class:`InputError` for a tile that does not touch the image, saying which ones do.
    """
    from rio_tiler.errors import TileOutsideBounds

    source = open_source(place)
    chosen, maths = source.resolve(bands, expression)
    _check_size(size)
    if not 0 <= z <= MAX_ZOOM or not (0 <= x < 2**z and 0 <= y < 2**z):
        raise InputError(f"there is no tile {z}/{x}/{y}: zoom 0 … {MAX_ZOOM}, x and y 0 … 2^zoom − 1")
    with _reader(source) as reader:
        try:
            found = reader.tile(
                x, y, z, tilesize=size, indexes=[one.index for one in chosen],
                resampling_method=resampling, reproject_method=resampling,
            )  # fmt: skip
        except TileOutsideBounds as error:
            raise InputError(
                f"tile {z}/{x}/{y} is beside {source.path}, which {_tiles(reader, z)}"
            ) from error
        return _view(source, chosen, maths, found)


def preview(
    place: Source | Path | str,
    *,
    bands: Sequence[str] | None = None,
    expression: str | Expression | None = None,
    max_size: int = 1024,
    resampling: Resampling = "average",
) -> View:
    """The whole image on its own map, its longer side at most ``max_size`` pixels."""
    source = open_source(place)
    chosen, maths = source.resolve(bands, expression)
    _check_size(max_size)
    with _reader(source) as reader:
        found = reader.preview(
            indexes=[one.index for one in chosen], max_size=max_size, resampling_method=resampling
        )
        return _view(source, chosen, maths, found)


def point(
    place: Source | Path | str,
    lon_deg: float,
    lat_deg: float,
    *,
    bands: Sequence[str] | None = None,
    expression: str | Expression | None = None,
) -> dict[str, float | None]:
    """The value of the pixel at a place (WGS 84) by band name, or of the expression; None for no value.

    Raises :class:`InputError` for a place outside the image.
    """
    from rio_tiler.errors import PointOutsideBounds

    source = open_source(place)
    chosen, maths = source.resolve(bands, expression)
    if not (abs(lon_deg) <= 360.0 and abs(lat_deg) <= 90.0):
        raise InputError(f"{lon_deg:g}, {lat_deg:g} is no place: lon −180 … 180, lat −90 … 90")
    with _reader(source) as reader:
        try:
            found = reader.point(lon_deg, lat_deg, indexes=[one.index for one in chosen])
        except PointOutsideBounds as error:
            west, south, east, north = reader.get_geographic_bounds(_wgs84())
            raise InputError(
                f"{lon_deg:g}, {lat_deg:g} is beside {source.path}, which lies in "
                f"{west:.5f} … {east:.5f}° E, {south:.5f} … {north:.5f}° N"
            ) from error
    values = physical(found.array[:, None, None], chosen)
    names: tuple[str, ...] = tuple(one.names[0] for one in chosen)
    if maths is not None:
        values, names = evaluated(maths, values)[None], (maths.text,)
    flat = [float(value) for value in values[:, 0, 0]]
    return {
        name: None if math.isnan(value) else float(f"{value:.7g}")
        for name, value in zip(names, flat, strict=True)
    }


def physical(counts: Any, bands: Sequence[BandInfo]) -> Floats:
    """Masked counts (bands, rows, cols) as float32 in physical units, NaN where masked."""
    values = np.ma.getdata(counts).astype(np.float32)
    for layer, band in zip(values, bands, strict=True):
        layer *= np.float32(band.scale)
        layer += np.float32(band.offset)
    values[np.ma.getmaskarray(counts)] = np.nan
    return values


def evaluated(maths: Expression, values: Floats) -> Floats:
    """An expression over (bands, rows, cols) in the order of its names: (rows, cols)."""
    return maths(dict(zip(maths.names, values, strict=True)))


def _view(source: Source, chosen: Sequence[BandInfo], maths: Expression | None, found: Any) -> View:
    values = physical(found.array, chosen)
    names: tuple[str, ...] = tuple(one.names[0] for one in chosen)
    units: tuple[str, ...] = tuple(one.unit for one in chosen)
    if maths is not None:
        values, names, units = evaluated(maths, values)[None], (maths.text,), ("",)
    west, south, east, north = found.bounds
    return View(
        values=values,
        names=names,
        units=units,
        bounds=(west, south, east, north),
        crs=found.crs.to_wkt(),
        source=source,
    )


@contextmanager
def _reader(source: Source) -> Iterator[Reader]:
    """rio-tiler's reader of a source; what GDAL cannot read is an :class:`InputError`."""
    from rasterio.errors import RasterioError
    from rio_tiler.errors import NoOverviewWarning, RioTilerError
    from rio_tiler.io import Reader

    # Told to nobody's use: a file without overviews is slow, not wrong; rasterio calls affine in the old way.
    warnings.filterwarnings("ignore", category=NoOverviewWarning)
    warnings.filterwarnings("ignore", "Use `@` matmul", PendingDeprecationWarning)
    options: Options = {} if source.nodata is None else {"nodata": source.nodata}
    try:
        with Reader(str(source.path), options=options) as reader:
            yield reader
    except (RasterioError, RioTilerError) as error:
        raise InputError(f"{source.path} cannot be read: {error}") from error


def _tiles(reader: Reader, zoom: int) -> str:
    west, south, east, north = reader.get_geographic_bounds(_wgs84())
    spans = [reader.tms.tile(lon, lat, zoom) for lon, lat in ((west, north), (east, south))]
    return f"lies in tiles {zoom}/{spans[0].x}/{spans[0].y} … {zoom}/{spans[1].x}/{spans[1].y}"


def _wgs84() -> Any:
    from rio_tiler.constants import WGS84_CRS

    return WGS84_CRS


def _check_size(size: int) -> None:
    if not 1 <= size <= MAX_SIZE:
        raise InputError(f"size {size}: give 1 … {MAX_SIZE} pixels")
