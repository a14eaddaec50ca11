"""Exact amounts: whole minor units, rounding of fractions, and sharing without losing a cent."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from comity.core import InputError, Money
from comity.core.money import MINOR_UNITS, check_currency

#: Larger amounts are taken for a mistake: beyond any currency's use, within Decimal's 28 digits.
LARGEST_AMOUNT = Decimal(10) ** 18


def minor_units(money: Money) -> int:
    """``money`` counted in its currency's minor unit (cents), exactly.

    Raises :class:`InputError` for a float, NaN, a part of a minor unit, or 10¹⁸ and more.
    """
    amount = money.amount
    if not isinstance(amount, Decimal):  # a float slipped past the type checker
        raise InputError(f"amount {amount!r} {money.currency} is not a Decimal")
    if not amount.is_finite() or abs(amount) >= LARGEST_AMOUNT:
        raise InputError(f"amount {amount} {money.currency} is not below 10^18: check the price")
    units = Fraction(amount) * 10 ** MINOR_UNITS[money.currency]
    if units.denominator != 1:
        raise InputError(
            f"amount {amount} {money.currency} is not payable: the smallest unit is {money.minor_unit}"
        )
    return int(units)


def from_minor_units(units: int, currency: str) -> Money:
    """The inverse of :func:`minor_units`."""
    digits = MINOR_UNITS[check_currency(currency)]
    exact = Decimal((int(units < 0), tuple(map(int, str(abs(units)))), -digits))  # no context rounds this
    money = Money(exact, currency)
    if abs(money.amount) >= LARGEST_AMOUNT:
        raise InputError(f"amount {money.amount} {currency} is not below 10^18: check the price")
    return money


def round_money(amount: Fraction | Decimal | int, currency: str) -> Money:
    """An exact amount rounded to the minor unit, half to even, whatever the Decimal context."""
    scale: int = 10 ** MINOR_UNITS[check_currency(currency)]
    return from_minor_units(round(Fraction(amount) * scale), currency)


def apportion(total: Money, weights: Mapping[str, Fraction | Decimal | int]) -> dict[str, Money]:
    """Share ``total`` by ``weights`` with the largest-remainder (Hamilton) method.

    The shares sum to ``total`` exactly, each is within one minor unit of its exact share, and a
    larger weight never gets less. Units left over go to the largest remainders; ties to the larger
    weight, then to the key that sorts first, so the result depends on nothing but the arguments.
    A negative total is shared as its opposite, so that a reversal undoes a split to the cent.

    Raises :class:`InputError` for a negative weight, weights that sum to zero (unless ``total`` is
    zero), or a total that is not whole minor units.
    """
    units = minor_units(total)
    exact = {key: Fraction(weight) for key, weight in weights.items()}
    for key, weight in exact.items():
        if weight < 0:
            raise InputError(
                f"weight {weights[key]} of {key!r} is negative: shares need weights of 0 or more"
            )
    whole = sum(exact.values(), Fraction(0))
    if not whole:
        if units:
            raise InputError(f"nobody to share {total} with: the weights sum to zero")
        return dict.fromkeys(exact, total)
    sign, units = (-1, -units) if units < 0 else (1, units)
    shares = {key: units * weight / whole for key, weight in exact.items()}
    floors = {key: int(share) for key, share in shares.items()}
    left = units - sum(floors.values())
    first = sorted(exact, key=lambda key: (floors[key] - shares[key], -exact[key], key))
    lucky = set(first[:left])
    return {key: from_minor_units(sign * (floors[key] + (key in lucky)), total.currency) for key in exact}
