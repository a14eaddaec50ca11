"""What STAPI's documents have in common: addresses, links, versions, JSON responses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from fastapi import Response
from fastapi.responses import JSONResponse

from comity.core import Epoch

VERSION = "0.1.0"
#: Where STAPI's landing page is, below the server's base URL.
PREFIX = "/stapi"
JSON = "application/json"
GEOJSON = "application/geo+json"
SCHEMA = "application/schema+json"


class GeoJsonResponse(JSONResponse):
    """For ``response_class=``: what the OpenAPI document says of an answer in GeoJSON."""

    media_type = GEOJSON


class SchemaResponse(JSONResponse):
    """For ``response_class=``: an answer that is a JSON Schema."""

    media_type = SCHEMA


_SPEC = f"https://stapi.example.com/v{VERSION}"
CORE = f"{_SPEC}/core"
ORDER_STATUSES = f"{_SPEC}/order-statuses"
SEARCHES = f"{_SPEC}/searches-opportunity"
SEARCH_STATUSES = f"{_SPEC}/searches-opportunity-statuses"
OPPORTUNITIES = f"{_SPEC}/opportunities"
#: The specification names this class in two ways: the table of classes, and the chapter on opportunities.
ASYNC_OPPORTUNITIES = (f"{_SPEC}/opportunities-async", f"{_SPEC}/async-opportunities")
GEOMETRIES = ("Point", "MultiPoint", "Polygon", "MultiPolygon")

API_CLASSES = (CORE, ORDER_STATUSES, SEARCHES, SEARCH_STATUSES)
PRODUCT_CLASSES = (
    OPPORTUNITIES,
    *ASYNC_OPPORTUNITIES,
    *(f"https://geojson.org/schema/{kind}.json" for kind in GEOMETRIES),
)


class Addresses:
    """Addresses of the server's STAPI documents."""

    def __init__(self, base_url: str) -> None:
        self.base = base_url
        self.root = base_url + PREFIX

    def __call__(self, *parts: str) -> str:
        """The address of a document below the landing page: ``at("orders", id)``."""
        return "/".join((self.root, *(quote(part, safe="") for part in parts)))


def link(
    rel: str,
    href: str,
    type: str = JSON,
    title: str | None = None,
    *,
    method: str | None = None,
    body: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A STAPI Link Object."""
    made: dict[str, Any] = {"rel": rel, "type": type, "href": href}
    if title is not None:
        made["title"] = title
    if method is not None:
        made["method"] = method
    if body is not None:
        made["body"] = body
    return made


def json_response(
    content: Any,
    *,
    status: int = 200,
    media_type: str = JSON,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """``content`` as compact JSON."""
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return Response(text.encode(), status, dict(headers or {}), media_type)


def time_text(at: Epoch) -> str:
    """RFC 3339, UTC, to the millisecond."""
    return at.iso(3)
