"""Exchange between currencies at the price book's published rates, each kept with its date and source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from comity.commerce.amounts import round_money
from comity.core import Epoch, InputError, Money, check_currency
from comity.fleet.products import ExchangeRate


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One published rate and the way it was used: ``inverse`` when going from its quote to its base."""

    rate: ExchangeRate
    inverse: bool

    @property
    def factor(self) -> Fraction:
        """What one unit of the currency we come from buys, exactly."""
        return 1 / Fraction(self.rate.rate) if self.inverse else Fraction(self.rate.rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """``source`` became ``result``, rounded once to the minor unit, over ``legs`` (none: same currency)."""

    source: Money
    result: Money
    legs: tuple[Leg, ...]

    @property
    def factor(self) -> Fraction:
        """Units of the result's currency for one of the source's, exactly."""
        product = Fraction(1)
        for leg in self.legs:
            product *= leg.factor
        return product

    @property
    def rate_text(self) -> str:
        """The effective rate to 8 significant digits, e.g. ``"1 EUR = 103.25 RUB"``; empty for none."""
        if not self.legs:
            return ""
        return f"1 {self.source.currency} = {float(self.factor):.8g} {self.result.currency}"

    @property
    def date_text(self) -> str:
        """Date of every rate used, e.g. ``"2024-09-20"``; two rates are joined by ``" and "``."""
        return " and ".join(dict.fromkeys(leg.rate.date for leg in self.legs))

    @property
    def source_text(self) -> str:
        """Who published every rate used."""
        return " and ".join(dict.fromkeys(leg.rate.source for leg in self.legs))


def convert(money: Money, currency: str, rates: Sequence[ExchangeRate], *, via: str, at: Epoch) -> Conversion:
    """Convert ``money`` to ``currency`` with the latest rates dated on or before ``at`` (UTC date).

    A rate quoted in either direction serves; where the pair has none, the way through ``via`` (the
    price book's currency) is taken. The result is rounded once, half to even. Raises
    :class:`InputError` naming the pair when no rate leads there, or a rate is not positive.
    """
    check_currency(currency)
    legs = _path(money.currency, currency, rates, via, at.datetime.date())
    exact = Fraction(money.amount)
    for leg in legs:
        exact *= leg.factor
    return Conversion(source=money, result=round_money(exact, currency), legs=legs)


def _path(base: str, quote: str, rates: Sequence[ExchangeRate], via: str, on: date) -> tuple[Leg, ...]:
    if base == quote:
        return ()
    direct = _leg(base, quote, rates, on)
    if direct is not None:
        return (direct,)
    if via not in (base, quote):
        first, second = _leg(base, via, rates, on), _leg(via, quote, rates, on)
        if first is not None and second is not None:
            return (first, second)
    later = sorted(rate.date for rate in rates if {rate.base, rate.quote} == {base, quote})
    hint = f" (the earliest is of {later[0]})" if later else f", directly or through {via}"
    raise InputError(
        f"no exchange rate {base}/{quote} on or before {on}{hint}: add one to the price book's rates"
    )


def _leg(base: str, quote: str, rates: Sequence[ExchangeRate], on: date) -> Leg | None:
    """The latest usable rate of the pair; quoted our way round goes before the inverse of that day."""
    found: list[tuple[date, bool, ExchangeRate]] = []
    for rate in rates:
        if (rate.base, rate.quote) not in ((base, quote), (quote, base)):
            continue
        if not rate.rate.is_finite() or rate.rate <= 0:
            raise InputError(
                f"exchange rate {rate.base}/{rate.quote} of {rate.date} is {rate.rate}: must be > 0"
            )
        try:
            day = date.fromisoformat(rate.date)
        except ValueError as error:
            raise InputError(
                f"exchange rate {rate.base}/{rate.quote}: date {rate.date!r} is not YYYY-MM-DD"
            ) from error
        if day <= on:
            found.append((day, rate.base == base, rate))
    if not found:
        return None
    _, straight, best = max(found, key=lambda entry: entry[:2])
    return Leg(rate=best, inverse=not straight)
