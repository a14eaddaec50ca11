"""The application: every area's routes behind one front."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from comity import __version__
from comity.server import front, problems
from comity.server.health import router as health
from comity.server.identity.routes import router as identity_routes
from comity.server.jobs import Background
from comity.server.jobs import router as jobs
from comity.server.openapi import complete
from comity.server.operator import Operator
from comity.server.operator_api import router as operator_api
from comity.server.settings import Settings
from comity.server.stac import router as stac
from comity.server.stapi import router as stapi
from comity.server.webhooks import router as webhooks


def create_app(operator: Operator, settings: Settings | None = None) -> FastAPI:
    """The operator's server as an ASGI application.

    Each area offers ``router(operator, settings) -> APIRouter`` and is mounted with one line.
    """
    settings = settings or operator.settings

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield

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
    problems.install(app)
    app.include_router(health(operator, settings))
    app.include_router(identity_routes(operator, settings))
    # Areas: one line each.
    app.include_router(stapi(operator, settings))
    app.include_router(stac(operator, settings))
    app.include_router(operator_api(operator, settings))
    background = Background(operator, settings)
    app.state.background = background
    app.include_router(jobs(operator, settings, background))
    app.include_router(webhooks(operator, settings, background))
    complete(app, settings)
    front.install(app, operator, settings)
    return app
