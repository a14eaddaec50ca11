"""Reading filters: CQL2-JSON as the tree of :mod:`comity.operations.filters`, names and values checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from comity.core import InputError
from comity.operations.filters import (
    Always,
    And,
    Compare,
    CompareOp,
    IsNull,
    Like,
    Node,
    Not,
    OneOf,
    Or,
    Spatial,
    SpatialOp,
)
from comity.operations.literals import check_text, geometry_of, number_of, shown
from comity.operations.queryables import Queryable, day_us, queryable, utc_us

#: Most operators and levels of them, and values of a list, that a filter may have.
MAX_NODES = 500
MAX_DEPTH = 30
MAX_LIST = 1_000

_FLIPPED: dict[str, CompareOp] = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_SPATIAL: dict[str, SpatialOp] = {
    "s_intersects": "s_intersects", "s_disjoint": "s_disjoint", "s_within": "s_within",
    "s_contains": "s_contains", "s_equals": "s_equals", "s_touches": "s_touches", "s_crosses": "s_crosses",
    "s_overlaps": "s_overlaps",
}  # fmt: skip
_TEMPORAL = ("t_after", "t_before", "t_during", "t_intersects", "t_disjoint", "t_equals")
_OPERATORS = (
    "and", "or", "not", *_FLIPPED, "between", "in", "like", "isNull", *_SPATIAL, *_TEMPORAL,
)  # fmt: skip


def filter_of(cql2: object) -> Node:
    """The filter that CQL2-JSON tells; raises :class:`InputError` for what it may not say, naming it."""
    return _Reader().node(cql2, 0)


class _Reader:
    """Reads one filter, counting what it holds."""

    def __init__(self) -> None:
        self._nodes = 0

    def node(self, data: object, depth: int) -> Node:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise InputError(f"filter has more than {MAX_NODES} operators: ask in parts")
        if depth > MAX_DEPTH:
            raise InputError(f"filter is nested deeper than {MAX_DEPTH}: write it flatter")
        if isinstance(data, bool):
            return Always(data)
        if isinstance(data, Mapping) and set(data) == {"property"}:
            asked = queryable(str(data["property"]))
            if asked.kind != "flag":
                raise InputError(f"filter: {asked.name} alone is no condition: compare it with a value")
            return Compare("=", asked, True)
        if not isinstance(data, Mapping) or not isinstance(data.get("op"), str):
            raise InputError(f"filter: {shown(data)} is no CQL2-JSON condition (op and args)")
        op, args = data["op"], data.get("args")
        if not isinstance(args, Sequence) or isinstance(args, str):
            raise InputError(f"filter: args of {shown(op)} must be a list, not {shown(args)}")
        low = op.lower()
        if low in ("and", "or"):
            if len(args) < 2:
                raise InputError(f"filter: {low} takes two conditions or more, not {len(args)}")
            nodes = tuple(self.node(one, depth + 1) for one in args)
            return And(nodes) if low == "and" else Or(nodes)
        if low == "not":
            return Not(self.node(_one(args, "not"), depth + 1))
        if op in _FLIPPED:
            return _compare(op, *_two(args, op))
        if low == "between":
            return self._between(args)
        if low == "in":
            return _one_of(*_two(args, "in"))
        if low == "like":
            return _like(*_two(args, "like"))
        if low == "isnull":
            asked = _property(_one(args, "isNull"))
            return IsNull(asked)
        if low in _SPATIAL:
            return _spatial(_SPATIAL[low], *_two(args, low))
        if low in _TEMPORAL:
            return _temporal(low, *_two(args, low))
        raise InputError(f"filter: operator {shown(op)} is not offered; there are {', '.join(_OPERATORS)}")

    def _between(self, args: Sequence[object]) -> Node:
        # the drafts of CQL2 had the two ends in a list of their own
        if len(args) == 2 and isinstance(args[1], Sequence) and not isinstance(args[1], str):
            args = [args[0], *args[1]]
        if len(args) != 3:
            raise InputError(f"filter: between takes a property and two ends, not {len(args)} arguments")
        asked = _ordered(_property(args[0]), "between")
        low, high = _value(asked, args[1]), _value(asked, args[2])
        return And((Compare(">=", asked, low), Compare("<=", asked, high)))


def _one(args: Sequence[object], op: str) -> object:
    if len(args) != 1:
        raise InputError(f"filter: {op} takes one argument, not {len(args)}")
    return args[0]


def _two(args: Sequence[object], op: str) -> tuple[object, object]:
    if len(args) != 2:
        raise InputError(f"filter: {op} takes two arguments, not {len(args)}")
    return args[0], args[1]


def _is_property(data: object) -> bool:
    return isinstance(data, Mapping) and "property" in data


def _property(data: object) -> Queryable:
    if not isinstance(data, Mapping) or not isinstance(data.get("property"), str):
        raise InputError(f"filter: {shown(data)} is no property")
    return queryable(data["property"])


def _ordered(asked: Queryable, op: str) -> Queryable:
    if asked.kind in ("geometry", "flag"):
        raise InputError(f"filter: {asked.name} is a {asked.kind}: {op} does not go with it")
    return asked


def _compare(op: str, left: object, right: object) -> Node:
    if not _is_property(left):
        if not _is_property(right):
            raise InputError(f"filter: {op} compares a property with a value, and here is none")
        left, right, op = right, left, _FLIPPED[op]
    asked = _property(left)
    if asked.kind == "geometry" or (asked.kind == "flag" and op not in ("=", "<>")):
        raise InputError(f"filter: {asked.name} is a {asked.kind}: {op} does not go with it")
    if _is_property(right):
        other = _property(right)
        if other.kind != asked.kind:
            raise InputError(f"filter: {asked.name} is a {asked.kind}, {other.name} a {other.kind}")
        return Compare(_FLIPPED[_FLIPPED[op]], asked, other)
    return Compare(_FLIPPED[_FLIPPED[op]], asked, _value(asked, right))


def _one_of(left: object, right: object) -> Node:
    asked = _property(left)
    if asked.kind == "geometry":
        raise InputError(f"filter: {asked.name} is a geometry: in does not go with it")
    if not isinstance(right, Sequence) or isinstance(right, str) or not right:
        raise InputError(f"filter: in takes a property and a list of values, not {shown(right)}")
    if len(right) > MAX_LIST:
        raise InputError(f"filter: in has {len(right)} values: at most {MAX_LIST}")
    return OneOf(asked, tuple(dict.fromkeys(_value(asked, one) for one in right)))


def _like(left: object, right: object) -> Node:
    asked = _property(left)
    if asked.kind != "text" or not isinstance(right, str):
        raise InputError(
            f"filter: like takes a text property and a pattern, not {asked.name}, {shown(right)}"
        )
    return Like(asked, check_text(right, f"filter: pattern for {asked.name}"))


def _spatial(op: SpatialOp, left: object, right: object) -> Node:
    if not _is_property(left):
        left, right = right, left
        turned: dict[SpatialOp, SpatialOp] = {"s_within": "s_contains", "s_contains": "s_within"}
        op = turned.get(op, op)
    if _property(left).kind != "geometry":
        raise InputError(f"filter: {op} takes the property geometry, not {_property(left).name}")
    return Spatial(op, geometry_of(right, field=f"filter: {op}"))


def _temporal(op: str, left: object, right: object) -> Node:
    asked = _property(left)
    if asked.kind != "time":
        raise InputError(f"filter: {op} takes a time property, and {asked.name} is a {asked.kind}")
    start, end = _span(right, op)
    after = () if end is None else (Compare(">", asked, end),)
    before = () if start is None else (Compare("<", asked, start),)
    if op == "t_after":
        return Or((*after, Always(False)))
    if op == "t_before":
        return Or((*before, Always(False)))
    apart = Or((*after, *before, Always(False)))
    if op == "t_disjoint":
        return apart
    if op == "t_equals":
        if start is None or start != end:
            return Always(False)  # an instant is no interval
        return Compare("=", asked, start)
    inside: tuple[Node, ...] = (Not(IsNull(asked)),)
    strict = op == "t_during"
    if start is not None:
        inside += (Compare(">" if strict else ">=", asked, start),)
    if end is not None:
        inside += (Compare("<" if strict else "<=", asked, end),)
    return And(inside)


def _span(data: object, op: str) -> tuple[int | None, int | None]:
    if not isinstance(data, Mapping) or "interval" not in data:
        at = _instant(data, op)
        return at, at
    ends = data["interval"]
    if not isinstance(ends, Sequence) or isinstance(ends, str) or len(ends) != 2:
        raise InputError(f"filter: interval of {op} takes two ends, not {shown(ends)}")
    start, end = (None if one == ".." else _instant(one, op) for one in ends)
    if start is not None and end is not None and start > end:
        raise InputError(f"filter: interval of {op} ends before it begins: {shown(ends)}")
    return start, end


def _instant(data: object, name: str) -> int:
    if isinstance(data, Mapping) and isinstance(data.get("timestamp"), str):
        return utc_us(data["timestamp"], field=f"filter: timestamp for {name}:")
    if isinstance(data, Mapping) and isinstance(data.get("date"), str):
        return day_us(data["date"], field=f"filter: date for {name}:")
    if isinstance(data, str):
        if len(data) == 10:
            return day_us(data, field=f"filter: date for {name}:")
        return utc_us(data, field=f"filter: time for {name}:")
    raise InputError(f"filter: {name} is compared with a time, not {shown(data)}")


def _value(asked: Queryable, data: object) -> str | float | bool:
    if asked.kind == "time":
        return _instant(data, asked.name)
    if asked.kind == "number":
        return number_of(data, f"filter: {asked.name}")
    if asked.kind == "flag" and isinstance(data, bool):
        return data
    if asked.kind == "text" and isinstance(data, str):
        return check_text(data, f"filter: value for {asked.name}")
    raise InputError(f"filter: {asked.name} is a {asked.kind}, {shown(data)} is not")
