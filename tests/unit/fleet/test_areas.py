"""Areas: what an outline may be, what it measures, and what is told about one that will not do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from pyproj import Geod
from shapely.geometry import Point, Polygon

from comity.core import InputError
from comity.fleet import Area, area_from_geojson, area_from_geometry, area_km2
from comity.fleet.antimeridian import bounding_box, mended_on_earth

EARTH_KM2 = 510_065_621.7  # WGS-84, NIMA TR8350.2


def box(west: float, south: float, east: float, north: float) -> list[list[float]]:
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def cap(lat: float, start: float = 0.0) -> list[list[float]]:
    return [[(start + k * 5.0 + 180.0) % 360.0 - 180.0, lat] for k in [*range(72), 0]]


def polygon(*rings: list[list[float]]) -> Area:
    return area_from_geojson({"type": "Polygon", "coordinates": list(rings)}, "here")


def test_polygons_of_a_feature_are_one_area() -> None:
    parts = [{"type": "Polygon", "coordinates": [box(k, k, k + 2, k + 2)]} for k in (0, 1)]
    feature = {"type": "Feature", "geometry": {"type": "GeometryCollection", "geometries": parts}}
    area = area_from_geojson(feature, "two")
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


def test_area_agrees_with_geodesics_whichever_way_round() -> None:
    country = Polygon(
        [(41.7, 10.9), (43.4, 11.4), (43.2, 12.7), (42.4, 12.6)], [[(42.4, 11.6), (42.8, 11.6), (42.6, 11.9)]]
    )
    dense = shapely.orient_polygons(shapely.segmentize(country, 0.01))
    geodesic, _ = Geod(ellps="WGS84").geometry_area_perimeter(dense)
    assert area_km2(country) == pytest.approx(geodesic / 1e6, rel=1e-6)
    assert area_km2(shapely.reverse(country)) == pytest.approx(area_km2(country), rel=1e-12)


def test_a_point_is_a_target_with_its_height() -> None:
    assal = area_from_geojson({"type": "Point", "coordinates": [42.42, 11.65, -155.0]}, "Lac Assal")
    assert assal.is_point
    assert assal.area_km2 == 0.0
    assert assal.geometry.z == -155.0  # type: ignore[attr-defined]


BAD: list[tuple[Any, str]] = [
    (["not", "an", "object"], "list"),
    ({"type": "Polygon", "coordinates": []}, "empty"),
    ({"type": "Feature", "geometry": None}, "no geometry"),
    ({"type": "FeatureCollection", "features": []}, "FeatureCollection is not an area"),
    ({"coordinates": []}, "its type is None"),
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
    ({"type": "Point", "coordinates": [10**400, 0]}, "not a place"),
    (
        {
            "type": "Point",
            "crs": {"properties": {"name": "urn:ogc:def:crs:EPSG::3857"}},
            "coordinates": [9, 9],
        },
        "EPSG::3857",
    ),
]


@pytest.mark.parametrize(("content", "said"), BAD, ids=[said[:24] for _, said in BAD])
def test_bad_geojson_is_refused_by_value(content: Any, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        area_from_geojson(content, "here")
    assert str(caught.value).count("\n") <= 1


def test_a_hole_over_the_antimeridian_stays_a_hole() -> None:
    ring = [[178, -16], [178, -14], [-178, -14], [-178, -16], [178, -16]]
    area = polygon(box(170, -20, 190, -10), ring)
    assert area.geometry.covers(Point(175, -15)) and area.geometry.covers(Point(-175, -15))
    assert not area.geometry.covers(Point(179.5, -15)) and not area.geometry.covers(Point(-179.5, -15))


@pytest.mark.parametrize(
    ("bounds", "km2"),
    [
        ((-180, -90, 180, 90), EARTH_KM2),
        ((-180, 0, 180, 90), EARTH_KM2 / 2),
        ((-150, -90, 150, 90), EARTH_KM2 * 300 / 360),
        ((90, -90, -90, 90), EARTH_KM2 / 2),
        ((180, -90, -90, 90), EARTH_KM2 / 4),
    ],
)
def test_a_wide_box_is_read_in_one_way(bounds: tuple[float, ...], km2: float) -> None:
    shape = bounding_box(*bounds)
    assert area_km2(shape) == pytest.approx(km2, rel=1e-9)
    assert area_from_geometry(shape, "box").geometry.equals(shape)


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ((0, 20, 10, 10), "south 20 is not below north 10"),
        ((0, -91, 10, 10), "latitude -91° of here is outside ±90"),
        ((0, 0, 181, 10), "longitude 181° of here is outside ±180"),
        ((180, 0, -180, 10), "west 180 and east -180 are one meridian"),
        ((5, 0, 5, 10), "one meridian"),
        ((float("nan"), 0, 5, 10), "longitude nan°"),
    ],
)
def test_a_bad_box_is_refused_by_value(bounds: tuple[float, ...], said: str) -> None:
    with pytest.raises(InputError, match=said):
        bounding_box(*bounds, "here")


def test_rings_of_data_are_mended_where_drawn_ones_are_refused() -> None:
    bow = np.array([[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]], dtype=float)
    assert mended_on_earth(bow).area == pytest.approx(0.5)
    assert mended_on_earth(np.array([[0, 0], [1, 1], [2, 2], [0, 0]], dtype=float)).is_empty
    # 180° and −180° are one place on a coast around the pole, not the ends of a parallel
    coast = np.array([[-180, -80], [-90, -70], [0, -70], [90, -70], [180, -80], [-180, -80]], dtype=float)
    assert mended_on_earth(coast).covers(Point(45, -90))
