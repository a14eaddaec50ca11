"""The tables of the operator's database: one per kind of record, with the columns it is looked up by.

Each record is kept whole as JSON in ``body`` (:mod:`comity.core.codec`); the other columns repeat the
fields that queries need. ``seq`` keeps the order in which records were added.
"""

from __future__ import annotations

import json
import zlib
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator


class CompressedJson(TypeDecorator[Any]):
    """JSON data, deflated: opportunity sets and plans are large and repetitive."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> bytes:
        """JSON → bytes."""
        return zlib.compress(json.dumps(value, separators=(",", ":")).encode(), 1)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> Any:
        """Bytes → JSON."""
        return None if value is None else json.loads(zlib.decompress(value))


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _records(name: str, *columns: str) -> Table:
    return Table(
        name,
        metadata,
        Column("seq", Integer, primary_key=True, autoincrement=True),
        Column("id", String(200), nullable=False, unique=True),
        *(Column(column, String(200), nullable=True, index=True) for column in columns),
        Column("body", CompressedJson, nullable=False),
    )


requests = _records("requests", "customer", "product")
opportunities = _records("opportunities", "request")
quotes = _records("quotes", "request")
orders = _records("orders", "request", "quote", "customer", "status")
tasks = _records("tasks", "order", "state")
plans = _records("plans")
activities = _records("activities", "plan", "kind", "state", "order", "task", "spacecraft")
items = _records("items", "activity", "order", "task", "state")
billings = _records("billings")
asked = _records("asked", "customer")
searches = _records("searches", "customer", "product", "status")
saved_searches = _records("saved_searches", "tenant", "state")
matches = _records("matches", "search")
withheld = _records("withheld", "partner")
verdicts = _records("verdicts", "plan")

programmes = Table(
    "programmes",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("id", String(200), nullable=False),
    Column("text", Text, nullable=False),
    Column("elements", CompressedJson, nullable=False),
)

transactions = Table(
    "transactions",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("id", String(200), nullable=False, unique=True),
    Column("kind", String(40), nullable=False, index=True),
    Column("reference", String(200), nullable=False, index=True),
    Column("body", CompressedJson, nullable=False),
)

#: Every posting also as a row, so that an accountant can sum accounts in SQL. Amounts are exact text.
postings = Table(
    "postings",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("transaction", String(200), ForeignKey("transactions.id"), nullable=False, index=True),
    Column("account", String(200), nullable=False, index=True),
    Column("amount", String(60), nullable=False),
    Column("currency", String(3), nullable=False),
)

#: At most one row: at the machine's time ``machine_ns`` it was ``programme_ns`` for the programme (TAI).
programme_clock = Table(
    "programme_clock",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("programme", String(200), nullable=False),
    Column("machine_ns", BigInteger, nullable=False),
    Column("programme_ns", BigInteger, nullable=False),
    Column("speed", Float, nullable=False),
    Column("seen_ns", BigInteger, nullable=False),
)

counters = Table(
    "counters",
    metadata,
    Column("kind", String(40), primary_key=True),
    Column("last", Integer, nullable=False),
)

credentials = Table(
    "credentials",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("id", String(200), nullable=False, unique=True),
    Column("tenant", String(200), nullable=False, index=True),
    Column("body", CompressedJson, nullable=False),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("body", CompressedJson, nullable=False),
)

#: Append-only: triggers refuse UPDATE and DELETE. ``chain`` ties each row to the one before.
audit = Table(
    "audit",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", String(40), nullable=False),
    Column("request", String(40), nullable=False),
    Column("tenant", String(200), nullable=False, index=True),
    Column("role", String(20), nullable=False),
    Column("name", String(200), nullable=False),
    Column("action", String(200), nullable=False),
    Column("subject", Text, nullable=False),
    Column("outcome", Integer, nullable=True),
    Column("digest", String(64), nullable=False),
    Column("chain", String(64), nullable=False),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("tenant", String(200), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("held_until", Float, nullable=False),
    Column("kept_until", Float, nullable=False, index=True),
    Column("status", Integer, nullable=True),
    Column("media_type", String(200), nullable=True),
    Column("headers", CompressedJson, nullable=True),
    Column("body", LargeBinary, nullable=True),
)
