"""The archive in the operator's database, behind :class:`comity.operations.Archive`.

A search reads without waiting for the operator's transactions. It goes one of two ways: where few items
lie in the area and time asked for, from the index of places; where there are many, along the order asked
for until the page is full, which it soon is. Geometries are compared here, item by item, so that both
databases tell the same and none needs an extension.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import shapely
import sqlalchemy as sa
from shapely.geometry.base import BaseGeometry
from sqlalchemy import Connection, Engine

from comity.core import UnknownIdError
from comity.operations.archive import (
    ArchiveItem,
    Extent,
    FoundItem,
    Page,
    Search,
    item_bounds,
    whole_world,
)
from comity.operations.filters import Compare, conjuncts, is_exact, matches
from comity.stores import schema
from comity.stores.archive_schema import archive_documents as documents
from comity.stores.archive_schema import archive_items as items
from comity.stores.archive_sql import DAY_US, DAYS_FROM_US, after, condition, near, ordering, overlaps
from comity.stores.database import reading

#: Up to how many items in an area are all looked at; more are taken in order until the page is full.
FEW = 4_000
#: Most items whose geometry is compared for one page: where few of them fit, the page is short.
_MOST_COMPARED = 20_000
_CHUNK = 500
#: How far to go along the order asked for, before everything is looked through.
_STAGES = {"sqlite": (500, 10_000), "postgresql": (500, 3_000)}
_MAX_BATCH = 4_000
T = TypeVar("T")
#: Where a page begins: the sort keys' values and the number of the item before it.
Place = tuple[tuple[Any, ...], int] | None
Way = Callable[[Place, int], list[sa.Row[Any]]]
ahead = items.alias("ahead")


class SqlArchive:
    """Searches what was delivered."""

    def __init__(self, engine: Engine) -> None:
        self._engine = reading(engine)
        self._dialect = engine.dialect.name

    def search(self, search: Search) -> Page:
        """The items that fulfil all that is asked; raises :class:`InputError` for another search's token."""
        place = search.place()
        with self._engine.connect() as connection:
            if self._dialect == "postgresql":
                # compiling a plan takes longer than any page
                connection.exec_driver_sql("SET LOCAL jit = off")
            found, last = self._collect(connection, search, place)
            page = found[: search.limit]
            if len(found) > search.limit:
                last = page[-1]
            shown = _found(connection, [row.seq for row in page])
        if last is None:
            return Page(items=tuple(shown), next=None)
        values = [getattr(last, key.property.column) for key in search.sort]
        return Page(items=tuple(shown), next=search.token(values, last.seq))

    def get(self, collection: str, id: str, *, owner: str | None) -> FoundItem:
        """One item; raises :class:`UnknownIdError` where there is none, or none of this owner."""
        query = sa.select(items.c.seq).where(items.c.collection == collection, items.c.id == id)
        if owner is not None:
            query = query.where(items.c.owner == owner)
        with self._engine.connect() as connection:
            seq = connection.scalar(query)
            if seq is None:
                raise UnknownIdError("item", id)
            return _found(connection, [seq])[0]

    def extents(self, *, owner: str | None) -> list[Extent]:
        """Every collection with items of this owner (None: of anyone), by name."""
        c, count = items.c, sa.func.count().label("items")
        edges = (sa.func.min(c.west), sa.func.min(c.south), sa.func.max(c.east), sa.func.max(c.north))
        query = sa.select(
            c.collection, count, *edges, sa.func.min(c.start_us), sa.func.max(c.end_us)
        ).group_by(c.collection)
        if owner is not None:
            query = query.where(c.owner == owner)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(c.collection)).all()
        return [
            Extent(collection=row[0], items=row[1], bbox=(row[2], row[3], row[4], row[5]),
                   start_us=row[6], end_us=row[7])
            for row in rows
        ]  # fmt: skip

    def _collect(
        self, connection: Connection, search: Search, place: Place
    ) -> tuple[list[sa.Row[Any]], sa.Row[Any] | None]:
        """One item more than the page holds, where there is; else the last one looked at before giving up."""
        compared = search.area is not None or not is_exact(search.filter)
        rows_of = self._way(connection, search)
        found: list[sa.Row[Any]] = []
        looked, size = 0, search.limit + 1
        while True:
            rows = rows_of(place, size)
            found += _fitting(connection, rows, search) if compared else rows
            looked += len(rows)
            if len(found) > search.limit or len(rows) < size:
                return found, None
            if looked >= _MOST_COMPARED:
                return found, rows[-1]
            place = tuple(getattr(rows[-1], key.property.column) for key in search.sort), rows[-1].seq
            size = min(_MAX_BATCH, size * 4)

    def _way(self, connection: Connection, search: Search) -> Way:
        """How to find the next items after a place, but for what their geometries say."""
        c = items.c
        query = sa.select(items).order_by(*ordering(search.sort))
        if search.owner is not None:
            query = query.where(c.owner == search.owner)
        if search.collections is not None:
            query = query.where(c.collection.in_(search.collections))
        if search.ids is not None:
            query = query.where(c.id.in_(search.ids))
        if search.start_us is not None:
            query = query.where(c.end_us >= search.start_us)
        if search.end_us is not None:
            query = query.where(c.start_us <= search.end_us)
        if search.filter is not None:
            query = query.where(condition(search.filter, self._dialect))

        def rows(query: sa.Select[Any], place: Place, size: int) -> list[sa.Row[Any]]:
            if place is not None:
                query = query.where(after(search.sort, *place))
            return list(connection.execute(query.limit(size)))

        areas = [area for area in search.areas() if not whole_world(area)]
        if areas:
            area = min(areas, key=lambda one: float(one.envelope.area))
            placed = near(area, search, self._dialect)
            if _few(connection, placed):
                near_by = placed.cte("near").prefix_with("MATERIALIZED")
                chosen = _by_number(query, sa.select(near_by.c.seq))
                return lambda place, size: rows(chosen, place, size)
            query = query.where(*(overlaps(one) for one in areas))
        if search.ids is not None or _asks_for_order(search):
            return lambda place, size: rows(query, place, size)
        along = _along_time(connection, search)
        # not by an index of the order: rows that lie far apart cost more than sorting
        plain = ordering(search.sort, by_index=False)
        whole = query.order_by(None).order_by(*plain).with_hint(items, "NOT INDEXED", "sqlite")
        if along is None:
            return lambda place, size: rows(whole, place, size)

        def staged(place: Place, size: int) -> list[sa.Row[Any]]:
            for most in _STAGES[self._dialect]:
                numbers = along if place is None else along.where(after(search.sort, *place, ahead))
                chosen = _by_number(query, numbers.limit(most))
                found = rows(chosen, None, size)
                if len(found) == size:
                    return found
            return rows(whole, place, size)

        return staged


