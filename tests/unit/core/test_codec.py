"""What is stored reads back equal; what does not fit is refused."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import pytest
from shapely.geometry import Point, box

from comity.core import Epoch, InputError, Interval, Money, decode, encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    at: Epoch
    span: Interval
    price: Money
    share: Decimal
    place: Point
    kind: Literal["a", "b"]
    pairs: tuple[tuple[int, float], ...]
    names: dict[str, float | None]


SAMPLE = Sample(
    at=Epoch(1_727_000_000_123_456_789),
    span=Interval(Epoch(1_727_000_000_000_000_001), Epoch(1_727_000_000_000_000_002)),
    price=Money(Decimal("12.30"), "EUR"),
    share=Decimal("0.10"),
    place=Point(43.1, 11.6),
    kind="b",
    pairs=((1, 0.1), (2, 1e-17)),
    names={"x": 1.5, "y": None},
)


def test_every_kind_of_value_comes_back_equal_through_json_text() -> None:
    assert decode(Sample, json.loads(json.dumps(encode(SAMPLE)))) == SAMPLE


@pytest.mark.parametrize(
    ("field", "value"),
    [("kind", "c"), ("share", "zehn"), ("share", "NaN"), ("at", "never"), ("pairs", [[1]]), ("extra", 1)],
)
def test_data_that_does_not_fit_the_type_is_refused(field: str, value: object) -> None:
    with pytest.raises(InputError):
        decode(Sample, {**encode(SAMPLE), field: value})


def test_geometry_keeps_its_coordinates_exactly() -> None:
    area = box(42.123456789012345, 11.0, 43.0, 12.0)
    assert decode(type(area), encode(area)).equals_exact(area, 0.0)
