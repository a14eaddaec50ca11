"""The archive's filters and pages as SQL: a tree of known operators in, bound parameters out, never text."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from shapely.geometry.base import BaseGeometry
from sqlalchemy import ColumnElement

from comity.operations.archive import Offer, Search, SortKey, boxes_of
from comity.operations.filters import (
    Always,
    And,
    Compare,
    IsNull,
    Like,
    Node,
    Not,
    OneOf,
    Or,
    Spatial,
    like_parts,
)
from comity.operations.queryables import Queryable, Value
from comity.stores.archive_postgis import grounds, relates
from comity.stores.archive_schema import archive_items as items

Condition = ColumnElement[bool]
#: Days since 2000 in µs: the R*Tree keeps 32-bit numbers, which hold a day of this century to 2 minutes.
DAY_US = 86_400_000_000
DAYS_FROM_US = 946_684_800_000_000
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq, "<>": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt,
    ">=": operator.ge,
}  # fmt: skip


class Places:
    """How a database is asked for places: ``home``, the schema of its PostGIS, None where it has none."""

    def __init__(self, dialect: str, home: str | None = None) -> None:
        self._dialect = dialect
        self._home = home
        self._named = 0

    @property
    def exact(self) -> bool:
        """Whether the database compares geometries, not only their boxes."""
        return self._home is not None

    def condition(self, node: Node, *, wanted: bool = True) -> Condition:
        """What holds of every item of which the filter is true (``wanted``), or false (not ``wanted``).

        Without PostGIS it is exact unless the filter asks for geometries: of those only the boxes are
        compared, and the items found have to be looked at again.
        """
        match node:
            case Always(value):
                return sa.true() if value is wanted else sa.false()
            case And(nodes):
                each = [self.condition(one, wanted=wanted) for one in nodes]
                return sa.and_(*each) if wanted else sa.or_(*each)
            case Or(nodes):
                each = [self.condition(one, wanted=wanted) for one in nodes]
                return sa.or_(*each) if wanted else sa.and_(*each)
            case Not(inner):
                return self.condition(inner, wanted=not wanted)
            case Spatial(op, geometry) if self.exact:
                told = self._relates(op, geometry)
                return told if wanted else sa.not_(told)
            case Spatial(op, geometry):
                # only what is not apart is sure to overlap in boxes
                return overlaps(geometry) if (op != "s_disjoint") is wanted else sa.true()
            case IsNull(asked) if asked.kind == "geometry":
                return sa.false() if wanted else sa.true()
            case _:
                plain = _plain(node, self._dialect)
                return plain if wanted else sa.not_(plain)

    def meets(self, area: BaseGeometry) -> Condition:
        """The item meets an area, or at least its box a box of the area."""
        if not self.exact:
            return overlaps(area)
        return sa.and_(overlaps(area), self._relates("s_intersects", area))

    def near(self, area: BaseGeometry, search: Search) -> sa.CompoundSelect[int]:
        """The ``seq`` of the items in a box of the area that overlap the search's time, by an index.

        It may tell of a few more, as the R*Tree rounds outwards; PostGIS tells of those that meet the area.
        """
        if self._home is not None:
            return _near_in_postgis(self._home, area, search)
        return _near_in_tree(area, search) if self._dialect == "sqlite" else _near_in_boxes(area, search)

    def _relates(self, op: str, geometry: BaseGeometry) -> Condition:
        assert self._home is not None
        self._named += 1
        told = relates(self._home, op, geometry, f"ground_{self._named}")
        here = grounds()
        return sa.exists().where(here.c.seq == items.c.seq, told).correlate(items)


def offered(offers: Sequence[Offer]) -> Condition:
    """The item is for sale in one of these offers."""
    c = items.c
    return sa.or_(
        sa.false(), *(sa.and_(c.lot.in_(sorted(one.lots)), c.end_us <= one.until_us) for one in offers)
    )


def _plain(node: Compare | OneOf | Like | IsNull, dialect: str) -> Condition:
    column = items.c[node.property.column]
    match node:
        case IsNull():
            return column.is_(None)
        case OneOf(_, values):
            return column.in_(values)
        case Like(_, pattern):
            if dialect == "sqlite":  # its LIKE takes a and A for the same
                return column.op("GLOB", is_comparison=True)(_glob(pattern))
            return column.like(_like(pattern), escape="\\")
        case Compare(op, _, value):
            right: Any = items.c[value.column] if isinstance(value, Queryable) else value
            compared: Condition = _OPERATORS[op](column, right)
            return compared


def overlaps(area: BaseGeometry) -> Condition:
    """The item's box meets a box of the area."""
    c = items.c
    return sa.or_(
        *(
            sa.and_(c.west <= east, c.east >= west, c.south <= north, c.north >= south)
            for west, south, east, north in boxes_of(area)
        )
    )


