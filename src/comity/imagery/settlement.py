"""Towns on an image grid: how densely built each place is, from the towns' people."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

from comity.imagery.coast import lonlat_bounds
from comity.imagery.grid import ImageGrid
from comity.imagery.ground import towns_in
from comity.imagery.sheets import Sheet

#: People per km² of built-up area in a town of half a million; larger ones are denser, about with the
#: fourth root of their people (after Demographia's World Urban Areas).
_PER_KM2 = 5_000.0


@dataclass(frozen=True, slots=True)
class TownSheets:
    """``density``: 0 open country … 1 city centre. ``reach``: 0 … 1 how near people live."""

    density: Sheet
    reach: Sheet


def town_sheets(grid: ImageGrid, step: int) -> TownSheets:
    """Built density and nearness of towns at nodes ``step`` pixels apart."""
    margin = 1
    node_m = step * grid.pixel_m
    shape = (math.ceil(grid.height / step) + 2 + 2 * margin, math.ceil(grid.width / step) + 2 + 2 * margin)
    density, reach = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    west, south, east, north = grid.bounds
    pad = 100_000.0
    towns = towns_in(lonlat_bounds(grid, (west - pad, south - pad, east + pad, north + pad)))
    x, y = Transformer.from_crs(4326, grid.epsg, always_xy=True).transform(towns.lon, towns.lat)
    # Positions in nodes, sizes too.
    at_col = (np.asarray(x) - grid.west) / node_m + margin
    at_row = (grid.north - np.asarray(y)) / node_m + margin
    radii = _radius_m(towns.people_k) / node_m
    rims = 2.5 * radii + 4_000.0 / node_m
    for row, col, radius, rim in zip(at_row, at_col, radii, rims, strict=True):
        far = 4.0 * rim
        if not (-far < row < shape[0] + far and -far < col < shape[1] + far):
            continue
        r0, r1 = max(0, int(row - far)), min(shape[0], int(row + far) + 2)
        c0, c1 = max(0, int(col - far)), min(shape[1], int(col + far) + 2)
        if r0 >= r1 or c0 >= c1:
            continue
        rows = np.arange(r0, r1, dtype=np.float32)[:, None] - np.float32(row)
        cols = np.arange(c0, c1, dtype=np.float32) - np.float32(col)
        away = np.sqrt(rows * rows + cols * cols)
        blur = np.float32(0.28 * radius + 0.25)
        built = 1.0 / (1.0 + np.exp(np.clip((away - np.float32(radius)) / blur, -30, 30)))
        for sheet, value in ((density, built), (reach, np.exp(-away / np.float32(rim)))):
            window = sheet[r0:r1, c0:c1]
            np.maximum(window, value, out=window)
    return TownSheets(Sheet(density, step, margin), Sheet(reach, step, margin))


def _radius_m(people_k: NDArray[np.float64]) -> NDArray[np.float64]:
    """Radius of the built-up area of towns with so many thousand people."""
    per_km2 = _PER_KM2 * (people_k / 500.0) ** 0.25
    return np.sqrt(people_k * 1000.0 / per_km2 / math.pi) * 1000.0
