"""What a search asks for, read from a query string or a JSON body; every error names its field."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from comity.core import InputError
from comity.operations.archive import MAX_LIMIT, NEWEST_FIRST, Search, SortKey, sort_key
from comity.operations.filter_reading import filter_of
from comity.operations.filters import Node
from comity.operations.literals import bbox_of, check_text, geometry_of
from comity.operations.queryables import utc_us
from comity.server.problems import FieldError

_MAX_IDS = 1_000
_MAX_SORT = 5
_CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A search as it came in, and (``chosen``) which fields of the items are wanted."""

    search: Search
    chosen: bool = False
    include: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()


def from_query(
    owner: str | None,
    *,
    limit: int,
    bbox: str | None = None,
    datetime: str | None = None,
    intersects: str | None = None,
    ids: str | None = None,
    collections: str | None = None,
    filter: str | None = None,
    filter_lang: str | None = None,
    filter_crs: str | None = None,
    sortby: str | None = None,
    fields: str | None = None,
    token: str | None = None,
    within: str | None = None,
) -> Asked:
    """A search from the parameters of a GET; ``within``: the collection it is made in."""
    body: dict[str, Any] = {"limit": limit, "datetime": datetime, "token": token, "filter-crs": filter_crs}
    if bbox is not None:
        with _in("query.bbox", bbox):
            body["bbox"] = [_float(one) for one in bbox.split(",")]
    if intersects is not None:
        with _in("query.intersects", intersects):
            body["intersects"] = _json(intersects)
    body["ids"] = None if ids is None else ids.split(",")
    body["collections"] = None if collections is None else collections.split(",")
    if within is not None:
        body["collections"] = [within]
    if sortby is not None:
        # a plus that was not escaped arrives as a space
        body["sortby"] = [
            {"field": one.lstrip("+- "), "direction": "desc" if one.startswith("-") else "asc"}
            for one in sortby.split(",")
        ]
    if fields is not None:
        names = [one for one in fields.split(",") if one.strip("+- ")]
        body["fields"] = {
            "exclude": [one[1:] for one in names if one.startswith("-")],
        }
        if wanted := [one.lstrip("+ ") for one in names if not one.startswith("-")]:
            body["fields"]["include"] = wanted
    if filter is not None:
        lang = filter_lang or "cql2-text"
        with _in("query.filter", filter):
            if lang not in ("cql2-text", "cql2-json"):
                raise FieldError(
                    "filter-lang is cql2-text or cql2-json", field="query.filter-lang", value=filter_lang
                )
            body["filter"] = _text(filter) if lang == "cql2-text" else _json(filter)
    return _asked(owner, body, "query")


def from_body(owner: str | None, body: Mapping[str, Any]) -> Asked:
    """A search from the body of a POST."""
    if body.get("filter-lang") not in (None, "cql2-json"):
        raise FieldError(
            "filter-lang in a body is cql2-json", field="body.filter-lang", value=body["filter-lang"]
        )
    return _asked(owner, body, "body")


