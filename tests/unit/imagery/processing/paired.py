"""A made scene in four bands with a known truth at the pan's resolution, and rasters of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import Affine
from scipy.ndimage import gaussian_filter

from comity.imagery.processing.colour import kernels
from comity.imagery.processing.colour.survey import blur_of

Floats = NDArray[np.float64]

PAN_M, RATIO = 0.5, 4
WEST, NORTH = 370_000.0, 4_820_000.0
BANDS = ("red", "green", "blue", "nir")
#: How the pan sees the bands.
WEIGHTS = np.array([0.35, 0.35, 0.1, 0.2])


def truth(rows: int = 400, cols: int = 480, seed: int = 3) -> Floats:
    """(4, rows, cols): parcels of five covers with sharp edges, roofs, and texture that moves all bands."""
    rng = np.random.default_rng(seed)
    covers = np.array(
        [
            [420.0, 400, 380, 520],
            [180, 260, 210, 900],
            [520, 430, 340, 600],
            [150, 170, 220, 130],
            [800, 780, 760, 850],
        ]
    )
    coarse = gaussian_filter(rng.normal(size=(rows, cols)), 14)
    kinds = np.digitize(coarse / coarse.std(), [-1.0, -0.2, 0.5, 1.4])
    for _ in range(60):
        r, c = rng.integers(0, rows - 12), rng.integers(0, cols - 12)
        kinds[r : r + rng.integers(3, 12), c : c + rng.integers(3, 12)] = rng.integers(0, 5)
    texture = 1.0 + 0.08 * gaussian_filter(rng.normal(size=(rows, cols)), 1.0) / 0.28
    scene: Floats = covers[kinds].transpose(2, 0, 1) * texture
    return np.asarray([gaussian_filter(band, 0.6) for band in scene])


def pair(
    scene: Floats, *, shift_px: tuple[float, float] = (0.0, 0.0), nyquist: float = 0.25, noise: float = 0.5
) -> tuple[Floats, Floats]:
    """Pan (rows, cols) and bands (4, rows / 4, cols / 4), these ``shift_px`` pan pixels off (column, row)."""
    rng = np.random.default_rng(1)
    rows, cols = scene.shape[1:]
    column, row = np.meshgrid(
        np.arange(cols // RATIO) * RATIO + 1.5 + shift_px[0],
        np.arange(rows // RATIO) * RATIO + 1.5 + shift_px[1],
    )
    sigma = blur_of(nyquist, RATIO)
    xs = [kernels.blur_at(band.astype(np.float32), column, row, sigma) for band in scene]
    pan = np.tensordot(WEIGHTS, scene, 1)
    return pan + rng.normal(0, noise, pan.shape), np.asarray(xs) + rng.normal(0, noise, (4, *column.shape))


def write(
    path: Path,
    image: Floats,
    pixel_m: float = PAN_M,
    *,
    at: tuple[float, float] = (0.0, 0.0),
    bands: Sequence[str] = BANDS,
    **more: Any,
) -> Path:
    """A GeoTIFF of counts, ``at`` pixels (column, row) from the corner; NaN becomes 0, which is no data."""
    image = np.atleast_3d(image.T).T if image.ndim == 2 else image
    dtype = more.pop("dtype", "uint16")
    profile = {
        "driver": "GTiff", "dtype": dtype, "count": image.shape[0], "height": image.shape[1],
        "width": image.shape[2], "crs": "EPSG:32631", "nodata": 0,
        "transform": Affine(pixel_m, 0, WEST + at[0] * pixel_m, 0, -pixel_m, NORTH - at[1] * pixel_m),
    }  # fmt: skip
    counts = np.where(np.isfinite(image), np.maximum(np.rint(image), 1), 0) if dtype == "uint16" else image
    with rasterio.open(path, "w", **(profile | more)) as file:
        file.write(counts.astype(dtype))
        file.descriptions = tuple(bands[: image.shape[0]]) if image.shape[0] > 1 else ("pan",)
    return path


def read(path: Path) -> Floats:
    """Values, NaN for no data."""
    with rasterio.open(path) as file:
        values = file.read().astype(np.float64)
        values[file.read_masks() == 0] = np.nan
    return values
