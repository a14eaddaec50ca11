"""Filters: CQL2 JSON over a product's queryables, as limits of a request and as a test of opportunities.

What a request can hold as a limit (GSD, off-nadir angle, height of the Sun, cloud) is taken out of the
filter and searched with; all of it is then tested on each opportunity. Of cloud nothing is known beforehand:
it may stand only as a limit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cql2 import Expr

from comity.server.problems import FieldError

Properties = Mapping[str, Any]
Test = Callable[[Properties], bool]

CLOUD = "eo:cloud_cover"
GSD = "gsd"
OFF_NADIR = "view:off_nadir"
SUN = "view:sun_elevation"
#: Queryable → the comparison that bounds it from the side that is a request's limit.
LIMITS = {CLOUD: "<=", GSD: "<=", OFF_NADIR: "<=", SUN: ">="}

MAX_NODES = 200
MAX_DEPTH = 12
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: bool(a == b),
    "<>": lambda a, b: bool(a != b),
    "<": lambda a, b: bool(a < b),
    "<=": lambda a, b: bool(a <= b),
    ">": lambda a, b: bool(a > b),
    ">=": lambda a, b: bool(a >= b),
}
_MIRROR = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "<>": "<>"}
_OPERATORS = ("and", "or", "not", *_COMPARE, "between", "in", "like", "isNull")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """A filter, read: the limits in it (None where there is none) and the test of what is found.

    ``max_cloud``: 0…1. ``bound``: whether the limits say all of it, so that an order can hold it.
    """

    max_cloud: float | None = None
    max_gsd_m: float | None = None
    max_off_nadir_deg: float | None = None
    min_sun_elevation_deg: float | None = None
    bound: bool = True
    test: Test | None = None

    def limits(self) -> dict[str, float | None]:
        """As :func:`comity.operations.draft_request` takes them."""
        return {
            "max_cloud": self.max_cloud,
            "max_gsd_m": self.max_gsd_m,
            "max_off_nadir_deg": self.max_off_nadir_deg,
            "min_sun_elevation_deg": self.min_sun_elevation_deg,
        }


def read_filter(content: Mapping[str, Any] | None, queryables: Mapping[str, Any], *, field: str) -> Filter:
    """Read a CQL2 JSON filter against a product's queryables (name → JSON Schema).

    Raises :class:`FieldError`: not CQL2 JSON, an operator or a property that is not offered, a value of
    another type or beyond the queryable's range, too large, or cloud used otherwise than as an upper limit.
    """
    if not content:
        return Filter()
    _check_size(content, field)
    try:
        Expr(dict(content)).validate()
    except Exception as error:
        raise FieldError(
            f"it is not CQL2 JSON: {str(error)[:200]}", field=field, value=str(content)
        ) from error
    reader = _Reader(queryables, field)
    found = Filter()
    tests: list[Test] = []
    for term in _conjuncts(content):
        limit = reader.limit(term)
        if limit is not None:
            found = _tightened(found, *limit)
            if limit[0] == CLOUD:
                continue
        else:
            found = replace(found, bound=False)
        tests.append(reader.test(term, field))
    return replace(found, test=(lambda p: all(test(p) for test in tests)) if tests else None)


def _check_size(content: Any, field: str) -> None:
    nodes, level = 0, [content]
    for _ in range(MAX_DEPTH):
        nodes += len(level)
        if nodes > MAX_NODES:
            raise FieldError(f"it has more than {MAX_NODES} parts", field=field, limit=MAX_NODES)
        level = [part for node in level for part in _parts(node)]
        if not level:
            return
    raise FieldError(f"it is nested more than {MAX_DEPTH} deep", field=field, limit=MAX_DEPTH)


def _parts(node: Any) -> list[Any]:
    if isinstance(node, Mapping):
        return list(node.values())
    return list(node) if isinstance(node, list) else []


def _conjuncts(term: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if term.get("op") == "and":
        for part in term["args"]:
            yield from _conjuncts(part)
    else:
        yield term


def _tightened(found: Filter, name: str, value: float) -> Filter:
    if name == CLOUD:
        old = found.max_cloud
        return replace(found, max_cloud=value / 100.0 if old is None else min(old, value / 100.0))
    if name == GSD:
        return replace(found, max_gsd_m=min(value, found.max_gsd_m or math.inf))
    if name == OFF_NADIR:
        old = found.max_off_nadir_deg
        return replace(found, max_off_nadir_deg=value if old is None else min(old, value))
    old = found.min_sun_elevation_deg
    return replace(found, min_sun_elevation_deg=value if old is None else max(old, value))


class _Reader:
    def __init__(self, queryables: Mapping[str, Any], field: str) -> None:
        self._queryables = queryables
        self._field = field

    def limit(self, term: Mapping[str, Any]) -> tuple[str, float] | None:
        """The queryable and value of a comparison that is a request's limit."""
        if term.get("op") not in _COMPARE:
            return None
        name, op, value = self._comparison(term, self._field)
        if name not in LIMITS or op not in (LIMITS[name], LIMITS[name][0]):
            return None
        return name, float(value)

    def test(self, term: Any, where: str) -> Test:
        """The test that a term stands for."""
        op = term.get("op") if isinstance(term, Mapping) else None
        if op not in _OPERATORS:
            raise FieldError(
                f"operator {op!r} is not offered: use {', '.join(_OPERATORS)}",
                field=where,
                value=str(op),
                limit=", ".join(_OPERATORS),
            )
        args = term["args"]
        if op in ("and", "or"):
            tests = [self.test(arg, f"{where}.args.{n}") for n, arg in enumerate(args)]
            every = all if op == "and" else any
            return lambda p: every(test(p) for test in tests)
        if op == "not":
            inner = self.test(args[0], f"{where}.args.0")
            return lambda p: not inner(p)
        if op in _COMPARE:
            name, op, value = self._comparison(term, where)
            self._no_cloud(name, where)
            compare = _COMPARE[op]
            return lambda p: p.get(name) is not None and compare(p[name], value)
        name = self._name(args[0], f"{where}.args.0")
        self._no_cloud(name, where)
        if op == "isNull":
            return lambda p: p.get(name) is None
        if op == "between":
            low, high = (self._value(name, arg, f"{where}.args") for arg in args[1:3])
            return lambda p: p.get(name) is not None and low <= p[name] <= high
        if op == "in":
            if not isinstance(args[1], list):
                raise FieldError("'in' takes a list of values", field=f"{where}.args.1", value=str(args[1]))
            allowed = {self._value(name, arg, f"{where}.args.1") for arg in args[1]}
            return lambda p: p.get(name) in allowed
        if not isinstance(args[1], str):
            raise FieldError("'like' takes a text", field=f"{where}.args.1", value=str(args[1]))
        pattern = args[1]
        return lambda p: isinstance(p.get(name), str) and _like(p[name], pattern)

    def _comparison(self, term: Mapping[str, Any], where: str) -> tuple[str, str, Any]:
        left, right = term["args"]
        op = str(term["op"])
        if isinstance(right, Mapping) and "property" in right:
            left, right, op = right, left, _MIRROR[op]
        name = self._name(left, f"{where}.args.0")
        return name, op, self._value(name, right, f"{where}.args.1")

    def _name(self, arg: Any, where: str) -> str:
        name = arg.get("property") if isinstance(arg, Mapping) else None
        if not isinstance(name, str) or set(arg) != {"property"}:
            raise FieldError(
                "a property of the product is compared with a value", field=where, value=str(arg)
            )
        if name not in self._queryables:
            known = ", ".join(self._queryables)
            raise FieldError(
                f"{name[:80]!r} is not a queryable of this product; it has {known}",
                field=where,
                value=name,
                limit=known,
            )
        return name

    def _value(self, name: str, value: Any, where: str) -> Any:
        schema = self._queryables[name]
        if schema["type"] == "number":
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise FieldError(f"{name} is compared with a number", field=where, value=str(value))
            for bound, beyond in (
                ("minimum", value < schema.get("minimum", -math.inf)),
                ("maximum", value > schema.get("maximum", math.inf)),
            ):
                if beyond:
                    raise FieldError(
                        f"{value:g} is beyond the {bound} {schema[bound]:g} of {name}",
                        field=where,
                        value=value,
                        limit=schema[bound],
                    )
            return value
        if not isinstance(value, str):
            raise FieldError(f"{name} is compared with a text", field=where, value=str(value))
        allowed = schema.get("enum")
        if allowed is not None and value not in allowed:
            known = ", ".join(allowed)
            raise FieldError(
                f"{name} has no value {value[:80]!r}; it has {known}", field=where, value=value, limit=known
            )
        return value

    def _no_cloud(self, name: str, where: str) -> None:
        if name == CLOUD:
            raise FieldError(
                f"{CLOUD} is the most cloud that is accepted: give it as "
                '{"op": "<=", "args": [{"property": "eo:cloud_cover"}, 20]}, alone or joined by "and"',
                field=where,
                limit="<=",
            )


def _like(text: str, pattern: str) -> bool:
    """SQL's LIKE (``%`` any text, ``_`` one character), in time of length × length at worst."""
    at, star, resume, k = 0, -1, 0, 0
    while at < len(text):
        if k < len(pattern) and pattern[k] == "%":
            star, resume, k = k, at, k + 1
        elif k < len(pattern) and pattern[k] in ("_", text[at]):
            at, k = at + 1, k + 1
        elif star >= 0:
            resume += 1
            at, k = resume, star + 1
        else:
            return False
    return not pattern[k:].strip("%")
