"""``comity serve``: the operator on the network."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from comity.cli.common import DEFAULT_DB
from comity.core import Epoch, FixedClock, InputError

_LOCAL = ("127.0.0.1", "::1", "localhost")


def serve(
    demo: Annotated[
        bool,
        typer.Option("--demo", help="Run joint-eo with sandbox tenants, in the folder --dir."),
    ] = False,
    port: Annotated[int, typer.Option("--port", help="Port to listen on; 0 takes a free one.")] = 8080,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    db: Annotated[
        str | None,
        typer.Option("--db", help="SQLite file or database URL that holds the operator's state."),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--dir", help="Folder of products; with --demo also of its database.")
    ] = None,
    base_url: Annotated[
        str | None,
        typer.Option(
            "--base-url", metavar="URL", help="Address that customers use, e.g. of the proxy before it."
        ),
    ] = None,
    trust_proxy: Annotated[
        str, typer.Option("--trust-proxy", metavar="IP,…", help="Proxies whose X-Forwarded-For is believed.")
    ] = "",
    cors: Annotated[
        list[str], typer.Option("--cors", metavar="ORIGIN", help="Web origin that may call; none by default.")
    ] = [],  # noqa: B006
    workers: Annotated[
        int,
        typer.Option("--workers", help="Background jobs at once in this process; 0 leaves them to others."),
    ] = 1,
    allow_network: Annotated[
        list[str],
        typer.Option(
            "--allow-network",
            metavar="CIDR",
            help="Network that webhooks and buckets may be in although it is not public, e.g. 10.1.0.0/16.",
        ),
    ] = [],  # noqa: B006
    now: Annotated[
        str | None,
        typer.Option(
            "--now",
            help="Let time stand still there (ISO 8601 UTC). Default: it runs on from the programme's epoch; "
            "without an epoch the clock.",
        ),
    ] = None,
    log: Annotated[
        str, typer.Option("--log", help="Least level that is logged: debug, info, warning, error.")
    ] = "info",
) -> None:
    """Serve the operator over HTTP: STAPI, STAC, operator and partner API.

    Once ready, one JSON line on standard output tells the base URL; with --demo a token for each role, and at
    the very first start the operator's client id and secret. The log goes to standard error.
    """
    from comity.fleet import load_programme
    from comity.server.app import create_app
    from comity.server.operator import open_operator
    from comity.server.running import listen, log_to_stderr, run
    from comity.server.sandbox import demo_tokens, first_operator
    from comity.server.settings import Settings

    if log not in ("debug", "info", "warning", "error"):
        raise InputError(f"log level {log!r} is none of debug, info, warning, error")
    listening = listen(host, port)
    try:
        port = listening.getsockname()[1]
        shown = f"[{host}]" if ":" in host else host
        settings = Settings(
            base_url=(base_url or f"http://{shown}:{port}").rstrip("/"),
            cors_origins=tuple(cors),
            job_threads=workers,
            allowed_networks=tuple(allow_network),
            token_s=86_400 if demo else 3600,
            prepare=True,
        )
        if host not in _LOCAL and not settings.https:
            sys.stderr.write(
                "comity: tokens travel in the clear: put a proxy with TLS before this server and name its "
                "address with --base-url https://…\n"
            )
        folder = folder or Path("comity-demo" if demo else "delivery")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot use folder {folder}: {error.strerror or error}") from error
        place = db or (str(folder / "comity.db") if demo else DEFAULT_DB)
        if demo:
            _load(place, load_programme("joint-eo"))
        elif "://" not in place and not Path(place).expanduser().exists():
            raise InputError(
                f"there is no database {place}: start one with 'comity programme use FILE --db "
                f"{place}', or try 'comity serve --demo'"
            )
        clock = None if now is None else FixedClock(Epoch.from_iso(now))
        log_to_stderr(log)
        operator = open_operator(place, settings, delivery=folder, clock=clock)
        try:
            ready: dict[str, Any] = {"base_url": settings.base_url, "programme": operator.programme.id}
            if demo:
                ready |= demo_tokens(operator)
            elif first := first_operator(operator):
                ready["first_operator"] = first
            run(create_app(operator, settings), listening, ready, trusted_proxies=trust_proxy)
        finally:
            operator.close()
    finally:
        listening.close()


def _load(place: str, programme: Any) -> None:
    """The demo's programme, in a database that runs none yet."""
    from comity.core import StateError
    from comity.stores import SqlStore

    store = SqlStore(place)
    try:
        with store.begin() as work:
            try:
                running = work.programme().id
            except StateError:
                work.set_programme(programme)
                return
        if running != programme.id:
            raise InputError(f"{place} runs {running}: a demo needs a database of its own, name another --db")
    finally:
        store.close()
