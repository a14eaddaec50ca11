"""Grids of the world or of a region: lat-lon, equal-area, HEALPix, and single points.

Equal areas on the ellipsoid go by the authalic latitude (Snyder, *Map Projections*, USGS PP 1395, eq.
3-11, 3-12 and 3-18): the latitude on the sphere of the same surface.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from comity.access.coverage.grids import Grid, Raster
from comity.access.coverage.healpix import pixel_centres
from comity.core import InputError
from comity.fleet import Area, territory
from comity.fleet.antimeridian import bounding_box
from comity.fleet.areas import surfaces_m2
from comity.orbits.geodesy import EQUATORIAL_RADIUS_M, FLATTENING, check_geodetic

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

#: More cells than this are refused: a lat-lon grid of 0.1°, world-wide.
MAX_GRID_CELLS = 6_480_000

_E2 = FLATTENING * (2.0 - FLATTENING)
_E = math.sqrt(_E2)


def country(code_or_name: str) -> Area:
    """A territory as a region, by ISO 3166-1 code, slug or English name; its name is the id.

    Raises :class:`comity.core.UnknownIdError`.
    """
    land = territory(code_or_name)
    return Area(name=land.id, geometry=land.geometry)


def box(west_deg: float, south_deg: float, east_deg: float, north_deg: float) -> Area:
    """The region between two meridians and two parallels; west > east crosses the antimeridian.

    Raises :class:`InputError` for bounds out of range.
    """
    name = (
        f"{_latitude(south_deg)} to {_latitude(north_deg)}, {_longitude(west_deg)} to {_longitude(east_deg)}"
    )
    return Area(name=name, geometry=bounding_box(west_deg, south_deg, east_deg, north_deg))


def zone(south_deg: float, north_deg: float) -> Area:
    """Every longitude between two latitudes. Raises :class:`InputError` for bounds out of range."""
    return Area(
        name=f"{_latitude(south_deg)} to {_latitude(north_deg)}",
        geometry=bounding_box(-180.0, south_deg, 180.0, north_deg),
    )


def _latitude(deg: float) -> str:
    return f"{abs(deg):g}°{'' if deg == 0.0 else 'N' if deg > 0.0 else 'S'}"


def _longitude(deg: float) -> str:
    return f"{abs(deg):g}°{'' if deg in (0.0, 180.0, -180.0) else 'E' if deg > 0.0 else 'W'}"


def lat_lon_grid(step_deg: float, region: Area | None = None) -> Grid:
    """Cells ``step_deg`` square, counted from 90° N, 180° W; of a region, those it has a part of.

    A cell's point is its centre, or inside the region's part of it where the centre is not.

    Raises :class:`InputError` when 180 is no multiple of the step, there are more than 6,480,000 cells, or
    the region is a point.
    """
    if not (math.isfinite(step_deg) and 0.0 < step_deg <= 90.0):
        raise InputError(f"grid step {step_deg:g}° is not above 0 and at most 90")
    rows = round(180.0 / step_deg)
    if abs(rows * step_deg - 180.0) > 1e-9:
        raise InputError(f"grid step {step_deg:g}° does not divide 180°: take for instance {180.0 / rows:g}")
    edges = 90.0 - np.arange(rows + 1) * 180.0 / rows
    columns = np.full(rows, 2 * rows)
    clip = _cells(edges, columns, region)
    row, column = clip.row, clip.column
    top, bottom, left, right = 0, rows, 0, 2 * rows
    if region is not None:
        top, bottom = int(row.min()), int(row.max()) + 1
        column, left, right = _unrolled(column, 2 * rows)
    width = 180.0 / rows
    raster = Raster(
        rows=bottom - top,
        columns=right - left,
        west_deg=-180.0 + left * width,
        south_deg=90.0 - bottom * width,
        east_deg=-180.0 + right * width,
        north_deg=90.0 - top * width,
    )
    index = (row - top) * raster.columns + column - left
    order = np.argsort(index, kind="stable")
    return Grid(
        kind="lat-lon",
        name="world" if region is None else region.name,
        lon_deg=clip.lon_deg[order],
        lat_deg=clip.lat_deg[order],
        area_m2=clip.area_m2[order],
        raster=raster,
        raster_index=index[order],
    )


def equal_area_grid(size_m: float, region: Area | None = None) -> Grid:
    """Cells of exactly equal surface, nearly square, about ``size_m`` wide and high, in rows of latitude.

    Of a region, those it has a part of, with the surface of that part. Rows run from north to south, cells
    in a row eastward from 180° W. Raises :class:`InputError` as :func:`lat_lon_grid` does.
    """
    if not (math.isfinite(size_m) and 1_000.0 <= size_m <= 10_000_000.0):
        raise InputError(f"cell size {size_m:g} m is outside 1,000 … 10,000,000 m (metres, not km)")
    radius = math.sqrt(earth_surface_m2() / (4.0 * math.pi))
    rows = max(2, round(math.pi * radius / size_m))
    middles = math.pi / 2.0 - (np.arange(rows) + 0.5) * math.pi / rows
    columns = np.maximum(3, np.round(2.0 * math.pi * radius * np.cos(middles) / size_m)).astype(np.int64)
    # Rows as high as their number of cells asks for: then all cells have the same surface.
    sines = 1.0 - 2.0 * np.concatenate([[0], np.cumsum(columns)]) / columns.sum()
    edges = geodetic_of_authalic_deg(np.clip(sines, -1.0, 1.0))
    edges[0], edges[-1] = 90.0, -90.0
    clip = _cells(edges, columns, region)
    return Grid(
        kind="equal-area",
        name="world" if region is None else region.name,
        lon_deg=clip.lon_deg,
        lat_deg=clip.lat_deg,
        area_m2=clip.area_m2,
    )


def healpix_grid(nside: int, region: Area | None = None) -> Grid:
    """HEALPix pixels in ring order; of a region, those whose centre lies in it.

    HEALPix latitudes are taken as authalic ones, so that all pixels have the same surface on the ellipsoid
    (at most 0.13° from the latitude of the same number). Raises :class:`InputError` for an ``nside`` out of
    range, more than 6,480,000 pixels, or a region with no pixel's centre in it.
    """
    if 12 * nside * nside > MAX_GRID_CELLS:
        raise InputError(
            f"HEALPix nside {nside} has {12 * nside * nside:,} pixels, the limit is {MAX_GRID_CELLS:,}"
        )
    z, lon = pixel_centres(nside)
    lon_deg = _wrapped(np.degrees(lon))
    lat_deg = geodetic_of_authalic_deg(z)
    pixel = np.arange(len(z), dtype=np.int64)
    if region is not None:
        pixel = pixel[inside(region, lon_deg, lat_deg)]
        if not len(pixel):
            raise InputError(
                f"no pixel of HEALPix nside {nside} has its centre in {region.name!r}: take a larger nside"
            )
    return Grid(
        kind="healpix",
        name="world" if region is None else region.name,
        lon_deg=lon_deg[pixel],
        lat_deg=lat_deg[pixel],
        area_m2=np.full(len(pixel), earth_surface_m2() / len(z)),
        nside=int(nside),
        pixel=pixel,
    )


def points_grid(points: Sequence[tuple[float, float]], labels: Sequence[str] = ()) -> Grid:
    """Single places, (lon, lat) degrees, each counting the same; ``labels``: their names, or none.

    Raises :class:`InputError` for a place off the Earth, no places, or labels of another number.
    """
    if not points:
        raise InputError("there is no point to compute coverage at")
    if labels and len(labels) != len(points):
        raise InputError(f"{len(labels)} labels for {len(points)} points")
    checked = [check_geodetic(lon, lat) for lon, lat in points]
    return Grid(
        kind="points",
        name="points",
        lon_deg=np.array([lon for lon, _, _ in checked]),
        lat_deg=np.array([lat for _, lat, _ in checked]),
        area_m2=np.ones(len(checked)),
        labels=tuple(labels),
    )


def inside(region: Area, lon_deg: FloatArray, lat_deg: FloatArray) -> BoolArray:
    """Which points (n,) lie in a region (its edge included): for ``Coverage.area_mean`` and its like."""
    shapely.prepare(region.geometry)
    return np.asarray(shapely.intersects_xy(region.geometry, lon_deg, lat_deg), dtype=np.bool_)


def earth_surface_m2() -> float:
    """Surface of the WGS-84 ellipsoid, m²."""
    return float(2.0 * math.pi * EQUATORIAL_RADIUS_M**2 * _q(np.array([90.0]))[0])


def geodetic_of_authalic_deg(sine: FloatArray) -> FloatArray:
    """Geodetic latitudes (n,) degrees of the sines (n,) of authalic ones (Snyder 3-18; good to 1e-8 deg)."""
    beta = np.arcsin(sine)
    e4, e6 = _E2**2, _E2**3
    return np.degrees(
        beta
        + (_E2 / 3.0 + 31.0 * e4 / 180.0 + 517.0 * e6 / 5040.0) * np.sin(2.0 * beta)
        + (23.0 * e4 / 360.0 + 251.0 * e6 / 3780.0) * np.sin(4.0 * beta)
        + 761.0 * e6 / 45360.0 * np.sin(6.0 * beta)
    )


def _q(lat_deg: FloatArray) -> FloatArray:
    """Snyder's q (eq. 3-12): the surface from the equator to a latitude is π·a²·q."""
    s = np.sin(np.radians(lat_deg))
    return np.asarray((1.0 - _E2) * (s / (1.0 - _E2 * s * s) + np.arctanh(_E * s) / _E), dtype=np.float64)


