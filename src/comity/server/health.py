"""Whether the server lives, whether it is ready, and its figures."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryFile
from typing import Literal

import structlog
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from comity import __version__
from comity.core import ComityError
from comity.operations.product_bucket import ProductBucket
from comity.server.dependencies import OperatorDep, optional_caller
from comity.server.identity.service import require
from comity.server.metrics import MEDIA_TYPE
from comity.server.operator import Operator
from comity.server.problems import responses
from comity.server.settings import Settings

#: With less left on its disk the folder of products is full.
LEAST_FREE_BYTES = 100_000_000


class Health(BaseModel):
    """The server answers."""

    status: Literal["ok"] = "ok"
    version: str = Field(default=__version__, examples=["0.1.0"])


class Readiness(BaseModel):
    """What the server needs, and whether it has it."""

    status: Literal["ready", "not ready"]
    database: bool
    programme: bool
    delivery: bool = Field(description="The folder of products can be written to and is not full.")
    bucket: bool | None = Field(description="The bucket of products takes what is put; null without one.")


def router(operator: Operator, settings: Settings) -> APIRouter:
    """``/healthz``, ``/readyz`` and ``/metrics``."""
    routes = APIRouter(tags=["Health"])

    @routes.get("/healthz", summary="Does the process answer?")
    async def healthz() -> Health:
        return Health()

    @routes.get(
        "/readyz",
        summary="May it be sent requests?",
        responses={503: {"model": Readiness, "description": "Not ready"}},
    )
    def readyz(operator: OperatorDep, response: Response) -> Readiness:
        database = programme = False
        try:
            operator.credentials.find("ready")
            database = True
            operator.programme  # noqa: B018 - raises where there is none
            programme = True
        except ComityError:
            pass
        delivery = _has_room(operator.delivery)
        bucket = _takes(operator.bucket)
        ready = database and programme and delivery and bucket is not False
        if not ready:
            response.status_code = 503
        return Readiness(
            status="ready" if ready else "not ready",
            database=database,
            programme=programme,
            delivery=delivery,
            bucket=bucket,
        )

    @routes.get(
        "/metrics",
        summary="Figures for Prometheus",
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}}, **responses(401, 403)},
    )
    def metrics(request: Request) -> Response:
        if not settings.public_metrics:
            require(optional_caller(request), ("metrics:read",))
        return Response(request.app.state.metrics.text(), media_type=MEDIA_TYPE)

    return routes


def _has_room(folder: Path) -> bool:
    """Whether products can be written there."""
    try:
        with TemporaryFile(dir=folder):
            return shutil.disk_usage(folder).free >= LEAST_FREE_BYTES
    except OSError:
        return False


def _takes(bucket: ProductBucket | None) -> bool | None:
    if bucket is None:
        return None
    try:
        bucket.check()
    except ComityError as error:
        structlog.get_logger("comity.server").warning("bucket-away", error=str(error))
        return False
    return True


__all__ = ["router"]
