"""What the ground segment reports: which planned activities were done and which failed."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from comity.operations import Outcome, execute
from comity.server.dependencies import OperatorDep, Wire, scoped
from comity.server.identity import Caller
from comity.server.operator import Operator
from comity.server.operator_api.assets import staff
from comity.server.problems import responses
from comity.server.settings import Settings


class OutcomeIn(Wire):
    """What happened to one activity: an entry of the report that `comity execute --report` takes."""

    activity_id: str = Field(min_length=1, max_length=200, examples=["plan-0001-a001"])
    state: Literal["done", "failed"]
    cloud: float | None = Field(default=None, ge=0, le=1, description="Of the footprint, where it is known.")
    text: str = Field(default="", max_length=1000)


class ReportIn(Wire):
    """A report; it is taken in whole or not at all."""

    activities: list[OutcomeIn] = Field(min_length=1, max_length=10_000)


class ReportOut(BaseModel):
    """What followed. Tasks that are ``retried`` go into the next plan."""

    done: int
    failed: int
    received: int = Field(description="Acquisitions that are wholly on the ground now.")
    retried: list[str]
    expired: list[str] = Field(description="Tasks whose time is over.")
    cloudy: list[str] = Field(description="Tasks of which only images over the cloud limit came so far.")
    over_limit: list[str] = Field(description="The same, but their time is over: the customer decides.")


def router(operator: Operator, settings: Settings) -> APIRouter:
    """``POST /executions``."""
    routes = APIRouter(tags=["Execution"])

    @routes.post(
        "/executions",
        operation_id="reportExecution",
        summary="Report what was flown and received",
        status_code=201,
        responses=responses(404, 409),
    )
    def report(
        operator: OperatorDep, caller: Annotated[Caller, scoped("plan:write")], asked: ReportIn
    ) -> ReportOut:
        """An activity that is unknown, named twice or not awaiting an outcome refuses the whole report."""
        staff(caller)
        outcomes = [
            Outcome(
                activity=each.activity_id,
                state=each.state,
                cloud=each.cloud,
                text=each.text,
                cloud_source="operator's report" if each.cloud is not None else "",
            )
            for each in asked.activities
        ]
        taken = execute(operator.store, now=operator.now(), report=outcomes)
        return ReportOut(
            done=taken.done,
            failed=taken.failed,
            received=taken.received,
            retried=list(taken.retried),
            expired=list(taken.expired),
            cloudy=list(taken.cloudy),
            over_limit=list(taken.over_limit),
        )

    return routes
