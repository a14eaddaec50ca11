"""Errors on the wire: RFC 9457 problem details, and the one table of which error is which HTTP status."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from comity.core import ComityError, InputError, StateError, UnknownIdError
from comity.operations import ObjectStoreError, StoreError

MEDIA_TYPE = "application/problem+json"
#: Whose errors name RFC 6749's beside.
TOKEN_PATH = "/auth/token"
#: A value longer than this is shown in part.
_SHOWN = 200
_MAX_ERRORS = 20
#: A list of no more numbers than these, such as a position or a box, is shown whole.
_FEW = 6
_KINDS: dict[type, str] = {list: "array", dict: "object", bytes: "body"}
#: When to come back to a server whose database or object store does not answer (s).
_RETRY_S = 2
#: What every answer carries.
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class FieldError(InputError):
    """Bad input in one field of a request: what problem details name beside the message."""

    def __init__(self, message: str, *, field: str, value: object = None, limit: object = None) -> None:
        super().__init__(message)
        self.field = field
        self.value = value
        self.limit = limit


@contextmanager
def in_field(field: str, value: object = None) -> Iterator[None]:
    """What is refused inside is told of ``field``."""
    try:
        yield
    except FieldError:
        raise
    except InputError as error:
        raise FieldError(str(error), field=field, value=value) from error


class UnauthenticatedError(ComityError):
    """No token or key, or one that is not good (any more)."""


class BadClientError(UnauthenticatedError):
    """No such OAuth2 client, or another secret; ``basic``: it was shown in an ``Authorization`` header."""

    oauth = "invalid_client"

    def __init__(self, message: str, *, basic: bool) -> None:
        super().__init__(message)
        self.basic = basic


class TokenRefusedError(FieldError):
    """No token for this request; ``oauth``: which of RFC 6749 §5.2's errors it is."""

    def __init__(
        self, message: str, *, oauth: str, field: str, value: object = None, limit: object = None
    ) -> None:
        super().__init__(message, field=field, value=value, limit=limit)
        self.oauth = oauth


class ForbiddenError(ComityError):
    """The caller is known and may not do this."""


class TooLargeError(InputError):
    """A body over the server's limit."""


class UnprocessableError(InputError):
    """A request that is in order by itself and cannot be done, e.g. an idempotency key used for another."""

    def __init__(self, message: str, *, field: str = "", value: object = None) -> None:
        super().__init__(message)
        self.field = field
        self.value = value


class NotNowError(StateError):
    """What one field of a request asks for cannot be had (any more): named as in :class:`FieldError`."""

    def __init__(self, message: str, *, field: str, value: object = None, limit: object = None) -> None:
        super().__init__(message)
        self.field = field
        self.value = value
        self.limit = limit


class BusyError(ComityError):
    """Too much asked at once; ``retry_s`` says when to come back."""

    def __init__(self, message: str, retry_s: float) -> None:
        super().__init__(message)
        self.retry_s = retry_s


class UnderWayError(StateError):
    """The same is being done already; ``retry_s`` says when to ask how it ended."""

    def __init__(self, message: str, retry_s: float) -> None:
        super().__init__(message)
        self.retry_s = retry_s


class UnavailableError(BusyError):
    """Something the server needs does not answer at present."""


#: Kind of error → status and title. The first that fits decides: the narrow before the wide.
STATUSES: tuple[tuple[type[ComityError], int, str], ...] = (
    (UnauthenticatedError, 401, "Not authenticated"),
    (ForbiddenError, 403, "Not allowed"),
    (UnavailableError, 503, "Not available at present"),
    (BusyError, 429, "Too many requests"),
    (TooLargeError, 413, "Too large"),
    (UnprocessableError, 422, "Cannot be done"),
    (UnknownIdError, 404, "Not found"),
    (StateError, 409, "Not now"),
    (InputError, 400, "Bad request"),
    (ObjectStoreError, 503, "Not available at present"),
    (StoreError, 503, "Not available at present"),
    (ComityError, 500, "Server error"),
)


