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
#: A value longer than this is shown in part.
_SHOWN = 200
_MAX_ERRORS = 20
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


class ForbiddenError(ComityError):
    """The caller is known and may not do this."""


class TooLargeError(InputError):
    """A body over the server's limit."""


class UnprocessableError(InputError):
    """A request that is in order by itself and cannot be done, e.g. an idempotency key used for another."""


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
) -> JSONResponse:
    """A problem+json response."""
    body: dict[str, Any] = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    if instance:
        body["instance"] = instance
    if errors:
        body["errors"] = list(errors)
    return JSONResponse(body, status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def problem_of(error: ComityError, instance: str | None = None) -> JSONResponse:
    """The response to one of our errors.

    An unknown identifier is answered without those that are known: they may be another tenant's.
    """
    status, title = next((s, t) for kind, s, t in STATUSES if isinstance(error, kind))
    headers: dict[str, str] = {}
    errors: list[dict[str, Any]] = []
    detail = str(error)
    if isinstance(error, UnknownIdError):
        detail = f"unknown {error.kind} {shown(error.value)!r}"
    if isinstance(error, FieldError):
        errors = [_entry(error.field, detail, error.value, error.limit)]
    if isinstance(error, UnauthenticatedError):
        headers["WWW-Authenticate"] = 'Bearer realm="comity"'
    if isinstance(error, BusyError | UnderWayError):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_s)))
    elif status == 503:
        headers["Retry-After"] = str(_RETRY_S)
    if isinstance(error, StoreError):
        detail = "the database does not answer at present: try again, with the same Idempotency-Key"
    if status == 500:
        detail = "the server could not do this; its log says why under this request's id"
    return problem(status, title, detail, instance=instance, errors=errors, headers=headers)


def shown(value: object) -> Any:
    """``value`` as JSON can hold it and a reader wants it: numbers as they are, text and the rest cut."""
    if value is None or isinstance(value, bool | int):
        return value if not isinstance(value, int) or abs(value) < 2**53 else f"{_digits(value)}"
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    text = value if isinstance(value, str) else f"{type(value).__name__} of {_size(value)}"
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text):,} characters)"


def _digits(value: int) -> str:
    return str(value) if value.bit_length() < 400 else f"an integer of {value.bit_length():,} bits"


def _size(value: object) -> str:
    return f"{len(value):,}" if hasattr(value, "__len__") else "one"


def _entry(field: str, detail: str, value: object, limit: object) -> dict[str, Any]:
    entry = {"field": field, "detail": detail, "value": shown(value)}
    return entry if limit is None else {**entry, "limit": shown(limit)}


#: Where pydantic keeps the limit of a broken constraint.
_LIMITS = ("ge", "gt", "le", "lt", "max_length", "min_length", "pattern", "expected", "multiple_of")


#: Fields whose value is not told back: answers are logged and shown.
_SECRET = re.compile(r"password|secret|token$")


def _of_validation(error: RequestValidationError) -> list[dict[str, Any]]:
    entries = []
    for each in error.errors()[:_MAX_ERRORS]:
        context = each.get("ctx") or {}
        limit = next((context[name] for name in _LIMITS if name in context), None)
        field = ".".join(str(shown(part)) for part in each["loc"])
        value = None if _SECRET.search(field) else each.get("input")
        entries.append(_entry(field, str(shown(each["msg"])), value, limit))
    return entries


def install(app: FastAPI) -> None:
    """Answer every error of ``app`` as problem+json."""

    @app.exception_handler(ComityError)
    def ours(request: Request, error: ComityError) -> JSONResponse:
        response = problem_of(error, request_id(request))
        if response.status_code == 500:
            structlog.get_logger("comity.server").error(
                "failed", request_id=request_id(request), exc_info=error
            )
        return response

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        errors = _of_validation(error)
        detail = "; ".join(f"{e['field']}: {e['detail']}" for e in errors[:3])
        return problem(400, "Bad request", detail, instance=request_id(request), errors=errors)

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