def _near_in_tree(area: BaseGeometry, search: Search) -> sa.CompoundSelect[int]:
    places = sa.table("archive_places", *map(sa.column, ("seq", "west", "east", "south", "north",
                                                         "start_day", "end_day")))  # fmt: skip
    time = []
    if search.start_us is not None:
        time.append(places.c.end_day >= (search.start_us - DAYS_FROM_US) / DAY_US)
    if search.end_us is not None:
        time.append(places.c.start_day <= (search.end_us - DAYS_FROM_US) / DAY_US)
    each = [
        sa.select(places.c.seq).where(
            places.c.west <= east, places.c.east >= west, places.c.south <= north,
            places.c.north >= south, *time,
        )
        for west, south, east, north in boxes_of(area)
    ]  # fmt: skip
    return sa.union(*each)


def _near_in_boxes(area: BaseGeometry, search: Search) -> sa.CompoundSelect[int]:
    # as the index is written, or PostgreSQL does not know it again
    placed = sa.text(
        "box(point(archive_items.west, archive_items.south), point(archive_items.east, archive_items.north))"
        " && box(point(:west, :south), point(:east, :north))"
    )
    timed = _timed("int8range(archive_items.start_us, archive_items.end_us, '[]')", search)
    each = [
        sa.select(items.c.seq).where(_bound(placed, number, bounds), *timed)
        for number, bounds in enumerate(boxes_of(area))
    ]
    return sa.union(*each)


def _near_in_postgis(home: str, area: BaseGeometry, search: Search) -> sa.CompoundSelect[int]:
    told = relates(home, "s_intersects", area, "area")
    return sa.union(sa.select(grounds().c.seq).where(told, *_timed("archive_grounds.during", search)))


def _timed(column: str, search: Search) -> list[sa.TextClause]:
    """That a range of times overlaps the search's."""
    if search.start_us is None and search.end_us is None:
        return []
    told = sa.text(f"{column} && int8range(CAST(:start AS bigint), CAST(:end AS bigint), '[]')")
    return [told.bindparams(start=search.start_us, end=search.end_us)]


def _bound(text: sa.TextClause, number: int, bounds: tuple[float, float, float, float]) -> sa.TextClause:
    names = ("west", "south", "east", "north")
    renamed = text.text
    for name in names:
        renamed = renamed.replace(f":{name}", f":{name}_{number}")
    values = {f"{name}_{number}": value for name, value in zip(names, bounds, strict=True)}
    return sa.text(renamed).bindparams(**values)


def ordering(
    sort: Sequence[SortKey], table: sa.FromClause = items, *, by_index: bool = True
) -> list[ColumnElement[Any]]:
    """The order of a search; items without a property last, ties as they were added, or the reverse.

    ``by_index``: False keeps the database from taking an index for it.
    """
    keys: list[ColumnElement[Any]] = []
    for key in sort:
        column: Any = table.c[key.property.column]
        if column.nullable:
            keys.append(column.is_(None))
        if not by_index and key.property.kind != "flag":
            column = column.op("||")("") if key.property.kind == "text" else column.op("+")(0)
        keys.append(column.desc() if key.descending else column.asc())
    return [*keys, table.c.seq.desc() if sort[0].descending else table.c.seq.asc()]


def after(
    sort: Sequence[SortKey], values: Sequence[Value], number: int, table: sa.FromClause = items
) -> Condition:
    """What comes after the item with these values of the sort keys."""
    later: list[Condition] = []
    same: list[Condition] = []
    for key, value in zip(sort, values, strict=True):
        column = table.c[key.property.column]
        if value is None:
            same.append(column.is_(None))
            continue
        beyond = column < value if key.descending else column > value
        if column.nullable:
            beyond = sa.or_(beyond, column.is_(None))
        later.append(sa.and_(*same, beyond))
        same.append(column == value)
    seq = table.c.seq < number if sort[0].descending else table.c.seq > number
    rest = sa.or_(*later, sa.and_(*same, seq))
    first, value = table.c[sort[0].property.column], values[0]
    if first.nullable or value is None:
        return rest
    # says nothing new, but tells the database where in its index to begin
    return sa.and_(first <= value if sort[0].descending else first >= value, rest)


def _glob(pattern: str) -> str:
    wild = {"%": "*", "_": "?"}
    return "".join(
        wild[one] if is_wild else f"[{one}]" if one in "*?[" else one for one, is_wild in like_parts(pattern)
    )


def _like(pattern: str) -> str:
    return "".join(
        one if is_wild or one not in "%_\\" else f"\\{one}" for one, is_wild in like_parts(pattern)
    )
