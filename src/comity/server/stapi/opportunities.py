"""Opportunities: searched for at once or later, page by page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Header, Query, Request, Response

from comity.access import ImagingWindow
from comity.core import Epoch, Interval
from comity.fleet import Product, Programme
from comity.imagery import clear_probability
from comity.operations import open_search
from comity.server.dependencies import READS, scoped
from comity.server.identity.caller import Caller
from comity.server.identity.service import machine_now
from comity.server.operator import Operator
from comity.server.problems import FieldError, responses
from comity.server.stapi import wire
from comity.server.stapi.asking import Wish, customer_of, read_wish
from comity.server.stapi.documents import GEOJSON, VERSION, Addresses, json_response, link
from comity.server.stapi.filters import CLOUD, GSD, OFF_NADIR, SUN, Filter
from comity.server.stapi.finder import Finder, Found
from comity.server.stapi.intervals import MAX_S, SYNC_S
from comity.server.stapi.paging import fingerprint, token, token_value
from comity.server.stapi.products import find_product
from comity.server.stapi.searches import record_document
from comity.server.stapi.shapes import bbox, geometry_document

#: The pages of a search are given for so long (s); then it must be asked anew.
PAGES_S = 3600.0
CustomerName = Annotated[
    str | None,
    Query(max_length=200, description="For which customer; only the operator's own people may name one."),
]


def router(operator: Operator, at: Addresses, finder: Finder) -> APIRouter:
    """``POST /products/{productId}/opportunities``."""
    routes = APIRouter(tags=["STAPI opportunities"])

    @routes.post(
        "/products/{product_id}/opportunities",
        operation_id="searchOpportunities",
        summary="Search opportunities",
        openapi_extra=READS,
        responses={
            200: {"model": wire.Opportunities, "description": "Answered at once."},
            201: {"model": wire.SearchRecord, "description": "Will be answered later; see Location."},
            **responses(400, 401, 403, 404, 413, 429),
        },
    )
    def search(
        product_id: str,
        body: wire.SearchBody,
        request: Request,
        caller: Annotated[Caller, scoped("opportunities")],
        prefer: Annotated[str | None, Header(max_length=200)] = None,
        customer: CustomerName = None,
    ) -> Response:
        """Opportunities for a product, in order of time.

        `Prefer: respond-async` has the search kept and answered later; `Prefer: wait`, or none, answers at
        once. `Preference-Applied` says which it was.
        """
        programme = operator.programme
        product = find_product(programme, product_id)
        who = customer_of(programme, caller, customer)
        later = wants_async(prefer)
        start, now = _page_start(body, product.id, operator.now())
        wish = read_wish(
            programme,
            product,
            who,
            datetime=body.datetime,
            geometry=body.geometry,
            filter=body.filter,
            now=now,
            longest_s=MAX_S if later else SYNC_S,
        )
        if later:
            kept = open_search(
                operator.sql, wish.request, wish.asked, licensed=wish.licensed, now=now, at=machine_now()
            )
            request.app.state.background.worker.wake()
            return json_response(
                record_document(kept, wish.asked, wish.request.interval, at),
                status=201,
                headers={
                    "Location": at("searches", "opportunities", kept.id),
                    "Preference-Applied": "respond-async",
                },
            )
        found = finder.find(programme, wish, now)
        features, total = page(programme, product, wish, found, start, body.limit, at)
        links = [link("self", str(request.url), GEOJSON, method="POST"), create_order(product, wish, at)]
        if start + body.limit < total:
            values: dict[str, str | int] = {"from": start + body.limit, "now": now.iso(9)}
            following = token(**values, of=_question(body, product.id))
            again = {**_question_of(body), "limit": body.limit, "next": following}
            href = at("products", product.id, "opportunities") + _query(customer)
            links.append(link("next", href, GEOJSON, "Next page", method="POST", body=again))
        return json_response(
            collection(features, total, links), media_type=GEOJSON, headers={"Preference-Applied": "wait"}
        )

    return routes


def wants_async(prefer: str | None) -> bool:
    """Whether a ``Prefer`` header (RFC 7240) asks for an answer later."""
    wanted = {part.split(";")[0].split("=")[0].strip().lower() for part in (prefer or "").split(",")}
    return "respond-async" in wanted


def _query(customer: str | None) -> str:
    return "" if customer is None else f"?{urlencode({'customer': customer})}"


def _question_of(body: wire.SearchBody) -> dict[str, Any]:
    asked: dict[str, Any] = {"datetime": body.datetime, "geometry": body.geometry}
    return asked if body.filter is None else {**asked, "filter": body.filter}


def _question(body: wire.SearchBody, product: str) -> str:
    return fingerprint({**_question_of(body), "product": product})


def _page_start(body: wire.SearchBody, product: str, now: Epoch) -> tuple[int, Epoch]:
    """Where the page begins, and the time at which the first was asked for."""
    if body.next is None:
        return 0, now
    field = "body.next"
    start = token_value(body.next, "from", int, field) or 0
    asked = Epoch.from_iso(token_value(body.next, "now", str, field) or "")
    if token_value(body.next, "of", str, field) != _question(body, product) or start < 0:
        raise FieldError("this token belongs to another search: send the body of the link", field=field)
    if not 0.0 <= now - asked <= PAGES_S:
        raise FieldError(
            f"the search is older than {PAGES_S / 60:g} minutes: ask anew", field=field, limit=PAGES_S
        )
    return start, asked


def page(
    programme: Programme,
    product: Product,
    wish: Wish,
    found: Found,
    start: int,
    limit: int,
    at: Addresses,
) -> tuple[list[dict[str, Any]], int]:
    """The features of a page, and how many opportunities there are in all."""
    facts = _facts(programme, found.windows)
    if wish.filter.test is not None:
        facts = [(window, known) for window, known in facts if wish.filter.test(known)]
    chosen = facts[start : start + limit]
    clear = _clear([window for window, _ in chosen], wish.request.max_cloud)
    single = len(wish.request.targets) == 1 and wish.request.targets[0].geometry.geom_type == "Point"
    return [
        _feature(product, wish, found, window, known, chance, at, single)
        for (window, known), chance in zip(chosen, clear, strict=True)
    ], len(facts)


def collection(
    features: list[dict[str, Any]], total: int, links: list[dict[str, Any]], id: str | None = None
) -> dict[str, Any]:
    """A STAPI Opportunity Collection."""
    made: dict[str, Any] = {"type": "FeatureCollection"}
    if id is not None:
        made["id"] = id
    return {**made, "features": features, "numberMatched": total, "links": links}


def create_order(product: Product, wish: Wish, at: Addresses) -> dict[str, Any]:
    """The link by which the search, as far as an order can hold it, is sent again as an order."""
    body: dict[str, Any] = {"datetime": wish.asked.datetime, "geometry": wish.asked.geometry}
    if bound := bound_filter(wish.filter):
        body["filter"] = bound
    return _order_link(product, body, at)


def _order_link(product: Product, body: Mapping[str, Any], at: Addresses) -> dict[str, Any]:
    href = at("products", product.id, "orders")
    return link("create-order", href, GEOJSON, "Order", method="POST", body={**body, "order_parameters": {}})


def bound_filter(given: Filter) -> dict[str, Any] | None:
    """The limits of a filter as CQL2 JSON, None where there are none."""
    limits = (
        (CLOUD, "<=", None if given.max_cloud is None else given.max_cloud * 100.0),
        (GSD, "<=", given.max_gsd_m),
        (OFF_NADIR, "<=", given.max_off_nadir_deg),
        (SUN, ">=", given.min_sun_elevation_deg),
    )
    terms = [
        {"op": op, "args": [{"property": name}, round(value, 9)]}
        for name, op, value in limits
        if value is not None
    ]
    if not terms:
        return None
    return terms[0] if len(terms) == 1 else {"op": "and", "args": terms}


def _facts(
    programme: Programme, windows: Sequence[ImagingWindow]
) -> list[tuple[ImagingWindow, dict[str, Any]]]:
    """What is known of each window, by the names of the queryables."""
    return [
        (
            window,
            {
                "platform": window.spacecraft,
                GSD: round(window.best.gsd_m, 3),
                OFF_NADIR: round(window.best.off_nadir_deg, 3),
                "view:incidence_angle": round(window.best.incidence_deg, 3),
                "view:azimuth": round(window.best.view_azimuth_deg, 3),
                SUN: round(window.best.sun_elevation_deg, 3),
                "view:sun_azimuth": round(window.best.sun_azimuth_deg, 3),
                "sat:orbit_state": "ascending" if window.ascending else "descending",
            },
        )
        for window in windows
    ]


def _clear(windows: Sequence[ImagingWindow], max_cloud: float) -> list[float]:
    """The chance (climate) that the sky over each footprint's middle is clear enough."""
    if not windows:
        return []
    middles = [window.footprint.representative_point() for window in windows]
    chances = clear_probability([p.x for p in middles], [p.y for p in middles], max_cloud)
    return [round(float(chance), 3) for chance in chances]


