"""Where land ends: signed distance to the coast on an image grid."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.transform import Affine
from scipy.ndimage import distance_transform_edt
from shapely import affinity
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from comity.imagery.grid import ImageGrid, inside
from comity.imagery.scenery.sheets import Sheet

#: Land inside west, south, east, north (degrees; west > east crosses the antimeridian), lon/lat.
LandIn = Callable[[float, float, float, float], BaseGeometry]

#: Distances count up to here; farther from the coast nothing depends on it.
REACH_M = 12_000.0


def coast_sheet(grid: ImageGrid, land_in: LandIn) -> Sheet:
    """Distance to the coast, m, positive on land, to ``REACH_M``; nodes about 60 m or 2 pixels apart."""
    step = max(1 if grid.pixel_m > 1_500.0 else 2, min(32, round(60.0 / grid.pixel_m)))
    node_m = step * grid.pixel_m
    # The margin lets coasts just outside tint the water inside, as they do in the next image.
    margin = max(4, min(math.ceil(REACH_M / node_m), 160))
    rows = math.ceil(grid.height / step) + 2 + 2 * margin
    cols = math.ceil(grid.width / step) + 2 + 2 * margin
    west = grid.west - (margin + 0.5) * node_m
    north = grid.north + (margin + 0.5) * node_m
    land = _land_on(grid, land_in, (west, north - rows * node_m, west + cols * node_m, north), node_m)
    if land.is_empty:
        return Sheet(np.full((rows, cols), -REACH_M, np.float32), step, margin)
    mask = inside(land, rows, cols, Affine(node_m, 0.0, west, 0.0, -node_m, north))
    if mask.all():
        return Sheet(np.full((rows, cols), REACH_M, np.float32), step, margin)
    inland = (
        distance_transform_edt(mask).astype(np.float32) if mask.any() else np.zeros(mask.shape, np.float32)
    )
    offshore = distance_transform_edt(~mask).astype(np.float32)
    # Half a node from either side to the line between them.
    distance = (inland - offshore - np.where(mask, 0.5, -0.5)) * node_m
    return Sheet(np.clip(distance, -REACH_M, REACH_M).astype(np.float32), step, margin)


def _land_on(
    grid: ImageGrid, land_in: LandIn, bounds: tuple[float, float, float, float], node_m: float
) -> BaseGeometry:
    """Land within map bounds (m), in the grid's projection."""
    west, south, east, north = lonlat_bounds(grid, bounds)
    if east - west >= 360.0:
        found = land_in(-180.0, south, 180.0, north)
    else:
        found = land_in(_turned(west), south, _turned(east), north)
    if found.is_empty:
        return found
    middle = grid.centre_deg[0]
    parts = []
    for part in shapely.get_parts(found):
        turns = round((middle - (part.bounds[0] + part.bounds[2]) / 2) / 360.0)
        parts.append(affinity.translate(part, 360.0 * turns) if turns else part)
    simple = shapely.simplify(shapely.GeometryCollection(parts), node_m / 4.0 / 111_000.0)
    there = Transformer.from_crs(4326, grid.epsg, always_xy=True)

    def project(positions: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(there.transform(positions[:, 0], positions[:, 1]))

    fine = shapely.segmentize(simple, max(0.02, 20 * node_m / 111_000.0))
    projected = shapely.transform(fine, project)
    return shapely.clip_by_rect(shapely.make_valid(projected), *bounds)


def lonlat_bounds(
    grid: ImageGrid, bounds: tuple[float, float, float, float]
) -> tuple[float, float, float, float]:
    """West, south, east, north (degrees) around map bounds (m); longitudes run on from the centre."""
    back = Transformer.from_crs(grid.epsg, 4326, always_xy=True)
    west, south, east, north = bounds
    rim = shapely.segmentize(box(west, south, east, north).exterior, max(east - west, north - south) / 40)
    x, y = shapely.get_coordinates(rim).T
    lon, lat = (np.asarray(part) for part in back.transform(x, y))
    polar = grid.epsg in (5041, 5042)
    if polar and west < 2e6 < east and south < 2e6 < north:  # the pole lies inside
        near = (float(lat.min()), 90.0) if grid.centre_deg[1] > 0 else (-90.0, float(lat.max()))
        return (-180.0, near[0], 180.0, near[1])
    middle = grid.centre_deg[0]
    lon = middle + (lon - middle + 180.0) % 360.0 - 180.0
    return (float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max()))


def _turned(lon: float) -> float:
    return (lon + 180.0) % 360.0 - 180.0