def _by_number(query: sa.Select[Any], numbers: sa.Select[Any]) -> sa.Select[Any]:
    """The query's items among those of these numbers, fetched by number."""
    return query.where(items.c.seq.in_(numbers)).with_hint(items, "NOT INDEXED", "sqlite")


def _asks_for_order(search: Search) -> bool:
    return any(
        isinstance(one, Compare) and one.op == "=" and one.property.column == "order"
        for one in conjuncts(search.filter)
    )


def _along_time(connection: Connection, search: Search) -> sa.Select[Any] | None:
    """The numbers of the tenant's items in the time asked for, in the order asked for, out of an index alone.

    None where the order is not that of time.
    """
    if len(search.sort) != 1 or search.sort[0].property.column != "at_us":
        return None
    c = ahead.c
    query = sa.select(c.seq).order_by(*ordering(search.sort, ahead))
    if search.owner is not None:
        query = query.where(c.owner == search.owner)
    if search.start_us is None and search.end_us is None:
        return query
    # an item is found at its middle, half its length away from either end
    span = connection.scalar(sa.select(sa.func.max(items.c.span_us))) or 0
    if search.start_us is not None:
        query = query.where(c.at_us >= search.start_us - span)
    if search.end_us is not None:
        query = query.where(c.at_us <= search.end_us + span)
    return query


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
        """Every indexed item (collection, id) with the digest of its file."""
        query = sa.select(items.c.collection, items.c.id, documents.c.digest).join(
            documents, documents.c.seq == items.c.seq
        )
        return {(row[0], row[1]): row[2] for row in self._connection.execute(query)}

    def clear(self) -> None:
        """Forget all items."""
        if self._sqlite:
            self._connection.exec_driver_sql("DELETE FROM archive_places")
        self._connection.execute(sa.delete(documents))
        self._connection.execute(sa.delete(items))

    def _put(self, chunk: list[ArchiveItem]) -> None:
        c = items.c
        known = {
            (row.collection, row.id): row.seq
            for row in self._connection.execute(
                sa.select(c.seq, c.collection, c.id).where(c.id.in_([item.id for item in chunk]))
            )
        }
        last = self._connection.scalar(sa.select(sa.func.max(c.seq))) or 0
        numbers = []
        for item in chunk:
            number = known.get((item.collection, item.id))
            if number is None:
                last = number = last + 1
            numbers.append(number)
        # out and in again: one way for what is new and what has changed
        old = [number for number in numbers if number in set(known.values())]
        if old:
            self._connection.execute(sa.delete(documents).where(documents.c.seq.in_(old)))
            self._connection.execute(sa.delete(items).where(c.seq.in_(old)))
        rows = [_row(item, number) for item, number in zip(chunk, numbers, strict=True)]
        self._connection.execute(sa.insert(items), rows)
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


