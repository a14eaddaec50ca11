"""The operator's state in a SQL database: SQLite as it comes, PostgreSQL by its URL."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from sqlalchemy import Connection, Engine, Table, insert, select, update
from sqlalchemy.exc import DBAPIError

from comity.commerce import Billing, Ledger, Quote, Transaction
from comity.core import InputError, StateError, UnknownIdError, decode, encode
from comity.fleet import Programme, Request, programme_from_text
from comity.operations.records import (
    Activity,
    ItemRecord,
    OpportunitySet,
    Order,
    PlanRecord,
)
from comity.orbits import MeanElements
from comity.services import OrderTask
from comity.stores import schema
from comity.stores.database import open_engine

R = TypeVar("R")


def _one(kind: str) -> str:
    """A table's name in the singular."""
    return kind[:-3] + "y" if kind.endswith("ies") else kind.removesuffix("s")


class SqlCollection(Generic[R]):
    """Records of one kind in one table."""

    def __init__(
        self,
        connection: Connection,
        table: Table,
        kind: type[R],
        index: Callable[[R], dict[str, str | None]],
        key: str = "id",
    ) -> None:
        self._connection = connection
        self._table = table
        self._kind = kind
        self._index = index
        self._key = key

    def get(self, id: str) -> R:
        """The record with this id; raises :class:`UnknownIdError`."""
        row = self._connection.execute(select(self._table.c.body).where(self._table.c.id == id)).first()
        if row is None:
            ids = select(self._table.c.id).order_by(self._table.c.seq.desc()).limit(8)
            known = tuple(self._connection.scalars(ids))
            raise UnknownIdError(_one(self._table.name), id, known)
        return decode(self._kind, row.body)

    def put(self, record: R) -> None:
        """Add the record, or replace the one of the same id."""
        body = {"body": encode(record), **self._index(record)}
        id = getattr(record, self._key)
        done = self._connection.execute(update(self._table).where(self._table.c.id == id).values(**body))
        if done.rowcount == 0:
            self._connection.execute(insert(self._table).values(id=id, **body))

    def all(self, **equal: str) -> list[R]:
        """Every record whose indexed columns equal the given values, in the order added."""
        query = select(self._table.c.body).order_by(self._table.c.seq)
        for column, value in equal.items():
            query = query.where(self._table.c[column] == value)
        return [decode(self._kind, body) for body in self._connection.scalars(query)]


