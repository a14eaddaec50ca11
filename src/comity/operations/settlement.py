"""The money of the road: reservations, invoices on acceptance, credit notes, shares, statements."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
    priced_km2,
    split_invoice,
    statement,
    statement_csv,
)
from comity.commerce import settle as settle_partners
from comity.core import Epoch, write_text
from comity.operations.ports import Store, UnitOfWork
from comity.operations.records import ItemRecord


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
    invoice = invoice_item(
        billing,
        invoice_id=work.next_id("invoice"),
        item=item.id,
        target=task.target,
        quantity=_quantity(work, item, billing),
        at=at,
    )
    usages = [Usage(partner=programme.craft(activity.spacecraft).owner, kind="satellite", weight=1)]
    if activity.received_by is not None:
        station = programme.station(activity.received_by)
        usages.append(Usage(partner=station.owner, kind="station", weight=max(1, round(activity.bits))))
    booked = [
        invoice_transaction(invoice),
        split_invoice(invoice, usages, programme.partners, programme.price_book, at=at),
    ]
    if activity.simulated:
        booked = [replace(each, memo=f"{each.memo} (simulated execution)") for each in booked]
    book(work, *booked)
    work.billings.put(billing.with_invoice(invoice))
    return invoice


def _quantity(work: UnitOfWork, item: ItemRecord, billing: Billing) -> Decimal:
    """What an item delivers of its line's unit: the km² that no accepted item had brought, or 1.

    A scene or pass that takes several strips counts once, with the first of them.
    """
    task = work.tasks.get(item.task)
    line = billing.quote.line(task.target)
    if work.requests.get(billing.quote.request).acquisition is not None:
        return line.quantity  # out of the archive, whole
    if line.unit != "km2":
        others = [i for i in work.items.all(task=task.id, state="accepted") if i.id != item.id]
        return Decimal(0 if others else 1)
    activity = work.activities.get(item.activity)
    had: set[int] = set()
    for other in work.items.all(task=task.id, state="accepted"):
        if other.activity != activity.id:
            had |= set(work.activities.get(other.activity).cells)
    part = sum(task.cell_weights[cell] for cell in activity.cells if cell not in had)
    # Cells are parts of the target; the line may charge less of it, where there were no more windows.
    request = work.requests.get(billing.quote.request)
    target = next(target for target in request.targets if target.id == task.target)
    return (priced_km2(target.geometry) * Decimal(repr(float(part)))).quantize(AREA_STEP_KM2)


def credit_rest(work: UnitOfWork, order: str, at: Epoch, reason: str) -> None:
    """Release what is neither invoiced nor credited of an order, nor offered and awaiting a word."""
    billing = work.billings.get(order)
    rest = {line.target: billing.open_part(line.target).quantity for line in billing.quote.lines}
    for item in work.items.all(order=order, state="offered"):
        target = work.tasks.get(item.task).target
        rest[target] = max(Decimal(0), rest[target] - _quantity(work, item, billing))
    rest = {target: quantity for target, quantity in rest.items() if quantity}
    if not rest:
        return
    note = credit_open(billing, note_id=work.next_id("credit-note"), reason=reason, at=at, quantities=rest)
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

    The run is named by its time, with a counter from the second of the same second on.

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
    files: list[Path] = []
    if folder is not None:
        files = [write_text(folder / f"{each.partner}.csv", statement_csv(each)) for each in statements]
    name = made[0].reference if made else run
    return SettlementSummary(run=name, statements=statements, files=tuple(files), billings=billings)
