"""The money of the road: reservations, invoices on acceptance, credit notes, shares, statements."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from comity.commerce import (
    AREA_STEP_KM2,
    Billing,
    Invoice,
    Ledger,
    Statement,
    Transaction,
    Usage,
    credit_open,
    credit_transaction,
    invoice_item,
    invoice_transaction,
    split_invoice,
    statement,
    statement_csv,
)
from comity.commerce import settle as settle_partners
from comity.core import Epoch
from comity.operations.files import write_text
from comity.operations.ports import Store, UnitOfWork
from comity.operations.records import Activity, ItemRecord


def book(work: UnitOfWork, *transactions: Transaction) -> None:
    """Add transactions to the stored ledger."""
    ledger = Ledger()
    for transaction in transactions:
        ledger.add(transaction)
    work.post(ledger)


def charge(work: UnitOfWork, item: ItemRecord, at: Epoch) -> Invoice:
    """Invoice an accepted item and split its revenue among the partners whose assets made it."""
    programme = work.programme()
    activity = work.activities.get(item.activity)
    billing = work.billings.get(item.order)
    task = work.tasks.get(item.task)
    line = billing.quote.line(task.target)
    invoice = invoice_item(
        billing,
        invoice_id=work.next_id("invoice"),
        item=item.id,
        target=task.target,
        quantity=_quantity(work, activity, line.quantity) if line.unit == "km2" else 1,
        at=at,
    )
    usages = (
        Usage(partner=programme.craft(activity.spacecraft).owner, kind="satellite", weight=1),
        Usage(
            partner=programme.station(str(activity.received_by)).owner,
            kind="station",
            weight=max(1, round(activity.bits)),
        ),
    )
    book(
        work,
        invoice_transaction(invoice),
        split_invoice(invoice, usages, programme.partners, programme.price_book, at=at),
    )
    work.billings.put(billing.with_invoice(invoice))
    return invoice


def _quantity(work: UnitOfWork, activity: Activity, whole: Decimal) -> Decimal:
    """km² of the task that this acquisition is the first to bring to an accepted item."""
    task = work.tasks.get(str(activity.task))
    had: set[int] = set()
    for other in work.items.all(task=task.id, state="accepted"):
        if other.activity != activity.id:
            had |= set(work.activities.get(other.activity).cells)
    part = sum(task.cell_weights[cell] for cell in activity.cells if cell not in had)
    return (whole * Decimal(repr(part))).quantize(AREA_STEP_KM2)


def credit_rest(work: UnitOfWork, order: str, at: Epoch, reason: str) -> None:
    """Release what is neither invoiced nor credited of an order; nothing where nothing is open."""
    billing = work.billings.get(order)
    if billing.closed:
        return
    note = credit_open(billing, note_id=work.next_id("credit-note"), reason=reason, at=at)
    book(work, credit_transaction(note))
    work.billings.put(billing.with_credit_note(note))


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementSummary:
    """One settlement run: its statements and where their CSV files are."""

    run: str
    statements: tuple[Statement, ...]
    files: tuple[Path, ...]
    billings: tuple[Billing, ...]


def settle(store: Store, *, now: Epoch, folder: Path | None = None) -> SettlementSummary:
    """Share out the pool, exchange and pay out what partners are owed, and state their accounts.

    With ``folder``, each partner's statement is written there as ``PARTNER.csv``. Settling again when
    nothing has come since books nothing more.
    """
    with store.begin() as work:
        programme = work.programme()
        run = f"settlement-{now.iso(0)}"
        ledger = work.ledger()
        made = settle_partners(ledger, programme.partners, programme.price_book, run=run, at=now)
        book(work, *made)
        ledger = work.ledger()
        statements = tuple(statement(partner, ledger) for partner in programme.partners)
        billings = tuple(work.billings.all())
    files = []
    if folder is not None:
        for each in statements:
            files.append(write_text(folder / f"{each.partner}.csv", statement_csv(each)))
    return SettlementSummary(run=run, statements=statements, files=tuple(files), billings=billings)
