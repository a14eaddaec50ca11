"""Opportunities: searched for at once or later, page by page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Header, Query, Request, Response

from comity.access import ImagingWindow
from comity.core import Epoch, Interval
from comity.fleet import Product
from comity.imagery import clear_probability
from comity.operations import open_search
from comity.server.dependencies import READS_AT_ONCE, scoped, wants_async
from comity.server.identity.caller import Caller
from comity.server.identity.service import machine_now
from comity.server.operator import Operator
from comity.server.problems import FieldError, responses
from comity.server.stapi import wire
from comity.server.stapi.asking import Wish, customer_of, read_wish, within_reach
from comity.server.stapi.desk import check_reach
from comity.server.stapi.documents import GEOJSON, VERSION, Addresses, json_response, link
from comity.server.stapi.filters import CLOUD, GSD, OFF_NADIR, SUN, Filter
from comity.server.stapi.finder import Finder, Found
from comity.server.stapi.intervals import MAX_S, SYNC_S
from comity.server.stapi.paging import fingerprint, last_start, token, token_value
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
        openapi_extra=READS_AT_ONCE,
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
            check_reach(operator, programme, wish)
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
        with within_reach(wish):
            found = finder.find(programme, wish, now)
        features, total = page(product, wish, found, start, body.limit, at)
        links = [link("self", str(request.url), GEOJSON, method="POST"), create_order(product, wish, at)]
        href = at("products", product.id, "opportunities") + _query(customer)
        for rel, title, place in _around(start, body.limit, total):
            again = {**_question_of(body), "limit": body.limit}
            if place > 0:
                values: dict[str, str | int] = {"from": place, "now": now.iso(9)}
                again["next"] = token(**values, of=_question(body, product.id))
            links.append(link(rel, href, GEOJSON, title, method="POST", body=again))
        return json_response(
            collection(features, total, links), media_type=GEOJSON, headers={"Preference-Applied": "wait"}
        )

    return routes


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


def _around(start: int, limit: int, total: int) -> Iterator[tuple[str, str, int]]:
    """The pages that a page links to: relation, title, where it begins."""
    if total <= limit and start == 0:
        return
    if start + limit < total:
        yield "next", "Next page", start + limit
    if start > 0:
        yield "prev", "Previous page", max(0, start - limit)
    yield "first", "First page", 0
    yield "last", "Last page", last_start(total, limit)


def page(
    product: Product,
    wish: Wish,
    found: Found,
    start: int,
    limit: int,
    at: Addresses,
) -> tuple[list[dict[str, Any]], int]:
    """The features of a page, and how many opportunities there are in all."""
    windows: Sequence[ImagingWindow] = found.windows
    if wish.filter.test is not None:
        windows = [window for window in windows if wish.filter.test(_facts(window))]
    chosen = [(window, _facts(window)) for window in windows[start : start + limit]]
    clear = _clear([window for window, _ in chosen], wish.request.max_cloud)
    single = len(wish.request.targets) == 1 and wish.request.targets[0].geometry.geom_type == "Point"
    return [
        _feature(product, wish, found, window, known, chance, at, single)
        for (window, known), chance in zip(chosen, clear, strict=True)
    ], len(windows)


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


def _facts(window: ImagingWindow) -> dict[str, Any]:
    """What is known of a window, by the names of the queryables."""
    best = window.best
    return {
        "platform": window.spacecraft,
        GSD: round(best.gsd_m, 3),
        OFF_NADIR: round(best.off_nadir_deg, 3),
        "view:incidence_angle": round(best.incidence_deg, 3),
        "view:azimuth": round(best.view_azimuth_deg, 3),
        SUN: round(best.sun_elevation_deg, 3),
        "view:sun_azimuth": round(best.sun_azimuth_deg, 3),
        "sat:orbit_state": "ascending" if window.ascending else "descending",
    }


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
