"""Looking into answers: fields, links, times, geometries, schemas. What is not so is :class:`NotSoError`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from comity.core import ComityError, Epoch
from comity.server.conformance.findings import NotSoError

#: GeoJSON geometry type → how deep its positions lie in ``coordinates``.
_DEPTHS = {
    "Point": 0, "MultiPoint": 1, "LineString": 1, "MultiLineString": 2, "Polygon": 2, "MultiPolygon": 3,
}  # fmt: skip
_TYPES = ("string", "number", "integer", "boolean", "object", "array", "null")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def need(content: Mapping[str, Any], where: str, **kinds: type | tuple[type, ...]) -> None:
    """Fields that must be there, with their kinds."""
    if not isinstance(content, Mapping):
        raise NotSoError(f"{where} is a {type(content).__name__}, not an object")
    missing = [name for name in kinds if name not in content]
    if missing:
        near = get_close_matches(missing[0], map(str, content), n=1, cutoff=0.5)
        other = f"; it has {near[0]!r}" if near else ""
        raise NotSoError(f"{where} has no {', '.join(map(repr, missing))}{other}")
    for name, kind in kinds.items():
        if not isinstance(content[name], kind):
            raise NotSoError(f"{where}: {name!r} is a {type(content[name]).__name__}")


def need_value(content: Mapping[str, Any], where: str, **values: object) -> None:
    """Fields that must have just this value."""
    for name, value in values.items():
        if name not in content:
            raise NotSoError(f"{where} has no {name!r}; it must be {value!r}")
        if content[name] != value:
            raise NotSoError(f"{where}: {name!r} is {str(content[name])[:80]!r}, not {value!r}")


def links_of(content: Mapping[str, Any], where: str) -> list[dict[str, Any]]:
    """The links of a document, each with an address and a relation."""
    links = content.get("links")
    if not isinstance(links, list):
        raise NotSoError(f"{where} has no list of links")
    for each in links:
        if not isinstance(each, dict) or not all(isinstance(each.get(k), str) for k in ("href", "rel")):
            raise NotSoError(f"{where}: {str(each)[:80]} is no link: it needs href and rel")
    return links


def link_of(content: Mapping[str, Any], rel: str, where: str) -> dict[str, Any]:
    """The first link of this relation."""
    links = links_of(content, where)
    for each in links:
        if each["rel"] == rel:
            return each
    near = get_close_matches(rel, [each["rel"] for each in links], n=2, cutoff=0.55)
    other = f"; it has {' and '.join(map(repr, near))}" if near else ""
    raise NotSoError(f"{where} has no link with rel {rel!r}{other}")


def has_link(content: Mapping[str, Any], rel: str) -> bool:
    """Whether there is a link of this relation."""
    links = content.get("links")
    return isinstance(links, list) and any(isinstance(e, dict) and e.get("rel") == rel for e in links)


def objects(content: Mapping[str, Any], name: str, where: str) -> list[dict[str, Any]]:
    """The objects of a list."""
    need(content, where, **{name: list})
    found: list[dict[str, Any]] = content[name]
    for number, each in enumerate(found):
        if not isinstance(each, dict):
            raise NotSoError(f"{where}: {name}[{number}] is a {type(each).__name__}, not an object")
    return found


def moment(text: object, where: str) -> Epoch:
    """An RFC 3339 time with its zone."""
    if not isinstance(text, str) or not _TIME.fullmatch(text):
        raise NotSoError(f"{where}: {str(text)[:60]!r} is not an RFC 3339 time with a zone")
    try:
        return Epoch.from_iso(text.upper())
    except ComityError as error:
        raise NotSoError(f"{where}: {error}") from error


def span(text: object, where: str) -> tuple[Epoch, Epoch]:
    """The two ends of a closed interval, the first not after the second."""
    parts = text.split("/") if isinstance(text, str) else []
    if len(parts) != 2:
        raise NotSoError(f"{where}: {str(text)[:60]!r} is not an interval START/END")
    start, end = (moment(part, where) for part in parts)
    if end < start:
        raise NotSoError(f"{where}: {text!r} ends before it starts")
    return start, end


def geometry(content: object, where: str) -> list[Sequence[float]]:
    """The positions of a GeoJSON geometry, each checked to be one."""
    if not isinstance(content, Mapping) or content.get("type") not in _DEPTHS:
        kind = content.get("type") if isinstance(content, Mapping) else content
        raise NotSoError(f"{where}: {str(kind)[:40]!r} is no type of a GeoJSON geometry")
    level = [content.get("coordinates")]
    for _ in range(_DEPTHS[content["type"]]):
        level = [part for node in level for part in _parts(node, where)]
    for place in level:
        _position(place, where)
    if content["type"].endswith("Polygon"):
        rings = content["coordinates"]
        for ring in rings if content["type"] == "Polygon" else [ring for part in rings for ring in part]:
            if len(ring) < 4 or ring[0] != ring[-1]:
                raise NotSoError(f"{where}: a ring needs four positions or more, the last like the first")
    return level  # type: ignore[return-value]


def _parts(node: object, where: str) -> list[Any]:
    if not isinstance(node, list) or not node:
        raise NotSoError(f"{where}: coordinates are not nested as its type asks for")
    return node


def _position(place: object, where: str) -> None:
    numbers = isinstance(place, list) and len(place) in (2, 3)
    if not numbers or not all(isinstance(v, int | float) and not isinstance(v, bool) for v in place):  # type: ignore[attr-defined]
        raise NotSoError(f"{where}: {str(place)[:60]} is not a position [lon, lat]")
    lon, lat = place[:2]  # type: ignore[index]
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        raise NotSoError(f"{where}: {lon}, {lat} is outside lon ±180, lat ±90 (WGS-84, lon first)")


def bbox(content: object, places: Sequence[Sequence[float]], where: str) -> None:
    """A bounding box (RFC 7946 §5) that holds the positions."""
    numbers = isinstance(content, list) and all(isinstance(v, int | float) for v in content)
    if not numbers or len(content) not in (4, 6):  # type: ignore[arg-type]
        raise NotSoError(f"{where}: bbox {str(content)[:60]} is not of 4 or 6 numbers")
    half = len(content) // 2  # type: ignore[arg-type]
    west, south, east, north = (content[k] for k in (0, 1, half, half + 1))  # type: ignore[index]
    slack = 1e-4
    for lon, lat, *_ in places:
        across = west <= lon + slack or lon - slack <= east
        within = west - slack <= lon <= east + slack if west <= east else across
        if not (within and south - slack <= lat <= north + slack):
            raise NotSoError(f"{where}: bbox {content} does not hold its geometry, e.g. {lon}, {lat}")


def schema(content: Mapping[str, Any], where: str) -> None:
    """A JSON Schema that is not empty, as far as can be seen without resolving it."""
    if not any(content.get(name) for name in ("properties", "$ref", "allOf", "anyOf", "oneOf")):
        raise NotSoError(f"{where} is {str(content)[:120]}: it says nothing of any property")
    for name, each in schemas(content):
        kinds = each.get("type", [])
        for kind in kinds if isinstance(kinds, list) else [kinds]:
            if kind not in _TYPES:
                raise NotSoError(
                    f"{where}: {name} has type {str(kind)[:40]!r}, which JSON Schema does not know"
                )
        enum = each.get("enum", [])
        required = each.get("required", [])
        if not isinstance(enum, list) or not isinstance(required, list):
            raise NotSoError(f"{where}: {name}: enum and required are lists")
        if isinstance(each.get("pattern"), str):
            try:
                re.compile(each["pattern"])
            except re.error as error:
                raise NotSoError(f"{where}: the pattern of {name} is none: {error}") from error


def schemas(
    content: Mapping[str, Any], name: str = "it", depth: int = 0
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """A schema and those of its properties, by name."""
    if depth > 20:
        raise NotSoError("a schema is nested more than 20 deep")
    yield name, content
    fields = content.get("properties", {})
    if not isinstance(fields, Mapping):
        raise NotSoError(f"properties of {name} is a {type(fields).__name__}")
    for each, of in fields.items():
        if isinstance(of, bool):
            continue
        if not isinstance(of, Mapping):
            raise NotSoError(f"property {each} is a {type(of).__name__}, not a schema")
        yield from schemas(of, each, depth + 1)
