"""Values as they come in from outside, checked: numbers, texts, boxes and GeoJSON geometries."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import shapely
from shapely.errors import ShapelyError
from shapely.geometry import box, shape
from shapely.geometry.base import BaseGeometry

from comity.core import InputError

#: Most vertices of a geometry and characters of a text that are taken in.
MAX_VERTICES = 5_000
MAX_TEXT = 1_000


def geometry_of(data: object, *, field: str) -> BaseGeometry:
    """A GeoJSON geometry or ``{"bbox": …}`` in lon, lat degrees; :class:`InputError` names ``field``."""
    if isinstance(data, Mapping) and set(data) == {"bbox"}:
        return bbox_of(data["bbox"], field=f"{field}.bbox")
    if not isinstance(data, Mapping) or not isinstance(data.get("type"), str):
        raise InputError(f"{field}: {shown(data)} is no GeoJSON geometry")
    if _vertices(data.get("coordinates", data.get("geometries")), field) > MAX_VERTICES:
        raise InputError(f"{field} has more than {MAX_VERTICES} vertices: simplify it")
    try:
        found: BaseGeometry = shape(dict(data))
        bad = found.is_empty or not found.is_valid
    except (ShapelyError, ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        raise InputError(f"{field}: {shown(data)} is no GeoJSON geometry: {error}") from error
    if bad:
        why = "it is empty" if found.is_empty else shapely.is_valid_reason(found)
        raise InputError(f"{field} is no valid geometry: {why}")
    west, south, east, north = found.bounds
    if not (west >= -180.0 and east <= 180.0 and south >= -90.0 and north <= 90.0):
        raise InputError(
            f"{field} reaches {west:g}, {south:g} … {east:g}, {north:g}: lon −180 … 180, lat −90 … 90 (cut "
            "it at the antimeridian, RFC 7946 section 3.1.9)"
        )
    return shapely.force_2d(found)


def bbox_of(values: object, *, field: str = "bbox") -> BaseGeometry:
    """A box of 4 or 6 numbers (heights are let go); west > east reaches over the antimeridian."""
    if not isinstance(values, Sequence) or isinstance(values, str) or len(values) not in (4, 6):
        raise InputError(f"{field}: give 4 numbers (west, south, east, north) or 6 with heights")
    numbers = [number_of(one, field) for one in values]
    if len(numbers) == 6:
        if numbers[2] > numbers[5]:
            raise InputError(f"{field}: lower height {numbers[2]:g} is above the upper {numbers[5]:g}")
        numbers = [numbers[0], numbers[1], numbers[3], numbers[4]]
    west, south, east, north = numbers
    if south > north:
        raise InputError(f"{field}: south {south:g} is above north {north:g}")
    if not (min(west, east) >= -180.0 and max(west, east) <= 180.0 and south >= -90.0 and north <= 90.0):
        raise InputError(f"{field}: {west:g}, {south:g}, {east:g}, {north:g}: lon −180 … 180, lat −90 … 90")
    if west > east:
        return shapely.MultiPolygon([box(west, south, 180.0, north), box(-180.0, south, east, north)])
    return box(west, south, east, north)


def check_text(value: str, field: str) -> str:
    """A text that every database can hold; raises :class:`InputError`."""
    if len(value) > MAX_TEXT:
        raise InputError(f"{field} has {len(value)} characters: at most {MAX_TEXT}")
    if "\0" in value or any("\ud800" <= one <= "\udfff" for one in value):
        raise InputError(f"{field} holds a character that is no text (NUL or half a surrogate pair)")
    return value


def number_of(data: object, field: str) -> float:
    """A finite number; raises :class:`InputError` naming ``field``."""
    if isinstance(data, bool) or not isinstance(data, int | float):
        raise InputError(f"{field}: {shown(data)} is no number")
    try:
        number = float(data)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise InputError(f"{field}: {shown(data)} is no finite number")
    return number


def _vertices(data: object, field: str, depth: int = 0) -> int:
    """How many positions there are; every number is finite."""
    if depth > 12:
        raise InputError(f"{field} is nested too deeply for a geometry")
    if isinstance(data, Mapping):
        return _vertices(data.get("coordinates", data.get("geometries")), field, depth + 1)
    if not isinstance(data, Sequence) or isinstance(data, str):
        raise InputError(f"{field}: {shown(data)} are no coordinates")
    if data and all(isinstance(one, int | float) for one in data):
        if len(data) not in (2, 3):
            raise InputError(f"{field}: {shown(data)} is no position (lon, lat)")
        for one in data:
            number_of(one, field)
        return 1
    return sum(_vertices(one, field, depth + 1) for one in data)


def shown(data: object) -> str:
    """A value as a message shows it."""
    text = repr(data)
    return text if len(text) <= 80 else text[:77] + "…"
