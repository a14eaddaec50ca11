"""Settlement as tables: documents, what each partner earned with what, balances, exchange rates."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from comity.commerce import Statement, Transaction, TrialLine, convert, statement
from comity.core import Epoch, InputError, Money
from comity.fleet import Partner
from comity.server.report.lookup import Lookup

#: Sorts of earnings as the ledger's split postings name them, and as the page does.
EARNINGS = {"satellite part": "satellites", "station part": "stations", "pool share": "pool"}
_SPLITS = ("split", "split-reversal", "pool")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """An invoice or a credit note; ``amount`` is positive in the sense of its kind."""

    id: str
    at: Epoch
    customer: str
    order: str
    text: str
    amount: Money
    takes_back: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One sort of a partner's earnings: ``amounts`` per currency, ``value`` of them in the book's."""

    what: str
    amounts: tuple[Money, ...]
    value: Money | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerRow:
    """A partner's earnings; ``value`` is their sum in the price book's currency, for comparison only."""

    partner: Partner
    css: str
    parts: tuple[Part, ...]
    value: Money | None
    paid: tuple[Money, ...]
    owed: tuple[Money, ...]
    statement: Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A stretch of a bar: ``left`` and ``width`` in per cent of the longest bar."""

    what: str
    left: float
    width: float
    value: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartBar:
    """A partner's bar."""

    name: str
    css: str
    segments: tuple[Segment, ...]
    value: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyView:
    """All of the settlement part."""

    invoices: tuple[Document, ...]
    credit_notes: tuple[Document, ...]
    invoiced: tuple[Money, ...]
    credited: tuple[Money, ...]
    partners: tuple[PartnerRow, ...]
    chart: tuple[ChartBar, ...]
    trial: tuple[TrialLine, ...]
    checks: tuple[TrialLine, ...]
    transactions: int


def money_view(lookup: Lookup) -> MoneyView:
    """What the ledger holds, as tables."""
    account = lookup.account
    ledger = account.ledger
    invoices = tuple(_invoice(lookup, t) for t in ledger if t.kind == "invoice")
    notes = tuple(_credit_note(lookup, t) for t in ledger if t.kind == "credit-note")
    partners = tuple(_partner_row(lookup, partner) for partner in account.programme.partners)
    trial = ledger.trial_balance()
    return MoneyView(
        invoices=invoices,
        credit_notes=notes,
        invoiced=_sums([one.amount for one in invoices]),
        credited=_sums([one.amount for one in notes]),
        partners=partners,
        chart=_chart(partners),
        trial=trial,
        checks=tuple(
            TrialLine(
                account="sum",
                currency=currency,
                debit=sum((line.debit for line in trial if line.currency == currency), Decimal(0)),
                credit=sum((line.credit for line in trial if line.currency == currency), Decimal(0)),
            )
            for currency in sorted({line.currency for line in trial})
        ),
        transactions=len(ledger),
    )


def _invoice(lookup: Lookup, transaction: Transaction) -> Document:
    return _document(lookup, transaction, takes_back=False)


def _credit_note(lookup: Lookup, transaction: Transaction) -> Document:
    accounts = {posting.account.partition(":")[0] for posting in transaction.postings}
    return _document(lookup, transaction, takes_back="customer" in accounts)


def _document(lookup: Lookup, transaction: Transaction, *, takes_back: bool) -> Document:
    """Customer, order and amount of a booked document, read from its postings."""
    customer = order = ""
    amount = abs(transaction.postings[0].amount)
    for posting in transaction.postings:
        kind, _, id = posting.account.partition(":")
        if kind in ("customer", "reserved"):
            customer = id
        elif kind in ("revenue", "commitment"):
            order = id
    return Document(
        id=transaction.id.partition(":")[2] or transaction.id,
        at=transaction.at,
        customer=lookup.customer_name(order) or customer,
        order=order,
        text=transaction.memo,
        amount=Money(amount, transaction.postings[0].currency),
        takes_back=takes_back,
    )


def _partner_row(lookup: Lookup, partner: Partner) -> PartnerRow:
    account = lookup.account
    made = statement(partner, account.ledger)
    parts = []
    for memo, words in EARNINGS.items():
        amounts = _sums([t.amount for t in made.totals if t.kind in _SPLITS and t.what == memo])
        parts.append(Part(what=words, amounts=amounts, value=_value(lookup, amounts)))
    values = [part.value for part in parts]
    book = account.programme.price_book.currency
    return PartnerRow(
        partner=partner,
        css=lookup.partner_css(partner.id),
        parts=tuple(parts),
        value=None if None in values else sum((v for v in values if v), Money(Decimal(0), book)),
        paid=tuple(-total.amount for total in made.totals if total.kind == "pay-out"),
        owed=tuple(money for money in made.closing if money.amount),
        statement=made,
    )


def _value(lookup: Lookup, amounts: tuple[Money, ...]) -> Money | None:
    """Amounts of several currencies in the price book's, None where a rate is missing."""
    book = lookup.account.programme.price_book
    total = Money(Decimal(0), book.currency)
    for amount in amounts:
        try:
            at = lookup.account.now
            total = total + convert(amount, book.currency, book.rates, via=book.currency, at=at).result
        except InputError:
            return None
    return total


def _chart(partners: tuple[PartnerRow, ...]) -> tuple[ChartBar, ...]:
    """Bars of the partners that earned something, longest first; none where a rate is missing."""
    rows = [row for row in partners if row.value is not None and row.value.amount > 0]
    longest = max((row.value.amount for row in rows if row.value), default=Decimal(0))
    bars = []
    for row in sorted(rows, key=lambda row: -(row.value.amount if row.value else 0)):
        left, segments = 0.0, []
        for part in row.parts:
            if part.value is None or part.value.amount <= 0:
                continue
            width = float(100 * part.value.amount / longest)
            segments.append(
                Segment(what=part.what, left=round(left, 3), width=round(width, 3), value=part.value)
            )
            left += width
        if row.value is not None:
            name = row.partner.name
            bars.append(ChartBar(name=name, css=row.css, segments=tuple(segments), value=row.value))
    return tuple(bars)


def _sums(amounts: list[Money]) -> tuple[Money, ...]:
    """Sum per currency, by code, zeros left out."""
    sums: dict[str, Money] = {}
    for amount in amounts:
        sums[amount.currency] = sums[amount.currency] + amount if amount.currency in sums else amount
    return tuple(sums[code] for code in sorted(sums) if sums[code].amount)
