"""What each collection holds of each tenant, kept beside the index so that nobody has to look through it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from comity.operations.archive import Extent
from comity.stores.archive_schema import archive_extents as extents
from comity.stores.archive_schema import archive_items as items

_LEAST = ("west", "south", "start_us")
_MOST = ("east", "north", "end_us")


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """Where and when an item lies, and to whom it belongs; ``lot``: 0 for what was delivered."""

    owner: str
    collection: str
    lot: int
    west: float
    south: float
    east: float
    north: float
    start_us: int
    end_us: int

    @property
    def group(self) -> tuple[str, str, int]:
        """Of whose items it is one."""
        return self.owner, self.collection, self.lot


def keep(connection: Connection, boxes: Iterable[Box]) -> None:
    """Take in new items."""
    groups: dict[tuple[str, str, int], list[Box]] = {}
    for box in boxes:
        groups.setdefault(box.group, []).append(box)
    for group, mine in groups.items():
        known = connection.execute(sa.select(extents).where(_is(group))).first()
        told = [*mine, *([] if known is None else [known])]
        values: dict[str, Any] = {name: min(getattr(one, name) for one in told) for name in _LEAST}
        values |= {name: max(getattr(one, name) for one in told) for name in _MOST}
        values["number"] = len(mine) + (0 if known is None else known.number)
        if known is None:
            owner, collection, lot = group
            named = {"owner": owner, "collection": collection, "lot": lot}
            connection.execute(sa.insert(extents).values(**named, **values))
        else:
            connection.execute(sa.update(extents).where(_is(group)).values(**values))


def regroup(connection: Connection, gone: Iterable[Box]) -> None:
    """Let go of items that are no longer as they were; only where one lay at an edge all are looked at."""
    groups: dict[tuple[str, str, int], list[Box]] = {}
    for box in gone:
        groups.setdefault(box.group, []).append(box)
    for group, mine in groups.items():
        known = connection.execute(sa.select(extents).where(_is(group))).one()
        if any(getattr(one, name) == getattr(known, name) for one in mine for name in (*_LEAST, *_MOST)):
            connection.execute(sa.delete(extents).where(_is(group)))
            fill(connection, group)
        else:
            less = {"number": known.number - len(mine)}
            connection.execute(sa.update(extents).where(_is(group)).values(**less))


def fill(connection: Connection, group: tuple[str, str, int] | None = None) -> None:
    """Work the extents out from the index, of one group or of all."""
    c, lot = items.c, sa.func.coalesce(items.c.lot, 0)
    query = sa.select(
        c.owner, c.collection, lot, sa.func.count(),
        *(sa.func.min(c[name]) if name in _LEAST else sa.func.max(c[name]) for name in _ORDER),
    ).group_by(c.owner, c.collection, lot)  # fmt: skip
    if group is not None:
        query = query.where(c.owner == group[0], c.collection == group[1], lot == group[2])
    columns = ["owner", "collection", "lot", "number", *_ORDER]
    connection.execute(sa.insert(extents).from_select(columns, query))


def forget(connection: Connection) -> None:
    """Forget all."""
    connection.execute(sa.delete(extents))


def read(connection: Connection, *, owner: str | None, lots: Iterable[int] | None) -> list[Extent]:
    """By collection, of one owner or of all; or of what is for sale in these lots."""
    c = extents.c
    each: dict[str, Any] = {"number": sa.func.sum(c.number)}
    each |= {name: sa.func.min(c[name]) for name in _LEAST} | {name: sa.func.max(c[name]) for name in _MOST}
    query = sa.select(c.collection, *(value.label(name) for name, value in each.items()))
    query = query.where(c.lot == 0 if lots is None else c.lot.in_(sorted(lots)))
    if owner is not None:
        query = query.where(c.owner == owner)
    rows = connection.execute(query.group_by(c.collection).order_by(c.collection))
    return [
        Extent(
            collection=row.collection, items=int(row.number), start_us=row.start_us, end_us=row.end_us,
            bbox=(row.west, row.south, row.east, row.north),
        )
        for row in rows
    ]  # fmt: skip


_ORDER = ("west", "south", "east", "north", "start_us", "end_us")


def _is(group: tuple[str, str, int]) -> sa.ColumnElement[bool]:
    return sa.and_(extents.c.owner == group[0], extents.c.collection == group[1], extents.c.lot == group[2])
