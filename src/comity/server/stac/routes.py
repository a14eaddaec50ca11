"""The STAC API's routes: core, collections, features, item search, queryables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import Field

from comity.core import UnknownIdError
from comity.operations.archive import DEFAULT_LIMIT, Extent, Page
from comity.server.dependencies import READS, Wire, scoped
from comity.server.identity.caller import Caller
from comity.server.operator import Operator
from comity.server.settings import Settings
from comity.server.stac import documents as docs
from comity.server.stac import files, sale, saved
from comity.server.stac.answers import OpenApiResponse, answer
from comity.server.stac.asking import Asked, from_body, from_query
from comity.server.stac.documents import GEOJSON, PREFIX, SALE_PREFIX, SCHEMA, Addresses, Json
from comity.server.stac.views import Delivered, ForSale, View, owner_of
from comity.server.stapi.documents import Addresses as StapiAddresses
from comity.server.stapi.documents import GeoJsonResponse, SchemaResponse

Reader = Annotated[Caller, scoped("archive:read")]
Limit = Annotated[int, Query(ge=1, description="Most items of one page; over 1000 is taken as 1000.")]
Bbox = Annotated[str | None, Query(description="west,south,east,north in degrees.", examples=["42,10,44,13"])]
Time = Annotated[
    str | None,
    Query(description="RFC 3339, or START/END with .. for open.", examples=["2024-09-22T00:00:00Z/.."]),
]
Filter = Annotated[str | None, Query(description="CQL2.", examples=["eo:cloud_cover < 20 AND gsd <= 3"])]
Lang = Annotated[str | None, Query(alias="filter-lang", description="cql2-text (default) or cql2-json.")]
Crs = Annotated[str | None, Query(alias="filter-crs", description="CRS84, the only one.")]
Sort = Annotated[
    str | None, Query(description="Fields, - before one for descending.", examples=["-datetime"])
]
Fields = Annotated[
    str | None, Query(description="Fields wanted, - before one for not.", examples=["id,assets"])
]
Token = Annotated[str | None, Query(max_length=6_000, description="From the link next of the page before.")]


class SortField(Wire):
    """A field to sort by."""

    field: str
    direction: Literal["asc", "desc"] = "asc"


class FieldChoice(Wire):
    """Which fields of an Item are wanted."""

    include: list[str] | None = None
    exclude: list[str] | None = None


class SearchBody(Wire):
    """A search; everything that is asked has to hold."""

    limit: int | None = Field(default=None, ge=1)
    bbox: list[float] | None = Field(default=None, examples=[[42, 10, 44, 13]])
    datetime: str | None = None
    intersects: dict[str, Any] | None = None
    ids: list[str] | None = None
    collections: list[str] | None = None
    filter: dict[str, Any] | bool | None = None
    filter_lang: str | None = Field(default=None, alias="filter-lang")
    filter_crs: str | None = Field(default=None, alias="filter-crs")
    sortby: list[SortField] | None = None
    fields: FieldChoice = Field(default_factory=FieldChoice)
    token: str | None = Field(default=None, max_length=6_000)


def router(operator: Operator, settings: Settings) -> APIRouter:
    """STAC API 1.0 below ``/stac``, and of what is for sale below ``/archive``."""
    delivered = Delivered(operator, Addresses(settings.base_url))
    for_sale = ForSale(operator, Addresses(settings.base_url, SALE_PREFIX))
    both = APIRouter()
    own = _catalogue(operator, delivered, PREFIX, "STAC API")
    both.include_router(own)
    both.include_router(files.router(operator, delivered.at), prefix=PREFIX)
    both.include_router(saved.router(operator, delivered.at, for_sale.at), prefix=PREFIX)
    shop = _catalogue(operator, for_sale, SALE_PREFIX, "Archive for sale")
    both.include_router(shop)
    stapi = StapiAddresses(settings.base_url)
    both.include_router(sale.router(operator, for_sale, stapi), prefix=SALE_PREFIX)
    return both


def _catalogue(operator: Operator, view: View, prefix: str, tag: str) -> APIRouter:
    """Core, collections, features, item search and queryables of one catalogue."""
    at = view.at
    routes = APIRouter(prefix=prefix, tags=[tag])

    def extents(caller: Caller) -> dict[str, Extent | None]:
        found: dict[str, Extent | None] = {product.id: None for product in operator.programme.products}
        return found | {one.collection: one for one in view.extents(caller)}

    def known(caller: Caller, name: str) -> None:
        if name not in (product.id for product in operator.programme.products) and name not in extents(
            caller
        ):
            raise UnknownIdError("collection", name)

    def collected(
        caller: Caller, asked: Asked, here: str, query: list[tuple[str, str]] | None, more: list[Json]
    ) -> Response:
        page = view.search(caller, asked.search)
        features = [view.document(caller, one) for one in page.items]
        if asked.chosen:
            features = [docs.cut(one, asked.include, asked.exclude) for one in features]
        links = [docs.link("self", _self(here, query), GEOJSON), docs.link("root", at.root), *more]
        links += _next(page, here, query)
        return answer(docs.items(features, links), GEOJSON)

    @routes.get("", summary="Landing page")
    def landing() -> Response:
        return answer(docs.landing(at, operator.programme, view.id, view.about))

    @routes.get("/conformance", summary="Conformance classes")
    def conformance() -> Response:
        return answer({"conformsTo": list(docs.CONFORMANCE)})

    @routes.get("/api", response_class=OpenApiResponse, summary="OpenAPI document")
    def api(request: Request) -> Response:
        return answer(request.app.openapi(), docs.OPENAPI)

    @routes.get("/api.html", response_class=HTMLResponse, summary="Documentation")
    def api_html() -> Response:
        return Response(_DOC.format(title=operator.programme.id, root=at.root), media_type="text/html")

    @routes.get("/queryables", response_class=SchemaResponse, summary="What items can be filtered by")
    def queryables() -> Response:
        return answer(docs.queryables(at), SCHEMA)

    @routes.get("/collections", summary="Collections")
    def collections(caller: Reader) -> Response:
        found = [docs.collection(at, operator.programme, *one) for one in extents(caller).items()]
        links = [docs.link("self", at("collections")), docs.link("root", at.root)]
        return answer({"collections": found, "links": links})

    @routes.get("/collections/{collection_id}", summary="One collection")
    def collection(collection_id: str, caller: Reader) -> Response:
        found = extents(caller)
        if collection_id not in found:
            raise UnknownIdError("collection", collection_id)
        return answer(docs.collection(at, operator.programme, collection_id, found[collection_id]))

    @routes.get(
        "/collections/{collection_id}/queryables",
        response_class=SchemaResponse,
        summary="What its items can be filtered by",
    )
    def collection_queryables(collection_id: str, caller: Reader) -> Response:
        known(caller, collection_id)
        return answer(docs.queryables(at, "collections", collection_id), SCHEMA)

    @routes.get(
        "/collections/{collection_id}/items", response_class=GeoJsonResponse, summary="Items of a collection"
    )
    def collection_items(
        request: Request,
        collection_id: str,
        caller: Reader,
        limit: Limit = DEFAULT_LIMIT,
        bbox: Bbox = None,
        datetime: Time = None,
        filter: Filter = None,
        filter_lang: Lang = None,
        filter_crs: Crs = None,
        sortby: Sort = None,
        fields: Fields = None,
        token: Token = None,
    ) -> Response:
        known(caller, collection_id)
        asked = from_query(
            owner_of(caller), limit=limit, bbox=bbox, datetime=datetime, filter=filter, token=token,
            filter_lang=filter_lang, filter_crs=filter_crs, sortby=sortby, fields=fields,
            within=collection_id,
        )  # fmt: skip
        above = [docs.link(rel, at("collections", collection_id)) for rel in ("parent", "collection")]
        here = at("collections", collection_id, "items")
        return collected(caller, asked, here, _parameters(request), above)

    @routes.get(
        "/collections/{collection_id}/items/{item_id}", response_class=GeoJsonResponse, summary="One item"
    )
    def one_item(collection_id: str, item_id: str, caller: Reader) -> Response:
        return answer(view.document(caller, view.get(caller, collection_id, item_id)), GEOJSON)

    @routes.get("/search", response_class=GeoJsonResponse, summary="Search items")
    def search(
        request: Request,
        caller: Reader,
        limit: Limit = DEFAULT_LIMIT,
        bbox: Bbox = None,
        datetime: Time = None,
        intersects: Annotated[str | None, Query(description="GeoJSON geometry.")] = None,
        ids: Annotated[str | None, Query(description="Ids, with commas between.")] = None,
        collections: Annotated[str | None, Query(description="Collections, with commas between.")] = None,
        filter: Filter = None,
        filter_lang: Lang = None,
        filter_crs: Crs = None,
        sortby: Sort = None,
        fields: Fields = None,
        token: Token = None,
    ) -> Response:
        asked = from_query(
            owner_of(caller), limit=limit, bbox=bbox, datetime=datetime, intersects=intersects, ids=ids,
            collections=collections, filter=filter, filter_lang=filter_lang, filter_crs=filter_crs,
            sortby=sortby, fields=fields, token=token,
        )  # fmt: skip
        return collected(caller, asked, at("search"), _parameters(request), [])

    @routes.post("/search", response_class=GeoJsonResponse, summary="Search items", openapi_extra=READS)
    def search_by_body(body: SearchBody, caller: Reader) -> Response:
        asked = from_body(owner_of(caller), body.model_dump(by_alias=True, exclude_unset=True))
        return collected(caller, asked, at("search"), None, [])

    return routes


def _parameters(request: Request) -> list[tuple[str, str]]:
    return [(name, value) for name, value in request.query_params.multi_items() if name != "token"]


def _self(here: str, query: list[tuple[str, str]] | None) -> str:
    return f"{here}?{urlencode(query)}" if query else here


def _next(page: Page, here: str, query: list[tuple[str, str]] | None) -> list[Json]:
    if page.next is None:
        return []
    if query is None:
        body: Mapping[str, str] = {"token": page.next}
        return [docs.link("next", here, GEOJSON, method="POST", body=body, merge=True)]
    return [docs.link("next", _self(here, [*query, ("token", page.next)]), GEOJSON, method="GET")]


_DOC = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>{title}: STAC API</title>"
    "<h1>{title}: STAC API</h1><p>STAC API 1.0 below <a href='{root}'>{root}</a>, described by "
    "<a href='{root}/api'>OpenAPI</a>; items are filtered by these "
    "<a href='{root}/queryables'>properties</a>."
)
