"""Quotes: what a request costs its customer, target by target, within the licences.

Prices are exact: quantities and amounts are Decimal, the total is converted and rounded once, and the
lines' amounts are shared out of it so that they sum to it to the cent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from comity.commerce.amounts import apportion, minor_units, round_money
from comity.commerce.area import AREA_STEP_KM2, priced_km2
from comity.commerce.exchange import Conversion, convert
from comity.commerce.licence import Decision, Grant, TargetLicence, summarise
from comity.core import Epoch, InputError, Money, UnknownIdError
from comity.core.time import NS_PER_S
from comity.fleet.products import ArchivePrice, Price, PriceBook, PriceUnit, Request, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteLine:
    """The price of one target.

    ``quantity`` counts ``unit`` (km2 to 0.01). ``base`` = quantity × ``unit_price``; ``surcharge`` for a
    strict cloud limit; ``minimum_part`` this target's part of what lifts the order to its minimum: these
    are in the price book's currency. ``amount`` is what the customer pays, in its own. ``grants``: who
    may serve it; ``deliver_gsd_m`` the finest of them, m. ``meets_request``: whether that is as fine as the
    request's limit (a licence may coarsen it).
    """

    target: str
    name: str
    unit: PriceUnit
    quantity: Decimal
    unit_price: Money
    base: Money
    surcharge: Money
    minimum_part: Money
    amount: Money
    grants: tuple[Grant, ...]
    deliver_gsd_m: float
    meets_request: bool

    def quantity_for(self, fraction: Decimal | float) -> Decimal:
        """What a fraction 0…1 of the target comes to: km² to 0.01, scenes and passes whole.

        Raises :class:`InputError` for a fraction outside 0…1.
        """
        if not 0 <= fraction <= 1:
            raise InputError(f"fraction {fraction} of target {self.target!r} is not between 0 and 1")
        step = AREA_STEP_KM2 if self.unit == "km2" else Decimal(1)
        return round(Fraction(fraction) * Fraction(self.quantity) / Fraction(step)) * step

    def part(self, quantity: Decimal) -> Money:
        """Price of ``quantity`` of the line's unit, counted from none: rounded, at most ``amount``."""
        done = min(Fraction(quantity) / Fraction(self.quantity), Fraction(1))
        return round_money(Fraction(self.amount.amount) * done, self.amount.currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotOffered:
    """A target that is not in the price: refused by licence, or without any opportunity."""

    target: str
    name: str
    cause: Literal["licence", "no-opportunity"]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """An offer to a customer until ``valid_until`` (exclusive).

    ``lines`` are charged, ``not_offered`` are not (cause ``"licence"`` or ``"no-opportunity"``).
    ``conversion`` turns the total of the price book's currency into ``total``, with every rate's date and
    source. ``minimum``: the least an order of this product costs. ``note``: how real the price book
    is. ``decisions``: every licence decision with its inputs.
    """

    id: str
    request: str
    customer: str
    product: str
    created: Epoch
    valid_until: Epoch
    lines: tuple[QuoteLine, ...]
    not_offered: tuple[NotOffered, ...]
    minimum: Money
    conversion: Conversion
    note: str
    decisions: tuple[Decision, ...]

    @property
    def total(self) -> Money:
        """What the whole costs, in the customer's currency: the sum of the lines' amounts."""
        return self.conversion.result

    @property
    def orderable(self) -> bool:
        """Whether there is anything to order."""
        return bool(self.lines)

    def valid_at(self, at: Epoch) -> bool:
        """Whether the offer stands at this instant."""
        return self.created <= at < self.valid_until

    def line(self, target: str) -> QuoteLine:
        """The line of a target; :class:`UnknownIdError` where the quote does not charge it."""
        for line in self.lines:
            if line.target == target:
                return line
        raise UnknownIdError("quote line", target, tuple(line.target for line in self.lines))


def quote_request(
    price_book: PriceBook,
    request: Request,
    decisions: Sequence[Decision],
    *,
    quote_id: str,
    now: Epoch,
    feasible: Mapping[str, Decimal | int] | None = None,
) -> Quote:
    """Price ``request`` for what its licence ``decisions`` allow.

    ``feasible``: target id → how much of the price's unit there are opportunities for (km², scenes or
    passes), for every target that is allowed; None: as much as is asked. It never raises the quantity
    over what is asked (:func:`asked_quantity`), save scenes of an area, where it says how many are
    needed. Targets refused or with nothing feasible are listed and not charged; with no target left
    the quote is not orderable and its total is 0.

    Raises :class:`InputError` for a product or an exchange rate the price book lacks, for a target that
    has no decision or no feasible quantity, and for a decision about another customer.
    """
    price = price_of(price_book, request.product.id)
    licences = _licences(request, decisions)
    if feasible is not None:
        known = tuple(licences)
        for target_id in feasible:
            if target_id not in licences:
                raise UnknownIdError("target", target_id, known)
    charged: list[tuple[Target, TargetLicence, Decimal]] = []
    not_offered: list[NotOffered] = []
    for target in request.targets:
        licence = licences[target.id]
        if licence.effect == "refuse":
            not_offered.append(_not_offered(target, "licence", licence.text))
            continue
        quantity = _quantity(price.unit, request, target, feasible)
        if quantity > 0:
            charged.append((target, licence, quantity))
        else:
            text = f"{target.name}: no opportunity in {request.interval.iso()} within the request's limits."
            not_offered.append(_not_offered(target, "no-opportunity", text))
    parts, book_total = _book_amounts(price_book, price, request, [quantity for *_, quantity in charged])
    conversion = convert(
        book_total, request.customer.currency, price_book.rates, via=price_book.currency, at=now
    )
    weights = {
        target.id: sum((Fraction(money.amount) for money in part), Fraction(0))
        for (target, *_), part in zip(charged, parts, strict=True)
    }
    amounts = apportion(conversion.result, weights)
    lines = tuple(
        QuoteLine(
            target=target.id,
            name=target.name,
            unit=price.unit,
            quantity=quantity,
            unit_price=Money(price.amount, price_book.currency),
            base=base,
            surcharge=surcharge,
            minimum_part=minimum_part,
            amount=amounts[target.id],
            grants=licence.grants,
            deliver_gsd_m=licence.grants[0].deliver_gsd_m,
            meets_request=licence.grants[0].deliver_gsd_m <= request.max_gsd_m,
        )
        for (target, licence, quantity), (base, surcharge, minimum_part) in zip(charged, parts, strict=True)
    )
    return Quote(
        id=quote_id,
        request=request.id,
        customer=request.customer.id,
        product=request.product.id,
        created=now,
        valid_until=now + price_book.quote_valid_s,
        lines=lines,
        not_offered=tuple(not_offered),
        minimum=round_money(price.minimum, price_book.currency),
        conversion=conversion,
        note=price_book.note,
        decisions=tuple(decisions),
    )


def price_of(price_book: PriceBook, product: str) -> Price:
    """The price book's line for a product id; :class:`InputError` for none, two, or negative figures."""
    found = [price for price in price_book.prices if price.product == product]
    if len(found) != 1:
        problem = "no price" if not found else f"{len(found)} prices"
        raise InputError(f"the price book has {problem} for product {product!r}: give it exactly one")
    price = found[0]
    for name in ("amount", "minimum", "strict_cloud_surcharge"):
        value: Decimal = getattr(price, name)
        if not value.is_finite() or value < 0:
            raise InputError(f"price of product {product!r}: {name} {value} must be 0 or more")
    return price


def archive_price(price_book: PriceBook, product: str, owner: str) -> ArchivePrice | None:
    """What an image of this product by this owner's spacecraft costs out of the archive; None: no sale."""
    return next(
        (one for one in price_book.archive if one.product == product and owner in (one.owners or (owner,))),
        None,
    )


def archive_book(price_book: PriceBook, price: ArchivePrice) -> PriceBook:
    """The price book by which an image of the archive is quoted: with that one price."""
    line = Price(
        product=price.product,
        unit=price.unit,
        amount=price.amount,
        minimum=price.minimum,
        strict_cloud_surcharge=Decimal(0),
    )
    return replace(price_book, prices=(line,))


def asked_quantity(unit: PriceUnit, request: Request, target: Target) -> Decimal:
    """How much a request asks of a target: km² of its area, or one scene or pass per repeat period."""
    times = 1
    if request.product.repeat_s is not None:
        period_ns = round(request.product.repeat_s * NS_PER_S)
        if period_ns <= 0:
            raise InputError(
                f"product {request.product.id!r}: repeat_s {request.product.repeat_s} must be positive"
            )
        span_ns = request.interval.end.tai_ns - request.interval.start.tai_ns
        times = -(-span_ns // period_ns)
    if unit != "km2":
        return Decimal(times)
    try:
        return max(priced_km2(target.geometry), AREA_STEP_KM2) * times
    except InputError as error:
        raise InputError(f"target {target.id!r} of request {request.id!r}: {error}") from error


def _licences(request: Request, decisions: Sequence[Decision]) -> dict[str, TargetLicence]:
    for decision in decisions:
        if decision.inputs.customer != request.customer.id:
            raise InputError(
                f"licence decision for customer {decision.inputs.customer!r} cannot serve request "
                f"{request.id!r} of {request.customer.id!r}: decide again"
            )
    ids = [target.id for target in request.targets]
    for target_id in ids:
        if ids.count(target_id) > 1:
            raise InputError(f"request {request.id!r} names target {target_id!r} twice: one line per target")
    licences = {licence.target: licence for licence in summarise(decisions)}
    for target in request.targets:
        if target.id not in licences:
            raise InputError(
                f"target {target.id!r} of request {request.id!r} has no licence decision: decide first"
            )
    return licences


def _quantity(
    unit: PriceUnit, request: Request, target: Target, feasible: Mapping[str, Decimal | int] | None
) -> Decimal:
    asked = asked_quantity(unit, request, target)
    if feasible is None:
        return asked
    if target.id not in feasible:
        raise InputError(f"target {target.id!r} of request {request.id!r}: how much is feasible is not given")
    amount = Decimal(feasible[target.id])
    if not amount.is_finite() or amount < 0:
        raise InputError(f"target {target.id!r}: feasible quantity {amount} must be 0 or more")
    if unit == "km2":
        amount = amount.quantize(AREA_STEP_KM2)
    elif amount != amount.to_integral_value():
        raise InputError(f"target {target.id!r}: feasible quantity {amount} of {unit} must be whole")
    if unit == "scene" and target.geometry.geom_type != "Point":
        return amount
    return min(asked, amount)


def _book_amounts(
    book: PriceBook, price: Price, request: Request, quantities: Sequence[Decimal]
) -> tuple[list[tuple[Money, Money, Money]], Money]:
    """(base, surcharge, part of the minimum) of each quantity in the book's currency, and their total."""
    strict = request.max_cloud < book.strict_cloud_below
    factor = Fraction(price.strict_cloud_surcharge) if strict else Fraction(0)
    zero = Money(Decimal(0), book.currency).rounded()
    plain: list[tuple[Money, Money]] = []
    total = zero
    for quantity in quantities:
        base = round_money(Fraction(quantity) * Fraction(price.amount), book.currency)
        surcharge = round_money(Fraction(base.amount) * factor, book.currency)
        plain.append((base, surcharge))
        total = total + base + surcharge
    if not plain:
        return [], zero
    missing = round_money(price.minimum, book.currency) - total
    if minor_units(missing) <= 0:
        return [(base, surcharge, zero) for base, surcharge in plain], total
    keys = [f"{k:09d}" for k in range(len(plain))]  # ties in the order of the targets
    exact = [Fraction(base.amount) + Fraction(surcharge.amount) for base, surcharge in plain]
    if not any(exact):  # free by quantity: the minimum is shared equally
        exact = [Fraction(1)] * len(plain)
    tops = apportion(missing, dict(zip(keys, exact, strict=True)))
    parts = [(base, surcharge, tops[key]) for key, (base, surcharge) in zip(keys, plain, strict=True)]
    return parts, total + missing


def _not_offered(target: Target, cause: Literal["licence", "no-opportunity"], text: str) -> NotOffered:
    return NotOffered(target=target.id, name=target.name, cause=cause, text=text)
