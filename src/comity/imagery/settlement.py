"""Towns on an image grid: how densely built each place is, from the towns' people."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

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
    lon, lat = grid.nodes(step, 1)
    density = np.zeros(lon.shape, np.float32)
    reach = np.zeros(lon.shape, np.float32)
    west, south, east, north = lonlat_bounds(grid, grid.bounds)
    pad = 1.0
    near = towns_in((west - pad / max(0.1, math.cos(math.radians(max(abs(south), abs(north))))), south - pad, east + pad, north + pad))
    km_per_node = step * grid.pixel_m / 1000.0
    for town_lon, town_lat, people in zip(near.lon, near.lat, near.people_k, strict=True):
        radius = math.sqrt(people * 1000.0 / (_PER_KM2 * (people / 500.0) ** 0.25) / math.pi)
        # Only nodes a town can reach; positions vary evenly enough to find them by nearest node.
        far = 3.0 * (2.5 * radius + 4.0)
        east_km = (lon - town_lon) * 111.32 * math.cos(math.radians(town_lat))
        north_km = (lat - town_lat) * 110.57
        if not (np.abs(east_km).min() < far and np.abs(north_km).min() < far):
            continue
        away = np.hypot(east_km, north_km)
        blur = 0.28 * radius + 0.25 * km_per_node
        density = np.maximum(density, 1.0 / (1.0 + np.exp(np.clip((away - radius) / blur, -30, 30))))
        reach = np.maximum(reach, np.exp(-away / (2.5 * radius + 4.0)))
    return TownSheets(Sheet(density.astype(np.float32), step, 1), Sheet(reach.astype(np.float32), step, 1))
