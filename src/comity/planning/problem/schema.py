"""The JSON Schema of a planning problem, derived from the types; the package ships it as a file."""

from __future__ import annotations

import types
from dataclasses import fields, is_dataclass
from importlib.resources import files
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from comity.core import Epoch
from comity.planning.problem.fields import bounds_of, is_required
from comity.planning.problem.types import PlanningProblem

#: What ``format`` says at the head of every problem file, and the version written.
FORMAT = "comity-planning-problem"
VERSION = 1

Json = dict[str, Any]


def problem_schema() -> Json:
    """JSON Schema (draft 2020-12) of a problem file."""
    definitions: dict[str, Json] = {}
    body = _object(PlanningProblem, definitions)
    head = {"format": {"const": FORMAT}, "version": {"const": VERSION}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:comity:planning-problem:1",
        "title": "Comity planning problem, version 1",
        **body,
        "properties": {**head, **body["properties"]},
        "required": [*head, *body["required"]],
        "$defs": dict(sorted(definitions.items())),
    }


def shipped_schema() -> str:
    """Text of the schema file in the package."""
    return (files("comity.planning.problem") / "data" / "planning-problem-1.schema.json").read_text("utf-8")


def _object(kind: type, definitions: dict[str, Json]) -> Json:
    hints = get_type_hints(kind)
    doc = " ".join((kind.__doc__ or "").replace(":class:", "").replace(":data:", "").split())
    return {
        "description": doc.replace("``", "").replace("`", ""),
        "type": "object",
        "properties": {
            f.name: _value(hints[f.name], bounds_of(kind.__name__, f.name), definitions) for f in fields(kind)
        },
        "required": [f.name for f in fields(kind) if is_required(f)],
        "additionalProperties": False,
    }


def _value(hint: Any, bounds: dict[str, float], definitions: dict[str, Json]) -> Json:
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        inner = _value(next(a for a in args if a is not type(None)), bounds, definitions)
        return {"anyOf": [inner, {"type": "null"}]}
    if origin is Literal:
        return {"enum": list(args)}
    if origin is tuple:
        item = _value(args[0], bounds, definitions)
        if len(args) == 2 and args[1] is Ellipsis:
            return {"type": "array", "items": item}
        return {"type": "array", "items": item, "minItems": len(args), "maxItems": len(args)}
    if isinstance(hint, type) and is_dataclass(hint) and hint is not Epoch:
        if hint.__name__ not in definitions:
            definitions[hint.__name__] = {}
            definitions[hint.__name__] = _object(hint, definitions)
        return {"$ref": f"#/$defs/{hint.__name__}"}
    if hint is Epoch:
        return {"type": "string", "format": "date-time"}
    return {"type": {float: "number", int: "integer", bool: "boolean", str: "string"}[hint], **bounds}
