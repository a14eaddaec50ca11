"""Requests that change something: each is in the audit log, and under its idempotency key done once."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from anyio.to_thread import run_sync
from starlette.datastructures import Headers

from comity.operations.identity import KeyHeldError, KeyReusedError
from comity.server.answers import Answer
from comity.server.asgi import App, Receive, Scope
from comity.server.dependencies import wants_async
from comity.server.identity.caller import Caller
from comity.server.identity.service import machine_now
from comity.server.operator import Operator
from comity.server.problems import FieldError, UnderWayError, UnprocessableError
from comity.server.settings import Settings

CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
#: When to ask again how a request with the same key ended (s).
_ASK_AGAIN_S = 5.0


class Kinds:
    """Which operations change something, and whose answers may be kept: as the OpenAPI document says.

    ``x-comity-changes``: false for what only reads, ``respond-async`` for what is only kept if it is asked to
    be answered later. ``x-comity-keeps``: false where the answer holds a secret.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._kinds = [
            (
                verb.upper(),
                _pattern(template),
                operation.get("x-comity-changes", True),
                bool(operation.get("x-comity-keeps", True)),
            )
            for template, operations in document["paths"].items()
            for verb, operation in operations.items()
            if isinstance(operation, dict)
            and ("x-comity-changes" in operation or "x-comity-keeps" in operation)
        ]

    def of(self, scope: Scope) -> tuple[bool, bool]:
        """Whether a request changes anything, and whether its answer may be kept."""
        for verb, pattern, changes, keeps in self._kinds:
            if verb == scope["method"] and pattern.fullmatch(scope["path"]):
                if changes == "respond-async":
                    changes = wants_async(Headers(scope=scope).get("prefer"))
                return bool(changes), keeps
        return True, True


class Changes:
    """Runs requests that change something."""

    def __init__(self, app: App, operator: Operator, settings: Settings) -> None:
        self._app = app
        self._operator = operator
        self._settings = settings

    async def run(
        self, scope: Scope, receive: Receive, answer: Answer, caller: Caller, body: bytes, *, keeps: bool
    ) -> None:
        """One change by ``caller``; under its idempotency key, if it has one.

        An answer that is not kept is made anew for the next try, by a route that goes on from what it finds
        under the operation's id.
        """
        given = Headers(scope=scope).get("idempotency-key")
        if given is None:
            await self._audited(scope, receive, answer, caller, body)
            return
        key, who, fingerprint = _checked_key(given), _whose(caller), _fingerprint(scope, caller, body)
        scope["state"]["idempotency_key"] = key
        scope["state"]["operation"] = f"{who}\0{key}\0{fingerprint}"
        if keeps:
            await self._once(who, key, fingerprint, scope, receive, answer, caller, body)
        else:
            await self._audited(scope, receive, answer, caller, body)

    async def _audited(
        self, scope: Scope, receive: Receive, answer: Answer, caller: Caller, body: bytes
    ) -> None:
        """Between two entries of the log: one before, so that none is missing, one after."""
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
        self,
        who: str,
        key: str,
        fingerprint: str,
        scope: Scope,
        receive: Receive,
        answer: Answer,
        caller: Caller,
        body: bytes,
    ) -> None:
        """Once for its key: a second try gets the first one's answer."""
        store, settings = self._operator.idempotency, self._settings
        try:
            kept = await run_sync(
                lambda: store.claim(
                    who,
                    key,
                    fingerprint,
                    at=machine_now(),
                    lease_s=settings.lease_s,
                    keep_s=settings.idempotency_s,
                )
            )
        except KeyReusedError as error:
            raise UnprocessableError(
                f"idempotency key {key[:60]!r} was used for another request: use a new key for a new request",
                field="header.Idempotency-Key",
                value=key,
            ) from error
        except KeyHeldError as error:
            # 409, as the IETF draft says. Most end soon; one whose server was killed holds it to the end.
            raise UnderWayError(
                f"a request with idempotency key {key[:60]!r} is under way: ask again, in "
                f"{error.retry_s:.0f} s at most",
                min(error.retry_s, _ASK_AGAIN_S),
            ) from error
        if kept is not None:
            await answer.give(kept)
            return
        answer.record()
        try:
            await self._audited(scope, receive, answer, caller, body)
        finally:
            made = answer.recorded()
            try:
                if made is not None and made.status < 400:
                    await run_sync(lambda: store.keep(who, key, made))
                else:  # nothing was changed: it may be tried again, mended
                    await run_sync(lambda: store.release(who, key))
            finally:
                await answer.finish()


def _whose(caller: Caller) -> str:
    """Whose keys these are: a credential's, in its tenant and role; a name too long is kept by its hash."""
    text = f"{caller.party}/{caller.name}"
    return text if len(text) <= 200 else hashlib.sha256(text.encode()).hexdigest()


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
    """What was asked: a key belongs to it. Headers that change what is done are a part of it."""
    prefer = Headers(scope=scope).get("prefer")
    head = [
        scope["method"],
        scope["path"],
        scope["query_string"].decode("latin-1"),
        *(["respond-async"] if wants_async(prefer) else []),
        *sorted(caller.scopes),
    ]
    return hashlib.sha256("\0".join(head).encode() + b"\0" + body).hexdigest()


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"(\{[^}]*\})", template)
    return re.compile(
        "".join(
            (".+" if part.endswith(":path}") else "[^/]+") if part.startswith("{") else re.escape(part)
            for part in parts
        )
    )


__all__ = ["CHANGING", "Changes", "Kinds"]
