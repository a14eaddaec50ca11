"""Territories: who adjoins whom, what lies where, and how deep a band along a border is."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from pyproj import Geod
from shapely.geometry import Point, box

from comity.core import InputError, UnknownIdError
from comity.fleet import (
    area_km2,
    border_band,
    borders_in,
    land_in,
    neighbours,
    territories_at,
    territory,
    territory_at,
)
from comity.fleet.territories import _rows, _topology, common_border, territory_ids

GEOD = Geod(ellps="WGS84")


def test_djibouti_adjoins_three_territories_one_of_which_has_no_iso_code() -> None:
    djibouti = territory("DJI")
    assert [(n.id, n.iso) for n in neighbours(djibouti)] == [
        ("ERI", "ERI"),
        ("ETH", "ETH"),
        ("somaliland", None),
    ]
    assert "Natural Earth" in djibouti.source and "de facto" in djibouti.source
    # 23 200 km² officially; a 1:10m outline with its bays cut may differ by some per cent.
    assert area_km2(djibouti.geometry) == pytest.approx(23_200, rel=0.07)


@pytest.mark.parametrize(
    ("asked", "id"),
    [
        ("dj", "DJI"),
        ("djibouti", "DJI"),
        ("Côte d’Ivoire", "CIV"),
        ("cote d'ivoire", "CIV"),
        ("UK", "GBR"),
        ("Russian Federation", "RUS"),
        ("XKX", "kosovo"),
        ("Somaliland", "somaliland"),
        ("N. Cyprus", "northern-cyprus"),
        ("DR Congo", "COD"),
        ("Congo", "COG"),
    ],
)
def test_a_territory_answers_to_codes_names_and_accents(asked: str, id: str) -> None:
    assert territory(asked).id == id


def test_an_unknown_country_is_refused_with_near_matches() -> None:
    with pytest.raises(UnknownIdError, match=r"'Djbouti'; known: Djibouti \(DJI\)"):
        territory("Djbouti")
    with pytest.raises(UnknownIdError, match="'ZZZ'"):
        territory("ZZZ")


@pytest.mark.parametrize(
    ("lon", "lat", "expected"),
    [
        (43.145, 11.588, "DJI"),
        (43.16, 11.64, "DJI"),  # a boat in the gulf of Tadjoura: within 5 km of a coast drawn broadly
        (48.0, 12.5, None),  # mid gulf of Aden
        (28.2, -29.6, "LSO"),  # inside South Africa's outline
        (12.4578, 43.9424, "SMR"),  # 61 square kilometres inside Italy
        (-179.5, 68.0, "RUS"),  # beyond the antimeridian
        (180.0, 68.5, "RUS"),
        (0.0, -90.0, "ATA"),
        (0.0, 90.0, None),
        (0.0, 0.0, None),
    ],
)
def test_a_point_lies_in_the_right_territory(lon: float, lat: float, expected: str | None) -> None:
    assert territory_at(Point(lon, lat)) == expected


def test_an_area_over_a_border_touches_both_sides_and_a_hair_over_it_does_not() -> None:
    across = territories_at(box(42.0, 10.5, 42.8, 11.5))
    assert [id for id, _ in across] == ["ETH", "DJI", "somaliland"]
    assert sum(fraction for _, fraction in across) == pytest.approx(1.0, abs=0.01)
    assert territories_at(territory("DJI").geometry.buffer(0.001)) == (("DJI", pytest.approx(1.0, abs=0.02)),)


@pytest.mark.parametrize(("inside", "of"), [("ETH", "DJI"), ("KAZ", "RUS")])
def test_a_band_is_as_deep_as_asked_for_on_the_ellipsoid(inside: str, of: str) -> None:
    """Points of the neighbour are in the 25 km band exactly when the border is within 25 km (± 0.2 %)."""
    neighbour, home = territory(inside), territory(of)
    band = border_band(neighbour, of=home, width_m=25_000)
    line = common_border(neighbour, home)
    corners = np.array([xy for part in shapely.get_parts(line.segmentize(0.01)) for xy in part.coords])
    assert band.is_valid and neighbour.geometry.buffer(1e-9).covers(band)

    draw = np.random.default_rng(1)
    near = corners[draw.integers(0, len(corners), 300)] + draw.uniform(-0.6, 0.6, (300, 2))
    checked = 0
    for lon, lat in near:
        if not neighbour.geometry.covers(Point(lon, lat)):
            continue
        close = corners[np.argsort((corners[:, 0] - lon) ** 2 * 0.5 + (corners[:, 1] - lat) ** 2)[:400]]
        away = min(GEOD.inv(np.full(len(close), lon), np.full(len(close), lat), close[:, 0], close[:, 1])[2])
        if abs(away - 25_000) > 600:  # the reference itself steps along the line by up to a kilometre
            assert band.covers(Point(lon, lat)) == (away < 25_000), (lon, lat, away)
            checked += 1
    assert checked > 60


def test_a_band_where_no_border_is_names_the_real_neighbours() -> None:
    with pytest.raises(InputError, match=r"Kenya does not adjoin Djibouti .*Eritrea, Ethiopia, Somaliland"):
        border_band(territory("KEN"), of=territory("DJI"), width_m=25_000)
    with pytest.raises(InputError, match="above 0"):
        border_band(territory("ETH"), of=territory("DJI"), width_m=0)


def test_land_and_sea_are_told_apart_also_over_the_antimeridian() -> None:
    horn = land_in(42, 10, 45, 13)
    assert horn.covers(Point(42.5, 11.5)) and not horn.covers(Point(44.0, 11.8))
    assert land_in(-20, -5, -15, 0).is_empty
    chukotka = land_in(175, 64, -170, 70)
    assert chukotka.covers(Point(178.0, 67.5)) and chukotka.covers(Point(-178.0, 67.0))
    assert borders_in(41, 10, 44, 13).length == pytest.approx(
        sum(common_border(n, territory("DJI")).length for n in neighbours(territory("DJI"))), rel=1.0
    )


def test_the_table_of_names_agrees_with_the_outlines() -> None:
    """territories.csv is what lookups trust before any outline is read: codes, bounds, one row each."""
    rows, topology = _rows(), _topology()
    assert sorted(row.index for row in rows.values()) == list(range(len(topology.geometries)))
    codes = [row.alpha2 for row in rows.values() if row.alpha2]
    assert len(codes) == len(set(codes)) == 238
    for row in rows.values():
        outline = territory(row.id).geometry
        assert outline.is_valid and not outline.is_empty, row.id
        assert np.allclose(outline.bounds, row.bounds, atol=0.01), row.id
    assert sum(area_km2(territory(id).geometry) for id in territory_ids()) == pytest.approx(147.5e6, rel=0.01)
