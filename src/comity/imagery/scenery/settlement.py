"""What people make of the land: towns where towns are, fields around them."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

from comity.imagery.grid import ImageGrid
from comity.imagery.scenery import kernels
from comity.imagery.scenery.coast import lonlat_bounds
from comity.imagery.scenery.ground import towns_in
from comity.imagery.scenery.sheets import Sheet, smoothstep
from comity.imagery.scenery.spectra import COVERS

Array = NDArray[np.float32]
F = np.float32

#: People per km² of built-up area in a town of half a million; larger ones are denser, about with the
#: fourth root of their people (after Demographia's World Urban Areas).
_PER_KM2 = 5_000.0


#: Density below which nothing is built.
TOWN_FROM = 0.02
# Sizes on the noise map, m: as on the ground at the equator, about half of it at 60°.
_FIELD = (1_900.0, 600.0, 220.0, 10.0)
_BLOCK = (1_800.0, 190.0, 110.0, 18.0)
_HOUSE = (1_800.0, 42.0, 29.0, 9.0)


@dataclass(frozen=True, slots=True)
class TownSheets:
    """``density``: 0 open country … 1 city centre. ``reach``: 0 … 1 how near people live."""

    density: Sheet
    reach: Sheet


def town_sheets(grid: ImageGrid, step: int) -> TownSheets:
    """Built density and nearness of towns at nodes ``step`` pixels apart."""
    margin = 1
    node_m = step * grid.pixel_m
    shape = (math.ceil(grid.height / step) + 2 + 2 * margin, math.ceil(grid.width / step) + 2 + 2 * margin)
    density, reach = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    west, south, east, north = grid.bounds
    pad = 100_000.0
    towns = towns_in(lonlat_bounds(grid, (west - pad, south - pad, east + pad, north + pad)))
    x, y = Transformer.from_crs(4326, grid.epsg, always_xy=True).transform(towns.lon, towns.lat)
    # Positions in nodes, sizes too.
    at_col = (np.asarray(x) - grid.west) / node_m + margin
    at_row = (grid.north - np.asarray(y)) / node_m + margin
    radii = _radius_m(towns.people_k) / node_m
    rims = 2.5 * radii + 4_000.0 / node_m
    for row, col, radius, rim in zip(at_row, at_col, radii, rims, strict=True):
        far = 4.0 * rim
        if not (-far < row < shape[0] + far and -far < col < shape[1] + far):
            continue
        r0, r1 = max(0, int(row - far)), min(shape[0], int(row + far) + 2)
        c0, c1 = max(0, int(col - far)), min(shape[1], int(col + far) + 2)
        if r0 >= r1 or c0 >= c1:
            continue
        rows = np.arange(r0, r1, dtype=np.float32)[:, None] - np.float32(row)
        cols = np.arange(c0, c1, dtype=np.float32) - np.float32(col)
        away = np.sqrt(rows * rows + cols * cols)
        blur = np.float32(max(0.28 * radius, 0.5))
        built = 1.0 / (1.0 + np.exp(np.clip((away - np.float32(radius)) / blur, -30, 30)))
        for sheet, value in ((density, built), (reach, np.exp(-away / np.float32(rim)))):
            window = sheet[r0:r1, c0:c1]
            np.maximum(window, value, out=window)
    return TownSheets(Sheet(density, step, margin), Sheet(reach, step, margin))


def _radius_m(people_k: NDArray[np.float64]) -> NDArray[np.float64]:
    """Radius of the built-up area of towns with so many thousand people."""
    per_km2 = _PER_KM2 * (people_k / 500.0) ** 0.25
    return np.sqrt(people_k * 1000.0 / per_km2 / math.pi) * 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Patches:
    """Lays fields and streets over the reflectance of one block, in place.

    ``u``, ``v``: noise-map positions from ``origin``, (rows, cols) m. ``pixel_m``: a pixel on the noise
    map. ``table``: :func:`spectra.reflectance_table`. ``key``: what patterns are drawn from.
    """

    u: Array
    v: Array
    origin: tuple[float, float]
    pixel_m: float
    table: Array
    key: str

    def fields(self, image: Array, tilled: Array, season: Array, patches: Array) -> None:
        """Fields where ``tilled`` (0…1), as much in leaf as ``season`` says, in ``patches`` (noise)."""
        weight = tilled * smoothstep(-0.35, 0.35, patches + F(1.3) * tilled - F(0.35))
        tone, other, edge = self._patchwork(weight, _FIELD, "fields")
        # What pixels cannot part is a mean of many.
        contrast = F(1.0 / (1.0 + (self.pixel_m / 75.0) ** 2))
        mean = season * F(0.95)
        in_leaf = mean + (smoothstep(-0.2, 0.2, mean - tone) - mean) * contrast
        shade = F(1.0) + F(0.4) * (other - F(0.5)) * contrast
        weight *= F(0.85)
        crop, stubble, hedge = self._rows("crop", "stubble", "grass")
        for band, ground in enumerate(image):
            field = (stubble[band] + (crop[band] - stubble[band]) * in_leaf) * shade
            field += (hedge[band] * F(0.8) - field) * edge
            ground += (field - ground) * weight

    def streets(self, image: Array, density: Array, gardens: Array, ragged: Array, groves: Array) -> None:
        """Blocks, streets, yards and parks where ``density`` (0…1) says; ``gardens``: how green.

        ``ragged`` and ``groves`` are noise that breaks the town's rim and makes parks.
        """
        town = smoothstep(0.30, 0.62, density + F(0.42) * ragged * (density > F(TOWN_FROM)))
        town *= F(1.0) - F(0.85) * smoothstep(0.35, 0.8, F(0.4) * groves - ragged)
        tone, other, edge = self._patchwork(town, _BLOCK, "streets")
        if self.pixel_m < 20.0:
            # The same key and district give houses the direction of their streets.
            roof, yard, gap = self._patchwork(town, _HOUSE, "streets")
            tone = F(0.3) * tone + F(0.7) * roof
            other = F(0.6) * other + F(0.4) * yard
            edge = np.maximum(edge, gap * F(0.75))
        contrast = F(1.0 / (1.0 + (self.pixel_m / 30.0) ** 2))
        tone = F(0.45) + (tone - F(0.45)) * (F(0.15) + F(0.85) * contrast)
        other = F(0.5) + (other - F(0.5)) * (F(0.25) + F(0.75) * contrast)
        open_ground = np.clip(F(1.15) - F(0.75) * density - F(0.3) * ragged, F(0.1), F(0.95))
        open_ground *= smoothstep(0.1, 0.9, other)
        green = gardens * open_ground
        bare = (open_ground - green) * F(0.7)
        glare = F(0.62) + F(0.9) * tone * tone + F(0.12) * ragged
        paved = np.maximum(edge, F(0.3))
        roofs, streets, trees = self._rows("roofs", "asphalt", "broadleaf")
        for band, ground in enumerate(image):
            built = roofs[band] * glare
            built += (streets[band] - built) * paved
            built += (trees[band] - built) * green
            built += (ground - built) * bare
            ground += (built - ground) * town

    def _patchwork(
        self, weight: Array, sizes: tuple[float, float, float, float], name: str
    ) -> tuple[Array, Array, Array]:
        digest = hashlib.sha256(f"{self.key}/{name}".encode()).digest()
        seed = np.uint32(int.from_bytes(digest[:4], "little"))
        found: tuple[Array, Array, Array] = kernels.patchwork(
            self.u, self.v, *self.origin, weight, self.pixel_m, *sizes, seed
        )
        return found

    def _rows(self, *names: str) -> list[Array]:
        return [self.table[COVERS[name]] for name in names]
