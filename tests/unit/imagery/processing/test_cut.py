"""Cuts: the customer's area, its pixels untouched, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import shapely
from pyproj import Transformer
from rio_cogeo.cogeo import cog_validate

from comity.core import InputError
from comity.imagery.processing.cut import cut
from unit.imagery.processing.paired import NORTH, PAN_M, WEST, read, truth, write

SCENE = truth(300, 400)
THERE = Transformer.from_crs(32631, 4326, always_xy=True)


def area(folder: Path, *pixels: tuple[float, float]) -> Path:
    """A GeoJSON polygon through (column, row) corners of pixels."""
    ring = [THERE.transform(WEST + col * PAN_M, NORTH - row * PAN_M) for col, row in (*pixels, pixels[0])]
    path = folder / "area.geojson"
    feature = {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}), encoding="utf-8")
    return path


def test_keeps_the_pixels_of_the_area_and_only_those(tmp_path: Path) -> None:
    image = write(tmp_path / "image.tif", SCENE)
    corners = [(100.0, 50.0), (300.0, 80.0), (220.0, 260.0)]
    found = cut(image, area(tmp_path, *corners), tmp_path / "out.tif")
    made = read(found.path)
    assert (found.width, found.height) == (200, 210)
    col, row = np.meshgrid(np.arange(100, 300) + 0.5, np.arange(50, 260) + 0.5)
    inside = shapely.contains_xy(shapely.Polygon(corners), col, row)
    valid = np.isfinite(made).all(axis=0)
    # Rounding may decide otherwise for a centre on the line itself.
    assert (valid != inside).sum() < 10
    both = valid & inside
    assert np.array_equal(made[:, both], np.rint(SCENE[:, 50:260, 100:300])[:, both])
    assert found.covered == pytest.approx(1.0, abs=0.01)
    assert cog_validate(found.path, strict=True)[0]


def test_says_how_much_of_an_area_it_covers(tmp_path: Path) -> None:
    image = write(tmp_path / "image.tif", SCENE)
    half_out = area(tmp_path, (300.0, 100.0), (500.0, 100.0), (500.0, 200.0), (300.0, 200.0))
    found = cut(image, half_out, tmp_path / "out.tif")
    # Edges straight in lon, lat bend a little on the map.
    assert (found.width, found.height) == pytest.approx((100, 100), abs=1)
    assert found.covered == pytest.approx(0.5, abs=0.02)


def test_an_area_smaller_than_a_pixel_is_a_pixel(tmp_path: Path) -> None:
    image = write(tmp_path / "image.tif", SCENE, 20.0)
    # In pixels of PAN_M: 4 m of the pixel of 20 m that begins 200 m east and 400 m south of the corner.
    tiny = area(tmp_path, (404.0, 804.0), (412.0, 804.0), (408.0, 812.0))
    made = read(cut(image, tiny, tmp_path / "out.tif").path)
    assert made.ravel() == pytest.approx(np.rint(SCENE[:, 20, 10]))


def test_refuses_areas_without_image(tmp_path: Path) -> None:
    scene = SCENE.copy()
    scene[:, :100, :100] = np.nan
    image = write(tmp_path / "image.tif", scene)
    with pytest.raises(InputError, match=r"area\.geojson lies outside .*image\.tif"):
        cut(image, area(tmp_path, (900.0, 0.0), (950.0, 0.0), (950.0, 50.0)), tmp_path / "out.tif")
    with pytest.raises(InputError, match="has no data in"):
        cut(image, area(tmp_path, (5.0, 5.0), (50.0, 5.0), (50.0, 50.0)), tmp_path / "out.tif")
    with pytest.raises(InputError, match=r"area\.geojson"):
        path = tmp_path / "area.geojson"
        path.write_text('{"type": "Point", "coordinates": [1.0, 43.0]}', encoding="utf-8")
        cut(image, path, tmp_path / "out.tif")
    assert not (tmp_path / "out.tif").exists()
