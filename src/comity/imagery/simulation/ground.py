"""The ground under a simulated image, ready to be looked at: reflectance, height and the light on it.

Kept in files of a working folder and looked at through the memory map, so that it may be larger than memory.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from shapely import MultiPoint
from shapely.geometry.base import BaseGeometry

from comity.core import InputError, Progress, silent
from comity.fleet import territories
from comity.imagery.geometry.model import SensorModel
from comity.imagery.grid import ImageGrid, image_grid
from comity.imagery.scenery import ground as known
from comity.imagery.scenery.scene import Scene
from comity.imagery.scenery.sensing import Light
from comity.imagery.scenery.sky import CloudCover, cloud_cover
from comity.imagery.scenery.spectra import Band
from comity.imagery.simulation import kernels

Floats = NDArray[np.float64]

#: What one count of the stored layers is worth.
REFLECTANCE_STEP = 5e-5
LIGHT_STEP = 2e-4
#: The Sun's apparent diameter, radians.
_SUN_DISC = 0.0093
#: Ground beside the footprint, m: shadows and stray lines of sight come from there.
_BESIDE_M = 200.0
_MOST_PIXELS = 40_000_000_000
_CLOUD_PIXELS = 4_000_000
_BLOCK_PIXELS = 1_000_000

#: Fills rows first … last − 1 of (reflectance (bands, rows, cols), ellipsoidal height (rows, cols) m).
Paint = Callable[[int, int], tuple[NDArray[np.float32], NDArray[np.float32]]]


class Heights(Protocol):
    """Relief: :class:`comity.imagery.geometry.dem.Dem` is one."""

    def heights(self, lon_deg: Floats, lat_deg: Floats) -> Floats:
        """Ellipsoidal heights (m) at lon, lat; NaN where not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sky:
    """Clouds over the ground: their field on a coarser grid, and their height above the ellipsoid (m)."""

    cover: CloudCover
    grid: ImageGrid
    opacity: NDArray[np.float32]
    bright: NDArray[np.float32]
    shade: NDArray[np.float32]
    height_m: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Reflectance, height and light on a grid.

    ``reflectance`` (bands, rows, cols) uint16 in ``REFLECTANCE_STEP``; ``height`` (rows, cols) float32, m
    above the ellipsoid; ``direct`` and ``sky_part`` (rows, cols) uint16 in ``LIGHT_STEP``: direct light by
    that on level ground in the open, and the part of the sky in sight. ``lowest``, ``highest``: of
    ``height``; ``steep``: most metres it rises from a pixel to the next. ``covered``: part of the grid that
    the scene fills.
    """

    grid: ImageGrid
    reflectance: NDArray[np.uint16]
    height: NDArray[np.float32]
    direct: NDArray[np.uint16]
    sky_part: NDArray[np.uint16]
    lowest: float
    highest: float
    steep: float
    covered: float

    def pixels(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Column and row (whole numbers: centres) of map positions (m)."""
        return (x - self.grid.west) / self.grid.pixel_m - 0.5, (self.grid.north - y) / self.grid.pixel_m - 0.5


def footprint_of(model: SensorModel, low_m: float, high_m: float) -> BaseGeometry:
    """Lon/lat hull of what an image sees between two heights; :class:`InputError` if it misses the Earth."""
    rows, columns = model.shape
    along = np.linspace(-1.0, rows, 33)
    across = np.linspace(-1.0, columns, 33)
    column = np.concatenate([across, across, np.full(33, -1.0), np.full(33, columns)])
    row = np.concatenate([np.full(33, -1.0), np.full(33, rows), along, along])
    points = [np.column_stack(model.locate(column, row, height)) for height in (low_m, high_m)]
    found = np.concatenate(points)
    if not np.isfinite(found).all():
        raise InputError(
            "the image's rim does not meet the ground everywhere: its geometry cannot be simulated"
        )
    if np.ptp(found[:, 0]) > 180.0:
        found[:, 0] %= 360.0
    return MultiPoint(found).convex_hull


