"""The map an image is laid on: projection, pixel size, extent."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from pyproj import Geod, Transformer
from rasterio.crs import CRS
from rasterio.errors import CRSError
from rasterio.transform import Affine

from comity.core import InputError
from comity.imagery.geometry.images import SensorImage
from comity.imagery.geometry.location import Relief, locate_on
from comity.imagery.grid import UPS_NORTH_EPSG, UPS_SOUTH_EPSG, UTM_NORTH_DEG, UTM_SOUTH_DEG
from comity.imagery.processing.raster import RasterLayout

Floats = NDArray[np.float64]
#: West, south, east, north in a projection's units.
Bounds = tuple[float, float, float, float]

#: Points along each side of the outline.
_SIDE = 33
#: More pixels on a side than this is a slip of the pixel size.
_MOST_PIXELS = 2_000_000
#: Times the image's own resolution that an orthoimage may have: more is a slip of the pixel size as well.
_FINEST = 50


def utm_crs(lon_deg: float, lat_deg: float) -> CRS:
    """UTM zone of a place, or UPS beyond 84° N and 80° S."""
    if lat_deg >= UTM_NORTH_DEG:
        return CRS.from_epsg(UPS_NORTH_EPSG)
    if lat_deg <= UTM_SOUTH_DEG:
        return CRS.from_epsg(UPS_SOUTH_EPSG)
    zone = int((lon_deg + 180.0) // 6.0) % 60 + 1
    return CRS.from_epsg((32600 if lat_deg >= 0 else 32700) + zone)


def outline(image: SensorImage, relief: Relief) -> tuple[Floats, Floats]:
    """(lon, lat) of the image's outer edge on the relief.

    At the model's middle height where the relief is unknown. Clockwise from the first pixel, half a pixel
    outside the outer centres, not closed.
    """
    rows, columns = image.shape
    across = np.linspace(-0.5, columns - 0.5, _SIDE)
    down = np.linspace(-0.5, rows - 0.5, _SIDE)
    column = np.concatenate(
        [across[:-1], np.full(_SIDE - 1, across[-1]), across[:0:-1], np.full(_SIDE - 1, across[0])]
    )
    row = np.concatenate([np.full(_SIDE - 1, down[0]), down[:-1], np.full(_SIDE - 1, down[-1]), down[:0:-1]])
    lon, lat, _ = locate_on(image.model, relief, column, row)
    if np.isnan(lon).any():
        other = image.model.locate(column, row, 0.5 * sum(image.model.heights_m))
        lon, lat = np.where(np.isnan(lon), other[0], lon), np.where(np.isnan(lat), other[1], lat)
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        raise InputError(f"{image.path}: its model says nothing of parts of the image's edge")
    middle = lon[0]
    return middle + (lon - middle + 180.0) % 360.0 - 180.0, lat


def native_gsd(image: SensorImage, relief: Relief) -> tuple[float, float]:
    """Metres on the ground from pixel to pixel at the image's centre: (along a row, along a column)."""
    rows, columns = image.shape
    c = 0.5 * (columns - 1) + np.array([-0.5, 0.5, 0.0, 0.0])
    r = 0.5 * (rows - 1) + np.array([0.0, 0.0, -0.5, 0.5])
    middle = 0.5 * sum(image.model.heights_m)
    ground = np.asarray(relief.heights(*image.model.locate(c, r, middle)))
    known = ground[np.isfinite(ground)]
    lon, lat = image.model.locate(c, r, float(known.mean()) if known.size else middle)
    geod = Geod(ellps="WGS84")
    _, _, across = geod.inv(lon[0], lat[0], lon[1], lat[1])
    _, _, along = geod.inv(lon[2], lat[2], lon[3], lat[3])
    return float(across), float(along)


