"""The map grid of one image: projection, pixel size, extent, footprint on it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from threading import Lock

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.features import rasterize
from rasterio.transform import Affine
from shapely import affinity
from shapely.geometry.base import BaseGeometry

from comity.core import InputError

#: Beyond these latitudes UTM gives way to Universal Polar Stereographic (NGA.SIG.0012).
UTM_NORTH_DEG = 84.0
UTM_SOUTH_DEG = -80.0
UPS_NORTH_EPSG = 5041
UPS_SOUTH_EPSG = 5042

_RASTERIZE = Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageGrid:
    """A north-up grid of square pixels in one projection.

    ``epsg``: UTM zone (or UPS) of the footprint's centre. ``west``, ``north``: outer corner of pixel
    (0, 0), m, a multiple of the pixel size, so that images of one zone and pixel size share their
    pixels. ``pixel_m``: pixel size. ``width``, ``height``: pixels. ``footprint``: imaged ground in
    the projection, m. ``centre_deg``: lon, lat of the footprint's centre, lon in (−180, 180].
    """

    epsg: int
    west: float
    north: float
    pixel_m: float
    width: int
    height: int
    footprint: BaseGeometry
    centre_deg: tuple[float, float]

    @property
    def transform(self) -> tuple[float, float, float, float, float, float]:
        """Affine coefficients (a, b, c, d, e, f): x = a·col + b·row + c, y = d·col + e·row + f."""
        return (self.pixel_m, 0.0, self.west, 0.0, -self.pixel_m, self.north)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north of the outer pixel edges, m."""
        return (
            self.west,
            self.north - self.height * self.pixel_m,
            self.west + self.width * self.pixel_m,
            self.north,
        )

    def nodes(self, step: int, margin: int = 0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lon, lat (degrees) of the corners of every ``step``-th pixel, with ``margin`` nodes around.

        Node (i, j) stands at the corner of pixel ((i − margin)·step, (j − margin)·step). Longitudes
        run on through the antimeridian from the image's centre.
        """
        rows = math.ceil(self.height / step) + 2 + 2 * margin
        cols = math.ceil(self.width / step) + 2 + 2 * margin
        x = self.west + (np.arange(cols) - margin) * (step * self.pixel_m)
        y = self.north - (np.arange(rows) - margin) * (step * self.pixel_m)
        back = Transformer.from_crs(self.epsg, 4326, always_xy=True)
        grid_x, grid_y = np.meshgrid(x, y)
        lon, lat = back.transform(grid_x, grid_y)
        middle = self.centre_deg[0]
        lon = middle + (np.asarray(lon) - middle + 180.0) % 360.0 - 180.0
        return np.asarray(lon, np.float64), np.asarray(lat, np.float64)

    def convergence_deg(self) -> float:
        """Azimuth of true north on the grid at the image's centre, degrees clockwise."""
        lon, lat = self.centre_deg
        there = Transformer.from_crs(4326, self.epsg, always_xy=True)
        step = 1e-3 if lat < 89.9 else -1e-3
        x0, y0 = there.transform(lon, lat)
        x1, y1 = there.transform(lon, lat + step)
        sign = math.copysign(1.0, step)
        return math.degrees(math.atan2(sign * (x1 - x0), sign * (y1 - y0)))


def image_grid(footprint: BaseGeometry, gsd_m: float, max_pixels: int) -> ImageGrid:
    """The grid for an image of ``footprint`` (lon/lat degrees) at ``gsd_m`` or coarser.

    The pixel is ``gsd_m`` unless the raster (its bounding rectangle) would then hold more than
    ``max_pixels``; it is coarsened just enough, to three digits. Raises :class:`InputError` for a
    footprint that is empty, no area, or too large for one map projection, and for bad numbers.
    """
    if footprint.is_empty or footprint.geom_type not in ("Polygon", "MultiPolygon"):
        shown = "empty" if footprint.is_empty else f"a {footprint.geom_type}"
        raise InputError(f"footprint is {shown}: an image needs a polygon with an area")
    if not footprint.is_valid:
        raise InputError(f"footprint is not valid: {shapely.is_valid_reason(footprint)}")
    if not (math.isfinite(gsd_m) and gsd_m > 0):
        raise InputError(f"GSD {gsd_m:g} m: give a value above 0")
    if max_pixels < 64:
        raise InputError(f"max_pixels {max_pixels} is below 64")
    whole = unwrap(footprint)
    centre = whole.centroid
    lon = (centre.x + 180.0) % 360.0 - 180.0
    for epsg in _candidates(lon, centre.y):
        projected = _project(whole, epsg)
        if projected is not None:
            return _fit(projected, epsg, (lon, centre.y), gsd_m, max_pixels)
    west, south, east, north = whole.bounds
    raise InputError(
        f"footprint {west:.1f}…{east:.1f}° E, {south:.1f}…{north:.1f}° N is too wide for one image: cut it"
    )


def unwrap(shape: BaseGeometry) -> BaseGeometry:
    """The same area in continuous longitudes: parts beyond a cut at the antimeridian move by 360°."""
    if shape.bounds[2] - shape.bounds[0] <= 180.0:
        return shape
    parts = [
        affinity.translate(part, 360.0) if part.bounds[2] <= 0.0 else part
        for part in shapely.get_parts(shape)
    ]
    return shapely.union_all(parts)


def _candidates(lon: float, lat: float) -> tuple[int, ...]:
    polar = UPS_NORTH_EPSG if lat > 0 else UPS_SOUTH_EPSG
    if lat >= UTM_NORTH_DEG or lat <= UTM_SOUTH_DEG:
        return (polar,)
    zone = int((lon + 180.0) // 6.0) % 60 + 1
    utm = (32600 if lat >= 0 else 32700) + zone
    # A very wide swath near a pole runs over it, where a transverse Mercator has no end.
    return (utm, polar) if abs(lat) > 60.0 else (utm,)


def _project(shape: BaseGeometry, epsg: int) -> BaseGeometry | None:
    there = Transformer.from_crs(4326, epsg, always_xy=True)
    # Edges are straight in lon/lat; cut fine they stay so on the map.
    west, south, east, north = shape.bounds
    fine = shapely.segmentize(shape, max(max(east - west, north - south) / 64, 1e-6))
    projected = shapely.transform(fine, lambda p: np.column_stack(there.transform(p[:, 0], p[:, 1])))
    limits = np.array(projected.bounds)
    if not np.isfinite(limits).all() or np.abs(limits).max() > 2e7:
        return None
    if epsg in (UPS_NORTH_EPSG, UPS_SOUTH_EPSG):
        # Round a pole the cut at the antimeridian is a slit that closes on the polar map.
        return shapely.buffer(projected, 0.5, quad_segs=1)
    return projected if projected.is_valid else None


def _fit(
    footprint: BaseGeometry, epsg: int, centre: tuple[float, float], gsd_m: float, max_pixels: int
) -> ImageGrid:
    west, south, east, north = footprint.bounds
    pixel = gsd_m
    needed = math.sqrt((east - west) * (north - south) / max_pixels)
    if needed > pixel:
        pixel = _round_up(needed)
    while True:
        first_col, last_col = math.floor(west / pixel), math.ceil(east / pixel)
        first_row, last_row = math.floor(-north / pixel), math.ceil(-south / pixel)
        width, height = max(1, last_col - first_col), max(1, last_row - first_row)
        if width * height <= max_pixels:
            break
        pixel = _round_up(pixel * 1.001)
    return ImageGrid(
        epsg=epsg,
        west=first_col * pixel,
        north=-first_row * pixel,
        pixel_m=pixel,
        width=width,
        height=height,
        footprint=footprint,
        centre_deg=centre,
    )


def _round_up(value: float) -> float:
    """Up to three significant digits."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 2)
    return float(f"{math.ceil(value / unit - 1e-9) * unit:.12g}")


def inside(shape: BaseGeometry, rows: int, cols: int, transform: Affine) -> NDArray[np.bool_]:
    """(rows, cols) which pixels of a grid (metres, by its ``transform``) have their centre in ``shape``.

    One thread at a time: rasterio silences a warning on the way, for the whole process and not safely.
    """
    with _RASTERIZE:
        mask = rasterize([(shape, 1)], out_shape=(rows, cols), transform=transform, dtype="uint8")
    return np.asarray(mask, bool)
