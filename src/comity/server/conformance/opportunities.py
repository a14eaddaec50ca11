"""Searches that are answered at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

from comity.server.conformance.findings import NotSoError
from comity.server.conformance.probe import Probe, only, unique, walk
from comity.server.conformance.values import (
    bbox,
    geometry,
    has_link,
    links_of,
    need,
    need_value,
    objects,
    span,
)
from comity.server.conformance.wire import document, media_type

_KINDS = ("Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon")
_REFUSED = (400, 413, 422)
_BAD: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a search without datetime": lambda body: {"geometry": body["geometry"]},
    "a search without geometry": lambda body: {"datetime": body["datetime"]},
    "a geometry without coordinates": lambda body: {**body, "geometry": {"type": "Point"}},
    "a geometry of an unknown type": lambda body: {
        **body,
        "geometry": {"type": "Blob", "coordinates": [0, 0]},
    },
    "a latitude of 91°": lambda body: {**body, "geometry": {"type": "Point", "coordinates": [0, 91]}},
    "a filter that is no CQL2": lambda body: {**body, "filter": {"op": "no_such_operator_7c1", "args": [1]}},
    "a body that is a list": lambda body: [body],
}


def check_opportunities(probe: Probe) -> None:
    """Search at once, in every way that the product declares."""
    rule, asked = probe.rules("opportunities"), probe.asked
    href = probe.search_address
    offered = href is not None and any(each.endswith("/opportunities") for each in probe.classes)
    page: dict[str, Any] = {}
    found: list[dict[str, Any]] = []
    with rule("a search is answered by a FeatureCollection of opportunities"):
        only(offered, "no product declares opportunities")
        answer = probe.search(href, asked.body())
        content = document(answer)
        found = objects(content, "features", "the answer")
        links_of(content, "the answer")
        need_value(content, "the answer", type="FeatureCollection")
        page = content
    with rule("every opportunity has the fields that are required"):
        only(page, "there is no answer")
        for each in found:
            name = f"opportunity {each.get('id')!r}"
            need(each, name, properties=dict, type=str, stapi_type=str, stapi_version=str)
            need_value(each, name, type="Feature", stapi_type="Opportunity", stapi_version="0.1.0")
            need(each["properties"], name, datetime=str, product_id=str)
            need_value(each["properties"], name, product_id=probe.product["id"])
    with rule(
        "every opportunity has a geometry in WGS-84, or none and a bbox; a bbox is around its geometry"
    ):
        only(found, "nothing was found")
        for each in found:
            name = f"opportunity {each.get('id')!r}"
            if "geometry" not in each:
                raise NotSoError(f"{name} has no 'geometry'")
            places = [] if each["geometry"] is None else geometry(each["geometry"], name)
            if "bbox" in each or not places:
                bbox(each.get("bbox"), places, name)
    with rule("every opportunity has a geometry and a bbox (required from 0.2 on)", recommended=True):
        only(found, "nothing was found")
        for each in found:
            need(each, f"opportunity {each.get('id')!r}", geometry=dict, bbox=list)
    with rule("every opportunity is in the interval that was asked for"):
        only(found, "nothing was found")
        for each in found:
            start, end = span(each["properties"]["datetime"], f"opportunity {each.get('id')!r}")
            if end < asked.now or start > asked.end:
                raise NotSoError(f"{each['properties']['datetime']} is outside {asked.body()['datetime']}")
    with rule("no opportunity comes twice"):
        only(found, "nothing was found")
        unique([each["id"] for each in found if each.get("id") is not None], "the answer")
    with rule("create-order is on the collection or on every opportunity, with a body"):
        only(page, "there is no answer")
        _orderable(page, found)
    with rule("opportunities are application/geo+json or application/json"):
        only(page, "there is no answer")
        if media_type(answer) not in ("application/geo+json", "application/json"):
            raise NotSoError(f"they are {media_type(answer)!r}")
    with rule("Preference-Applied says how the preference was taken"):
        only(page, "there is no answer")
        told = answer.headers.get("preference-applied")
        if told != "wait":
            raise NotSoError("the header is missing" if told is None else f"it is {told!r}, not 'wait'")
    _check_intervals(probe, href, offered)
    _check_geometries(probe, href, offered)
    _check_refusals(probe, href, offered)
    _check_filters(probe, href, found)
    _check_pages(probe, href, found)


def _check_intervals(probe: Probe, href: str | None, offered: bool) -> None:
    rule, asked = probe.rules("opportunities"), probe.asked
    first, last = asked.now.iso(0), asked.end.iso(0)
    for open_end in (f"{first}/..", f"{first}/", f"../{last}", f"/{last}"):
        with rule(f"an interval open at one end is taken: {open_end}"):
            only(offered, "no product declares opportunities")
            objects(document(probe.search(href, asked.body(open_end))), "features", "the answer")
    for wrong in ("../..", "/", "yesterday", first, f"{last}/{first}"):
        with rule(f"the interval {wrong!r} is refused (4xx)"):
            only(offered, "no product declares opportunities")
            probe.search(href, asked.body(wrong), status=_REFUSED)


def _check_geometries(probe: Probe, href: str | None, offered: bool) -> None:
    rule, asked = probe.rules("opportunities"), probe.asked
    for kind in _KINDS:
        declared = any(each.lower().endswith(f"/{kind.lower()}.json") for each in probe.classes)
        if declared:
            with rule(f"a {kind} is taken: its class is declared"):
                only(offered, "no product declares opportunities")
                probe.search(href, asked.body(geometry=asked.geometry(kind)))
        else:
            with rule(f"a {kind} is refused (4xx): its class is not declared", recommended=True):
                only(offered, "no product declares opportunities")
                probe.search(href, asked.body(geometry=asked.geometry(kind)), status=_REFUSED)


def _check_refusals(probe: Probe, href: str | None, offered: bool) -> None:
    rule = probe.rules("opportunities")
    for name, spoil in _BAD.items():
        with rule(f"{name} is refused (4xx)"):
            only(offered, "no product declares opportunities")
            probe.search(href, spoil(probe.asked.body()), status=_REFUSED)
    with rule("a body that is not JSON is refused (4xx)"):
        only(offered, "no product declares opportunities")
        kind = {"Content-Type": "application/json", "Prefer": "wait"}
        probe.ask.ask("POST", href or "", content=b'{"datetime": ', headers=kind, status=(*_REFUSED, 415))
    with rule("a filter on what is no queryable is refused (4xx)"):
        only(offered, "no product declares opportunities")
        odd = {"op": "=", "args": [{"property": "no_such_queryable_7c1"}, 1]}
        probe.search(href, {**probe.asked.body(), "filter": odd}, status=_REFUSED)
    with rule("a refusal is application/problem+json with its status", recommended=True):
        only(offered, "no product declares opportunities")
        answer = probe.search(href, probe.asked.body("yesterday"), status=_REFUSED)
        if media_type(answer) != "application/problem+json":
            raise NotSoError(f"it is {media_type(answer)!r}")
        need_value(document(answer), "the problem", status=answer.status_code)


def _check_filters(probe: Probe, href: str | None, found: list[dict[str, Any]]) -> None:
    """A queryable that is a number: a limit in the middle of what was found divides the opportunities."""
    rule = probe.rules("opportunities")
    with rule("a filter keeps just what it says"):
        only(found, "nothing was found")
        name, middle = _divider(probe.queryables, found)
        only(name, "no queryable is a number that opportunities have")
        for op in ("<=", ">"):
            filter = {"op": op, "args": [{"property": name}, middle]}
            kept = document(probe.search(href, {**probe.asked.body(), "filter": filter}))
            for each in objects(kept, "features", "the answer"):
                value = each["properties"].get(name)
                if value is not None and (value <= middle) != (op == "<="):
                    raise NotSoError(f"{name} {op} {middle} let {name} = {value} pass")


def _divider(queryables: Mapping[str, Any], found: list[dict[str, Any]]) -> tuple[str, float]:
    fields = queryables.get("properties")
    for name, of in fields.items() if isinstance(fields, dict) else ():
        if isinstance(of, dict) and of.get("type") in ("number", "integer"):
            values = sorted(
                each["properties"][name]
                for each in found
                if isinstance(each["properties"].get(name), int | float)
            )
            if values and values[0] < values[-1]:
                return str(name), float(values[(len(values) - 1) // 2])
    return "", 0.0


def _check_pages(probe: Probe, href: str | None, found: list[dict[str, Any]]) -> None:
    rule = probe.rules("opportunities")
    with rule("limit bounds a page, and next leads through every opportunity once", recommended=True):
        only(len(found) > 1, "fewer than two opportunities were found")
        start = ("POST", href or "", {**probe.asked.body(), "limit": 2})
        some = [each for page in islice(walk(probe.ask, start, "features", 2), 4) for each in page]
        keys = [each.get("id") or (each["properties"]["datetime"], str(each["geometry"])) for each in some]
        unique(keys, "the pages")
        if len(some) < min(len(found), 8):
            raise NotSoError(f"four pages of 2 held {len(some)} of at least {len(found)}")
    with rule("limit 0 is refused (4xx)", recommended=True):
        only(href is not None, "no product declares opportunities")
        probe.search(href, {**probe.asked.body(), "limit": 0}, status=_REFUSED)


def _orderable(page: Mapping[str, Any], found: list[dict[str, Any]]) -> None:
    if not has_link(page, "create-order"):
        for each in found:
            if not has_link(each, "create-order"):
                raise NotSoError("neither the collection nor every opportunity has it")
    for holder in (page, *found):
        for each in links_of({"links": [], **holder}, "an opportunity"):
            whole = each.get("method") == "POST" and isinstance(each.get("body"), dict)
            if each["rel"] == "create-order" and not whole:
                raise NotSoError("a create-order link needs method POST and a body")
