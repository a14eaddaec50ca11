"""A proxy on this machine through which a client of its own (the object store's) reaches guarded addresses.

The object store's client looks names up itself; through this proxy it does not: the guard does, judges every
address and connects to what it judged. It lives as long as one use of a bucket and takes a password, so that
nothing else on the machine goes through it.
"""

from __future__ import annotations

import base64
import hmac
import secrets
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import cast
from urllib.parse import urlsplit

from comity.stores.guard import Guard, GuardError

_HEAD_BYTES = 65_536
_CONNECT_S = 5.0
_IDLE_S = 60.0


@contextmanager
def guarded_proxy(guard: Guard) -> Iterator[str]:
    """Run the proxy; gives its URL, password and all."""
    token = secrets.token_hex(16)
    with _Server(("127.0.0.1", 0), _Relay) as server:
        server.guard = guard
        server.expected = "Basic " + base64.b64encode(f"comity:{token}".encode()).decode()
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"http://comity:{token}@127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            server.hang_up()
            thread.join()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    guard: Guard
    expected: str

    def __init__(self, address: tuple[str, int], handler: type[_Relay]) -> None:
        super().__init__(address, handler)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    def opened(self, *ends: socket.socket) -> None:
        """Remember what is to be hung up."""
        with self._lock:
            self._open.update(ends)

    def closed(self, *ends: socket.socket) -> None:
        """Forget what is closed."""
        with self._lock:
            self._open.difference_update(ends)

    def hang_up(self) -> None:
        """End every connection."""
        with self._lock:
            for end in self._open:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news."""


class _Relay(socketserver.BaseRequestHandler):
    """One connection: CONNECT for https, a whole URL for http."""

    def handle(self) -> None:
        near: socket.socket = self.request
        server = cast(_Server, self.server)
        near.settimeout(_IDLE_S)
        server.opened(near)
        try:
            with suppress(OSError):
                self._serve(near, server)
        finally:
            server.closed(near)

    def _serve(self, near: socket.socket, server: _Server) -> None:
        head, rest = _head(near)
        lines = head.decode("latin-1").split("\r\n")
        method, _, target = lines[0].partition(" ")
        target, _, version = target.rpartition(" ")
        headers = [line.partition(":") for line in lines[1:] if line]
        given = next((v.strip() for n, _, v in headers if n.lower() == "proxy-authorization"), "")
        if not hmac.compare_digest(given.encode(), server.expected.encode()):
            near.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return
        tunnel = method == "CONNECT"
        parts = urlsplit(f"//{target}" if tunnel else target)
        try:
            far = _connect(server.guard, parts.hostname or "", parts.port or (443 if tunnel else 80))
        except (GuardError, ValueError) as error:
            text = str(error).encode()
            near.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))
            return
        except OSError:
            near.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            return
        with far:
            server.opened(far)
            if tunnel:
                near.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
                kept = [
                    f"{name}:{value}"
                    for name, _, value in headers
                    if name.lower() not in ("proxy-authorization", "proxy-connection", "connection")
                ]
                lines = [f"{method} {path} {version}", *kept, "Connection: close", "", ""]
                far.sendall("\r\n".join(lines).encode("latin-1"))
            far.sendall(rest)
            back = threading.Thread(target=_pour, args=(far, near), daemon=True)
            back.start()
            _pour(near, far)
            back.join()
            server.closed(far)


def _head(near: socket.socket) -> tuple[bytes, bytes]:
    read = b""
    while b"\r\n\r\n" not in read:
        more = near.recv(_HEAD_BYTES)
        if not more or len(read) > _HEAD_BYTES:
            raise ConnectionError("no request")
        read += more
    head, _, rest = read.partition(b"\r\n\r\n")
    return head, rest


def _connect(guard: Guard, host: str, port: int) -> socket.socket:
    failed = OSError(f"{host} has no address")
    for address in guard.addresses(host, port):
        try:
            far = socket.create_connection((str(address), port), _CONNECT_S)
        except OSError as error:
            failed = error
        else:
            far.settimeout(_IDLE_S)
            return far
    raise failed


def _pour(source: socket.socket, sink: socket.socket) -> None:
    """Everything from one end to the other, then say that no more comes."""
    with suppress(OSError):
        while content := source.recv(65_536):
            sink.sendall(content)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
