"""``/webhooks``: who is told of what; and with it ``/buckets``."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from comity.core import UnknownIdError
from comity.operations.events import EventKind, kinds_for
from comity.operations.jobs import Job
from comity.operations.webhooks import (
    Webhook,
    add_webhook,
    change_webhook,
    rotate_secret,
    send_test_message,
    webhook_of,
    webhooks_of,
)
from comity.server.dependencies import OperationId, OperatorDep, Wire, scoped
from comity.server.identity import Caller, machine_now
from comity.server.jobs.routes import JobOut, JobsOut, job_out
from comity.server.jobs.running import Background
from comity.server.operator import Operator
from comity.server.problems import FieldError, in_field
from comity.server.settings import Settings
from comity.server.webhooks.buckets import router as buckets

#: For a route whose answer holds a secret: it is not kept for replay.
SECRET = {"x-comity-keeps": False}


Keeper = Annotated[Caller, scoped("webhooks")]


class WebhookIn(Wire):
    """A wish to be told."""

    url: str = Field(
        min_length=1, max_length=2000, description="https, to a public address.",
        examples=["https://gis.example.dj/comity"],
    )  # fmt: skip
    events: list[EventKind] = Field(
        default=[],
        max_length=10,
        description="None means all. A customer's: `order.status`, `item.offered`, `search.match`. A "
        "partner's, of its own assets: `plan.made`, `plan.approved`, `activities.dropped`, `asset.withheld`; "
        "of its account: `statement.entry`.",
    )


class WebhookOut(BaseModel):
    """A webhook; ``secret`` is told once, when it is made or renewed."""

    id: str
    url: str
    events: list[str]
    state: Literal["active", "paused", "deleted"]
    created: str
    secret: str | None = Field(default=None, description="`whsec_…`: what signatures are checked with.")


class WebhooksOut(BaseModel):
    """Webhooks, oldest first."""

    webhooks: list[WebhookOut]


def router(operator: Operator, settings: Settings, background: Background) -> APIRouter:
    """Routes of webhooks and buckets."""
    routes = APIRouter(tags=["Webhooks"])

    @routes.post(
        "/webhooks",
        operation_id="createWebhook",
        summary="Be told of what happens",
        status_code=201,
        openapi_extra=SECRET,
    )
    def create(
        operator: OperatorDep, caller: Keeper, operation: OperationId, asked: WebhookIn, response: Response
    ) -> WebhookOut:
        """Messages are signed as Standard Webhooks says, tried for three days, then left as dead letters."""
        if _place(asked.url) == _place(settings.base_url):
            raise FieldError(
                "a webhook of this server to itself tells nobody", field="body.url", value=asked.url
            )
        offered = kinds_for(caller.party)
        wrong = next((kind for kind in asked.events if kind not in offered), None)
        if wrong is not None:
            raise FieldError(
                f"{wrong!r} is no kind of event that you can hear of; there are {', '.join(offered)}",
                field="body.events",
                value=wrong,
                limit=", ".join(offered),
            )
        with in_field("body.url", asked.url):
            made = add_webhook(
                operator.sql,
                background.sender,
                tenant=caller.party,
                url=asked.url,
                kinds=asked.events,
                now=machine_now(),
                id=operation.replace("op-", "webhook-", 1),
            )
        response.headers["Location"] = f"{settings.base_url}/webhooks/{made.id}"
        return _out(made, secret=True)

    @routes.get("/webhooks", operation_id="listWebhooks", summary="Own webhooks")
    def listed(operator: OperatorDep, caller: Keeper) -> WebhooksOut:
        return WebhooksOut(webhooks=[_out(w) for w in webhooks_of(operator.sql, caller.party)])

    @routes.get("/webhooks/{webhook_id}", operation_id="getWebhook", summary="One webhook")
    def one(operator: OperatorDep, caller: Keeper, webhook_id: str) -> WebhookOut:
        with operator.sql.read() as work:
            return _out(webhook_of(work, webhook_id, caller.party))

    @routes.delete(
        "/webhooks/{webhook_id}", operation_id="deleteWebhook", summary="Be told no more", status_code=204
    )
    def delete(operator: OperatorDep, caller: Keeper, webhook_id: str) -> None:
        change_webhook(operator.sql, webhook_id, tenant=caller.party, state="deleted")

    @routes.post("/webhooks/{webhook_id}/pause", operation_id="pauseWebhook", summary="Pause a webhook")
    def pause(operator: OperatorDep, caller: Keeper, webhook_id: str) -> WebhookOut:
        return _out(change_webhook(operator.sql, webhook_id, tenant=caller.party, state="paused"))

    @routes.post("/webhooks/{webhook_id}/resume", operation_id="resumeWebhook", summary="Resume a webhook")
    def resume(operator: OperatorDep, caller: Keeper, webhook_id: str) -> WebhookOut:
        """It is told what happened while it was paused."""
        made = change_webhook(operator.sql, webhook_id, tenant=caller.party, state="active")
        background.wake()
        return _out(made)

    @routes.post(
        "/webhooks/{webhook_id}/secret",
        operation_id="renewWebhookSecret",
        summary="Renew the signing secret",
        openapi_extra=SECRET,
    )
    def renew(operator: OperatorDep, caller: Keeper, webhook_id: str) -> WebhookOut:
        """For a day messages carry a signature of each, the old secret's and the new one's."""
        made = rotate_secret(operator.sql, webhook_id, tenant=caller.party, now=machine_now())
        return _out(made, secret=True)

    @routes.post(
        "/webhooks/{webhook_id}/test",
        operation_id="testWebhook",
        summary="Send a test message",
        status_code=202,
    )
    def test(operator: OperatorDep, caller: Keeper, webhook_id: str) -> JobOut:
        job = send_test_message(operator.sql, webhook_id, tenant=caller.party, now=machine_now())
        background.wake()
        return job_out(job, caller)

    @routes.get(
        "/webhooks/{webhook_id}/dead-letters",
        operation_id="listDeadLetters",
        summary="Messages that did not arrive",
    )
    def dead_letters(
        operator: OperatorDep,
        caller: Keeper,
        webhook_id: str,
        after: Annotated[str | None, Query(max_length=200)] = None,
        limit: Annotated[int, Query(ge=1, le=1000, description="Most entries of one page.")] = 100,
    ) -> JobsOut:
        """Newest first; `POST /jobs/{job_id}/retry` sends one again, under the same `webhook-id`."""
        tenant = caller.party
        with operator.sql.read() as work:
            webhook_of(work, webhook_id, tenant)
            found: list[Job] = []
            if after is not None and work.jobs.get(after).tenant != tenant:
                raise UnknownIdError("job", after)
            while len(found) <= limit:
                page = work.jobs.list(tenant=tenant, kind="webhook", state="failed", after=after, limit=1000)
                found += [job for job in page if job.payload["webhook"] == webhook_id]
                if len(page) < 1000:
                    break
                after = page[-1].id
        return JobsOut(
            jobs=[job_out(job, caller) for job in found[:limit]],
            next=found[limit - 1].id if len(found) > limit else None,
        )

    routes.include_router(buckets(operator, settings, background))
    return routes


def _place(url: str) -> tuple[str | None, int | None]:
    """Host and port of a URL."""
    try:
        parts = urlsplit(url)
        return parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None, None  # refused as a URL below


def _out(webhook: Webhook, *, secret: bool = False) -> WebhookOut:
    return WebhookOut(
        id=webhook.id,
        url=webhook.url,
        events=list(webhook.kinds),
        state=webhook.state,
        created=webhook.created.iso(),
        secret=webhook.secrets[0].value if secret else None,
    )
