"""An area in small pieces of like size: what "how much of it is covered" is counted in."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from comity.core import InputError
from comity.fleet import Area
from comity.fleet.antimeridian import polygons_of
from comity.fleet.areas import surfaces_m2
from comity.orbits.geodesy import EQUATORIAL_RADIUS_M

FloatArray = NDArray[np.float64]

#: More cells than this are refused.
MAX_CELLS = 200_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """``points`` (n, 2) lon, lat degrees, each inside the area; ``weights`` (n,) of its surface, sum 1."""

    points: FloatArray
    weights: FloatArray

    def covered(self, geometry: shapely.Geometry) -> NDArray[np.intp]:
        """Indices of the cells whose point lies in ``geometry`` (within ±180°)."""
        shapely.prepare(geometry)
        return np.flatnonzero(shapely.intersects_xy(geometry, self.points[:, 0], self.points[:, 1]))


def cells(area: Area, size_m: float) -> Cells:
    """Cut an area along a world-wide grid of rows ``size_m`` high with cells about as wide.

    The grid does not depend on the area (rows counted from the south pole, columns from −180°), so two
    areas that overlap share their cells. A cell on the edge counts with the surface of its part inside.
    A point has one cell.

    Raises
    ------
    InputError : ``size_m`` is not positive or would give more than 200 000 cells.
    """
    if not (math.isfinite(size_m) and size_m > 0.0):
        raise InputError(f"cell size {size_m!r} m is not a positive length")
    if area.is_point:
        return Cells(points=shapely.get_coordinates(area.geometry), weights=np.ones(1))
    expected = 1e6 * area.area_km2 / size_m**2
    if expected > MAX_CELLS:
        raise InputError(
            f"{area.name!r} would have {expected:,.0f} cells of {size_m:g} m, the limit is {MAX_CELLS:,}: "
            "take larger cells"
        )
    pieces = [piece for part in polygons_of(area.geometry) for piece in _pieces(part, size_m)]
    array = np.array(pieces, dtype=object)
    surface = surfaces_m2(array)
    keep = surface > 1e-9 * surface.sum()
    array, surface = array[keep], surface[keep]
    points = shapely.get_coordinates(shapely.centroid(array))
    outside = ~shapely.contains_xy(array, points)
    with np.errstate(over="ignore"):  # GEOS overflows on its way through slivers, without harm
        points[outside] = shapely.get_coordinates(shapely.point_on_surface(array[outside]))
    return Cells(points=points, weights=surface / surface.sum())


def _pieces(part: shapely.Polygon, size_m: float) -> list[shapely.Geometry]:
    west, south, east, north = part.bounds
    rows = max(1, math.ceil(math.pi * EQUATORIAL_RADIUS_M / size_m))
    height = 180.0 / rows
    shapely.prepare(part)
    pieces: list[shapely.Geometry] = []
    for row in range(max(0, int((south + 90.0) // height)), min(rows, int((north + 90.0) // height) + 1)):
        bottom = -90.0 + row * height
        middle = math.radians(bottom + height / 2.0)
        columns = max(1, round(2.0 * math.pi * EQUATORIAL_RADIUS_M * math.cos(middle) / size_m))
        width = 360.0 / columns
        first, last = max(0, int((west + 180.0) // width)), min(columns, int((east + 180.0) // width) + 1)
        lefts = -180.0 + np.arange(first, last) * width
        floor, ceiling = np.full(len(lefts), bottom), np.full(len(lefts), min(90.0, bottom + height))
        boxes = shapely.box(lefts, floor, lefts + width, ceiling)
        boxes = boxes[shapely.intersects(part, boxes)]
        whole = shapely.contains_properly(part, boxes)
        pieces.extend(boxes[whole])
        cut = shapely.intersection(part, boxes[~whole])
        pieces.extend(piece for piece in cut if piece.area > 0.0)
    return pieces
