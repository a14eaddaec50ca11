"""The operator's state in a SQL database: SQLite as it comes, PostgreSQL by its URL."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from sqlalchemy import ColumnElement, Connection, Engine, Table, delete, insert, select, update

from comity.commerce import Billing, Ledger, Quote, Transaction
from comity.core import InputError, StateError, UnknownIdError, decode, encode
from comity.fleet import Programme, Request, programme_from_text
from comity.operations.asked import Asked, OpportunitySearch
from comity.operations.buckets import Bucket
from comity.operations.events import item_event, match_event, order_events
from comity.operations.oversight import Verdict, Withheld
from comity.operations.partner_events import PartnerNews
from comity.operations.records import (
    Activity,
    ItemRecord,
    OpportunitySet,
    Order,
    PlanRecord,
)
from comity.operations.saved_searches import SavedSearch, SearchMatch
from comity.operations.webhooks import Webhook
from comity.orbits import MeanElements
from comity.services import OrderTask
from comity.stores import job_schema, schema
from comity.stores.archive import SqlArchive
from comity.stores.archive_index import SqlArchiveIndex
from comity.stores.archive_postgis import use_postgis
from comity.stores.database import locking_rows, open_engine, reading, transaction
from comity.stores.jobs import SqlEvents, SqlJobs, SqlJobTransaction

R = TypeVar("R")


def _one(kind: str) -> str:
    """A table's name in the singular."""
    if kind.endswith("ies"):
        return kind[:-3] + "y"
    return kind[:-2] if kind.endswith("ches") else kind.removesuffix("s")


class SqlCollection(Generic[R]):
    """Records of one kind in one table."""

    def __init__(
        self,
        connection: Connection,
        table: Table,
        kind: type[R],
        index: Callable[[R], dict[str, str | None]],
        key: str = "id",
        told: Callable[[R], None] | None = None,
        through: Mapping[str, tuple[str, Table]] | None = None,
    ) -> None:
        self._told = told
        #: A column that another table has → our column that names its record, and that table.
        self._through = through or {}
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
        if self._told is not None:
            self._told(record)

    def all(self, **equal: str) -> list[R]:
        """Every record whose indexed columns equal the given values, in the order added."""
        query = select(self._table.c.body).order_by(self._table.c.seq).where(*self._equal(equal))
        return [decode(self._kind, body) for body in self._connection.scalars(query)]

    def page(
        self, limit: int, *, before: str | None = None, after: str | None = None, **equal: str
    ) -> list[R]:
        """At most ``limit`` of them, newest first, added before the record ``before``.

        With ``after`` those that were added next after that record.
        """
        seq, table = self._table.c.seq, self._table
        query = select(table.c.body).where(*self._equal(equal)).limit(limit)
        query = query.order_by(seq.desc() if after is None else seq)
        for named, side in ((before, -1), (after, 1)):
            if named is not None:
                here = self._connection.scalar(select(seq).where(table.c.id == named))
                if here is None:
                    raise UnknownIdError(_one(table.name), named)
                query = query.where(seq < here if side < 0 else seq > here)
        found = [decode(self._kind, body) for body in self._connection.scalars(query)]
        return found if after is None else found[::-1]

    def _equal(self, equal: Mapping[str, str]) -> Iterator[ColumnElement[bool]]:
        for column, value in equal.items():
            if column in self._through:
                own, table = self._through[column]
                yield self._table.c[own].in_(select(table.c.id).where(table.c[column] == value))
            else:
                yield self._table.c[column] == value


