"""A partner's statement of account: every posting that concerns it, with balances and exchange rates."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from decimal import Decimal

from comity.commerce.ledger import Ledger, account_name
from comity.core import Epoch, Interval, Money
from comity.fleet.assets import Partner


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLine:
    """One posting; ``amount`` is positive in the partner's favour, ``balance`` what it is owed after it."""

    at: Epoch
    transaction: str
    kind: str
    reference: str
    what: str
    text: str
    amount: Money
    balance: Money
    rate: str
    rate_date: str
    rate_source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementTotal:
    """Sum of the lines of one sort (``what``: satellite part, station part, pool share, paid out …)."""

    what: str
    kind: str
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A partner's account over a period (None: from the first posting to the last).

    ``opening`` and ``closing``: what the partner is owed, one amount per currency, sorted by code.
    """

    partner: str
    name: str
    currency: str
    period: Interval | None
    opening: tuple[Money, ...]
    lines: tuple[StatementLine, ...]
    totals: tuple[StatementTotal, ...]
    closing: tuple[Money, ...]


def statement(partner: Partner, ledger: Ledger, *, period: Interval | None = None) -> Statement:
    """The account of ``partner`` in time order; transactions outside ``period`` only count in balances."""
    account = account_name("partner", partner.id)
    running: dict[str, Money] = {}
    opening: dict[str, Money] = {}
    totals: dict[tuple[str, str, str], Money] = {}
    lines: list[StatementLine] = []
    for transaction in sorted(ledger, key=lambda entry: entry.at):
        if period is not None and transaction.at >= period.end:
            break
        before = period is not None and transaction.at < period.start
        for posting in transaction.postings:
            if posting.account != account:
                continue
            amount = -posting.money
            zero = Money(Decimal(0), posting.currency).rounded()
            running[posting.currency] = running.get(posting.currency, zero) + amount
            if before:
                opening[posting.currency] = running[posting.currency]
                continue
            key = (transaction.kind, posting.memo, posting.currency)
            totals[key] = totals.get(key, zero) + amount
            conversion = transaction.conversion
            lines.append(
                StatementLine(
                    at=transaction.at,
                    transaction=transaction.id,
                    kind=transaction.kind,
                    reference=transaction.reference,
                    what=posting.memo,
                    text=transaction.memo,
                    amount=amount,
                    balance=running[posting.currency],
                    rate="" if conversion is None else conversion.rate_text,
                    rate_date="" if conversion is None else conversion.date_text,
                    rate_source="" if conversion is None else conversion.source_text,
                )
            )
    return Statement(
        partner=partner.id,
        name=partner.name,
        currency=partner.currency,
        period=period,
        opening=tuple(opening[currency] for currency in sorted(opening)),
        lines=tuple(lines),
        totals=tuple(
            StatementTotal(what=what, kind=kind, amount=amount) for (kind, what, _), amount in totals.items()
        ),
        closing=tuple(running[currency] for currency in sorted(running)),
    )


#: Columns of :func:`statement_csv`.
STATEMENT_COLUMNS = (
    "partner", "time_utc", "transaction", "kind", "reference", "what", "text",
    "currency", "amount", "balance", "rate", "rate_date", "rate_source",
)  # fmt: skip


def statement_csv(statement: Statement) -> str:
    """The statement as CSV (RFC 4180, UTF-8 text): opening balances, lines, closing balances."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(STATEMENT_COLUMNS)
    period = statement.period
    start = "" if period is None else period.start.iso()
    end = "" if period is None else period.end.iso()
    for money in statement.opening:
        writer.writerow(_balance_row(statement.partner, start, "opening", money))
    for line in statement.lines:
        writer.writerow(
            (
                statement.partner,
                line.at.iso(),
                line.transaction,
                line.kind,
                line.reference,
                line.what,
                line.text,
                line.amount.currency,
                line.amount.amount,
                line.balance.amount,
                line.rate,
                line.rate_date,
                line.rate_source,
            )
        )
    for money in statement.closing:
        writer.writerow(_balance_row(statement.partner, end, "closing", money))
    return out.getvalue()


def _balance_row(partner: str, time: str, kind: str, money: Money) -> tuple[str, ...]:
    cells = (partner, time, "", kind, "", "balance", "", money.currency, "", str(money.amount))
    return (*cells, "", "", "")
