"""Masks: clouds where the simulated sky has them, none where there is none, shadows where the Sun says."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.transform import Affine
from shapely.geometry import box

from comity.core import InputError
from comity.fleet import territories
from comity.imagery.grid import image_grid
from comity.imagery.processing.masks import CLOUD, SHADOW, WATER, Geometry, MaskFigures, classify, offset_px
from comity.imagery.processing.readout import Small, read_small
from comity.imagery.scenery.scene import Scene
from comity.imagery.scenery.sensing import Light
from comity.imagery.scenery.spectra import bands_of

BANDS = ("blue", "green", "red", "nir")
Flags = NDArray[np.bool_]


def scene(
    lon: float, lat: float, cloud: float, month: int, sun: tuple[float, float], *, counts: bool = False
) -> tuple[NDArray[np.uint8], MaskFigures, Flags, Flags]:
    """Classes and figures of a simulated scene of 10 m, and where its clouds and shadows truly are."""
    half = 500 * 10 / 111e3 / 2
    grid = image_grid(box(lon - half, lat - half, lon + half, lat + half), 10.0, 400_000)
    made = Scene(
        grid=grid,
        bands=bands_of(BANDS),
        light=Light(sun_elevation_deg=sun[0], sun_azimuth_deg=sun[1], incidence_deg=0),
        cloud=cloud,
        month=month,
        ground_key="1",
        sky_key="a sky",
        land_in=territories.land_in,
    )
    values = made.render(0, grid.height).astype(np.float32) * np.float32(1e-4)
    true_cloud = np.zeros(values.shape[1:], bool)
    true_shadow = true_cloud.copy()
    if made.clouds is not None:
        true_cloud = made.clouds.opacity(0, grid.height, grid.width)[0] > 0.5
        true_shadow = (made.clouds.shade(0, grid.height, grid.width) < 0.6) & ~true_cloud
    small = Small(
        values=np.rint(values * 1800).astype(np.float32) if counts else values,
        valid=np.ones(true_cloud.shape, bool),
        bands=BANDS,
        is_reflectance=not counts,
        step=(1.0, 1.0),
        crs=CRS.from_epsg(grid.epsg),
        transform=Affine(*grid.transform),
        full_width=grid.width,
        full_height=grid.height,
    )
    light = Geometry(sun_elevation_deg=sun[0], sun_azimuth_deg=sun[1] + grid.convergence_deg())
    classes, figures = classify(small, light)
    return classes, figures, true_cloud, true_shadow


PLACES = {
    "Djibouti": (43.1, 11.6, 9, (52.0, 118.0)),
    "Lac Assal": (42.4, 11.65, 9, (52.0, 118.0)),
    "Sahara": (5.0, 25.0, 7, (60.0, 120.0)),
    "Java": (107.0, -6.5, 3, (50.0, 60.0)),
    "Toulouse": (1.2, 43.5, 6, (60.0, 160.0)),
}


@pytest.mark.parametrize("counts", [False, True])
@pytest.mark.parametrize("place", PLACES)
def test_clouds_are_found_where_they_are(place: str, counts: bool) -> None:
    lon, lat, month, sun = PLACES[place]
    classes, figures, cloud, shadow = scene(lon, lat, 0.3, month, sun, counts=counts)
    found = classes == CLOUD
    # Thin rims are cloud to the truth or not by a hair: a tenth either way.
    assert (found & cloud).sum() > 0.9 * cloud.sum()
    assert (found & cloud).sum() > 0.78 * found.sum()
    assert figures.cloud == pytest.approx(cloud.mean(), abs=0.07)
    dark = classes == SHADOW
    assert (dark & (shadow | cloud)).sum() > 0.7 * dark.sum()
    assert figures.usable == pytest.approx(1.0 - figures.cloud - figures.shadow)


@pytest.mark.parametrize("counts", [False, True])
@pytest.mark.parametrize("place", PLACES)
def test_a_clear_sky_is_clear_over_salt_sand_towns_and_sea(place: str, counts: bool) -> None:
    lon, lat, month, sun = PLACES[place]
    _, figures, _, _ = scene(lon, lat, 0.0, month, sun, counts=counts)
    assert figures.cloud < 0.002
    assert figures.usable > 0.998


def test_shadows_follow_the_sun_and_tell_how_high_the_clouds_are() -> None:
    lon, lat, month, sun = PLACES["Sahara"]
    classes, figures, _, shadow = scene(lon, lat, 0.15, month, sun)
    found = classes == SHADOW
    assert (found & shadow).sum() > 0.7 * shadow.sum()
    assert figures.cloud_height_m is not None
    assert 800 < figures.cloud_height_m < 2_800  # the simulated sky has its base at 900 to 2 600 m


def test_the_sea_is_water_and_the_desert_is_none() -> None:
    lon, lat, month, sun = PLACES["Djibouti"]
    classes, _, _, _ = scene(lon, lat, 0.0, month, sun)
    assert 0.4 < (classes == WATER).mean() < 0.95
    lon, lat, month, sun = PLACES["Sahara"]
    assert scene(lon, lat, 0.0, month, sun)[1].water < 0.005


@pytest.mark.parametrize(
    ("geometry", "east_m", "north_m"),
    [
        # The Sun in the south 45° up: the shadow lies as far north as the cloud is high.
        (Geometry(sun_elevation_deg=45, sun_azimuth_deg=180), 0.0, 1000.0),
        # In the east: westwards.
        (Geometry(sun_elevation_deg=45, sun_azimuth_deg=90), -1000.0, 0.0),
        # Sun overhead, sensor to the west at 45°: the cloud is seen east of its place, the shadow below it.
        (
            Geometry(sun_elevation_deg=90, sun_azimuth_deg=0, view_zenith_deg=45, view_azimuth_deg=270),
            -1000.0,
            0.0,
        ),
        # Sun behind the sensor: cloud and shadow fall together.
        (
            Geometry(sun_elevation_deg=60, sun_azimuth_deg=130, view_zenith_deg=30, view_azimuth_deg=130),
            0.0,
            0.0,
        ),
    ],
)
def test_where_a_shadow_falls(geometry: Geometry, east_m: float, north_m: float) -> None:
    rows, cols = offset_px(geometry, 1000.0, 10.0)
    assert (cols * 10, -rows * 10) == pytest.approx((east_m, north_m), abs=1e-6)


def test_the_real_clear_image_has_no_cloud(shared_data: Path) -> None:
    folder = shared_data / "imagery" / "pleiades-toulouse"
    for name, pixel_m in (("phr_xs.tif", 2.1), ("phr_pan.tif", 0.52)):
        small = read_small(folder / name)
        figures = classify(small, Geometry(sun_elevation_deg=27, sun_azimuth_deg=170), pixel_m=pixel_m)[1]
        assert figures.cloud < 0.001
        assert figures.usable > 0.999
        assert figures.values == "counts"
    assert read_small(folder / "phr_xs.tif").bands == ("red", "green", "blue", "nir")


def test_without_a_sun_the_figures_say_that_no_shadow_was_looked_for() -> None:
    values = np.full((4, 50, 50), 0.1, np.float32)
    small = Small(
        values=values,
        valid=np.ones((50, 50), bool),
        bands=BANDS,
        is_reflectance=True,
        step=(1.0, 1.0),
        crs=None,
        transform=Affine.identity(),
        full_width=50,
        full_height=50,
    )
    with pytest.raises(InputError, match="size of a pixel"):
        classify(small)
    _, figures = classify(small, pixel_m=10.0)
    assert any("no Sun" in note for note in figures.notes)
    assert math.isclose(figures.usable, 1.0)
