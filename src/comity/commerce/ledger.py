"""A double-entry ledger in memory: append-only transactions whose postings sum to zero per currency.

A positive amount is a debit, a negative one a credit. Accounts are named ``KIND`` or ``KIND:ID``:

- ``customer:ID``: what a customer owes for invoices (debit);
- ``revenue:ORDER``: accepted work of an order not yet split among the partners (credit);
- ``partner:ID``: what the operator owes a partner (credit);
- ``pool``: the part of revenue that all partners share, until it is distributed (credit);
- ``fx``: the operator's position in each currency from exchanges;
- ``bank``: receipts from customers less pay-outs to partners;
- ``reserved:CUSTOMER`` and ``commitment:ORDER``: memorandum accounts for ordered but not yet accepted work.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from comity.commerce.amounts import minor_units
from comity.commerce.exchange import Conversion
from comity.core import Epoch, InputError, Money, StateError, UnknownIdError

#: Account kinds that stand alone, and those that need an id.
SINGLE_ACCOUNTS = ("pool", "fx", "bank")
NAMED_ACCOUNTS = ("customer", "partner", "revenue", "reserved", "commitment")


def account_name(kind: str, id: str | None = None) -> str:
    """``KIND`` or ``KIND:ID``, checked against the naming scheme above."""
    return check_account(kind if id is None else f"{kind}:{id}")


def check_account(name: str) -> str:
    """Return ``name`` if the naming scheme allows it, else raise :class:`InputError`."""
    kind, colon, id = name.partition(":")
    if not colon and kind in SINGLE_ACCOUNTS:
        return name
    if kind in NAMED_ACCOUNTS and id and id == id.strip() and ":" not in id and id.isprintable():
        return name
    raise InputError(
        f"account {name!r} is not one of {', '.join(SINGLE_ACCOUNTS)} or "
        f"{', '.join(kind + ':ID' for kind in NAMED_ACCOUNTS)} (an ID has no colon)"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """``amount`` (debit positive, whole minor units) of ``currency`` on ``account``; ``memo``: what for."""

    account: str
    amount: Decimal
    currency: str
    memo: str = ""

    def __post_init__(self) -> None:
        check_account(self.account)
        minor_units(self.money)

    @property
    def money(self) -> Money:
        """Amount with its currency."""
        return Money(self.amount, self.currency)


def debit(account: str, money: Money, memo: str = "") -> Posting:
    """A posting that adds ``money`` to an account."""
    return Posting(account=account, amount=money.amount, currency=money.currency, memo=memo)


def credit(account: str, money: Money, memo: str = "") -> Posting:
    """A posting that takes ``money`` from an account."""
    return debit(account, -money, memo)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """Postings that belong together; cannot be built unless they sum to zero in every currency.

    ``kind``: e.g. ``"invoice"``; ``reference``: the document or order it comes from; ``conversion``:
    the exchange it books, with rate, date and source.
    """

    id: str
    at: Epoch
    kind: str
    reference: str
    postings: tuple[Posting, ...]
    memo: str
    conversion: Conversion | None = None

    def __post_init__(self) -> None:
        if not self.id.strip():
            raise InputError("a transaction needs an id")
        if len(self.postings) < 2:
            raise InputError(
                f"transaction {self.id!r} has {len(self.postings)} posting(s): double entry needs two or more"
            )
        for currency, total in _sums(self.postings).items():
            if total:
                raise InputError(
                    f"transaction {self.id!r}: postings in {currency} sum to {total}, not 0: balance them"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialLine:
    """All debits and all credits (both ≥ 0) of one account in one currency."""

    account: str
    currency: str
    debit: Decimal
    credit: Decimal

    @property
    def balance(self) -> Decimal:
        """Debits less credits."""
        return self.debit - self.credit


class Ledger:
    """Transactions in the order they were booked. Nothing is ever changed or taken out."""

    def __init__(self, transactions: Iterable[Transaction] = ()) -> None:
        self._by_id: dict[str, Transaction] = {}
        self._balances: dict[tuple[str, str], Decimal] = {}
        self.extend(transactions)

    def add(self, transaction: Transaction) -> bool:
        """Book ``transaction``; False if this very one is already booked, so that a retry is harmless.

        Raises :class:`StateError` when another one has its id.
        """
        booked = self._by_id.get(transaction.id)
        if booked is not None:
            if booked != transaction:
                raise StateError(
                    f"transaction {transaction.id!r} is already booked with other content: "
                    "a ledger is never changed, book a reversal instead"
                )
            return False
        self._by_id[transaction.id] = transaction
        for posting in transaction.postings:
            key = (posting.account, posting.currency)
            self._balances[key] = self._balances.get(key, Decimal(0)) + posting.amount
        return True

    def extend(self, transactions: Iterable[Transaction]) -> int:
        """Book several; how many were new."""
        return sum(self.add(transaction) for transaction in transactions)

    def __iter__(self) -> Iterator[Transaction]:
        return iter(tuple(self._by_id.values()))

    def __len__(self) -> int:
        return len(self._by_id)

    def __contains__(self, id: object) -> bool:
        return id in self._by_id

    def transaction(self, id: str) -> Transaction:
        """The transaction with this id; unknown ids raise :class:`UnknownIdError`."""
        try:
            return self._by_id[id]
        except KeyError:
            raise UnknownIdError("transaction", id, tuple(self._by_id)) from None

    def balance(self, account: str, currency: str) -> Money:
        """Debits less credits of an account in a currency; zero where nothing was posted."""
        check_account(account)
        return Money(self._balances.get((account, currency), Decimal(0)), currency)

    def balances(self, account: str) -> dict[str, Money]:
        """Every currency posted to an account → balance, by currency code."""
        check_account(account)
        found = sorted(key for key in self._balances if key[0] == account)
        return {currency: self.balance(account, currency) for _, currency in found}

    def accounts(self) -> tuple[str, ...]:
        """Every account with a posting, sorted."""
        return tuple(sorted({account for account, _ in self._balances}))

    def trial_balance(self) -> tuple[TrialLine, ...]:
        """Debits and credits of every account and currency; in each currency both sum to the same."""
        debits: dict[tuple[str, str], Decimal] = {}
        credits: dict[tuple[str, str], Decimal] = {}
        for transaction in self._by_id.values():
            for posting in transaction.postings:
                side = debits if posting.amount >= 0 else credits
                key = (posting.account, posting.currency)
                side[key] = side.get(key, Decimal(0)) + abs(posting.amount)
        return tuple(
            TrialLine(
                account=account,
                currency=currency,
                debit=debits.get((account, currency), Decimal(0)),
                credit=credits.get((account, currency), Decimal(0)),
            )
            for account, currency in sorted(self._balances)
        )


def reversal(transaction: Transaction, *, id: str, at: Epoch, kind: str, memo: str) -> Transaction:
    """The opposite of a booked transaction, to the cent, referring to it."""
    postings = tuple(
        Posting(account=p.account, amount=-p.amount, currency=p.currency, memo=p.memo)
        for p in transaction.postings
    )
    return Transaction(id=id, at=at, kind=kind, reference=transaction.id, postings=postings, memo=memo)


def _sums(postings: Iterable[Posting]) -> dict[str, Decimal]:
    sums: dict[str, Fraction] = {}
    for posting in postings:
        sums[posting.currency] = sums.get(posting.currency, Fraction(0)) + Fraction(posting.amount)
    return {currency: Decimal(total.numerator) / total.denominator for currency, total in sums.items()}
