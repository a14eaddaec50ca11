"""All of STAPI behind one router: landing page, conformance, products, opportunities, searches, orders."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import HTMLResponse

from comity.core import ComityError
from comity.operations import Asked, OpportunitySearch, UnitOfWork
from comity.server.dependencies import scoped
from comity.server.identity.caller import Caller
from comity.server.operator import Operator
from comity.server.problems import responses
from comity.server.settings import Settings
from comity.server.stapi import opportunities, orders, searches, wire
from comity.server.stapi.asking import Wish
from comity.server.stapi.desk import Desk
from comity.server.stapi.documents import (
    API_CLASSES,
    GEOJSON,
    PREFIX,
    PRODUCT_CLASSES,
    SCHEMA,
    VERSION,
    Addresses,
    SchemaResponse,
    json_response,
    link,
)
from comity.server.stapi.filters import read_filter
from comity.server.stapi.finder import Finder, licensed, unlicensed
from comity.server.stapi.handbook import handbook
from comity.server.stapi.intervals import AskedInterval
from comity.server.stapi.paging import DEFAULT_LIMIT, Next, PageLimit, in_order
from comity.server.stapi.products import (
    find_product,
    on_sale,
    order_parameters,
    product_document,
    queryables,
)

_DESCRIPTION = (
    "Sensor Tasking API of {title}: products on sale, opportunities to have them, and orders. Beside STAPI "
    "0.1.0: quotes that bind (`create-quote`), cancellation (`cancel`) and reasons (`reasons`)."
)


#: After so long (s) it is tried again to have ready what searches need.
_AGAIN_S = 60.0
Reader = Annotated[Caller, scoped("catalogue:read")]


def router(operator: Operator, settings: Settings) -> APIRouter:
    """STAPI 0.1.0 below ``/stapi``."""
    at = Addresses(settings.base_url)
    finder = Finder(operator)
    desk = Desk(operator)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        stop = threading.Event()
        if settings.prepare:
            threading.Thread(target=_ready, args=(app, finder, stop), name="ready", daemon=True).start()
        try:
            yield
        finally:
            stop.set()

    routes = APIRouter(lifespan=lifespan)
    routes.include_router(_catalogue(operator, at), prefix=PREFIX)
    routes.include_router(opportunities.router(operator, at, finder), prefix=PREFIX)
    routes.include_router(searches.router(operator, at, _answer(at)), prefix=PREFIX)
    routes.include_router(orders.router(operator, at, desk), prefix=PREFIX)
    return routes


def _ready(app: FastAPI, finder: Finder, stop: threading.Event) -> None:
    """Have ready what searches need while the server runs; without a programme the first request says so."""
    app.openapi()  # the first request that may change something is looked up in it
    while not stop.is_set():
        try:
            finder.keep_ready(stop)
        except ComityError as error:
            structlog.get_logger("comity.server").warning("searches not prepared", error=str(error))
            stop.wait(_AGAIN_S)


def _answer(at: Addresses) -> searches.Answer:
    def answer(
        work: UnitOfWork, search: OpportunitySearch, asked: Asked, start: int, limit: int
    ) -> tuple[list[dict[str, Any]], int]:
        programme, request = work.programme(), work.requests.get(search.request)
        product = find_product(programme, search.product)
        found = work.opportunities.all(request=request.id)[-1]
        wish = Wish(
            request=request,
            when=AskedInterval(text=asked.datetime, interval=request.interval),
            filter=read_filter(asked.filter, queryables(programme, product)["properties"], field="filter"),
            asked=asked,
            licensed=search.licensed,
        )
        windows = (
            licensed(programme, request, found.windows, search.created)
            if search.licensed
            else unlicensed(found.windows)
        )
        return opportunities.page(product, wish, windows, start, limit, at)

    return answer


def _catalogue(operator: Operator, at: Addresses) -> APIRouter:
    """Landing page, conformance and products."""
    routes = APIRouter(tags=["STAPI core"])

    @routes.get(
        "", operation_id="stapi", summary="STAPI's landing page", responses={200: {"model": wire.Landing}}
    )
    def landing() -> Response:
        programme = operator.programme
        links = [
            link("self", at()),
            link("root", at()),
            link("service-desc", f"{at.base}/openapi.json", "application/vnd.oai.openapi+json;version=3.1"),
            link("service-doc", at("api.html"), "text/html"),
            link("conformance", at("conformance")),
            link("products", at("products")),
            link("orders", at("orders"), GEOJSON),
            link("search-records", at("searches", "opportunities")),
        ]
        links += [
            link("create-order", at("products", each.id, "orders"), GEOJSON, each.title, method="POST")
            for each in on_sale(programme)
        ]
        return json_response(
            {
                "id": programme.id,
                "title": programme.title,
                "description": _DESCRIPTION.format(title=programme.title),
                "conformsTo": list(API_CLASSES),
                "links": links,
            }
        )

    @routes.get(
        "/api.html", operation_id="stapiHandbook", summary="STAPI explained", response_class=HTMLResponse
    )
    def explained(request: Request) -> HTMLResponse:
        return HTMLResponse(handbook(request.app.openapi(), PREFIX, f"STAPI {VERSION}"))

    @routes.get(
        "/conformance",
        operation_id="stapiConformance",
        summary="STAPI's conformance classes",
        responses={200: {"model": wire.Conformance}},
    )
    def conformance() -> Response:
        return json_response({"conformsTo": list(API_CLASSES)})

    @routes.get(
        "/products",
        operation_id="listProducts",
        summary="Products",
        responses={200: {"model": wire.Products}, **responses(400, 401, 403)},
    )
    def products(caller: Reader, limit: PageLimit = DEFAULT_LIMIT, next: Next = None) -> Response:
        programme = operator.programme
        page = in_order(on_sale(programme), limit, next)
        here = at("products")
        links = [link("self", here), link("root", at()), *page.links(here, limit)]
        return json_response(
            {
                "type": "ProductCollection",
                "products": [product_document(programme, each, at) for each in page.found],
                "links": links,
            }
        )

    @routes.get(
        "/products/{product_id}",
        operation_id="getProduct",
        summary="A product",
        responses={200: {"model": wire.Product}, **responses(401, 403, 404)},
    )
    def product(product_id: str, caller: Reader) -> Response:
        programme = operator.programme
        return json_response(product_document(programme, find_product(programme, product_id), at))

    @routes.get(
        "/products/{product_id}/conformance",
        operation_id="productConformance",
        summary="A product's conformance classes",
        responses={200: {"model": wire.Conformance}, **responses(401, 403, 404)},
    )
    def product_conformance(product_id: str, caller: Reader) -> Response:
        find_product(operator.programme, product_id)
        return json_response({"conformsTo": list(PRODUCT_CLASSES)})

    @routes.get(
        "/products/{product_id}/queryables",
        operation_id="productQueryables",
        response_class=SchemaResponse,
        summary="What a filter may name",
        responses={200: {"model": wire.JsonSchema}, **responses(401, 403, 404)},
    )
    def product_queryables(product_id: str, caller: Reader) -> Response:
        programme = operator.programme
        found = queryables(programme, find_product(programme, product_id))
        found = {"$id": at("products", product_id, "queryables"), **found}
        return json_response(found, media_type=SCHEMA)

    @routes.get(
        "/products/{product_id}/order-parameters",
        operation_id="productOrderParameters",
        response_class=SchemaResponse,
        summary="What an order may say",
        responses={200: {"model": wire.JsonSchema}, **responses(401, 403, 404)},
    )
    def product_order_parameters(product_id: str, caller: Reader) -> Response:
        programme = operator.programme
        find_product(programme, product_id)
        found = {"$id": at("products", product_id, "order-parameters"), **order_parameters()}
        return json_response(found, media_type=SCHEMA)

    return routes
