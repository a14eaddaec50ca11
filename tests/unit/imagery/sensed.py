"""Small images in sensor geometry with a known truth: a pattern on the ground, an RPC, relief under it."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import Affine

from comity.imagery.geometry.rpc import Rpc
from comity.imagery.geometry.rpc_files import to_tag

Floats = NDArray[np.float64]

LON, LAT = 42.7, 11.6


def make_rpc(rows: int = 300, columns: int = 200, gsd_m: float = 10.0, lean: float = 0.3) -> Rpc:
    """A camera looking to the side over Djibouti, 11° off north; relief leans by ``lean`` · height."""
    turn = np.radians(11.0)
    half = gsd_m * max(rows, columns) * 0.7
    zeros = (0.0,) * 20
    column_num, row_num = np.zeros(20), np.zeros(20)
    across, along = 2 * half / gsd_m / columns, 2 * half / gsd_m / rows
    column_num[1:4] = across * np.cos(turn), across * np.sin(turn), 2 * lean * 500.0 / gsd_m / columns
    row_num[1:4] = along * np.sin(turn), -along * np.cos(turn), 0.02
    column_num[[4, 5, 7, 8]] = 3e-4, 1e-3, 2e-4, -4e-4
    row_num[[7, 8, 14]] = -2e-4, 5e-4, 1e-4
    den = (1.0, 5e-4, -7e-4, -1e-4, *zeros[4:])
    return Rpc(
        shape=(rows, columns),
        row_off=0.5 * (rows - 1),
        column_off=0.5 * (columns - 1),
        lat_off_deg=LAT,
        lon_off_deg=LON,
        height_off_m=300.0,
        row_scale=0.5 * rows,
        column_scale=0.5 * columns,
        lat_scale_deg=half / 110_600.0,
        lon_scale_deg=half / (111_320.0 * float(np.cos(np.radians(LAT)))),
        height_scale_m=500.0,
        row_num=tuple(map(float, row_num)),
        row_den=den,
        column_num=tuple(map(float, column_num)),
        column_den=den,
    )


def pattern(lon: Floats, lat: Floats) -> Floats:
    """Counts of the ground, smooth: waves of some 400 m."""
    x, y = (lon - LON) * 109_000.0, (lat - LAT) * 110_600.0
    return np.asarray(2000.0 + 600.0 * np.sin(x / 70.0) * np.cos(y / 90.0) + 300.0 * np.sin((x + y) / 150.0))


def hills(lon: Floats, lat: Floats) -> Floats:
    """Heights of the ground, m."""
    x, y = (lon - LON) * 109_000.0, (lat - LAT) * 110_600.0
    return np.asarray(300.0 + 120.0 * np.sin(x / 600.0) * np.cos(y / 800.0))


def write_dem(path: Path, *, reach_deg: float = 0.04, step_deg: float = 1 / 3600, hole: bool = False) -> Path:
    """The hills as a GeoTIFF of posts."""
    count = round(2 * reach_deg / step_deg)
    west, north = LON - reach_deg, LAT + reach_deg
    lon, lat = np.meshgrid(
        west + (np.arange(count) + 0.5) * step_deg, north - (np.arange(count) + 0.5) * step_deg
    )
    heights = hills(lon, lat).astype(np.float32)
    if hole:
        heights[count // 2 - 2 : count // 2 + 2, count // 2 - 2 : count // 2 + 2] = -32768.0
    profile: dict[str, Any] = {"driver": "GTiff", "dtype": "float32", "count": 1, "crs": "EPSG:4326"}
    profile |= {"width": count, "height": count, "nodata": -32768.0}
    profile["transform"] = Affine(step_deg, 0.0, west, 0.0, -step_deg, north)
    with rasterio.open(path, "w", **profile) as target:
        target.write(heights, 1)
    return path


def see(rpc: Rpc, relief: Any) -> Floats:
    """What an image shows of the pattern: (rows, columns), each pixel where its line meets the relief."""
    from comity.imagery.geometry.location import locate_on

    row, column = np.indices(rpc.shape).astype(float)
    lon, lat, _ = locate_on(rpc, relief, column, row)
    return pattern(lon, lat)


def write_image(
    path: Path,
    pixels: NDArray[Any],
    rpc: Rpc | None,
    *,
    shift: tuple[float, float] | None = None,
    **more: Any,
) -> Path:
    """(bands, rows, columns) as a GeoTIFF; ``shift``: as an extract that begins there in the full image."""
    profile: dict[str, Any] = {"driver": "GTiff", "dtype": pixels.dtype.name, "count": pixels.shape[0]}
    profile |= {"height": pixels.shape[1], "width": pixels.shape[2]} | more
    if rpc is not None:
        if shift is not None:
            rpc = replace(rpc, column_off=rpc.column_off + shift[0], row_off=rpc.row_off + shift[1])
            profile["transform"] = Affine(1.0, 0.0, shift[0], 0.0, 1.0, shift[1])
        profile["rpcs"] = to_tag(rpc)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", **profile) as target:
            target.write(pixels)
    return path
