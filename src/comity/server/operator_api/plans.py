"""Plans: make, read, approve; the timeline; why an order is where it is."""

from __future__ import annotations

from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from comity.core import Epoch, Interval, StateError
from comity.fleet import Programme
from comity.operations import Activity, PlanRecord, explain_order
from comity.operations.oversight import Verdict, approve_plan, newest_plan
from comity.server.dependencies import (
    Limit,
    OperationId,
    OperatorDep,
    Wire,
    order_of,
    scoped,
    wants_async,
)
from comity.server.identity import Caller
from comity.server.jobs import Background
from comity.server.jobs.routes import JobOut, PlanIn, begin, check_plan, job_out, wait
from comity.server.operator import Operator
from comity.server.operator_api.assets import staff
from comity.server.problems import FieldError, in_field, responses
from comity.server.settings import Settings

Reader = Annotated[Caller, scoped("plan:read")]
Writer = Annotated[Caller, scoped("plan:write")]
#: How long a request for a plan waits for it (s), and how long it may ask to.
_WAIT_S, _MOST_WAIT_S = 20.0, 60.0


class ReasonOut(BaseModel):
    """Why a task is not, or not wholly, planned."""

    task: str
    code: str
    text: str
    beaten_by: list[str] = []


class PlanOut(BaseModel):
    """A plan and its proven bound; ``reasons`` only where one plan is asked for."""

    id: str
    created: str
    current: bool = Field(description="Whether it is the newest.")
    approved: str | None = Field(description="When it was approved.")
    value: float = Field(description="Worth of what is planned, the programme's currency.")
    upper_bound: float = Field(description="No plan is worth more.")
    gap: float
    tasks: int
    tasks_planned: int
    acquisitions: int
    downlinks: int
    solver: str
    reasons: list[ReasonOut] | None = None


class PlansOut(BaseModel):
    """A page of plans, newest first."""

    plans: list[PlanOut]
    next: str | None


class ActivityOut(BaseModel):
    """Something a spacecraft and perhaps a station do."""

    id: str
    plan: str
    kind: str
    state: str
    start: str
    end: str
    spacecraft: str
    instrument: str | None
    station: str | None
    order: str | None
    target: str | None
    off_nadir_deg: float | None
    bits: float
    outcome: str
    commanded: bool = Field(description="Whether its plan is approved.")


class TimelineOut(BaseModel):
    """Activities in order of time; a partner sees those on its own assets."""

    interval: str
    activities: list[ActivityOut]
    more: bool = Field(description="Whether the limit cut the list: ask from the last one's start on.")


class VerdictOut(BaseModel):
    """An approval."""

    id: str
    plan: str
    decision: str
    by: str
    reason: str
    at: str


class ApprovalIn(Wire):
    """Words that go with an approval."""

    reason: str = Field(default="", max_length=1000)


class TaskOut(BaseModel):
    """What is said of one task of an order."""

    task: str
    target: str
    state: str
    reason_code: str
    reason: str
    beaten_by: list[str]
    activities: list[str]


class WhyOut(BaseModel):
    """Why an order is where it is, task by task, recomputed from the newest plan."""

    order: str
    customer: str
    status: str
    plan: str | None
    tasks: list[TaskOut]


