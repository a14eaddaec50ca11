"""From order to invoice: what is reserved, invoiced on acceptance, and credited.

An order reserves its quote's total on memorandum accounts. Each accepted item is invoiced and releases
its part of the reservation; what fails, is refused or cancelled is released by a credit note. Amounts come
from one cumulative rounding per line, so a closed order has reserved = invoiced + credited exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from comity.commerce.amounts import minor_units
from comity.commerce.area import AREA_STEP_KM2
from comity.commerce.ledger import Transaction, account_name, credit, debit
from comity.commerce.pricing import Quote, QuoteLine
from comity.core import Epoch, InputError, Money, StateError, UnknownIdError
from comity.fleet.products import PriceUnit


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """The charge for one accepted item: ``quantity`` (in ``unit``) of a target's quote line."""

    id: str
    order: str
    quote: str
    customer: str
    item: str
    target: str
    unit: PriceUnit
    quantity: Decimal
    amount: Money
    at: Epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditLine:
    """The part of a target that is not charged."""

    target: str
    quantity: Decimal
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditNote:
    """What the customer will not pay, and why.

    ``invoice``: the invoice it takes back; None where it releases what was only reserved.
    """

    id: str
    order: str
    customer: str
    lines: tuple[CreditLine, ...]
    amount: Money
    reason: str
    invoice: str | None
    at: Epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class Billing:
    """The money of one order: its quote and every document made from it, in order."""

    order: str
    quote: Quote
    opened: Epoch
    invoices: tuple[Invoice, ...] = ()
    credit_notes: tuple[CreditNote, ...] = ()

    @property
    def reserved(self) -> Money:
        """The order's whole price."""
        return self.quote.total

    @property
    def invoiced(self) -> Money:
        """Invoices less those taken back."""
        taken_back = [note.amount for note in self.credit_notes if note.invoice is not None]
        return self._sum([invoice.amount for invoice in self.invoices]) - self._sum(taken_back)

    @property
    def credited(self) -> Money:
        """All credit notes."""
        return self._sum([note.amount for note in self.credit_notes])

    @property
    def open(self) -> Money:
        """What is neither invoiced nor credited yet."""
        return self.reserved - self.invoiced - self.credited

    @property
    def closed(self) -> bool:
        """Whether every line is wholly invoiced or credited."""
        return not any(self.open_part(line.target).quantity for line in self.quote.lines)

    def open_part(self, target: str) -> CreditLine:
        """Quantity and amount of a target that are neither invoiced nor credited yet."""
        line = self.quote.line(target)
        quantity, amount = line.quantity, line.amount
        for invoice in self.invoices:
            if invoice.target == target:
                quantity, amount = quantity - invoice.quantity, amount - invoice.amount
        for part in self._released(target):
            quantity, amount = quantity - part.quantity, amount - part.amount
        return CreditLine(target=target, quantity=quantity, amount=amount)

    def with_invoice(self, invoice: Invoice) -> Billing:
        """With one more invoice; the same one again changes nothing."""
        return self if invoice in self.invoices else replace(self, invoices=(*self.invoices, invoice))

    def with_credit_note(self, note: CreditNote) -> Billing:
        """With one more credit note; the same one again changes nothing."""
        if note in self.credit_notes:
            return self
        return replace(self, credit_notes=(*self.credit_notes, note))

    def _released(self, target: str) -> list[CreditLine]:
        notes = [note for note in self.credit_notes if note.invoice is None]
        return [part for note in notes for part in note.lines if part.target == target]

    def _sum(self, amounts: list[Money]) -> Money:
        return sum(amounts, Money(Decimal(0), self.quote.total.currency).rounded())


def open_billing(quote: Quote, *, order: str, at: Epoch) -> Billing:
    """Take up a quote. Raises :class:`StateError` where it is not valid at ``at`` or has nothing to order."""
    if not quote.orderable:
        reasons = " ".join(entry.text for entry in quote.not_offered)
        raise StateError(f"quote {quote.id!r} has nothing to order: {reasons}")
    if not quote.valid_at(at):
        raise StateError(
            f"quote {quote.id!r} is valid from {quote.created} to {quote.valid_until}, not at {at}: "
            "ask for a new quote"
        )
    return Billing(order=order, quote=quote, opened=at)


