"""Traces (OpenTelemetry, off unless asked for), and whose work a line of the log or a figure belongs to.

A request has a span named by its route, with the caller's role, and neither body nor address nor header; what
it waits for (database statements, searches, the solver) has spans within. A job keeps the trace context and
request of who added it and has a span in the same trace, whenever and wherever it is run.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from structlog.contextvars import bound_contextvars

from comity import __version__
from comity.core import Facts, InputError, coming_from
from comity.operations.jobs import JobCancelledError, LeaseLostError
from comity.operations.worker import HandedBackError, Kind, Run
from comity.server.asgi import App, Message, Receive, Scope, Send
from comity.server.identity.caller import Caller
from comity.server.metrics import SEARCHES, Metrics

if TYPE_CHECKING:
    from opentelemetry.trace import Span, TracerProvider

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
#: A statement's text is told up to here; its values never are.
_STATEMENT = 500


class Tracing:
    """Makes spans with a provider of OpenTelemetry's."""

    def __init__(self, provider: TracerProvider) -> None:
        from opentelemetry import trace
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider = provider
        self._trace = trace
        self._words = TraceContextTextMapPropagator()
        self._tracer = provider.get_tracer("comity", __version__)

    def watch(self, name: str, facts: Facts) -> AbstractContextManager[object]:
        """A span within the present one; what :func:`comity.core.span` is told to."""
        return self._tracer.start_as_current_span(name, attributes=dict(facts))

    @contextmanager
    def within(self, name: str, kind: str, words: Mapping[str, str]) -> Iterator[Span]:
        """A span of a request (``server``) or job (``consumer``) in the trace that ``words`` name."""
        kinds = {"server": self._trace.SpanKind.SERVER, "consumer": self._trace.SpanKind.CONSUMER}
        context = self._words.extract(dict(words))
        with self._tracer.start_as_current_span(name, context, kinds[kind]) as span:
            yield span

    def here(self) -> dict[str, str]:
        """The present span in words that can be kept (``traceparent``)."""
        words: dict[str, str] = {}
        self._words.inject(words)
        return words

    def trace_id(self) -> str | None:
        """The present trace, as logs name it."""
        context = self._trace.get_current_span().get_span_context()
        return format(context.trace_id, "032x") if context.is_valid else None

    def statement(self, verb: str, text: str, took_s: float) -> None:
        """A span for a database statement that is done, where it is part of a trace."""
        if not self._trace.get_current_span().is_recording():
            return
        end_ns = time.time_ns()
        made = self._tracer.start_span(
            f"database {verb}",
            kind=self._trace.SpanKind.CLIENT,
            start_time=end_ns - round(took_s * 1e9),
            attributes={"db.operation.name": verb, "db.query.text": text[:_STATEMENT]},
        )
        made.end(end_ns)

    def close(self) -> None:
        """Send what is not sent yet."""
        shutdown = getattr(self._provider, "shutdown", None)
        if shutdown is not None:
            shutdown()


def tracing_from_environment() -> Tracing | None:
    """Tracing to the collector that ``OTEL_EXPORTER_OTLP_ENDPOINT`` names, set up as OpenTelemetry's own
    variables say; None where none is named. Raises :class:`InputError` without the extra ``telemetry``."""
    if not any(os.environ.get(name) for name in _ENDPOINTS):
        return None
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    try:
        exporter = import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ModuleNotFoundError as error:
        raise InputError(
            f"{_ENDPOINTS[0]} is set, and traces need the extra telemetry: install 'comity[telemetry]'"
        ) from error
    named = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "comity"}
    provider = TracerProvider(resource=Resource.create({**named, "service.version": __version__}))
    provider.add_span_processor(BatchSpanProcessor(exporter.OTLPSpanExporter()))
    return Tracing(provider)


class Traced:
    """Outermost, as plain ASGI: names the request, opens its span, and says so to the log and to jobs."""

    def __init__(self, app: App, *, metrics: Metrics, tracing: Tracing | None) -> None:
        self._app = app
        self._metrics = metrics
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["request_id"] = id = str(uuid4())
        started = time.perf_counter()
        status = 500

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        words = {"request": id}
        said: dict[str, str] = {"request_id": id}
        with self._span(scope) as span:
            if self._tracing is not None:
                words |= self._tracing.here()
                said["trace_id"] = self._tracing.trace_id() or ""
            with bound_contextvars(**said), coming_from(words):
                try:
                    await self._app(scope, receive, sent)
                finally:
                    route = str(state.get("route", "none"))
                    if span is not None:
                        _describe(span, scope, route, status)
                    if status < 400 and route in SEARCHES and scope["method"] in ("GET", "POST"):
                        took_s = time.perf_counter() - started
                        self._metrics.searches.labels(SEARCHES[route]).observe(took_s)

    def _span(self, scope: Scope) -> AbstractContextManager[Any]:
        if self._tracing is None:
            return nullcontext()
        names = (b"traceparent", b"tracestate")
        given = {k.decode(): v.decode("latin-1") for k, v in scope["headers"] if k in names}
        return self._tracing.within(str(scope["method"])[:20], "server", given)


def _describe(span: Span, scope: Scope, route: str, status: int) -> None:
    method = str(scope["method"])[:20]
    who: Caller | None = scope["state"].get("caller")
    span.update_name(f"{method} {route}")
    span.set_attributes(
        {
            "http.request.method": method,
            "http.route": route,
            "http.response.status_code": status,
            "comity.request": scope["state"]["request_id"],
            "comity.role": who.role if who else "nobody",
        }
    )
    if status >= 500:
        from opentelemetry.trace import StatusCode

        span.set_status(StatusCode.ERROR)


def watched(kinds: Mapping[str, Kind], metrics: Metrics, tracing: Tracing | None) -> dict[str, Kind]:
    """The kinds of jobs, each run counted, timed, logged and traced as of the request that added the job."""
    return {name: replace(kind, handler=_watched(kind, metrics, tracing)) for name, kind in kinds.items()}


def _watched(kind: Kind, metrics: Metrics, tracing: Tracing | None) -> Callable[[Run], Mapping[str, Any]]:
    def handler(run: Run) -> Mapping[str, Any]:
        words: dict[str, str] = run.job.notes.get("origin", {})
        said = {"job": run.job.id} | ({"request_id": words["request"]} if "request" in words else {})
        started, outcome = time.perf_counter(), "failed"
        within = nullcontext() if tracing is None else tracing.within(f"job {kind.name}", "consumer", words)
        with within as span:
            if tracing is not None and span is not None:
                span.set_attributes({"comity.job": run.job.id, "comity.job.run": run.job.runs})
                said["trace_id"] = tracing.trace_id() or ""
                words = {**words, **tracing.here()}
            try:
                with bound_contextvars(**said), coming_from(words):
                    result = kind.handler(run)
                outcome = "done"
                return result
            except (JobCancelledError, LeaseLostError, HandedBackError):
                outcome = "given back"
                raise
            finally:
                metrics.runs.labels(kind.name, outcome).inc()
                metrics.run_seconds.labels(kind.name).observe(time.perf_counter() - started)

    return handler
