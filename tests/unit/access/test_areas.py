"""Reading areas: what a user's file may hold, and what is told about one that will not do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from comity.access.areas import Area, area_from_geojson, area_from_geometry, read_area
from comity.access.cells import cells
from comity.core import InputError

EARTH_KM2 = 510_065_621.7  # WGS-84, NIMA TR8350.2


def box(west: float, south: float, east: float, north: float) -> list[list[float]]:
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def cap(lat: float, start: float = 0.0) -> list[list[float]]:
    return [[(start + k * 5.0 + 180.0) % 360.0 - 180.0, lat] for k in [*range(72), 0]]


def polygon(*rings: list[list[float]]) -> Area:
    return area_from_geojson({"type": "Polygon", "coordinates": list(rings)}, "here")


def test_a_feature_collection_is_one_area() -> None:
    features = [
        {
            "type": "Feature",
            "properties": {},
            "geometry": {"type": "Polygon", "coordinates": [box(0, 0, 2, 2)]},
        },
        {
            "type": "Feature",
            "properties": {},
            "geometry": {"type": "Polygon", "coordinates": [box(1, 1, 3, 3)]},
        },
        {"type": "Feature", "properties": {}, "geometry": None},
    ]
    area = area_from_geojson({"type": "FeatureCollection", "features": features}, "two")
    assert area.geometry.geom_type == "Polygon"
    assert shapely.area(area.geometry) == pytest.approx(7.0)
    # 1° × 1° at the equator on WGS-84: 12 308.8 km² between geodesics, a little less along parallels
    assert polygon(box(0, 0, 1, 1)).area_km2 == pytest.approx(12_308.5, abs=0.5)


@pytest.mark.parametrize(
    "ring",
    [
        box(179, -1, 181, 1),
        box(-181, -1, -179, 1),
        [[179, -1], [-179, -1], [-179, 1], [179, 1], [179, -1]],
        [[179, -1], [180, -1], [-180, -1], [-179, -1], [-179, 1], [-180, 1], [180, 1], [179, 1], [179, -1]],
    ],
)
def test_the_antimeridian_may_be_crossed_in_any_notation(ring: list[list[float]]) -> None:
    area = polygon(ring)
    assert area.geometry.geom_type == "MultiPolygon"
    assert sorted(round(x) for part in area.geometry.geoms for x in part.bounds[::2]) == [
        -180,
        -179,
        179,
        180,
    ]
    assert area.area_km2 == pytest.approx(polygon(box(0, -1, 2, 1)).area_km2, rel=1e-12)


def test_poles_belong_to_the_rings_around_them() -> None:
    north = polygon(cap(80.0))
    assert shapely.contains_xy(north.geometry, 12.3, 89.99)
    assert north.area_km2 == pytest.approx(3_908_573, rel=1e-4)
    assert shapely.contains_xy(polygon(cap(-89.0)).geometry, -60.0, -89.999)
    # a band around the pole: the hole holds it
    band = polygon(cap(70.0), cap(80.0, start=3.0))
    assert band.area_km2 == pytest.approx(polygon(cap(70.0)).area_km2 - north.area_km2, rel=1e-9)
    assert not shapely.contains_xy(band.geometry, 0.0, 85.0)


@pytest.mark.parametrize("ring", [box(-180, -90, 180, 90), box(0, -90, 360, 90)])
def test_the_whole_earth_is_an_area(ring: list[list[float]]) -> None:
    assert polygon(ring).area_km2 == pytest.approx(EARTH_KM2, rel=1e-8)


def test_a_point_is_a_target_with_its_height() -> None:
    assal = area_from_geojson({"type": "Point", "coordinates": [42.42, 11.65, -155.0]}, "Lac Assal")
    assert assal.is_point
    assert assal.area_km2 == 0.0
    assert assal.geometry.z == -155.0  # type: ignore[attr-defined]
    assert cells(assal, 1000.0).weights.tolist() == [1.0]


BAD: list[tuple[Any, str]] = [
    (["not", "an", "object"], "list"),
    ({"type": "Polygon", "coordinates": []}, "empty"),
    ({"type": "FeatureCollection", "features": []}, "no geometry"),
    (
        {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]},
        "crosses itself at lon 0.5, lat 0.5",
    ),
    (
        {"type": "Polygon", "coordinates": [[[179, 0], [-179, 1], [-179, 0], [179, 1], [179, 0]]]},
        "crosses itself at lon -180, lat 0.5",
    ),
    ({"type": "Polygon", "coordinates": [[[0, 0], [1, 91], [2, 2], [0, 0]]]}, "latitude 91° .* outside ±90"),
    ({"type": "Polygon", "coordinates": [[[0, 0], [361, 1], [2, 2], [0, 0]]]}, "longitude 361°"),
    ({"type": "Polygon", "coordinates": [[[0, 0], [1, float("nan")], [2, 2], [0, 0]]]}, "not finite"),
    ({"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 0]]]}, "3 positions"),
    ({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1]]]}, "not closed"),
    ({"type": "Polygon", "coordinates": [[[0, 0], ["1", 0], [1, 1], [0, 0]]]}, "not a position"),
    ({"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [2, 2], [0, 0]]]}, "no area"),
    ({"type": "Polygon", "coordinates": [box(0, 0, 1e-6, 1e-6)]}, "less than 1 m²"),
    ({"type": "Polygon", "coordinates": [box(0, 0, 1, 1), box(2, 2, 3, 3)]}, "hole 1 .* outside"),
    ({"type": "LineString", "coordinates": [[0, 0], [1, 1]]}, "LineString is not an area"),
    ({"type": "Point", "coordinates": [43.0, 91.0]}, "latitude 91°"),
    ({"type": "Polygon", "coordinates": [box(0, 0, 1, 1)] * 20_001}, "100,005 vertices"),
    (
        {
            "type": "FeatureCollection",
            "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::3857"}},
            "features": [],
        },
        "EPSG::3857",
    ),
]


@pytest.mark.parametrize(("content", "said"), BAD, ids=[said[:24] for _, said in BAD])
def test_bad_geojson_is_refused_by_value(content: Any, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        area_from_geojson(content, "here")
    assert str(caught.value).count("\n") <= 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "does not exist"),
        ("", "is empty"),
        ("{", "is not JSON"),
        ("[" * 100_000, "not usable JSON"),
        ('{"type": "Polygon", "coordinates": [[[0,0],[1,NaN],[1,1],[0,0]]]}', "not finite"),
    ],
)
def test_bad_files_are_refused_by_name(tmp_path: Path, text: str | None, said: str) -> None:
    path = tmp_path / "area.geojson"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=said) as caught:
        read_area(path)
    assert str(path) in str(caught.value)


def test_a_file_names_its_area(tmp_path: Path) -> None:
    path = tmp_path / "harbour.geojson"
    path.write_text(
        "\ufeff" + json.dumps({"type": "Polygon", "coordinates": [box(43.1, 11.5, 43.2, 11.7)]}), "utf-8"
    )
    assert read_area(path).name == "harbour"
    assert read_area(path, "port").name == "port"


def test_cells_of_overlapping_areas_are_the_same_cells() -> None:
    small = cells(polygon(box(42, 11, 43, 12)), 10_000.0)
    large = cells(polygon(box(41, 10, 44, 13)), 10_000.0)
    inside = shapely.contains_xy(shapely.box(42.15, 11.15, 42.85, 11.85), small.points)
    assert inside.sum() > 40
    found = {tuple(np.round(p, 9)) for p in large.points}
    assert all(tuple(np.round(p, 9)) in found for p in small.points[inside])
    with pytest.raises(InputError, match="take larger cells"):
        cells(area_from_geometry(shapely.box(-100, -50, 100, 50), "vast"), 1_000.0)
    with pytest.raises(InputError, match="not a positive length"):
        cells(polygon(box(0, 0, 1, 1)), 0.0)
