"""The OpenAPI document: what every operation has — problems, scopes, examples — is said once, here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from comity.server.examples import example_of
from comity.server.identity.caller import ROLE_SCOPES
from comity.server.problems import MEDIA_TYPE, STATUSES, Problem, responses
from comity.server.settings import Settings

_DESCRIPTION = """\
Comity runs a joint satellite operator. Customers search opportunities, ask for quotes and order (STAPI);
find and read what was delivered (STAC API); partners and the operator follow and steer plans and money.

Every error is `application/problem+json` (RFC 9457) and names the field, the value and the limit.
A `POST`, `PUT`, `PATCH` or `DELETE` may carry an `Idempotency-Key`: sent again with the same content it gets
the first answer and nothing is done twice; with other content it is refused (422).
"""
_TAGS = {
    "STAPI core": "Sensor Tasking API 0.1.0: landing page, products, what can be filtered and ordered.",
    "STAPI opportunities": "When a place could be imaged, asked at once or kept as a search.",
    "STAPI orders": "Quotes and orders, their history and reasons.",
    "STAC API": "The archive of what was delivered.",
    "STAC API: files": "Files, previews and tiles of an item.",
    "Saved searches": "Item searches that tell of what comes.",
    "Archive for sale": "STAC API over what is in the archive and may be ordered again.",
    "Operator": "Programme, fleet and orders, for the operator's people and the partners.",
    "Plans": "Plans, their approval, the timeline, and why an order is where it is.",
    "Partners": "What a partner decides on its own spacecraft and stations.",
    "Statements": "Partners' accounts.",
    "Audit": "The append-only log of every change.",
    "Identity": "Tokens, keys, users; what others need to verify our tokens.",
    "Jobs": "What is done in the background.",
    "Webhooks": "Who is told of what happens.",
    "Buckets": "Delivery into a customer's own bucket.",
    "Health": "For probes and monitoring.",
}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Sent again with the same content, the first answer is given and nothing is done twice.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    "example": "order-2026-05-01-7",
}
_VERBS = {"get": "get", "post": "post", "put": "replace", "patch": "change", "delete": "delete"}
#: What path parameters are, where a route does not say.
_PLACES = {"z": "Zoom of the tile.", "x": "Column of the tile.", "y": "Row of the tile.", "key": "Asset."}
_HEADERS = {
    "RequestID": {"description": "The log knows the request by it.", "schema": {"type": "string"}},
    "Location": {"description": "Where it is from now on.", "schema": {"type": "string", "format": "uri"}},
    "RetryAfter": {"description": "Seconds.", "schema": {"type": "string", "pattern": "^[0-9]+$"}},
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
    found["components"]["headers"] = _HEADERS
    found["components"]["responses"] = {f"Problem{status}": _problem(status) for status in _DETAILS}
    used: dict[str, None] = {}
    for path, item in found["paths"].items():
        for verb, operation in item.items():
            if isinstance(operation, dict):
                _finish(verb, path, operation)
                _exemplify(operation, schemas)
                used.update(dict.fromkeys(operation.get("tags", ())))
    found["tags"] = [{"name": name, "description": _TAGS.get(name, name)} for name in used]
    return found


def _finish(verb: str, path: str, operation: dict[str, Any]) -> None:
    """Name, description, answers and the idempotency key of an operation."""
    if not re.fullmatch("[a-z]+[A-Za-z]*", operation.get("operationId", "")):
        operation["operationId"] = _name(verb, path)
    needs = _needs(operation)
    operation["description"] = "\n\n".join(filter(None, (operation.get("description"), needs)))
    answers = operation.setdefault("responses", {})
    answers.pop("422", None)
    always = [400, 429]
    if operation.get("security"):
        always += [401, 403]
    parameters = operation.setdefault("parameters", [])
    if any(parameter.get("in") == "path" for parameter in parameters):
        always.append(404)
    if verb in ("post", "put", "patch", "delete") and operation.get("x-comity-changes", True):
        always += [409, 413, 422]
        if operation.get("x-comity-keeps", True) and operation.get("security"):
            parameters.append(_KEY)
    elif verb == "post":
        always.append(413)
    told = [
        int(status) for status, answer in answers.items() if list(answer.get("content", ())) == [MEDIA_TYPE]
    ]
    for status in (*told, *always):
        if status in told or str(status) not in answers:
            answers[str(status)] = {"$ref": f"#/components/responses/Problem{status}"}
    answers.setdefault("default", {"$ref": "#/components/responses/Problem500"})
    for code, answer in answers.items():
        if "$ref" not in answer:
            headers = answer.setdefault("headers", {})
            headers["X-Request-ID"] = {"$ref": "#/components/headers/RequestID"}
            if code == "201":
                headers.setdefault("Location", {"$ref": "#/components/headers/Location"})


def _name(verb: str, path: str) -> str:
    """``GET /operator/plans/{plan_id}`` → ``getOperatorPlansByPlanId``."""
    words = re.sub(r"\{(\w+)\}", r"by \1", path)
    parts = [part for part in re.split("[^A-Za-z0-9]+", words) if part]
    return _VERBS[verb] + "".join(part[0].upper() + part[1:] for part in parts)


def _needs(operation: Mapping[str, Any]) -> str:
    """Who may call it."""
    if not operation.get("security"):
        return "Needs no token."
    scopes = list(
        dict.fromkeys(scope for way in operation["security"] for all in way.values() for scope in all)
    )
    if not scopes:
        return "Needs a token or key; any role."
    roles = [role for role, held in ROLE_SCOPES.items() if held.issuperset(scopes)]
    return (
        f"Needs the scope {' and '.join(f'`{scope}`' for scope in scopes)}, which {_listed(roles)} may hold."
    )


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _exemplify(operation: dict[str, Any], schemas: Mapping[str, Any]) -> None:
    """Give every parameter, body and answer an example, where its route gave none."""
    for parameter in operation["parameters"]:
        if parameter["name"] in _PLACES:
            parameter.setdefault("description", _PLACES[parameter["name"]])
        parameter.setdefault("description", parameter["name"].replace("_", " ").capitalize() + ".")
        if not _has(parameter):
            parameter["example"] = example_of(parameter["schema"], schemas, parameter["name"])
    for content in operation.get("requestBody", {}).get("content", {}).values():
        if not _has(content):
            content["example"] = example_of(content.get("schema", {}), schemas)
    for answer in operation["responses"].values():
        for kind, content in answer.get("content", {}).items():
            if _has(content):
                continue
            if kind.startswith("image/"):
                content["schema"] = {"type": "string", "contentMediaType": kind}
            elif "json" in kind:
                content["example"] = example_of(content.get("schema", {}), schemas)
            else:
                content.setdefault("schema", {"type": "string"})


def _has(content: Mapping[str, Any]) -> bool:
    return "example" in content or "examples" in content


def _problem(status: int) -> dict[str, Any]:
    """The answer that every operation gives with this status."""
    title = next(title for _, each, title in STATUSES if each == status)
    example: dict[str, Any] = {"type": "about:blank", "title": title, "status": status}
    example |= {"detail": _DETAILS[status], "instance": "urn:uuid:0e8f6f0a-9d5e-4c0b-8a40-0b8a0a6c9a51"}
    if status == 400:
        error = {
            "field": "body.datetime",
            "detail": _DETAILS[400],
            "value": "yesterday",
            "limit": "START/END",
        }
        example["errors"] = [error]
    answer: dict[str, Any] = responses(status)[status]
    answer["content"][MEDIA_TYPE]["example"] = example
    names = {"X-Request-ID": "RequestID", **({"Retry-After": "RetryAfter"} if status in (429, 503) else {})}
    answer["headers"] = {name: {"$ref": f"#/components/headers/{each}"} for name, each in names.items()}
    return answer


_DETAILS = {
    400: "it must be START/END of RFC 3339 times, either of them '..' or empty if open",
    401: "a token or key is needed",
    403: "this needs the scope 'orders:write'",
    404: "unknown order 'order-9999'",
    409: "order-0001 has ended: it is user_cancelled",
    413: "the body has more than 10,485,760 bytes, the limit",
    422: "idempotency key 'order-7' was used for another request: use a new key for a new request",
    429: "too many requests: come back in 3 s",
    500: "the server could not do this; its log says why under this request's id",
    503: "the database does not answer at present",
}

__all__ = ["complete"]
