"""What every request passes before any route: id, caller, limits, idempotency, audit, log, metrics."""

from __future__ import annotations

import asyncio
import hashlib
import re
import sys
import time
from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from typing import Any
from uuid import uuid4

import structlog
from anyio.to_thread import run_sync
from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware

from comity.core import ComityError, StateError
from comity.operations.identity import KeptAnswer, KeyHeldError, KeyReusedError
from comity.server.identity.caller import Caller
from comity.server.identity.service import machine_now
from comity.server.limits import RateLimit
from comity.server.metrics import Metrics
from comity.server.operator import Operator
from comity.server.problems import (
    HEADERS,
    BusyError,
    FieldError,
    TooLargeError,
    UnauthenticatedError,
    UnprocessableError,
    problem_of,
)
from comity.server.settings import Settings
from comity.server.strict_json import check_json

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Scope = MutableMapping[str, Any]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
MAX_QUERY = 16_384
#: An answer larger than this is not kept for replay; no route that changes anything answers so much.
_MAX_KEPT = 4 * 2**20
_KEPT_HEADERS = ("location", "preference-applied", "link")


def install(app: FastAPI, operator: Operator, settings: Settings) -> None:
    """Put the front before every route of ``app``; CORS only where origins are configured."""
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["Authorization", "X-API-Key", "Content-Type", "Idempotency-Key", "Prefer"],
            expose_headers=["Location", "X-Request-ID", "Retry-After", "Preference-Applied"],
        )
    metrics = Metrics()
    app.state.metrics = metrics
    app.add_middleware(Front, owner=app, operator=operator, settings=settings, metrics=metrics)


