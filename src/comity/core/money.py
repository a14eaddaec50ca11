"""Amounts of money: Decimal with an ISO 4217 currency, never a float."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

from comity.core.errors import InputError

#: ISO 4217 minor units of the currencies Comity can price in (others are refused by name).
MINOR_UNITS = {
    "AED": 2, "AUD": 2, "BRL": 2, "CAD": 2, "CHF": 2, "CNY": 2, "CZK": 2, "DJF": 0, "DKK": 2,
    "EGP": 2, "ETB": 2, "EUR": 2, "GBP": 2, "HKD": 2, "IDR": 2, "INR": 2, "JPY": 0, "KES": 2,
    "KRW": 0, "KZT": 2, "MXN": 2, "MYR": 2, "NGN": 2, "NOK": 2, "NZD": 2, "PLN": 2, "QAR": 2,
    "RON": 2, "RUB": 2, "SAR": 2, "SEK": 2, "SGD": 2, "THB": 2, "TND": 3, "TRY": 2, "UGX": 0,
    "USD": 2, "VND": 0, "XAF": 0, "XOF": 0, "ZAR": 2,
}  # fmt: skip


def check_currency(code: str) -> str:
    """Return ``code`` if Comity knows its minor unit, else raise :class:`InputError`."""
    if code not in MINOR_UNITS:
        raise InputError(f"unknown currency {code!r}: use an ISO 4217 code such as EUR or USD")
    return code


def to_decimal(value: str | int | Decimal) -> Decimal:
    """An exact Decimal; floats are not accepted, and neither are NaN or infinity."""
    try:
        number = Decimal(value)
    except InvalidOperation as error:
        raise InputError(f"{value!r} is not a number") from error
    if not number.is_finite():
        raise InputError(f"{value!r} is not a finite amount")
    return number


@dataclass(frozen=True, slots=True)
class Money:
    """``amount`` of ``currency`` (ISO 4217). Arithmetic refuses to mix currencies."""

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        check_currency(self.currency)

    def _same(self, other: Money) -> None:
        if other.currency != self.currency:
            raise InputError(f"cannot combine {self.currency} with {other.currency}: convert first")

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.amount + other.amount, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.amount - other.amount, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.amount, self.currency)

    def __mul__(self, factor: Decimal | int) -> Money:
        return Money(self.amount * factor, self.currency)

    @property
    def minor_unit(self) -> Decimal:
        """The smallest amount that can be paid, e.g. ``Decimal("0.01")``."""
        return Decimal(1).scaleb(-MINOR_UNITS[self.currency])

    def rounded(self) -> Money:
        """To the minor unit, half to even."""
        return Money(self.amount.quantize(self.minor_unit, ROUND_HALF_EVEN), self.currency)

    def __str__(self) -> str:
        return f"{self.rounded().amount:,} {self.currency}"
