"""How figures read on the page: thin spaces, real minus signs, units, short UTC times."""

from __future__ import annotations

from decimal import Decimal

from comity.core import Epoch, Interval, Money

#: Narrow no-break space: between thousands, and between a figure and its unit.
THIN = "\u202f"
MINUS = "\u2212"


def number(value: float | int | Decimal, digits: int = 0) -> str:
    """``12345.678`` → ``12 345.7`` (digits=1), thousands apart by thin spaces."""
    text = f"{value:,.{digits}f}".replace(",", THIN)
    if text.startswith("-"):
        text = text[1:] if not text.strip("-0.," + THIN) else MINUS + text[1:]
    return text


def quantity(value: float | Decimal, unit: str, digits: int = 0) -> str:
    """A figure and its unit that stay on one line."""
    return number(value, digits) + THIN + unit


def percent(fraction: float | Decimal, digits: int = 0) -> str:
    """``0.205`` → ``20.5 %``."""
    return quantity(fraction * 100, "%", digits)


def gap(fraction: float) -> str:
    """A plan's gap: never shown as nothing where it is not nothing."""
    if fraction <= 0:
        return percent(0)
    return "<" + THIN + percent(0.0001, 2) if fraction < 0.00005 else percent(fraction, 2)


def gsd(value: float) -> str:
    """A ground sample distance with about three significant figures, in km from 1 km on."""
    if value >= 1000:
        return quantity(value / 1000, "km", 2)
    if value < 10:
        return quantity(value, "m", 2)
    return quantity(value, "m", 1 if value < 100 else 0)


def bits(value: float) -> str:
    """An amount of data in Gbit."""
    return quantity(value / 1e9, "Gbit", 1 if value < 1e11 else 0)


def money(value: Money) -> str:
    """``1234.5 EUR`` → ``1 234.50 EUR``, rounded to the currency's minor unit."""
    rounded = value.rounded()
    places = max(0, -int(value.minor_unit.as_tuple().exponent))
    return quantity(rounded.amount, value.currency, places)


def about(value: Money) -> str:
    """``1234.5 EUR`` → ``1 234 EUR``, half to even: for headlines."""
    return quantity(value.amount, value.currency)


def utc(epoch: Epoch) -> str:
    """``2024-09-22 06:00:00`` (the page says once that every time is UTC)."""
    return epoch.iso(0)[:-1].replace("T", " ")


def minute(epoch: Epoch) -> str:
    """``2024-09-22 06:00``, cut, not rounded."""
    return epoch.iso(9)[:16].replace("T", " ")


def day(epoch: Epoch) -> str:
    """``2024-09-22``."""
    return epoch.iso(9)[:10]


def span(interval: Interval) -> str:
    """``2024-09-23 06:12:40–06:12:58``; the second date only where it differs."""
    start, end = utc(interval.start), utc(interval.end)
    return f"{start}–{end[11:] if end[:10] == start[:10] else end}"


def duration(seconds: float) -> str:
    """``95`` → ``95 s``, ``400`` → ``6 min 40 s``, ``90 000`` → ``1 d 1 h``."""
    if seconds < 120:
        return quantity(seconds, "s", 0 if seconds >= 10 else 1)
    units = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    rest = round(seconds)
    parts: list[tuple[int, str]] = []
    for unit, size in units:
        count, rest = divmod(rest, size)
        if count or parts:
            parts.append((count, unit))
    return " ".join(quantity(count, unit) for count, unit in parts[:2] if count)


def bearing(degrees: float) -> str:
    """An angle to a tenth of a degree."""
    return number(degrees, 1) + "°"


def plural(count: int, one: str, many: str | None = None) -> str:
    """``1 order``, ``3 orders``."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"
