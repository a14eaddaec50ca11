"""The worker of this process, from the server's start to its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import structlog
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from comity.core import StateError
from comity.operations.archive_orders import queue_archived
from comity.operations.archive_sales import list_for_sale
from comity.operations.buckets import BucketOpener, queue_deliveries
from comity.operations.jobs import JobStore
from comity.operations.searches import end_searches
from comity.operations.webhooks import WebhookSender, notice_events
from comity.operations.worker import Kind, Worker
from comity.server.identity import machine_now
from comity.server.jobs.kinds import job_kinds
from comity.server.jobs.standing import StandingWork
from comity.server.operator import Operator
from comity.server.settings import Settings
from comity.stores import Guard, GuardedBuckets, HttpWebhooks, networks

#: How long what was done or cancelled can still be asked about.
KEPT_S = 30 * 86_400.0
#: Matches of a saved search that can still be listed.
MOST_MATCHES = 10_000
#: How often subscriptions are looked through although nothing happened: another process may have changed one.
_LOOK_S = 10.0
#: How often old jobs are forgotten.
_PRUNE_S = 3_600.0


class JobFigures(Collector):
    """The queue as Prometheus reads it, counted when it asks."""

    def __init__(self, store: JobStore) -> None:
        self._store = store

    def describe(self) -> Iterable[Metric]:
        """Nothing is counted before it is asked for."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Jobs by kind and state; `failed` are the dead letters."""
        with self._store.read_jobs() as jobs:
            counts = jobs.counts()
        found = GaugeMetricFamily("comity_jobs", "Background jobs.", labels=("kind", "state"))
        for (kind, state), number in sorted(counts.items()):
            found.add_metric((kind, state), number)
        return [found]


class Background:
    """What works behind the routes: the worker, and what it calls.

    ``Settings.job_threads`` is how many jobs this process does at once; 0 leaves them to other processes on
    the same database. ``Settings.allowed_networks`` are those that webhooks and buckets may be in although
    they are not public. ``watch`` is given the kinds of jobs, and may wrap what they do.
    """

    def __init__(
        self,
        operator: Operator,
        settings: Settings,
        *,
        sender: WebhookSender | None = None,
        opener: BucketOpener | None = None,
        watch: Callable[[dict[str, Kind]], Mapping[str, Kind]] = dict,
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
            watch(job_kinds(operator, self.sender, self.opener)),
            threads=max(1, settings.job_threads),
            lease_s=settings.job_lease_s,
            before=self.look,
            tell=self._tell,
        )
        self.works = settings.job_threads > 0
        self._grace_s = settings.job_grace_s
        self.standing = (
            None
            if settings.automation is None
            else StandingWork(operator, settings.automation, name=self.worker.name)
        )

    def start(self) -> None:
        """Begin to work."""
        if self.standing is not None:
            self.standing.set_up()
        if self.works:
            self.worker.start()

    def stop(self) -> None:
        """End gracefully: what is under way ends or goes back to the queue."""
        if self.works:
            self.worker.stop(self._grace_s)

    def wake(self) -> None:
        """Something was changed that may make work: look at everything now."""
        self._looked = None
        self.worker.wake()

    def look(self) -> None:
        """Begin what is due; turn what happened into calls and deliveries; forget what is long over."""
        if self.standing is not None:
            self.standing.look()
        last, since = self._operator.sql.last_event(), time.monotonic()
        if self._looked is None or self._looked[0] != last or since - self._looked[1] > _LOOK_S:
            self._look_at_archive()
            notice_events(self._operator.sql, now=machine_now())
            queue_deliveries(self._operator.sql, now=machine_now())
            end_searches(self._operator.sql, now=self._operator.now())
            self._looked = (last, since)
        if time.monotonic() - self._pruned > _PRUNE_S:
            self._pruned = time.monotonic()
            with self._operator.sql.begin_jobs() as jobs:
                jobs.prune(machine_now() + -KEPT_S)
            self._operator.sql.prune_matches(MOST_MATCHES)

    def _look_at_archive(self) -> None:
        """List what has become for sale, and have delivered what was bought."""
        try:
            self._operator.programmes.get()
        except StateError:
            return  # no programme yet
        list_for_sale(self._operator.sql, now=self._operator.now())
        queue_archived(self._operator.sql, now=machine_now())

    def _tell(self, event: str, facts: Mapping[str, Any]) -> None:
        level = "warning" if "error" in facts else "info"
        getattr(self._log, level)(event, **facts)
