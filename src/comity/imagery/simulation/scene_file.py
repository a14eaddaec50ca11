"""Ground taken from a GeoTIFF the user gives, in any projection."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from comity.core import InputError
from comity.imagery.grid import ImageGrid
from comity.imagery.simulation.ground import Heights, Paint


@contextmanager
def scene_paint(
    path: Path,
    grid: ImageGrid,
    bands: tuple[int, ...],
    scale: float | None,
    relief: Heights | None,
    height_m: float,
) -> Iterator[tuple[Paint, float]]:
    """Ground whose reflectance is that of a GeoTIFF, and the part (0…1) of the grid that it fills.

    ``bands``: of the file (from 1) in the instrument's order. ``scale``: reflectance of one count; None: as
    the file says, 1e-4 for 16-bit, 1/255 for 8-bit, 1 for real numbers. ``relief``: heights; without it, and
    where it knows none, ``height_m``. Where the scene has no data reflectance is 0.

    Raises :class:`InputError` naming the file: not readable, without georeference, band missing, beside the
    grid.
    """
    import rasterio
    from rasterio.enums import Resampling
    from rasterio.errors import RasterioError
    from rasterio.transform import Affine
    from rasterio.vrt import WarpedVRT

    try:
        with rasterio.open(path) as source:
            if source.crs is None or source.transform == Affine.identity():
                raise InputError(f"{path} has no georeference: a scene needs CRS and transform")
            wrong = [band for band in bands if not 1 <= band <= source.count]
            if wrong:
                raise InputError(f"{path} has {source.count} band(s), so no band {wrong[0]}")
            worth = [scale or _worth(source, band) for band in bands]
            with WarpedVRT(
                source,
                crs=rasterio.CRS.from_epsg(grid.epsg),
                transform=Affine(*grid.transform),
                width=grid.width,
                height=grid.height,
                resampling=_resampling(source, grid, Resampling),
                add_alpha=source.nodata is None and 4 not in source.mask_flag_enums[0],
                num_threads=1,
            ) as scene:
                covered = _covered(scene)
                if covered <= 0.0:
                    raise InputError(f"{path} does not cover the image's ground: another place, or wrong CRS")
                yield _painter(path, scene, grid, bands, worth, relief, height_m), covered
    except RasterioError as error:
        raise InputError(f"cannot read {path}: {error}") from error


def _worth(source: Any, band: int) -> float:
    stated = float(source.scales[band - 1])
    if stated != 1.0:
        return stated
    kind = source.dtypes[band - 1]
    return {"uint8": 1.0 / 255.0, "uint16": 1e-4, "int16": 1e-4}.get(kind, 1.0)


def _resampling(source: Any, grid: ImageGrid, kinds: Any) -> Any:
    """Averaging where the scene is finer than the grid, else a smooth line through its pixels."""
    from pyproj import Transformer

    a, b, c, d, e, f = tuple(source.transform)[:6]
    column, row = source.width / 2, source.height / 2
    x, y = a * column + b * row + c, d * column + e * row + f
    there = Transformer.from_crs(source.crs.to_wkt(), grid.epsg, always_xy=True)
    east, north = there.transform([x, x + a, x + b], [y, y + d, y + e])
    pixel = min(math.hypot(east[n] - east[0], north[n] - north[0]) for n in (1, 2))
    return kinds.average if pixel < 0.7 * grid.pixel_m else kinds.cubic


def _covered(scene: Any) -> float:
    """Part of the grid with data, looked at coarsely."""
    step = max(1, max(scene.width, scene.height) // 512)
    shape = (math.ceil(scene.height / step), math.ceil(scene.width / step))
    return float(_known(scene, out_shape=shape).mean())


def _known(scene: Any, **part: Any) -> NDArray[np.bool_]:
    """Where the scene has data; ``part``: as rasterio takes it."""
    if scene.colorinterp[-1].name == "alpha":
        # dataset_mask does not look at an alpha band that the warp has put on.
        return np.asarray(scene.read(scene.count, **part) > 0)
    return np.asarray(scene.dataset_mask(**part) > 0)


def _painter(
    path: Path,
    scene: Any,
    grid: ImageGrid,
    bands: tuple[int, ...],
    worth: list[float],
    relief: Heights | None,
    height_m: float,
) -> Paint:
    from pyproj import Transformer
    from rasterio.windows import Window

    back = Transformer.from_crs(grid.epsg, 4326, always_xy=True)

    def paint(first: int, last: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        window = Window(0, first, grid.width, last - first)
        counts = scene.read(list(bands), window=window).astype(np.float32)
        empty = ~_known(scene, window=window)
        colours = counts * np.array(worth, np.float32)[:, None, None]
        bad = empty | ~np.isfinite(colours).all(axis=0)
        colours[:, bad] = 0.0
        shape = (last - first, grid.width)
        if relief is None:
            return np.clip(colours, 0.0, None), np.full(shape, height_m, np.float32)
        x = grid.west + (np.arange(grid.width) + 0.5) * grid.pixel_m
        y = grid.north - (np.arange(first, last) + 0.5) * grid.pixel_m
        lon, lat = back.transform(*np.meshgrid(x, y))
        heights = np.asarray(relief.heights(lon, lat), np.float32)
        return np.clip(colours, 0.0, None), np.where(np.isfinite(heights), heights, np.float32(height_m))

    return paint
