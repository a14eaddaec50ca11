"""The database: whole transactions, records that come back equal, migrations that match the schema."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from comity.commerce import Ledger, Transaction, credit, debit
from comity.core import InputError, Interval, Money, StateError, UnknownIdError
from comity.fleet import load_programme, point_target
from comity.operations import (
    MemoryStore,
    StoreError,
    add_request,
    execute,
    make_plan,
    make_quote,
    place_order,
    read_account,
    settle,
)
from comity.operations.memory_jobs import MemoryJobStore
from comity.operations.oversight import Verdict, withhold
from comity.operations.saved_searches import SearchMatch
from comity.planning import GreedySolver
from comity.stores import SqlStore
from comity.stores.database import open_engine
from comity.stores.schema import metadata

PROGRAMME = load_programme("joint-eo")
NOW = PROGRAMME.epoch
assert NOW is not None


def walk_to_execution(store) -> None:
    with store.begin() as work:
        work.set_programme(PROGRAMME)
    add_request(
        store,
        customer="capitals-exhibition",
        product="hr-scene",
        targets=[point_target(31.24, 30.04, "Cairo")],
        interval=Interval(NOW, NOW + 2 * 86_400),
        now=NOW,
    )
    make_quote(store, "request-0001", now=NOW)
    place_order(store, "quote-0001", now=NOW)
    make_plan(store, now=NOW, solver=GreedySolver())
    execute(store, now=NOW, seed=5)


def test_the_database_tells_the_same_as_memory(database_url: str) -> None:
    memory, sql = MemoryStore(), SqlStore(database_url)
    walk_to_execution(memory)
    walk_to_execution(sql)
    sql.close()
    reopened = SqlStore(database_url)
    stored, kept = read_account(reopened, NOW), read_account(memory, NOW)
    reopened.close()
    assert stored.activities == kept.activities != ()
    for part in ("requests", "opportunities", "quotes", "orders", "tasks", "plans", "items"):
        assert getattr(stored, part) == getattr(kept, part)
    assert list(stored.ledger) == list(kept.ledger)
    assert stored.programme.partners == kept.programme.partners
    assert stored.programme.elements == kept.programme.elements


def test_an_error_inside_a_transaction_leaves_nothing(database_url: str) -> None:
    store = SqlStore(database_url)
    with pytest.raises(RuntimeError), store.begin() as work:
        work.set_programme(PROGRAMME)
        assert work.next_id("order") == "order-0001"
        raise RuntimeError
    with store.begin() as work:
        assert work.next_id("order") == "order-0001"
        with pytest.raises(StateError, match="--programme"):
            work.programme()
        with pytest.raises(UnknownIdError, match="order-0009"):
            work.orders.get("order-0009")
    store.close()


def test_migrations_make_the_schema_the_code_uses(database_url: str) -> None:
    engine = open_engine(database_url)
    with engine.connect() as connection:
        # each database's own index of places is the migration's alone
        context = MigrationContext.configure(
            connection,
            opts={
                "include_name": lambda name, kind, parents: (
                    "archive_places" not in (name or "") and name != "ix_archive_items_place"
                )
            },
        )
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_every_posting_is_also_a_row_that_sums_to_zero(database_url: str) -> None:
    store = SqlStore(database_url)
    walk_to_execution(store)
    store.close()
    engine = open_engine(database_url)
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT amount, currency FROM postings")).all()
    engine.dispose()
    assert rows
    assert sum(float(amount) for amount, _ in rows) == 0


@pytest.mark.parametrize("content", [b"not a database at all", b"\x00" * 64])
def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"notes\.txt"):
        SqlStore(str(path))
    assert path.read_bytes() == content


def test_a_database_of_something_else_and_a_missing_folder_are_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    engine = sa.create_engine(f"sqlite:///{other}")
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE songs (title TEXT)"))
    engine.dispose()
    with pytest.raises(InputError, match="something else"):
        SqlStore(str(other))
    with pytest.raises(InputError, match="does not exist"):
        SqlStore(str(tmp_path / "no" / "comity.db"))
    with pytest.raises(InputError, match="is a folder"):
        SqlStore(str(tmp_path))


def test_a_database_that_another_process_holds_is_told_without_a_traceback(tmp_path: Path) -> None:
    path = tmp_path / "comity.db"
    store = SqlStore(str(path))
    sa.event.listen(store._engine, "connect", _do_not_wait)
    store._engine.dispose()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked"), store.begin():
        pass
    other.execute("ROLLBACK")
    other.close()
    with store.begin() as work:
        assert work.next_id("order") == "order-0001"
    store.close()


def _do_not_wait(connection: sqlite3.Connection, record: object) -> None:
    connection.execute("PRAGMA busy_timeout = 1").close()


def test_two_processes_at_once_never_give_the_same_id(database_url: str) -> None:
    stores = [SqlStore(database_url) for _ in range(4)]

    def take(store: SqlStore) -> list[str]:
        ids = []
        for _ in range(10):
            with store.begin() as work:
                ids.append(work.next_id("order"))
        return ids

    with ThreadPoolExecutor(4) as pool:
        ids = [id for each in pool.map(take, stores) for id in each]
    for store in stores:
        store.close()
    assert len(set(ids)) == 40


@pytest.mark.parametrize("kind", ["memory", "sql"])
def test_two_settlements_of_one_instant_both_count(kind: str, database_url: str) -> None:
    store = MemoryStore() if kind == "memory" else SqlStore(database_url)
    with store.begin() as work:
        work.set_programme(PROGRAMME)

    def earn(id: str) -> Transaction:
        euros = Money(Decimal("100.00"), PROGRAMME.currency)
        made = Transaction(
            id=id, at=NOW, kind="split", reference=id, memo="",
            postings=(debit("revenue:order-0001", euros), credit("pool", euros)),
        )  # fmt: skip
        with store.begin() as work:
            work.post(Ledger([made]))
        return made

    runs = []
    for id in ("first", "second"):
        earned = earn(id)
        runs.append(settle(store, now=NOW).run)
        with store.read() as work:
            assert not work.ledger().balance("pool", PROGRAMME.currency).amount
    assert runs == [f"settlement-{NOW.iso(0)}", f"settlement-{NOW.iso(0)}/2"]
    with store.read() as work:
        booked = len(work.ledger())
    settle(store, now=NOW)
    earn("second")
    with pytest.raises(StateError, match="already booked"), store.begin() as work:
        work.post(Ledger([replace(earned, memo="another")]))
    with store.read() as work:
        assert len(work.ledger()) == booked, "again nothing"
    if isinstance(store, SqlStore):
        store.close()


def test_memory_tells_partners_what_the_database_tells_them(database_url: str) -> None:
    told = []
    for store in (MemoryJobStore(), SqlStore(database_url)):
        walk_to_execution(store)
        with store.begin() as work:
            flown = work.plans.all()[0].id
            work.verdicts.put(
                Verdict(id="verdict-0001", plan=flown, decision="approved", by="t", reason="", at=NOW)
            )
            euros = Money(Decimal("5.00"), PROGRAMME.currency)
            postings = (debit("pool", euros), credit(f"partner:{PROGRAMME.partners[0].id}", euros, "share"))
            entry = Transaction(id="t", at=NOW, kind="pool", reference="t", postings=postings, memo="")
            work.post(Ledger([entry]))
        with pytest.raises(RuntimeError), store.begin() as work:
            work.post(Ledger([replace(entry, id="t-2")]))
            raise RuntimeError
        withheld = {"partner": "sputnix", "kind": "spacecraft", "asset": "zorkiy-2m-1", "reason": "own"}
        withhold(store, interval=Interval(NOW, NOW + 600), now=NOW, by="t", id="withheld-a", **withheld)
        with store.read() as work:
            told.append([event for _, event in work.events.after(0)])
        if isinstance(store, SqlStore):
            store.close()
    assert told[0] == told[1]
    assert {"plan.made", "statement.entry", "asset.withheld"} <= {event.kind for event in told[0]}


def test_only_the_newest_matches_of_each_search_are_kept(database_url: str) -> None:
    store = SqlStore(database_url)
    with store.begin() as work:
        for search in ("saved-search-a", "saved-search-b"):
            for number in range(3):
                work.matches.put(
                    SearchMatch(
                        id=f"{search}/{number}", search=search, tenant="t", shelf="delivered",
                        collection="c", item=f"item-{number}", at=NOW,
                    )
                )  # fmt: skip
    assert (store.prune_matches(2), store.prune_matches(2)) == (2, 0)
    with store.read() as work:
        assert [one.item for one in work.matches.page(9, search="saved-search-a")] == ["item-2", "item-1"]
    store.close()
