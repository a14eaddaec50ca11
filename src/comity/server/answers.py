"""How every answer leaves: with the headers that each has, and kept where it may have to be given again."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders

from comity.operations.identity import KeptAnswer
from comity.server.asgi import Message, Send
from comity.server.problems import HEADERS
from comity.server.settings import Settings

#: An answer larger than this is not kept for replay; no route that changes anything answers so much.
_MAX_KEPT = 4 * 2**20
_KEPT_HEADERS = ("location", "preference-applied", "link")


class Answer:
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
        self._held: Message | None = None

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
            if self._whole:
                self._held = message
                return
        await self._send(message)

    def record(self) -> None:
        """Keep what is sent from here on; its end waits for :meth:`finish`."""
        self._parts = []

    async def finish(self) -> None:
        """Send the end: whoever has the whole answer may send the request again, and finds it kept."""
        held, self._held = self._held, None
        if held is not None:
            await self._send(held)

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


__all__ = ["Answer"]