def ground_pixel_m(model: SensorModel, height_m: float) -> float:
    """Ground sample distance in the middle of an image: the finer of its two directions."""
    from pyproj import Geod

    rows, columns = model.shape
    c, r = (columns - 1) / 2, (rows - 1) / 2
    lon, lat = model.locate(np.array([c - 1, c + 1, c, c]), np.array([r, r, r - 1, r + 1]), height_m)
    _, _, length = Geod(ellps="WGS84").inv(lon[[0, 2]], lat[[0, 2]], lon[[1, 3]], lat[[1, 3]])
    return float(min(length)) / 2


def ground_grid(footprint: BaseGeometry, pixel_m: float) -> ImageGrid:
    """The grid that a footprint and some ground around it need."""
    grid = image_grid(footprint, pixel_m, _MOST_PIXELS)
    if grid.pixel_m > pixel_m * 1.001:
        raise InputError("the image covers too much ground for its pixels: simulate a part of it")
    beside = math.ceil(_BESIDE_M / pixel_m) + 8
    return replace(
        grid,
        west=grid.west - beside * pixel_m,
        north=grid.north + beside * pixel_m,
        width=grid.width + 2 * beside,
        height=grid.height + 2 * beside,
    )


def scenery_paint(
    grid: ImageGrid,
    bands: Sequence[Band],
    *,
    month: int,
    seed: int,
    geoid: Callable[[Floats, Floats], Floats],
) -> Paint:
    """Ground as :mod:`comity.imagery.scenery` knows and makes it; ``geoid``: its height (m) at lon, lat."""
    scene = Scene(
        grid=grid,
        bands=bands,
        light=Light(sun_elevation_deg=90.0, sun_azimuth_deg=0.0, incidence_deg=0.0),
        cloud=0.0,
        month=month,
        ground_key=f"{seed}",
        sky_key="",
        land_in=territories.land_in,
    )
    step = max(1, round(2_000.0 / grid.pixel_m))
    lon, lat = grid.nodes(step)
    lift = np.asarray(geoid(lon, lat), np.float64)

    def paint(first: int, last: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        reflectance, height = scene.surface(first, last)
        # Nodes stand at corners of pixels.
        at = np.arange(first, last) + 0.5
        below = np.minimum((at // step).astype(int), len(lift) - 2)
        part = (at / step - below)[:, None]
        rows = lift[below] * (1 - part) + lift[below + 1] * part
        columns = (np.arange(grid.width) + 0.5) / step
        left = np.minimum(columns.astype(int), lift.shape[1] - 2)
        side = columns - left
        return reflectance, height + (rows[:, left] * (1 - side) + rows[:, left + 1] * side).astype(
            np.float32
        )

    return paint


def relief_limits(footprint: BaseGeometry) -> tuple[float, float]:
    """Heights (m above the ellipsoid, geoid left out) between which made-up relief lies there, with room."""
    west, south, east, north = footprint.buffer(0.05).bounds
    lon, lat = np.meshgrid(np.linspace(west, east, 24), np.linspace(south, north, 24))
    relief = known.relief(lon, lat)
    room = 150.0 + 3.0 * float(relief.scatter_m.max())
    return float(relief.height_m.min()) - room, float(relief.height_m.max()) + room


def lay_ground(
    grid: ImageGrid,
    bands: int,
    paint: Paint,
    sun: tuple[float, float],
    folder: Path,
    *,
    covered: float = 1.0,
    progress: Progress = silent,
) -> Ground:
    """Paint a grid block by block into files of ``folder``, then light it.

    ``sun``: elevation and azimuth of the Sun (degrees, from true north). Raises :class:`InputError` naming
    the folder when it cannot be written.
    """
    shape = (grid.height, grid.width)
    reflectance = layer(folder / "reflectance", (bands, *shape), np.uint16)
    height = layer(folder / "height", shape, np.float32)
    direct = layer(folder / "direct", shape, np.uint16)
    sky_part = layer(folder / "sky", shape, np.uint16)
    block = max(16, _BLOCK_PIXELS // grid.width // 16 * 16)
    total = 2 * grid.height
    for first in range(0, grid.height, block):
        last = min(first + block, grid.height)
        colours, heights = paint(first, last)
        reflectance[:, first:last] = np.clip(np.rint(colours / REFLECTANCE_STEP), 0, 65_535)
        height[first:last] = heights
        progress(last, total, "ground")
    lowest, highest, steep = _limits(height, block)
    elevation, azimuth = math.radians(sun[0]), math.radians(sun[1] + grid.convergence_deg())
    line = (
        math.cos(elevation) * math.sin(azimuth),
        math.cos(elevation) * math.cos(azimuth),
        math.sin(elevation),
    )
    for first in range(0, grid.height, block):
        last = min(first + block, grid.height)
        lit, open_sky = kernels.light_on_relief(height, first, last, grid.pixel_m, line, highest, _SUN_DISC)
        direct[first:last] = np.clip(np.rint(lit / LIGHT_STEP), 0, 65_535)
        sky_part[first:last] = np.rint(open_sky / LIGHT_STEP)
        progress(grid.height + last, total, "light")
    return Ground(
        grid=grid,
        reflectance=reflectance,
        height=height,
        direct=direct,
        sky_part=sky_part,
        lowest=lowest,
        highest=highest,
        steep=steep,
        covered=covered,
    )


def layer(path: Path, shape: tuple[int, ...], kind: type[np.generic]) -> NDArray[Any]:
    """A new array in a file of its own; :class:`InputError` naming a file that the disk cannot hold."""
    try:
        with path.open("xb") as file:
            # Reserved now: a map of a file that the disk cannot hold would end the process later.
            os.posix_fallocate(file.fileno(), 0, math.prod(shape) * np.dtype(kind).itemsize)
        return np.asarray(np.memmap(path, dtype=kind, mode="r+", shape=shape))
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error


def _limits(height: NDArray[np.float32], block: int) -> tuple[float, float, float]:
    lowest, highest, steep = math.inf, -math.inf, 0.0
    for first in range(0, len(height), block):
        part = height[first : first + block + 1]
        lowest, highest = min(lowest, float(part.min())), max(highest, float(part.max()))
        steps = (np.abs(np.diff(part, axis=0)), np.abs(np.diff(part, axis=1)))
        steep = max(steep, *(float(step.max(initial=0.0)) for step in steps))
    return lowest, highest, steep


def sky_over(ground: Ground, fraction: float, sun: tuple[float, float], key: str) -> Sky | None:
    """Clouds that cover ``fraction`` (0…1) of the footprint; None for a clear sky. ``sun`` as above."""
    if not 0.0 <= fraction <= 1.0:
        raise InputError(f"cloud {fraction:g} is outside 0…1 (a fraction, not percent)")
    fine = ground.grid
    pixel = max(fine.pixel_m, 8.0, math.sqrt(fine.width * fine.height / _CLOUD_PIXELS) * fine.pixel_m)
    # Lines of sight pass the clouds beside the ground they end on.
    beside = math.ceil(2_000.0 / pixel)
    grid = replace(
        fine,
        west=fine.west - beside * pixel,
        north=fine.north + beside * pixel,
        pixel_m=pixel,
        width=math.ceil(fine.width * fine.pixel_m / pixel) + 2 * beside,
        height=math.ceil(fine.height * fine.pixel_m / pixel) + 2 * beside,
    )
    cover = cloud_cover(grid, fraction, sun[0], sun[1] + grid.convergence_deg(), key)
    if cover is None:
        return None
    opacity, bright = cover.opacity(0, grid.height, grid.width)
    # The base, from how far a shadow falls; beyond 76° of zenith distance shadows are drawn shorter.
    reach = math.hypot(*cover.shadow_px) * pixel
    base = reach / min(4.0, 1.0 / math.tan(math.radians(max(sun[0], 5.0))))
    return Sky(
        cover=cover,
        grid=grid,
        opacity=opacity,
        bright=bright,
        shade=cover.shade(0, grid.height, grid.width),
        height_m=base + 0.5 * (ground.lowest + ground.highest),
    )
