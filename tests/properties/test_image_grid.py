"""Image grids: whatever the footprint, it fits, and holds no more pixels than allowed."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import box

from comity.core import InputError
from comity.imagery.grid import image_grid

boxes = st.builds(
    lambda lon, lat, dx, dy: box(lon, lat, lon + dx, lat + dy),
    st.floats(-180, 178),
    st.floats(-89, 87),
    st.floats(0.001, 2.0),
    st.floats(0.001, 2.0),
)


@settings(max_examples=150, deadline=None)
@given(footprint=boxes, gsd=st.floats(0.3, 2_000), limit=st.integers(64, 20_000_000))
def test_a_grid_holds_the_footprint_within_the_limit(footprint: object, gsd: float, limit: int) -> None:
    grid = image_grid(footprint, gsd, limit)  # type: ignore[arg-type]
    assert grid.width * grid.height <= limit
    assert grid.pixel_m >= gsd
    west, south, east, north = grid.bounds
    inner = grid.footprint.bounds
    assert west <= inner[0] + 1e-6
    assert south <= inner[1] + 1e-6
    assert east >= inner[2] - 1e-6
    assert north >= inner[3] - 1e-6
    # No coarser than the limit asks, to the three digits kept and the pixels cut at the rim.
    area = (inner[2] - inner[0]) * (inner[3] - inner[1])
    side = max(inner[2] - inner[0], inner[3] - inner[1])
    if grid.pixel_m > gsd and side / grid.pixel_m < limit / 4:
        assert grid.pixel_m < 1.05 * math.sqrt(area / limit) + 6 * side / limit
    for corner in (west, north):
        assert math.isclose(corner / grid.pixel_m, round(corner / grid.pixel_m), abs_tol=1e-6)
    zone = grid.epsg % 100
    if grid.epsg not in (5041, 5042):
        assert abs((zone - 1) * 6 - 177 - grid.centre_deg[0]) <= 3.0 + 1e-9


@pytest.mark.parametrize("gsd", [0.0, -1.0, math.nan, math.inf])
def test_a_gsd_must_be_a_size(gsd: float) -> None:
    with pytest.raises(InputError, match="GSD"):
        image_grid(box(43, 11, 43.1, 11.1), gsd, 1_000_000)
