"""The made-up ground under a simulated image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from shapely.geometry import box

from comity.fleet import territories
from comity.imagery.geometry.dem import Dem
from comity.imagery.grid import image_grid
from comity.imagery.scenery.scene import Scene
from comity.imagery.scenery.sensing import Light
from comity.imagery.scenery.spectra import bands_of
from comity.imagery.simulation import ground as grounds
from comity.imagery.simulation.sources import geoid_at, write_relief

#: The town of Djibouti on its peninsula, sea on three sides.
PLACE = box(43.10, 11.55, 43.19, 11.63)


def scene() -> Scene:
    return Scene(
        grid=image_grid(PLACE, 40.0, 1_000_000),
        bands=bands_of(("blue", "nir")),
        light=Light(sun_elevation_deg=90.0, sun_azimuth_deg=0.0, incidence_deg=0.0),
        cloud=0.0,
        month=9,
        ground_key="1",
        sky_key="",
        land_in=territories.land_in,
    )


def test_the_ground_is_the_same_in_whatever_blocks_it_is_painted():
    made = scene()
    whole = made.surface(0, 96)
    parts = [made.surface(first, first + 32) for first in (0, 32, 64)]
    assert np.abs(np.concatenate([part[0] for part in parts], axis=1) - whole[0]).max() < 1e-4
    assert np.abs(np.concatenate([part[1] for part in parts]) - whole[1]).max() < 0.05


def test_the_sea_is_level_at_zero_and_land_stands_above_it():
    made = scene()
    reflectance, height = made.surface(0, made.grid.height // 2 * 2)
    sea = reflectance[1] < 0.02
    assert 0.2 < sea.mean() < 0.8
    assert np.abs(height[sea]).max() < 1.5
    assert height.min() > -1.5
    assert np.percentile(height[~sea], 90) > 2.0
    assert np.quantile(reflectance[1][~sea], 0.02) > 0.05


def test_the_relief_written_is_the_one_the_image_was_taken_over(tmp_path: Path):
    grid = grounds.ground_grid(PLACE, 40.0)
    paint = grounds.scenery_paint(grid, bands_of(("green",)), month=9, seed=1, geoid=geoid_at)
    ground = grounds.lay_ground(grid, 1, paint, (45.0, 120.0), tmp_path)
    dem = Dem(write_relief(ground, tmp_path / "dem.tif"))
    row, column = np.mgrid[10 : grid.height - 10 : 16, 10 : grid.width - 10 : 16]
    from pyproj import Transformer

    back = Transformer.from_crs(grid.epsg, 4326, always_xy=True)
    lon, lat = back.transform(
        grid.west + (column + 0.5) * grid.pixel_m, grid.north - (row + 0.5) * grid.pixel_m
    )
    # Even rows and columns are the DEM's own posts: equal but for the geoid's mesh.
    assert np.abs(dem.heights(lon, lat) - ground.height[row, column]).max() < 0.05
    assert ground.lowest == ground.height.min() and ground.highest == ground.height.max()
