"""Backups: everything comes back, on either database; what is not whole or not empty is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from comity.core import Epoch, InputError, Interval
from comity.fleet import load_programme, point_target
from comity.operations import add_request, execute, make_plan, make_quote, place_order, read_account
from comity.planning import GreedySolver
from comity.stores import SqlStore
from comity.stores.backup import back_up, restore
from comity.stores.database import open_engine
from comity.stores.schema import metadata

PROGRAMME = load_programme("joint-eo")
NOW = PROGRAMME.epoch
AT = Epoch.from_iso("2026-06-01T00:00:00Z")


def fill(place: str) -> None:
    store = SqlStore(place)
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
    with store.begin_jobs() as jobs:
        jobs.add("plan", {"seed": 1}, now=AT, key="k")
    store.close()


def rows(place: str) -> dict[str, list[tuple[object, ...]]]:
    engine = open_engine(place)
    with engine.connect() as connection:
        found = {
            table.name: sorted((tuple(row) for row in connection.execute(sa.select(table))), key=repr)
            for table in metadata.sorted_tables
        }
    engine.dispose()
    return found


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A database at work and the folder of its products."""
    base = tmp_path_factory.mktemp("backup")
    place, delivery = str(base / "comity.db"), base / "delivery"
    fill(place)
    (delivery / "stac" / "a").mkdir(parents=True)
    (delivery / "stac" / "a" / "image.tif").write_bytes(b"II*\0" * 1000)
    (delivery / ".half.123-ab.part").write_bytes(b"half")
    return place, delivery


def test_everything_comes_back_on_either_database(filled, database_url: str, tmp_path: Path) -> None:
    place, delivery = filled
    made = back_up(place, tmp_path / "backup", delivery=delivery, now=AT)
    assert made.files == 1
    assert (tmp_path / "backup").stat().st_mode & 0o077 == 0
    restore(tmp_path / "backup", database_url, delivery=tmp_path / "products")
    assert rows(database_url) == rows(place)
    image = Path("stac", "a", "image.tif")
    assert (tmp_path / "products" / image).read_bytes() == (delivery / image).read_bytes()
    back_up(database_url, tmp_path / "again", now=AT)
    assert rows(str(tmp_path / "again" / "comity.db")) == rows(place)
    store = SqlStore(database_url)  # life goes on: numbers follow those that were
    assert read_account(store, NOW).orders
    with store.begin() as work:
        assert work.next_id("order") == "order-0002"
        work.requests.put(work.requests.get("request-0001"))
        assert work.jobs.add("plan", {}, now=AT, key="other").id
        assert work.events.last() > 0
    store.close()


def test_a_database_or_folder_that_holds_something_is_left_alone(filled, tmp_path: Path) -> None:
    place, delivery = filled
    back_up(place, tmp_path / "backup", delivery=delivery, now=AT)
    with pytest.raises(InputError, match="there already"):
        back_up(place, tmp_path / "backup", now=AT)
    with pytest.raises(InputError, match="not empty"):
        restore(tmp_path / "backup", place, delivery=tmp_path / "new")
    assert not (tmp_path / "new").exists()
    with pytest.raises(InputError, match="not empty"):
        restore(tmp_path / "backup", str(tmp_path / "new.db"), delivery=delivery)
    with pytest.raises(InputError, match="say where they go"):
        restore(tmp_path / "backup", str(tmp_path / "new.db"))


def test_a_backup_that_was_touched_is_refused_before_anything_is_made(filled, tmp_path: Path) -> None:
    place, delivery = filled
    folder = tmp_path / "backup"
    back_up(place, folder, delivery=delivery, now=AT)
    image = folder / "files" / "stac" / "a" / "image.tif"
    whole = image.read_bytes()
    image.write_bytes(whole[:-1] + b"x")
    with pytest.raises(InputError, match=r"image\.tif is not what was backed up"):
        restore(folder, str(tmp_path / "new.db"), delivery=tmp_path / "new")
    image.unlink()
    with pytest.raises(InputError, match="is missing"):
        restore(folder, str(tmp_path / "new.db"), delivery=tmp_path / "new")
    assert not (tmp_path / "new.db").exists()
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][0]["path"] = "../../etc/passwd"
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="is missing"):
        restore(folder, str(tmp_path / "new.db"), delivery=tmp_path / "new")


def test_a_database_full_of_orders_moves_forward_and_nobody_is_told_of_the_past_again(
    database_url: str,
) -> None:
    """Back to the tables before the jobs, with rows in them, and forward again."""
    from importlib.resources import files

    from alembic import command
    from alembic.config import Config

    fill(database_url)
    before = rows(database_url)
    engine = open_engine(database_url)
    config = Config()
    config.set_main_option("script_location", str(files("comity.stores").joinpath("migrations")))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0004")
    engine.dispose()
    after = rows(database_url)
    assert after.pop("jobs") == []
    before.pop("jobs")
    told, again = before.pop("events"), after.pop("events")
    assert after == before
    # partners hear of plans from now on only
    customers = [row[1:4] for row in told if not str(row[2]).startswith("partner:")]
    assert [row[1:4] for row in again] == customers
    store = SqlStore(database_url)
    with store.begin() as work:
        last = work.events.last()
        work.orders.put(work.orders.get("order-0001"))
        assert work.events.last() == last
    store.close()
