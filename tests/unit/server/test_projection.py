"""Map projections against PROJ, and what happens at the antimeridian."""

from __future__ import annotations

from importlib import resources

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Proj

from comity.server.report.ground import WORLD_FILE
from comity.server.report.projection import (
    Azimuthal,
    equal_earth,
    line_on_earth,
    region_canvas,
    world_canvas,
)


def test_projections_agree_with_proj() -> None:
    lon, lat = (g.ravel() for g in np.meshgrid(np.linspace(-180, 180, 37), np.linspace(-90, 90, 19)))
    np.testing.assert_allclose(equal_earth(lon, lat), Proj("+proj=eqearth +R=1")(lon, lat), atol=1e-9)
    near = (abs(lon - 40) < 60) & (abs(lat) < 70)
    theirs = Proj("+proj=laea +R=1 +lon_0=40 +lat_0=12")(lon[near], lat[near])
    np.testing.assert_allclose(Azimuthal(40.0, 12.0)(lon[near], lat[near]), theirs, atol=1e-9)


def test_the_world_fills_its_canvas() -> None:
    canvas = world_canvas(1000)
    corners = canvas.points(np.array([-180.0, 180.0, 0.0, 0.0]), np.array([0.0, 0.0, 90.0, -90.0]))
    assert corners[:, 0].min() >= 0
    assert corners[:, 0].max() <= canvas.width
    assert corners[:, 1].min() >= 0
    assert corners[:, 1].max() <= canvas.height
    assert canvas.point(0.0, 0.0) == (pytest.approx(500, abs=1), pytest.approx(canvas.height / 2, abs=1))


def test_the_land_drawn_is_the_earths() -> None:
    """Equal Earth keeps areas: 29 % of the Earth is land (148.9 of 510.1 million km², CIA World Factbook)."""
    path = (resources.files("comity.server.report") / WORLD_FILE).read_text("ascii")
    area = 0.0
    for ring in path.removeprefix("M").removesuffix("z").split("zM"):
        start, _, steps = ring.partition("l")
        pairs = [pair.split(",") for pair in (start, *steps.split())]
        xy = np.cumsum(np.array(pairs, dtype=float), axis=0)
        x, y = xy[:, 0], xy[:, 1]
        area += abs(float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))) / 2  # holes are enclaves
    assert area / (4 * np.pi * world_canvas().scale ** 2) == pytest.approx(0.29, abs=0.005)
    assert len(path) < 200_000


@given(
    west=st.floats(-179, 150), south=st.floats(-80, 60), wide=st.floats(0.01, 29), high=st.floats(0.01, 19)
)
def test_a_region_lies_inside_its_canvas(west: float, south: float, wide: float, high: float) -> None:
    canvas = region_canvas((west, south, west + wide, south + high))
    edge = np.linspace(0, 1, 50)
    lon = np.concatenate([west + wide * edge, west + wide * edge, 0 * edge + west, 0 * edge + west + wide])
    lat = np.concatenate([0 * edge + south, 0 * edge + south + high, *[south + high * edge] * 2])
    xy = canvas.points(lon, lat)
    assert xy.min() >= 0
    assert xy[:, 0].max() <= canvas.width
    assert xy[:, 1].max() <= canvas.height + 1
    assert 1.4 < canvas.width / canvas.height < 2.1


def test_a_track_across_the_antimeridian_does_not_cross_the_map() -> None:
    split = line_on_earth(np.array([170.0, 178.0, -174.0, -166.0]), np.array([0.0, 20.0, 40.0, 60.0]))
    path = world_canvas().path(split)
    assert path.count("M") == 2
    assert max(part.length for part in split.geoms) < 60
    assert shapely.get_num_geometries(split) == 2
