"""The worker of this process, from the server's start to its end."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

import structlog
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from comity.operations.buckets import BucketOpener, queue_deliveries
from comity.operations.jobs import JobStore
from comity.operations.webhooks import WebhookSender, notice_events
from comity.operations.worker import Worker
from comity.server.identity import machine_now
from comity.server.jobs.kinds import job_kinds
from comity.server.operator import Operator
from comity.server.settings import Settings
from comity.stores import Guard, GuardedBuckets, HttpWebhooks, networks

#: How long what was done or cancelled can still be asked about.
KEPT_S = 30 * 86_400.0
#: How often subscriptions are looked through although nothing happened: another process may have changed one.
_LOOK_S = 10.0
#: How often old jobs are forgotten.
_PRUNE_S = 3_600.0
#: What a job under way is given to end by itself when the server stops.
GRACE_S = 10.0


class JobFigures(Collector):
    """The queue as Prometheus reads it, counted when it asks."""

    def __init__(self, store: JobStore) -> None:
        self._store = store

    def describe(self) -> Iterable[Metric]:
        """Nothing is counted before it is asked for."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Jobs by kind and state; `failed` are the dead letters."""
        with self._store.begin_jobs() as jobs:
            counts = jobs.counts()
        found = GaugeMetricFamily("comity_jobs", "Background jobs.", labels=("kind", "state"))
        for (kind, state), number in sorted(counts.items()):
            found.add_metric((kind, state), number)
        return [found]


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
        self._looked: tuple[int, float] | None = None
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

    def wake(self) -> None:
        """Something was changed that may make work: look at everything now."""
        self._looked = None
        self.worker.wake()

    def look(self) -> None:
        """Turn what happened into calls and deliveries; now and then forget what is long over."""
        last, since = self._operator.sql.last_event(), time.monotonic()
        if self._looked is None or self._looked[0] != last or since - self._looked[1] > _LOOK_S:
            notice_events(self._operator.sql, now=machine_now())
            queue_deliveries(self._operator.sql, now=machine_now())
            self._looked = (last, since)
        if time.monotonic() - self._pruned > _PRUNE_S:
            self._pruned = time.monotonic()
            with self._operator.sql.begin_jobs() as jobs:
                jobs.prune(machine_now() + -KEPT_S)

    def _tell(self, event: str, facts: Mapping[str, Any]) -> None:
        level = "warning" if "error" in facts else "info"
        getattr(self._log, level)(event, **facts)
