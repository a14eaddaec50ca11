"""What Prometheus reads."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from comity.core import ComityError
from comity.server.identity.service import machine_now
from comity.stores.figures import connections, newest_plan_id, oldest_jobs
from comity.stores.schedules import SqlScheduleStore

if TYPE_CHECKING:
    from comity.server.operator import Operator

MEDIA_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.005, 0.01, 0.025, 0.06, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_STATEMENT_SECONDS = (0.0005, 0.002, 0.01, 0.05, 0.1, 0.5, 2.5, 10.0)
_JOB_SECONDS = (0.1, 0.5, 2.5, 10.0, 30.0, 60.0, 300.0, 1800.0)
#: Routes that search: what their time is also told as.
SEARCHES = {
    "/stapi/products/{product_id}/opportunities": "opportunities",
    "/stac/search": "items",
    "/stac/collections/{collection_id}/items": "items",
}


class Metrics:
    """The figures of one application, in a registry of its own; areas add what is read to :meth:`add`.

    With ``PROMETHEUS_MULTIPROC_DIR`` set, which :mod:`comity.server.processes` does, all processes count
    together in the files of that folder.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "comity_http_requests",
            "Requests answered.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "comity_http_request_seconds",
            "How long an answer took.",
            ("method", "route"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.under_way = Gauge(
            "comity_http_requests_under_way",
            "Requests being answered.",
            registry=self.registry,
            multiprocess_mode="livesum",
        )
        #: What is read when Prometheus asks, not counted.
        self.read: list[Collector] = []
        self.searches = Histogram(
            "comity_search_seconds",
            "How long a search that was answered took.",
            ("kind",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.runs = Counter(
            "comity_job_runs",
            "Runs of background jobs: done, failed (each try counts) or given back.",
            ("kind", "outcome"),
            registry=self.registry,
        )
        self.run_seconds = Histogram(
            "comity_job_run_seconds",
            "How long a run took.",
            ("kind",),
            buckets=_JOB_SECONDS,
            registry=self.registry,
        )
        self.statements = Histogram(
            "comity_database_statement_seconds",
            "How long the database took to begin its answer, waiting for locks included.",
            ("verb",),
            buckets=_STATEMENT_SECONDS,
            registry=self.registry,
        )

    def text(self) -> bytes:
        """All figures in Prometheus' text form; of all processes, where there are several."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self.registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        for collector in self.read:
            together.register(collector)
        return generate_latest(together)

    def add(self, collector: Collector) -> None:
        """Tell what ``collector`` reads, too."""
        self.read.append(collector)
        self.registry.register(collector)

    def remove(self, collector: Collector) -> None:
        """Tell no more what ``collector`` reads."""
        self.read.remove(collector)
        self.registry.unregister(collector)


class OperatorFigures(Collector):
    """What is read from the operator's database when Prometheus asks; nothing of it while it is away."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator
        self._schedules = SqlScheduleStore(operator.sql.engine)
        self._plan: tuple[str, float, float, float] | None = None

    def describe(self) -> Iterable[Metric]:
        """Nothing is counted before it is asked for."""
        return []

    def collect(self) -> Iterable[Metric]:
        """The queue's age, the newest plan, standing work, connections."""
        yield self._connections()
        try:
            found = [self._oldest(), *self._newest_plan(), *self._standing()]
        except ComityError:
            return
        yield from found

    def _connections(self) -> Metric:
        made = GaugeMetricFamily(
            "comity_database_connections", "Connections of this process.", labels=("state",)
        )
        for state, number in connections(self._operator.sql.engine).items():
            made.add_metric((state,), number)
        return made

    def _oldest(self) -> Metric:
        made = GaugeMetricFamily(
            "comity_jobs_oldest_seconds",
            "How long ago the oldest job was due; below 0 it is not yet.",
            labels=("kind", "state"),
        )
        now_ns = machine_now().tai_ns
        for (kind, state), due_ns in sorted(oldest_jobs(self._operator.sql.engine).items()):
            made.add_metric((kind, state), (now_ns - due_ns) / 1e9)
        return made

    def _newest_plan(self) -> Iterable[Metric]:
        id = newest_plan_id(self._operator.sql.engine)
        if id is None:
            return
        if self._plan is None or self._plan[0] != id:
            with self._operator.store.read() as work:
                plan = work.plans.get(id)
            bound = plan.solution.bound
            self._plan = id, bound.value, bound.gap, plan.created.utc_unix_ns / 1e9
        _, value, gap, created_s = self._plan
        yield GaugeMetricFamily("comity_plan_value", "Worth of the newest plan, programme's currency.", value)
        yield GaugeMetricFamily("comity_plan_gap", "How far it may be from the best, 0…1.", gap)
        yield GaugeMetricFamily(
            "comity_plan_created_timestamp_seconds", "When it was made, by the programme's time.", created_s
        )

    def _standing(self) -> Iterable[Metric]:
        paused = GaugeMetricFamily("comity_schedule_paused", "1: begins nothing.", labels=("name",))
        begun = GaugeMetricFamily(
            "comity_schedule_begun_timestamp_seconds", "When it last began a job.", labels=("name",)
        )
        for schedule in self._schedules.all():
            paused.add_metric((schedule.name,), float(schedule.state == "paused"))
            if schedule.begun is not None:
                begun.add_metric((schedule.name,), schedule.begun.utc_unix_ns / 1e9)
        return paused, begun
