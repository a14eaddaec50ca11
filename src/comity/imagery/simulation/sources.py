"""Where a simulated ground comes from, how high it lies, and its relief as a file for the processing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from comity.core import InputError
from comity.imagery.geometry.geoid import EGM96, open_geoid
from comity.imagery.geometry.model import SensorModel
from comity.imagery.grid import ImageGrid
from comity.imagery.processing.blocks import fingerprint, write_cog
from comity.imagery.processing.raster import RasterLayout
from comity.imagery.scenery.spectra import Band
from comity.imagery.simulation import ground as grounds
from comity.imagery.simulation.ground import Ground, Heights, Paint
from comity.imagery.simulation.scene_file import scene_paint

Floats = NDArray[np.float64]

#: The DEM that comes with a made-up scene has a post for every so many pixels of its ground.
_DEM_STEP = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneFile:
    """A GeoTIFF to use as the ground.

    ``bands``: of the file, from 1, in the instrument's order; None: the first ones. ``scale``: reflectance
    of one count; None: as the file says, 1e-4 for 16-bit, 1/255 for 8-bit, 1 for real numbers.
    """

    path: Path
    bands: tuple[int, ...] | None = None
    scale: float | None = None


def height_limits(
    model: SensorModel, scene: SceneFile | None, relief: Heights | None, height_m: float
) -> tuple[float, float]:
    """Ellipsoidal heights (m) between which the ground of an image surely lies."""
    if scene is not None and relief is None:
        return height_m - 1.0, height_m + 1.0
    footprint = grounds.footprint_of(model, 0.0, 1.0)
    if relief is None:
        low, high = grounds.relief_limits(footprint)
        lift = geoid_at(*(np.array([value]) for value in footprint.centroid.coords[0]))
        return low + float(lift[0]), high + float(lift[0])
    # What stands around may come into view.
    west, south, east, north = footprint.buffer(0.05).bounds
    lon, lat = np.meshgrid(np.linspace(west, east, 96), np.linspace(south, north, 96))
    found = np.asarray(relief.heights(lon, lat))
    if not np.isfinite(found).any():
        raise InputError(
            f"the DEM knows no height within {west:.3f}…{east:.3f}° E, {south:.3f}…{north:.3f}° N, "
            "where the image looks"
        )
    room = 50.0 + 0.2 * float(np.nanmax(found) - np.nanmin(found))
    return float(np.nanmin(found)) - room, float(np.nanmax(found)) + room


def geoid_at(lon: Floats, lat: Floats) -> Floats:
    """EGM96 above the ellipsoid, m."""
    geoid = open_geoid(EGM96)
    assert geoid is not None
    return geoid.undulation_m(lon, lat)


@contextmanager
def painter(
    grid: ImageGrid,
    scene: SceneFile | None,
    bands: Sequence[Band],
    relief: Heights | None,
    *,
    height_m: float,
    month: int,
    seed: int,
) -> Iterator[tuple[Paint, float]]:
    """What paints a grid, and the part (0…1) of it that there is a scene for."""
    if scene is None:
        yield grounds.scenery_paint(grid, bands, month=month, seed=seed, geoid=geoid_at), 1.0
        return
    chosen = scene.bands or tuple(range(1, len(bands) + 1))
    if len(chosen) != len(bands):
        raise InputError(f"{len(chosen)} bands of {scene.path} for the instrument's {len(bands)}")
    with scene_paint(scene.path, grid, chosen, scene.scale, relief, height_m) as found:
        yield found


def write_relief(ground: Ground, path: Path) -> Path:
    """The ground's heights above EGM96 as a GeoTIFF, a post for every second pixel of its grid."""
    import rasterio
    from pyproj import Transformer
    from rasterio.transform import Affine
    from rasterio.windows import Window

    grid, step = ground.grid, _DEM_STEP
    rows, columns = grid.height // step, grid.width // step
    back = Transformer.from_crs(grid.epsg, 4326, always_xy=True)
    # Posts stand on centres of pixels, so their own pixels begin half a step before.
    west = grid.west + 0.5 * grid.pixel_m - 0.5 * step * grid.pixel_m
    north = grid.north - 0.5 * grid.pixel_m + 0.5 * step * grid.pixel_m
    layout = RasterLayout(
        crs=rasterio.CRS.from_epsg(grid.epsg),
        transform=Affine(step * grid.pixel_m, 0.0, west, 0.0, -step * grid.pixel_m, north),
        width=columns,
        height=rows,
        dtype="float32",
        bands=("height",),
        nodata=-32768.0,
    )

    def render(window: Window) -> NDArray[np.float32]:
        first, left = window.row_off, window.col_off
        part = ground.height[
            first * step : (first + window.height) * step : step,
            left * step : (left + window.width) * step : step,
        ]
        # The geoid is smooth: a coarse mesh between the window's corners carries it.
        at_row = np.linspace(first, first + window.height - 1, 9) * step
        at_column = np.linspace(left, left + window.width - 1, 9) * step
        x = grid.west + (at_column + 0.5) * grid.pixel_m
        y = grid.north - (at_row + 0.5) * grid.pixel_m
        mesh = geoid_at(*back.transform(*np.meshgrid(x, y)))
        along = _stretched(window.height, 9)
        across = _stretched(window.width, 9)
        lift = along @ mesh @ across.T
        return np.asarray(part - lift, np.float32)[None]

    return write_cog(
        path,
        layout,
        render,
        recipe=fingerprint("relief", grid.west, grid.north, ground.height[:: max(1, rows // 64)]),
        tags={"SIMULATED": "YES", "COMITY_HEIGHTS": "above EGM96, m"},
    )


def _stretched(count: int, nodes: int) -> Floats:
    """Weights (count, nodes) of a line through ``nodes`` even nodes at ``count`` even places."""
    at = np.linspace(0.0, nodes - 1.0, count)
    left = np.minimum(at.astype(int), nodes - 2)
    weights = np.zeros((count, nodes))
    weights[np.arange(count), left] = 1.0 - (at - left)
    weights[np.arange(count), left + 1] = at - left
    return weights
