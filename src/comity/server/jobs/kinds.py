"""The kinds of jobs: each a thin cover of a use case that may be run any number of times."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from comity.core import StateError
from comity.operations import deliver, find_opportunities, make_plan
from comity.operations.archive_orders import deliver_archived
from comity.operations.buckets import BucketOpener, send_item, verify_bucket
from comity.operations.searches import run_search
from comity.operations.situation import read_situation
from comity.operations.webhooks import (
    WEBHOOK_PAUSES_S,
    WebhookError,
    WebhookSender,
    call_webhook,
)
from comity.operations.worker import Kind, RetryLaterError, Run
from comity.planning import Stop
from comity.server.identity import machine_now
from comity.server.jobs.standing import standing_kinds
from comity.server.operator import Operator
from comity.server.settings import Automation


def job_kinds(operator: Operator, sender: WebhookSender, opener: BucketOpener) -> dict[str, Kind]:
    """Every kind this server does, by name."""

    def opportunities(run: Run) -> Mapping[str, Any]:
        found = find_opportunities(
            run.store,
            run.job.payload["request"],
            now=operator.now(),
            executor=operator.executor,
            trajectories=operator.fleet.trajectories,
            progress=run.progress,
        )
        return {"opportunities": found.id, "windows": len(found.windows)}

    def search(run: Run) -> Mapping[str, Any]:
        id = run.job.payload["search"]
        ended = run_search(
            run.store,
            id,
            now=operator.now(),
            executor=operator.executor,
            trajectories=operator.fleet.trajectories,
            progress=run.progress,
        )
        return {"search": id, "status": ended.status}

    def plan(run: Run) -> Mapping[str, Any]:
        if made := run.job.notes.get("plans"):  # by a run that died before it could say so
            return {"plan": made}
        payload = run.job.payload
        try:
            record = make_plan(
                run.store,
                now=operator.now(),
                seed=payload["seed"],
                stop=Stop(wall_s=payload["time_limit_s"]),
                lead_s=operator.settings.plan_lead_s,
                executor=operator.executor,
                progress=run.progress,
            )
        except StateError:
            if nothing := _nothing_to_plan(run, operator):
                return {"plan": None, "detail": nothing}
            raise  # the orders changed meanwhile: plan them as they are now
        return {"plan": record.id}

    def process(run: Run) -> Mapping[str, Any]:
        items = deliver(
            run.store,
            operator.delivery,
            now=operator.now(),
            max_pixels=run.job.payload["max_pixels"],
            bucket=operator.bucket,
            executor=operator.executor,
            progress=run.progress,
        )
        place = {} if operator.bucket is None else {"place": operator.bucket.place}
        return {"items": [item.id for item in items], **place}

    def archive(run: Run) -> Mapping[str, Any]:
        items = deliver_archived(
            run.store,
            operator.delivery,
            now=operator.now(),
            order=run.job.payload["order"],
            bucket=operator.bucket,
            executor=operator.executor,
            progress=run.progress,
        )
        return {"items": [item.id for item in items]}

    def webhook(run: Run) -> Mapping[str, Any]:
        job = run.job
        try:
            return call_webhook(operator.sql, sender, job.payload, tenant=job.tenant, now=machine_now())
        except WebhookError as error:
            if error.retry_after_s is not None:
                raise RetryLaterError(str(error), error.retry_after_s) from error
            raise

    def bucket(run: Run) -> Mapping[str, Any]:
        job = run.job
        return send_item(
            operator.sql,
            opener,
            operator.delivery,
            job.payload,
            tenant=job.tenant,
            products=operator.bucket,
            progress=run.progress,
        )

    def verify(run: Run) -> Mapping[str, Any]:
        job = run.job
        found = verify_bucket(
            operator.sql, opener, job.payload["bucket"], tenant=job.tenant, now=machine_now()
        )
        return {"bucket": found.id, "state": found.state}

    kinds = (
        Kind(name="opportunities", handler=opportunities),
        Kind(name="search", handler=search),
        Kind(name="plan", handler=plan, notes=("plans",)),
        Kind(name="process", handler=process),
        Kind(name="archive", handler=archive),
        Kind(name="webhook", handler=webhook, pauses_s=WEBHOOK_PAUSES_S),
        Kind(name="bucket", handler=bucket, pauses_s=(5.0, 60.0, 600.0, 3_600.0)),
        Kind(name="verify-bucket", handler=verify),
        *standing_kinds(operator, operator.settings.automation or Automation()),
    )
    return {kind.name: kind for kind in kinds}


def _nothing_to_plan(run: Run, operator: Operator) -> str:
    """Why there is nothing to plan, empty where there is something."""
    try:
        read_situation(run.store, operator.now(), lead_s=operator.settings.plan_lead_s)
    except StateError as why:
        return str(why)
    return ""
