"""A database that goes away is told as such by everything that uses it, and used again when it is back."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from comity.core import ComityError, Epoch
from comity.operations import StoreError
from comity.stores import SqlStore
from comity.stores.database import transaction
from comity.stores.identity import SqlAuditLog, SqlCredentials, SqlIdempotency

NOW = Epoch.from_iso("2026-06-01T00:00:00Z")


@pytest.fixture
def store(database_url: str) -> Iterator[SqlStore]:
    opened = SqlStore(database_url)
    yield opened
    opened.close()


def use(store: SqlStore) -> None:
    """Every way in, each a transaction of its own."""
    with store.begin() as work:
        work.next_id("order")
    with store.read() as work:
        work.orders.all()
    with store.begin_jobs() as jobs:
        jobs.add("work", {}, now=NOW)
    store.last_event()
    SqlCredentials(store.engine).find("nobody")
    SqlAuditLog(store.engine).append(
        at=NOW, request="r", tenant="t", role="operator", name="n", action="POST", subject="/", outcome=None,
        digest="",
    )  # fmt: skip
    SqlIdempotency(store.engine).release("t", "k")


def test_connections_that_were_cut_are_made_anew(store: SqlStore) -> None:
    if store.engine.dialect.name != "postgresql":
        pytest.skip("SQLite has no connections to cut")
    use(store)
    admin = sa.create_engine(store.engine.url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    cut = sa.text("SELECT pg_terminate_backend(:pid)")
    with admin.connect() as connection:
        with pytest.raises(StoreError, match="try again"), transaction(store.engine) as mine:
            pid = mine.scalar(sa.text("SELECT pg_backend_pid()"))
            connection.execute(cut, {"pid": pid})
            mine.scalar(sa.text("SELECT 1"))
        with transaction(store.engine) as mine:
            pid = mine.scalar(sa.text("SELECT pg_backend_pid()"))
        connection.execute(cut, {"pid": pid})
    admin.dispose()
    use(store)


def test_each_way_in_tells_that_the_database_is_away(store: SqlStore) -> None:
    away = [True]

    @sa.event.listens_for(store.engine, "begin")
    def refuse(connection: sa.Connection) -> None:
        if away[0]:
            raise sa.exc.OperationalError("BEGIN", {}, Exception("connection refused"))

    for way in (
        lambda: store.begin().__enter__(),
        lambda: store.read().__enter__(),
        lambda: store.begin_jobs().__enter__(),
        store.last_event,
        lambda: SqlCredentials(store.engine).find("nobody"),
        lambda: SqlAuditLog(store.engine).broken(),
        lambda: SqlIdempotency(store.engine).release("t", "k"),
        lambda: store.archive.extents(owner=None),
    ):
        with pytest.raises(StoreError, match="connection refused"):
            way()
    away[0] = False
    use(store)


def test_a_transaction_within_another_is_an_error_not_a_wait(store: SqlStore) -> None:
    with store.begin() as work, store.read() as seen:  # what only reads waits for nobody
        work.next_id("order")
        assert seen.orders.all() == []
    with pytest.raises(ComityError, match="within another"), store.begin(), store.begin() as inner:
        inner.next_id("order")
    with store.begin() as work:
        assert work.next_id("order") == "order-0002"


def test_a_reader_sees_one_moment(database_url: str, store: SqlStore) -> None:
    if store.engine.dialect.name == "sqlite":
        with sqlite3.connect(Path(str(store.engine.url.database))) as raw:
            raw.execute("PRAGMA journal_mode = WAL")
    other = SqlStore(database_url)
    with store.read() as seen:
        assert seen.orders.all() == []
        with other.begin_jobs() as jobs:
            jobs.add("work", {}, now=NOW)
        assert seen.jobs.list() == []
    with store.read() as seen:
        assert len(seen.jobs.list()) == 1
    other.close()