class SqlUnitOfWork:
    """One database transaction: committed at the end of ``with``, rolled back on an error.

    What the database itself refuses (locked by another process for too long, read-only, disk full) is
    raised as :class:`comity.operations.StoreError`.
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
    withheld: SqlCollection[Withheld]
    verdicts: SqlCollection[Verdict]
    archive: SqlArchiveIndex
    asked: SqlCollection[Asked]
    searches: SqlCollection[OpportunitySearch]
    saved_searches: SqlCollection[SavedSearch]
    matches: SqlCollection[SearchMatch]
    webhooks: SqlCollection[Webhook]
    buckets: SqlCollection[Bucket]
    jobs: SqlJobs
    events: SqlEvents

    def __init__(self, engine: Engine, cache: dict[str, Programme]) -> None:
        self._engine = engine
        self._cache = cache

    def __enter__(self) -> Self:
        self._context = transaction(self._engine)
        c = self._connection = self._context.__enter__()
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
            told=self._tell_order,
            through={"product": ("request", schema.requests)},
        )
        self.tasks = SqlCollection(c, schema.tasks, OrderTask, lambda r: {"order": r.order, "state": r.state})
        self._news = PartnerNews()
        self.plans = SqlCollection(c, schema.plans, PlanRecord, lambda r: {}, told=self._news.plans.append)
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
            told=self._news.activity,
        )
        self.items = SqlCollection(
            c,
            schema.items,
            ItemRecord,
            lambda r: {"activity": r.activity, "order": r.order, "task": r.task, "state": r.state},
            told=self._tell_item,
        )
        self.archive = SqlArchiveIndex(c)
        self.withheld = SqlCollection(
            c,
            schema.withheld,
            Withheld,
            lambda r: {"partner": r.partner},
            told=self._news.withheld.append,
        )
        self.verdicts = SqlCollection(
            c, schema.verdicts, Verdict, lambda r: {"plan": r.plan}, told=self._news.verdicts.append
        )
        self.billings = SqlCollection(c, schema.billings, Billing, lambda r: {}, key="order")
        self.asked = SqlCollection(c, schema.asked, Asked, lambda r: {"customer": r.customer}, key="request")
        self.searches = SqlCollection(
            c,
            schema.searches,
            OpportunitySearch,
            lambda r: {"customer": r.customer, "product": r.product, "status": r.status},
        )
        self.saved_searches = SqlCollection(
            c, schema.saved_searches, SavedSearch, lambda r: {"tenant": r.tenant, "state": r.state}
        )
        self.matches = SqlCollection(
            c, schema.matches, SearchMatch, lambda r: {"search": r.search}, told=self._tell_match
        )
        self.webhooks = SqlCollection(
            c, job_schema.webhooks, Webhook, lambda r: {"tenant": r.tenant, "state": r.state}
        )
        self.buckets = SqlCollection(
            c, job_schema.buckets, Bucket, lambda r: {"tenant": r.tenant, "state": r.state}
        )
        self.jobs = SqlJobs(c)
        self.events = SqlEvents(c)
        return self

    def _tell_order(self, order: Order) -> None:
        """Keep the events of the statuses that are new in its history."""
        self._news.at = order.statuses[-1].at
        self.events.add(order_events(order, self.events.count(order.id)))

    def _tell_match(self, match: SearchMatch) -> None:
        """Keep the event of an item that a saved search found."""
        self.events.add([match_event(match)])

    def _tell_item(self, item: ItemRecord) -> None:
        """Keep the event of an item that is offered."""
        if item.state == "offered" and not self.events.count(item.id):
            orders = schema.orders
            customer = self._connection.scalar(select(orders.c.customer).where(orders.c.id == item.order))
            self.events.add([item_event(item, customer or "")])

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            try:
                self._tell_partners()
            except BaseException as refusal:
                self._context.__exit__(type(refusal), refusal, refusal.__traceback__)
                raise
        self._context.__exit__(kind, error, trace)

    def _tell_partners(self) -> None:
        """Keep the events of what this transaction has put of partners' assets and accounts."""
        if self._news:
            plans = {verdict.plan for verdict in self._news.verdicts}
            approved = [a for plan in plans for a in self.activities.all(plan=plan, state="planned")]
            self.events.add(self._news.events(self.programme(), approved))

    def programme(self) -> Programme:
        """The programme this operator runs."""
        table = schema.programmes
        row = self._connection.execute(select(table).order_by(table.c.seq.desc()).limit(1)).first()
        if row is None:
            raise StateError("no programme yet: name one by --programme or 'comity programme use FILE'")
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
        for entry in ledger:
            known = self._connection.scalar(select(table.c.body).where(table.c.id == entry.id))
            if known is not None:
                Ledger([decode(Transaction, known), entry])  # refuses another one of its id
                continue
            self._connection.execute(
                insert(table).values(
                    id=entry.id,
                    kind=entry.kind,
                    reference=entry.reference,
                    body=encode(entry),
                )
            )
            rows: list[dict[str, Any]] = [
                {
                    "transaction": entry.id,
                    "account": posting.account,
                    "amount": str(posting.amount),
                    "currency": posting.currency,
                }
                for posting in entry.postings
            ]
            self._connection.execute(insert(schema.postings), rows)
            self._news.transactions.append(entry)

    def next_id(self, kind: str) -> str:
        """A fresh identifier such as ``order-0007``."""
        table = schema.counters
        last = self._connection.scalar(select(table.c.last).where(table.c.kind == kind))
        if last is None:
            self._connection.execute(insert(table).values(kind=kind, last=1))
            return f"{kind}-0001"
        self._connection.execute(update(table).where(table.c.kind == kind).values(last=last + 1))
        return f"{kind}-{last + 1:04d}"


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

    def read(self) -> SqlUnitOfWork:
        """One moment of the state, to be read only: it waits for no other transaction."""
        return SqlUnitOfWork(reading(self._engine), self._cache)

    @property
    def archive(self) -> SqlArchive:
        """Searching what was delivered."""
        return SqlArchive(self._engine)

    def use_postgis(self) -> bool:
        """Keep the archive's geometries with PostGIS where the database has it or lets it be made; whether
        it does from now on."""
        with transaction(self._engine) as connection:
            return use_postgis(connection, create=True)

    def begin_jobs(self) -> SqlJobTransaction:
        """A new transaction on the queue alone."""
        return SqlJobTransaction(locking_rows(self._engine))

    def prune_matches(self, most: int) -> int:
        """Forget all but the newest ``most`` matches of each saved search; how many."""
        table = schema.matches
        gone = 0
        with transaction(self._engine) as connection:
            for search in list(connection.scalars(select(table.c.search).distinct())):
                own = table.c.search == search
                newest = select(table.c.seq).where(own).order_by(table.c.seq.desc())
                last = connection.scalar(newest.offset(most).limit(1))
                if last is not None:
                    gone += connection.execute(delete(table).where(own, table.c.seq <= last)).rowcount
        return gone

    def read_jobs(self) -> SqlJobTransaction:
        """One moment of the queue, to be read only: it waits for no other transaction."""
        return SqlJobTransaction(reading(self._engine))

    def last_event(self) -> int:
        """Number of the newest event, without waiting for any transaction."""
        with transaction(reading(self._engine)) as connection:
            return SqlEvents(connection).last()

    @property
    def engine(self) -> Engine:
        """The database itself, for what else is kept in it."""
        return self._engine

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()
