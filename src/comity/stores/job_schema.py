"""The tables of jobs and of what they tell customers: the queue, schedules, events, webhooks, buckets."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from comity.stores.schema import CompressedJson, metadata

#: Times are nanoseconds TAI; payload, result and notes JSON text.
jobs = Table(
    "jobs",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("id", String(200), nullable=False, unique=True),
    Column("kind", String(40), nullable=False),
    Column("tenant", String(200), nullable=False),
    Column("key", String(200), nullable=False),
    Column("state", String(20), nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("most_runs", Integer, nullable=False),
    Column("runs", Integer, nullable=False),
    Column("worker", String(200), nullable=False),
    Column("lease_until", BigInteger, nullable=True),
    Column("cancel_asked", Boolean, nullable=False),
    Column("done", Float, nullable=False),
    Column("total", Float, nullable=False),
    Column("message", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("ended", BigInteger, nullable=True),
    Column("revision", Integer, nullable=False),
    Column("payload", Text, nullable=False),
    Column("result", Text, nullable=True),
    Column("notes", Text, nullable=False),
    UniqueConstraint("kind", "tenant", "key", name="uq_jobs_key"),
    Index("ix_jobs_state", "state", "due", "seq"),
    Index("ix_jobs_tenant", "tenant", "seq"),
)

#: Times are nanoseconds TAI; payload and seen JSON text.
schedules = Table(
    "schedules",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("state", String(20), nullable=False),
    Column("every_s", Float, nullable=False),
    Column("settle_s", Float, nullable=False),
    Column("payload", Text, nullable=False),
    Column("seen", Text, nullable=False),
    Column("noticed", BigInteger, nullable=True),
    Column("asked", Boolean, nullable=False),
    Column("begun", BigInteger, nullable=True),
    Column("runs", Integer, nullable=False),
    Column("job", String(200), nullable=True),
    Column("holder", String(200), nullable=False),
    Column("held_until", BigInteger, nullable=True),
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


events = _records("events", "tenant", "subject")
webhooks = _records("webhooks", "tenant", "state")
buckets = _records("buckets", "tenant", "state")