def router(operator: Operator, settings: Settings) -> APIRouter:
    """Routes of plans."""
    routes = APIRouter(tags=["Plans"])

    @routes.post(
        "/plans",
        summary="Plan anew",
        status_code=201,
        response_model=PlanOut,
        responses={202: {"model": JobOut, "description": "Not made yet; see Location."}, **responses(409)},
    )
    async def plan(
        request: Request,
        operator: OperatorDep,
        caller: Writer,
        operation: OperationId,
        prefer: Annotated[
            str | None, Header(max_length=200, description="`respond-async`, or `wait=SECONDS`.")
        ] = None,
        asked: PlanIn | None = None,
    ) -> Response:
        """A job makes it. 201 where it is made within 20 s, or as long as `Prefer: wait=SECONDS` asks (60 at
        most); otherwise, and with `Prefer: respond-async`, 202 and the job."""
        staff(caller)
        asked = asked or PlanIn()
        check_plan(asked, settings)
        background: Background = request.app.state.background
        job = await run_sync(
            lambda: begin(operator, background, caller, operation, "plan", asked.model_dump())
        )
        job = await wait(operator, job, _wait_s(prefer) if background.works else 0.0)
        if job.state in ("failed", "cancelled"):
            raise StateError(job.error or f"{job.id} was {job.state}")
        result = job.result
        if result is None:
            place = {"Location": f"{settings.base_url}/jobs/{job.id}"}
            if wants_async(prefer):
                place["Preference-Applied"] = "respond-async"
            return JSONResponse(job_out(job, caller).model_dump(), 202, headers=place)
        if result["plan"] is None:
            raise StateError(result["detail"])
        made = await run_sync(lambda: _told(operator, result["plan"], reasons=True))
        place = {"Location": f"{settings.base_url}/operator/plans/{made.id}"}
        return JSONResponse(made.model_dump(), 201, headers=place)

    @routes.get("/plans", summary="Plans, newest first")
    def plans(
        operator: OperatorDep,
        caller: Reader,
        before: Annotated[str | None, Query(max_length=200)] = None,
        limit: Annotated[int, Query(ge=1, le=50)] = 10,
    ) -> PlansOut:
        with operator.store.read() as work:
            found = work.plans.page(limit + 1, before=before)
            newest = newest_plan(work)
            approved = {each.plan: each for each in work.verdicts.all()}
        return PlansOut(
            plans=[
                _plan(each, approved.get(each.id), newest is not None and each.id == newest.id)
                for each in found[:limit]
            ],
            next=found[limit - 1].id if len(found) > limit else None,
        )

    @routes.get("/plans/{plan_id}", summary="One plan with its reasons")
    def one(operator: OperatorDep, caller: Reader, plan_id: str) -> PlanOut:
        # Reasons name orders of every customer: not for partners.
        return _told(operator, plan_id, reasons=caller.sees_all)

    @routes.post(
        "/plans/{plan_id}/approval", summary="Release a plan for commanding", responses=responses(409)
    )
    def approve(
        operator: OperatorDep, caller: Writer, plan_id: str, asked: ApprovalIn | None = None
    ) -> VerdictOut:
        staff(caller)
        given = approve_plan(
            operator.store,
            plan_id,
            now=operator.now(),
            by=caller.name,
            reason=asked.reason if asked else "",
        )
        return VerdictOut(
            id=given.id, plan=given.plan, decision=given.decision, by=given.by, reason=given.reason,
            at=given.at.iso(),
        )  # fmt: skip

    @routes.get("/timeline", summary="What is planned and what was done")
    def timeline(
        operator: OperatorDep,
        caller: Reader,
        datetime: Annotated[
            str | None,
            Query(max_length=100, description="START/END; either may be open (..).", examples=["../.."]),
        ] = None,
        spacecraft: Annotated[str | None, Query(max_length=200)] = None,
        station: Annotated[str | None, Query(max_length=200)] = None,
        state: Annotated[str | None, Query(pattern="^(planned|done|failed|dropped)$")] = None,
        limit: Limit = 500,
    ) -> TimelineOut:
        with in_field("query.datetime", datetime):
            interval = _interval(datetime, operator.now())
        programme = operator.programme
        if spacecraft is not None:
            programme.craft(spacecraft)
        if station is not None:
            programme.station(station)
        equal = {k: v for k, v in (("spacecraft", spacecraft), ("state", state)) if v is not None}
        with operator.store.read() as work:
            kept = work.activities.all(**equal)
            approved = frozenset(each.plan for each in work.verdicts.all())
        found = sorted(
            (
                a
                for a in kept
                if a.interval.overlaps(interval)
                and (station is None or a.station == station)
                and _visible(programme, caller, a)
            ),
            key=lambda a: (a.interval.start, a.id),
        )
        return TimelineOut(
            interval=interval.iso(),
            activities=[_activity(a, a.plan in approved, caller) for a in found[:limit]],
            more=len(found) > limit,
        )

    @routes.get("/orders/{order_id}/why", summary="Why is an order where it is?")
    def why(operator: OperatorDep, caller: Reader, order_id: str) -> WhyOut:
        with operator.store.read() as work:
            order_of(work, caller, order_id)
        account = explain_order(operator.store, order_id)
        return WhyOut(
            order=order_id,
            customer=account.order.customer,
            status=account.order.status,
            plan=account.plan.id if account.plan else None,
            tasks=[
                TaskOut(
                    task=each.task.id,
                    target=each.task.target,
                    state=each.task.state,
                    reason_code=each.reason_code,
                    reason=each.reason_text,
                    beaten_by=list(each.beaten_by),
                    activities=[a.id for a in each.activities],
                )
                for each in account.tasks
            ],
        )

    return routes


