"""The OpenAPI document: problem details and limits that every operation has, declared once."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from comity.server.problems import MEDIA_TYPE, Problem, responses
from comity.server.settings import Settings

_DESCRIPTION = """\
Comity runs a joint satellite operator. Customers search opportunities, ask for quotes and order (STAPI);
find and read what was delivered (STAC API); partners and the operator follow and steer plans and money.

Every error is `application/problem+json` (RFC 9457) and names the field, the value and the limit.
A `POST`, `PUT`, `PATCH` or `DELETE` may carry an `Idempotency-Key`: sent again with the same content it gets
the first answer and nothing is done twice; with other content it is refused (422).
"""
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Sent again with the same content, the first answer is given and nothing is done twice.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}


def complete(app: FastAPI, settings: Settings) -> None:
    """Let ``app`` describe itself whole."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app, settings)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI, settings: Settings) -> dict[str, Any]:
    found = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=_DESCRIPTION,
        routes=app.routes,
        servers=[{"url": settings.base_url}],
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(schema.pop("$defs", {}))
    schemas["Problem"] = schema
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for path in found["paths"].values():
        for verb, operation in path.items():
            if isinstance(operation, dict):
                _finish(verb, operation)
    return found


def _finish(verb: str, operation: dict[str, Any]) -> None:
    answers = operation.setdefault("responses", {})
    answers.pop("422", None)
    always = [400, 429]
    if operation.get("security"):
        always += [401, 403]
    if any(parameter.get("in") == "path" for parameter in operation.get("parameters", ())):
        always.append(404)
    if verb in ("post", "put", "patch", "delete") and operation.get("x-comity-changes", True):
        always += [409, 413, 422]
        if operation.get("x-comity-keeps", True) and operation.get("security"):
            operation.setdefault("parameters", []).append(_KEY)
    elif verb == "post":
        always.append(413)
    for status, answer in responses(*always).items():
        answers.setdefault(str(status), answer)
    answers.setdefault("default", {"description": "Problem", "content": responses(500)[500]["content"]})


__all__ = ["MEDIA_TYPE", "complete"]
