"""The worker of this process, from the server's start to its end."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import structlog

from comity.operations.buckets import BucketOpener, queue_deliveries
from comity.operations.webhooks import WebhookSender, notice_events
from comity.operations.worker import Worker
from comity.server.identity import machine_now
from comity.server.jobs.kinds import job_kinds
from comity.server.operator import Operator
from comity.server.settings import Settings
from comity.stores import Guard, GuardedBuckets, HttpWebhooks, networks

#: How long what was done or cancelled can still be asked about.
KEPT_S = 30 * 86_400.0
#: How often old jobs are forgotten.
_PRUNE_S = 3_600.0
#: What a job under way is given to end by itself when the server stops.
GRACE_S = 10.0


class Background:
    """What works behind the routes: the worker, and what it calls.

    ``Settings.job_threads`` is how many jobs this process does at once; 0 leaves them to other processes on
    the same database. ``Settings.allowed_networks`` are those that webhooks and buckets may be in although
    they are not public.
    """

    def __init__(
        self,
        operator: Operator,
        settings: Settings,
        *,
        sender: WebhookSender | None = None,
        opener: BucketOpener | None = None,
    ) -> None:
        guard = Guard(allowed=networks(settings.allowed_networks))
        self.sender: WebhookSender = sender or HttpWebhooks(guard)
        self.opener: BucketOpener = opener or GuardedBuckets(guard)
        self._operator = operator
        self._pruned = time.monotonic()
        self._log = structlog.get_logger("comity.jobs")
        self.worker = Worker(
            operator.sql,
            job_kinds(operator, self.sender, self.opener),
            threads=max(1, settings.job_threads),
            lease_s=settings.job_lease_s,
            before=self.look,
            tell=self._tell,
        )
        self._works = settings.job_threads > 0

    def start(self) -> None:
        """Begin to work."""
        if self._works:
            self.worker.start()

    def stop(self) -> None:
        """End gracefully: what is under way ends or goes back to the queue."""
        if self._works:
            self.worker.stop(GRACE_S)

    def look(self) -> None:
        """Turn what happened into calls and deliveries; now and then forget what is long over."""
        notice_events(self._operator.sql, now=machine_now())
        queue_deliveries(self._operator.sql, now=machine_now())
        if time.monotonic() - self._pruned > _PRUNE_S:
            self._pruned = time.monotonic()
            with self._operator.sql.begin_jobs() as jobs:
                jobs.prune(machine_now() + -KEPT_S)

    def _tell(self, event: str, facts: Mapping[str, Any]) -> None:
        level = "warning" if "error" in facts else "info"
        getattr(self._log, level)(event, **facts)
