"""What every request passes before any route: id, caller, limits, log, metrics; changes have more."""

from __future__ import annotations

import sys
import time
from uuid import uuid4

import structlog
from anyio.to_thread import run_sync
from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware

from comity.core import ComityError
from comity.server.answers import Answer
from comity.server.asgi import App, Receive, Scope, Send
from comity.server.changes import CHANGING, Changes, Kinds
from comity.server.identity.caller import Caller
from comity.server.limits import RateLimit, network_of
from comity.server.metrics import Metrics
from comity.server.operator import Operator
from comity.server.problems import UnauthenticatedError, problem_of
from comity.server.requests import check_address, read_body, replay
from comity.server.running import log_to_stderr
from comity.server.settings import Settings

#: Methods by which figures are kept; what else a client may think of is one.
_METHODS = CHANGING | {"GET", "HEAD", "OPTIONS"}


def install(app: FastAPI, operator: Operator, settings: Settings) -> None:
    """Put the front before every route of ``app``; CORS only where origins are configured.

    A log that nobody has set up is set up here: structlog's own default prints the values of local variables
    with a traceback, and secrets are among them.
    """
    if not structlog.is_configured():
        log_to_stderr()
    metrics: Metrics = app.state.metrics
    app.add_middleware(Front, owner=app, operator=operator, settings=settings, metrics=metrics)
    if settings.cors_origins:  # outermost: what the front refuses can be read by the page that asked, too
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=[
                "Authorization", "X-API-Key", "Content-Type", "Idempotency-Key", "Prefer", "Range",
            ],
            expose_headers=[
                "Location", "X-Request-ID", "Retry-After", "Preference-Applied", "Idempotency-Replayed",
                "X-RateLimit-Remaining", "Content-Range", "Accept-Ranges", "ETag",
            ],
        )  # fmt: skip


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
        self._changes = Changes(app, operator, settings)
        self._kinds: Kinds | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        state = scope.setdefault("state", {})
        id = state.setdefault("request_id", str(uuid4()))
        answer = Answer(send, id, self._settings)
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

    async def _refuse(self, error: ComityError, scope: Scope, receive: Receive, answer: Answer) -> None:
        if answer.status is None:  # else its answer has begun, and can only be cut
            await problem_of(error, f"urn:uuid:{scope['state']['request_id']}")(scope, receive, answer)

    def _tell(self, scope: Scope, status: int, took_s: float) -> None:
        scope["state"]["route"] = route = _template(scope)
        who: Caller | None = scope["state"].get("caller")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._metrics.requests.labels(method, route, str(status)).inc()
        self._metrics.seconds.labels(method, route).observe(took_s)
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

    async def _serve(self, scope: Scope, receive: Receive, answer: Answer) -> None:
        check_address(scope)
        headers = Headers(scope=scope)
        state = scope["state"]
        address = network_of(scope["client"][0]) if scope.get("client") else "unknown"
        try:
            caller = await run_sync(
                self._operator.identity.authenticate, headers.get("authorization"), headers.get("x-api-key")
            )
        except UnauthenticatedError as error:
            self._tries.take(address)
            state["auth_error"], caller = error, None
        state["caller"] = caller
        state["address"] = address
        left = self._requests.take(f"{caller.party}/{caller.name}" if caller else f"address {address}")
        answer.left = int(left)
        if scope["method"] not in CHANGING:
            await self._app(scope, receive, answer)
            return
        body = await read_body(headers, receive, self._settings)
        if self._kinds is None:
            self._kinds = Kinds(self._owner.openapi())
        changes, keeps = self._kinds.of(scope)
        again = replay(body, receive)
        if changes and caller is not None:
            await self._changes.run(scope, again, answer, caller, body, keeps=keeps)
        else:
            await self._app(scope, again, answer)


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


__all__ = ["Front", "install"]
