"""Writing the archive's index, inside a unit of work: items, documents, places, extents."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any, TypeVar

import shapely
import sqlalchemy as sa
from shapely.geometry.base import BaseGeometry
from sqlalchemy import Connection

from comity.operations.archive import ArchiveItem, Lot, Wanted, item_bounds
from comity.stores import schema
from comity.stores.archive_extents import Box, forget, keep, regroup
from comity.stores.archive_reading import found_items, read_lots
from comity.stores.archive_schema import archive_documents as documents
from comity.stores.archive_schema import archive_items as items
from comity.stores.archive_schema import archive_lots, archive_secrets
from comity.stores.archive_sql import DAY_US, DAYS_FROM_US

_CHUNK = 500
T = TypeVar("T")


class SqlArchiveIndex:
    """Writes the archive's index inside a unit of work."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sqlite = connection.dialect.name == "sqlite"

    def put(self, items_: Iterable[ArchiveItem]) -> None:
        """Add items, or replace those of the same collection and id."""
        for chunk in _chunks(list(items_), _CHUNK):
            self._put(list({(item.collection, item.id): item for item in chunk}.values()))

    def digests(self) -> dict[tuple[str, str], str]:
        """Items of no record of their own (mosaics), by collection and id, with the digest of their file."""
        query = (
            sa.select(items.c.collection, items.c.id, documents.c.digest)
            .join(documents, documents.c.seq == items.c.seq)
            .where(items.c.lot.is_(None), documents.c.record.is_(None))
        )
        return {(row[0], row[1]): row[2] for row in self._connection.execute(query)}

    def indexed(self, records: Iterable[str]) -> frozenset[str]:
        """Those of the records whose items are in the index."""
        query = (
            sa.select(documents.c.record)
            .join(items, documents.c.seq == items.c.seq)
            .where(items.c.lot.is_(None), documents.c.record.in_(list(records)))
        )
        return frozenset(str(record) for record in self._connection.scalars(query))

    def clear(self) -> None:
        """Forget all items."""
        if self._sqlite:
            self._connection.exec_driver_sql("DELETE FROM archive_places")
        self._connection.execute(sa.delete(documents))
        self._connection.execute(sa.delete(items))
        forget(self._connection)

    def lot(self, lot: Lot) -> int:
        """The number of a lot; a new one gets one."""
        body = json.dumps(asdict(lot), sort_keys=True, ensure_ascii=False)
        c = archive_lots.c
        number = self._connection.scalar(sa.select(c.number).where(c.body == body))
        if number is None:
            made = self._connection.execute(sa.insert(archive_lots).values(body=body))
            (number,) = made.inserted_primary_key or (None,)
        assert isinstance(number, int)
        return number

    def lots(self) -> dict[int, Lot]:
        """Every lot by number."""
        return read_lots(self._connection)

    def unlisted(self, wanted: Iterable[Wanted], limit: int) -> list[ArchiveItem]:
        """Accepted items that are wanted and were not looked at yet."""
        c = items.c
        found: list[int] = []
        for one in wanted:
            query = (
                sa.select(c.seq)
                .join(documents, documents.c.seq == c.seq)
                .join(schema.items, schema.items.c.id == documents.c.record)
                .where(
                    c.settled.is_(None),
                    c.lot.is_(None),
                    c.collection == one.product,
                    c.end_us <= one.until_us,
                    c.platform.in_(sorted(one.platforms)),
                    schema.items.c.state == "accepted",
                )
                .order_by(c.end_us)
                .limit(limit - len(found))
            )
            if one.not_of:
                query = query.where(c.owner.not_in(sorted(one.not_of)))
            found += self._connection.scalars(query)
            if len(found) >= limit:
                break
        return [one.item for one in found_items(self._connection, found)]

    def settle(self, items_: Iterable[ArchiveItem]) -> None:
        """Note of delivered items that they were looked at."""
        for item in items_:
            here = sa.and_(items.c.collection == item.collection, items.c.id == item.id)
            self._connection.execute(sa.update(items).where(here).values(settled=True))

    def secret(self) -> str:
        """What names for sale are made with; made when it is first asked for."""
        c = archive_secrets.c
        known = self._connection.scalar(sa.select(c.value).where(c.name == "names"))
        if known is None:
            known = secrets.token_hex(32)
            self._connection.execute(sa.insert(archive_secrets).values(name="names", value=known))
        return str(known)

    def _put(self, chunk: list[ArchiveItem]) -> None:
        c = items.c
        known = {
            (row.collection, row.id): row
            for row in self._connection.execute(
                sa.select(
                    c.seq,
                    c.collection,
                    c.id,
                    c.owner,
                    c.lot,
                    c.west,
                    c.south,
                    c.east,
                    c.north,
                    c.start_us,
                    c.end_us,
                ).where(c.id.in_([item.id for item in chunk]))
            )
        }
        last = self._connection.scalar(sa.select(sa.func.max(c.seq))) or 0
        numbers = []
        for item in chunk:
            row = known.get((item.collection, item.id))
            if row is None:
                last += 1
            numbers.append(last if row is None else row.seq)
        # out and in again: one way for what is new and what has changed
        gone = [known[key] for item in chunk if (key := (item.collection, item.id)) in known]
        old = [row.seq for row in gone]
        if old:
            self._connection.execute(sa.delete(documents).where(documents.c.seq.in_(old)))
            self._connection.execute(sa.delete(items).where(c.seq.in_(old)))
        rows = [_row(item, number) for item, number in zip(chunk, numbers, strict=True)]
        self._connection.execute(sa.insert(items), rows)
        keep(self._connection, [_box(told) for told in rows])
        regroup(self._connection, [_box(row._asdict()) for row in gone])
        self._connection.execute(
            sa.insert(documents),
            [_document(item, number) for item, number in zip(chunk, numbers, strict=True)],
        )
        if self._sqlite:
            self._connection.exec_driver_sql(
                "INSERT OR REPLACE INTO archive_places VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (row["seq"], row["west"], row["east"], row["south"], row["north"],
                     (row["start_us"] - DAYS_FROM_US) / DAY_US, (row["end_us"] - DAYS_FROM_US) / DAY_US)
                    for row in rows
                ],
            )  # fmt: skip


def _row(item: ArchiveItem, number: int) -> dict[str, Any]:
    facts = item.facts()
    west, south, east, north = item_bounds(item.geometry)
    start, end = facts["start_us"], facts["end_us"]
    assert isinstance(start, int) and isinstance(end, int)
    return {
        "seq": number, "owner": item.owner, "west": west, "south": south, "east": east, "north": north,
        "span_us": end - start, "lot": item.lot, "settled": None, **facts,
    }  # fmt: skip


def _document(item: ArchiveItem, number: int) -> dict[str, Any]:
    geometry: BaseGeometry = item.geometry
    return {
        "seq": number, "record": item.record, "path": item.path, "digest": item.digest,
        "shape": shapely.to_wkb(geometry), "body": dict(item.document),
    }  # fmt: skip


def _chunks(values: list[T], size: int) -> Iterator[list[T]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]


def _box(row: Mapping[str, Any]) -> Box:
    told = {name: row[name] for name in Box.__dataclass_fields__}
    return Box(**{**told, "lot": row["lot"] or 0})
