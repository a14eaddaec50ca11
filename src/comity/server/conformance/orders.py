"""Orders: listed, and placed where that is allowed."""

from __future__ import annotations

from typing import Any

from comity.server.conformance.findings import NotSoError
from comity.server.conformance.probe import STATUSES, Probe, only, pages, statuses, unique
from comity.server.conformance.values import (
    bbox,
    geometry,
    has_link,
    link_of,
    links_of,
    moment,
    need,
    need_value,
    objects,
)
from comity.server.conformance.wire import document, media_type

_NOT_ORDERED = "nothing was ordered: --order places an order, which binds"
_REFUSED = (400, 409, 413, 422)


def check_orders(probe: Probe) -> None:
    """The list of orders; with ``order`` the life of one."""
    rule, ask = probe.rules("orders"), probe.ask
    href = ""
    with rule("GET /orders is a FeatureCollection with features (OpenAPI)"):
        href = link_of(probe.landing, "orders", "the landing page")["href"]
        answer = ask.ask("GET", href)
        page = document(answer)
        need_value(page, "/orders", type="FeatureCollection")
        for each in objects(page, "features", "/orders"):
            _fields(each)
        links_of(page, "/orders")
    with rule("GET /orders has orders (the specification's text)", recommended=True):
        only(href, "the landing page has no link to orders")
        objects(ask.json("GET", href), "orders", "/orders")
    with rule("GET /orders is application/geo+json or application/json"):
        only(href, "the landing page has no link to orders")
        kind = media_type(ask.ask("GET", href))
        if kind not in ("application/geo+json", "application/json"):
            raise NotSoError(f"it is {kind!r}")
    with rule("an order that is not there answers 404"):
        only(href, "the landing page has no link to orders")
        ask.ask("GET", f"{href.split('?')[0].rstrip('/')}/no-such-order-7c1", status=(404,))
    if probe.asked.order:
        _check_refusals(probe)
    order = _placed(probe, href)
    with rule("pages of one order each hold every order once", recommended=True):
        only(href and order, _NOT_ORDERED)
        unique([each["id"] for some in pages(ask, href, "features", 1) for each in some], "the pages")


def _placed(probe: Probe, href: str) -> dict[str, Any]:
    rule, ask, asked = probe.rules("orders"), probe.ask, probe.asked
    order: dict[str, Any] = {}
    with rule("an order is answered 201 with Location and the order"):
        only(asked.order, _NOT_ORDERED)
        address = link_of(probe.product, "create-order", probe.name)["href"]
        body = {**asked.body(), "order_parameters": {}}
        answer = ask.ask("POST", address, json=body, status=(201,))
        content = document(answer)
        if "location" not in answer.headers:
            raise NotSoError("the header Location is missing")
        order = content
    with rule("an order has the fields that are required"):
        only(order, _NOT_ORDERED)
        _fields(order)
        need_value(order["properties"], "the order", product_id=probe.product["id"])
    with rule(
        "an order has product_id, status, user, created and request at its top (the text)", recommended=True
    ):
        only(order, _NOT_ORDERED)
        need(order, "the order", product_id=str, status=dict, user=str, created=str, request=dict)
    with rule("an order says what was asked for"):
        only(order, _NOT_ORDERED)
        said = order.get("request", order["properties"].get("search_parameters"))
        need({"request": said}, "the order", request=dict)
        if said.get("geometry") != body["geometry"]:
            raise NotSoError(f"its geometry is {str(said.get('geometry'))[:120]}")
    with rule("an order's geometry is in WGS-84, and its bbox around it"):
        only(order, _NOT_ORDERED)
        places = geometry(order["geometry"], "the order")
        if "bbox" in order:
            bbox(order["bbox"], places, "the order")
    with rule("Location leads to the order"):
        only(order, _NOT_ORDERED)
        again = ask.json("GET", answer.headers["location"])
        need_value(again, "it", id=order["id"])
        _fields(again)
    with rule("an order links to itself and to its history, where that is declared"):
        only(order, _NOT_ORDERED)
        if has_link(order, "self"):
            need_value(probe.follow(order, "self", "the order"), "self", id=order["id"])
        if probe.declares("/order-statuses"):
            link_of(order, "monitor", "the order")
    with rule("monitor gives the order's history, which ends as the order does"):
        only(order, _NOT_ORDERED)
        only(probe.declares("/order-statuses"), "the class is not declared")
        page = probe.follow(order, "monitor", "the order")
        need(page, "the history", statuses=list, links=list)
        history = statuses(page["statuses"], STATUSES, "the history")
        now = ask.json("GET", answer.headers["location"])["properties"]["status"]["status_code"]
        if history[-1]["status_code"] != now:
            raise NotSoError(f"it ends with {history[-1]['status_code']}, the order is {now}")
    with rule("GET /orders holds the order"):
        only(order and href, _NOT_ORDERED)
        if not any(e.get("id") == order["id"] for some in pages(ask, href, "features", 100) for e in some):
            raise NotSoError(f"no page holds {order['id']!r}")
    return order


def _check_refusals(probe: Probe) -> None:
    """What is refused is not ordered."""
    rule, ask, asked = probe.rules("orders"), probe.ask, probe.asked
    with rule("an order without datetime is refused (4xx)"):
        address = link_of(probe.product, "create-order", probe.name)["href"]
        ask.ask("POST", address, json={"geometry": asked.geometry("Point")}, status=_REFUSED)
    with rule("order parameters that their schema forbids are refused (4xx)"):
        only(probe.order_parameters.get("additionalProperties") is False, "the schema allows any")
        address = link_of(probe.product, "create-order", probe.name)["href"]
        body = {**asked.body(), "order_parameters": {"no_such_parameter_7c1": 1}}
        ask.ask("POST", address, json=body, status=_REFUSED)


def _fields(order: dict[str, Any]) -> None:
    name = f"order {order.get('id')!r}"
    need(order, name, id=str, stapi_type=str, stapi_version=str, properties=dict, geometry=dict, links=list)
    need_value(order, name, type="Feature", stapi_type="Order", stapi_version="0.1.0")
    need(order["properties"], f"properties of {name}", product_id=str, created=str, status=dict)
    moment(order["properties"]["created"], f"created of {name}")
    statuses([order["properties"]["status"]], STATUSES, name)
    links_of(order, name)
