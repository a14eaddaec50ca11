"""A mosaic as a product: two strips of a place that overlap become one image of the area asked for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from shapely.geometry import box, shape

from comity.core import InputError
from comity.imagery import common_bands, join_items, make_item, validate_item
from unit.imagery.acquired import acquisition

WEST, EAST = box(42.95, 11.45, 43.12, 11.60), box(43.08, 11.45, 43.25, 11.60)
AREA = box(42.98, 11.47, 43.22, 11.58)


@pytest.fixture(scope="module")
def strips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """West clear in colours, east with a pan band besides, coarser and half under cloud."""
    folder = tmp_path_factory.mktemp("strips")
    west = acquisition(id="west", footprint=WEST, delivered_gsd_m=60.0)
    bands = ("pan", "blue", "green", "red", "nir")
    east = acquisition(id="east", footprint=EAST, delivered_gsd_m=75.0, cloud=0.4, bands=bands)
    return [make_item(one, folder, seed=3).item for one in (west, east)]


def test_a_mosaic_fills_the_area_with_the_bands_both_have_and_names_its_parts(
    strips: list[Path], tmp_path: Path
) -> None:
    files = join_items(strips, AREA, tmp_path, id="mosaic-port", place="Port", order="order-7")
    document = json.loads(files.item.read_text())
    validate_item(document)
    assert files.parts == ("west", "east")
    assert [link["rel"] for link in document["links"]] == ["derived_from"] * 2
    assert shape(document["geometry"]).intersection(AREA).area > 0.98 * AREA.area
    with rasterio.open(files.image) as image:
        assert image.descriptions == ("blue", "green", "red", "nir")
        assert image.transform.a == 60.0
        assert np.count_nonzero(image.read(1)) > 0.9 * image.width * image.height
    # Where both see the ground the clear one is shown: it has more than its own half.
    assert document["properties"]["comity:shares"]["west"] > 0.5
    again = join_items(strips, AREA, tmp_path, id="mosaic-port", place="Port", order="order-7")
    assert again.reused
    assert not list(tmp_path.glob(".*"))


def test_what_cannot_be_joined_is_said_before_anything_is_written(strips: list[Path], tmp_path: Path) -> None:
    thermal = make_item(
        acquisition(id="warm", footprint=WEST, delivered_gsd_m=500.0, bands=("lwir11",)),
        tmp_path / "w",
        seed=3,
    ).item
    assert common_bands([strips[0], thermal]) == ()
    with pytest.raises(InputError, match="no band in common"):
        join_items([strips[0], thermal], AREA, tmp_path / "out", id="m", place="Port", order="o")
    with pytest.raises(InputError, match="takes two"):
        join_items(strips[:1], AREA, tmp_path / "out", id="m", place="Port", order="o")
    assert not (tmp_path / "out").exists()
