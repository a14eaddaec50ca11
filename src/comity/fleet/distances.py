"""Distances over the ground: buffers in metres, the nearest point of a shape, how wide a shape is."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import LineString, MultiLineString, Point, box
from shapely.geometry.base import BaseGeometry

from comity.core import InputError
from comity.fleet.antimeridian import mended_on_earth, polygons_of
from comity.fleet.areas import area_km2

if TYPE_CHECKING:
    from pyproj import Geod

Mapping = Callable[[NDArray[np.float64]], NDArray[np.float64]]

#: Within this distance of its centre an azimuthal equidistant projection stretches by < 0.03 %.
_PIECE_M = 250_000.0


def widest_m(shape: BaseGeometry) -> float:
    """Mean width (m) of the widest of a shape's polygons: twice the area over the perimeter, geodesic."""
    parts = [part for part in polygons_of(shape) if part.area > 0.0]
    widths = [2e6 * area_km2(part) / _geod().geometry_length(part.boundary) for part in parts]
    return max(widths, default=0.0)


def buffer_m(shape: BaseGeometry, distance_m: float) -> BaseGeometry:
    """Everything within ``distance_m`` of a point, line or multi-line, cut at the antimeridian.

    Long lines are buffered in pieces, each in its own azimuthal equidistant projection, so that the
    distance is true on the ellipsoid to better than 0.1 % however long the line is.
    """
    if shape.is_empty:
        return shape
    pieces: list[Point | LineString]
    if isinstance(shape, Point):
        pieces = [shape]
    elif isinstance(shape, LineString):
        pieces = [*_pieces(shape)]
    elif isinstance(shape, MultiLineString):
        pieces = [piece for line in shape.geoms for piece in _pieces(line)]
    else:
        raise InputError(f"cannot buffer a {shape.geom_type}")
    buffered = [_buffer_piece(piece, distance_m) for piece in pieces]
    return shapely.union_all(buffered)


def distance_m(shape: BaseGeometry, lon: float, lat: float) -> float:
    """Distance (m) from a position to the nearest point of a shape near it (azimuthal equidistant)."""
    there, _ = _plane(lon, lat)
    near = shape.intersection(box(lon - 3, max(lat - 1.5, -90), lon + 3, min(lat + 1.5, 90)))
    if near.is_empty:
        return math.inf
    return float(shapely.transform(near, there).distance(Point(0.0, 0.0)))


def _plane(lon: float, lat: float) -> tuple[Mapping, Mapping]:
    """Azimuthal equidistant projection about a centre (degrees → m) and its inverse, (n, 2) arrays."""
    from pyproj import Proj  # here and below: loading PROJ takes time that few commands need

    flat = Proj(proj="aeqd", lat_0=lat, lon_0=lon, ellps="WGS84")
    return (
        lambda xy: np.column_stack(flat(xy[:, 0], xy[:, 1])),
        lambda xy: np.column_stack(flat(xy[:, 0], xy[:, 1], inverse=True)),
    )


def _buffer_piece(piece: Point | LineString, distance: float) -> BaseGeometry:
    centre = piece if isinstance(piece, Point) else piece.interpolate(0.5, normalized=True)
    there, back = _plane(centre.x, centre.y)
    flat = shapely.transform(piece, there).buffer(distance, quad_segs=16)
    ring = shapely.get_coordinates(shapely.transform(flat, back).exterior)
    return mended_on_earth(ring)


def _pieces(line: LineString) -> list[LineString]:
    """Cut a line into stretches of at most two ``_PIECE_M``."""
    coords = np.array(line.coords)
    steps = np.asarray(_geod().inv(coords[:-1, 0], coords[:-1, 1], coords[1:, 0], coords[1:, 1])[2])
    along = np.concatenate([[0.0], np.cumsum(steps)])
    count = max(1, math.ceil(along[-1] / (2 * _PIECE_M)))
    cuts = np.unique(np.searchsorted(along, np.linspace(0, along[-1], count + 1)[1:-1]))
    edges = [0, *[int(c) for c in cuts if 0 < c < len(coords) - 1], len(coords) - 1]
    return [LineString(coords[a : b + 1]) for a, b in pairwise(edges)]


@cache
def _geod() -> Geod:
    from pyproj import Geod

    return Geod(ellps="WGS84")
