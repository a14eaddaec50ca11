"""The form of a line: that of every benchmark here."""

from __future__ import annotations

from typing import Any


def line(
    row: str, job: str, value: float | None, unit: str, *, reach: float, met: bool | None, **rest: Any
) -> dict[str, Any]:
    """One line; no program stands beside ours in these rows. ``rest``: what else was measured."""
    told: dict[str, Any] = {"row": row, "job": job, "value": value, "unit": unit}
    told |= {"peer": None, "peer_value": None, "ratio": None, "reach": reach, "met": met}
    return told | rest