def _few(connection: Connection, placed: sa.CompoundSelect[int]) -> bool:
    some = placed.limit(FEW + 1).subquery()
    return (connection.scalar(sa.select(sa.func.count()).select_from(some)) or 0) <= FEW


def _fitting(connection: Connection, rows: list[sa.Row[Any]], search: Search) -> list[sa.Row[Any]]:
    """The rows whose geometry is as asked."""
    query = sa.select(documents.c.seq, documents.c.shape)
    told = connection.execute(query.where(documents.c.seq.in_([row.seq for row in rows])))
    shapes = {row.seq: row.shape for row in told}
    grounds = shapely.from_wkb([shapes[row.seq] for row in rows])
    fits = [True] * len(rows)
    if search.area is not None:
        shapely.prepare(search.area)
        fits = shapely.intersects(search.area, grounds).tolist()
    asked = None if is_exact(search.filter) else search.filter
    return [
        row
        for row, ground, near_by in zip(rows, grounds, fits, strict=True)
        if near_by and (asked is None or matches(asked, row._asdict(), ground) is True)
    ]


def _found(connection: Connection, numbers: list[int]) -> list[FoundItem]:
    """The items of these numbers, in their order."""
    query = (
        sa.select(items.c.seq, items.c.id, items.c.collection, items.c.owner, documents.c.record,
                  documents.c.path, documents.c.digest, documents.c.body, schema.items.c.state)
        .join(documents, documents.c.seq == items.c.seq)
        .join(schema.items, schema.items.c.id == documents.c.record, isouter=True)
        .where(items.c.seq.in_(numbers))
    )  # fmt: skip
    rows = {row.seq: row for row in connection.execute(query)}
    return [
        FoundItem(
            item=ArchiveItem(
                id=row.id,
                collection=row.collection,
                owner=row.owner,
                record=row.record,
                path=row.path,
                digest=row.digest,
                document=row.body,
            ),
            state=row.state or "accepted",
        )
        for row in (rows[number] for number in numbers)
    ]


def _row(item: ArchiveItem, number: int) -> dict[str, Any]:
    facts = item.facts()
    west, south, east, north = item_bounds(item.geometry)
    start, end = facts["start_us"], facts["end_us"]
    assert isinstance(start, int) and isinstance(end, int)
    return {
        "seq": number, "owner": item.owner, "west": west, "south": south, "east": east, "north": north,
        "span_us": end - start, **facts,
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
