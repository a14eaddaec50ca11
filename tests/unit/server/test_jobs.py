"""Jobs over HTTP: started, watched and stopped by whom they belong to; done once, whatever dies."""

from __future__ import annotations

import json
import threading
import time

import pytest

from comity.core import Interval, silent
from comity.fleet import load_programme, point_target
from comity.operations import add_request, make_quote, place_order
from comity.operations.jobs import HeldStore
from comity.operations.worker import Run
from comity.server.identity import machine_now
from comity.server.jobs import job_kinds

PROGRAMME = load_programme("joint-eo")
NOW = PROGRAMME.epoch
PLAN = {"kind": "plan", "time_limit_s": 1.0}


@pytest.fixture
def ordered(operator) -> str:
    """An order that can be planned."""
    add_request(
        operator.store,
        customer="dj-environment",
        product="hr-scene",
        targets=[point_target(42.6, 11.6, "Djibouti")],
        interval=Interval(NOW, NOW + 2 * 86_400),
        now=NOW,
    )
    quote = make_quote(operator.store, "request-0001", now=NOW)
    return place_order(operator.store, quote.id, now=NOW).id


@pytest.fixture
def worker(app):
    return app.state.background.worker


def test_a_plan_is_made_in_the_background(client, token, worker, operator, ordered) -> None:
    made = client.post("/jobs", json=PLAN, headers=token["planner"])
    assert made.status_code == 202
    job = made.json()
    assert (job["state"], job["runs"]) == ("queued", 0)
    assert worker.run_all() >= 1
    done = client.get(made.headers["location"], headers=token["planner"]).json()
    assert (done["state"], done["error"]) == ("done", "")
    with operator.store.begin() as work:
        assert [plan.id for plan in work.plans.all()] == [done["result"]["plan"]]


def test_one_idempotency_key_is_one_job(client, token, ordered) -> None:
    headers = {**token["planner"], "Idempotency-Key": "plan-of-today"}
    ids = {client.post("/jobs", json=PLAN, headers=headers).json()["id"] for _ in range(3)}
    assert len(ids) == 1
    assert len(client.get("/jobs", headers=token["operator"]).json()["jobs"]) == 1


def test_a_worker_that_dies_with_its_plan_made_does_not_plan_twice(
    client, token, app, operator, ordered
) -> None:
    client.post("/jobs", json=PLAN, headers=token["planner"])
    background = app.state.background
    kind = job_kinds(operator, background.sender, background.opener)["plan"]
    with operator.sql.begin_jobs() as jobs:
        job = jobs.claim("dies", now=machine_now(), lease_s=0.0, kinds=["plan"])
    made = kind.handler(Run(job=job, store=HeldStore(operator.sql, job, kind.notes), progress=silent))
    assert background.worker.run_all() >= 1  # the lease is over: another takes it
    with operator.sql.begin_jobs() as jobs:
        again = jobs.get(job.id)
    assert (again.state, again.runs, again.result) == ("done", 2, made)
    with operator.store.begin() as work:
        assert len(work.plans.all()) == 1


def test_nothing_to_plan_is_no_failure_and_says_so(client, token, worker) -> None:
    job = client.post("/jobs", json=PLAN, headers=token["planner"]).json()
    worker.run_all()
    done = client.get(f"/jobs/{job['id']}", headers=token["planner"]).json()
    assert (done["state"], done["runs"], done["error"]) == ("done", 1, "")
    assert done["result"]["plan"] is None and "order a quote first" in done["result"]["detail"]
    figures = client.get("/metrics", headers=token["operator"]).text
    assert 'comity_jobs{kind="plan",state="failed"}' not in figures.replace('"} 0.0', "")
    refused = client.post("/operator/plans", headers=token["planner"])
    assert refused.status_code in (202, 409)


