"""The application: every area's routes behind one front."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from anyio.to_thread import run_sync
from fastapi import FastAPI

from comity import __version__
from comity.core import watch_spans
from comity.server import front, problems
from comity.server.health import router as health
from comity.server.identity.routes import router as identity_routes
from comity.server.jobs import Background
from comity.server.jobs import router as jobs
from comity.server.landing import router as landing
from comity.server.metrics import Metrics, OperatorFigures
from comity.server.openapi import complete
from comity.server.operator import Operator
from comity.server.operator_api import router as operator_api
from comity.server.settings import Settings
from comity.server.stac import router as stac
from comity.server.stapi import router as stapi
from comity.server.telemetry import Traced, Tracing, watched
from comity.server.webhooks import router as webhooks
from comity.server.word import router as word
from comity.stores.figures import Told, time_statements


def create_app(
    operator: Operator, settings: Settings | None = None, *, tracing: Tracing | None = None
) -> FastAPI:
    """The operator's server as an ASGI application; with ``tracing`` it makes spans while it is served.

    Each area offers ``router(operator, settings) -> APIRouter`` and is mounted with one line.
    """
    settings = settings or operator.settings
    metrics = Metrics()
    metrics.add(OperatorFigures(operator))
    time_statements(operator.sql.engine, _statement_told(metrics, tracing))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if tracing is None:
            yield
            return
        watch_spans(tracing.watch)
        try:
            yield
        finally:
            watch_spans(None)
            await run_sync(tracing.close)

    app = FastAPI(
        title="Comity",
        summary="A joint satellite operator: opportunities, quotes, orders, plans, products and settlement.",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.state.operator = operator
    app.state.settings = settings
    app.state.metrics = metrics
    problems.install(app)
    app.include_router(landing(operator, settings))
    app.include_router(health(operator, settings))
    app.include_router(identity_routes(operator, settings))
    # Areas: one line each.
    app.include_router(stapi(operator, settings))
    app.include_router(stac(operator, settings))
    app.include_router(operator_api(operator, settings))
    app.include_router(word(operator, settings))
    background = Background(operator, settings, watch=partial(watched, metrics=metrics, tracing=tracing))
    app.state.background = background
    app.include_router(jobs(operator, settings, background))
    app.include_router(webhooks(operator, settings, background))
    complete(app, settings)
    front.install(app, operator, settings)
    app.add_middleware(Traced, metrics=metrics, tracing=tracing)
    return app


def _statement_told(metrics: Metrics, tracing: Tracing | None) -> Told:
    def told(verb: str, text: str, took_s: float) -> None:
        metrics.statements.labels(verb).observe(took_s)
        if tracing is not None:
            tracing.statement(verb, text, took_s)

    return told