class _Clipped:
    """Cells kept: row and column of each (n,), its point and its surface."""

    def __init__(
        self, row: IntArray, column: IntArray, lon: FloatArray, lat: FloatArray, area: FloatArray
    ) -> None:
        self.row, self.column = row, column
        self.lon_deg, self.lat_deg, self.area_m2 = _wrapped(lon), lat, area


def _cells(edges: FloatArray, columns: IntArray, region: Area | None) -> _Clipped:
    """Cells of rows between latitudes ``edges`` (rows + 1, north to south) cut into ``columns`` (rows,)."""
    q = _q(edges)
    each = math.pi * EQUATORIAL_RADIUS_M**2 * (q[:-1] - q[1:]) / columns
    if region is None:
        _check_count(int(columns.sum()))
        row = np.repeat(np.arange(len(columns), dtype=np.int64), columns)
        column = np.arange(len(row)) - np.repeat(np.cumsum(columns) - columns, columns)
        lon = -180.0 + (column + 0.5) * 360.0 / columns[row]
        return _Clipped(row, column, lon, (edges[row] + edges[row + 1]) / 2.0, each[row])
    if region.is_point:
        raise InputError(f"{region.name!r} is a single point: take a grid of points")
    parts: list[tuple[IntArray, IntArray, FloatArray, FloatArray, FloatArray]] = []
    west, south, east, north = region.geometry.bounds
    rows = np.flatnonzero((edges[:-1] > south) & (edges[1:] < north))
    span = [
        (max(0, int((west + 180.0) * n // 360.0)), min(n, int((east + 180.0) * n // 360.0) + 1))
        for n in columns[rows].tolist()
    ]
    _check_count(sum(last - first for first, last in span) // 4)  # a country fills about half of its box
    for number, (first, last) in zip(rows.tolist(), span, strict=True):
        bottom, top = float(edges[number + 1]), float(edges[number])
        parts.append(
            _row(region, bottom, top, number, first, last, int(columns[number]), float(each[number]))
        )
    row, column, lon, lat, area = (np.concatenate([part[k] for part in parts]) for k in range(5))
    _check_count(len(row))
    return _Clipped(row.astype(np.int64), column.astype(np.int64), lon, lat, area)


def _row(
    region: Area, bottom: float, top: float, row: int, first: int, last: int, columns: int, each: float
) -> tuple[IntArray, IntArray, FloatArray, FloatArray, FloatArray]:
    """The cells of one row that a region has a part of."""
    width = 360.0 / columns
    column = np.arange(first, last, dtype=np.int64)
    lefts = -180.0 + column * width
    floor, ceiling = np.full(len(lefts), bottom), np.full(len(lefts), top)
    boxes = shapely.box(lefts, floor, lefts + width, ceiling)
    strip = shapely.intersection(region.geometry, shapely.box(-180.0, bottom, 180.0, top))
    shapely.prepare(strip)  # far fewer vertices to cut each cell with than a whole country has
    touched = shapely.intersects(strip, boxes)
    column, boxes = column[touched], boxes[touched]
    area = np.full(len(column), each)
    lon: FloatArray = np.asarray(-180.0 + (column + 0.5) * width, dtype=np.float64)
    lat = np.full(len(column), (bottom + top) / 2.0)
    cut = ~shapely.covers(strip, boxes)
    pieces = shapely.intersection(strip, boxes[cut])
    area[cut] = surfaces_m2(pieces)
    away = np.flatnonzero(cut)[~shapely.intersects_xy(pieces, lon[cut], lat[cut])]
    if len(away):
        points = shapely.get_coordinates(shapely.point_on_surface(pieces[np.isin(np.flatnonzero(cut), away)]))
        lon[away], lat[away] = points[:, 0], points[:, 1]
    kept = area > 1e-9 * each  # touching at an edge only is no part
    return np.full(int(kept.sum()), row, dtype=np.int64), column[kept], lon[kept], lat[kept], area[kept]


def _unrolled(column: IntArray, columns: int) -> tuple[IntArray, int, int]:
    """Columns counted on past the antimeridian where that makes the raster narrower; its first and end."""
    used = np.unique(column)
    gaps = np.diff(np.concatenate([used, [used[0] + columns]]))
    widest = int(np.argmax(gaps))
    if widest == len(used) - 1 or gaps[widest] < 2:
        return column, int(used[0]), int(used[-1]) + 1
    first = int(used[widest + 1])
    column = np.where(column < first, column + columns, column)
    return column, first, int(used[widest]) + columns + 1


def _check_count(count: int) -> None:
    if count > MAX_GRID_CELLS:
        raise InputError(f"the grid has {count:,} cells, the limit is {MAX_GRID_CELLS:,}: take larger cells")


def _wrapped(lon_deg: FloatArray) -> FloatArray:
    return np.where(lon_deg >= 180.0, lon_deg - 360.0, lon_deg)
