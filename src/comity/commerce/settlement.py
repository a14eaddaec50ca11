"""Settlement: revenue split among the partners by what their assets did, exchanged and paid out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from comity.commerce.amounts import apportion, minor_units
from comity.commerce.billing import CreditNote, Invoice
from comity.commerce.exchange import convert
from comity.commerce.ledger import (
    Ledger,
    Transaction,
    account_name,
    credit,
    debit,
    reversal,
)
from comity.core import Epoch, InputError, UnknownIdError
from comity.fleet.assets import Partner
from comity.fleet.products import PriceBook

UsageKind = Literal["satellite", "station"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a partner's assets did for an invoiced item.

    ``weight``: its measure, comparable within ``kind`` only, e.g. acquisitions or imaged km² for
    satellites, received bits for stations.
    """

    partner: str
    kind: UsageKind
    weight: Decimal | int


def split_invoice(
    invoice: Invoice,
    usages: Sequence[Usage],
    partners: Sequence[Partner],
    price_book: PriceBook,
    *,
    at: Epoch,
) -> Transaction:
    """Books an invoice's revenue to the partners, in the invoice's currency.

    ``satellite_part`` goes to satellite owners and ``station_part`` to station owners by their usage,
    the rest to the pool; where no station was used, the station part goes to the pool too. One
    largest-remainder rounding over all of them, so each is within one minor unit of its exact share. The
    pool's part is shared out by :func:`settle`, which rounds it once for many invoices.

    Raises :class:`InputError` when the book's parts do not sum to 1, no satellite was used, or a weight
    is negative; :class:`UnknownIdError` for a partner that the pool has not.
    """
    parts = _revenue_parts(price_book)
    known = tuple(partner.id for partner in partners)
    weights: dict[str, Fraction] = {}
    owners: dict[str, tuple[str, str]] = {}
    pool = parts["pool"]
    for kind in ("satellite", "station"):
        used: dict[str, Fraction] = {}
        for usage in usages:
            if usage.kind != kind:
                continue
            if usage.partner not in known:
                raise UnknownIdError("partner", usage.partner, known)
            if usage.weight < 0:
                raise InputError(f"usage weight {usage.weight} of {usage.partner!r} must be 0 or more")
            used[usage.partner] = used.get(usage.partner, Fraction(0)) + Fraction(usage.weight)
        whole = sum(used.values(), Fraction(0))
        if not whole and kind == "satellite":
            raise InputError(
                f"invoice {invoice.id!r}: no satellite usage, but an accepted item has an acquiring satellite"
            )
        if not whole:
            pool += parts[kind]
            continue
        for partner, weight in used.items():
            key = f"{kind} {partner}"
            weights[key] = parts[kind] * weight / whole
            owners[key] = (kind, partner)
    shares = apportion(invoice.amount, {**weights, "pool": pool})
    postings = [debit(account_name("revenue", invoice.order), invoice.amount, "revenue to split")]
    for key, share in shares.items():
        if key == "pool":
            postings.append(credit(account_name("pool"), share, "pool part"))
        elif minor_units(share):
            kind, partner = owners[key]
            postings.append(credit(account_name("partner", partner), share, f"{kind} part"))
    return Transaction(
        id=f"split:{invoice.id}",
        at=at,
        kind="split",
        reference=invoice.id,
        postings=tuple(postings),
        memo=f"item {invoice.item} of order {invoice.order}",
    )


def reverse_split(split: Transaction, note: CreditNote) -> Transaction:
    """Takes back the split of an invoice that ``note`` takes back, to the cent."""
    if split.kind != "split" or split.reference != note.invoice:
        raise InputError(
            f"transaction {split.id!r} does not split invoice {note.invoice!r} of credit note {note.id!r}"
        )
    return reversal(
        split,
        id=f"split-reversal:{note.id}",
        at=note.at,
        kind="split-reversal",
        memo=f"credit note {note.id}: {note.reason}",
    )


