"""A pan and its four bands in sensor geometry over hills, with a cloud on them, and what goes with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray

from comity.imagery.geometry.dem import Dem
from unit.imagery.sensed import LAT, LON, make_rpc, see, write_dem, write_image

ROWS, COLUMNS, GSD_M = 480, 400, 6.0
BANDS = ("red", "green", "blue", "nir")
#: Reflectance of ground of pattern 1, and of cloud, × 10 000.
GROUND = np.array([1400.0, 1200.0, 1000.0, 2400.0])
CLOUD = 6000.0
PAN = make_rpc(rows=ROWS, columns=COLUMNS, gsd_m=GSD_M)
XS = make_rpc(rows=ROWS // 4, columns=COLUMNS // 4, gsd_m=GSD_M * 4)
TIME = "2024-09-23T07:30:00Z"


class Files:
    """Paths of a pair, its relief and an area; ``cloud``: fraction of the pan under cloud."""

    def __init__(self, folder: Path, *, cloudy: bool = True, scaled: bool = True, **tags: str) -> None:
        self.dem = write_dem(folder / "dem.tif")
        relief = Dem(self.dem, "none")
        ground = see(PAN, relief) / 2000.0
        ground = ground * (1 + 0.05 * np.random.default_rng(4).normal(size=ground.shape))
        under = np.zeros(ground.shape, bool)
        if cloudy:
            row, col = np.indices(ground.shape)
            under = np.hypot(row - 200, col - 180) < 50
        self.cloud = float(under.mean())
        bands = np.where(under, CLOUD, GROUND[:, None, None] * ground)
        pan = np.tensordot([0.3, 0.3, 0.15, 0.25], bands, 1)
        fine: NDArray[Any] = bands.reshape(4, ROWS // 4, 4, COLUMNS // 4, 4).mean(axis=(2, 4))
        self.pan = write_image(folder / "pan.tif", counts(pan[None]), PAN)
        self.xs = write_image(folder / "xs.tif", counts(fine), XS)
        for path, names in ((self.pan, ("pan",)), (self.xs, BANDS)):
            describe(path, names, scaled, tags)
        self.area = write_area(folder / "area.geojson", 0.007)


def counts(values: NDArray[Any]) -> NDArray[np.uint16]:
    """As a digitiser gives them."""
    return np.clip(np.rint(values), 1, 65_535).astype(np.uint16)


def describe(path: Path, names: tuple[str, ...], scaled: bool, tags: dict[str, str]) -> None:
    """Name bands, say what a count is worth, tag."""
    with rasterio.open(path, "r+") as file:
        file.descriptions = names
        file.update_tags(**tags)
        if scaled:
            file.scales = (1e-4,) * len(names)


def write_area(path: Path, half_deg: float, lon: float = LON, lat: float = LAT) -> Path:
    """A square as GeoJSON."""
    ring = [(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)]
    polygon = [[lon + half_deg * x, lat + half_deg * y] for x, y in ring]
    path.write_text(json.dumps({"type": "Polygon", "coordinates": [polygon]}), encoding="utf-8")
    return path
