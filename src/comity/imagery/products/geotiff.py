"""Cloud-optimised GeoTIFF: blocks in, bytes of a finished file out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader, MemoryFile
from rasterio.shutil import copy as copy_raster
from rasterio.transform import Affine
from rasterio.windows import Window

from comity.core import ComityError
from comity.imagery.gdal import bounded_cache
from comity.imagery.grid import ImageGrid, inside
from comity.imagery.scenery.spectra import Band

NODATA = 0
#: Pixels rendered at a time: enough to be quick, few enough to stay in the processor's cache.
_BLOCK_PIXELS = 320_000
_TILE = 512
_COLOURS = {"red": ColorInterp.red, "green": ColorInterp.green, "blue": ColorInterp.blue}


@contextmanager
def cloud_optimised(
    grid: ImageGrid,
    bands: Sequence[Band],
    scales: Sequence[float],
    render: Callable[[int, int], NDArray[np.uint16]],
    tags: Mapping[str, str],
) -> Iterator[MemoryFile]:
    """The image of a grid as a COG in memory, closed when the context ends.

    ``render(first, last)`` gives counts (bands, rows, cols) of rows first … last − 1; pixels whose
    centre is outside the footprint become nodata (0). ``scales``: per band, what one count is worth.
    Tiles of 512², DEFLATE with horizontal predictor, overviews by averaging. Memory holds the
    packed image about twice and a block of rows.
    """
    profile = {
        "driver": "GTiff",
        "dtype": "uint16",
        "count": len(bands),
        "width": grid.width,
        "height": grid.height,
        "crs": rasterio.CRS.from_epsg(grid.epsg),
        "transform": Affine(*grid.transform),
        "nodata": NODATA,
        "photometric": "MINISBLACK",
        "interleave": "band",
    }
    if grid.width * grid.height > 4_000_000:
        profile |= {"tiled": True, "blockxsize": _TILE, "blockysize": _TILE}
        profile |= {"compress": "ZSTD", "zstd_level": 1, "predictor": 2}
    block = max(16, min(512, _BLOCK_PIXELS // grid.width) // 16 * 16)
    try:
        with (
            bounded_cache(64),
            MemoryFile() as raw,
            MemoryFile(ext=".tif") as packed,
        ):
            with raw.open(**profile) as image:
                image.colorinterp = [_COLOURS.get(band.name, ColorInterp.gray) for band in bands]
                image.descriptions = [band.name for band in bands]
                image.scales = tuple(scales)
                image.update_tags(**tags)
                for first in range(0, grid.height, block):
                    last = min(first + block, grid.height)
                    counts = render(first, last)
                    counts[:, ~_inside(grid, first, last)] = NODATA
                    image.write(counts, window=Window(0, first, grid.width, last - first))
            with raw.open() as image:
                _pack(image, packed.name)
            yield packed
    except RasterioError as error:
        raise ComityError(f"GDAL could not make the image ({grid.width} × {grid.height}): {error}") from error


def _pack(image: DatasetReader, name: str) -> None:
    copy_raster(
        image,
        name,
        driver="COG",
        COMPRESS="DEFLATE",
        PREDICTOR="YES",
        LEVEL="2",
        BLOCKSIZE=str(_TILE),
        OVERVIEW_RESAMPLING="AVERAGE",
        BIGTIFF="IF_SAFER",
        # Products are packed side by side; GDAL's one pool of workers can then wait for itself for ever.
        NUM_THREADS="1",
    )


def _inside(grid: ImageGrid, first: int, last: int) -> NDArray[np.bool_]:
    """Which pixels of rows first … last − 1 have their centre in the footprint."""
    north = grid.north - first * grid.pixel_m
    transform = Affine(grid.pixel_m, 0.0, grid.west, 0.0, -grid.pixel_m, north)
    return inside(grid.footprint, last - first, grid.width, transform)
