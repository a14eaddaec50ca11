"""Running the application: the listening socket, the ready line, the log, a graceful end."""

from __future__ import annotations

import ipaddress
import json
import logging
import socket
import sys
from collections.abc import Callable, Mapping
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI

from comity.core import InputError

#: Connections under way at once; more are answered 503 by uvicorn itself.
_CONNECTIONS = 2000
_GRACE_S = 30


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to ``host`` and ``port`` (0: any free one); raises :class:`InputError`."""
    if not 0 <= port <= 65_535:
        raise InputError(f"port {port} is outside 0…65535")
    try:
        family, kind, number, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        made = socket.socket(family, kind, number)
    except (OSError, UnicodeError) as error:
        raise InputError(f"host {host!r} is no address of this machine: {error}") from error
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(address)
    except OSError as error:
        made.close()
        raise InputError(
            f"cannot listen on {host}:{port}: {error.strerror or error}; choose another --port"
        ) from error
    return made


def proxies(said: str) -> str:
    """The proxies that are trusted, checked: addresses or networks with commas between; none is empty.

    Raises :class:`InputError` for anything else, everybody (``*``) included.
    """
    found = [each.strip() for each in said.split(",") if each.strip()]
    for each in found:
        try:
            ipaddress.ip_network(each)
        except ValueError as error:
            raise InputError(
                f"--trust-proxy {each!r} is no address or network: name the proxies before this server, such "
                "as 10.0.0.7 or 10.0.0.0/24, with commas between"
            ) from error
    return ",".join(found)


def log_to_stderr(level: str = "info") -> None:
    """One JSON object a line on standard error."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper(), logging.INFO)),
        logger_factory=lambda *_: structlog.WriteLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )


def standard_log_to_stderr(level: str = "info") -> None:
    """What libraries tell Python's own log, uvicorn's lines and warnings too, as :func:`log_to_stderr`.

    Theirs from warnings on, the server's own from ``level`` on.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.contextvars.merge_contextvars,
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("uvicorn").setLevel(level.upper())
    logging.captureWarnings(True)


class _Server(uvicorn.Server):
    """Says when it is ready, and when it begins to end."""

    def __init__(
        self, config: uvicorn.Config, ready: Callable[[], None], leaving: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._ready = ready
        self._leaving = leaving

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, then the ready call."""
        await super().startup(sockets=sockets)
        if self.started and not self.should_exit:
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """No new jobs while the last requests end; then as uvicorn's."""
        self._leaving()
        await super().shutdown(sockets=sockets)


def run(
    app: FastAPI,
    listening: socket.socket,
    ready: Mapping[str, Any],
    *,
    trusted_proxies: str = "",
    log: str = "info",
) -> None:
    """Serve until asked to stop; ``ready`` is printed as one JSON line once requests are answered.

    ``trusted_proxies``: addresses whose ``X-Forwarded-For`` is believed, as :func:`proxies` gives them.
    """
    standard_log_to_stderr(log)
    config = uvicorn.Config(
        app,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=trusted_proxies or None,
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=_GRACE_S,
        lifespan="on",
    )

    def tell() -> None:
        sys.stdout.write(json.dumps(dict(ready), ensure_ascii=False) + "\n")
        sys.stdout.flush()

    _Server(config, tell, app.state.background.worker.rest).run(sockets=[listening])
