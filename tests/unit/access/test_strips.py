"""Strips: what their numbers promise, and that they lie where spacecraft fly."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import shapely

from comity.access.strips import (
    cut_into_strips,
    heading_class,
    strip_width_km,
    track_heading_deg,
)
from comity.core import InputError
from comity.fleet import Area, Instrument, area_from_geometry

#: About Djibouti, 180 × 200 km.
HORN = area_from_geometry(shapely.box(41.8, 10.9, 43.4, 12.7), "HORN")


def camera(swath_m: float, pointing: str = "agile") -> Instrument:
    return Instrument(
        id="camera",
        name="Camera",
        gsd_m=2.0,
        swath_m=swath_m,
        max_off_nadir_deg=40.0,
        reference_altitude_m=500e3,
        bands=("pan",),
        bits_per_sample=10,
        data_rate_bps=1e8,
        pointing=pointing,  # type: ignore[arg-type]
        sources={},
    )


def test_a_number_means_the_same_ground_for_every_spacecraft_of_a_kind() -> None:
    kanopus = cut_into_strips(HORN, 19, 97.39, True)
    zorkiy = cut_into_strips(HORN, 19, 97.60, True)
    assert [s.id for s in kanopus] == [s.id for s in zorkiy]
    assert kanopus[0].id == "HORN/strip-19480001"
    assert all(a.polygon.equals(b.polygon) for a, b in zip(kanopus, zorkiy, strict=True))
    # another swath, direction or kind of orbit is another number
    others = {
        strip.id
        for width, inclination, ascending in ((20, 97.4, True), (19, 97.4, False), (19, 51.6, True))
        for strip in cut_into_strips(HORN, width, inclination, ascending)
    }
    assert not others & {s.id for s in kanopus}
    codes = [heading_class(i, a) for i in np.arange(2.0, 180.0, 4.0) for a in (True, False)]
    assert len(set(codes)) == len(codes) == 90
    assert max(codes) == 89


def test_strips_are_numbered_from_the_west_and_abut() -> None:
    north = cut_into_strips(HORN, 19, 97.5, True)
    lons = [float(strip.centre[2, 0]) for strip in north]
    assert lons == sorted(lons)
    for a, b in pairwise(north):
        assert shapely.area(shapely.intersection(a.polygon, b.polygon)) > 0.0
        shared = shapely.area(shapely.intersection(a.polygon, b.polygon)) / shapely.area(a.polygon)
        assert shared < 0.01
    # seen along a southward heading, west is to the right
    south = cut_into_strips(HORN, 19, 97.5, False)
    lons = [float(strip.centre[2, 0]) for strip in south]
    assert lons == sorted(lons, reverse=True)


def test_a_strip_is_as_long_as_the_area_is_there() -> None:
    ring = shapely.box(30.0, 0.0, 33.0, 3.0).difference(shapely.box(30.3, 0.3, 32.7, 2.7))
    strips = cut_into_strips(area_from_geometry(ring, "ring"), 19, 97.5, True)
    total = sum(strip.length_m * strip.width_m for strip in strips)
    assert total < 0.6 * 333e3**2  # the hole is not imaged
    long = cut_into_strips(area_from_geometry(shapely.box(30.0, -8.0, 30.3, 8.0), "long"), 57, 97.5, True)
    assert len({s.id for s in long}) == len(long) > 3
    assert max(strip.length_m for strip in long) <= 600e3


def test_heading_follows_the_orbit_on_a_turning_earth() -> None:
    # equator: atan2(cos i − ω/n, sin i), n = 15 rev/day of 86 400 s; ω/n = 1.00274/15
    expected = (
        math.degrees(math.atan2(math.cos(math.radians(98)) - 1.00274 / 15, math.sin(math.radians(98)))) % 360
    )
    assert track_heading_deg(0.0, 98.0, True) == pytest.approx(expected, abs=1e-3)
    assert track_heading_deg(0.0, 98.0, False) == pytest.approx(360.0 - expected + 180.0, abs=1e-3)
    assert track_heading_deg(89.0, 98.0, True) == pytest.approx(270.0, abs=0.5)
    assert track_heading_deg(60.0, 51.6, False) == pytest.approx(90.0, abs=0.5)


def test_width_follows_swath_altitude_and_pointing() -> None:
    assert strip_width_km(camera(20e3), 500e3) == 19
    assert strip_width_km(camera(20e3), 385e3) == 14  # 15.2 km from 380 km, less 5 %
    assert strip_width_km(camera(1000e3, "nadir"), 500e3) == 475
    with pytest.raises(InputError, match=r"0.80 km is too narrow"):
        strip_width_km(camera(800.0), 500e3)


def test_what_cannot_be_cut_is_refused() -> None:
    with pytest.raises(InputError, match="is a point"):
        cut_into_strips(Area(name="spot", geometry=shapely.Point(43, 11)), 19, 97.5, True)
    with pytest.raises(InputError, match="more than 9,999 strips of 1 km"):
        cut_into_strips(area_from_geometry(shapely.box(60, 20, 120, 70), "vast"), 1, 97.5, True)
