"""The archive in the operator's database, behind :class:`comity.operations.Archive`.

A search reads without waiting for the operator's transactions. It goes one of two ways: where few items
lie in the area and time asked for, from the index of places; where there are many, along the order asked
for until the page is full, which it soon is. Where the database has PostGIS it compares geometries itself;
elsewhere they are compared here, item by item, so that every database tells the same.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import shapely
import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from comity.core import UnknownIdError
from comity.operations.archive import (
    Extent,
    FoundItem,
    Lot,
    Page,
    Search,
    SearchTooLongError,
    whole_world,
)
from comity.operations.filters import Compare, conjuncts, is_exact, matches
from comity.stores import archive_extents
from comity.stores.archive_postgis import postgis_home
from comity.stores.archive_reading import found_items, read_lots
from comity.stores.archive_schema import archive_documents as documents
from comity.stores.archive_schema import archive_items as items
from comity.stores.archive_sql import Places, after, offered, ordering
from comity.stores.database import reading, transaction

#: Up to how many items in an area are all looked at; more are taken in order until the page is full.
FEW = 4_000
#: Most items whose geometry is compared for one page: where few of them fit, the page is short.
_MOST_COMPARED = 20_000
#: The longest that one search may take, s.
LONGEST_S = 8.0
#: How many steps of SQLite's machine lie between two looks at the clock.
_STEPS = 20_000
#: How far to go along the order asked for, before everything is looked through.
_STAGES = {"sqlite": (500, 10_000), "postgresql": (500, 3_000)}
_MAX_BATCH = 4_000
#: Where a page begins: the sort keys' values and the number of the item before it.
Place = tuple[tuple[Any, ...], int] | None
Way = Callable[[Place, int], list[sa.Row[Any]]]
ahead = items.alias("ahead")


class SqlArchive:
    """Searches what was delivered."""

    def __init__(self, engine: Engine) -> None:
        self._engine = reading(engine)
        self._dialect = engine.dialect.name
        self._lots: dict[int, Lot] = {}

    def search(self, search: Search) -> Page:
        """The items that fulfil all that is asked.

        Raises :class:`InputError` for another search's token, :class:`SearchTooLongError` for a search that
        would take longer than :data:`LONGEST_S`.
        """
        place = search.place()
        with transaction(self._engine) as connection, _bounded(connection, LONGEST_S):
            if self._dialect == "postgresql":
                # compiling a plan takes longer than any page
                connection.exec_driver_sql("SET LOCAL jit = off")
            found, last = self._collect(connection, search, place)
            page = found[: search.limit]
            if len(found) > search.limit:
                last = page[-1]
            shown = found_items(connection, [row.seq for row in page])
        if last is None:
            return Page(items=tuple(shown), next=None)
        values = [getattr(last, key.property.column) for key in search.sort]
        return Page(items=tuple(shown), next=search.token(values, last.seq))

    def get(self, collection: str, id: str, *, owner: str | None, listed: bool = False) -> FoundItem:
        """One item; raises :class:`UnknownIdError` where there is none, or none of this owner."""
        query = sa.select(items.c.seq).where(items.c.collection == collection, items.c.id == id)
        query = query.where(items.c.lot.is_not(None) if listed else items.c.lot.is_(None))
        if owner is not None:
            query = query.where(items.c.owner == owner)
        with transaction(self._engine) as connection:
            seq = connection.scalar(query)
            if seq is None:
                raise UnknownIdError("item", id)
            return found_items(connection, [seq])[0]

    def extents(self, *, owner: str | None, lots: Iterable[int] | None = None) -> list[Extent]:
        """Every collection with items of this owner (None: of anyone), by name; or with some in ``lots``."""
        with transaction(self._engine) as connection:
            return archive_extents.read(connection, owner=owner, lots=lots)

    def lots(self) -> dict[int, Lot]:
        """Every lot by number; they only ever become more."""
        with transaction(self._engine) as connection:
            new = read_lots(connection, max(self._lots, default=0))
        if new:
            self._lots = self._lots | new
        return self._lots

    def _collect(
        self, connection: Connection, search: Search, place: Place
    ) -> tuple[list[sa.Row[Any]], sa.Row[Any] | None]:
        """One item more than the page holds, where there is; else the last one looked at before giving up."""
        places = Places(self._dialect, postgis_home(connection))
        compared = not places.exact and (search.area is not None or not is_exact(search.filter))
        rows_of = self._way(connection, search, places)
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

    def _way(self, connection: Connection, search: Search, places: Places) -> Way:
        """How to find the next items after a place, but for what their geometries say."""
        c = items.c
        query = sa.select(items).order_by(*ordering(search.sort))
        if search.owner is not None:
            query = query.where(c.owner == search.owner)
        if search.offers is not None:
            query = query.where(offered(search.offers))
        elif search.owner is None:
            query = query.where(c.lot.is_(None))
        if search.collections is not None:
            query = query.where(c.collection.in_(search.collections))
        if search.ids is not None:
            query = query.where(c.id.in_(search.ids))
        if search.start_us is not None:
            query = query.where(c.end_us >= search.start_us)
        if search.end_us is not None:
            query = query.where(c.start_us <= search.end_us)
        if search.filter is not None:
            query = query.where(places.condition(search.filter))

        def rows(query: sa.Select[Any], place: Place, size: int) -> list[sa.Row[Any]]:
            if place is not None:
                query = query.where(after(search.sort, *place))
            return list(connection.execute(query.limit(size)))

        areas = [area for area in search.areas() if not whole_world(area)]
        if areas:
            area = min(areas, key=lambda one: float(one.envelope.area))
            placed = places.near(area, search)
            if _few(connection, placed):
                near_by = placed.cte("near").prefix_with("MATERIALIZED")
                chosen = _by_number(query, sa.select(near_by.c.seq))
                if search.area is not None and area is not search.area:
                    chosen = chosen.where(places.meets(search.area))
                return lambda place, size: rows(chosen, place, size)
            query = query.where(*(places.meets(one) for one in areas))
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


@contextmanager
def _bounded(connection: Connection, longest_s: float) -> Iterator[None]:
    """End whatever the database does for longer: raises :class:`SearchTooLongError`."""
    raw: Any = connection.connection.driver_connection
    if isinstance(raw, sqlite3.Connection):
        end = time.monotonic() + longest_s
        raw.set_progress_handler(lambda: int(time.monotonic() > end), _STEPS)
    else:
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {round(longest_s * 1e3)}")
    try:
        yield
    except OperationalError as error:
        ended = getattr(error.orig, "sqlite_errorname", getattr(error.orig, "sqlstate", None))
        if ended not in ("SQLITE_INTERRUPT", "57014"):
            raise
        raise SearchTooLongError(longest_s) from error
    finally:
        if isinstance(raw, sqlite3.Connection):
            raw.set_progress_handler(None, 0)
