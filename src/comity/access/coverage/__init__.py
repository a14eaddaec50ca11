"""Coverage and revisit: how often, how soon and how much of the ground a constellation sees."""

from comity.access.coverage.builders import (
    MAX_GRID_CELLS,
    box,
    country,
    equal_area_grid,
    healpix_grid,
    inside,
    lat_lon_grid,
    points_grid,
    zone,
)
from comity.access.coverage.chunks import ChunkJob, ChunkResult, cover_chunk
from comity.access.coverage.engine import coverage
from comity.access.coverage.grids import Grid, GridKind, Raster
from comity.access.coverage.result import PERCENTILES, Coverage, Lost, Options
from comity.access.coverage.sensors import Sensor

__all__ = [
    "MAX_GRID_CELLS",
    "PERCENTILES",
    "ChunkJob",
    "ChunkResult",
    "Coverage",
    "Grid",
    "GridKind",
    "Lost",
    "Options",
    "Raster",
    "Sensor",
    "box",
    "country",
    "cover_chunk",
    "coverage",
    "equal_area_grid",
    "healpix_grid",
    "inside",
    "lat_lon_grid",
    "points_grid",
    "zone",
]
