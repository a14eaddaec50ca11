"""A real S3-compatible server of its own process, and a wire to it that can be cut in mid-upload."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """moto's S3 server."""

    def __init__(self, **settings: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **settings},
        )
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.1)
        raise AssertionError("moto did not start")

    def make_bucket(self, name: str) -> None:
        assert httpx.put(f"{self.url}/{name}").status_code == 200

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def server(**settings: str) -> Iterator[Server]:
    running = Server(**settings)
    try:
        yield running
    finally:
        running.kill()


class Wire:
    """A TCP relay to a server; once ``after`` bytes went up, ``event`` is called and the wire is dead."""

    def __init__(self, to_port: int, after: int, event: Callable[[], None] = lambda: None) -> None:
        self.to_port, self.left, self.event = to_port, after, event
        self.lock = threading.Lock()
        self.dead = False
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.socket.accept()
                if self.dead:
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self.to_port))
                for pair, up in (((near, far), True), ((far, near), False)):
                    threading.Thread(target=self._relay, args=(*pair, up), daemon=True).start()

    def _relay(self, source: socket.socket, sink: socket.socket, up: bool) -> None:
        with contextlib.suppress(OSError):
            while content := source.recv(65_536):
                if up:
                    with self.lock:
                        self.left -= len(content)
                        if self.left < 0 and not self.dead:
                            self.dead = True
                            self.event()
                if self.dead:
                    break
                sink.sendall(content)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def close(self) -> None:
        self.dead = True
        self.socket.close()
