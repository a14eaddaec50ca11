"""Clouds over one image: where they are, how thick, and the shadows they cast."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rasterio.features import rasterize
from rasterio.transform import Affine

from comity.imagery import kernels
from comity.imagery.grid import ImageGrid
from comity.imagery.noise import NoiseFrame, octaves
from comity.imagery.sheets import Sheet, smoothstep


@dataclass(frozen=True, slots=True)
class CloudCover:
    """A cloud field over an image grid, in units of its own scatter, 0 at a cloud's edge.

    ``field``: above 0 is cloud. ``light``: −1…1, how far a cloud's flank faces the Sun. ``shadow_px``:
    from a cloud to its shadow, (rows, cols) pixels. ``fraction``: cloud over the footprint as made.
    """

    field: Sheet
    light: Sheet
    shadow_px: tuple[float, float]
    fraction: float

    def opacity(self, row: float, rows: int, cols: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Opacity (0…1; above 0.5 is cloud) and brightness (0…1) at pixel centres of a block of rows."""
        field = self.field.at(row + 0.5, 0.5, rows, cols)
        deep = smoothstep(-0.1, 1.6, field)
        bright = np.float32(0.52) + np.float32(0.40) * deep
        bright += np.float32(0.22) * self.light.at(row + 0.5, 0.5, rows, cols)
        thick = smoothstep(-0.22, 0.22, field)
        return thick * (np.float32(0.72) + np.float32(0.28) * smoothstep(0.05, 0.8, field)), np.clip(bright, 0.2, 1.05)

    def shade(self, row: float, rows: int, cols: int) -> NDArray[np.float32]:
        """Part of the direct sunlight that reaches the ground, 0…1, at pixel centres of a block."""
        drow, dcol = self.shadow_px
        field = self.field.at(row + 0.5 - drow, 0.5 - dcol, rows, cols)
        return np.float32(1.0) - np.float32(0.8) * smoothstep(-0.25, 0.3, field)


def cloud_cover(
    grid: ImageGrid, fraction: float, sun_elevation_deg: float, sun_azimuth_deg: float, key: str
) -> CloudCover | None:
    """Clouds that cover ``fraction`` of the footprint; None for a clear sky.

    ``sun_azimuth_deg`` is from grid north. ``key`` (seed and acquisition) draws the field: its largest
    forms, how broken it is, and the height of its base (900 to 2 600 m).
    """
    if fraction <= 0.0:
        return None
    draw = [byte / 255.0 for byte in hashlib.sha256(key.encode()).digest()[:4]]
    base_m = 900.0 + 1700.0 * draw[0]
    reach = base_m * min(4.0, 1.0 / math.tan(math.radians(max(sun_elevation_deg, 5.0)))) / grid.pixel_m
    azimuth = math.radians(sun_azimuth_deg)
    shadow = (reach * math.cos(azimuth), -reach * math.sin(azimuth))
    step = 2 if grid.pixel_m < 600.0 else 1
    margin = math.ceil(max(abs(shadow[0]), abs(shadow[1])) / step) + 3
    rows = math.ceil(grid.height / step) + 2 + 2 * margin
    cols = math.ceil(grid.width / step) + 2 + 2 * margin
    node_m = step * grid.pixel_m
    v, u = np.mgrid[0:rows, 0:cols].astype(np.float32) * np.float32(node_m)
    extent = max(grid.width, grid.height) * grid.pixel_m
    widest = min(0.45 * extent, 5_000.0 * 10.0 ** (1.9 * draw[1]) if extent < 400e3 else 500e3)
    field = _field(u, v, widest, node_m, 0.52 + 0.1 * draw[2], key)
    inside = _footprint_nodes(grid, rows, cols, node_m, margin)
    over = field[inside] if inside.any() else field.ravel()
    spread = float(over.std()) or 1.0
    edge = _edge(over, fraction, spread)
    field = (field - np.float32(edge)) * np.float32(1.0 / spread)
    lean = max(1, round(180.0 / node_m))
    toward = (-round(lean * math.cos(azimuth)), round(lean * math.sin(azimuth)))
    light = np.clip((field - np.roll(field, (-toward[0], -toward[1]), (0, 1))) * np.float32(1.4), -1, 1)
    real = float((over > edge).mean())
    return CloudCover(Sheet(field, step, margin), Sheet(light, step, margin), shadow, real)


def _field(
    u: NDArray[np.float32], v: NDArray[np.float32], widest: float, node_m: float, gain: float, key: str
) -> NDArray[np.float32]:
    flat = NoiseFrame(False, False, 0.0, 0.0, 1.0)
    # Large forms are bent by larger ones, as wind does; the bending is smooth, so it is cheap.
    reach = np.float32(0.22 * widest)
    bent = octaves(flat, f"{key}/bend", coarsest_m=widest * 1.7, finest_m=widest / 3, gain=0.5)
    other = octaves(flat, f"{key}/bend2", coarsest_m=widest * 1.7, finest_m=widest / 3, gain=0.5)
    bu = u + reach * kernels.fbm(u, v, bent)
    bv = v + reach * kernels.fbm(u, v, other)
    table = octaves(flat, f"{key}/cloud", coarsest_m=widest, finest_m=1.6 * node_m, gain=gain)
    # Cells: the puffs that make a cloud's rim round rather than torn.
    puffs = octaves(flat, f"{key}/puffs", coarsest_m=min(widest / 5, 2_800.0), finest_m=1.6 * node_m, gain=0.5)
    field: NDArray[np.float32] = kernels.fbm(bu, bv, table)
    if len(puffs):
        field = field + np.float32(0.75) * np.abs(kernels.fbm(bu, bv, puffs))
    return field


def _edge(values: NDArray[np.float32], fraction: float, spread: float) -> float:
    """The value that ``fraction`` of ``values`` exceeds."""
    if fraction >= 1.0:
        return float(values.min()) - spread
    rank = min(max(round((1.0 - fraction) * len(values)), 0), len(values) - 1)
    return float(np.partition(values, rank)[rank])


def _footprint_nodes(
    grid: ImageGrid, rows: int, cols: int, node_m: float, margin: int
) -> NDArray[np.bool_]:
    west = grid.west - (margin + 0.5) * node_m
    north = grid.north + (margin + 0.5) * node_m
    mask = rasterize(
        [(grid.footprint, 1)],
        out_shape=(rows, cols),
        transform=Affine(node_m, 0.0, west, 0.0, -node_m, north),
        dtype="uint8",
    )
    return np.asarray(mask, bool)
