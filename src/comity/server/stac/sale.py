"""Buying what is for sale: picture, quote and order of one item."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from comity.commerce import Quote
from comity.imagery.reading import colour_bands, open_source, picture, stretch
from comity.imagery.reading import preview as small
from comity.operations import place_order
from comity.operations.archive import FoundItem
from comity.operations.archive_orders import browse_image, quote_archived
from comity.operations.archive_sales import NotLicensedError
from comity.operations.literals import geometry_of
from comity.server.dependencies import OperationId, Wire, quote_of, scoped
from comity.server.identity.caller import Caller
from comity.server.operator import Operator
from comity.server.problems import FieldError, ForbiddenError, in_field, responses
from comity.server.stac.files import Reader
from comity.server.stac.places import within_reach
from comity.server.stac.views import ForSale
from comity.server.stapi import wire
from comity.server.stapi.asking import customer_of
from comity.server.stapi.desk import asked_of, check_price
from comity.server.stapi.documents import GEOJSON, Addresses, json_response, link
from comity.server.stapi.opportunities import CustomerName
from comity.server.stapi.order_documents import order_document, quote_document

Asker = Annotated[Caller, scoped("opportunities")]
Buyer = Annotated[Caller, scoped("orders:write")]
#: Longest side of a preview, px.
_PREVIEW_PX = 256
_PICTURE: dict[int | str, dict[str, Any]] = {200: {"description": "A PNG.", "content": {"image/png": {}}}}


class ArchiveQuoteBody(Wire):
    """What of the image is wanted."""

    geometry: dict[str, Any] | None = Field(
        default=None, description="A Polygon or MultiPolygon: only what the image shows of it. Default: all."
    )


class ArchiveOrderBody(Wire):
    """Which quote is ordered, or up to what price."""

    quote: str | None = Field(default=None, max_length=200, description="A quote of this item.")
    max_price: float | None = Field(default=None, ge=0, description="In the customer's currency.")
    reference: str | None = Field(default=None, max_length=200, description="The customer's own.")


def router(operator: Operator, view: ForSale, stapi: Addresses) -> APIRouter:
    """Below the address of an item for sale."""
    routes = APIRouter(prefix="/collections/{collection_id}/items/{item_id}", tags=["Archive for sale"])

    def quoted(
        caller: Caller, found: FoundItem, named: str | None, operation: str, geometry: Any = None
    ) -> Quote:
        buyer = customer_of(operator.programme, caller, named)
        if buyer is None:
            raise FieldError("name the customer: ?customer=ID", field="query.customer")
        field = in_field("body.geometry", geometry) if geometry is not None else nullcontext()
        try:
            with field:
                area = None if geometry is None else geometry_of(geometry, field="geometry")
                return quote_archived(
                    operator.store,
                    found,
                    customer=buyer.id,
                    now=operator.now(),
                    shelf=view.shelf,
                    area=area,
                    request_id=operation.replace("op-", "request-", 1),
                )
        except NotLicensedError as error:
            raise ForbiddenError(str(error)) from error

    @routes.get(
        "/preview.png", summary="What it looks like, coarsely", response_class=Response, responses=_PICTURE
    )
    def preview(collection_id: str, item_id: str, caller: Reader) -> Response:
        found = view.get(caller, collection_id, item_id)
        with within_reach():
            image = browse_image(operator.store, operator.delivery, found, bucket=operator.bucket)
        source = open_source(image)
        view_of = small(source, bands=colour_bands(source), max_size=_PREVIEW_PX)
        return Response(picture(view_of, ends=stretch(view_of.values), ramp="grey"), media_type="image/png")

    @routes.post(
        "/quotes",
        operation_id="createArchiveQuote",
        summary="Price what is in the archive, bindingly",
        status_code=201,
        responses={
            201: {"model": wire.Quote, "description": "Priced; see Location."},
            **responses(400, 401, 403, 404, 413, 429),
        },
    )
    def create_quote(
        collection_id: str,
        item_id: str,
        operation: OperationId,
        caller: Asker,
        body: ArchiveQuoteBody | None = None,
        customer: CustomerName = None,
    ) -> Response:
        """The price stands until `valid_until`; 403 names the licence rule that is in the way."""
        found = view.get(caller, collection_id, item_id)
        quote = quoted(caller, found, customer, operation, body.geometry if body else None)
        with operator.store.read() as work:
            request = work.requests.get(quote.request)
            document = quote_document(quote, request, asked_of(work, request.id), stapi, operator.now())
        here = view.at("collections", collection_id, "items", item_id, "orders")
        order = link("create-order", here, GEOJSON, "Order it", method="POST", body={"quote": quote.id})
        document["links"] = [one for one in document["links"] if one["rel"] != "create-order"] + [order]
        return json_response(document, status=201, headers={"Location": stapi("quotes", quote.id)})

    @routes.post(
        "/orders",
        operation_id="createArchiveOrder",
        summary="Order what is in the archive",
        status_code=201,
        responses={
            201: {"model": wire.Order, "description": "Ordered; see Location."},
            **responses(400, 401, 403, 404, 409, 413, 422, 429),
        },
    )
    def create_order(
        collection_id: str,
        item_id: str,
        request: Request,
        operation: OperationId,
        caller: Buyer,
        body: ArchiveOrderBody | None = None,
        customer: CustomerName = None,
    ) -> Response:
        """The whole image at the price of the archive, or what a quote was made for.

        Nothing is planned: it is delivered at once, as an Item to accept. Followed and cancelled as every
        order, below `/stapi/orders`.
        """
        wanted = body or ArchiveOrderBody()
        if wanted.quote is None:
            quote = quoted(caller, view.get(caller, collection_id, item_id), customer, operation)
        else:
            with operator.store.read() as work:
                quote = quote_of(work, caller, wanted.quote)
                bought = work.requests.get(quote.request)
            if (
                bought.acquisition is None
                or bought.targets[0].id != item_id
                or quote.product != collection_id
            ):
                raise FieldError(f"{quote.id} was not made for this item", field="body.quote", value=quote.id)
        check_price(quote, wanted.max_price, field="body.max_price")
        if wanted.reference is not None:
            with operator.store.begin() as work:
                asked = asked_of(work, quote.request)
                if asked is not None:
                    work.asked.put(replace(asked, order_parameters={"reference": wanted.reference}))
        retried = request.scope.get("state", {}).get("idempotency_key") is not None
        order = place_order(operator.store, quote.id, now=operator.now(), again=retried)
        with operator.store.read() as work:
            document = order_document(work, order, stapi)
        headers = {"Location": stapi("orders", order.id)}
        return json_response(document, status=201, media_type=GEOJSON, headers=headers)

    return routes
