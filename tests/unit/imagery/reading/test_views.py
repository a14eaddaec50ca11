"""Tiles, previews and points of a known field: the right value at the right place, and none where none is."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image
from pyproj import Transformer

from comity.core import InputError
from comity.imagery.reading import open_source, picture, point, preview, tile, write_view
from unit.imagery.reading.fields import LAT, LON, make_image, make_item, plane

FIELDS = {"red": plane, "nir": lambda lon, lat: 3.0 * plane(lon, lat)}


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """100 m pixels; the north-west quarter holds no data."""
    path = tmp_path_factory.mktemp("field") / "field.tif"
    return make_image(path, FIELDS, hole=(slice(0, 120), slice(0, 150)), offset=-0.1)


def test_a_point_is_physical_and_at_its_place(image: Path) -> None:
    value = point(image, 42.05, 11.45)
    # half a pixel of the slope, and half a count
    assert value["red"] == pytest.approx(plane(42.05, 11.45), abs=0.5 * 100 / 109_000 * 0.8 + 1e-4)
    assert value["nir"] == pytest.approx(3 * value["red"], abs=2e-4)
    assert point(image, 42.05, 11.45, expression="ndvi") == {
        "(nir - red) / (nir + red)": pytest.approx(0.5, abs=1e-3)
    }
    assert point(image, 41.95, 11.55) == {"red": None, "nir": None}
    with pytest.raises(InputError, match=r"is beside .*field\.tif, which lies in 41\.8"):
        point(image, 0.0, 0.0)


def test_every_pixel_of_a_tile_lies_where_the_web_map_says(image: Path) -> None:
    z, size = 12, 64
    x = int((42.04 + 180.0) / 360.0 * 2**z)
    y = int((1.0 - math.asinh(math.tan(math.radians(11.45))) / math.pi) / 2.0 * 2**z)
    view = tile(image, z, x, y, size=size)
    half = math.pi * 6_378_137.0
    step = 2.0 * half / 2**z / size
    xs = -half + x * size * step + step * (np.arange(size) + 0.5)
    ys = half - y * size * step - step * (np.arange(size) + 0.5)
    back = Transformer.from_crs(3857, 4326, always_xy=True)
    lon, lat = back.transform(*np.meshgrid(xs, ys))
    valid = np.isfinite(view.values[0])
    assert valid.mean() > 0.9
    # a tile's pixels are 150 m: bilinear values of a plane are exact but for counts of 1e-4 and overviews
    np.testing.assert_allclose(view.values[0][valid], plane(lon, lat)[valid], atol=4e-4)
    with pytest.raises(InputError, match=r"lies in tiles 12/2524/1914 … 12/2527/1917"):
        tile(image, z, 0, 0)
    with pytest.raises(InputError, match="there is no tile"):
        tile(image, 3, 8, 0)


def test_a_preview_keeps_nodata_apart(image: Path) -> None:
    view = preview(image, max_size=100)
    assert view.values.shape == (2, 80, 100)
    assert np.isnan(view.values[:, :39, :49]).all(), "no data stays none"
    assert np.isfinite(view.values[:, 41:, :]).all()
    assert np.nanmin(view.values[0]) > 0.05, "no zero has been mixed in"


def test_names_come_from_the_item_first(tmp_path: Path) -> None:
    path = make_image(
        tmp_path / "a.tif", FIELDS, descriptions=False, file_scale=False, scale=1e-4, offset=-0.1
    )
    bands = [
        {"name": "B4", "eo:common_name": "red", "raster:scale": 1e-4, "raster:offset": -0.1, "unit": "1"},
        {"name": "B8", "eo:common_name": "nir", "raster:scale": 1e-4, "raster:offset": -0.1},
    ]
    source = open_source(make_item(path, "2024-09-23T07:00:00Z", [], bands=bands))
    assert source.bands[0].names == ("red", "B4", "b1")
    assert source.when is not None
    assert point(source, LON, LAT, bands=["B8"])["nir"] == pytest.approx(0.9, abs=0.01)
    assert point(path, LON, LAT)["b1"] == pytest.approx(4000.0, abs=30.0), "without the Item: counts"


def test_what_cannot_be_read_is_told_with_its_name(tmp_path: Path, image: Path) -> None:
    raw = tmp_path / "raw.tif"
    Image.fromarray(np.ones((4, 4), np.uint8)).save(raw)
    cut = tmp_path / "cut.tif"
    cut.write_bytes(image.read_bytes()[:60_000])
    half = make_item(make_image(tmp_path / "h.tif", FIELDS), "2024-09-23T07:00:00Z", ["red"])
    odd = make_item(
        make_image(tmp_path / "o.tif", FIELDS), "2024-09-23T07:00:00Z", [],
        bands=[{"name": "red", "raster:scale": 1.0}, {"name": "nir", "raster:scale": 2.0}],
    )  # fmt: skip
    for path, said in (
        (raw, r"raw\.tif is not on a map.*comity process ortho"),
        (half, r"bands tells of 1 bands, the image has 2"),
        (odd, r"o\.tif, band 1: the file says scale 0\.0001.*its Item 1"),
        (tmp_path / "none.tif", r"no image .*none\.tif"),
    ):
        with pytest.raises(InputError, match=said):
            open_source(path)
    with pytest.raises(InputError, match=r"cut\.tif cannot be read"):
        preview(cut, max_size=2000)
    with pytest.raises(InputError, match=r"has no band 'green'; it has red, nir"):
        preview(image, expression="mndwi")


def test_pictures_and_values_as_files(image: Path, tmp_path: Path) -> None:
    view = preview(image, expression="nir", max_size=100)
    content = picture(view, ramp="green", ends=((0.0, 2.0),))
    pixels = np.asarray(Image.open(io.BytesIO(content)))
    assert pixels.shape == (80, 100, 4)
    assert (pixels[:39, :49, 3] == 0).all()
    assert (pixels[41:, :, 3] == 255).all()
    east, west = pixels[60, 95].astype(int), pixels[60, 3].astype(int)
    assert east[1] - east[0] > west[1] - west[0], "greener where there is more"
    assert picture(view, legend="nir")[:4] == b"\x89PNG"
    write_view(view, tmp_path / "v.tif")
    with rasterio.open(tmp_path / "v.tif") as back:
        assert back.descriptions == ("nir",)
        np.testing.assert_array_equal(back.read(), view.values)
        there = Transformer.from_crs(4326, back.crs, always_xy=True).transform(42.05, 11.45)
        assert next(back.sample([there]))[0] == pytest.approx(3 * plane(42.05, 11.45), abs=0.02)
    with pytest.raises(InputError, match=r"write \.png"):
        write_view(view, tmp_path / "v.jpg")
    with pytest.raises(InputError, match="1 or 3 bands, not 2"):
        picture(preview(image, max_size=20))
