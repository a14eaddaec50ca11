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
from comity.fleet.distances import buffer_m
from comity.fleet.territories import territory_ids

TEXT = (resources.files("comity.fleet") / "data" / "joint-eo.toml").read_text(encoding="utf-8")


@cache
def joint_eo() -> Programme:
    return load_programme("joint-eo")


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
