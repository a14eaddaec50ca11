"""Buffers in metres, wherever they lie."""

from __future__ import annotations

import math

import numpy as np
import pytest
from shapely.geometry import LineString, Point

from comity.fleet import area_km2
from comity.fleet.distances import buffer_m


def test_a_buffer_round_the_antimeridian_and_near_a_pole_has_the_right_size() -> None:
    for lon, lat in ((0.0, 0.0), (180.0, 10.0), (-179.9, -45.0), (30.0, 89.9), (100.0, 78.0)):
        disc = buffer_m(Point(lon, lat), 25_000)
        assert area_km2(disc) == pytest.approx(math.pi * 25**2, rel=0.01), (lon, lat)
    line = LineString(np.array([[170, 0], [180, 0]]))
    assert area_km2(buffer_m(line.segmentize(0.1), 10_000)) == pytest.approx(
        1113.2 * 20 + math.pi * 100, rel=0.01
    )
