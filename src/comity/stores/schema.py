"""The tables of the operator's database: one per kind of record, with the columns it is looked up by.

Each record is kept whole as JSON in ``body`` (:mod:`comity.core.codec`); the other columns repeat the
fields that queries need. ``seq`` keeps the order in which records were added.
"""

from __future__ import annotations

import json
import zlib
from typing import Any

from sqlalchemy import Column, ForeignKey, Integer, LargeBinary, MetaData, String, Table, Text
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

counters = Table(
    "counters",
    metadata,
    Column("kind", String(40), primary_key=True),
    Column("last", Integer, nullable=False),
)
