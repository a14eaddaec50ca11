"""Where a customer wants images: points, countries, bands and GeoJSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from shapely.geometry import Point, Polygon, box

from comity.core import InputError, UnknownIdError
from comity.fleet import (
    area_km2,
    area_target,
    band_targets,
    point_target,
    targets_from_file,
    targets_from_geojson,
    territory_target,
    unique_ids,
)

SQUARE = [[42, 11], [43, 11], [43, 12], [42, 12], [42, 11]]


BOW = [[40, 10], [42, 12], [42, 10], [40, 12], [40, 10]]


def geojson(kind: str, coordinates: object) -> str:
    return json.dumps({"type": kind, "coordinates": coordinates})


def collection(*rings: list[list[float]]) -> str:
    shapes = [{"type": "Polygon", "coordinates": [ring]} for ring in rings]
    features = [{"type": "Feature", "properties": {}, "geometry": shape} for shape in shapes]
    return json.dumps({"type": "FeatureCollection", "features": features})


def test_a_point_knows_its_territory_and_keeps_its_name() -> None:
    target = point_target(43.145, 11.588, "Djibouti City")
    assert (target.id, target.name, target.territory) == ("djibouti-city", "Djibouti City", "DJI")
    assert point_target(0, 0).territory is None
    assert point_target(181, 0).geometry.x == -179
    with pytest.raises(InputError, match=r"0\.0000,91\.0000: Point latitude 91° is outside"):
        point_target(0, 91)
    with pytest.raises(InputError, match="camp: Point longitude -181° is outside"):
        point_target(-181, 0, "camp")


def test_a_country_and_bands_along_its_border() -> None:
    assert territory_target("dj").territories == ("DJI",)
    assert [t.territory for t in band_targets("DJI", 25_000)] == ["ERI", "ETH", "somaliland"]
    (one,) = band_targets("DJI", 10_000, inside=["Ethiopia"])
    assert one.name == "Ethiopia, within 10 km of Djibouti"
    with pytest.raises(UnknownIdError, match="Atlantis"):
        territory_target("Atlantis")
    with pytest.raises(InputError, match="Madagascar adjoins no other territory"):
        band_targets("MDG", 25_000)


def test_features_become_targets_with_their_names(tmp_path: Path) -> None:
    lake_point = {"type": "Point", "coordinates": [42.41, 11.66, -155]}
    features = [
        {"type": "Feature", "properties": {"name": "Lac Assal"}, "geometry": lake_point},
        {"type": "Feature", "properties": None, "geometry": {"type": "Polygon", "coordinates": [SQUARE]}},
    ]
    path = tmp_path / "afar.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    lake, square = targets_from_file(path)
    assert (lake.name, square.name) == ("Lac Assal", "afar-2")
    assert lake.geometry.z == -155
    assert square.territories[:2] == ("DJI", "ETH")
    assert area_km2(square.geometry) == pytest.approx(109.0 * 110.6, rel=0.01)


def test_an_area_over_the_antimeridian_is_split() -> None:
    ring = [[179, 66], [-179, 66], [-179, 67], [179, 67], [179, 66]]
    (target,) = targets_from_geojson(geojson("Polygon", [ring]), "chukotka")
    assert target.geometry.geom_type == "MultiPolygon" and len(target.geometry.geoms) == 2
    assert target.territory == "RUS"


CAP = [[lon, -64.0] for lon in range(-180, 181, 10)]


@pytest.mark.parametrize(
    "ring",
    [CAP, CAP[::-1], [[-180, -90], [180, -90], [180, -64], [-180, -64], [-180, -90]]],
    ids=["a ring around it", "the other way round", "closed along the pole"],
)
def test_an_area_may_hold_a_pole(ring: list[list[float]]) -> None:
    (target,) = targets_from_geojson(geojson("Polygon", [ring]), "antarctica")
    assert target.territory == "ATA"
    assert area_km2(target.geometry) == pytest.approx(25.86e6, rel=0.01)  # 2πR²(1 − sin 64°)


def test_a_drawn_area_is_checked_like_a_file() -> None:
    assert area_target(box(42, 11, 43, 12), "square").territories[:2] == ("DJI", "ETH")
    assert area_target(box(179, 66, 181, 67), "chukotka").geometry.bounds[::2] == (-180, 180)
    with pytest.raises(InputError, match=r"'bow' crosses itself at lon 0\.5, lat 0\.5"):
        area_target(Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]), "bow")
    with pytest.raises(InputError, match="spot: a Point is not an area"):
        area_target(Point(0, 0), "spot")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "x: it is empty"),
        ("{", "x: not JSON: Expecting property name enclosed in double quotes in line 1, column 2"),
        ("[" * 100_000, "x: not usable JSON"),
        ("[]", "this is not a GeoJSON object but a list"),
        ("{}", "this is not GeoJSON: its type is None"),
        ('{"type": "FeatureCollection", "features": []}', "the FeatureCollection holds no feature"),
        (
            '{"type": "FeatureCollection", "crs": "EPSG:3857", "features": [0]}',
            "coordinates are in EPSG:3857",
        ),
        ('{"type": "FeatureCollection", "features": [0]}', "not a GeoJSON object but a int"),
        ('{"type": "Feature", "geometry": null}', "x: there is no geometry"),
        (collection(SQUARE, BOW), "x, feature 2: polygon 1 crosses itself at lon 41, lat 11"),
        (geojson("LineString", [[0, 0], [1, 1]]), "a LineString is not an area"),
        (geojson("Polygon", [BOW]), "x: polygon 1 crosses itself at lon 41, lat 11"),
        (geojson("Polygon", [[[0, 0], [1, 0], [1, 91], [0, 0]]]), "latitude 91°"),
        (geojson("Polygon", [[[0, 0], [1, 0], [1, 1]]]), "3 positions"),
        (geojson("Polygon", [[[0, 0], [1, 0], [1, 1], [0, 1]]]), "repeat the first position at the end"),
        (geojson("Polygon", [["a", "b", "c"]]), "'a' where a list belongs"),
        (geojson("Point", [1]), "[1] in the Point is not a position"),
        (geojson("Point", None), "the Point is empty"),
    ],
)
def test_a_bad_area_is_refused_in_words(text: str, said: str) -> None:
    with pytest.raises(InputError, match=r"^x") as caught:
        targets_from_geojson(text, "here", "x")
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file"),
        (b" \n", "is empty"),
        (b"\xff\xfe{", "is not UTF-8 text"),
        (b"{}" + b" " * 64_000_000, "larger than 64 MB"),
        (b'\xef\xbb\xbf{"type": "Point", "coordinates": [NaN, 0]}', "longitude nan°"),
    ],
)
def test_a_bad_file_is_refused_by_name(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "area.geojson"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=said) as caught:
        targets_from_file(path)
    assert str(path) in str(caught.value)


def test_ids_are_made_to_differ() -> None:
    places = [point_target(lon, 11.5, "Camp") for lon in (42.5, 42.6, 42.7)]
    assert [t.id for t in unique_ids(places, "r1-")] == ["r1-camp", "r1-camp-2", "r1-camp-3"]
