"""Answers as compact JSON."""

from __future__ import annotations

import json
from typing import Any

from fastapi import Response
from fastapi.responses import JSONResponse

from comity.server.stac.documents import OPENAPI


class OpenApiResponse(JSONResponse):
    """For ``response_class=``: an OpenAPI document."""

    media_type = OPENAPI


def answer(content: Any, media_type: str = "application/json", *, status: int = 200) -> Response:
    """``content`` with its media type."""
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return Response(text.encode(), status, media_type=media_type)
