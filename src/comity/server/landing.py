"""What is at the server's own address: where everything else is, as JSON and as a page to read."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from comity import __version__
from comity.server.operator import Operator
from comity.server.settings import Settings
from comity.server.stapi.handbook import handbook


class Place(BaseModel):
    """A place of this server."""

    rel: str = Field(examples=["service-desc"])
    href: str = Field(examples=["https://eo.example.org/openapi.json"])
    type: str = Field(examples=["application/json"])
    title: str | None = None


class Landing(BaseModel):
    """The server's own landing page; each API below has another."""

    title: str = Field(examples=["Joint Earth Observation"])
    version: str = Field(examples=["0.1.0"])
    links: list[Place]


_PLACES = (
    ("self", "/", "application/json", "This page"),
    ("service-desc", "/openapi.json", "application/vnd.oai.openapi+json;version=3.1", "OpenAPI"),
    ("service-doc", "/docs", "text/html", "Every operation, to read"),
    ("child", "/stapi", "application/json", "STAPI: opportunities, quotes, orders"),
    ("child", "/stac", "application/json", "STAC API: what was delivered"),
    ("child", "/archive", "application/json", "STAC API: what is for sale"),
)


def router(operator: Operator, settings: Settings) -> APIRouter:
    """``/`` and ``/docs``."""
    routes = APIRouter(tags=["Health"])

    @routes.get("/", operation_id="landing", summary="Where everything is")
    def landing() -> Landing:
        places = [
            Place(rel=rel, href=f"{settings.base_url}{path}", type=kind, title=title)
            for rel, path, kind, title in _PLACES
        ]
        return Landing(title=operator.programme.title, version=__version__, links=places)

    @routes.get("/docs", operation_id="docs", summary="Every operation, to read", response_class=HTMLResponse)
    def docs(request: Request) -> HTMLResponse:
        return HTMLResponse(handbook(request.app.openapi(), "/", "Comity"))

    return routes


__all__ = ["router"]
