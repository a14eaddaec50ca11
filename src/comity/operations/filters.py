"""Filters over the archive: a small tree of known operators, and what it says of one item.

The tree is what a database compiles (:mod:`comity.stores.archive_sql`); :func:`matches` is the meaning it is
held to: logic of three values, as SQL's, where a comparison with a missing value is neither true nor false.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import shapely
from shapely.geometry.base import BaseGeometry

from comity.operations.queryables import Queryable, Value

CompareOp = Literal["=", "<>", "<", "<=", ">", ">="]
SpatialOp = Literal[
    "s_intersects", "s_disjoint", "s_within", "s_contains", "s_equals", "s_touches", "s_crosses", "s_overlaps"
]
_PREDICATES = {
    "s_intersects": shapely.intersects, "s_disjoint": shapely.disjoint, "s_within": shapely.within,
    "s_contains": shapely.contains, "s_equals": shapely.equals, "s_touches": shapely.touches,
    "s_crosses": shapely.crosses, "s_overlaps": shapely.overlaps,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Always:
    """True or false of every item."""

    value: bool


@dataclass(frozen=True, slots=True)
class And:
    """All of them."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any of them."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    node: Node


@dataclass(frozen=True, slots=True)
class Compare:
    """A property and a value, or two properties of one kind (``value`` a :class:`Queryable`)."""

    op: CompareOp
    property: Queryable
    value: str | float | bool | Queryable


@dataclass(frozen=True, slots=True)
class OneOf:
    """A property has one of the values."""

    property: Queryable
    values: tuple[str | float | bool, ...]


@dataclass(frozen=True, slots=True)
class Like:
    """A text follows a pattern: ``%`` any characters, ``_`` one, ``\\`` takes the next as it is."""

    property: Queryable
    pattern: str


@dataclass(frozen=True, slots=True)
class IsNull:
    """An item does not have the property."""

    property: Queryable


@dataclass(frozen=True, slots=True)
class Spatial:
    """How an item's geometry lies to another."""

    op: SpatialOp
    geometry: BaseGeometry


Node = Always | And | Or | Not | Compare | OneOf | Like | IsNull | Spatial


def matches(node: Node, facts: Mapping[str, Value], geometry: BaseGeometry) -> bool | None:
    """Whether an item fulfils a filter; None where a value it asks for is missing.

    ``facts``: the item's values by the queryables' ``column``.
    """
    match node:
        case Always(value):
            return value
        case And(nodes):
            return _all(matches(one, facts, geometry) for one in nodes)
        case Or(nodes):
            found = _all(_opposite(matches(one, facts, geometry)) for one in nodes)
            return _opposite(found)
        case Not(inner):
            return _opposite(matches(inner, facts, geometry))
        case Spatial(op, other):
            return bool(_PREDICATES[op](geometry, other))
        case IsNull(asked):
            return asked.kind != "geometry" and facts.get(asked.column) is None
        case Compare(op, asked, right):
            left = facts.get(asked.column)
            other_value = facts.get(right.column) if isinstance(right, Queryable) else right
            return _compared(op, left, other_value)
        case OneOf(asked, values):
            left = facts.get(asked.column)
            return None if left is None else left in values
        case Like(asked, pattern):
            text = facts.get(asked.column)
            return None if text is None else _like(str(text), pattern)


def conjuncts(node: Node | None) -> Iterator[Node]:
    """The conditions that all have to hold."""
    if isinstance(node, And):
        for one in node.nodes:
            yield from conjuncts(one)
    elif node is not None:
        yield node


def is_exact(node: Node | None) -> bool:
    """Whether a database without geometry can decide the filter alone."""
    match node:
        case Spatial():
            return False
        case And(nodes) | Or(nodes):
            return all(is_exact(one) for one in nodes)
        case Not(inner):
            return is_exact(inner)
        case _:
            return True


def like_parts(pattern: str) -> Iterator[tuple[str, bool]]:
    """The pattern's characters, and whether each is a wildcard."""
    characters = iter(pattern)
    for one in characters:
        if one == "\\":
            yield next(characters, "\\"), False
        else:
            yield one, one in "%_"


def _all(told: Iterator[bool | None]) -> bool | None:
    unsure = False
    for one in told:
        if one is False:
            return False
        unsure = unsure or one is None
    return None if unsure else True


def _opposite(told: bool | None) -> bool | None:
    return None if told is None else not told


def _compared(op: CompareOp, left: Any, right: Any) -> bool | None:
    if left is None or right is None:
        return None
    if op in ("=", "<>"):
        return bool((left == right) is (op == "="))
    if op in ("<", "<="):
        return bool(left < right or (op == "<=" and left == right))
    return bool(left > right or (op == ">=" and left == right))


def _like(text: str, pattern: str) -> bool:
    """Whether a text follows a pattern: in time that grows with both, whatever they are."""
    parts = list(like_parts(pattern))
    at, part, star, mark = 0, 0, -1, 0
    while at < len(text):
        wild = part < len(parts) and parts[part][1]
        if wild and parts[part][0] == "%":
            star, mark, part = part, at, part + 1
        elif part < len(parts) and (wild or parts[part][0] == text[at]):
            at, part = at + 1, part + 1
        elif star >= 0:
            part, mark = star + 1, mark + 1
            at = mark
        else:
            return False
    return all(wild and one == "%" for one, wild in parts[part:])
