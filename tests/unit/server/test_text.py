"""Figures as people read them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from comity.core import Epoch, Interval, Money
from comity.server.report import text

T = "\u202f"
START = Epoch.from_iso("2024-09-23T23:59:58.400Z")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (text.number(1234567.891, 1), f"1{T}234{T}567.9"),
        (text.number(-1234), f"−1{T}234"),
        (text.number(-0.04, 1), "0.0"),
        (text.number(Decimal("-0.00"), 2), "0.00"),
        (text.money(Money(Decimal("1234.5"), "EUR")), f"1{T}234.50{T}EUR"),
        (text.money(Money(Decimal("-98765"), "DJF")), f"−98{T}765{T}DJF"),
        (
            text.money(Money(Decimal("123456789012345678.99"), "EUR")),
            f"123{T}456{T}789{T}012{T}345{T}678.99{T}EUR",
        ),
        (text.percent(0.205, 1), f"20.5{T}%"),
        (text.percent(Decimal("0.2")), f"20{T}%"),
        (text.gsd(0.7312), f"0.73{T}m"),
        (text.gsd(59.94), f"59.9{T}m"),
        (text.gsd(1336.0), f"1.34{T}km"),
        (text.gap(0.0), f"0{T}%"),
        (text.gap(1e-9), f"<{T}0.01{T}%"),
        (text.gap(0.0395), f"3.95{T}%"),
        (text.duration(18.0), f"18{T}s"),
        (text.duration(400.0), f"6{T}min 40{T}s"),
        (text.duration(7 * 86_400.0), f"7{T}d"),
        (text.duration(90_000.0), f"1{T}d 1{T}h"),
        (text.utc(START), "2024-09-23 23:59:58"),
        (text.minute(START), "2024-09-23 23:59"),
        (text.span(Interval(START, START + 1)), "2024-09-23 23:59:58–23:59:59"),
        (text.span(Interval(START, START + 10)), "2024-09-23 23:59:58–2024-09-24 00:00:08"),
        (text.plural(1, "pass", "passes"), "1 pass"),
        (text.plural(2000, "pass", "passes"), f"2{T}000 passes"),
    ],
)
def test_formats(said: str, expected: str) -> None:
    assert said == expected