class FieldProblem(BaseModel):
    """One thing wrong with one field: where it is, what was given, what is allowed."""

    field: str = Field(description="Where: `body.datetime`, `query.limit`, `path.order_id`.")
    detail: str
    value: Any = Field(default=None, description="What was given, shortened.")
    limit: Any = Field(default=None, description="What is allowed.")


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str | None = Field(default=None, description="The request's id; the server's log has it too.")
    errors: list[FieldProblem] | None = None
    error: str | None = Field(default=None, description="Of `/auth/token`: RFC 6749 §5.2's word for it.")


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For a route's ``responses=``: these statuses answer problem+json."""
    titles = {status: title for _, status, title in STATUSES}
    return {
        status: {
            "description": titles.get(status, "Problem"),
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }


def problem(
    status: int,
    title: str,
    detail: str,
    *,
    instance: str | None = None,
    errors: Sequence[Mapping[str, Any]] = (),
    headers: Mapping[str, str] | None = None,
    oauth: str | None = None,
) -> JSONResponse:
    """A problem+json response; ``oauth``: its ``error``, as RFC 6749 §5.2 has it."""
    body: dict[str, Any] = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    if instance:
        body["instance"] = instance
    if errors:
        body["errors"] = list(errors)
    if oauth:
        body["error"] = oauth
    return JSONResponse(body, status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def problem_of(
    error: ComityError, instance: str | None = None, path: Mapping[str, object] | None = None
) -> JSONResponse:
    """The response to one of our errors; ``path``: the parameters of the address asked for.

    An unknown identifier is answered without those that are known: they may be another tenant's.
    """
    status, title = next((s, t) for kind, s, t in STATUSES if isinstance(error, kind))
    headers: dict[str, str] = {}
    errors: list[dict[str, Any]] = []
    detail = str(error)
    if isinstance(error, UnknownIdError):
        detail = f"unknown {error.kind} {shown(error.value)!r}"
        named = next((name for name, value in (path or {}).items() if value == error.value), None)
        errors = [_entry(f"path.{named}", detail, error.value, None)] if named else []
    if isinstance(error, FieldError | NotNowError):
        errors = [_entry(error.field, detail, error.value, error.limit)]
    if isinstance(error, UnprocessableError) and error.field:
        errors = [_entry(error.field, detail, error.value, None)]
    if isinstance(error, UnauthenticatedError):
        scheme = "Basic" if isinstance(error, BadClientError) and error.basic else "Bearer"
        headers["WWW-Authenticate"] = f'{scheme} realm="comity"'
    if isinstance(error, BusyError | UnderWayError):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_s)))
    elif status == 503:
        headers["Retry-After"] = str(_RETRY_S)
    if isinstance(error, StoreError):
        detail = "the database does not answer at present: try again, with the same Idempotency-Key"
    if status == 500:
        detail = "the server could not do this; its log says why under this request's id"
    oauth = error.oauth if isinstance(error, BadClientError | TokenRefusedError) else None
    return problem(status, title, detail, instance=instance, errors=errors, headers=headers, oauth=oauth)


def shown(value: object) -> Any:
    """``value`` as JSON can hold it and a reader wants it: numbers as they are, text and the rest cut."""
    if value is None or isinstance(value, bool | int):
        return value if not isinstance(value, int) or abs(value) < 2**53 else f"{_digits(value)}"
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, list) and 0 < len(value) <= _FEW and all(map(_is_number, value)):
        return [shown(each) for each in value]
    text = value if isinstance(value, str) else f"{_KINDS.get(type(value), 'text')} of {_size(value)}"
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text):,} characters)"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _digits(value: int) -> str:
    return str(value) if value.bit_length() < 400 else f"an integer of {value.bit_length():,} bits"


def _size(value: object) -> str:
    return f"{len(value):,}" if hasattr(value, "__len__") else "one"


