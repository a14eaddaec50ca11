"""Orders: placed, listed, followed, cancelled, explained; and the quotes they can be placed by."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from comity.core import UnknownIdError
from comity.operations import cancel_order, explain_order
from comity.server.dependencies import OperationId, order_of, quote_of, scoped
from comity.server.identity.caller import Caller
from comity.server.operator import Operator
from comity.server.problems import responses
from comity.server.stapi import wire
from comity.server.stapi.asking import customer_of
from comity.server.stapi.desk import Desk, asked_of
from comity.server.stapi.documents import GEOJSON, Addresses, GeoJsonResponse, json_response, link
from comity.server.stapi.opportunities import CustomerName
from comity.server.stapi.order_documents import (
    order_document,
    quote_document,
    reasons_document,
    status_document,
)
from comity.server.stapi.paging import (
    DEFAULT_LIMIT,
    Next,
    PageLimit,
    in_order,
    newest_first,
)
from comity.server.stapi.products import find_product

OfCustomer = Annotated[
    str | None, Query(max_length=200, description="Only this customer's; for the operator's own people.")
]
Reader = Annotated[Caller, scoped("orders:read")]
Buyer = Annotated[Caller, scoped("orders:write")]
Searcher = Annotated[Caller, scoped("opportunities")]


def router(operator: Operator, at: Addresses, desk: Desk) -> APIRouter:
    """``/orders``, ``/products/{productId}/orders``, ``…/quotes`` and ``/quotes``."""
    routes = APIRouter(tags=["STAPI orders"])

    def listed(
        here: str, caller: Caller, customer: str | None, limit: int, given: str | None, **equal: str
    ) -> Response:
        if not caller.sees_all:
            equal["customer"] = caller.tenant
            if customer not in (None, caller.tenant):
                raise UnknownIdError("customer", str(customer))
        elif customer is not None:
            equal["customer"] = operator.programme.customer(customer).id
        with operator.store.read() as work:
            page = newest_first(
                lambda count, before, after: work.orders.page(count, before=before, after=after, **equal),
                limit,
                given,
                lambda order: order.id,
                lambda id: caller.sees(work.orders.get(id).customer),
            )
            documents = [order_document(work, order, at) for order in page.found]
        links = [link("self", here, GEOJSON), link("root", at())]
        links += page.links(here, limit, GEOJSON, customer=customer)
        content: dict[str, Any] = {"type": "FeatureCollection", "features": documents, "orders": documents}
        return json_response({**content, "links": links}, media_type=GEOJSON)

    @routes.get(
        "/orders",
        operation_id="listOrders",
        response_class=GeoJsonResponse,
        summary="Own orders, newest first",
        responses={200: {"model": wire.Orders}, **responses(400, 401, 403)},
    )
    def orders(
        caller: Reader,
        limit: PageLimit = DEFAULT_LIMIT,
        next: Next = None,
        customer: OfCustomer = None,
    ) -> Response:
        return listed(at("orders"), caller, customer, limit, next)

    @routes.get(
        "/products/{product_id}/orders",
        operation_id="listProductOrders",
        response_class=GeoJsonResponse,
        summary="Own orders of a product, newest first",
        responses={200: {"model": wire.Orders}, **responses(400, 401, 403, 404)},
    )
    def product_orders(
        product_id: str,
        caller: Reader,
        limit: PageLimit = DEFAULT_LIMIT,
        next: Next = None,
        customer: OfCustomer = None,
    ) -> Response:
        product = find_product(operator.programme, product_id)
        here = at("products", product.id, "orders")
        return listed(here, caller, customer, limit, next, product=product.id)

    @routes.post(
        "/products/{product_id}/orders",
        operation_id="createOrder",
        response_class=GeoJsonResponse,
        summary="Order",
        status_code=201,
        responses={
            201: {"model": wire.Order, "description": "Ordered; see Location."},
            **responses(400, 401, 403, 404, 409, 413, 422, 429),
        },
    )
    def create_order(
        product_id: str,
        body: wire.OrderBody,
        request: Request,
        operation: OperationId,
        caller: Buyer,
        customer: CustomerName = None,
    ) -> Response:
        """Order at the price of the price book, or of a quote (`order_parameters.quote`).

        Send an `Idempotency-Key`: the same order sent again under it is not a second one.
        """
        programme = operator.programme
        find_product(programme, product_id)
        who = customer_of(programme, caller, customer)
        if body.order_parameters.quote is not None:
            retried = request.scope.get("state", {}).get("idempotency_key") is not None
            order = desk.order_quote(body, product_id, caller, retried)
        else:
            order = desk.order(desk.wish(programme, product_id, who, body), operation)
        with operator.store.read() as work:
            document = order_document(work, order, at)
        headers = {"Location": at("orders", order.id)}
        return json_response(document, status=201, media_type=GEOJSON, headers=headers)

    @routes.get(
        "/orders/{order_id}",
        operation_id="getOrder",
        response_class=GeoJsonResponse,
        summary="An order",
        responses={200: {"model": wire.Order}, **responses(401, 403, 404)},
    )
    def order(order_id: str, caller: Reader) -> Response:
        with operator.store.read() as work:
            document = order_document(work, order_of(work, caller, order_id), at)
        return json_response(document, media_type=GEOJSON)

    @routes.get(
        "/orders/{order_id}/statuses",
        operation_id="listOrderStatuses",
        summary="An order's history, oldest first",
        responses={200: {"model": wire.OrderStatuses}, **responses(400, 401, 403, 404)},
    )
    def statuses(
        order_id: str,
        caller: Reader,
        limit: PageLimit = DEFAULT_LIMIT,
        next: Next = None,
    ) -> Response:
        with operator.store.read() as work:
            found = order_of(work, caller, order_id)
        page = in_order(list(found.statuses), limit, next)
        here = at("orders", order_id, "statuses")
        links = [link("self", here), link("order", at("orders", order_id), GEOJSON)]
        return json_response(
            {
                "statuses": [status_document(entry) for entry in page.found],
                "links": [*links, *page.links(here, limit)],
            }
        )

    @routes.get(
        "/orders/{order_id}/reasons",
        operation_id="explainOrder",
        summary="What became of each part of an order, and why",
        responses={200: {"model": wire.Reasons}, **responses(401, 403, 404)},
    )
    def reasons(order_id: str, caller: Reader) -> Response:
        """An addition to STAPI: target by target what is planned or done, and why nothing is."""
        with operator.store.read() as work:
            order_of(work, caller, order_id)
        return json_response(reasons_document(explain_order(operator.store, order_id), caller, at))

    @routes.post(
        "/orders/{order_id}/cancel",
        operation_id="cancelOrder",
        response_class=GeoJsonResponse,
        summary="Cancel an order",
        responses={200: {"model": wire.Order}, **responses(400, 401, 403, 404, 409)},
    )
    def cancel(
        order_id: str, request: Request, caller: Buyer, body: wire.CancelBody | None = None
    ) -> Response:
        """An addition to STAPI. What is delivered stays; what is not is credited. 409 once it has ended."""
        with operator.store.read() as work:
            order_of(work, caller, order_id)
        reason = body.reason if body else ""
        again = request.scope.get("state", {}).get("idempotency_key") is not None
        cancelled = cancel_order(operator.store, order_id, now=operator.now(), reason=reason, again=again)
        with operator.store.read() as work:
            return json_response(order_document(work, cancelled, at), media_type=GEOJSON)

    @routes.post(
        "/products/{product_id}/quotes",
        operation_id="createQuote",
        summary="Price an order, bindingly",
        status_code=201,
        responses={
            201: {"model": wire.Quote, "description": "Priced; see Location."},
            **responses(400, 401, 403, 404, 413, 429),
        },
    )
    def create_quote(
        product_id: str,
        body: wire.OrderBody,
        operation: OperationId,
        caller: Searcher,
        customer: CustomerName = None,
    ) -> Response:
        """An addition to STAPI. The price stands until `valid_until`; the link `create-order` orders it."""
        programme = operator.programme
        who = customer_of(programme, caller, customer)
        quote = desk.quote(desk.wish(programme, product_id, who, body), operation)
        with operator.store.read() as work:
            request, asked = work.requests.get(quote.request), asked_of(work, quote.request)
        headers = {"Location": at("quotes", quote.id)}
        return json_response(
            quote_document(quote, request, asked, at, operator.now()), status=201, headers=headers
        )

    @routes.get(
        "/quotes/{quote_id}",
        operation_id="getQuote",
        summary="A quote",
        responses={200: {"model": wire.Quote}, **responses(401, 403, 404)},
    )
    def quote(quote_id: str, caller: Searcher) -> Response:
        with operator.store.read() as work:
            found = quote_of(work, caller, quote_id)
            request, asked = work.requests.get(found.request), asked_of(work, found.request)
        return json_response(quote_document(found, request, asked, at, operator.now()))

    return routes