class Front:
    """The front, as plain ASGI: a body is read once, whole, within the limit, before a route sees it."""

    def __init__(
        self, app: App, *, owner: FastAPI, operator: Operator, settings: Settings, metrics: Metrics
    ) -> None:
        self._app = app
        self._owner = owner
        self._operator = operator
        self._settings = settings
        self._metrics = metrics
        self._requests = RateLimit(settings.requests_per_minute, settings.burst)
        self._tries = RateLimit(settings.tries_per_minute)
        self._log = structlog.get_logger("comity.server")
        self._kinds: list[tuple[str, re.Pattern[str], bool, bool]] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        state = scope.setdefault("state", {})
        state["request_id"] = id = str(uuid4())
        answer = _Answer(send, id, self._settings)
        self._metrics.under_way.inc()
        try:
            await self._serve(scope, receive, answer)
        except ComityError as error:
            await self._refuse(error, scope, receive, answer)
        finally:
            self._metrics.under_way.dec()
            took_s = time.perf_counter() - started
            # What nobody foresaw goes up to Starlette, which answers as `problems.install` says.
            failed = 499 if sys.exception() is None else 500
            self._tell(scope, answer.status or failed, took_s)

    async def _refuse(self, error: ComityError, scope: Scope, receive: Receive, answer: _Answer) -> None:
        if answer.status is None:  # else its answer has begun, and can only be cut
            await problem_of(error, f"urn:uuid:{scope['state']['request_id']}")(scope, receive, answer)

    def _tell(self, scope: Scope, status: int, took_s: float) -> None:
        route = _template(scope)
        who: Caller | None = scope["state"].get("caller")
        self._metrics.requests.labels(scope["method"], route, str(status)).inc()
        self._metrics.seconds.labels(scope["method"], route).observe(took_s)
        self._log.info(
            "request",
            request_id=scope["state"]["request_id"],
            method=scope["method"],
            path=scope["path"],
            status=status,
            ms=round(took_s * 1000, 2),
            tenant=who.tenant if who else None,
            credential=who.name if who else None,
        )

    async def _serve(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        _check_address(scope)
        headers = Headers(scope=scope)
        state = scope["state"]
        address = scope["client"][0] if scope.get("client") else "unknown"
        try:
            caller = await run_sync(
                self._operator.identity.authenticate, headers.get("authorization"), headers.get("x-api-key")
            )
        except UnauthenticatedError as error:
            self._tries.take(address)
            state["auth_error"], caller = error, None
        state["caller"] = caller
        state["address"] = address
        left = self._requests.take(f"{caller.tenant}/{caller.name}" if caller else f"address {address}")
        answer.left = int(left)
        if scope["method"] not in _CHANGING:
            await self._app(scope, receive, answer)
            return
        body = await self._body(headers, receive)
        if "json" in headers.get("content-type", "json"):
            check_json(body)
        changes, keeps = self._kind(scope["method"], scope["path"])
        replay = _replay(body, receive)
        if not changes or caller is None:
            await self._app(scope, replay, answer)
            return
        key = headers.get("idempotency-key")
        if key is None or not keeps:
            await self._audited(scope, replay, answer, caller, body)
            return
        await self._once(_checked_key(key), scope, replay, answer, caller, body)

    async def _body(self, headers: Headers, receive: Receive) -> bytes:
        """The whole body, within size and time."""
        limit = self._settings.max_body_bytes
        told = headers.get("content-length", "")
        if told.isdecimal() and int(told[:20]) > limit:
            raise TooLargeError(f"the body has {int(told[:20]):,} bytes, the limit is {limit:,}")
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._settings.max_body_s):
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
                        return b"".join(parts)
        except TimeoutError as error:
            raise FieldError(
                f"the body did not come within {self._settings.max_body_s:g} s",
                field="body",
                limit=self._settings.max_body_s,
            ) from error

    def _kind(self, method: str, path: str) -> tuple[bool, bool]:
        """Whether a request changes anything, and whether its answer may be kept: as its route declares."""
        if self._kinds is None:
            self._kinds = [
                (
                    verb.upper(),
                    _pattern(template),
                    bool(operation.get("x-comity-changes", True)),
                    bool(operation.get("x-comity-keeps", True)),
                )
                for template, operations in self._owner.openapi()["paths"].items()
                for verb, operation in operations.items()
                if isinstance(operation, dict)
                and ("x-comity-changes" in operation or "x-comity-keeps" in operation)
            ]
        for verb, pattern, changes, keeps in self._kinds:
            if verb == method and pattern.fullmatch(path):
                return changes, keeps
        return True, True

    async def _audited(
        self, scope: Scope, receive: Receive, answer: _Answer, caller: Caller, body: bytes
    ) -> None:
        """Runs a change between two entries of the log: one before, so that none is missing, one after."""
        entry = partial(
            self._operator.audit.append,
            request=scope["state"]["request_id"],
            tenant=caller.tenant,
            role=caller.role,
            name=caller.name,
            action=scope["method"],
            subject=scope["path"][:2000],
            digest=hashlib.sha256(body).hexdigest(),
        )
        await run_sync(lambda: entry(at=machine_now(), outcome=None))
        try:
            await self._app(scope, receive, answer)
        finally:
            status = answer.status or 500
            await run_sync(lambda: entry(at=machine_now(), outcome=status))

    async def _once(
        self, key: str, scope: Scope, receive: Receive, answer: _Answer, caller: Caller, body: bytes
    ) -> None:
        """Runs a change once for its key: a second try gets the first one's answer."""
        store, settings = self._operator.idempotency, self._settings
        who = f"{caller.tenant}/{caller.name}"[:200]
        scope["state"]["idempotency_key"] = key
        try:
            kept = await run_sync(
                lambda: store.claim(
                    who,
                    key,
                    _fingerprint(scope, caller, body),
                    at=machine_now(),
                    lease_s=settings.lease_s,
                    keep_s=settings.idempotency_s,
                )
            )
        except KeyReusedError as error:
            raise UnprocessableError(
                f"idempotency key {key[:60]!r} was used for another request: use a new key for a new request"
            ) from error
        except KeyHeldError as error:
            # 409, as the IETF draft says; Retry-After is in the message.
            raise StateError(
                f"a request with idempotency key {key[:60]!r} is under way: ask again, in "
                f"{error.retry_s:.0f} s at most"
            ) from error
        if kept is not None:
            await answer.give(kept)
            return
        answer.record()
        try:
            await self._audited(scope, receive, answer, caller, body)
        finally:
            made = answer.recorded()
            if made is not None and made.status < 400:
                await run_sync(lambda: store.keep(who, key, made))
            else:  # nothing was changed: it may be tried again, mended
                await run_sync(lambda: store.release(who, key))


