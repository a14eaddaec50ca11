"""The operator's and partners' own API: programme, fleet, plans, what is withheld, statements, the log."""

from __future__ import annotations

from fastapi import APIRouter

from comity.server.operator import Operator
from comity.server.operator_api import assets, audit, executions, money, partners, plans, schedules
from comity.server.settings import Settings

__all__ = ["router"]


def router(operator: Operator, settings: Settings) -> APIRouter:
    """Everything under ``/operator``."""
    whole = APIRouter(prefix="/operator")
    for area in (assets, plans, executions, schedules, partners, money, audit):
        whole.include_router(area.router(operator, settings))
    return whole
