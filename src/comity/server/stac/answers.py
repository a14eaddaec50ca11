"""Answers as compact JSON."""

from __future__ import annotations

import json
from typing import Any

from fastapi import Response


def answer(content: Any, media_type: str = "application/json") -> Response:
    """``content`` with its media type."""
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return Response(text.encode(), 200, media_type=media_type)