def invoice_item(
    billing: Billing, *, invoice_id: str, item: str, target: str, quantity: Decimal | int, at: Epoch
) -> Invoice:
    """The invoice for an item that the customer accepted.

    ``quantity``: what the item delivers of the line's unit (km² newly covered, 1 scene, 1 pass); what
    goes beyond the open part is not charged, so the last of overlapping strips may cost nothing.
    Asking again for the same item and invoice gives the same invoice. Raises :class:`StateError` where
    the item has another invoice, the id another item, or all that is open was credited.
    """
    line = billing.quote.line(target)
    for known in billing.invoices:
        if (known.id, known.item, known.target) == (invoice_id, item, target):
            return known
        if known.item == item:
            raise StateError(f"item {item!r} is already invoiced by {known.id!r}")
        if known.id == invoice_id:
            raise StateError(f"invoice {invoice_id!r} is already that of item {known.item!r}")
    asked = _whole_step(line, quantity)
    left = billing.open_part(target).quantity
    if not left and billing._released(target):
        raise StateError(
            f"target {target!r} of order {billing.order!r} is credited: nothing is left to invoice"
        )
    charged = min(asked, left)
    return Invoice(
        id=invoice_id,
        order=billing.order,
        quote=billing.quote.id,
        customer=billing.quote.customer,
        item=item,
        target=target,
        unit=line.unit,
        quantity=charged,
        amount=_next_amount(billing, line, charged),
        at=at,
    )


def credit_open(
    billing: Billing,
    *,
    note_id: str,
    reason: str,
    at: Epoch,
    quantities: Mapping[str, Decimal | int] | None = None,
) -> CreditNote:
    """A credit note that releases what will not be delivered.

    ``quantities``: target → how much of its unit; None for all that is open (a cancelled or finished
    order). Asking again with the same id gives the same note. Raises :class:`StateError` where that
    is more than is open, or nothing is.
    """
    for known in billing.credit_notes:
        if known.id == note_id:
            return _same_note(known, reason=reason, invoice=None)
    if quantities is None:
        parts = [billing.open_part(line.target) for line in billing.quote.lines]
        parts = [part for part in parts if part.quantity]
    else:
        parts = []
        for target, quantity in quantities.items():
            line = billing.quote.line(target)
            amount = _whole_step(line, quantity)
            left = billing.open_part(target).quantity
            if amount > left:
                raise StateError(
                    f"cannot credit {amount} {line.unit} of target {target!r}: only {left} of order "
                    f"{billing.order!r} is open"
                )
            parts.append(
                CreditLine(target=target, quantity=amount, amount=_next_amount(billing, line, amount))
            )
    if not parts:
        raise StateError(f"order {billing.order!r} has nothing open to credit")
    return CreditNote(
        id=note_id,
        order=billing.order,
        customer=billing.quote.customer,
        lines=tuple(parts),
        amount=billing._sum([part.amount for part in parts]),
        reason=reason,
        invoice=None,
        at=at,
    )


def credit_invoice(billing: Billing, *, note_id: str, invoice_id: str, reason: str, at: Epoch) -> CreditNote:
    """A credit note that takes a whole invoice back, e.g. for an item found faulty later.

    The amount counts as credited; it is not open again. Asking again with the same id gives the same
    note. Raises :class:`UnknownIdError` for an invoice this order has not, :class:`StateError` where
    it was taken back before.
    """
    by_id = {invoice.id: invoice for invoice in billing.invoices}
    if invoice_id not in by_id:
        raise UnknownIdError("invoice", invoice_id, tuple(by_id))
    invoice = by_id[invoice_id]
    for known in billing.credit_notes:
        if known.id == note_id:
            return _same_note(known, reason=reason, invoice=invoice_id)
        if known.invoice == invoice_id:
            raise StateError(f"invoice {invoice_id!r} was already taken back by {known.id!r}")
    part = CreditLine(target=invoice.target, quantity=invoice.quantity, amount=invoice.amount)
    return CreditNote(
        id=note_id,
        order=billing.order,
        customer=invoice.customer,
        lines=(part,),
        amount=invoice.amount,
        reason=reason,
        invoice=invoice_id,
        at=at,
    )


