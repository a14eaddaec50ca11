"""``/jobs``: start, watch, cancel and try again what is done in the background."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal

import anyio
from anyio.to_thread import run_sync
from fastapi import APIRouter, FastAPI, Query, Request, Response
from pydantic import BaseModel, Field
from sse_starlette import EventSourceResponse, ServerSentEvent

from comity.core import UnknownIdError
from comity.operations import StoreError
from comity.operations.jobs import ENDED, Job
from comity.server.dependencies import OperationId, OperatorDep, Wire, request_of, scoped
from comity.server.identity import Caller, machine_now, require
from comity.server.jobs.running import Background, JobFigures
from comity.server.operator import Operator
from comity.server.problems import FieldError, ForbiddenError, responses
from comity.server.settings import Settings

#: How often a watched job is looked at, and how long one is watched before the client must ask again.
LOOK_S = 0.5
WATCH_S = 3_600.0
_PING_S = 15
#: What a stream has to end by itself when the server stops.
_LEAVE_S = 3.0
#: How often a job is looked at whose end a request waits for.
WAIT_LOOK_S = 0.1

#: A file's place, absolute or of several parts; not within an address (s3://…, https://…).
_PATH = re.compile(r"(?<![\w:/.~-])(?:[\w.~-]+)?(?:/[^\s/:,;'\"()]+){2,}/?|(?<![\w:/.~-])/[^\s/:,;'\"()]+")

State = Literal["queued", "running", "done", "failed", "cancelled"]


Anyone = Annotated[Caller, scoped()]


class PlanIn(Wire):
    """How long to look for a plan."""

    time_limit_s: float = Field(default=10.0, gt=0, le=600, description="Seconds the solver may take.")
    seed: int = Field(default=0, ge=0, le=2**31 - 1)


class PlanJob(PlanIn):
    """Plan anew."""

    kind: Literal["plan"]


class ProcessJob(Wire):
    """Make the products of what was received, offer them, and publish them."""

    kind: Literal["process"]
    max_pixels: int = Field(default=20_000_000, ge=10_000, le=200_000_000, description="Of one image.")


class OpportunitiesJob(Wire):
    """Find the opportunities of a request and keep them."""

    kind: Literal["opportunities"]
    request: str = Field(min_length=1, max_length=200, examples=["request-0001"])


class JobOut(BaseModel):
    """Something done in the background."""

    id: str
    kind: str = Field(examples=["plan"])
    state: State = Field(description="`failed` is a dead letter: it is not tried again by itself.")
    created: str
    due: str = Field(description="Not run before.")
    ended: str | None
    runs: int = Field(description="How often it was begun.")
    most_runs: int
    cancel_asked: bool
    done: float = Field(description="Units finished, of `total`.")
    total: float
    message: str = Field(description="What is under way.")
    result: dict[str, Any] | None
    error: str = Field(description="Why the last run failed, empty where none did.")


class JobsOut(BaseModel):
    """Jobs, newest first. ``next``: give it as ``after`` for the next page."""

    jobs: list[JobOut]
    next: str | None


def router(operator: Operator, settings: Settings, background: Background) -> APIRouter:
    """Routes of jobs; while they are served, the worker of ``background`` works."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.metrics.add(figures := JobFigures(operator.sql))
        background.start()
        try:
            yield
        finally:
            await run_sync(background.stop)
            app.state.metrics.remove(figures)

    routes = APIRouter(prefix="/jobs", tags=["Jobs"], lifespan=lifespan)

    @routes.post(
        "",
        operation_id="createJob",
        summary="Do something in the background",
        status_code=202,
        responses=responses(404),
    )
    def create(
        operator: OperatorDep,
        caller: Anyone,
        operation: OperationId,
        asked: Annotated[PlanJob | ProcessJob | OpportunitiesJob, Field(discriminator="kind")],
        response: Response,
    ) -> JobOut:
        """Answers at once; `GET /jobs/{job_id}/events` tells how it goes on."""
        if isinstance(asked, OpportunitiesJob):
            require(caller, ("opportunities",))
            with operator.store.read() as work:
                request_of(work, caller, asked.request)
        else:
            require(caller, ("plan:write",))
            if not caller.sees_all:
                raise ForbiddenError("this is for the operator's own people")
        if isinstance(asked, PlanJob):
            check_plan(asked, settings)
        job = begin(operator, background, caller, operation, asked.kind, asked.model_dump(exclude={"kind"}))
        response.headers["Location"] = f"{settings.base_url}/jobs/{job.id}"
        return job_out(job, caller)

    @routes.get("", operation_id="listJobs", summary="Jobs, newest first", responses=responses(404))
    def listed(
        operator: OperatorDep,
        caller: Anyone,
        state: State | None = None,
        kind: Annotated[str | None, Query(max_length=40, examples=["plan"])] = None,
        after: Annotated[str | None, Query(max_length=200)] = None,
        limit: Annotated[int, Query(ge=1, le=1000, description="Most entries of one page.")] = 100,
    ) -> JobsOut:
        """One's own; with the scope `jobs` everybody's. `state=failed` is the list of dead letters."""
        with operator.sql.read_jobs() as jobs:
            if after is not None:
                _seen(jobs.get(after), caller)
            found = jobs.list(tenant=_tenant(caller), kind=kind, state=state, after=after, limit=limit + 1)
        return JobsOut(
            jobs=[job_out(job, caller) for job in found[:limit]],
            next=found[limit - 1].id if len(found) > limit else None,
        )

    @routes.get("/{job_id}", operation_id="getJob", summary="How a job stands")
    def one(operator: OperatorDep, caller: Anyone, job_id: str) -> JobOut:
        with operator.sql.read_jobs() as jobs:
            return job_out(_seen(jobs.get(job_id), caller), caller)

    @routes.post(
        "/{job_id}/cancel",
        operation_id="cancelJob",
        summary="Cancel a job",
        responses=responses(409),
    )
    def cancel(operator: OperatorDep, caller: Anyone, job_id: str) -> JobOut:
        """One that waits is cancelled at once; a running one stops soon, and writes nothing more."""
        with operator.sql.begin_jobs() as jobs:
            _seen(jobs.get(job_id), caller)
            return job_out(jobs.cancel(job_id, now=machine_now()), caller)

    @routes.post(
        "/{job_id}/retry",
        operation_id="retryJob",
        summary="Try a dead letter again",
        responses=responses(409),
    )
    def retry(operator: OperatorDep, caller: Anyone, job_id: str) -> JobOut:
        with operator.sql.begin_jobs() as jobs:
            _seen(jobs.get(job_id), caller)
            job = jobs.retry(job_id, now=machine_now())
        background.worker.wake()
        return job_out(job, caller)

    @routes.get(
        "/{job_id}/events",
        operation_id="watchJob",
        summary="Watch a job (server-sent events)",
        response_class=EventSourceResponse,
        responses={
            200: {
                "description": "Events `progress` and, last, `ended`; the data of each is a job as above.",
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
            },
        },
    )
    async def events(
        operator: OperatorDep, caller: Anyone, job_id: str, request: Request
    ) -> EventSourceResponse:
        """A stream that was cut goes on where it was: browsers send `Last-Event-ID` themselves."""

        def look() -> Job:
            with operator.sql.read_jobs() as jobs:
                return _seen(jobs.get(job_id), caller)

        first = await run_sync(look)
        told = request.headers.get("last-event-id", "")
        known = int(told[:12]) if told[:12].isdecimal() else -1
        leaving = anyio.Event()
        return EventSourceResponse(
            _changes(first, known, look, leaving, caller),
            ping=_PING_S,
            shutdown_event=leaving,
            shutdown_grace_period=_LEAVE_S,
            headers={"X-Accel-Buffering": "no"},
        )

    return routes