class SqlUnitOfWork:
    """One database transaction: committed at the end of ``with``, rolled back on an error.

    What the database itself refuses (locked by another process for too long, read-only, disk full) is
    raised as :class:`StateError`.
    """

    requests: SqlCollection[Request]
    opportunities: SqlCollection[OpportunitySet]
    quotes: SqlCollection[Quote]
    orders: SqlCollection[Order]
    tasks: SqlCollection[OrderTask]
    plans: SqlCollection[PlanRecord]
    activities: SqlCollection[Activity]
    items: SqlCollection[ItemRecord]
    billings: SqlCollection[Billing]

    def __init__(self, engine: Engine, cache: dict[str, Programme]) -> None:
        self._engine = engine
        self._cache = cache

    def __enter__(self) -> Self:
        self._context = self._engine.begin()
        try:
            c = self._connection = self._context.__enter__()
        except DBAPIError as refusal:
            raise _refused(refusal) from refusal
        self.requests = SqlCollection(
            c, schema.requests, Request, lambda r: {"customer": r.customer.id, "product": r.product.id}
        )
        self.opportunities = SqlCollection(
            c, schema.opportunities, OpportunitySet, lambda r: {"request": r.request}
        )
        self.quotes = SqlCollection(c, schema.quotes, Quote, lambda r: {"request": r.request})
        self.orders = SqlCollection(
            c,
            schema.orders,
            Order,
            lambda r: {
                "request": r.request,
                "quote": r.quote,
                "customer": r.customer,
                "status": r.status,
            },
        )
        self.tasks = SqlCollection(c, schema.tasks, OrderTask, lambda r: {"order": r.order, "state": r.state})
        self.plans = SqlCollection(c, schema.plans, PlanRecord, lambda r: {})
        self.activities = SqlCollection(
            c,
            schema.activities,
            Activity,
            lambda r: {
                "plan": r.plan,
                "kind": r.kind,
                "state": r.state,
                "order": r.order,
                "task": r.task,
                "spacecraft": r.spacecraft,
            },
        )
        self.items = SqlCollection(
            c,
            schema.items,
            ItemRecord,
            lambda r: {"activity": r.activity, "order": r.order, "task": r.task, "state": r.state},
        )
        self.billings = SqlCollection(c, schema.billings, Billing, lambda r: {}, key="order")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._context.__exit__(kind, error, trace)
        except DBAPIError as refusal:
            raise _refused(refusal) from refusal
        if isinstance(error, DBAPIError):
            raise _refused(error) from error

    def programme(self) -> Programme:
        """The programme this operator runs."""
        table = schema.programmes
        row = self._connection.execute(select(table).order_by(table.c.seq.desc()).limit(1)).first()
        if row is None:
            raise StateError("no programme yet: name one with --programme, e.g. --programme joint-eo")
        key = f"{row.seq}"
        if key not in self._cache:
            elements = [decode(MeanElements, item) for item in row.elements]
            self._cache[key] = programme_from_text(
                row.text, elements={e.norad_id: e for e in elements}, name=row.id, requests=False
            )
        return self._cache[key]

    def set_programme(self, programme: Programme) -> None:
        """Keep the programme's text and elements; the newest counts."""
        elements = [encode(e) for e in programme.elements.values()]
        self._connection.execute(
            insert(schema.programmes).values(id=programme.id, text=programme.text, elements=elements)
        )

    def ledger(self) -> Ledger:
        """All transactions so far."""
        table = schema.transactions
        bodies = self._connection.scalars(select(table.c.body).order_by(table.c.seq))
        return Ledger(decode(Transaction, body) for body in bodies)

    def post(self, ledger: Ledger) -> None:
        """Store the transactions of ``ledger`` that are not stored yet, and their postings."""
        table = schema.transactions
        known = set(self._connection.scalars(select(table.c.id)))
        for transaction in ledger:
            if transaction.id in known:
                continue
            self._connection.execute(
                insert(table).values(
                    id=transaction.id,
                    kind=transaction.kind,
                    reference=transaction.reference,
                    body=encode(transaction),
                )
            )
            rows: list[dict[str, Any]] = [
                {
                    "transaction": transaction.id,
                    "account": posting.account,
                    "amount": str(posting.amount),
                    "currency": posting.currency,
                }
                for posting in transaction.postings
            ]
            self._connection.execute(insert(schema.postings), rows)

    def next_id(self, kind: str) -> str:
        """A fresh identifier such as ``order-0007``."""
        table = schema.counters
        last = self._connection.scalar(select(table.c.last).where(table.c.kind == kind))
        if last is None:
            self._connection.execute(insert(table).values(kind=kind, last=1))
            return f"{kind}-0001"
        self._connection.execute(update(table).where(table.c.kind == kind).values(last=last + 1))
        return f"{kind}-{last + 1:04d}"


def _refused(error: DBAPIError) -> StateError:
    return StateError(f"the database refused: {error.orig}; nothing was changed, try again")


class SqlStore:
    """The operator's state behind the ``Store`` port, in the database at ``place`` (file or URL)."""

    def __init__(self, place: str) -> None:
        if not place:
            raise InputError("no database named: use --db FILE")
        self._engine = open_engine(place)
        self._cache: dict[str, Programme] = {}

    def begin(self) -> SqlUnitOfWork:
        """A new transaction."""
        return SqlUnitOfWork(self._engine, self._cache)

    @property
    def engine(self) -> Engine:
        """The database itself, for what else is kept in it."""
        return self._engine

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()
