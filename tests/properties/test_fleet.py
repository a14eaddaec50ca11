"""Invariants of places and of a programme's sums."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from importlib import resources

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Point

from comity.core import InputError
from comity.fleet import (
    Programme,
    area_km2,
    border_band,
    load_programme,
    neighbours,
    programme_from_text,
    territory,
)
from comity.fleet.geometry import buffer_m, polygon
from comity.fleet.territories import territory_ids

TEXT = (resources.files("comity.fleet") / "data" / "joint-eo.toml").read_text(encoding="utf-8")


@cache
def joint_eo() -> Programme:
    return load_programme("joint-eo")


@st.composite
def stars(draw: st.DrawFn) -> tuple[float, np.ndarray]:
    """A middle longitude and a star-shaped ring about (0, lat), so that it never crosses itself."""
    lat = draw(st.floats(-70, 70))
    reach = st.lists(st.floats(0.5, 15), min_size=3, max_size=12)
    lengths = np.array(draw(reach))
    angles = np.linspace(0, 2 * np.pi, len(lengths), endpoint=False)
    ring = np.column_stack([lengths * np.cos(angles), lat + lengths * np.sin(angles)])
    return draw(st.floats(-180, 180)), ring


@given(stars(), st.booleans())
def test_a_shape_keeps_its_size_wherever_it_is_moved_to(star: tuple[float, np.ndarray], wrap: bool) -> None:
    middle, ring = star
    at_greenwich = polygon([ring])
    moved = ring + np.array([middle, 0.0])
    if wrap:  # as most files write it: every longitude within ±180, jumping where it crosses
        moved[:, 0] = (moved[:, 0] + 180.0) % 360.0 - 180.0
    there = polygon([moved])
    west, south, east, north = there.bounds
    assert there.is_valid and -180 <= west <= east <= 180
    assert (south, north) == pytest.approx((ring[:, 1].min(), ring[:, 1].max()))
    assert area_km2(there) == pytest.approx(area_km2(at_greenwich), rel=1e-9)


@settings(max_examples=40)
@given(st.floats(-180, 180), st.floats(-85, 85), st.floats(1_000, 100_000), st.floats(1.05, 3.0))
def test_a_wider_buffer_holds_a_narrower_one(lon: float, lat: float, width: float, factor: float) -> None:
    near, far = buffer_m(Point(lon, lat), width), buffer_m(Point(lon, lat), width * factor)
    assert far.covers(near)
    assert area_km2(near) == pytest.approx(np.pi * (width / 1e3) ** 2, rel=0.01)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(territory_ids()))
def test_neighbours_are_mutual_and_bands_stay_inside_them(id: str) -> None:
    home = territory(id)
    for land in neighbours(home)[:3]:
        assert home.id in {other.id for other in neighbours(land)}
        band = border_band(land, of=home, width_m=10_000)
        assert not band.is_empty
        assert area_km2(band) <= area_km2(land.geometry) * (1 + 1e-9)
        assert band.difference(land.geometry).area < 1e-9


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 10_000), min_size=5, max_size=5))
def test_shares_are_taken_exactly_when_they_sum_to_one(cuts: list[int]) -> None:
    shares = [Decimal(cut) / 10_000 for cut in cuts]
    text = TEXT
    for old, new in zip(("0.36", "0.38", "0.08", "0.10", "0.08"), shares, strict=True):
        text = text.replace(f"\nshare = {old}\n", f"\nshare_ = {new:f}\n", 1)
    text = text.replace("\nshare_ = ", "\nshare = ")
    if sum(shares) == 1:
        read = programme_from_text(text, elements=joint_eo().elements, requests=False)
        assert [partner.share for partner in read.partners] == shares
    else:
        with pytest.raises(InputError, match=f"the shares sum to {sum(shares):f}, not 1"):
            programme_from_text(text, elements=joint_eo().elements, requests=False)
