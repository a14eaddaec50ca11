"""The archive's index follows what is delivered: once each, as it is now, and anew when asked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from comity.core import Epoch, InputError
from comity.operations import ItemRecord, MemoryStore, Order
from comity.operations.archive import Search
from comity.operations.archiving import index_deliveries, rebuild_index

NOW = Epoch.from_iso("2024-09-22T06:00:00Z")


@pytest.fixture
def store(tmp_path: Path) -> MemoryStore:
    """One delivered item of somebody's order, on disk and on record."""
    store = MemoryStore()
    with store.begin() as work:
        work.orders.put(
            Order(
                id="order-0001", request="r", quote="q", customer="somebody", product="hr-scene",
                created=NOW, statuses=(),
            )
        )  # fmt: skip
        work.items.put(
            ItemRecord(
                id="item-a1", activity="a1", order="order-0001", task="t", target="x", path="stac/a1.json",
                image="", quicklook="", cloud=0.0, native_gsd_m=1.0, delivered_gsd_m=1.0, pixel_m=1.0,
                area_part=1.0, delivered=NOW, state="offered",
            )
        )  # fmt: skip
    write(tmp_path / "stac" / "a1.json", "a1", 10.0)
    return store


def write(path: Path, id: str, cloud: float) -> Path:
    path.parent.mkdir(exist_ok=True)
    properties = {"datetime": NOW.iso(), "eo:cloud_cover": cloud, "comity:order": "order-0001"}
    geometry = {"type": "Point", "coordinates": [43.1, 11.6]}
    document = {"type": "Feature", "id": id, "geometry": geometry, "properties": properties, "assets": {}}
    path.write_text(json.dumps(document))
    return path


def test_what_is_indexed_already_is_left_and_what_changed_is_taken_anew(
    store: MemoryStore, tmp_path: Path
) -> None:
    mosaic = write(tmp_path / "stac" / "mosaic.json", "mosaic", 5.0)
    for expected in (2, 0):
        with store.begin() as work:
            assert index_deliveries(work, tmp_path, [mosaic]) == expected
    write(mosaic, "mosaic", 7.0)
    with store.begin() as work:
        assert index_deliveries(work, tmp_path, [mosaic]) == 1
    found = {one.item.id: one for one in store.archive.search(Search(owner="somebody")).items}
    assert found["mosaic"].item.facts()["cloud"] == 7.0
    assert {id: one.state for id, one in found.items()} == {"a1": "offered", "mosaic": "accepted"}
    assert {one.item.collection for one in found.values()} == {"hr-scene"}
    assert store.archive.search(Search(owner="another")).items == ()
    with store.begin() as work:
        work.items.put(replace(work.items.get("item-a1"), state="refused"))
    assert store.archive.get("hr-scene", "a1", owner=None).state == "refused"


def test_a_rebuild_that_fails_leaves_the_index_as_it_was(store: MemoryStore, tmp_path: Path) -> None:
    assert rebuild_index(store, tmp_path) == 1
    (tmp_path / "stac" / "a1.json").unlink()
    with pytest.raises(InputError, match=r"a1\.json"):
        rebuild_index(store, tmp_path)
    assert [one.item.id for one in store.archive.search(Search(owner=None)).items] == ["a1"]


def test_a_delivery_reads_only_what_is_new(store: MemoryStore, tmp_path: Path) -> None:
    with store.begin() as work:
        assert index_deliveries(work, tmp_path, []) == 1
        (tmp_path / "stac" / "a1.json").unlink()  # whoever read it again would say that it is missing
        work.items.put(replace(work.items.get("item-a1"), id="item-a2", path="stac/a2.json"))
        write(tmp_path / "stac" / "a2.json", "a2", 3.0)
        assert index_deliveries(work, tmp_path, []) == 1
        assert index_deliveries(work, tmp_path, []) == 0
