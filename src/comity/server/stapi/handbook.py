"""The human-readable API documentation (``service-doc``), made of the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any


def handbook(document: Mapping[str, Any], prefix: str, title: str) -> str:
    """One HTML page of every operation below ``prefix``: what it is for, its parameters, its answers."""
    rows = []
    for path, item in document["paths"].items():
        if not path.startswith(prefix):
            continue
        for method, operation in item.items():
            if not isinstance(operation, dict):
                continue
            text = escape(operation.get("description", ""))
            names = ", ".join(escape(p["name"]) for p in operation.get("parameters", []))
            codes = ", ".join(map(escape, operation.get("responses", {})))
            rows.append(
                f"<section><h2>{escape(method.upper())} {escape(path)}</h2>"
                f"<p><b>{escape(operation.get('summary', ''))}.</b> {text}</p>"
                f"<p>Parameters: {names or 'none'}. Answers: {codes}.</p></section>"
            )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>'
        f"{escape(title)}</title></head><body>"
        f"<h1>{escape(title)} at {escape(str(document['info']['title']))}</h1>"
        '<p>The machine-readable form is <a href="/openapi.json">openapi.json</a>.</p>'
        f"{''.join(rows)}</body></html>"
    )