def check_plan(asked: PlanIn, settings: Settings) -> None:
    """Raises :class:`FieldError` for more time than this server gives a solver."""
    if asked.time_limit_s > settings.max_plan_s:
        raise FieldError(
            f"the solver may take {settings.max_plan_s:g} s here, {asked.time_limit_s:g} are asked for",
            field="body.time_limit_s",
            value=asked.time_limit_s,
            limit=settings.max_plan_s,
        )


def begin(
    operator: Operator,
    background: Background,
    caller: Caller,
    operation: str,
    kind: str,
    payload: Mapping[str, Any],
) -> Job:
    """Queue a job, one for each operation, and let this process's worker know."""
    with operator.sql.begin_jobs() as jobs:
        job = jobs.add(kind, payload, now=machine_now(), tenant=caller.party, key=operation)
    background.worker.wake()
    return job


async def wait(operator: Operator, job: Job, seconds: float) -> Job:
    """The job once it has ended, or as it is after so long."""

    def look() -> Job:
        with operator.sql.read_jobs() as jobs:
            return jobs.get(job.id)

    until = time.monotonic() + seconds
    while job.state not in ENDED and time.monotonic() < until:
        await asyncio.sleep(WAIT_LOOK_S)
        job = await run_sync(look)
    return job


async def _changes(
    job: Job, known: int, look: Callable[[], Job], leaving: anyio.Event, caller: Caller
) -> AsyncIterator[ServerSentEvent]:
    """The job now and at each change, until it has ended, or the server ends: then a client asks again."""
    until = time.monotonic() + WATCH_S
    while True:
        ended = job.state in ENDED
        if job.revision != known or ended:
            known = job.revision
            yield ServerSentEvent(
                json.dumps(job_out(job, caller).model_dump(), ensure_ascii=False),
                event="ended" if ended else "progress",
                id=str(known),
            )
        if ended or time.monotonic() > until:
            return
        with anyio.move_on_after(LOOK_S):
            await leaving.wait()
            return
        try:
            job = await run_sync(look)
        except StoreError:  # the database is away: the stream goes on when it is back
            continue


def job_out(job: Job, caller: Caller) -> JobOut:
    """A job as the wire has it: without its payload and its worker; files' places are the operator's own."""
    error = job.error if caller.sees_all else _PATH.sub("…", job.error)
    return JobOut(
        id=job.id,
        kind=job.kind,
        state=job.state,
        created=job.created.iso(),
        due=job.due.iso(),
        ended=None if job.ended is None else job.ended.iso(),
        runs=job.runs,
        most_runs=job.most_runs,
        cancel_asked=job.cancel_asked,
        done=job.done,
        total=job.total,
        message=job.message,
        result=None if job.result is None else dict(job.result),
        error=error,
    )


def _tenant(caller: Caller) -> str | None:
    """Whose jobs a caller sees: None is everybody's."""
    if caller.sees_all and "jobs" in caller.scopes:
        return None
    return caller.party


def _seen(job: Job, caller: Caller) -> Job:
    """The job, if the caller may see it; else it is unknown."""
    tenant = _tenant(caller)
    if tenant is not None and job.tenant != tenant:
        raise UnknownIdError("job", job.id)
    return job
