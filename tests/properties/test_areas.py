"""Areas anywhere on the Earth: over the antimeridian, around a pole, in any of the ways they are written."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pyproj import Geod
from shapely.geometry import mapping

from comity.access import cells, cut_into_strips
from comity.access.strips import MAX_LENGTH_M, MIN_LENGTH_M
from comity.fleet import Area, area_from_geojson, area_km2

GEOD = Geod(ellps="WGS84")


@st.composite
def stars(draw: st.DrawFn) -> tuple[np.ndarray, float]:
    """A closed star-shaped ring (n, 2) of close points, longitudes in −180 … 180, and its geodesic km²."""
    lon = draw(st.one_of(st.floats(-180, 180), st.floats(177, 180), st.floats(-180, -177)))
    lat = draw(st.one_of(st.floats(-80, 80), st.floats(84, 90), st.floats(-90, -84)))
    radii = draw(st.lists(st.floats(30e3, 300e3), min_size=5, max_size=9))
    azimuths = np.linspace(0.0, 360.0, len(radii), endpoint=False)
    n = len(radii)
    x, y, _ = GEOD.fwd(np.full(n, lon), np.full(n, lat), azimuths, np.array(radii))
    points: list[tuple[float, float]] = []
    for k in range(n):
        a, b = (x[k], y[k]), (x[(k + 1) % n], y[(k + 1) % n])
        points += [a, *GEOD.npts(*a, *b, max(1, int(GEOD.inv(*a, *b)[2] // 4e3)))]
    ring = np.array([*points, points[0]])
    # an edge through the pole itself has no longitude
    assume(float(np.abs(ring[:, 1]).max()) < 89.7)
    surface, _ = GEOD.polygon_area_perimeter(ring[:, 0], ring[:, 1])
    return ring, abs(surface) / 1e6


def area(ring: np.ndarray) -> Area:
    return area_from_geojson({"type": "Polygon", "coordinates": [ring.tolist()]}, "star")


@settings(max_examples=60, deadline=None)
@given(stars(), st.floats(-180.0, 180.0))
def test_an_area_is_the_same_wherever_its_longitudes_begin(
    star: tuple[np.ndarray, float], shift: float
) -> None:
    ring, km2 = star
    here = area(ring)
    west, south, east, north = here.geometry.bounds
    assert -180.0 <= west <= east <= 180.0
    assert -90.0 <= south <= north <= 90.0
    assert here.geometry.is_valid
    assert here.area_km2 == pytest.approx(km2, rel=2e-3)  # geodesic edges against straight ones of 4 km

    moved = ring.copy()
    moved[:, 0] = (ring[:, 0] + shift + 180.0) % 360.0 - 180.0
    assert area(moved).area_km2 == pytest.approx(here.area_km2, rel=1e-6)

    onward = ring.copy()  # the same ring written past ±180°
    onward[:, 0] = np.unwrap(ring[:, 0], period=360.0)
    if np.abs(onward).max() <= 360.0:
        assert area(onward).area_km2 == pytest.approx(here.area_km2, rel=1e-6)

    again = area_from_geojson(mapping(here.geometry), "star")
    assert again.area_km2 == pytest.approx(here.area_km2, rel=1e-6)


@settings(max_examples=30, deadline=None)
@given(stars(), st.sampled_from([13, 57, 200]), st.sampled_from([51.6, 97.5, 98.7]), st.booleans())
def test_strips_cover_the_area_and_keep_to_the_swath(
    star: tuple[np.ndarray, float], width_km: int, inclination_deg: float, ascending: bool
) -> None:
    ring, _ = star
    whole = area(ring)
    strips = cut_into_strips(whole, width_km, inclination_deg, ascending)
    together = shapely.union_all([strip.polygon for strip in strips])
    left = area_km2(shapely.difference(whole.geometry, together))
    assert left < 1e-5 * whole.area_km2
    for strip in strips:
        assert strip.width_m <= width_km * 1e3 + 1e-6
        assert MIN_LENGTH_M - 1e-6 <= strip.length_m <= max(MAX_LENGTH_M, 2e3 * width_km) + 1e-6
        assert strip.polygon.is_valid
    assert len({strip.id for strip in strips}) == len(strips)


@settings(max_examples=30, deadline=None)
@given(stars(), st.floats(10e3, 80e3))
def test_cells_weigh_one_and_lie_inside(star: tuple[np.ndarray, float], size_m: float) -> None:
    ring, _ = star
    whole = area(ring)
    grid = cells(whole, size_m)
    assert grid.weights.sum() == pytest.approx(1.0, abs=1e-12)
    assert (grid.weights > 0.0).all()
    assert shapely.intersects_xy(whole.geometry, grid.points[:, 0], grid.points[:, 1]).all()
    assert len(grid.covered(whole.geometry)) == len(grid.points)
