"""Drawn areas: antimeridian, poles, holes and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from shapely.geometry import LineString, Point

from comity.core import InputError
from comity.fleet import area_km2
from comity.fleet.geometry import bounding_box, buffer_m, polygon


@pytest.mark.parametrize(
    "ring",
    [
        [[170, -20], [-170, -20], [-170, -10], [170, -10]],
        [[170, -20], [190, -20], [190, -10], [170, -10]],
        [[-190, -20], [-170, -20], [-170, -10], [-190, -10]],
    ],
    ids=["jumps", "past 180", "past -180"],
)
def test_an_outline_over_the_antimeridian_is_cut_there(ring: list[list[float]]) -> None:
    shape = polygon([ring])
    assert sorted(part.bounds for part in shape.geoms) == [(-180, -20, -170, -10), (170, -20, 180, -10)]
    assert area_km2(shape) == pytest.approx(area_km2(polygon([[[0, -20], [20, -20], [20, -10], [0, -10]]])))


@pytest.mark.parametrize("pole", [1, -1])
def test_an_outline_round_a_pole_holds_the_pole(pole: int) -> None:
    ring = [[lon, 80.0 * pole] for lon in (-150, -90, -30, 30, 90, 150)]
    shape = polygon([ring])
    assert shape.covers(Point(77, 90 * pole)) and shape.covers(Point(-179.9, 85 * pole))
    assert not shape.covers(Point(0, 79 * pole)) and not shape.covers(Point(0, -90 * pole))
    # The polar cap, on the authalic sphere: 2πR²(1 − sin φ).
    assert area_km2(shape) == pytest.approx(
        2 * math.pi * 6371.007**2 * (1 - math.sin(math.radians(80))), rel=0.01
    )


def test_a_hole_over_the_antimeridian_stays_a_hole() -> None:
    shell = [[170, -20], [-170, -20], [-170, -10], [170, -10]]
    hole = [[178, -16], [-178, -16], [-178, -14], [178, -14]]
    shape = polygon([shell, hole])
    assert shape.covers(Point(175, -15)) and shape.covers(Point(-175, -15))
    assert not shape.covers(Point(179.5, -15)) and not shape.covers(Point(-179.5, -15))


@pytest.mark.parametrize(
    ("ring", "message"),
    [
        ([[40, 10], [42, 12], [42, 10], [40, 12]], r"self-intersection at \(41\.0000, 11\.0000\)"),
        ([[40, 91], [42, 12], [42, 10]], "latitude 91 is outside −90…90"),
        ([[400, 1], [42, 12], [42, 10]], "longitude 400 is outside −360…360"),
        ([[40, 10], [42, 12]], "three or more"),
        ([[40, 10], [41, 11], [42, 12]], "no area|self-intersection"),
        ([[40, math.nan], [41, 11], [42, 12]], "outside"),
    ],
)
def test_a_bad_outline_is_refused_with_the_place(ring: list[list[float]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        polygon([ring], "my field")


def test_a_bounding_box_crosses_the_antimeridian_when_west_is_east_of_east() -> None:
    assert bounding_box(170, -20, -170, -10).bounds == (-180, -20, 180, -10)
    with pytest.raises(InputError, match="south 20 is not below north 10"):
        bounding_box(0, 20, 10, 10)


def test_a_buffer_round_the_antimeridian_and_near_a_pole_has_the_right_size() -> None:
    for lon, lat in ((0.0, 0.0), (180.0, 10.0), (-179.9, -45.0), (30.0, 89.9), (100.0, 78.0)):
        disc = buffer_m(Point(lon, lat), 25_000)
        assert area_km2(disc) == pytest.approx(math.pi * 25**2, rel=0.01), (lon, lat)
    line = LineString(np.array([[170, 0], [180, 0]]))
    assert area_km2(buffer_m(line.segmentize(0.1), 10_000)) == pytest.approx(
        1113.2 * 20 + math.pi * 100, rel=0.01
    )