def settle(
    ledger: Ledger, partners: Sequence[Partner], price_book: PriceBook, *, run: str, at: Epoch
) -> tuple[Transaction, ...]:
    """The transactions that settle with the partners at ``at``; the caller books them.

    In this order: each currency on the pool's account is shared out by ``Partner.share``; what a partner is
    owed (or owes, after a credit note) in another currency is exchanged into its own, with the rate on the
    transaction; what is then owed is paid out. A debt, or a balance too small to exchange, is carried to
    the next run. ``run`` names the settlement and begins every transaction's id, with a counter where the
    ledger holds that run already. Everything follows from balances: after booking, the same call gives
    nothing more, and what came in since is settled by itself.

    Raises :class:`InputError` for a missing rate or shares that do not sum to 1, :class:`UnknownIdError`
    when the ledger knows a partner that ``partners`` has not.
    """
    by_id = {partner.id: partner for partner in partners}
    total_share = sum((partner.share for partner in partners), Decimal(0))
    if total_share != 1:
        raise InputError(f"the partners' shares sum to {total_share}, not 1")
    for account in ledger.accounts():
        kind, _, id = account.partition(":")
        if kind == "partner" and id not in by_id:
            raise UnknownIdError("partner", id, tuple(by_id))
    name, count = run, 1
    while any(transaction.id.startswith(f"{name}:") for transaction in ledger):
        count += 1
        name = f"{run}/{count}"
    work = Ledger(ledger)
    made: list[Transaction] = []
    for step in (_distribute_pool, _exchange, _pay_out):
        for transaction in step(work, partners, price_book, name, at):
            work.add(transaction)
            made.append(transaction)
    return tuple(made)


def _distribute_pool(
    ledger: Ledger, partners: Sequence[Partner], price_book: PriceBook, run: str, at: Epoch
) -> list[Transaction]:
    made = []
    for currency, balance in ledger.balances("pool").items():
        if not minor_units(balance):
            continue
        shares = apportion(-balance, {partner.id: partner.share for partner in partners})
        postings = [
            credit(account_name("partner", partner), share, "pool share")
            for partner, share in shares.items()
            if minor_units(share)
        ]
        made.append(
            Transaction(
                id=f"{run}:pool:{currency}",
                at=at,
                kind="pool",
                reference=run,
                postings=(debit("pool", -balance, "pool shared out"), *postings),
                memo=f"pool of {-balance} by the partners' shares",
            )
        )
    return made


def _exchange(
    ledger: Ledger, partners: Sequence[Partner], price_book: PriceBook, run: str, at: Epoch
) -> list[Transaction]:
    made = []
    for partner in partners:
        account = account_name("partner", partner.id)
        for currency, balance in ledger.balances(account).items():
            if currency == partner.currency or not minor_units(balance):
                continue
            conversion = convert(-balance, partner.currency, price_book.rates, via=price_book.currency, at=at)
            if not minor_units(conversion.result):
                continue  # too small for a cent of the partner's currency: carried forward
            made.append(
                Transaction(
                    id=f"{run}:exchange:{partner.id}:{currency}",
                    at=at,
                    kind="exchange",
                    reference=run,
                    postings=(
                        debit(account, conversion.source, "exchanged"),
                        credit("fx", conversion.source),
                        debit("fx", conversion.result),
                        credit(account, conversion.result, "exchanged"),
                    ),
                    memo=f"{conversion.source} = {conversion.result} at {conversion.rate_text} "
                    f"of {conversion.date_text} ({conversion.source_text})",
                    conversion=conversion,
                )
            )
    return made


def _pay_out(
    ledger: Ledger, partners: Sequence[Partner], price_book: PriceBook, run: str, at: Epoch
) -> list[Transaction]:
    made = []
    for partner in partners:
        account = account_name("partner", partner.id)
        owed = -ledger.balance(account, partner.currency)
        if minor_units(owed) <= 0:
            continue
        made.append(
            Transaction(
                id=f"{run}:pay-out:{partner.id}",
                at=at,
                kind="pay-out",
                reference=run,
                postings=(debit(account, owed, "paid out"), credit("bank", owed)),
                memo=f"to {partner.name}",
            )
        )
    return made


def _revenue_parts(price_book: PriceBook) -> dict[str, Fraction]:
    parts = {
        "satellite": price_book.satellite_part,
        "station": price_book.station_part,
        "pool": price_book.pool_part,
    }
    for name, part in parts.items():
        if part < 0:
            raise InputError(f"price book: {name}_part {part} must be 0 or more")
    if sum(parts.values()) != 1:
        shown = " + ".join(f"{name}_part {part}" for name, part in parts.items())
        raise InputError(f"price book: {shown} = {sum(parts.values())}, must sum to 1")
    return {name: Fraction(part) for name, part in parts.items()}
