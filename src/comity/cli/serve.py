"""``comity serve``: the operator on the network."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from comity.cli.common import DEFAULT_DB
from comity.core import Epoch, FixedClock, InputError, SystemClock

if TYPE_CHECKING:
    from comity.operations import ObjectStore
    from comity.server.settings import Automation

#: How long a request to the bucket of products is tried: somebody waits, and jobs come back by themselves.
_RETRY_S = 5.0
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
        int | None,
        typer.Option(
            "--workers",
            help="Background jobs at once in this process; 0 leaves them to others.",
            show_default="1; demo: 2",
        ),
    ] = None,
    processes: Annotated[
        int,
        typer.Option(
            "--processes",
            min=1,
            max=64,
            help="Processes on the port, each with its --workers; a dead one is replaced. Needs PostgreSQL.",
        ),
    ] = 1,
    auto: Annotated[
        str | None,
        typer.Option(
            "--auto",
            metavar="NAME,…|all|none",
            help="Standing work that is on: plan, approve, execute, process, close. Without it a new "
            "database begins with all but approve (--demo: all), and another goes on as it was.",
            show_default=False,
        ),
    ] = None,
    plan_every: Annotated[
        float | None,
        typer.Option(
            "--plan-every",
            metavar="MINUTES",
            help="Least time between two plans.",
            show_default="10; demo: 0",
        ),
    ] = None,
    speed: Annotated[
        float | None,
        typer.Option(
            "--speed",
            help="With --demo: let the programme's time, which is simulated, run so many times as fast.",
            show_default="1",
        ),
    ] = None,
    allow_network: Annotated[
        list[str],
        typer.Option(
            "--allow-network",
            metavar="CIDR",
            help="Network that webhooks and buckets may be in although it is not public, e.g. 10.1.0.0/16.",
        ),
    ] = [],  # noqa: B006
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="s3://BUCKET/PREFIX|FOLDER",
            help="Keep products there, for all servers on the database: what --dir lacks is read from it.",
        ),
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(metavar="URL", help="S3-compatible server; default: AWS_ENDPOINT_URL.")
    ] = None,
    new_operator_credential: Annotated[
        bool,
        typer.Option(
            "--new-operator-credential",
            help="Serve nothing: print a new operator's client id and secret, once, for --db. Audited.",
        ),
    ] = False,
    now: Annotated[
        str | None,
        typer.Option(
            "--now",
            help="Let time stand still there (ISO 8601 UTC). Default: it runs on from the programme's epoch; "
            "without an epoch the clock.",
        ),
    ] = None,
    settings_file: Annotated[
        Path | None,
        typer.Option(
            "--settings",
            metavar="FILE",
            help="TOML with any setting: limits, OpenID providers ([[issuers]]), …; options here count more.",
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
    from comity.server.processes import Processes, inherited
    from comity.server.running import listen, log_to_stderr, proxies, run
    from comity.server.sandbox import demo_tokens, first_operator
    from comity.server.settings import read_settings
    from comity.server.telemetry import tracing_from_environment

    if speed is not None and not (demo and now is None and 1.0 <= speed <= 100_000.0):
        raise InputError("--speed, 1 … 100000, is for the simulated time of --demo, without --now")
    if log not in ("debug", "info", "warning", "error"):
        raise InputError(f"log level {log!r} is none of debug, info, warning, error")
    trusted = proxies(trust_proxy)
    if new_operator_credential:
        _new_operator(db or (str((folder or Path("comity-demo")) / "comity.db") if demo else DEFAULT_DB))
        return
    handed = inherited()
    listening = handed or listen(host, port)
    try:
        port = listening.getsockname()[1]
        shown = f"[{host}]" if ":" in host else host
        settings = read_settings(
            settings_file,
            defaults={
                "base_url": f"http://{shown}:{port}",
                "prepare": True,
                "token_s": 86_400 if demo else 3600,
                "job_threads": 2 if demo else 1,
            },
            given={
                "base_url": base_url.rstrip("/") if base_url else None,
                "cors_origins": tuple(cors) or None,
                "job_threads": workers,
                "allowed_networks": tuple(allow_network) or None,
                "to": to,
                "endpoint": endpoint,
            },
        )
        automation = _automation(settings.automation, demo, auto, plan_every)
        settings = replace(settings, automation=automation)
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
        else:
            _check_there(place)
        objects = None if settings.to is None else _opened(settings.to, settings.endpoint)
        clock = None if now is None else FixedClock(Epoch.from_iso(now))
        log_to_stderr(log)
        if processes > 1 and handed is None:
            if not place.startswith("postgresql"):
                raise InputError(
                    "several processes need PostgreSQL (--db postgresql+psycopg://…): SQLite has one writer "
                    "at a time, so that they would only wait for each other"
                )
            argv = [sys.executable, "-m", "comity", *sys.argv[1:]]
            sys.exit(Processes(argv, listening, processes).run(_say))
        operator = open_operator(
            place, settings, delivery=folder, clock=clock, objects=objects, speed=speed or 1.0
        )
        try:
            # First what may be refused: the first operator's secret is told once.
            app = create_app(operator, settings, tracing=tracing_from_environment())
            ready: dict[str, Any] = {"base_url": settings.base_url, "programme": operator.programme.id}
            if demo:
                ready |= {"now": operator.now().iso(0), "speed": speed or 1.0, "simulated": True}
                ready |= demo_tokens(operator)
            elif first := first_operator(operator):
                ready["first_operator"] = first
            run(app, listening, ready, trusted_proxies=trusted, log=log)
        finally:
            operator.close()
    finally:
        listening.close()


def _check_there(place: str) -> None:
    if "://" not in place and not Path(place).expanduser().exists():
        raise InputError(
            f"there is no database {place}: start one with 'comity programme use FILE --db "
            f"{place}', or try 'comity serve --demo'"
        )


def _opened(to: str, endpoint: str | None) -> ObjectStore:
    """The store of products. One that is away is said: the server waits for it; what cannot be is refused."""
    from comity.operations import ObjectStoreError
    from comity.stores import object_store

    objects = object_store(to, endpoint=endpoint, retry_s=_RETRY_S)
    try:
        objects.check()
    except ObjectStoreError as error:
        sys.stderr.write(f"comity: {error}\n")
    return objects


def _new_operator(place: str) -> None:
    """Print a new operator credential of the database."""
    from comity.server.operator import open_operator
    from comity.server.sandbox import new_operator
    from comity.server.settings import Settings

    _check_there(place)
    operator = open_operator(place, Settings(), delivery=Path(), clock=SystemClock())
    try:
        _say(json.dumps({"new_operator": new_operator(operator)}) + "\n")
    finally:
        operator.close()


def _say(line: str) -> None:
    sys.stdout.write(line)
    sys.stdout.flush()


def _automation(
    said: Automation | None, demo: bool, auto: str | None, plan_every: float | None
) -> Automation:
    """The standing work that is asked for: the demo's is simulated, quick and approves by itself."""
    from comity.server.settings import STANDING, Automation

    made = said or Automation()
    if demo:
        made = replace(
            made,
            active=STANDING,
            simulate=True,
            plan_every_s=0.0,
            settle_s=0.5,
            plan_limit_s=1.0,
            max_pixels=600_000,
            look_s=0.3,
            seed=1,
        )
    if auto is not None:
        words = tuple(word for word in auto.split(",") if word)
        names = STANDING if words == ("all",) else () if words == ("none",) else words
        made = replace(made, active=names, insist=True)
    return made if plan_every is None else replace(made, plan_every_s=plan_every * 60.0)


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
