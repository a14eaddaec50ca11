"""Figures of quality: noise that was put in comes out, errors that were put in come out, facts are read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine
from scipy import ndimage

from comity.core import InputError
from comity.imagery.geometry.images import open_image
from comity.imagery.products.facts import completed, merged, read_metadata, tagged
from comity.imagery.products.measures import (
    errors_against,
    estimate_snr,
    patch_shift,
    read_reference_points,
)


@pytest.mark.parametrize("noise", [3.0, 12.0])
def test_the_noise_of_an_image_is_found_under_its_ground(noise: float) -> None:
    rng = np.random.default_rng(8)
    ground = 900.0 + 60.0 * ndimage.zoom(rng.normal(size=(12, 12)), 40, order=3)
    image = np.rint(ground + rng.normal(0, noise, ground.shape)).astype(np.uint16)[None]
    found = estimate_snr(image, np.ones(ground.shape, bool), ["pan"])[0]
    assert found.noise == pytest.approx(noise, rel=0.08)
    assert found.snr == pytest.approx(found.signal / noise, rel=0.08)


def test_an_image_without_noise_or_ground_gives_no_figure() -> None:
    flat = np.full((1, 200, 200), 500, np.uint16)
    assert estimate_snr(flat, np.ones((200, 200), bool), ["pan"]) == []
    assert estimate_snr(flat, np.zeros((200, 200), bool), ["pan"]) == []


@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.3, -0.62), (3.4, 2.15)])
def test_a_shift_is_found_to_hundredths(shift: tuple[float, float]) -> None:
    ground = ndimage.gaussian_filter(np.random.default_rng(1).normal(size=(200, 200)), 1.5)
    moved = ndimage.shift(ground, (shift[1], shift[0]), order=5)
    cut = np.s_[60:124, 60:124]
    assert patch_shift(ground[cut], 3.0 * moved[cut] + 40.0) == pytest.approx(shift, abs=0.04)


def test_no_shift_is_made_up_where_nothing_matches() -> None:
    rng = np.random.default_rng(5)
    found = [patch_shift(*(rng.normal(size=(2, 64, 64)))) for _ in range(40)]
    assert sum(one is not None for one in found) == 0


def map_image(path: Path, values: np.ndarray, west: float, north: float, pixel: float) -> Path:
    profile = {
        "driver": "GTiff", "dtype": "uint16", "count": 1, "height": values.shape[0], "width": values.shape[1],
        "crs": "EPSG:32631", "nodata": 0, "transform": Affine(pixel, 0, west, 0, -pixel, north),
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as file:
        file.write(values.astype(np.uint16), 1)
    return path


def test_an_image_laid_wrong_is_wrong_by_as_much_against_a_reference(tmp_path: Path) -> None:
    ground = (
        1000 + 400 * ndimage.gaussian_filter(np.random.default_rng(3).normal(size=(520, 520)), 2.0) / 0.14
    )
    ground = np.clip(ground, 1, 4000)
    reference = map_image(tmp_path / "reference.tif", ground, 500_000.0, 4_800_000.0, 2.0)
    # The same pixels, said to lie 3 m farther east and 1.4 m farther south.
    image = map_image(tmp_path / "image.tif", ground[60:460, 40:440], 500_083.0, 4_799_878.6, 2.0)
    error = errors_against(image, reference)
    assert error.bias_m == pytest.approx((3.0, -1.4), abs=0.1)
    assert error.rms_px == pytest.approx(np.hypot(3.0, 1.4) / 2.0, abs=0.05)
    away = map_image(tmp_path / "away.tif", ground, 600_000.0, 4_800_000.0, 2.0)
    with pytest.raises(InputError, match=r"0 patches match"):
        errors_against(image, away)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lon,lat\n1,43\n", r"line 2: give column and row"),
        ("lon,lat,column,row\n1,x,3,4\n", r"line 2: lat is 'x'"),
        ("lon,lat,column,row\n1,95,3,4\n", r"line 2: lon 1, lat 95 is no place"),
        ("lon,column,row\n1,3,4\n", r"line 2: lat is missing"),
        ("lon,lat,column,row\n", r"has no reference points"),
        ('{"type": "FeatureCollection"}', r"no GeoJSON of points"),
    ],
)
def test_reference_points_that_are_wrong_are_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "points.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_reference_points(path)


def test_points_come_from_geojson_too(tmp_path: Path) -> None:
    path = tmp_path / "points.geojson"
    feature = {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [1.1, 43.5, 190.0]},
        "properties": {"id": "church", "column": 10, "row": 20},
    }
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}), encoding="utf-8")
    (point,) = read_reference_points(path)
    assert (point.id, point.height_m, point.column, point.row) == ("church", 190.0, 10.0, 20.0)


def test_the_real_image_tells_when_it_was_taken_and_where_the_sun_stood(shared_data: Path) -> None:
    image = open_image(shared_data / "imagery" / "pleiades-toulouse" / "phr_pan.tif")
    facts = completed(tagged([image.path], [image.tags]), image.model, 290.0)
    assert facts.start is not None
    assert facts.start.iso(0) == "2012-11-15T11:04:30Z"
    assert facts.platform == "Pléiades 1A"
    # Late in November, an hour before noon: 90° − 43.5° − 18.5° = 28°, less what is missing to noon.
    assert facts.sun_elevation_deg == pytest.approx(27.3, abs=0.5)
    assert facts.sun_azimuth_deg == pytest.approx(170.5, abs=1.0)
    assert facts.incidence_deg is not None
    assert 10 < facts.incidence_deg < 20


def test_facts_of_dimap_and_stac(tmp_path: Path) -> None:
    dimap = tmp_path / "DIM.XML"
    dimap.write_text(
        "<Dimap_Document><Dataset_Sources><Source_Identification><Strip_Source><MISSION>PHR</MISSION>"
        "<MISSION_INDEX>1B</MISSION_INDEX><IMAGING_DATE>2020-05-01</IMAGING_DATE><IMAGING_TIME>10:11:12.5Z"
        "</IMAGING_TIME></Strip_Source></Source_Identification></Dataset_Sources><Geometric_Data>"
        "<SUN_AZIMUTH>151.5</SUN_AZIMUTH><SUN_ELEVATION>60.25</SUN_ELEVATION></Geometric_Data></Dimap_Document>",
        encoding="utf-8",
    )
    stac = tmp_path / "item.json"
    stac.write_text(
        json.dumps({"type": "Feature", "properties": {"platform": "given", "view:sun_azimuth": 150.0}}),
        encoding="utf-8",
    )
    facts = merged(read_metadata(stac), read_metadata(dimap))
    assert (facts.platform, facts.sun_azimuth_deg, facts.sun_elevation_deg) == ("given", 150.0, 60.25)
    assert facts.start is not None
    assert facts.start.iso(1) == "2020-05-01T10:11:12.5Z"
    stac.write_text(json.dumps({"view:sun_elevation": 120}), encoding="utf-8")
    with pytest.raises(InputError, match=r"item\.json: view:sun_elevation is 120"):
        read_metadata(stac)
    dimap.write_text("<Dimap_Document><IMAGING_DATE>", encoding="utf-8")
    with pytest.raises(InputError, match=r"DIM\.XML is not whole XML"):
        read_metadata(dimap)