def _asked(owner: str | None, body: Mapping[str, Any], where: str) -> Asked:
    search = Search(owner=owner, limit=min(int(body.get("limit") or 10), MAX_LIMIT), after=body.get("token"))
    if body.get("filter-crs") not in (None, _CRS84):
        raise FieldError(
            f"filter-crs is {_CRS84}", field=f"{where}.filter-crs", value=body["filter-crs"], limit=_CRS84
        )
    if body.get("bbox") is not None and body.get("intersects") is not None:
        raise FieldError("give bbox or intersects, not both", field=f"{where}.intersects")
    for name, read in (("bbox", _area), ("intersects", _geometry)):
        if body.get(name) is not None:
            with _in(f"{where}.{name}", body[name]):
                search = replace(search, area=read(body[name]))
    if body.get("ids") is not None:
        with _in(f"{where}.ids", body["ids"], _MAX_IDS):
            search = replace(search, ids=_names(body["ids"], "ids"))
    if body.get("collections") is not None:
        with _in(f"{where}.collections", body["collections"], _MAX_IDS):
            search = replace(search, collections=_names(body["collections"], "collections"))
    if body.get("datetime") is not None:
        with _in(f"{where}.datetime", body["datetime"]):
            start, end = span(body["datetime"])
            search = replace(search, start_us=start, end_us=end)
    if body.get("filter") is not None:
        with _in(f"{where}.filter", body["filter"]):
            search = replace(search, filter=_filter(body["filter"]))
    if body.get("sortby"):
        with _in(f"{where}.sortby", body["sortby"], _MAX_SORT):
            search = replace(search, sort=_sort(body["sortby"]))
    with _in(f"{where}.token", body.get("token")):
        search.place()
    fields = body.get("fields") or {}
    return Asked(
        search=search,
        chosen="fields" in body,
        include=tuple(fields["include"] or ()) if "include" in fields else None,
        exclude=tuple(fields.get("exclude") or ()),
    )


def span(text: str) -> tuple[int | None, int | None]:
    """An instant or an interval of RFC 3339, open ends as ``..`` or nothing, in µs of UTC since 1970."""
    parts = text.split("/")
    if len(parts) > 2:
        raise InputError(f"datetime {text[:80]!r} has more than two ends")
    ends = [None if len(parts) == 2 and one in ("", "..") else utc_us(one) for one in parts]
    if len(ends) == 1:
        return ends[0], ends[0]
    if ends == [None, None]:
        raise InputError("datetime: one end at least must be a time; leave it out to ask for any")
    start, end = ends
    if start is not None and end is not None and start > end:
        raise InputError(f"datetime {text!r} ends before it begins")
    return start, end


def _area(values: object) -> Any:
    return bbox_of(values)


def _geometry(value: object) -> Any:
    return geometry_of(value, field="intersects")


def _names(values: Sequence[str], name: str) -> tuple[str, ...]:
    if len(values) > _MAX_IDS:
        raise InputError(f"{len(values)} {name}: at most {_MAX_IDS}")
    return tuple(dict.fromkeys(check_text(one, name) for one in values))


def _sort(given: Sequence[Mapping[str, Any]]) -> tuple[SortKey, ...]:
    if len(given) > _MAX_SORT:
        raise InputError(f"sortby has {len(given)} fields: at most {_MAX_SORT}")
    keys: dict[str, SortKey] = {}
    for one in given:
        key = sort_key(str(one["field"]), descending=one.get("direction") == "desc")
        keys.setdefault(key.property.name, key)
    return tuple(keys.values()) or NEWEST_FIRST


def _filter(given: object) -> Node:
    import cql2

    try:
        read = cql2.parse_json(json.dumps(given)).to_json()
    except (cql2.ParseError, cql2.ValidationError, ValueError, RecursionError) as error:
        raise InputError(f"filter is no CQL2-JSON: {str(error)[:200]}") from error
    # as it came: what the parser knows as numbers it makes floats
    return filter_of(given if isinstance(given, Mapping | bool) else read)


def _text(given: str) -> object:
    import cql2

    if len(given) > 20_000:
        raise InputError(f"filter has {len(given):,} characters: at most 20,000")
    try:
        return cql2.parse_text(given).to_json()
    except (cql2.ParseError, cql2.ValidationError, ValueError, RecursionError) as error:
        raise InputError(f"filter is no CQL2 text: {' '.join(str(error).split())[:200]}") from error


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"this is no JSON: {error}") from error


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InputError(f"bbox: {text[:40]!r} is no number") from error


@contextmanager
def _in(field: str, value: object, limit: object = None) -> Iterator[None]:
    """Say in which field bad input was."""
    try:
        yield
    except FieldError:
        raise
    except InputError as error:
        raise FieldError(str(error), field=field, value=value, limit=limit) from error
