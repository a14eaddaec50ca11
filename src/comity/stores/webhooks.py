"""Posting webhooks: signed as Standard Webhooks says, to guarded addresses, with bounded answers."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpcore
from standardwebhooks.webhooks import Webhook as Signer

from comity import __version__
from comity.core import Epoch
from comity.operations.webhooks import Answer, WebhookError
from comity.stores.guard import Guard, GuardError

#: Time to connect, and for the whole of one call (seconds); Standard Webhooks suggests 15 to 30.
CONNECT_S = 5.0
CALL_S = 20.0
#: What is read of an answer.
MAX_ANSWER_BYTES = 4_096
#: The longest that a receiver may ask to wait.
MAX_RETRY_AFTER_S = 86_400.0


class HttpWebhooks:
    """A :class:`comity.operations.WebhookSender` over HTTP.

    Redirections are not followed and proxies of the environment not used: both would lead past the guard.
    """

    def __init__(self, guard: Guard | None = None, *, ssl_context: ssl.SSLContext | None = None) -> None:
        self._guard = guard or Guard()
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl_context or ssl.create_default_context(),
            network_backend=GuardedNetwork(self._guard, CALL_S),
            max_connections=20,
            max_keepalive_connections=0,
        )

    def check(self, url: str) -> None:
        """Raises :class:`comity.core.InputError` for a URL that is not called."""
        self._guard.check(url)

    def send(self, url: str, *, id: str, at: Epoch, body: str, secrets: Sequence[str]) -> Answer:
        """Post ``body`` signed with each secret."""
        self._guard.check(url)
        moment = datetime.fromtimestamp(at.utc_unix_ns // 1_000_000_000, UTC)
        signatures = " ".join(Signer(secret).sign(id, moment, body) for secret in secrets)
        headers: dict[bytes | str, bytes | str] = {
            "Content-Type": "application/json",
            "User-Agent": f"comity/{__version__}",
            "Accept-Encoding": "identity",
            "webhook-id": id,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": signatures,
        }
        deadline = time.monotonic() + CALL_S
        timeouts = {"connect": CONNECT_S, "read": CALL_S, "write": CALL_S, "pool": CALL_S}
        try:
            with self._pool.stream(
                "POST", url, headers=headers, content=body.encode(), extensions={"timeout": timeouts}
            ) as response:
                text = _beginning(response.iter_stream(), deadline)
                found = {name.lower(): value for name, value in response.headers}
                wait = _retry_after(found.get(b"retry-after", b"").decode("latin-1"), moment)
                return Answer(status=response.status, text=text, retry_after_s=wait)
        except GuardError as error:
            raise WebhookError(str(error)) from error
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
            raise WebhookError(f"{url} did not answer: {type(error).__name__} {error}".strip()) from error

    def close(self) -> None:
        """Let go of its connections."""
        self._pool.close()


class GuardedNetwork(httpcore.NetworkBackend):
    """Connects only to addresses that a guard has judged, by the address itself.

    ``life_s``: how long a connection lasts in all, however slowly the other side speaks.
    """

    def __init__(self, guard: Guard, life_s: float) -> None:
        self._guard = guard
        self._life_s = life_s
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to one of the host's addresses, in their order; TLS still asks for the host's name."""
        failed: Exception | None = None
        for address in self._guard.addresses(host, port):
            try:
                stream = self._inner.connect_tcp(str(address), port, timeout, local_address, socket_options)
                return _Bounded(stream, time.monotonic() + self._life_s)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed or httpcore.ConnectError(f"{host} has no address")

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        """Never."""
        raise httpcore.ConnectError("no socket of this machine is called")

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


class _Bounded(httpcore.NetworkStream):
    """A connection with an end."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: float) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = self._left(timeout, httpcore.ConnectTimeout)
        return _Bounded(self._inner.start_tls(ssl_context, server_hostname, left), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)

    def _left(self, timeout: float | None, error: type[httpcore.TimeoutException]) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise error("too slow")
        return left if timeout is None else min(left, timeout)


def _beginning(chunks: Iterable[bytes], deadline: float) -> str:
    """What is kept of an answer's body; the rest is not waited for."""
    kept = b""
    for chunk in chunks:
        kept += chunk
        if len(kept) >= MAX_ANSWER_BYTES or time.monotonic() > deadline:
            break
    text = kept[:MAX_ANSWER_BYTES].decode("utf-8", "replace")
    return "".join(c if c.isprintable() else " " for c in text)


def _retry_after(text: str, now: datetime) -> float | None:
    """Seconds of a Retry-After header (RFC 9110), within a day."""
    if not text:
        return None
    if text.strip().isdecimal():
        return min(float(text[:9]), MAX_RETRY_AFTER_S)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return min(max((until - now).total_seconds(), 0.0), MAX_RETRY_AFTER_S)
