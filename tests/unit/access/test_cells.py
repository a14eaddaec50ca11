"""Areas in cells: what coverage is counted in."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from shapely.geometry.base import BaseGeometry

from comity.access import cells
from comity.core import InputError
from comity.fleet import Area, area_from_geometry


def area(shape: BaseGeometry) -> Area:
    return area_from_geometry(shape, "here")


def test_a_point_is_one_cell() -> None:
    assert cells(area(shapely.Point(42.42, 11.65, -155.0)), 1000.0).weights.tolist() == [1.0]


def test_cells_of_overlapping_areas_are_the_same_cells() -> None:
    small = cells(area(shapely.box(42, 11, 43, 12)), 10_000.0)
    large = cells(area(shapely.box(41, 10, 44, 13)), 10_000.0)
    inside = shapely.contains_xy(shapely.box(42.15, 11.15, 42.85, 11.85), small.points)
    assert inside.sum() > 40
    found = {tuple(np.round(p, 9)) for p in large.points}
    assert all(tuple(np.round(p, 9)) in found for p in small.points[inside])
    with pytest.raises(InputError, match="take larger cells"):
        cells(area(shapely.box(-80, -50, 80, 50)), 1_000.0)
    with pytest.raises(InputError, match="not a positive length"):
        cells(area(shapely.box(0, 0, 1, 1)), 0.0)
