"""Exact amounts: rounding, sharing, exchange, area."""

from __future__ import annotations

import decimal
from decimal import Decimal
from fractions import Fraction

import pytest
import shapely
from shapely.geometry import Point, Polygon, box

from comity.commerce import apportion, convert, minor_units, priced_km2, round_money
from comity.core import Epoch, InputError, Money
from unit.commerce.cases import NOW, RATES, rate


def money(text: str) -> Money:
    amount, currency = text.split()
    return Money(Decimal(amount), currency)


@pytest.mark.parametrize(
    ("total", "weights", "shares"),
    [
        ("100.00 EUR", {"a": 1, "b": 1, "c": 1}, ["33.34", "33.33", "33.33"]),
        ("-100.00 EUR", {"a": 1, "b": 1, "c": 1}, ["-33.34", "-33.33", "-33.33"]),
        ("100 JPY", {"c": 1, "b": 1, "a": 1}, ["33", "33", "34"]),
        # exact 1.428…, 2.857…, 5.714…: whole francs 1, 2, 5; the two left go to .857 and .714
        ("10 DJF", {"a": 1, "b": 2, "c": 4}, ["1", "3", "6"]),
        # exact 0.005 each: the tie goes to the key that sorts first
        ("0.01 RUB", {"y": Decimal("0.5"), "x": Decimal("0.5")}, ["0.00", "0.01"]),
        # exact 0.5 and 1.5 cents: the tie goes to the larger weight
        ("0.02 EUR", {"a": 1, "b": 3}, ["0.00", "0.02"]),
        ("5.00 EUR", {"a": 0, "b": Fraction(1, 7)}, ["0.00", "5.00"]),
        ("0.00 EUR", {"a": 0, "b": 0}, ["0.00", "0.00"]),
        ("1.000 TND", {"a": 2, "b": 1}, ["0.667", "0.333"]),
    ],
)
def test_apportion_by_hand(total: str, weights: dict[str, int], shares: list[str]) -> None:
    assert [str(share.amount) for share in apportion(money(total), weights).values()] == shares


@pytest.mark.parametrize(
    ("total", "weights", "named"),
    [
        ("1.00 EUR", {}, "nobody to share 1.00 EUR"),
        ("1.00 EUR", {"a": 0}, "sum to zero"),
        ("1.00 EUR", {"a": 2, "b": -1}, "weight -1 of 'b'"),
        ("1.005 EUR", {"a": 1}, "smallest unit is 0.01"),
        ("0.5 JPY", {"a": 1}, "smallest unit is 1"),
        ("1E+18 EUR", {"a": 1}, "not below 10^18"),
        ("NaN EUR", {"a": 1}, "check the price"),
    ],
)
def test_apportion_refuses(total: str, weights: dict[str, int], named: str) -> None:
    with pytest.raises(InputError, match=named.replace("^", r"\^")):
        apportion(money(total), weights)


def test_a_float_amount_is_refused() -> None:
    with pytest.raises(InputError, match=r"0\.1 EUR is not a Decimal"):
        minor_units(Money(0.1, "EUR"))  # type: ignore[arg-type]


def test_rounding_ignores_the_decimal_context() -> None:
    with decimal.localcontext(prec=3):
        assert str(round_money(Fraction(1_234_567_895, 1000), "EUR").amount) == "1234567.90"
    assert str(round_money(Decimal("2.5"), "JPY").amount) == "2"  # half to even


@pytest.mark.parametrize(
    ("source", "currency", "result", "legs"),
    [
        ("1250.00 EUR", "RUB", "129062.50", 1),  # 1250 × 103.25
        ("1250.00 EUR", "DJF", "247151", 1),  # 247151.25
        ("1000.00 RUB", "EUR", "9.69", 1),  # 9.6852…, the rate taken backwards
        ("1000.00 CNY", "RUB", "13112.75", 2),  # 127 EUR × 103.25, through the book's currency
        ("7.00 EUR", "EUR", "7.00", 0),
    ],
)
def test_convert_by_hand(source: str, currency: str, result: str, legs: int) -> None:
    done = convert(money(source), currency, RATES, via="EUR", at=NOW)
    assert (str(done.result.amount), len(done.legs)) == (result, legs)
    assert done.date_text == ("2024-09-20" if legs else "")


def test_convert_takes_the_latest_rate_that_was_known() -> None:
    rates = (*RATES, rate("EUR", "RUB", "100", "2024-09-22"), rate("EUR", "RUB", "1", "2024-09-23"))
    done = convert(money("1.00 EUR"), "RUB", rates, via="EUR", at=NOW)
    assert (str(done.result.amount), done.date_text, done.rate_text) == (
        "100.00",
        "2024-09-22",
        "1 EUR = 100 RUB",
    )


def test_convert_refuses() -> None:
    with pytest.raises(InputError, match="no exchange rate RUB/JPY on or before 2024-09-22, directly or"):
        convert(money("1.00 RUB"), "JPY", RATES, via="EUR", at=NOW)
    with pytest.raises(InputError, match=r"EUR/RUB on or before 2024-09-01 \(the earliest is of 2024-09-20"):
        convert(money("1.00 EUR"), "RUB", RATES, via="EUR", at=Epoch.from_iso("2024-09-01"))
    with pytest.raises(InputError, match="EUR/USD of 2024-09-20 is 0"):
        convert(money("1.00 EUR"), "USD", (rate("EUR", "USD", "0"),), via="EUR", at=NOW)
    with pytest.raises(InputError, match=r"'20\.9\.2024' is not YYYY-MM-DD"):
        convert(money("1.00 EUR"), "USD", (rate("EUR", "USD", "1", "20.9.2024"),), via="EUR", at=NOW)
    with pytest.raises(InputError, match="unknown currency 'EURO'"):
        convert(money("1.00 EUR"), "EURO", RATES, via="EUR", at=NOW)


def test_area_of_the_whole_earth_and_of_a_polar_cap() -> None:
    assert priced_km2(box(-180, -90, 180, 90)) == Decimal("510065621.72")  # WGS-84 ellipsoid's surface
    north, rest = box(-180, 80, 180, 90), box(-180, -90, 180, 80)
    assert priced_km2(north) + priced_km2(rest) == Decimal("510065621.72")


@pytest.mark.parametrize(
    ("shape", "named"),
    [
        (Point(0, 0), "a Point has no area"),
        (Polygon(), "empty"),
        (Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]), "Self-intersection"),
    ],
)
def test_area_refuses(shape: shapely.Geometry, named: str) -> None:
    with pytest.raises(InputError, match=named):
        priced_km2(shape)