def _wait_s(prefer: str | None) -> float:
    """How long an answer may wait for its job (RFC 7240)."""
    if wants_async(prefer):
        return 0.0
    for part in (prefer or "").split(","):
        name, _, value = part.split(";")[0].strip().partition("=")
        if name.strip().lower() == "wait" and value.strip().isdecimal():
            return min(float(value.strip()[:9]), _MOST_WAIT_S)
    return _WAIT_S


def _told(operator: Operator, plan_id: str, *, reasons: bool) -> PlanOut:
    with operator.store.read() as work:
        found = work.plans.get(plan_id)
        newest = newest_plan(work)
        given = work.verdicts.all(plan=plan_id)
    current = newest is not None and newest.id == plan_id
    return _plan(found, given[0] if given else None, current, reasons=reasons)


def _plan(plan: PlanRecord, verdict: Verdict | None, current: bool, *, reasons: bool = False) -> PlanOut:
    solution = plan.solution
    return PlanOut(
        id=plan.id,
        created=plan.created.iso(),
        current=current,
        approved=None if verdict is None else verdict.at.iso(),
        value=solution.bound.value,
        upper_bound=solution.bound.upper,
        gap=solution.bound.gap,
        tasks=len(plan.problem.tasks),
        tasks_planned=sum(value > 0 for value in solution.task_values.values()),
        acquisitions=len(solution.acquisitions),
        downlinks=len(solution.downlinks),
        solver=solution.solver,
        reasons=[
            ReasonOut(task=r.task, code=r.code, text=r.text, beaten_by=list(r.by)) for r in solution.reasons
        ]
        if reasons
        else None,
    )


def _interval(text: str | None, now: Epoch) -> Interval:
    """The interval asked for; open ends reach a year from the other end, or from now."""
    year_s = 366 * 86_400.0
    if text is None:
        return Interval(now, now + 7 * 86_400.0)
    start, slash, end = text.partition("/")
    if not slash:
        raise FieldError(
            f"{text!r} is not an interval START/END", field="query.datetime", value=text, limit="START/END"
        )
    first = None if start in ("", "..") else Epoch.from_iso(start)
    last = None if end in ("", "..") else Epoch.from_iso(end)
    if first is None:
        first = (last or now) + -year_s
    # beyond the calendar's last day no time can be written
    return Interval(first, min(last or max(first, now) + year_s, Epoch.from_iso("9999-12-31T23:59:59Z")))


def _visible(programme: Programme, caller: Caller, activity: Activity) -> bool:
    if caller.sees_all:
        return True
    owners = {programme.craft(activity.spacecraft).owner}
    if activity.station is not None:
        owners.add(programme.station(activity.station).owner)
    return caller.role == "partner" and caller.tenant in owners


def _activity(activity: Activity, approved: bool, caller: Caller) -> ActivityOut:
    return ActivityOut(
        id=activity.id,
        plan=activity.plan,
        kind=activity.kind,
        state=activity.state,
        start=activity.interval.start.iso(),
        end=activity.interval.end.iso(),
        spacecraft=activity.spacecraft,
        instrument=activity.instrument,
        station=activity.station,
        order=activity.order if caller.sees_all else None,
        target=activity.target if caller.sees_all else None,  # a customer's own word
        off_nadir_deg=None if activity.look is None else round(activity.look.off_nadir_deg, 3),
        bits=activity.bits,
        outcome=activity.outcome,
        commanded=approved and activity.state == "planned",
    )