def test_a_job_is_watched_to_its_end(client, token, worker, ordered) -> None:
    job = client.post("/jobs", json=PLAN, headers=token["planner"]).json()
    later = threading.Timer(0.7, worker.run_all)
    later.start()
    with client.stream("GET", f"/jobs/{job['id']}/events", headers=token["planner"]) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in stream.iter_lines() if line.startswith(("event:", "data:", "id:"))]
    later.join()
    kinds = [line.removeprefix("event: ") for line in lines if line.startswith("event:")]
    assert kinds[0] == "progress"
    assert kinds[-1] == "ended"
    data = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data:")]
    assert [data[0]["state"], data[-1]["state"]] == ["queued", "done"]
    numbers = [int(line.removeprefix("id: ")) for line in lines if line.startswith("id:")]
    assert numbers == sorted(set(numbers))
    last = {"Last-Event-ID": str(numbers[-1]), **token["planner"]}
    with client.stream("GET", f"/jobs/{job['id']}/events", headers=last) as stream:
        assert sum(line.startswith("event: ended") for line in stream.iter_lines()) == 1


def test_a_waiting_job_is_cancelled_and_an_ended_one_is_not(client, token, worker, ordered) -> None:
    job = client.post("/jobs", json=PLAN, headers=token["planner"]).json()
    path = f"/jobs/{job['id']}/cancel"
    assert client.post(path, headers=token["planner"]).json()["state"] == "cancelled"
    again = client.post(path, headers=token["planner"])
    assert again.status_code == 409
    assert "already cancelled" in again.json()["detail"]
    worker.run_all()
    assert client.get(f"/jobs/{job['id']}", headers=token["planner"]).json()["runs"] == 0


def test_a_customer_sees_its_own_jobs_and_nobody_elses(client, token, worker, ordered) -> None:
    plan = client.post("/jobs", json=PLAN, headers=token["planner"]).json()["id"]
    asked = {"kind": "opportunities", "request": "request-0001"}
    mine = client.post("/jobs", json=asked, headers=token["customer"]).json()["id"]
    assert client.post("/jobs", json=asked, headers=token["other_customer"]).status_code == 404
    assert client.post("/jobs", json=PLAN, headers=token["customer"]).status_code == 403
    worker.run_all()
    (seen,) = client.get("/jobs", headers=token["customer"]).json()["jobs"]
    assert (seen["id"], seen["state"]) == (mine, "done")
    assert seen["result"]["windows"] > 0
    assert client.get("/jobs", headers=token["other_customer"]).json()["jobs"] == []
    for who in ("customer", "other_customer"):
        for method, path in (("GET", ""), ("GET", "/events"), ("POST", "/cancel"), ("POST", "/retry")):
            answer = client.request(method, f"/jobs/{plan}{path}", headers=token[who])
            assert answer.status_code == 404, path
    assert client.get(f"/jobs?after={plan}", headers=token["customer"]).status_code == 404
    assert client.get("/jobs", headers=token["partner"]).json()["jobs"] == []
    assert client.get("/jobs").status_code == 401
    everybody = client.get("/jobs?limit=1", headers=token["operator"]).json()
    assert everybody["jobs"][0]["id"] == mine
    following = client.get(f"/jobs?limit=1&after={everybody['next']}", headers=token["operator"]).json()
    assert (following["jobs"][0]["id"], following["next"]) == (plan, None)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "sleep"}, "body"),
        ({"kind": "plan", "time_limit_s": -1}, "time_limit_s"),
        ({"kind": "plan", "time_limit_s": 300}, "time_limit_s"),
        ({"kind": "plan", "seed": "x"}, "seed"),
        ({"kind": "process", "max_pixels": 10**12}, "max_pixels"),
        ({"kind": "plan", "tenant": "other"}, "tenant"),
    ],
)
def test_bad_input_names_the_field(client, token, body, field) -> None:
    answer = client.post("/jobs", json=body, headers=token["planner"])
    assert answer.status_code == 400
    assert field in answer.json()["errors"][0]["field"]


def test_the_server_works_while_it_runs_and_hands_back_when_it_ends(
    client, token, operator, settings, ordered
) -> None:
    from dataclasses import replace

    from fastapi.testclient import TestClient

    from comity.server.app import create_app

    working = create_app(operator, replace(settings, job_threads=1))
    with TestClient(working, base_url="http://testserver") as served:
        job = served.post("/jobs", json=PLAN, headers=token["planner"]).json()["id"]
        deadline = time.monotonic() + 30
        while served.get(f"/jobs/{job}", headers=token["planner"]).json()["state"] != "done":
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert working.state.background.worker.alive()
    assert not working.state.background.worker.alive()
