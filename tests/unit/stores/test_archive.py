"""The archive: every database finds what the plain meaning of a search says, in order, page by page."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import cql2
import pytest
import shapely
from shapely.geometry import box, mapping

from comity.core import InputError, UnknownIdError
from comity.operations.archive import (
    ArchiveItem,
    Search,
    SearchTooLongError,
    SortKey,
    fits,
    sort_key,
)
from comity.operations.filter_reading import filter_of
from comity.operations.filters import Node
from comity.operations.literals import bbox_of
from comity.operations.memory_archive import MemoryArchive
from comity.operations.queryables import utc_us
from comity.stores import SqlStore
from comity.stores import archive as sql_archive
from comity.stores.archive_postgis import postgis_home, use_postgis

PLATFORMS = ("Kanopus-V 1", "Landsat 9", "landsat 9", "100%", "a_b*[c]?", "Ñandú", None)
FILTERS = (
    "eo:cloud_cover < 20 AND gsd <= 3",
    "NOT eo:cloud_cover < 20",
    "eo:cloud_cover IS NULL OR platform = 'Landsat 9'",
    "NOT (platform LIKE 'Landsat%')",
    r"platform LIKE '100\%' OR platform LIKE 'a\_b*[c]?' OR platform LIKE '%and_'",
    "platform LIKE 'l%9' OR platform > 'L'",
    "platform NOT IN ('Landsat 9', 'Ñandú')",
    "platform IN ('Ñandú', '100%') AND comity:simulated = true",
    "comity:simulated <> true",
    "gsd = comity:native_gsd_m",
    "start_datetime > TIMESTAMP('2024-03-01T00:00:00Z') AND end_datetime < DATE('2024-06-01')",
    "T_INTERSECTS(datetime, INTERVAL('2024-02-01T00:00:00Z', '..'))",
    "T_BEFORE(datetime, TIMESTAMP('2024-05-01T00:00:00Z')) AND NOT T_AFTER(datetime, DATE('2024-02-02'))",
    "S_INTERSECTS(geometry, POLYGON((0 0, 60 0, 0 60, 0 0)))",
    "NOT S_INTERSECTS(geometry, POLYGON((0 0, 60 0, 0 60, 0 0)))",
    "S_WITHIN(geometry, BBOX(-60, -60, 60, 60)) AND eo:cloud_cover > 50",
    "S_DISJOINT(geometry, BBOX(-60, -60, 60, 60)) OR eo:cloud_cover < 5",
    "NOT S_DISJOINT(geometry, BBOX(100, -60, 180, 60)) AND NOT (eo:cloud_cover < 50)",
    "collection = 'hr-scene' AND 10 < eo:cloud_cover",
)


def text_filter(text: str) -> Node:
    return filter_of(cql2.parse_text(text).to_json())


def made_item(seed: int) -> ArchiveItem:
    chance = random.Random(seed)
    west, south = chance.uniform(-180, 178), chance.uniform(-88, 85)
    # turned, so that its box holds more than it shows
    ground = shapely.Polygon(
        [(west + 1, south), (west + 2, south + 1), (west + 1, south + 2), (west, south + 1)]
    )
    if chance.random() < 0.05:
        ground = shapely.MultiPolygon([box(178, south, 180, south + 2), box(-180, south, -179, south + 2)])
    start = utc_us("2024-01-01T00:00:00Z") + chance.randrange(200) * 86_400_000_000
    middle = start + chance.randrange(1, 9) * 1_000_000
    properties = {
        "datetime": _iso(middle),
        "start_datetime": _iso(start),
        "end_datetime": _iso(2 * middle - start),
        "platform": chance.choice(PLATFORMS),
        "gsd": chance.choice((0.5, 3, 10)),
        "comity:native_gsd_m": chance.choice((0.5, 3, 10)),
        "eo:cloud_cover": chance.choice((None, 0, round(chance.uniform(0, 100), 1))),
        "comity:simulated": chance.choice((True, False, None)),
        "comity:order": f"order-{seed % 7:04d}",
    }
    return ArchiveItem(
        id=f"item-{seed:03d}",
        collection=chance.choice(("hr-scene", "mr-scene", "Ä")),
        owner=chance.choice(("alpha", "beta")),
        record=None,
        path=f"stac/{seed}.json",
        digest=f"{seed:064d}",
        document={
            "type": "Feature",
            "id": f"item-{seed:03d}",
            "geometry": json.loads(json.dumps(mapping(ground))),
            "properties": {name: value for name, value in properties.items() if value is not None},
            "assets": {},
        },
    )


def _iso(us: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)
    return moment.isoformat().replace("+00:00", "Z")


def made_search(seed: int) -> Search:
    chance = random.Random(seed)
    area = None
    if chance.random() < 0.6:
        width = chance.choice((1.0, 20.0, 170.0))
        west, south = chance.uniform(-180, 180), chance.uniform(-90, 70)
        east = west + width - (360.0 if west + width > 180.0 else 0.0)
        area = bbox_of([west, south, east, min(90.0, south + width / 2)])
    start = end = None
    if chance.random() < 0.5:
        start = utc_us("2024-01-01T00:00:00Z") + chance.randrange(200) * 86_400_000_000
        end = start + chance.choice((1_000_000, 20 * 86_400_000_000))
        start, end = chance.choice(((start, end), (start, None), (None, end)))
    sort = chance.choice(
        (
            (sort_key("datetime", descending=True),),
            (sort_key("datetime"),),
            (sort_key("eo:cloud_cover"), sort_key("id", descending=True)),
            (sort_key("platform", descending=True),),
            (sort_key("gsd"), sort_key("datetime", descending=True)),
        )
    )
    return Search(
        owner=chance.choice((None, "alpha", "beta")),
        collections=chance.choice((None, None, ("hr-scene", "none"), ("Ä",))),
        ids=chance.choice((None,) * 5 + (("item-003", "item-004", "none"),)),
        area=area,
        start_us=start,
        end_us=end,
        filter=chance.choice((None, text_filter(chance.choice(FILTERS)))),
        sort=sort,
        limit=chance.choice((4, 12, 50)),
    )


def pages(archive, search: Search) -> list[list[str]]:
    found, after = [], None
    while True:
        page = archive.search(_after(search, after))
        found.append([one.item.id for one in page.items])
        if page.next is None:
            return found
        after = page.next


def _after(search: Search, after: str | None) -> Search:
    return replace(search, after=after)


@pytest.mark.parametrize("few", [0, 4_000], ids=["along time", "by place"])
def test_every_search_finds_what_it_means(
    archive_url: str, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_archive, "FEW", few)
    monkeypatch.setattr(sql_archive, "_STAGES", {"sqlite": (5, 30), "postgresql": (5, 30)})
    items = [made_item(seed) for seed in range(120)]
    memory, store = MemoryArchive(lambda record: None), SqlStore(archive_url)
    memory.put(items)
    with store.begin() as work:
        work.archive.put(items)
        work.archive.put(items[40:60])  # again: nothing is doubled, nothing lost
    memory.put(items[40:60])
    some = 0
    searches = [made_search(seed) for seed in range(45)]
    searches += [
        Search(owner=None, limit=50, filter=filter_of(cql2.parse_text(t).to_json())) for t in FILTERS
    ]
    for number, search in enumerate(searches):
        told, meant = pages(store.archive, search), pages(memory, search)
        assert told == meant, (number, search)
        assert sorted(id for page in told for id in page) == sorted(
            item.id for item in items if fits(search, item)
        )
        some += bool(told[0])
    assert some > 25
    assert store.archive.extents(owner="alpha") == memory.extents(owner="alpha")
    with store.begin() as work:
        assert work.archive.digests() == memory.digests()
        work.archive.clear()
    assert store.archive.search(Search(owner=None)).items == ()
    store.close()


def test_an_item_that_changes_is_found_where_it_is_now(archive_url: str) -> None:
    store = SqlStore(archive_url)
    first, second = made_item(1), made_item(2)
    moved = replace(first, document={**second.document, "id": first.id}, digest="new")
    with store.begin() as work:
        work.archive.put([first])
        work.archive.put([moved])
    was, now = Search(owner=None, area=first.geometry), Search(owner=None, area=second.geometry)
    assert store.archive.search(was).items == ()
    assert [one.item for one in store.archive.search(now).items] == [moved]
    (extent,) = store.archive.extents(owner=None)
    assert extent.items == 1 and extent.bbox == second.geometry.bounds
    with pytest.raises(UnknownIdError):
        store.archive.get(first.collection, first.id, owner="somebody")
    assert store.archive.get(first.collection, first.id, owner=first.owner).item == moved
    store.close()


def test_a_transaction_that_fails_leaves_the_index_as_it_was(archive_url: str) -> None:
    store = SqlStore(archive_url)
    with pytest.raises(RuntimeError), store.begin() as work:
        work.archive.put([made_item(1)])
        raise RuntimeError
    assert store.archive.search(Search(owner=None)).items == ()
    store.close()


@pytest.mark.parametrize("token", ["x", "W10", "WzFd", "bm90IGpzb24", "é", "A" * 5000])
def test_a_token_that_is_not_ours_is_bad_input(token: str) -> None:
    with pytest.raises(InputError, match="token"):
        Search(owner=None, after=token).place()


def test_a_token_goes_with_its_order() -> None:
    search = Search(owner=None, sort=(SortKey(sort_key("gsd").property),))
    with pytest.raises(InputError, match="another search"):
        Search(owner=None, after=search.token([3.0], 4)).place()
    assert _after(search, search.token([3.0], 4)).place() == ((3.0,), 4)


def test_postgis_takes_over_an_archive_that_is_there(archive_url: str) -> None:
    store, items = SqlStore(archive_url), [made_item(seed) for seed in range(40)]
    search = Search(owner=None, filter=text_filter("S_TOUCHES(geometry, POINT(0 0)) OR eo:cloud_cover > 20"))
    with store.engine.connect() as connection:
        begun = postgis_home(connection)
    assert (begun is not None) == (store.engine.url.database == "comity_postgis")
    if begun is not None:  # as if the extension had come later
        with store.engine.begin() as connection:
            for what in ("TRIGGER archive_ground ON archive_documents", "FUNCTION archive_ground()"):
                connection.exec_driver_sql(f"DROP {what}")
            connection.exec_driver_sql("DROP TABLE archive_grounds")
    with store.begin() as work:
        work.archive.put(items[:20])
    before = pages(store.archive, search)
    with store.engine.begin() as connection:
        assert use_postgis(connection, create=False) == (begun is not None)
    assert pages(store.archive, search) == before
    with store.begin() as work:
        work.archive.put(items[10:])
    meant = sorted(item.id for item in items if fits(search, item))
    assert sorted(id for page in pages(store.archive, search) for id in page) == meant
    store.close()


def test_a_search_that_takes_too_long_is_ended(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SqlStore(database_url)
    with store.begin() as work:
        work.archive.put(made_item(seed) for seed in range(200))
    monkeypatch.setattr(sql_archive, "LONGEST_S", 0.0009)  # PostgreSQL counts in ms, 0 is no limit
    monkeypatch.setattr(sql_archive, "_STEPS", 1)
    many = " OR ".join(f"platform LIKE '%x%y%{number}%'" for number in range(300))
    slow = Search(owner=None, limit=200, filter=text_filter(many))
    with pytest.raises(SearchTooLongError, match="took longer"):
        for _ in range(200):
            store.archive.search(slow)
    monkeypatch.setattr(sql_archive, "LONGEST_S", 60.0)
    assert store.archive.search(slow).items == ()
    store.close()