def _feature(
    product: Product,
    wish: Wish,
    found: Found,
    window: ImagingWindow,
    known: Mapping[str, Any],
    clear: float,
    at: Addresses,
    single: bool,
) -> dict[str, Any]:
    when = outward(window.interval)
    target, _, strip = window.target.partition("/strip-")
    properties: dict[str, Any] = {
        "datetime": when,
        "product_id": product.id,
        **known,
        "instruments": [window.instrument],
        "comity:target": target,
        "comity:best_at": window.best.at.iso(3),
        "comity:clear_sky_probability": clear,
        "comity:elements_epoch": window.elements.epoch.iso(0),
        "comity:elements_age_days": round(window.elements.age_s / 86_400.0, 3),
    }
    if found.deliver is not None:
        finest = found.deliver[target, f"{window.spacecraft}/{window.instrument}"]
        properties["comity:delivered_gsd"] = round(max(finest, window.best.gsd_m), 3)
    links = []
    if single:
        body: dict[str, Any] = {"datetime": when, "geometry": wish.asked.geometry}
        if bound := bound_filter(wish.filter):
            body["filter"] = bound
        links.append(_order_link(product, body, at))
    name = [
        str(window.norad_id),
        window.instrument,
        window.best.at.iso(0),
        target,
        *([strip] if strip else []),
    ]
    return {
        "type": "Feature",
        "stapi_type": "Opportunity",
        "stapi_version": VERSION,
        "id": "_".join(name),
        "geometry": geometry_document(window.footprint),
        "bbox": bbox(window.footprint),
        "properties": properties,
        "links": links,
    }


def outward(interval: Interval) -> str:
    """``START/END`` to whole seconds outward, and one more on either side.

    An order of just this interval finds the window again: roots are good to a millisecond.
    """
    start = Epoch.from_utc_unix_ns(math.floor(interval.start.utc_unix_ns / 1e9 - 1.0) * 1_000_000_000)
    end = Epoch.from_utc_unix_ns(math.ceil(interval.end.utc_unix_ns / 1e9 + 1.0) * 1_000_000_000)
    return f"{start.iso(0)}/{end.iso(0)}"
