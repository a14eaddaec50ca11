"""What comes in, before any route sees it: the address, and the body whole, within size, time and form."""

from __future__ import annotations

import asyncio

from anyio.to_thread import run_sync
from starlette.datastructures import Headers

from comity.server.asgi import Message, Receive, Scope
from comity.server.problems import FieldError, TooLargeError
from comity.server.settings import Settings
from comity.server.strict_json import check_json

MAX_QUERY = 16_384
#: Parts of a file that may be asked for at once.
MAX_RANGES = 16
#: A body longer than this is checked beside the event loop.
_AT_ONCE = 65_536
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def check_address(scope: Scope) -> None:
    """Refuse too long a query, and an address that no store can hold; raises :class:`FieldError`."""
    query: bytes = scope.get("query_string", b"")
    if len(query) > MAX_QUERY:
        raise FieldError(
            f"the query has {len(query):,} characters, the limit is {MAX_QUERY:,}: POST, where there is one",
            field="query",
            limit=MAX_QUERY,
        )
    path: str = scope["path"]
    if "\x00" in path or b"%00" in query or b"\x00" in query or any("\ud800" <= c <= "\udfff" for c in path):
        raise FieldError("the address holds a NUL", field="path")
    ranges = Headers(scope=scope).get("range", "")
    if ranges.count(",") >= MAX_RANGES:
        raise FieldError(
            f"{ranges.count(',') + 1} ranges are asked for at once", field="header.Range", limit=MAX_RANGES
        )


async def read_body(headers: Headers, receive: Receive, settings: Settings) -> bytes:
    """The whole body; raises :class:`TooLargeError` and :class:`FieldError`."""
    limit = settings.max_body_bytes
    told = headers.get("content-length", "")
    if told.isdecimal() and int(told[:20]) > limit:
        raise TooLargeError(f"the body has {int(told[:20]):,} bytes, the limit is {limit:,}")
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(settings.max_body_s):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise FieldError("the connection ended before the body did", field="body")
                part = message.get("body", b"")
                size += len(part)
                if size > limit:
                    raise TooLargeError(f"the body has more than {limit:,} bytes, the limit")
                parts.append(part)
                if not message.get("more_body", False):
                    break
    except TimeoutError as error:
        raise FieldError(
            f"the body did not come within {settings.max_body_s:g} s",
            field="body",
            limit=settings.max_body_s,
        ) from error
    body = b"".join(parts)
    await _check_form(headers, body)
    return body


async def _check_form(headers: Headers, body: bytes) -> None:
    """No store holds a NUL; whatever is not a form is read as JSON, under any name of its media type."""
    if headers.get("content-type", "").lower().startswith(_FORMS):
        if b"\x00" in body or b"%00" in body:
            raise FieldError("the form holds a NUL", field="body")
    elif len(body) > _AT_ONCE:
        await run_sync(check_json, body)
    else:
        check_json(body)


def replay(body: bytes, receive: Receive) -> Receive:
    """The body once, then whatever comes (that the client has gone)."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


__all__ = ["MAX_QUERY", "MAX_RANGES", "check_address", "read_body", "replay"]
