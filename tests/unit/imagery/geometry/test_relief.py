"""Relief and geoid: heights where they are known, nothing elsewhere, lines of sight that meet them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from comity.core import InputError
from comity.imagery.geometry.dem import Dem, FlatDem
from comity.imagery.geometry.geoid import open_geoid
from comity.imagery.geometry.location import locate_on
from unit.imagery.sensed import LAT, LON, hills, make_rpc, write_dem


def test_posts_stand_at_pixel_centres_and_heights_are_above_the_ellipsoid(tmp_path: Path) -> None:
    path = write_dem(tmp_path / "d.tif")
    with rasterio.open(path) as opened:
        posts, place = opened.read(1), opened.xy(20, 10)
    assert Dem(path, "none").heights(*place) == pytest.approx(posts[20, 10], abs=1e-3)
    between = (place[0] + 0.25 / 3600, place[1])
    assert Dem(path, "none").heights(*between) == pytest.approx(
        0.75 * posts[20, 10] + 0.25 * posts[20, 11], abs=1e-3
    )
    undulation = open_geoid("egm96").undulation_m(LON, LAT)
    assert float(undulation) == pytest.approx(-9.6, abs=5.0)
    above = Dem(path).heights(LON, LAT) - Dem(path, "none").heights(LON, LAT)
    assert above == pytest.approx(undulation, abs=1e-9)


def test_a_projected_dem_gives_the_same_heights(tmp_path: Path) -> None:
    from pyproj import Transformer

    there = Transformer.from_crs("OGC:CRS84", 32638, always_xy=True)
    x, y = there.transform(LON, LAT)
    step, count = 30.0, 200
    east, north = np.meshgrid(
        x + (np.arange(count) - 100 + 0.5) * step, y - (np.arange(count) - 100 + 0.5) * step
    )
    heights = hills(*there.transform(east, north, direction="INVERSE")).astype(np.float32)
    profile = {"driver": "GTiff", "dtype": "float32", "count": 1, "width": count, "height": count}
    profile["transform"] = Affine(step, 0.0, x - 100 * step, 0.0, -step, y + 100 * step)
    with rasterio.open(tmp_path / "utm.tif", "w", crs="EPSG:32638", **profile) as target:
        target.write(heights, 1)
    lon, lat = LON + np.linspace(-0.01, 0.01, 7), LAT + np.linspace(0.01, -0.005, 7)
    first, second = Dem(tmp_path / "utm.tif", "none"), Dem(write_dem(tmp_path / "d.tif"), "none")
    np.testing.assert_allclose(first.heights(lon, lat), second.heights(lon, lat), atol=0.3)


def test_holes_and_places_beyond_the_edge_have_no_height(tmp_path: Path) -> None:
    path = write_dem(tmp_path / "d.tif", hole=True)
    assert np.isnan(Dem(path).heights([LON, LON + 0.041], LAT)).all()
    assert np.isfinite(Dem(path).heights(LON + 0.0399, LAT))
    sea = Dem(path, "none", voids="sea").heights([LON, LON + 0.041], LAT)
    assert sea[0] == 0.0
    assert np.isnan(sea[1])


def test_a_geoid_may_be_a_raster_round_the_earth(tmp_path: Path) -> None:
    lon = np.arange(0.0, 360.0, 10.0)
    lat = np.arange(90.0, -91.0, -10.0)
    values = np.cos(np.radians(lon))[None, :] * 10.0 + 0.0 * lat[:, None]
    profile = {"driver": "GTiff", "dtype": "float32", "count": 1, "width": lon.size, "height": lat.size}
    profile["transform"] = Affine(10.0, 0.0, -5.0, 0.0, -10.0, 95.0)
    with rasterio.open(tmp_path / "geoid.tif", "w", crs="EPSG:4326", **profile) as target:
        target.write(values.astype(np.float32), 1)
    geoid = open_geoid(tmp_path / "geoid.tif")
    assert geoid is not None
    between = 0.5 * (10.0 + values[0, 1])
    for place in (5.0, -5.0, 355.0, 365.0, -365.0):
        assert float(geoid.undulation_m(place, 12.0)) == pytest.approx(between, abs=1e-5)


def test_what_is_no_elevation_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read DEM .*none\.tif"):
        Dem(tmp_path / "none.tif")
    with pytest.raises(InputError, match="geoid egm2008: give egm96, none or a raster"):
        Dem(write_dem(tmp_path / "d.tif"), "egm2008")
    with rasterio.open(
        tmp_path / "bare.tif", "w", driver="GTiff", dtype="float32", count=1, width=4, height=4,
        transform=Affine(1.0, 0.0, 40.0, 0.0, -1.0, 14.0),
    ) as target:  # fmt: skip
        target.write(np.ones((1, 4, 4), np.float32))
    with pytest.raises(InputError, match=r"bare\.tif has no coordinate reference system"):
        Dem(tmp_path / "bare.tif")


def test_lines_of_sight_end_on_the_relief(tmp_path: Path) -> None:
    rpc, dem = make_rpc(lean=0.6), Dem(write_dem(tmp_path / "d.tif"), "none")
    column, row = np.meshgrid([-0.5, 60.0, 150.0, 199.5], [0.0, 100.0, 299.0])
    lon, lat, height = locate_on(rpc, dem, column, row)
    np.testing.assert_allclose(dem.heights(lon, lat), height, atol=2e-3)
    back = rpc.project(lon, lat, height)
    np.testing.assert_allclose(back[0], column, atol=1e-5)
    np.testing.assert_allclose(back[1], row, atol=1e-5)
    flat = locate_on(rpc, FlatDem(123.0), 10.0, 10.0)
    assert flat[2] == pytest.approx(123.0, abs=1e-3)


def test_a_ridge_hides_what_is_behind_it() -> None:
    """A wall to the side the sensor looks from: the line ends on the wall, not on the plain behind it."""
    rpc = make_rpc(lean=0.8)

    class Wall:
        def heights(self, lon_deg: object, lat_deg: object) -> np.ndarray:
            lon = np.asarray(lon_deg, float)
            return np.where(np.abs(lon - LON) < 0.0015, 600.0, 0.0)

    lon, _, height = locate_on(rpc, Wall(), np.arange(40.0, 160.0, 2.0), 150.0)
    on_the_plain = np.isclose(height, 0.0, atol=0.01)
    assert (~on_the_plain).sum() > 10
    assert on_the_plain.sum() > 10
    hidden = lon[on_the_plain] - LON
    # Within the wall's shadow of sight (600 m × 0.8 ≈ 0.0044°) behind it no pixel ends on the plain.
    side = np.sign(rpc.locate(100.0, 150.0, 0.0)[0] - rpc.locate(100.0, 150.0, 600.0)[0])
    assert not ((hidden * side > 0.0016) & (hidden * side < 0.0055)).any()


def test_unknown_relief_is_no_place() -> None:
    class Nothing:
        def heights(self, lon_deg: object, lat_deg: object) -> np.ndarray:
            return np.full(np.broadcast_shapes(np.shape(lon_deg), np.shape(lat_deg)), np.nan)

    assert np.isnan(locate_on(make_rpc(), Nothing(), [10.0, 20.0], 5.0)).all()


def test_a_relief_smaller_than_the_lean_of_the_model_is_found() -> None:
    """From the middle of its heights, 4 km up, the line of sight stands 5 km beside the only ground."""
    rpc = replace(make_rpc(lean=1.2), height_off_m=4_000.0, height_scale_m=5_000.0)
    there = tuple(float(one) for one in rpc.locate(100.0, 150.0, 20.0))

    class Patch:
        def heights(self, lon_deg: object, lat_deg: object) -> np.ndarray:
            near = np.abs(np.asarray(lon_deg, float) - there[0]) < 0.003
            return np.where(near & (np.abs(np.asarray(lat_deg, float) - there[1]) < 0.003), 20.0, np.nan)

    lon, lat, height = locate_on(rpc, Patch(), [100.0, 100.0], [150.0, -1e5])
    assert height[0] == pytest.approx(20.0, abs=2e-3)
    assert (lon[0], lat[0]) == pytest.approx(there, abs=1e-7)
    assert np.isnan(height[1])