def reservation_transaction(billing: Billing) -> Transaction:
    """Books the order's price on the memorandum accounts."""
    quote = billing.quote
    return Transaction(
        id=f"reservation:{billing.order}",
        at=billing.opened,
        kind="reservation",
        reference=quote.id,
        postings=(
            debit(account_name("reserved", quote.customer), quote.total),
            credit(account_name("commitment", billing.order), quote.total),
        ),
        memo=f"order {billing.order} of quote {quote.id}",
    )


def invoice_transaction(invoice: Invoice) -> Transaction:
    """Books an invoice: the customer owes it, it is revenue to split, and its reservation is released."""
    return Transaction(
        id=f"invoice:{invoice.id}",
        at=invoice.at,
        kind="invoice",
        reference=invoice.id,
        postings=(
            debit(account_name("customer", invoice.customer), invoice.amount),
            credit(account_name("revenue", invoice.order), invoice.amount),
            debit(account_name("commitment", invoice.order), invoice.amount),
            credit(account_name("reserved", invoice.customer), invoice.amount),
        ),
        memo=f"item {invoice.item}: {invoice.quantity} {invoice.unit} of {invoice.target}",
    )


def credit_transaction(note: CreditNote) -> Transaction:
    """Books a credit note: releases the reservation, or takes the invoice back from customer and revenue.

    Where the invoice was split among the partners, book
    :func:`comity.commerce.settlement.reverse_split` too.
    """
    if note.invoice is None:
        giving, taking = account_name("commitment", note.order), account_name("reserved", note.customer)
    else:
        giving, taking = account_name("revenue", note.order), account_name("customer", note.customer)
    return Transaction(
        id=f"credit-note:{note.id}",
        at=note.at,
        kind="credit-note",
        reference=note.invoice or note.order,
        postings=(debit(giving, note.amount), credit(taking, note.amount)),
        memo=note.reason,
    )


def receipt_transaction(customer: str, money: Money, *, id: str, at: Epoch, reference: str) -> Transaction:
    """Books a customer's payment; ``reference``: the invoice or bank statement it belongs to."""
    if minor_units(money) <= 0:
        raise InputError(f"receipt {id!r} of {money}: must be more than 0")
    return Transaction(
        id=f"receipt:{id}",
        at=at,
        kind="receipt",
        reference=reference,
        postings=(debit(account_name("bank"), money), credit(account_name("customer", customer), money)),
        memo=f"payment by {customer}",
    )


def _next_amount(billing: Billing, line: QuoteLine, quantity: Decimal) -> Money:
    """Price of ``quantity`` more of a line, so that what is settled in all stays rightly rounded."""
    open_now = billing.open_part(line.target)
    settled = line.quantity - open_now.quantity
    return line.part(settled + quantity) - (line.amount - open_now.amount)


def _whole_step(line: QuoteLine, quantity: Decimal | int) -> Decimal:
    """A quantity of the line's unit: areas rounded to 0.01 km², the others whole."""
    number = Decimal(quantity)
    if not number.is_finite() or number < 0:
        raise InputError(f"quantity {quantity} {line.unit} of target {line.target!r} must be 0 or more")
    if line.unit == "km2":
        return number.quantize(AREA_STEP_KM2)
    if Fraction(number).denominator != 1:
        raise InputError(f"quantity {quantity} {line.unit} of target {line.target!r} must be whole")
    return number


def _same_note(note: CreditNote, *, reason: str, invoice: str | None) -> CreditNote:
    if (note.reason, note.invoice) != (reason, invoice):
        raise StateError(f"credit note {note.id!r} is already made for another reason: {note.reason}")
    return note