class _Answer:
    """Sends a response with the headers that each has; remembers its status, and its body where asked."""

    def __init__(self, send: Send, id: str, settings: Settings) -> None:
        self._send = send
        self._id = id
        self._https = settings.https
        self.status: int | None = None
        self.left: int | None = None
        self._headers: Headers = Headers()
        self._parts: list[bytes] | None = None
        self._whole = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "no-store")
            headers["X-Request-ID"] = self._id
            if self._https:
                headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
            if self.left is not None:
                headers["X-RateLimit-Remaining"] = str(self.left)
            self._headers = Headers(raw=list(message["headers"]))
        elif message["type"] == "http.response.body" and self._parts is not None:
            self._parts.append(message.get("body", b""))
            self._whole = not message.get("more_body", False)
            if sum(map(len, self._parts)) > _MAX_KEPT:
                self._parts = None
        await self._send(message)

    def record(self) -> None:
        """Keep what is sent from here on."""
        self._parts = []

    def recorded(self) -> KeptAnswer | None:
        """What was sent, if whole."""
        if self.status is None or self._parts is None or not self._whole:
            return None
        return KeptAnswer(
            status=self.status,
            media_type=self._headers.get("content-type", ""),
            headers={name: self._headers[name] for name in _KEPT_HEADERS if name in self._headers},
            body=b"".join(self._parts),
        )

    async def give(self, kept: KeptAnswer) -> None:
        """Send an answer given before."""
        raw = [
            *((name.encode(), value.encode("latin-1")) for name, value in kept.headers.items()),
            (b"content-length", str(len(kept.body)).encode()),
            (b"idempotency-replayed", b"true"),
        ]
        if kept.media_type:
            raw.append((b"content-type", kept.media_type.encode("latin-1")))
        await self({"type": "http.response.start", "status": kept.status, "headers": raw})
        await self({"type": "http.response.body", "body": kept.body, "more_body": False})


def _check_address(scope: Scope) -> None:
    query: bytes = scope.get("query_string", b"")
    if len(query) > MAX_QUERY:
        raise FieldError(
            f"the query has {len(query):,} characters, the limit is {MAX_QUERY:,}: POST, where there is one",
            field="query",
            limit=MAX_QUERY,
        )
    path: str = scope["path"]
    if "\x00" in path or b"%00" in query or any("\ud800" <= c <= "\udfff" for c in path):
        raise FieldError("the address holds a NUL", field="path")


def _checked_key(key: str) -> str:
    key = key[1:-1] if len(key) > 2 and key[0] == key[-1] == '"' else key
    if not _KEY.fullmatch(key):
        raise FieldError(
            "an idempotency key has 1 to 255 visible ASCII characters",
            field="header.Idempotency-Key",
            value=key,
            limit=255,
        )
    return key


def _fingerprint(scope: Scope, caller: Caller, body: bytes) -> str:
    head = [scope["method"], scope["path"], scope["query_string"].decode("latin-1"), *sorted(caller.scopes)]
    return hashlib.sha256("\0".join(head).encode() + b"\0" + body).hexdigest()


def _template(scope: Scope) -> str:
    """The whole template of the route that was found, ``none`` for none: what figures are kept by.

    A route within a router knows its own part only; what stands before it is taken from the address.
    """
    template = getattr(scope.get("route"), "path_format", None)
    if template is None:
        return "none"
    try:
        filled = template.format(**scope.get("path_params", {}))
    except (KeyError, IndexError):
        return str(template)
    path: str = scope["path"]
    return f"{path.removesuffix(filled)}{template}" if path.endswith(filled) else str(template)


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"(\{[^}]*\})", template)
    return re.compile(
        "".join(
            (".+" if part.endswith(":path}") else "[^/]+") if part.startswith("{") else re.escape(part)
            for part in parts
        )
    )


def _replay(body: bytes, receive: Receive) -> Receive:
    """The body once, then whatever comes (that the client has gone)."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


__all__ = ["BusyError", "Front", "install"]
