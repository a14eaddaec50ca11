"""Standing work: what is done without being asked, and pausing, resuming or running it now."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from comity.operations.schedules import Schedule, change_schedule, duties
from comity.server.dependencies import OperatorDep, scoped
from comity.server.identity import Caller
from comity.server.operator import Operator
from comity.server.operator_api.assets import staff
from comity.server.settings import Automation, Settings
from comity.stores.schedules import SqlScheduleStore

Reader = Annotated[Caller, scoped("plan:read")]
Writer = Annotated[Caller, scoped("plan:write")]


class ScheduleOut(BaseModel):
    """One kind of standing work. Times are the machine's, not the programme's."""

    name: str = Field(examples=["plan"])
    title: str = Field(examples=["Plan anew when something changed"])
    state: Literal["active", "paused"]
    every_s: float = Field(description="Least time between two beginnings.")
    settle_s: float = Field(description="How long after a change it begins.")
    due: str | None = Field(description="When it begins; null while it has no reason to.")
    asked: bool = Field(description="Whether it was asked to run now.")
    begun: str | None = Field(description="When it last began.")
    runs: int
    job: str | None = Field(description="The last job it began: `GET /jobs/{job}`.")


class SchedulesOut(BaseModel):
    """Every schedule, by name; none before a server with standing work was started."""

    schedules: list[ScheduleOut]


def router(operator: Operator, settings: Settings) -> APIRouter:
    """Routes of schedules."""
    routes = APIRouter(prefix="/schedules", tags=["Schedules"])
    store = SqlScheduleStore(operator.sql.engine)
    known = duties(simulate=(settings.automation or Automation()).simulate)

    def told(schedule: Schedule) -> ScheduleOut:
        due = schedule.due()
        return ScheduleOut(
            name=schedule.name,
            title=known[schedule.name].title,
            state=schedule.state,
            every_s=schedule.every_s,
            settle_s=schedule.settle_s,
            due=None if due is None else due.iso(),
            asked=schedule.asked,
            begun=None if schedule.begun is None else schedule.begun.iso(),
            runs=schedule.runs,
            job=schedule.job,
        )

    @routes.get("", operation_id="listSchedules", summary="What is done without being asked")
    def listed(operator: OperatorDep, caller: Reader) -> SchedulesOut:
        staff(caller)
        return SchedulesOut(schedules=[told(each) for each in store.all()])

    @routes.post("/{name}/pause", operation_id="pauseSchedule", summary="Begin it no more")
    def pause(operator: OperatorDep, caller: Writer, name: str) -> ScheduleOut:
        """What is under way ends; it can still be run by hand."""
        staff(caller)
        return told(change_schedule(store, name, state="paused"))

    @routes.post("/{name}/resume", operation_id="resumeSchedule", summary="Begin it again")
    def resume(operator: OperatorDep, caller: Writer, name: str) -> ScheduleOut:
        staff(caller)
        return told(change_schedule(store, name, state="active"))

    @routes.post("/{name}/run", operation_id="runSchedule", summary="Run it now", status_code=202)
    def run(operator: OperatorDep, caller: Writer, name: str) -> ScheduleOut:
        """Begun by whatever worker looks next, paused or not, with a reason or without; once its last job has
        ended."""
        staff(caller)
        return told(change_schedule(store, name, run=True))

    return routes
