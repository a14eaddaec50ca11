"""What each field of the planning model may hold: one table for the reader and the JSON Schema."""

from __future__ import annotations

import math
import types
from collections.abc import Callable
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from comity.core import Epoch, InputError

Json = Any

#: Least and most of numbers, by class and field; (0, None) is "at least 0". ``above`` excludes the least.
_AT_LEAST_0 = {
    "Battery": ("initial_j", "least_j", "idle_w", "imaging_w", "slew_w", "sending_w", "charge_w"),
    "Capacity": ("most", "amounts"),
    "Contact": ("start_s", "end_s"),
    "Downlink": ("start_s", "end_s"),
    "Duty": ("most_s", "most_count", "spans"),
    "Exclusive": ("span",),
    "Load": ("bits",),
    "Opportunity": ("start_s", "end_s", "duration_s", "bits", "power_w", "probability", "cells"),
    "Activity": ("start_s",),
    "Partner": ("fair_fraction", "alone_value"),
    "PlanningProblem": ("frozen_until_s", "churn_price"),
    "Request": ("value", "release_s", "due_s", "cells", "periods", "spacing_s",
                "deliver_within_s", "deliver_by_s"),
    "Group": ("most",),
    "Satellite": ("ready_s", "memory_bits", "stored_bits", "sending_gap_s"),
    "Share": ("most_s", "most_count"),
    "Slew": ("settle_s",),
    "SlewPiece": ("upto_rad", "base_s", "s_per_rad"),
    "Station": ("setup_s",),
    "Transition": ("least_s",),
}  # fmt: skip
_ABOVE_0 = {
    "Battery": ("capacity_j", "sample_step_s"),
    "Contact": ("rate_bps",),
    "Opportunity": ("step_s",),
    "PlanningProblem": ("horizon_s",),
    "Slew": ("rate_rad_s", "acceleration_rad_s2"),
}
_AT_LEAST_1 = {"Request": ("tries", "views", "tier"), "Station": ("antennas",)}
_AT_MOST_1 = {"Opportunity": ("probability",), "Partner": ("fair_fraction",), "Request": ("cells",)}


