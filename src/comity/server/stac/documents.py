"""What the STAC API answers: landing page, collections, items, queryables, as plain JSON data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from comity.fleet import Programme
from comity.operations.archive import Extent, FoundItem
from comity.operations.queryables import QUERYABLES

Json = dict[str, Any]
PREFIX = "/stac"
#: Where what is for sale is.
SALE_PREFIX = "/archive"
JSON, GEOJSON, SCHEMA = "application/json", "application/geo+json", "application/schema+json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.1"
STAC_VERSION = "1.1.0"
_API = "https://api.stacspec.org"
_OGC = "http://www.opengis.net/spec"
_CQL2 = f"{_OGC}/cql2/1.0/conf"
_QUERYABLES = "http://www.opengis.net/def/rel/ogc/1.0/queryables"
CONFORMANCE = (
    *(f"{_API}/v1.0.0/{name}" for name in ("core", "collections", "ogcapi-features", "item-search")),
    *(f"{_API}/v1.0.0/item-search#{name}" for name in ("fields", "sort")),
    *(f"{_API}/v1.0.0/ogcapi-features#{name}" for name in ("fields", "sort")),
    f"{_API}/v1.0.0-rc.3/item-search#filter",
    *(f"{_OGC}/ogcapi-features-1/1.0/conf/{name}" for name in ("core", "geojson")),
    *(f"{_OGC}/ogcapi-features-3/1.0/conf/{name}" for name in ("filter", "features-filter")),
    *(f"{_CQL2}/{name}" for name in ("cql2-text", "cql2-json", "basic-cql2", "property-property")),
    f"{_CQL2}/advanced-comparison-operators",
    *(f"{_CQL2}/{name}" for name in ("basic-spatial-functions", "basic-spatial-functions-plus")),
    f"{_CQL2}/spatial-functions",
)
_KEPT = ("type", "stac_version", "id", "collection")
_DEFAULT = (
    "stac_extensions", "geometry", "bbox", "links", "assets", "properties.datetime",
    "properties.start_datetime", "properties.end_datetime",
)  # fmt: skip
_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TYPES: dict[str, Json] = {
    "text": {"type": "string"},
    "number": {"type": "number"},
    "time": {"type": "string", "format": "date-time"},
    "flag": {"type": "boolean"},
}


class Addresses:
    """Addresses below the landing page: ``at("collections", id)``."""

    def __init__(self, base_url: str, prefix: str = PREFIX) -> None:
        self.base = base_url
        self.root = base_url + prefix

    def __call__(self, *parts: str) -> str:
        """The address of a document."""
        return "/".join((self.root, *(quote(part, safe="") for part in parts)))


def link(rel: str, href: str, type: str = JSON, **more: Any) -> Json:
    """A link of a STAC document."""
    return {"rel": rel, "href": href, "type": type, **more}


def landing(at: Addresses, programme: Programme, id: str, about: str) -> Json:
    """The catalogue at the root."""
    return {
        "type": "Catalog",
        "stac_version": STAC_VERSION,
        "id": id,
        "title": programme.title,
        "description": about.format(programme.title),
        "conformsTo": list(CONFORMANCE),
        "links": [
            link("self", at.root),
            link("root", at.root),
            link("conformance", at("conformance")),
            link("data", at("collections")),
            link("search", at("search"), GEOJSON, method="GET", title="Search items"),
            link("search", at("search"), GEOJSON, method="POST", title="Search items"),
            link("service-desc", at("api"), OPENAPI, title="OpenAPI"),
            link("service-doc", at("api.html"), "text/html", title="Documentation"),
            link(_QUERYABLES, at("queryables"), SCHEMA, title="What items can be filtered by"),
        ],
    }


def collection(at: Addresses, programme: Programme, name: str, extent: Extent | None) -> Json:
    """A collection: a product that is sold, and where and when what the caller sees of it lies."""
    product = next((one for one in programme.products if one.id == name), None)
    box = [-180.0, -90.0, 180.0, 90.0] if extent is None else list(extent.bbox)
    start = None if programme.epoch is None else programme.epoch.iso()
    times = [start, None] if extent is None else [iso(extent.start_us), iso(extent.end_us)]
    here = at("collections", name)
    return {
        "type": "Collection",
        "stac_version": STAC_VERSION,
        "id": name,
        "title": name if product is None else product.title,
        "description": (name if product is None else product.description) or name,
        "license": "other",
        "keywords": ["Earth observation", name],
        "extent": {"spatial": {"bbox": [box]}, "temporal": {"interval": [times]}},
        "links": [
            link("self", here),
            link("root", at.root),
            link("parent", at.root),
            link("items", at("collections", name, "items"), GEOJSON),
            link(_QUERYABLES, at("collections", name, "queryables"), SCHEMA),
        ],
    }


def item(at: Addresses, found: FoundItem, *, files: bool) -> Json:
    """An Item with its links and the addresses of its files; ``files``: whether its data may be read."""
    one = found.item
    here = at("collections", one.collection, "items", one.id)
    assets = {
        name: {**asset, "href": f"{here}/assets/{quote(name, safe='')}"}
        for name, asset in one.document["assets"].items()
        if files or not is_data(asset)
    }
    links = [
        link("self", here, GEOJSON),
        link("root", at.root),
        link("parent", at("collections", one.collection)),
        link("collection", at("collections", one.collection)),
        link("preview", f"{here}/preview.png", "image/png", title="Preview"),
    ]
    if files:
        links.append(link("tilejson", f"{here}/tilejson.json", title="Tiles of the web map"))
    return {
        **one.document,
        "collection": one.collection,
        "properties": {**one.document["properties"], "comity:state": found.state},
        "assets": assets,
        "links": links,
    }


def is_data(asset: Mapping[str, Any]) -> bool:
    """Whether a file is the product itself, which is read once it is accepted; pictures of it always are."""
    return not {"thumbnail", "overview", "metadata"} & set(asset.get("roles", ()))


def items(features: Sequence[Json], links: Sequence[Json]) -> Json:
    """An ItemCollection."""
    return {
        "type": "FeatureCollection",
        "features": list(features),
        "numberReturned": len(features),
        "links": list(links),
    }


def queryables(at: Addresses, *parts: str) -> Json:
    """JSON Schema of what can be filtered by."""
    properties: Json = {}
    for name, asked in QUERYABLES.items():
        if asked.kind == "geometry":
            kind: Json = {"$ref": "https://geojson.org/schema/Geometry.json"}
        else:
            kind = _TYPES[asked.kind]
        properties[name] = {"title": asked.title, **kind}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": at(*parts, "queryables"),
        "type": "object",
        "title": "Queryables of the archive",
        "properties": properties,
        "additionalProperties": False,
    }


def iso(us: int) -> str:
    """RFC 3339 of µs of UTC since 1970."""
    return (_UNIX_EPOCH + timedelta(microseconds=us)).isoformat().replace("+00:00", "Z")


def cut(document: Json, include: Sequence[str] | None, exclude: Sequence[str]) -> Json:
    """An Item with the fields asked for (None: all; empty: those every Item has), less those not wanted.

    What is both wanted and not wanted is there, and so is what is wanted of something that is not.
    """
    paths = [*_KEPT, *(include or _DEFAULT)]
    kept: Json = dict(document) if include is None and exclude else {}
    for path in paths:
        _copy(document, kept, path.split(".", 1))
    for path in exclude:
        wanted = any(one == path or one.startswith(f"{path}.") for one in include or ())
        if path not in _KEPT and not wanted:
            kept = _without(kept, path.split(".", 1))
    return kept


def _copy(source: Mapping[str, Any], target: Json, path: list[str]) -> None:
    name, *rest = path
    if name not in source:
        if name not in ("properties", "assets") and not rest and name in source.get("properties", {}):
            target.setdefault("properties", {})[name] = source["properties"][name]
        return
    if not rest or not isinstance(source[name], Mapping):
        target[name] = source[name]
        return
    inner = dict(target.get(name, {}))
    _copy_plain(source[name], inner, rest[0])
    target[name] = inner


def _copy_plain(source: Mapping[str, Any], target: Json, path: str) -> None:
    if path in source:
        target[path] = source[path]
        return
    name, _, rest = path.partition(".")
    if rest and isinstance(source.get(name), Mapping):
        inner = dict(target.get(name, {}))
        _copy_plain(source[name], inner, rest)
        target[name] = inner


def _without(document: Mapping[str, Any], path: list[str]) -> Json:
    name, *rest = path
    if not rest:
        return {key: value for key, value in document.items() if key != name}
    if not isinstance(document.get(name), Mapping):
        return dict(document)
    inner = document[name]
    short = rest if rest[0] in inner else rest[0].split(".", 1)
    return {**document, name: _without(inner, short)}
