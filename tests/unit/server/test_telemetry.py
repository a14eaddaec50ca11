"""Traces, figures and the log: a job is of the request that asked for it, and nothing secret is told."""

from __future__ import annotations

import io
import json
import logging
import sys

import pytest
from fastapi.testclient import TestClient
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from comity.core import InputError, Interval
from comity.fleet import load_programme, point_target
from comity.operations import add_request, make_quote, place_order
from comity.server.app import create_app
from comity.server.running import standard_log_to_stderr
from comity.server.telemetry import Tracing, tracing_from_environment

PROGRAMME = load_programme("joint-eo")
NOW = PROGRAMME.epoch
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def ordered(operator) -> None:
    request = add_request(
        operator.store,
        customer="dj-environment",
        product="hr-scene",
        targets=[point_target(42.6, 11.6, "Djibouti")],
        interval=Interval(NOW, NOW + 2 * 86_400),
        now=NOW,
    )
    place_order(operator.store, make_quote(operator.store, request.id, now=NOW).id, now=NOW)


def test_a_job_has_spans_in_the_trace_of_its_request(operator, settings, token, ordered, capsys) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    app = create_app(operator, settings, tracing=Tracing(provider))
    with TestClient(app, base_url="http://testserver") as client:
        made = client.post(
            "/jobs",
            json={"kind": "plan", "time_limit_s": 1.0},
            headers={**token["planner"], "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"},
        )
        app.state.background.worker.run_all()
        body = {
            "datetime": f"{NOW.iso(0)}/..",
            "geometry": {"type": "Point", "coordinates": [42.6, 11.6]},
        }
        client.post("/stapi/products/hr-scene/opportunities", json=body, headers=token["customer"])
        client.get("/operator/plans/plan-0001", headers=token["customer"])
    spans = {span.name: span for span in exporter.get_finished_spans()}
    request, job = spans["POST /jobs"], spans["job plan"]
    assert format(request.context.trace_id, "032x") == TRACE
    assert job.context.trace_id == request.context.trace_id and job.parent.span_id == request.context.span_id
    assert spans["solve"].parent.span_id == job.context.span_id
    assert (
        request.attributes["comity.role"] == "planner"
        and request.attributes["http.response.status_code"] == 202
    )
    search = spans["POST /stapi/products/{product_id}/opportunities"]
    assert spans["search opportunities"].context.trace_id == search.context.trace_id
    assert spans["GET /operator/plans/{plan_id}"].attributes["http.response.status_code"] == 403
    statements = [span for span in exporter.get_finished_spans() if span.name.startswith("database ")]
    assert {span.context.trace_id for span in statements} >= {
        request.context.trace_id,
        search.context.trace_id,
    }
    told = " ".join(str(dict(span.attributes)) for span in exporter.get_finished_spans())
    for secret in ("Bearer", token["planner"]["Authorization"][7:40], "plan-0001", "dj-environment"):
        assert secret not in told
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    asked = next(line for line in lines if line.get("path") == "/jobs")
    assert (asked["trace_id"], asked["request_id"]) == (TRACE, made.headers["x-request-id"])


def test_traces_are_off_unless_asked_for_and_say_what_they_need(monkeypatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    assert tracing_from_environment() is None
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(InputError, match=r"comity\[telemetry\]"):
        tracing_from_environment()


def test_the_figures_tell_of_everything_that_may_go_wrong(client, token, app, operator, ordered) -> None:
    def figures() -> dict[str, float]:
        text = client.get("/metrics", headers=token["operator"]).text
        pairs = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, value in pairs}

    client.post("/jobs", json={"kind": "plan", "time_limit_s": 1.0}, headers=token["planner"])
    waiting = figures()
    assert waiting['comity_jobs_oldest_seconds{kind="plan",state="queued"}'] >= 0.0
    assert "comity_plan_gap" not in waiting
    worker = app.state.background.worker
    worker.run_all()
    client.post("/webhooks", json={"url": "https://gis.invalid/"}, headers=token["customer"])
    client.get("/stac/search", headers=token["customer"])
    found = figures()
    assert found['comity_job_runs_total{kind="plan",outcome="done"}'] == 1.0
    assert found['comity_job_run_seconds_count{kind="plan"}'] == 1.0
    assert found["comity_plan_value"] > 0.0 <= found["comity_plan_gap"] < 1.0
    assert found["comity_plan_created_timestamp_seconds"] == NOW.utc_unix_ns / 1e9
    assert found['comity_search_seconds_count{kind="items"}'] == 1.0
    assert found['comity_database_statement_seconds_count{verb="select"}'] > 10.0
    assert found['comity_database_connections{state="in use"}'] >= 0.0
    assert found['comity_http_requests_total{method="POST",route="/jobs",status="202"}'] == 1.0
    assert 'comity_jobs_oldest_seconds{kind="plan",state="queued"}' not in found


def test_what_libraries_log_is_json_too_and_an_error_tells_no_variables(monkeypatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    # as in a new process: a server of another test may have said what it wants to hear
    logging.getLogger("uvicorn.error").setLevel(logging.NOTSET)
    monkeypatch.setattr(logging.getLogger("uvicorn"), "propagate", True)
    root, handlers = logging.getLogger(), logging.getLogger().handlers[:]
    try:
        standard_log_to_stderr("info")
        logging.getLogger("uvicorn.error").info("Started server process [%d]", 7)
        logging.getLogger("sqlalchemy.pool").info("not told")
        secret = "whsec_" + "x" * 8
        try:
            raise ValueError(len(secret))
        except ValueError:
            logging.getLogger("uvicorn.error").exception("in ASGI application")
    finally:
        root.handlers[:] = handlers
        logging.captureWarnings(False)
    started, failed = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert (started["event"], started["level"]) == ("Started server process [7]", "info")
    assert failed["level"] == "error" and "ValueError: 14" in failed["exception"]
    assert secret not in stream.getvalue()
