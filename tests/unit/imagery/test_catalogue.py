"""The static catalogue: any STAC reader walks it, and writing it again changes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pystac
import pytest
from shapely.geometry import box

from comity.core import InputError, write_whole
from comity.imagery import ItemFiles, make_item, write_catalogue
from comity.imagery.products.schemas import validate
from unit.imagery.acquired import acquisition


@pytest.fixture
def items(tmp_path: Path) -> list[ItemFiles]:
    small = {"footprint": box(43.0, 11.4, 43.05, 11.45), "delivered_gsd_m": 60.0}
    return [
        make_item(acquisition(id=f"item-{n}", order=f"order-{n % 2}", **small), tmp_path / "stac", seed=1)
        for n in range(3)
    ]


def snapshot(root: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(p.relative_to(root)): (p.read_bytes(), p.stat().st_mtime_ns)
        for p in sorted(root.rglob("*"))
        if p.is_file()
    }


def test_pystac_walks_it_and_every_part_is_valid(tmp_path: Path, items: list[ItemFiles]) -> None:
    path = write_catalogue(tmp_path / "stac", items, title="Joint EO")
    catalog = pystac.Catalog.from_file(str(path))
    assert catalog.title == "Joint EO"
    collections = {c.id: c for c in catalog.get_collections()}
    assert set(collections) == {"order-0", "order-1"}
    assert {i.id for i in collections["order-0"].get_items()} == {"item-0", "item-2"}
    for item in catalog.get_items(recursive=True):
        collection = item.get_collection()
        assert collection is not None
        assert collection.id == item.properties["comity:order"]
        assert Path(item.get_assets()["image"].get_absolute_href() or "").is_file()
        assert item.get_root() is catalog
    for document in (tmp_path / "stac").rglob("*.json"):
        content = json.loads(document.read_text(encoding="utf-8"))
        validate(content)
        assert not [link for link in content["links"] if link["href"].startswith(("/", "http"))]


def test_writing_again_changes_no_byte_and_touches_no_file(tmp_path: Path, items: list[ItemFiles]) -> None:
    write_catalogue(tmp_path / "stac", items, title="Joint EO")
    before = snapshot(tmp_path / "stac")
    write_catalogue(tmp_path / "stac", [i.item for i in reversed(items)], title="Joint EO")
    assert snapshot(tmp_path / "stac") == before
    # Making the items again keeps them, with the links the catalogue gave them.
    assert make_item(
        acquisition(
            id="item-0", order="order-0", footprint=box(43.0, 11.4, 43.05, 11.45), delivered_gsd_m=60.0
        ),
        tmp_path / "stac",
        seed=1,
    ).reused
    assert snapshot(tmp_path / "stac") == before


def test_what_is_missing_or_doubled_is_named(tmp_path: Path, items: list[ItemFiles]) -> None:
    with pytest.raises(InputError, match="item-1 is listed twice"):
        write_catalogue(tmp_path / "stac", [items[1], items[1]], title="Joint EO")
    with pytest.raises(InputError, match=r"gone\.json is missing"):
        write_catalogue(tmp_path / "stac", [tmp_path / "gone.json"], title="Joint EO")
    assert not (tmp_path / "stac" / "catalog.json").exists()


def test_leftovers_of_a_killed_writer_are_swept(tmp_path: Path) -> None:
    dead = tmp_path / ".catalog.json.999999999.part"
    dead.write_bytes(b"half")
    write_whole(tmp_path / "catalog.json", b"whole")
    assert [p.name for p in tmp_path.iterdir()] == ["catalog.json"]
