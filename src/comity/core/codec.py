"""Domain values to and from plain JSON data, driven by their type hints.

One encoding for everything that is stored or sent: dataclasses become objects, :class:`Epoch` ISO
text with nanoseconds, :class:`Interval` ``START/END``, ``Decimal`` text, paths text, geometry GeoJSON,
tuples lists. ``decode(T, encode(x)) == x`` for every supported type.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from functools import cache
from pathlib import PurePath
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from shapely.geometry import mapping, shape
from shapely.geometry.base import BaseGeometry

from comity.core.errors import InputError
from comity.core.money import Money, to_decimal
from comity.core.time import Epoch, Interval

T = TypeVar("T")
Json = Any
_PLAIN = (str, int, float, bool, type(None))


def encode(value: object) -> Json:
    """Plain JSON data of ``value``; an unsupported type raises ``TypeError``."""
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, Epoch):
        return value.iso(9)
    if isinstance(value, Interval):
        return f"{value.start.iso(9)}/{value.end.iso(9)}"
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Money):
        return {"amount": str(value.amount), "currency": value.currency}
    if isinstance(value, BaseGeometry):
        return mapping(value)
    if isinstance(value, PurePath):
        return str(value)
    if is_dataclass(value):
        return {field.name: encode(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple | list | frozenset):
        return [encode(item) for item in (sorted(value) if isinstance(value, frozenset) else value)]
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    raise TypeError(f"no JSON form for {type(value).__name__}")


def decode(kind: type[T], data: Json) -> T:
    """The value of type ``kind`` that :func:`encode` made ``data`` from.

    Raises :class:`InputError` naming the type when the data does not fit it.
    """
    try:
        return cast(T, _decoder(cast(Any, kind))(data))
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise InputError(f"not the stored form of a {kind.__name__}: {error}") from error


@cache
def _decoder(kind: Any) -> Callable[[Json], Any]:
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        inner = _decoder(next(a for a in args if a is not type(None)))
        return lambda data: None if data is None else inner(data)
    if origin is Literal:
        return _literal(args)
    if origin in (tuple, list):
        return _sequence(origin, args)
    if origin in (dict, Mapping):
        key, item = _key(args[0]), _decoder(args[1])
        return lambda data: {key(k): item(v) for k, v in data.items()}
    if kind is Money:
        return lambda data: Money(to_decimal(data["amount"]), data["currency"])
    if kind is Epoch:
        return Epoch.from_iso
    if kind is Interval:
        return Interval.from_iso
    if kind is Decimal:
        return to_decimal
    if isinstance(kind, type) and issubclass(kind, BaseGeometry):
        return shape
    if isinstance(kind, type) and issubclass(kind, PurePath):
        return kind
    if isinstance(kind, type) and is_dataclass(kind):
        return _dataclass(kind)
    if kind is float:
        return lambda data: None if data is None else float(data)
    return lambda data: data


def _literal(options: tuple[Any, ...]) -> Callable[[Json], Any]:
    def check(data: Json) -> Any:
        if data not in options:
            raise ValueError(f"{data!r} is not one of {', '.join(map(str, options))}")
        return data

    return check


def _key(kind: Any) -> Callable[[str], Any]:
    return int if kind is int else str


def _sequence(origin: type, args: tuple[Any, ...]) -> Callable[[Json], Any]:
    if origin is tuple and not (len(args) == 2 and args[1] is Ellipsis):
        items = [_decoder(a) for a in args]
        return lambda data: tuple(item(d) for item, d in zip(items, data, strict=True))
    item = _decoder(args[0])
    return lambda data: origin(item(d) for d in data)


def _dataclass(kind: type) -> Callable[[Json], Any]:
    hints = get_type_hints(kind)
    decoders = {field.name: hints[field.name] for field in fields(kind)}
    resolved: dict[str, Callable[[Json], Any]] = {}

    def build(data: Json) -> Any:
        if not resolved:
            resolved.update({name: _decoder(hint) for name, hint in decoders.items()})
        return kind(**{name: resolved[name](value) for name, value in data.items()})

    return build