class Misfit(Exception):
    """Data that does not fit its field; each level on the way up puts its own name before it."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}" if where else what)
        self.where, self.what = where, what

    def within(self, name: str) -> Misfit:
        """The same, seen from one level up."""
        joint = "" if self.where.startswith("[") or not self.where else "."
        return Misfit(f"{name}{joint}{self.where}", self.what)


def bounds_of(kind: str, field: str) -> dict[str, float]:
    """Limits of a field's numbers in JSON Schema's words: ``minimum``, ``exclusiveMinimum``, ``maximum``."""
    limits: dict[str, float] = {}
    if field in _AT_LEAST_0.get(kind, ()):
        limits["minimum"] = 0
    if field in _ABOVE_0.get(kind, ()):
        limits["exclusiveMinimum"] = 0
    if field in _AT_LEAST_1.get(kind, ()):
        limits["minimum"] = 1
    if field in _AT_MOST_1.get(kind, ()):
        limits["maximum"] = 1
    return limits


def is_required(field: Field[Any]) -> bool:
    """Whether a field has no default."""
    return field.default is MISSING and field.default_factory is MISSING


def read(kind: type, data: Json) -> Any:
    """The ``kind`` that ``data`` describes; raises :class:`Misfit` naming the field."""
    return _dataclass(kind)(data)


@cache
def _dataclass(kind: type) -> Callable[[Json], Any]:
    hints = get_type_hints(kind)
    readers = {f.name: _reader(hints[f.name], bounds_of(kind.__name__, f.name)) for f in fields(kind)}
    required = tuple(f.name for f in fields(kind) if is_required(f))

    def build(data: Json) -> Any:
        if not isinstance(data, dict):
            raise Misfit("", f"must be an object, is {_shown(data)}")
        values = {}
        for name, value in data.items():
            reader = readers.get(name)
            if reader is None:
                raise Misfit("", f"unknown key {_shown(name)}; known: {', '.join(readers)}")
            try:
                values[name] = reader(value)
            except Misfit as misfit:
                raise misfit.within(name) from None
        for name in required:
            if name not in values:
                raise Misfit("", f"{name!r} is missing")
        return kind(**values)

    return build


def _reader(hint: Any, bounds: dict[str, float]) -> Callable[[Json], Any]:
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        inner = _reader(next(a for a in args if a is not type(None)), bounds)
        return lambda data: None if data is None else inner(data)
    if origin is Literal:
        return _literal(args)
    if origin is tuple:
        return _tuple(args, bounds)
    if isinstance(hint, type) and is_dataclass(hint) and hint is not Epoch:
        return _dataclass(hint)
    if hint is float:
        return _number(bounds)
    if hint is int:
        return _whole(bounds)
    if hint is bool:
        return _exactly(bool, "true or false")
    if hint is str:
        return _exactly(str, "text")
    if hint is Epoch:
        return _epoch
    raise TypeError(f"no JSON form for {hint}")


def _exactly(kind: type, name: str) -> Callable[[Json], Any]:
    def text(data: Json) -> Any:
        if type(data) is not kind:
            raise Misfit("", f"must be {name}, is {_shown(data)}")
        return data

    return text


def _literal(options: tuple[Any, ...]) -> Callable[[Json], Any]:
    def check(data: Json) -> Any:
        if not isinstance(data, str) or data not in options:
            raise Misfit("", f"{_shown(data)} is not one of {', '.join(options)}")
        return data

    return check


def _number(bounds: dict[str, float]) -> Callable[[Json], float]:
    least, above, most = (bounds.get(k) for k in ("minimum", "exclusiveMinimum", "maximum"))

    def number(data: Json) -> float:
        if type(data) is not float and type(data) is not int:
            raise Misfit("", f"must be a number, is {_shown(data)}")
        try:
            value = float(data)
        except OverflowError:
            value = math.inf
        if not math.isfinite(value):
            raise Misfit("", "must be a finite number")
        _within(value, least, above, most)
        return value

    return number


def _whole(bounds: dict[str, float]) -> Callable[[Json], int]:
    least, above, most = (bounds.get(k) for k in ("minimum", "exclusiveMinimum", "maximum"))

    def whole(data: Json) -> int:
        if type(data) is float and data.is_integer():
            data = int(data)
        if type(data) is not int:
            raise Misfit("", f"must be a whole number, is {_shown(data)}")
        if abs(data) > 1_000_000_000:
            raise Misfit("", f"must be within ±1e9, is {_shown(data)}")
        _within(data, least, above, most)
        return data

    return whole


def _within(value: float, least: float | None, above: float | None, most: float | None) -> None:
    if least is not None and value < least:
        raise Misfit("", f"must be at least {least}, is {value:g}")
    if above is not None and value <= above:
        raise Misfit("", f"must be above {above}, is {value:g}")
    if most is not None and value > most:
        raise Misfit("", f"must be at most {most}, is {value:g}")


def _tuple(args: tuple[Any, ...], bounds: dict[str, float]) -> Callable[[Json], Any]:
    endless = len(args) == 2 and args[1] is Ellipsis
    readers = [_reader(a, bounds) for a in (args[:1] if endless else args)]

    def items(data: Json) -> tuple[Any, ...]:
        if type(data) is not list:
            raise Misfit("", f"must be a list, is {_shown(data)}")
        if not endless and len(data) != len(readers):
            raise Misfit("", f"must have {len(readers)} items, has {len(data)}")
        values = []
        for k, item in enumerate(data):
            try:
                values.append(readers[0 if endless else k](item))
            except Misfit as misfit:
                raise misfit.within(f"[{k}]") from None
        return tuple(values)

    return items


def _epoch(data: Json) -> Epoch:
    if not isinstance(data, str):
        raise Misfit("", f"must be an ISO 8601 UTC time, is {_shown(data)}")
    try:
        return Epoch.from_iso(data)
    except InputError as error:
        raise Misfit("", str(error)) from None


def _shown(data: Json) -> str:
    text = repr(data)
    return text if len(text) <= 40 else text[:37] + "…"


def check_numbers(value: Any) -> None:
    """Raise :class:`Misfit` where a value of the model, made in Python, holds a number out of its range."""
    kind: Any = type(value)
    for name, check, deep in _checks(kind):
        item = getattr(value, name)
        if item is None:
            continue
        try:
            if deep:
                for k, each in enumerate(item if isinstance(item, tuple) else (item,)):
                    try:
                        check_numbers(each)
                    except Misfit as misfit:
                        id = getattr(each, "id", None)
                        raise misfit.within(f"[{k}]" + (f" ({id})" if id else "")) from None
            else:
                check(item)
        except Misfit as misfit:
            raise misfit.within(name) from None


@cache
def _checks(kind: Any) -> tuple[tuple[str, Callable[[Any], Any], bool], ...]:
    """Fields of ``kind`` that hold numbers or values of the model: name, check, whether to look inside."""
    hints = get_type_hints(kind)
    found: list[tuple[str, Callable[[Any], Any], bool]] = []
    for field in fields(kind):
        hint = hints[field.name]
        if get_origin(hint) in (Union, types.UnionType):
            hint = next(a for a in get_args(hint) if a is not type(None))
        bounds = bounds_of(kind.__name__, field.name)
        inner = get_args(hint)[0] if get_origin(hint) is tuple else hint
        if isinstance(inner, type) and is_dataclass(inner) and inner is not Epoch:
            found.append((field.name, lambda item: item, True))
        elif hint in (float, int):
            found.append((field.name, _number(bounds), False))
        elif get_origin(hint) is tuple and inner is not str:
            found.append((field.name, _numbers_of(bounds), False))
    return tuple(found)


def _numbers_of(bounds: dict[str, float]) -> Callable[[Any], None]:
    number = _number(bounds)

    def check(items: Any) -> None:
        for item in items:
            if isinstance(item, tuple):
                check(item)
            else:
                number(item)

    return check
