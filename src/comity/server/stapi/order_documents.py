"""Orders, quotes and reasons as documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shapely import union_all
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from comity.commerce import Quote
from comity.core import Epoch, Money, encode
from comity.fleet import Request
from comity.operations import Asked, Order, OrderAccount, OrderStatus, UnitOfWork
from comity.server.identity.caller import Caller
from comity.server.stapi.desk import asked_of
from comity.server.stapi.documents import GEOJSON, VERSION, Addresses, link, time_text
from comity.server.stapi.filters import CLOUD, GSD, OFF_NADIR, SUN
from comity.server.stapi.shapes import bbox, geometry_document

#: Statuses from which nothing follows: there is nothing left to cancel.
_ENDED = ("rejected", "completed", "cancelled", "user_cancelled", "expired", "failed")


def status_document(status: OrderStatus) -> dict[str, Any]:
    """A STAPI Order Status."""
    made: dict[str, Any] = {"timestamp": time_text(status.at), "status_code": status.code}
    if status.reason_code is not None:
        made["reason_code"] = status.reason_code
    if status.reason_text is not None:
        made["reason_text"] = status.reason_text
    return {**made, "links": []}


def asked_document(request: Request, asked: Asked | None) -> dict[str, Any]:
    """What was asked: in the customer's own words where it came over STAPI, else as we have it."""
    if asked is None:
        made: dict[str, Any] = {"datetime": request.interval.iso(), "geometry": _geometry(request)}
        return {**made, "filter": _limits(request)}
    made = {"datetime": asked.datetime, "geometry": dict(asked.geometry)}
    if asked.filter is not None:
        made["filter"] = dict(asked.filter)
    return made


def order_document(work: UnitOfWork, order: Order, at: Addresses) -> dict[str, Any]:
    """A STAPI Order.

    The specification's text has product, user, creation, status and request at the top; its OpenAPI has
    them under ``properties``: both are given.
    """
    request, asked = work.requests.get(order.request), asked_of(work, order.request)
    words = asked_document(request, asked)
    status = status_document(order.statuses[-1])
    closed = {**words, "datetime": request.interval.iso()}
    place = shape(words["geometry"])
    return {
        "type": "Feature",
        "stapi_type": "Order",
        "stapi_version": VERSION,
        "id": order.id,
        "user": order.customer,
        "created": time_text(order.created),
        "product_id": order.product,
        "status": status,
        "request": words,
        "geometry": words["geometry"],
        "bbox": bbox(place),
        "properties": {
            "product_id": order.product,
            "created": time_text(order.created),
            "status": status,
            "search_parameters": closed,
            "opportunity_properties": {
                "datetime": request.interval.iso(),
                "product_id": order.product,
                CLOUD: round(request.max_cloud * 100.0, 6),
                GSD: request.max_gsd_m,
                OFF_NADIR: request.max_off_nadir_deg,
                SUN: request.min_sun_elevation_deg,
            },
            "order_parameters": dict(asked.order_parameters) if asked else {},
        },
        "links": _order_links(order, at),
    }


def _order_links(order: Order, at: Addresses) -> list[dict[str, Any]]:
    here = ("orders", order.id)
    links = [
        link("self", at(*here), GEOJSON),
        link("monitor", at(*here, "statuses"), title="All statuses so far"),
        link("product", at("products", order.product)),
        link("quote", at("quotes", order.quote), title="What it costs"),
        link("reasons", at(*here, "reasons"), title="What became of each part, and why"),
    ]
    if order.status not in _ENDED:
        links.append(link("cancel", at(*here, "cancel"), GEOJSON, "Cancel", method="POST"))
    return links


def quote_document(
    quote: Quote, request: Request, asked: Asked | None, at: Addresses, now: Epoch
) -> dict[str, Any]:
    """A quote: what is charged, what is not offered and why, until when it stands, how to order it."""
    orderable = quote.orderable and now < quote.valid_until
    words = asked_document(request, asked)
    links = [link("self", at("quotes", quote.id)), link("product", at("products", quote.product))]
    if orderable and asked is not None:
        body = {**words, "order_parameters": {"quote": quote.id}}
        href = at("products", quote.product, "orders")
        links.append(link("create-order", href, GEOJSON, "Order at this price", method="POST", body=body))
    return {
        "id": quote.id,
        "product_id": quote.product,
        "user": quote.customer,
        "created": time_text(quote.created),
        "valid_until": time_text(quote.valid_until),
        "orderable": orderable,
        "total": _money(quote.total),
        "lines": [
            {
                "target": line.target,
                "name": line.name,
                "unit": line.unit,
                "quantity": str(line.quantity),
                "unit_price": _money(line.unit_price),
                "amount": _money(line.amount),
                "delivered_gsd": line.deliver_gsd_m,
                "meets_request": line.meets_request,
            }
            for line in quote.lines
        ],
        "not_offered": [encode(entry) for entry in quote.not_offered],
        "note": quote.note,
        "request": words,
        "links": links,
    }


def reasons_document(account: OrderAccount, caller: Caller, at: Addresses) -> dict[str, Any]:
    """Why each part of an order stands where it does; of others' orders only how many were in the way."""
    order = account.order
    own = {each.task.id for each in account.tasks}
    return {
        "order_id": order.id,
        "status": status_document(order.statuses[-1]),
        "plan": account.plan.id if account.plan else None,
        "tasks": [
            {
                "id": each.task.id,
                "target": each.task.target,
                "datetime": each.task.interval.iso(),
                "state": each.task.state,
                "reason_code": each.reason_code or None,
                "reason_text": each.reason_text or None,
                "beaten_by": [id for id in each.beaten_by if caller.sees_all or id in own],
                "beaten_by_others": len([id for id in each.beaten_by if id not in own]),
                "tries": each.task.tries,
                "activities": [
                    {
                        "datetime": activity.interval.iso(),
                        "platform": activity.spacecraft,
                        "kind": activity.kind,
                        "state": activity.state,
                        "outcome": activity.outcome or None,
                        "simulated": activity.simulated,
                    }
                    for activity in each.activities
                ],
            }
            for each in account.tasks
        ],
        "links": [
            link("self", at("orders", order.id, "reasons")),
            link("order", at("orders", order.id), GEOJSON),
        ],
    }


def _money(money: Money) -> dict[str, str]:
    return {"amount": str(money.amount), "currency": money.currency}


def _geometry(request: Request) -> dict[str, Any]:
    shapes: list[BaseGeometry] = [target.geometry for target in request.targets]
    return geometry_document(shapes[0] if len(shapes) == 1 else union_all(shapes))


def _limits(request: Request) -> Mapping[str, Any]:
    limits = (
        ("<=", CLOUD, request.max_cloud * 100.0),
        ("<=", GSD, request.max_gsd_m),
        ("<=", OFF_NADIR, request.max_off_nadir_deg),
        (">=", SUN, request.min_sun_elevation_deg),
    )
    terms = [{"op": op, "args": [{"property": name}, round(value, 6)]} for op, name, value in limits]
    return {"op": "and", "args": terms}