def ortho_layout(
    image: SensorImage,
    relief: Relief,
    *,
    crs: str | int | None = None,
    res: float | None = None,
    bounds: Bounds | None = None,
) -> RasterLayout:
    """The grid for an image: north up, square pixels, edges at multiples of the pixel size.

    Arguments as of :func:`~comity.imagery.processing.ortho.orthorectify`. Raises :class:`InputError` for a
    projection that is none, one the image does not fit in, or bounds outside the image.
    """
    lon, lat = outline(image, relief)
    there_crs = _projection(crs, lon, lat)
    there = Transformer.from_crs("OGC:CRS84", there_crs.to_wkt(), always_xy=True)
    x, y = (np.asarray(values) for values in there.transform(lon, lat))
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise InputError(
            f"{image.path} at {np.mean(lon):.2f}° E, {np.mean(lat):.2f}° N cannot be laid on "
            f"{there_crs.to_string()}"
        )
    pixel = _native(image, relief, there) if res is None else _sensible(res, image, relief, there, there_crs)
    whole = (float(x.min()), float(y.min()), float(x.max()), float(y.max()))
    west, south, east, north = whole if bounds is None else bounds
    if bounds is not None:
        if not (west < east and south < north):
            raise InputError(
                f"bounds {west:g}, {south:g}, {east:g}, {north:g}: give west, south, east, north"
            )
        if west >= whole[2] or east <= whole[0] or south >= whole[3] or north <= whole[1]:
            raise InputError(
                f"the area lies outside {image.path}, which reaches from {whole[0]:.6g}, {whole[1]:.6g} to "
                f"{whole[2]:.6g}, {whole[3]:.6g} in {there_crs.to_string()}"
            )
    # A hair inside, so that an edge on a multiple does not take another pixel.
    hair = 1e-6
    first_col, last_col = math.floor(west / pixel + hair), math.ceil(east / pixel - hair)
    first_row, last_row = math.floor(-north / pixel + hair), math.ceil(-south / pixel - hair)
    width, height = last_col - first_col, last_row - first_row
    if not (0 < width <= _MOST_PIXELS and 0 < height <= _MOST_PIXELS):
        raise InputError(
            f"pixel size {pixel:g} in {there_crs.to_string()} gives {width:,} × {height:,} pixels: "
            "is it in its units?"
        )
    return RasterLayout(
        crs=there_crs,
        transform=Affine(pixel, 0.0, first_col * pixel, 0.0, -pixel, -first_row * pixel),
        width=width,
        height=height,
        dtype=image.dtype,
        bands=image.bands,
        nodata=image.nodata,
        scales=image.scales,
        offsets=image.offsets,
    )


def _sensible(res: float, image: SensorImage, relief: Relief, there: Transformer, crs: CRS) -> float:
    """A pixel size asked for, if it can be meant: a metre in a projection of degrees cannot."""
    if not (math.isfinite(res) and res > 0.0):
        raise InputError(f"pixel size {res:g}: give a number above 0")
    own = _native(image, relief, there)
    most = own * max(image.shape)
    if own / _FINEST <= res <= most or max(image.shape) < _FINEST:
        return res
    raise InputError(
        f"pixel size {res:g} in {crs.to_string()}: the image's own is {own:g} there, the whole image "
        f"{most:.3g} wide: give {own / _FINEST:.2g} … {most:.3g}, in the projection's units"
    )


def _projection(crs: str | int | None, lon: Floats, lat: Floats) -> CRS:
    """The one named, or that of the middle of an outline."""
    if crs is not None:
        return _crs(crs)
    return utm_crs((float(np.mean(lon)) + 180.0) % 360.0 - 180.0, float(np.mean(lat)))


def _crs(name: str | int) -> CRS:
    try:
        with rasterio.Env():  # without it PROJ writes to the terminal as well
            found = CRS.from_epsg(name) if isinstance(name, int) else CRS.from_user_input(name)
    except CRSError as error:
        cause = str(error).partition(" PROJ:")[0]
        raise InputError(f"{name} is no coordinate reference system: {cause}") from error
    if not (found.is_projected or found.is_geographic):
        raise InputError(f"{name} is neither a projected nor a geographic coordinate reference system")
    return found


def _native(image: SensorImage, relief: Relief, there: Transformer) -> float:
    """The image's pixel in the projection's units, to three digits."""
    rows, columns = image.shape
    c = 0.5 * (columns - 1) + np.array([-0.5, 0.5, 0.0, 0.0])
    r = 0.5 * (rows - 1) + np.array([0.0, 0.0, -0.5, 0.5])
    x, y = there.transform(*image.model.locate(c, r, 0.5 * sum(image.model.heights_m)))
    area = abs((x[1] - x[0]) * (y[3] - y[2]) - (y[1] - y[0]) * (x[3] - x[2]))
    side = math.sqrt(area)
    if not (math.isfinite(side) and side > 0.0):
        raise InputError(f"{image.path}: its model gives its pixels no size in that projection")
    return float(f"{side:.3g}")


def area_bounds(area: Path, image: SensorImage, relief: Relief, crs: str | int | None = None) -> Bounds:
    """The rectangle about the area of a GeoJSON file, in a projection (None: the image's UTM zone)."""
    from comity.imagery.processing.areas import read_area

    shape = read_area(area)
    lon, lat = outline(image, relief)
    whole = _projection(crs, lon, lat)
    there = Transformer.from_crs("OGC:CRS84", whole.to_wkt(), always_xy=True)
    west, south, east, north = shape.bounds
    fine = shapely.segmentize(shape, max(max(east - west, north - south) / 64, 1e-7))
    points = shapely.get_coordinates(fine)
    x, y = (np.asarray(values) for values in there.transform(points[:, 0], points[:, 1]))
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise InputError(f"{area} reaches beyond what {whole.to_string()} can show")
    return float(x.min()), float(y.min()), float(x.max()), float(y.max())
