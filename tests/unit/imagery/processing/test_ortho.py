"""Ortho: what lies on the map is what lies on the ground, whatever the relief, window or type."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from pyproj import Transformer
from rio_cogeo.cogeo import cog_validate

from comity.core import InputError
from comity.imagery.geometry.cameras import Camera, pushbroom, square_row_period_s
from comity.imagery.geometry.dem import Dem, FlatDem
from comity.imagery.geometry.images import open_image
from comity.imagery.geometry.pointing import OrbitalPointing
from comity.imagery.geometry.sidecar import write_camera
from comity.imagery.processing.mapgrid import ortho_layout
from comity.imagery.processing.ortho import orthorectify
from unit.imagery.geometry.flown import platform
from unit.imagery.sensed import LAT, LON, make_rpc, pattern, see, write_dem, write_image

RPC = make_rpc()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Dem]:
    """An image of the pattern seen over the hills: two bands, the second the first plus 100."""
    folder = tmp_path_factory.mktemp("scene")
    dem = Dem(write_dem(folder / "dem.tif"), "none")
    seen = see(RPC, dem)
    return write_image(folder / "img.tif", np.stack([seen, seen + 100.0]).round().astype(np.uint16), RPC), dem


def truth(path: Path) -> NDArray[np.float64]:
    """The pattern at the pixel centres of a map."""
    with rasterio.open(path) as opened:
        row, col = np.indices(opened.shape)
        a, _, c, _, e, f = opened.transform[:6]
        back = Transformer.from_crs(opened.crs.to_wkt(), "OGC:CRS84", always_xy=True)
        return pattern(*back.transform(c + a * (col + 0.5), f + e * (row + 0.5)))


@pytest.mark.parametrize("resampling", ["bilinear", "cubic", "lanczos"])
@pytest.mark.parametrize("crs", [None, "EPSG:4326"])
def test_the_map_shows_the_ground(
    tmp_path: Path, scene: tuple[Path, Dem], resampling: str, crs: str | None
) -> None:
    result = orthorectify(scene[0], scene[1], tmp_path / "o.tif", crs=crs, resampling=resampling)
    assert result.crs == ("EPSG:32638" if crs is None else crs)
    assert result.grid_error_px < 0.02
    assert cog_validate(result.path, strict=True)[0]
    with rasterio.open(result.path) as opened:
        image = opened.read().astype(float)
    valid = (image > 0).all(axis=0)
    assert valid.mean() > 0.68
    expected = truth(result.path)
    slope = np.abs(np.gradient(expected)).mean()
    # A tenth of a pixel's slope, which is also what rounding and filters cost here.
    off = (image[0] - expected)[valid]
    assert np.sqrt(np.mean(off**2)) < 0.1 * slope
    assert abs(off.mean()) < 0.02 * slope
    assert np.abs(image[1] - image[0] - 100.0)[valid].max() <= 2.0


def test_without_its_relief_the_map_would_be_wrong(tmp_path: Path, scene: tuple[Path, Dem]) -> None:
    result = orthorectify(scene[0], FlatDem(300.0), tmp_path / "o.tif")
    with rasterio.open(result.path) as opened:
        image = opened.read(1).astype(float)
    expected = truth(result.path)
    off = (image - expected)[image > 0]
    assert np.sqrt(np.mean(off**2)) > 1.0 * np.abs(np.gradient(expected)).mean()


def test_blocks_and_windows_do_not_show(tmp_path: Path, scene: tuple[Path, Dem]) -> None:
    """The same pixels whatever the block, the threads, the part asked for."""
    whole = orthorectify(scene[0], scene[1], tmp_path / "a.tif", res=4.0, workers=1)
    blocks = orthorectify(scene[0], scene[1], tmp_path / "b.tif", res=4.0, block=512, workers=3)
    with rasterio.open(whole.path) as first, rasterio.open(blocks.path) as second:
        one, two = first.read().astype(int), second.read().astype(int)
        west, north = first.bounds.left, first.bounds.top
    assert np.abs(one - two).max() <= 1
    assert (one != two).mean() < 1e-3
    middle = (west + 400.0, north - 1600.0, west + 800.0, north - 1200.0)
    part = orthorectify(scene[0], scene[1], tmp_path / "c.tif", res=4.0, bounds=middle)
    with rasterio.open(part.path) as third:
        assert third.bounds == pytest.approx(middle)
        np.testing.assert_allclose(third.read(), one[:, 300:400, 100:200], atol=1)


def test_larger_pixels_are_means_not_samples(tmp_path: Path) -> None:
    """A checkerboard of single pixels turns grey."""
    board = (np.indices(RPC.shape).sum(axis=0) % 2 * 2000 + 1000).astype(np.uint16)[None]
    image = write_image(tmp_path / "img.tif", board, RPC)
    result = orthorectify(image, FlatDem(300.0), tmp_path / "o.tif", res=80.0)
    with rasterio.open(result.path) as opened:
        inner = opened.read(1)[5:-5, 5:-5]
    inner = inner[inner > 0]
    assert inner.mean() == pytest.approx(2000.0, rel=0.02)
    assert inner.std() < 60.0


@pytest.mark.parametrize("resampling", ["nearest", "bilinear", "cubic", "lanczos"])
@pytest.mark.parametrize("dtype", ["uint16", "int16", "float32"])
def test_no_data_stays_no_data_and_spoils_nothing(tmp_path: Path, dtype: str, resampling: str) -> None:
    nodata = {"uint16": 0, "int16": -9999, "float32": -1.0}[dtype]
    pixels = np.full((1, *RPC.shape), 1234, dtype)
    pixels[:, 100:140, 80:120] = nodata
    if dtype == "float32":
        pixels[:, 200:220, 80:120] = np.nan
    image = write_image(tmp_path / "img.tif", pixels, RPC, nodata=nodata)
    result = orthorectify(image, FlatDem(300.0), tmp_path / "o.tif", resampling=resampling)
    with rasterio.open(result.path) as opened:
        laid = opened.read(1)
        valid = opened.dataset_mask() > 0
    # Whatever is there is exact: no share of a hole came in, in any type.
    assert np.abs(laid[valid].astype(float) - 1234.0).max() < 1e-2
    hole = pixels[0] != 1234
    pixel_area = result.native_gsd_m[0] * result.native_gsd_m[1] / result.res**2
    assert valid.sum() == pytest.approx((hole.size - hole.sum()) * pixel_area, rel=0.02)


def test_counts_of_zero_that_are_data_are_kept_apart_from_no_data(tmp_path: Path) -> None:
    image = write_image(tmp_path / "img.tif", np.zeros((1, *RPC.shape), np.uint8), RPC)
    result = orthorectify(image, FlatDem(300.0), tmp_path / "o.tif", resampling="nearest")
    with rasterio.open(result.path) as opened:
        assert set(np.unique(opened.read(1))) == {0, 1}
        assert opened.nodata == 0


def test_the_sharpest_counts_do_not_overflow(tmp_path: Path) -> None:
    board = np.where(np.indices(RPC.shape).sum(axis=0) // 7 % 2, 65535, 1).astype(np.uint16)[None]
    image = write_image(tmp_path / "img.tif", board, RPC)
    result = orthorectify(image, FlatDem(300.0), tmp_path / "o.tif", resampling="cubic")
    with rasterio.open(result.path) as opened:
        laid = opened.read(1)
    assert {1, 65535} <= set(np.unique(laid))
    assert np.isin(laid, [1, 65535])[laid > 0].mean() > 0.4  # overshoot is clipped, not wrapped


def test_a_model_that_trembles_is_followed(tmp_path: Path, scene: tuple[Path, Dem]) -> None:
    """Attitude jitter of a third of a pixel every 40 rows: the grid of nodes gets finer until it is met."""

    class Jitter:
        shape, heights_m = RPC.shape, RPC.heights_m

        def project(self, lon: Any, lat: Any, height: Any) -> Any:
            column, row = RPC.project(lon, lat, height)
            return column + 0.33 * np.sin(row * 2 * math.pi / 40.0), row

        def locate(self, column: Any, row: Any, height: Any) -> Any:
            shake = 0.33 * np.sin(np.asarray(row) * 2 * math.pi / 40.0)
            return RPC.locate(np.asarray(column) - shake, row, height)

    image = replace(open_image(scene[0]), model=Jitter())
    result = orthorectify(image, scene[1], tmp_path / "o.tif")
    assert result.grid_error_px < 0.02


def test_a_dem_with_a_hole_or_too_small_is_refused_by_name_and_place(
    tmp_path: Path, scene: tuple[Path, Dem]
) -> None:
    holed = write_dem(tmp_path / "holed.tif", hole=True)
    with pytest.raises(InputError, match=r"holed\.tif has a hole under the image at 42\.(69|70)\d+° E"):
        orthorectify(scene[0], Dem(holed, "none"), tmp_path / "o.tif")
    small = write_dem(tmp_path / "small.tif", reach_deg=0.005)
    with pytest.raises(InputError, match=r"small\.tif does not cover the image: .* no height at 42\.\d+° E"):
        orthorectify(scene[0], Dem(small, "none"), tmp_path / "o.tif")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["holed.tif", "small.tif"]
    # The part it does cover can be had; so can the sea.
    x, y = Transformer.from_crs("OGC:CRS84", 32638, always_xy=True).transform(LON, LAT)
    box = (x - 200.0, y - 200.0, x + 200.0, y + 200.0)
    orthorectify(scene[0], Dem(small, "none"), tmp_path / "part.tif", bounds=box)
    orthorectify(scene[0], Dem(holed, "none", voids="sea"), tmp_path / "sea.tif")


def test_heights_the_model_was_not_made_for_are_refused(tmp_path: Path, scene: tuple[Path, Dem]) -> None:
    with pytest.raises(InputError, match=r"img\.tif: its model holds for .*-200 … 800 m.*9000 … 9000"):
        orthorectify(scene[0], FlatDem(9000.0), tmp_path / "o.tif")
    assert orthorectify(scene[0], FlatDem(900.0), tmp_path / "o.tif").beyond_model


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"crs": "EPSG:1"}, "EPSG:1 is no coordinate reference system"),
        ({"res": -1.0}, "pixel size -1: give a number above 0"),
        ({"res": 1e-5}, "in the projection's units"),
        ({"bounds": (0.0, 0.0, 9.0, 9.0)}, r"the area lies outside .*img\.tif, which reaches from"),
        ({"bounds": (9.0, 0.0, 0.0, 9.0)}, "give west, south, east, north"),
        ({"resampling": "best"}, "resampling 'best': give one of nearest"),
        ({"block": 700}, "block 700: give 512"),
    ],
)
def test_bad_requests_are_told(
    tmp_path: Path, scene: tuple[Path, Dem], asked: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        orthorectify(scene[0], scene[1], tmp_path / "o.tif", **asked)
    assert not list(tmp_path.iterdir())


def test_images_of_one_zone_share_their_pixels(scene: tuple[Path, Dem]) -> None:
    layout = ortho_layout(open_image(scene[0]), scene[1], res=7.0)
    assert (layout.transform.c / 7.0) == round(layout.transform.c / 7.0)
    assert (layout.transform.f / 7.0) == round(layout.transform.f / 7.0)


def test_a_killed_ortho_goes_on_and_ends_the_same(tmp_path: Path, scene: tuple[Path, Dem]) -> None:
    out = tmp_path / "killed.tif"
    command = [sys.executable, "-m", "comity", "process", "ortho", "--image", str(scene[0])]
    command += ["--dem", str(scene[1].path), "--geoid", "none", "--res", "0.6", "--workers", "1"]
    journal = tmp_path / ".killed.tif.work" / "journal"
    with subprocess.Popen([*command, "--out", str(out)]) as process:
        deadline = time.monotonic() + 120.0
        while not (journal.exists() and journal.read_text().count("\n") >= 2):
            assert process.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    assert not out.exists()
    before = journal.read_text().splitlines()
    tiles = (tmp_path / ".killed.tif.work" / "tiles").read_bytes()
    result = orthorectify(scene[0], scene[1], out, res=0.6, workers=2)
    assert len(before) < math.ceil(result.width / 2048) * math.ceil(result.height / 2048)
    # What was finished was taken over: its bytes stand in the file as they were.
    content = out.read_bytes()
    for line in before:
        places = json.loads(line)["places"]
        first = places[0]
        assert tiles[first[4] : first[4] + first[5]] in content
    with rasterio.open(out) as opened:
        assert np.isfinite(float(opened.tags(1)["STATISTICS_MEAN"]))
    assert [path.name for path in tmp_path.iterdir()] == ["killed.tif"]


def test_a_rigorous_camera_beside_the_image_serves_as_well(tmp_path: Path) -> None:
    camera = Camera(kind="pushbroom", columns=300, focal_length_m=0.277, pixel_pitch_m=4e-6)
    flown = platform(OrbitalPointing(roll_deg=12.0))
    model = pushbroom(camera, flown, 200, row_period_s=square_row_period_s(camera, flown))
    relief = FlatDem(250.0)
    row, column = np.indices(model.shape).astype(float)
    lon, lat = model.locate(column, row, 250.0)
    image = write_image(tmp_path / "img.tif", pattern(lon, lat).round().astype(np.uint16)[None], None)
    write_camera(model, tmp_path / "img.camera.json")
    assert open_image(image).geometry == "rigorous model of img.camera.json"
    result = orthorectify(image, relief, tmp_path / "o.tif")
    assert result.grid_error_px < 0.02
    assert result.native_gsd_m == pytest.approx((10.5, 10.5), rel=0.05)
    with rasterio.open(result.path) as opened:
        laid = opened.read(1).astype(float)
    expected = truth(result.path)
    off = (laid - expected)[laid > 0]
    assert np.sqrt(np.mean(off**2)) < 0.1 * np.abs(np.gradient(expected)).mean()
    larger = write_image(tmp_path / "larger.tif", np.ones((1, 900, 300), np.uint16), None)
    write_camera(model, tmp_path / "larger.camera.json")
    with pytest.raises(InputError, match=r"larger\.camera\.json is of an image of 300 × 200 pixels"):
        open_image(larger)


def test_what_the_image_says_of_its_acquisition_goes_on_the_map(
    tmp_path: Path, scene: tuple[Path, Dem]
) -> None:
    raw = tmp_path / "raw.tif"
    raw.write_bytes(scene[0].read_bytes())
    said = {
        "SIMULATED": "YES",
        "COMITY_SUN_ELEVATION": "61.5",
        "COMITY_QUANTITY": "top-of-atmosphere radiance",
    }
    with rasterio.open(raw, "r+") as file:
        file.update_tags(**said, COMITY_LEVEL="L1B")
    orthorectify(raw, scene[1], tmp_path / "o.tif")
    with rasterio.open(tmp_path / "o.tif") as file:
        assert said.items() <= file.tags().items()
        assert file.tags()["COMITY_LEVEL"] == "L1C"


@pytest.mark.parametrize("res", [1e-4, 1e7])
def test_a_pixel_size_that_cannot_be_meant_is_refused(
    tmp_path: Path, scene: tuple[Path, Dem], res: float
) -> None:
    with pytest.raises(InputError, match="the image's own is"):
        orthorectify(scene[0], scene[1], tmp_path / "o.tif", res=res)


def test_a_tile_cut_short_is_told(tmp_path: Path) -> None:
    (tmp_path / "N11E043.hgt").write_bytes(bytes(1_000_000))
    with pytest.raises(InputError, match=r"N11E043\.hgt is no whole SRTM tile: 1,000,000 bytes"):
        Dem(tmp_path / "N11E043.hgt", "none")


def test_the_acquisition_is_not_written_over(tmp_path: Path, scene: tuple[Path, Dem]) -> None:
    raw = tmp_path / "raw.tif"
    raw.write_bytes(scene[0].read_bytes())
    with pytest.raises(InputError, match=r"raw\.tif is to be read and written at once"):
        orthorectify(raw, scene[1], tmp_path / "." / "raw.tif")
    assert raw.read_bytes() == scene[0].read_bytes()
