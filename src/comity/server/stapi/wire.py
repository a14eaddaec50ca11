"""What comes in over STAPI, and what goes out, as the OpenAPI document tells it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from comity.server.dependencies import Wire
from comity.server.stapi.documents import VERSION
from comity.server.stapi.paging import DEFAULT_LIMIT, MAX_LIMIT
from comity.server.stapi.products import MAX_REFERENCE

_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
_DATETIME = Field(
    max_length=100,
    json_schema_extra={"pattern": rf"^({_TIME}/({_TIME}|[.][.])?|([.][.])?/{_TIME})$"},
    description="START/END, RFC 3339; one of them may be open ('..' or empty).",
    examples=["2026-05-01T00:00:00Z/2026-05-08T00:00:00Z", "../2026-05-08T00:00:00Z"],
)
_GEOMETRY = Field(
    json_schema_extra={
        "required": ["type", "coordinates"],
        "properties": {
            "type": {"enum": ["Point", "MultiPoint", "Polygon", "MultiPolygon"]},
            "coordinates": {"type": "array", "minItems": 1, "items": {"type": ["number", "array"]}},
        },
    },
    description="GeoJSON Point, MultiPoint, Polygon or MultiPolygon, lon/lat WGS-84.",
    examples=[{"type": "Point", "coordinates": [43.145, 11.588]}],
)
_FILTER = Field(
    default=None,
    description="CQL2 JSON over the product's queryables.",
    examples=[{"op": "<=", "args": [{"property": "view:off_nadir"}, 20]}],
)


class SearchBody(Wire):
    """STAPI's Opportunity Request, and where its page begins."""

    datetime: str = _DATETIME
    geometry: dict[str, Any] = _GEOMETRY
    filter: dict[str, Any] | None = _FILTER
    limit: int = Field(default=DEFAULT_LIMIT, ge=1, le=MAX_LIMIT, strict=True)
    next: str | None = Field(default=None, max_length=400, description="From the link 'next' of a page.")


class OrderParameters(Wire):
    """See ``GET …/order-parameters``."""

    quote: str | None = Field(default=None, max_length=MAX_REFERENCE)
    max_price: float | None = Field(default=None, ge=0)
    reference: str | None = Field(default=None, max_length=MAX_REFERENCE)


class OrderBody(Wire):
    """STAPI's Create Order Request."""

    datetime: str = _DATETIME
    geometry: dict[str, Any] = _GEOMETRY
    filter: dict[str, Any] | None = _FILTER
    order_parameters: OrderParameters = Field(default_factory=OrderParameters)


class CancelBody(Wire):
    """Why an order or a search is cancelled."""

    reason: str = Field(default="", max_length=500)


class _Out(BaseModel):
    model_config = ConfigDict(extra="allow")


class Link(_Out):
    """A link to another document."""

    href: str
    rel: str
    type: str | None = None
    title: str | None = None
    method: str | None = None
    headers: dict[str, Any] | None = None
    body: Any = None


class Landing(_Out):
    """The landing page."""

    id: str
    title: str
    description: str
    conformsTo: list[str]
    links: list[Link]


class Conformance(_Out):
    """Conformance classes."""

    conformsTo: list[str]


class JsonSchema(RootModel[dict[str, Any]]):
    """A JSON Schema (draft-07)."""


class Product(_Out):
    """Something on sale."""

    type: Literal["Collection"]
    stapi_type: Literal["Product"]
    stapi_version: str = VERSION
    id: str
    title: str
    description: str
    conformsTo: list[str]
    keywords: list[str]
    license: str
    providers: list[dict[str, Any]]
    links: list[Link]


class Products(_Out):
    """A page of products."""

    products: list[Product]
    links: list[Link]


class Opportunity(_Out):
    """A way in which the product could be had."""

    type: Literal["Feature"]
    stapi_type: Literal["Opportunity"]
    stapi_version: str = VERSION
    id: str
    geometry: dict[str, Any]
    bbox: list[float]
    properties: dict[str, Any]
    links: list[Link]


class Opportunities(_Out):
    """A page of opportunities."""

    type: Literal["FeatureCollection"]
    id: str | None = None
    features: list[Opportunity]
    numberMatched: int
    links: list[Link]


class SearchStatus(_Out):
    """An entry of a search's history."""

    timestamp: str
    status_code: Literal["received", "in_progress", "failed", "cancelled", "completed"]
    reason_code: str | None = None
    reason_text: str | None = None
    links: list[Link]


class SearchRecord(_Out):
    """A search that is answered later."""

    id: str
    product_id: str
    request: dict[str, Any]
    status: SearchStatus
    links: list[Link]


class SearchRecords(_Out):
    """A page of searches."""

    search_records: list[SearchRecord]
    links: list[Link]


class SearchStatuses(_Out):
    """A search's history, oldest first."""

    statuses: list[SearchStatus]
    links: list[Link]


class OrderStatus(_Out):
    """An entry of an order's history."""

    timestamp: str
    status_code: str
    reason_code: str | None = None
    reason_text: str | None = None
    links: list[Link]


class OrderStatuses(_Out):
    """A page of an order's history, oldest first."""

    statuses: list[OrderStatus]
    links: list[Link]


class Order(_Out):
    """An order: the specification's fields, and the same under ``properties`` as its OpenAPI has them."""

    type: Literal["Feature"]
    stapi_type: Literal["Order"]
    stapi_version: str = VERSION
    id: str
    user: str
    created: str
    product_id: str
    status: OrderStatus
    request: dict[str, Any]
    geometry: dict[str, Any]
    bbox: list[float]
    properties: dict[str, Any]
    links: list[Link]


class Orders(_Out):
    """A page of orders, newest first: ``features`` and ``orders`` are the same list."""

    type: Literal["FeatureCollection"]
    features: list[Order]
    orders: list[Order]
    links: list[Link]


class Quote(_Out):
    """A binding price for a request."""

    id: str
    product_id: str
    created: str
    valid_until: str
    orderable: bool
    total: dict[str, str]
    lines: list[dict[str, Any]]
    not_offered: list[dict[str, Any]]
    request: dict[str, Any]
    links: list[Link]


class Reasons(_Out):
    """What became of each part of an order, and why."""

    order_id: str
    status: OrderStatus
    plan: str | None
    tasks: list[dict[str, Any]]
    links: list[Link]
