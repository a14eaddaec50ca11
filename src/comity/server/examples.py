"""Examples of the OpenAPI document: made of each schema's own examples, and of what fields are called."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

_TIME = "2026-05-01T06:00:00Z"
_WEEK = "2026-05-01T00:00:00Z/2026-05-08T00:00:00Z"
_POINT = {"type": "Point", "coordinates": [43.145, 11.588]}
_LINK = {"rel": "self", "type": "application/json", "href": "https://operator.example/stapi"}
#: What a field of this name holds, where its schema has no example of its own. It is tried from the first on:
#: the first that has the field's type is taken.
_NAMED: Mapping[str, tuple[Any, ...]] = {
    "activities": (["plan-0001-a001"],),
    "amount": ("1250.00",),
    "asset": ("gaofen-1-02",),
    "bands": (["red", "green", "blue"],),
    "bbox": ([43.0, 11.4, 43.3, 11.7],),
    "body": ({},),
    "bucket_id": ("bucket-0001",),
    "client_id": ("port-client",),
    "collection_id": ("hr-scene",),
    "conformsTo": (["https://stapi.example.com/v0.1.0/core"],),
    "country": ("DJ",),
    "created": (_TIME,),
    "credential_id": ("key-3f9a1c",),
    "currency": ("USD",),
    "customer": ("dj-environment",),
    "datetime": (_WEEK,),
    "description": ("Scenes of 16 m, 2 m and finer of a joint fleet",),
    "detail": ("'yesterday' is not an RFC 3339 time such as 2026-01-31T06:00:00Z",),
    "due": (_TIME,),
    "end": ("2026-05-01T06:02:00Z",),
    "ended": (_TIME,),
    "expires": ("2027-05-01T00:00:00Z",),
    "field": ("body.datetime",),
    "filter": ({"op": "<=", "args": [{"property": "eo:cloud_cover"}, 20]},),
    "geometry": (_POINT,),
    "headers": ({},),
    "href": ("https://operator.example/stapi/orders/order-0001",),
    "id": ("order-0001", 1),
    "instance": ("urn:uuid:0e8f6f0a-9d5e-4c0b-8a40-0b8a0a6c9a51",),
    "intersects": (_POINT,),
    "item_id": ("order-0001-1",),
    "job_id": ("job-0001",),
    "key": ("cmk_3f9a1c", "red"),
    "kind": ("plan",),
    "license": ("proprietary",),
    "links": ([_LINK],),
    "message": ("solving",),
    "name": ("Port of Djibouti",),
    "order": ("order-0001",),
    "order_id": ("order-0001",),
    "order_parameters": ({"reference": "port survey 7"},),
    "partner": ("cnsa",),
    "place": ("s3://port-imagery/comity",),
    "plan": ("plan-0001",),
    "plan_id": ("plan-0001",),
    "platform": ("gaofen-1-02",),
    "product": ("hr-scene",),
    "product_id": ("hr-scene",),
    "providers": ([{"name": "CNSA", "roles": ["producer"]}],),
    "quote": ("quote-0001",),
    "quote_id": ("quote-0001",),
    "reason": ("orbit manoeuvre",),
    "reason_code": ("planned",),
    "reason_text": ("It is in plan-0001.",),
    "rel": ("self",),
    "request": ({"datetime": _WEEK, "geometry": _POINT}, "request-0001"),
    "scope": ("orders:read orders:write",),
    "scopes": (["orders:read"],),
    "search_id": ("search-0001",),
    "sortby": ("-properties.datetime",),
    "spacecraft": ("gaofen-1-02",),
    "start": ("2026-05-01T06:00:00Z",),
    "station": ("djibouti-1",),
    "status_code": ("accepted",),
    "target": ("port",),
    "task": ("order-0001/port",),
    "tenant": ("dj-environment",),
    "timestamp": (_TIME,),
    "title": ("High-resolution scene", "Bad request"),
    "token_type": ("Bearer",),
    "type": ("application/json",),
    "url": ("https://gis.example.dj/comity",),
    "user": ("dj-environment",),
    "valid_until": ("2026-05-08T06:00:00Z",),
    "value": ("yesterday",),
    "webhook_id": ("webhook-0001",),
    "withheld_id": ("withheld-0001",),
}  # fmt: skip
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list, "object": dict,
}  # fmt: skip
_FORMATS = {"date-time": _TIME, "date": "2026-05-01", "uri": "https://operator.example", "binary": "…"}
_DEPTH = 12
#: A pattern that is a choice of words: the first is taken.
_CHOICE = re.compile(r"\^\((\w+)\|[\w|]*\)\$")


def example_of(schema: Schema, schemas: Mapping[str, Schema], name: str = "", depth: int = 0) -> Any:
    """An instance of ``schema``, which may refer to ``schemas`` (components); of a field called ``name``."""
    if depth > _DEPTH:
        return None
    if "$ref" in schema:
        found = schemas[schema["$ref"].rsplit("/", 1)[1]]
        return example_of(
            {**found, **{k: v for k, v in schema.items() if k != "$ref"}}, schemas, name, depth + 1
        )
    for kept in ("example", "const"):
        if kept in schema:
            return schema[kept]
    if schema.get("examples"):
        return schema["examples"][0]
    if "enum" in schema:
        return schema["enum"][0]
    for kept in ("anyOf", "oneOf"):
        if kept in schema:
            return _of_choice(schema[kept], schemas, name, depth)
    if "allOf" in schema:
        parts = [example_of(part, schemas, name, depth + 1) for part in schema["allOf"]]
        return {k: v for part in parts for k, v in part.items()} if isinstance(parts[0], dict) else parts[0]
    if (named := _named(schema, name)) is not None:
        return named
    return _of_type(schema, schemas, name, depth)


def _of_choice(choices: list[Schema], schemas: Mapping[str, Schema], name: str, depth: int) -> Any:
    some = [choice for choice in choices if choice.get("type") != "null"]
    return example_of(some[0], schemas, name, depth + 1) if some else None


def _named(schema: Schema, name: str) -> Any:
    if schema.get("properties") or "format" in schema:
        return None
    if schema.get("type") == "array" and "$ref" in schema.get("items", {}) and name != "links":
        return None
    kind = _TYPES.get(schema.get("type", ""), object)
    for value in _NAMED.get(name, ()):
        if isinstance(value, kind) and _fits(value, schema):
            return value
    return None


def _fits(value: Any, schema: Schema) -> bool:
    if isinstance(value, list):
        items = schema.get("items", {})
        kind = _TYPES.get(items.get("type", ""), object)
        return "enum" not in items and all(isinstance(each, kind) for each in value)
    return not isinstance(value, str) or re.search(schema.get("pattern", ""), value) is not None


def _of_type(schema: Schema, schemas: Mapping[str, Schema], name: str, depth: int) -> Any:
    kind = schema.get("type")
    if kind == "object" or "properties" in schema:
        fields = schema.get("properties", {})
        return {each: example_of(of, schemas, each, depth + 1) for each, of in fields.items()}
    if kind == "array":
        if "prefixItems" in schema:
            return [example_of(part, schemas, name, depth + 1) for part in schema["prefixItems"]]
        count = max(1, schema.get("minItems", 1))
        return [example_of(schema.get("items", {}), schemas, name, depth + 1)] * count
    if kind in ("integer", "number"):
        if "default" in schema and schema["default"] is not None:
            return schema["default"]
        low = schema.get("minimum", schema.get("exclusiveMinimum", 0))
        return low + 1 if "exclusiveMinimum" in schema else max(low, min(1, schema.get("maximum", 1)))
    if kind == "boolean":
        return bool(schema.get("default"))
    if kind == "string":
        if found := _CHOICE.match(schema.get("pattern", "")):
            return found[1]
        text = (
            schema.get("default")
            or _FORMATS.get(schema.get("format", ""))
            or name.replace("_", " ")
            or "text"
        )
        return str(text)[: schema.get("maxLength", 1000)]
    return {} if kind is None else None
