"""Instants: what is read is what is printed, and leap seconds count."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comity.core import Epoch, InputError, Interval

NS_1972 = 63_072_010 * 10**9
NS_2100 = 4_102_444_800 * 10**9


@given(st.integers(NS_1972, NS_2100))
def test_iso_with_nanoseconds_reads_back_the_same_instant(tai_ns: int) -> None:
    assert Epoch.from_iso(Epoch(tai_ns).iso(9)) == Epoch(tai_ns)


def test_the_leap_second_of_2016_exists_and_lasts_a_second() -> None:
    leap = Epoch.from_iso("2016-12-31T23:59:60.500Z")
    assert leap.iso() == "2016-12-31T23:59:60.500Z"
    assert Epoch.from_iso("2017-01-01T00:00:00Z") - Epoch.from_iso("2016-12-31T23:59:59Z") == 2.0


@pytest.mark.parametrize(
    "text",
    [
        "2024-13-01T00:00:00Z",
        "yesterday",
        "",
        "2024-09-22T25:00:00Z",
        "1960-01-01",
        "2024-09-22T06:00:60Z",  # no leap second was then
        "2016-12-31T23:59:60+01:00",  # an hour before the leap second
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        Epoch.from_iso(text)


def test_other_offsets_are_converted_and_day_alone_is_midnight() -> None:
    assert Epoch.from_iso("2024-09-22T03:00:00+03:00") == Epoch.from_iso("2024-09-22")


def test_start_after_end_is_refused_with_both_values() -> None:
    with pytest.raises(InputError, match=r"2024-09-23.* is not before end 2024-09-22"):
        Interval.from_iso("2024-09-23T00:00:00Z/2024-09-22T00:00:00Z")