def _entry(field: str, detail: str, value: object, limit: object) -> dict[str, Any]:
    entry = {"field": field, "detail": detail, "value": shown(value)}
    return entry if limit is None else {**entry, "limit": shown(limit)}


#: Where pydantic keeps the limit of a broken constraint.
_LIMITS = ("ge", "gt", "le", "lt", "max_length", "min_length", "pattern", "expected", "multiple_of")


#: Kind of pydantic's error → what it means to who sent the request, where its own words are Python's.
_WORDS = {
    "missing": "is required",
    "extra_forbidden": "is not known here: leave it out, or look how it is spelt",
    "dict_type": "must be a JSON object",
    "model_type": "must be a JSON object",
    "model_attributes_type": "must be a JSON object",
    "list_type": "must be a JSON array",
    "string_type": "must be text",
}

#: Fields whose value is not told back: answers are logged and shown.
_SECRET = re.compile(r"password|secret|token$")


def _of_validation(error: RequestValidationError) -> list[dict[str, Any]]:
    entries = []
    for each in error.errors()[:_MAX_ERRORS]:
        context = each.get("ctx") or {}
        limit = next((context[name] for name in _LIMITS if name in context), None)
        place, kind, value = list(each["loc"]), each["type"], each.get("input")
        detail = _WORDS.get(kind, str(shown(each["msg"])))
        if kind == "json_invalid":
            detail = f"this is no JSON: {context.get('error')} at character {place.pop()}"
            value = None
        elif kind == "missing":
            value = None  # what it is missing from is no value of it
        elif kind == "union_tag_invalid":
            place.append(str(context["discriminator"]).strip("'"))
            value, limit = context["tag"], context["expected_tags"]
            detail = f"must be one of {limit}"
        elif isinstance(value, bytes) and place == ["body"]:
            detail = "the body is not read as JSON: send it with 'Content-Type: application/json'"
        field = ".".join(str(shown(part)) for part in place)
        entries.append(_entry(field, detail, None if _SECRET.search(field) else value, limit))
    return entries


def install(app: FastAPI) -> None:
    """Answer every error of ``app`` as problem+json."""

    @app.exception_handler(ComityError)
    def ours(request: Request, error: ComityError) -> JSONResponse:
        response = problem_of(error, request_id(request), request.path_params)
        if response.status_code == 500:
            structlog.get_logger("comity.server").error(
                "failed", request_id=request_id(request), exc_info=error
            )
        return response

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        errors = _of_validation(error)
        detail = "; ".join(f"{e['field']}: {e['detail']}" for e in errors[:3])
        oauth = None
        if request.scope["path"] == TOKEN_PATH:
            grant = any(e["field"] == "body.grant_type" and e["value"] is not None for e in errors)
            oauth = "unsupported_grant_type" if grant else "invalid_request"
        return problem(400, "Bad request", detail, instance=request_id(request), errors=errors, oauth=oauth)

    @app.exception_handler(HTTPException)
    def http(request: Request, error: HTTPException) -> JSONResponse:
        titles = {404: "Not found", 405: "Method not allowed", 415: "Media type not supported"}
        title = titles.get(error.status_code, "Problem")
        detail = f"nothing at {shown(request.url.path)}" if error.detail == "Not Found" else str(error.detail)
        return problem(error.status_code, title, detail, instance=request_id(request), headers=error.headers)

    @app.exception_handler(Exception)
    def unforeseen(request: Request, error: Exception) -> JSONResponse:
        structlog.get_logger("comity.server").error("failed", request_id=request_id(request), exc_info=error)
        # Sent past the front, so with its headers; Starlette raises the error again after this answer.
        answer = problem_of(ComityError("unforeseen"), request_id(request))
        answer.headers.update({**HEADERS, "Cache-Control": "no-store"})
        return answer


def request_id(request: Request) -> str | None:
    """The id under which the log knows this request."""
    found = request.scope.get("state", {}).get("request_id")
    return None if found is None else f"urn:uuid:{found}"
