"""Item search over a large archive: area, time and properties, of which half ask where much is ordered.

Half of the items lie around 400 places, half anywhere; they come in no order of time, which is the hard case.
The items are written by columns, not through a delivery, and their documents are short. A search includes
reading the documents of its page.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cql2
import numpy as np
import shapely
import sqlalchemy as sa
from shapely.geometry import box
from sqlalchemy import Connection

from comity.operations.archive import Search
from comity.operations.filter_reading import filter_of
from comity.operations.queryables import utc_us
from comity.server.stac.documents import iso
from comity.stores import SqlStore, archive_extents
from comity.stores.archive_postgis import postgis_home
from comity.stores.archive_schema import archive_documents, archive_items
from comity.stores.archive_sql import DAY_US, DAYS_FROM_US
from server_bench.item_search_http import http_rows
from server_bench.lines import line

ITEMS = 1_000_000
REACH_MS = {"sqlite": 300.0, "postgresql": 100.0}
_START_US = 1_577_836_800_000_000
_DAYS = 5 * 365
_PLACES = 400
_CHUNK = 20_000
_SEARCHES = 200


def item_search(items: int = ITEMS) -> Iterator[dict[str, Any]]:
    """Rows for SQLite, and for PostgreSQL where COMITY_BENCH_DATABASE_URL names an empty database:
    with PostGIS where it has the extension."""
    with tempfile.TemporaryDirectory() as folder:
        yield from _rows(str(Path(folder) / "archive.db"), items)
    place = os.environ.get("COMITY_BENCH_DATABASE_URL")
    if place:
        yield from _rows(place, items)
    else:
        why = "COMITY_BENCH_DATABASE_URL is not set"
        reach = REACH_MS["postgresql"]
        yield line("item-search", "store, postgresql", None, "ms (p95)", reach=reach, met=None, skipped=why)


def _rows(place: str, items: int) -> Iterator[dict[str, Any]]:
    store = SqlStore(place)
    dialect = store.engine.dialect.name
    with store.engine.begin() as connection:
        name = "postgis" if postgis_home(connection) else dialect
    began = time.perf_counter()
    with store.engine.begin() as connection:
        for first in range(0, items, _CHUNK):
            _fill(connection, first, min(_CHUNK, items - first))
        archive_extents.fill(connection)
        if dialect == "postgresql":
            for table in ("archive_items", "archive_documents", "archive_grounds"):
                if connection.exec_driver_sql(f"SELECT to_regclass('{table}')").scalar() is not None:
                    connection.exec_driver_sql(f"ANALYZE {table}")
    filled = time.perf_counter() - began
    took, found = measure(store)
    store.close()
    p50, p95, worst = (1e3 * float(np.quantile(took, share)) for share in (0.5, 0.95, 1.0))
    yield line(
        "item-search",
        f"store, {name}",
        round(p95, 1),
        "ms (p95)",
        reach=REACH_MS[dialect],
        met=p95 <= REACH_MS[dialect],
        items=items,
        searches=len(took),
        items_per_page=round(found / len(took), 1),
        p50_ms=round(p50, 1),
        worst_ms=round(worst, 1),
        fill_s=round(filled, 1),
    )
    yield from http_rows(place, name, REACH_MS[dialect], list(_bodies()))


def measure(store: SqlStore) -> tuple[list[float], int]:
    """Seconds of each search, and how many items were found in all."""
    took, found = [], 0
    for body in _bodies():
        start, end = (utc_us(one) for one in body["datetime"].split("/"))
        search = Search(
            owner=None,
            area=box(*body["bbox"]),
            start_us=start,
            end_us=end,
            filter=filter_of(body["filter"]),
        )
        at = time.perf_counter()
        page = store.archive.search(search)
        took.append(time.perf_counter() - at)
        found += len(page.items)
    return took, found


def _bodies() -> Iterator[dict[str, Any]]:
    """Item searches, the same every time."""
    wanted = cql2.parse_text("eo:cloud_cover < 20 AND gsd <= 3").to_json()
    chance = np.random.default_rng(7)
    places = _places()
    for number in range(_SEARCHES):
        anywhere = chance.uniform(-170, 170), chance.uniform(-60, 60)
        lon, lat = places[chance.integers(_PLACES)] if number % 2 else anywhere
        half = float(chance.choice([0.5, 2.5, 15.0]))
        days = int(chance.choice([7, 90, 365]))
        start = _START_US + int(chance.random() * (_DAYS - days)) * DAY_US
        west, east = max(-180.0, lon - half), min(180.0, lon + half)
        yield {
            "bbox": [west, max(-90.0, lat - half), east, min(90.0, lat + half)],
            "datetime": f"{iso(start)}/{iso(start + days * DAY_US)}",
            "filter": wanted,
        }


def _places() -> np.ndarray[Any, np.dtype[np.float64]]:
    chance = np.random.default_rng(1)
    return np.stack([chance.uniform(-180, 180, _PLACES), chance.uniform(-60, 70, _PLACES)], axis=1)


def _fill(connection: Connection, first: int, count: int) -> None:
    chance = np.random.default_rng(first + 2)
    around = _places()[chance.integers(0, _PLACES, count)] + chance.normal(0.0, 0.3, (count, 2))
    anywhere = np.stack([chance.uniform(-179, 179, count), chance.uniform(-70, 70, count)], axis=1)
    places = np.where(chance.random((count, 1)) < 0.5, around, anywhere)
    lon, lat = np.clip(places, (-179, -80), (179, 80)).T
    half = chance.uniform(0.03, 0.15, count)
    west, south, east, north = lon - half, lat - half, lon + half, lat + half
    turn = half * 0.1
    corners = [(west + turn, south), (east, south + turn), (east - turn, north), (west, north - turn)]
    rings = np.stack([np.stack(corner, axis=1) for corner in corners], axis=1)
    shapes = shapely.to_wkb(shapely.polygons(rings))
    at = _START_US + (chance.random(count) * _DAYS * DAY_US).astype(np.int64)
    long = (chance.uniform(0.5, 4.0, count) * 1e6).astype(np.int64)
    cloud = 100.0 * chance.beta(0.6, 0.9, count)
    gsd = chance.choice([0.5, 0.7, 1.5, 3.0, 5.0, 10.0, 30.0], count)
    order, craft = chance.integers(0, 20_000, count), chance.integers(0, 60, count)
    filler = "".join(map(chr, chance.integers(97, 123, 400)))
    body = {"type": "Feature", "properties": {}, "assets": {}, "x": filler}
    packed = zlib.compress(json.dumps(body).encode(), 1)
    blank = {column.name: None for column in archive_items.columns}
    rows = [
        blank
        | {
            "seq": first + k + 1, "owner": f"tenant-{order[k] % 200}", "id": f"item-{first + k}",
            "collection": f"product-{craft[k] % 8}", "west": float(west[k]), "south": float(south[k]),
            "east": float(east[k]), "north": float(north[k]), "span_us": int(2 * long[k]),
            "at_us": int(at[k]), "start_us": int(at[k] - long[k]), "end_us": int(at[k] + long[k]),
            "platform": f"craft-{craft[k]}", "gsd": float(gsd[k]), "cloud": float(cloud[k]),
            "order": f"order-{order[k]:06d}", "simulated": True, "lot": None, "settled": None,
        }
        for k in range(count)
    ]  # fmt: skip
    documents = [
        {"seq": row["seq"], "record": None, "path": "-", "digest": "-", "shape": shape, "body": packed}
        for row, shape in zip(rows, shapes, strict=True)
    ]
    plain = sa.table("archive_documents", *(sa.column(one.name) for one in archive_documents.columns))
    connection.execute(sa.insert(archive_items), rows)
    connection.execute(sa.insert(plain), documents)
    if connection.dialect.name == "sqlite":
        sides = ("seq", "west", "east", "south", "north")
        connection.exec_driver_sql(
            "INSERT INTO archive_places VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(*(row[side] for side in sides), _day(row["start_us"]), _day(row["end_us"])) for row in rows],
        )


def _day(us: int) -> float:
    return (us - DAYS_FROM_US) / DAY_US


if __name__ == "__main__":
    for line in item_search():
        print(json.dumps(line), flush=True)
