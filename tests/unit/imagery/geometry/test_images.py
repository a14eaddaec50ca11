"""Images in sensor geometry: what opens, with which geometry, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rasterio.transform import Affine

from comity.core import InputError
from comity.imagery.geometry.images import open_image
from comity.imagery.geometry.rpc_files import write_rpc
from unit.imagery.sensed import LAT, LON, make_rpc, write_image

RPC = make_rpc()
PIXELS = np.arange(300 * 200, dtype=np.uint16).reshape(1, 300, 200)


def test_the_tag_is_read_and_an_extract_knows_where_it_was(tmp_path: Path) -> None:
    whole = open_image(write_image(tmp_path / "a.tif", PIXELS, RPC))
    assert (whole.shape, whole.dtype, whole.bands, whole.nodata) == ((300, 200), "uint16", ("pan",), None)
    part = open_image(
        write_image(
            tmp_path / "b.tif", PIXELS[:, 100:150, 20:80], RPC.shifted(20, 100, (50, 60)), shift=(20.0, 100.0)
        )
    )
    assert part.origin == (20.0, 100.0)
    lon, lat = whole.model.locate(25.0, 130.0, 300.0)
    assert part.model.project(lon, lat, 300.0) == pytest.approx((5.0, 30.0), abs=1e-6)


def test_an_extract_that_does_not_say_where_it_was_is_refused_until_it_is_told(tmp_path: Path) -> None:
    path = write_image(tmp_path / "part.tif", PIXELS[:, :50, :60], RPC)
    with pytest.raises(InputError, match=r"part\.tif: its RPC is of an image of about 201 columns.*--origin"):
        open_image(path)
    told = open_image(path, origin=(20, 100)).model.project(LON, LAT, 300.0)
    assert np.subtract(RPC.project(LON, LAT, 300.0), told) == pytest.approx([20.0, 100.0])


def test_an_rpc_of_another_image_is_refused(tmp_path: Path) -> None:
    larger = write_image(tmp_path / "larger.tif", np.ones((1, 900, 200), np.uint8), RPC)
    with pytest.raises(
        InputError, match=r"larger\.tif: its RPC is of another image: .* rows 0 … 300 .* 0 … 899"
    ):
        open_image(larger)
    elsewhere = write_image(tmp_path / "elsewhere.tif", PIXELS, replace(RPC, column_off=2000.0))
    with pytest.raises(InputError, match=r"elsewhere\.tif: its RPC is of another image"):
        open_image(elsewhere)


def test_a_file_beside_the_image_goes_before_its_tag_and_one_named_before_both(tmp_path: Path) -> None:
    path = write_image(tmp_path / "a.tif", PIXELS, RPC)
    write_rpc(tmp_path / "a.RPB", replace(RPC, column_off=RPC.column_off + 3.0))
    other = write_rpc(tmp_path / "other_RPC.TXT", replace(RPC, column_off=RPC.column_off + 5.0))
    column = float(RPC.project(LON, LAT, 300.0)[0])
    assert float(open_image(path).model.project(LON, LAT, 300.0)[0]) == pytest.approx(column + 3.0)
    assert open_image(path).geometry == "RPC of a.RPB"
    assert float(open_image(path, rpc=other).model.project(LON, LAT, 300.0)[0]) == pytest.approx(column + 5.0)


def test_images_without_geometry_are_refused(tmp_path: Path) -> None:
    path = write_image(tmp_path / "bare.tif", PIXELS, None, transform=Affine(2.0, 0.0, 5.0, 0.0, -2.0, 9.0))
    with pytest.raises(InputError, match=r"bare\.tif has no geometry: .*bare_RPC\.TXT.*bare\.camera\.json"):
        open_image(path)


@pytest.mark.parametrize("compress", [None, "deflate"])
def test_a_file_cut_short_is_refused_before_a_pixel_is_read(tmp_path: Path, compress: str | None) -> None:
    more = {"compress": compress} if compress else {}
    path = write_image(tmp_path / "a.tif", PIXELS, RPC, tiled=True, blockxsize=64, blockysize=64, **more)
    content = path.read_bytes()
    for share in (0.9, 0.5, 0.01):
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(InputError, match=r"a\.tif"):
            open_image(path)
    path.write_bytes(b"")
    with pytest.raises(InputError, match=r"cannot read .*a\.tif"):
        open_image(path)
    with pytest.raises(InputError, match=r"cannot read .*none\.tif"):
        open_image(tmp_path / "none.tif")


def test_pixels_that_are_no_counts_are_refused(tmp_path: Path) -> None:
    path = write_image(tmp_path / "a.tif", np.ones((1, 300, 200), np.complex64), RPC)
    with pytest.raises(InputError, match=r"a\.tif has pixels of type complex64"):
        open_image(path)


def test_a_camera_of_another_image_is_refused(tmp_path: Path) -> None:
    path = write_image(tmp_path / "a.tif", PIXELS, RPC)
    (tmp_path / "a.camera.json").write_text("{}")
    with pytest.raises(InputError, match=r"a\.camera\.json"):
        open_image(path)


@pytest.mark.parametrize("nodata", [70_000.0, -1.0, 0.5, float("nan")])
def test_a_nodata_that_no_count_can_have_is_refused(tmp_path: Path, nodata: float) -> None:
    path = write_image(tmp_path / "a.tif", PIXELS, RPC)
    with pytest.raises(InputError, match=r"a\.tif are whole numbers from 0 to 65535"):
        open_image(path, nodata=nodata)
