"""Clouds over one image: where they are, how thick, and the shadows they cast."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rasterio.transform import Affine

from comity.imagery.grid import ImageGrid, inside
from comity.imagery.scenery import kernels
from comity.imagery.scenery.noise import NoiseFrame, octaves
from comity.imagery.scenery.sheets import Sheet, smoothstep


@dataclass(frozen=True, slots=True)
class CloudCover:
    """A cloud field over an image grid, in units of its own scatter, 0 at a cloud's edge.

    ``field``: above 0 is cloud. ``flank_px``: a step towards the Sun, (rows, cols) pixels; where the field
    falls that way the cloud is lit. ``shadow_px``: from a cloud to its shadow. ``fraction``: cloud over
    the footprint as made.
    """

    field: Sheet
    flank_px: tuple[float, float]
    shadow_px: tuple[float, float]
    fraction: float

    def opacity(self, row: float, rows: int, cols: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Opacity (0…1; above 0.5 is cloud) and brightness (0…1) at pixel centres of a block of rows."""
        field = self.field.at(row + 0.5, 0.5, rows, cols)
        deep = smoothstep(-0.1, 1.6, field)
        bright = np.float32(0.56) + np.float32(0.36) * deep
        sunward = self.field.at(row + 0.5 + self.flank_px[0], 0.5 + self.flank_px[1], rows, cols)
        bright += np.float32(0.16) * np.clip((field - sunward) * np.float32(1.4), -1, 1)
        thick = smoothstep(-0.22, 0.22, field)
        return thick * (np.float32(0.86) + np.float32(0.14) * smoothstep(0.05, 0.8, field)), np.clip(
            bright, 0.2, 1.05
        )

    def shade(self, row: float, rows: int, cols: int) -> NDArray[np.float32]:
        """Part of the direct sunlight that reaches the ground, 0…1, at pixel centres of a block."""
        drow, dcol = self.shadow_px
        field = self.field.at(row + 0.5 - drow, 0.5 - dcol, rows, cols)
        return np.float32(1.0) - np.float32(0.8) * smoothstep(-0.25, 0.3, field)


#: Clouds of one key repeat on the map after so many metres.
_SKY_M = 1e6


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
    step = 1 if grid.pixel_m > 1_500.0 else 2
    margin = math.ceil(max(abs(shadow[0]), abs(shadow[1])) / step) + 3
    rows = math.ceil(grid.height / step) + 2 + 2 * margin
    cols = math.ceil(grid.width / step) + 2 + 2 * margin
    node_m = step * grid.pixel_m
    # To the nearest power of two: images taken together, a little apart in size, see one sky.
    extent = 2.0 ** round(math.log2(max(grid.width, grid.height) * grid.pixel_m))
    widest = min(0.45 * extent, 5_000.0 * 10.0 ** (1.9 * draw[1]) if extent < 400e3 else 500e3)
    corner = (-grid.north - margin * node_m, grid.west - margin * node_m)
    field = _field((rows, cols), corner, node_m, widest, 0.52 + 0.1 * draw[2], key)
    inside = _footprint_nodes(grid, rows, cols, node_m, margin)
    over = field[inside] if inside.any() else field.ravel()
    spread = float(over.std()) or 1.0
    edge = _edge(over, fraction, spread)
    field -= np.float32(edge)
    field *= np.float32(1.0 / spread)
    lean = max(180.0, node_m) / grid.pixel_m
    flank = (-lean * math.cos(azimuth), lean * math.sin(azimuth))
    return CloudCover(Sheet(field, step, margin), flank, shadow, float((over > edge).mean()))


def _field(
    shape: tuple[int, int], corner: tuple[float, float], node_m: float, widest: float, gain: float, key: str
) -> NDArray[np.float32]:
    """Cloud noise at nodes ``node_m`` apart from ``corner``, map metres down and right.

    Images that overlap share it. ``widest``: spacing of its largest forms, m.
    """
    flat = NoiseFrame(False, False, 0.0, 0.0, 1.0)

    def table(name: str, coarsest: float, finest: float, fall: float) -> NDArray[np.float64]:
        return octaves(flat, f"{key}/{name}", coarsest_m=coarsest, finest_m=finest, gain=fall)

    # Large forms are bent by larger ones, as wind does.
    bends = [table(name, widest * 1.7, widest / 3, 0.5) for name in ("bend", "bend2")]
    forms = table("cloud", widest, 1.6 * node_m, gain)
    # Cells: the puffs that make a cloud's rim round rather than torn.
    puffs = table("puffs", min(widest / 5, 2_800.0), 1.6 * node_m, 0.5)
    reach = np.float32(0.22 * widest)
    field = np.empty(shape, np.float32)
    down, right = (one % _SKY_M for one in corner)  # single precision needs small numbers
    x = (right + np.arange(shape[1]) * node_m).astype(np.float32)
    for first in range(0, shape[0], 128):
        rows = (down + np.arange(first, min(first + 128, shape[0])) * node_m).astype(np.float32)
        v, u = np.meshgrid(rows, x, indexing="ij")
        bu = u + reach * kernels.fbm(u, v, bends[0])
        bv = v + reach * kernels.fbm(u, v, bends[1])
        block = kernels.fbm(bu, bv, forms)
        if len(puffs):
            block += np.float32(0.75) * np.abs(kernels.fbm(bu, bv, puffs))
        field[first : first + len(rows)] = block
    return field


def _edge(values: NDArray[np.float32], fraction: float, spread: float) -> float:
    """The value that ``fraction`` of ``values`` exceeds."""
    if fraction >= 1.0:
        return float(values.min()) - spread
    rank = min(max(round((1.0 - fraction) * len(values)), 0), len(values) - 1)
    return float(np.partition(values, rank)[rank])


def _footprint_nodes(grid: ImageGrid, rows: int, cols: int, node_m: float, margin: int) -> NDArray[np.bool_]:
    west = grid.west - (margin + 0.5) * node_m
    north = grid.north + (margin + 0.5) * node_m
    return inside(grid.footprint, rows, cols, Affine(node_m, 0.0, west, 0.0, -node_m, north))
