"""Where a customer wants images: points, countries, bands and GeoJSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from comity.core import InputError, UnknownIdError
from comity.fleet import (
    area_km2,
    band_targets,
    point_target,
    targets_from_file,
    targets_from_geojson,
    territory_target,
    unique_ids,
)

SQUARE = [[42, 11], [43, 11], [43, 12], [42, 12], [42, 11]]


def geojson(kind: str, coordinates: object) -> str:
    return json.dumps({"type": kind, "coordinates": coordinates})


def test_a_point_knows_its_territory_and_keeps_its_name() -> None:
    target = point_target(43.145, 11.588, "Djibouti City")
    assert (target.id, target.name, target.territory) == ("djibouti-city", "Djibouti City", "DJI")
    assert point_target(0, 0).territory is None
    with pytest.raises(InputError, match="latitude 91 is outside"):
        point_target(0, 91)
    with pytest.raises(InputError, match="longitude 181 is outside"):
        point_target(181, 0)


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
    assert square.territories[:2] == ("DJI", "ETH")
    assert area_km2(square.geometry) == pytest.approx(109.0 * 110.6, rel=0.01)


def test_an_area_over_the_antimeridian_is_split() -> None:
    ring = [[179, 66], [-179, 66], [-179, 67], [179, 67], [179, 66]]
    (target,) = targets_from_geojson(geojson("Polygon", [ring]), "chukotka")
    assert target.geometry.geom_type == "MultiPolygon" and len(target.geometry.geoms) == 2
    assert target.territory == "RUS"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "x is empty"),
        ("{", "x, line 1: not JSON"),
        ("[]", "a GeoJSON object was expected, not a list"),
        ('{"type": "FeatureCollection", "features": []}', "holds no feature"),
        (geojson("LineString", [[0, 0], [1, 1]]), "a Point, Polygon or MultiPolygon was expected"),
        (geojson("Polygon", [[[40, 10], [42, 12], [42, 10], [40, 12]]]), "self-intersection at"),
        (geojson("Polygon", [[[0, 0], [1, 0], [1, 91]]]), "latitude 91"),
        (geojson("Polygon", [["a", "b", "c"]]), "malformed"),
        (geojson("Point", [1]), "malformed"),
        (geojson("Point", None), "malformed"),
        ('{"type": "Feature", "geometry": null}', "was expected, not None"),
    ],
)
def test_a_bad_area_is_refused_in_words(text: str, said: str) -> None:
    with pytest.raises(InputError, match=r"^x") as caught:
        targets_from_geojson(text, "here", "x")
    assert said in str(caught.value)


def test_ids_are_made_to_differ() -> None:
    places = [point_target(lon, 11.5, "Camp") for lon in (42.5, 42.6, 42.7)]
    assert [t.id for t in unique_ids(places, "r1-")] == ["r1-camp", "r1-camp-2", "r1-camp-3"]
