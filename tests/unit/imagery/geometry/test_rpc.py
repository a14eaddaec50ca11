"""RPCs: forms read and written, the model inverted, what it cannot say."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from comity.core import InputError
from comity.imagery.geometry.rpc_files import find_rpc, read_rpc, tag_of, write_rpc
from unit.imagery.sensed import make_rpc, write_image

DIMAP = """<?xml version="1.0"?>
<Dimap_Document><Rational_Function_Model><Global_RFM>
<Direct_Model>{direct}</Direct_Model>
<Inverse_Model>{inverse}</Inverse_Model>
<RFM_Validity>
<Direct_Model_Validity_Domain><FIRST_ROW>1</FIRST_ROW></Direct_Model_Validity_Domain>
{validity}
</RFM_Validity></Global_RFM></Rational_Function_Model></Dimap_Document>
"""


def dimap(rpc: object) -> str:
    """A DIMAP file of a model: it counts pixels from 1 and holds the inverse of the inverse too."""
    names = {"SAMP_NUM": "column_num", "SAMP_DEN": "column_den", "LINE_NUM": "row_num", "LINE_DEN": "row_den"}
    inverse = "".join(
        f"<{name}_COEFF_{i}>{value!r}</{name}_COEFF_{i}>"
        for name, field in names.items()
        for i, value in enumerate(getattr(rpc, field), 1)
    )
    direct = "".join(f"<{name}_COEFF_{i}>9.0</{name}_COEFF_{i}>" for name in names for i in range(1, 21))
    numbers = {
        "LONG_SCALE": "lon_scale_deg", "LONG_OFF": "lon_off_deg", "LAT_SCALE": "lat_scale_deg",
        "LAT_OFF": "lat_off_deg", "HEIGHT_SCALE": "height_scale_m", "HEIGHT_OFF": "height_off_m",
        "SAMP_SCALE": "column_scale", "LINE_SCALE": "row_scale",
    }  # fmt: skip
    validity = "".join(f"<{name}>{getattr(rpc, field)!r}</{name}>" for name, field in numbers.items())
    validity += f"<SAMP_OFF>{rpc.column_off + 1!r}</SAMP_OFF><LINE_OFF>{rpc.row_off + 1!r}</LINE_OFF>"  # type: ignore[attr-defined]
    return DIMAP.format(direct=direct, inverse=inverse, validity=validity)


def test_every_form_gives_the_same_model(tmp_path: Path) -> None:
    rpc = replace(make_rpc(), error_bias_m=3.5)
    assert read_rpc(write_rpc(tmp_path / "a.RPB", rpc), rpc.shape) == rpc
    assert read_rpc(write_rpc(tmp_path / "a_RPC.TXT", rpc), rpc.shape) == rpc
    (tmp_path / "RPC_a.XML").write_text(dimap(rpc))
    assert read_rpc(tmp_path / "RPC_a.XML", rpc.shape) == replace(rpc, error_bias_m=None)
    image = write_image(tmp_path / "b.tif", np.ones((1, *rpc.shape), np.uint8), rpc)
    tag = tag_of(image, rpc.shape)  # GDAL gives its numbers with 15 digits
    assert tag is not None
    assert tag.error_bias_m == 3.5
    places = (rpc.lon_off_deg + 0.01, rpc.lat_off_deg - 0.01, 500.0)
    assert tag.project(*places) == pytest.approx(rpc.project(*places), abs=1e-9)


def test_units_commas_and_letters_of_vendors_are_read(tmp_path: Path) -> None:
    rpc = make_rpc()
    text = write_rpc(tmp_path / "a_rpc.txt", rpc).read_text()
    lines = [f"{line} pixels" if "_OFF" in line else line.lower() for line in text.splitlines()]
    (tmp_path / "a_rpc.txt").write_text("\r\n".join(lines))
    assert read_rpc(tmp_path / "a_rpc.txt", rpc.shape) == rpc


@pytest.mark.parametrize(
    ("image", "beside"),
    [
        ("po_123.tif", "po_123_rpc.txt"),
        ("scene.tif", "scene.RPB"),
        ("IMG_PHR1A_P_001_R1C1.TIF", "RPC_PHR1A_P_001.XML"),
    ],
)
def test_the_file_beside_an_image_is_found(tmp_path: Path, image: str, beside: str) -> None:
    (tmp_path / image).touch()
    (tmp_path / "other.RPB").touch()
    assert find_rpc(tmp_path / image) is None
    (tmp_path / beside).touch()
    assert find_rpc(tmp_path / image) == tmp_path / beside


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("LINE_OFF", "LINE_OF", "no LINE_OFF"),
        ("SAMP_NUM_COEFF_20", "SAMP_NUM_COEF_20", "19 of 20 coefficients SAMP_NUM_COEFF"),
        ("LAT_SCALE: ", "LAT_SCALE: -", "lat_scale_deg .* is not above 0"),
        ("LINE_DEN_COEFF_1: 1.0", "LINE_DEN_COEFF_1: nan", "row_den needs 20 finite"),
        ("LINE_DEN_COEFF_1: 1.0", "LINE_DEN_COEFF_1: one", "holds what is not a number"),
    ],
)
def test_a_spoilt_file_is_refused_by_name(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = write_rpc(tmp_path / "a_RPC.TXT", make_rpc())
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(InputError, match=rf"a_RPC\.TXT: .*{message}"):
        read_rpc(path, (1, 1))


def test_no_xml_entity_is_followed(tmp_path: Path) -> None:
    (tmp_path / "RPC_a.XML").write_text('<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>')
    with pytest.raises(InputError, match=r"RPC_a\.XML"):
        read_rpc(tmp_path / "RPC_a.XML", (1, 1))


def test_the_model_says_nothing_far_from_its_range() -> None:
    rpc = make_rpc()
    far = rpc.lon_off_deg + 1.6 * rpc.lon_scale_deg
    assert np.isnan(rpc.project(far, rpc.lat_off_deg, 300.0)).all()
    assert np.isnan(rpc.project(rpc.lon_off_deg, rpc.lat_off_deg, 8000.0)).all()
    assert np.isnan(rpc.project(rpc.lon_off_deg, math.nan, 300.0)).all()
    assert np.isnan(rpc.locate([1e6, math.nan], 0.0, 300.0)).all()
    # Longitudes of another turn are the same places.
    here = rpc.project(rpc.lon_off_deg, rpc.lat_off_deg, 300.0)
    assert rpc.project(rpc.lon_off_deg - 360.0, rpc.lat_off_deg, 300.0) == pytest.approx(here, abs=1e-6)


def test_an_extract_counts_from_its_own_first_pixel() -> None:
    rpc = make_rpc()
    extract = rpc.shifted(50, 20, (100, 100))
    lon, lat = rpc.locate(60.0, 45.0, 200.0)
    assert extract.project(lon, lat, 200.0) == pytest.approx((10.0, 25.0), abs=1e-6)
    assert extract.shape == (100, 100)
