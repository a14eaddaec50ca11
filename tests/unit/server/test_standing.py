"""The road by itself: an order becomes an item though nobody asks, once, as far as the operator lets it."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from comity.core import InputError, Interval
from comity.fleet import load_programme, point_target
from comity.operations import (
    add_request,
    cancel_order,
    execute_passed,
    export_plan,
    make_plan,
    make_quote,
    place_order,
)
from comity.operations.oversight import withhold
from comity.operations.schedules import Standing, duties
from comity.planning import GreedySolver
from comity.server.app import create_app
from comity.server.identity import machine_now
from comity.server.settings import Automation, settings_from_text
from comity.stores.schedules import SqlScheduleStore

PROGRAMME = load_programme("joint-eo")
NOW = PROGRAMME.epoch
DAY = 86_400.0
ALL = ("plan", "approve", "execute", "process", "close")


class Hands:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self):
        return self.at


@pytest.fixture
def automation() -> Automation:
    return Automation(
        active=ALL,
        simulate=True,
        plan_every_s=0.0,
        settle_s=0.0,
        plan_limit_s=1.0,
        max_pixels=40_000,
        look_s=0.0,
    )


@pytest.fixture
def settings(settings, automation):
    return replace(settings, automation=automation)


@pytest.fixture
def operator(operator):
    return replace(operator, clock=Hands())


def order(operator, customer: str = "dj-environment", lon: float = 42.6) -> str:
    request = add_request(
        operator.store,
        customer=customer,
        product="hr-scene",
        targets=[point_target(lon, 11.6, "Djibouti")],
        interval=Interval(operator.now(), operator.now() + 3 * DAY),
        max_cloud=1.0,
        now=operator.now(),
    )
    quote = make_quote(operator.store, request.id, now=operator.now())
    return place_order(operator.store, quote.id, now=operator.now()).id


def plans(operator) -> list[str]:
    with operator.store.read() as work:
        return [plan.id for plan in work.plans.all()]


def status(operator, id: str) -> str:
    with operator.store.read() as work:
        return work.orders.get(id).status


def test_an_order_becomes_an_item_though_nobody_asks(client, token, app, operator) -> None:
    worker = app.state.background.worker
    worker.run_all()
    assert plans(operator) == []
    mine = order(operator)
    worker.run_all()
    assert (len(plans(operator)), status(operator, mine)) == (1, "tasked")
    for _ in range(12):
        operator.clock.at = operator.clock.at + DAY / 2
        worker.run_all()
        if items := client.get("/items", params={"state": "offered"}, headers=token["customer"]).json()[
            "items"
        ]:
            break
    assert items[0]["order"] == mine
    assert client.get("/items", headers=token["other_customer"]).json()["items"] == []
    path = f"/items/{items[0]['id']}"
    assert client.post(f"{path}/accept", headers=token["other_customer"]).status_code == 404
    assert client.post(f"{path}/accept", headers=token["partner"]).status_code in (403, 404)
    assert client.post(f"{path}/accept", headers=token["customer"]).json()["state"] == "accepted"
    assert client.post(f"{path}/refuse", json={"reason": "x"}, headers=token["customer"]).status_code == 409
    assert status(operator, mine) == "completed"
    with operator.store.read() as work:
        flown = [a for a in work.activities.all() if a.state in ("done", "failed")]
    assert flown and all(a.simulated for a in flown)
    done = client.get("/jobs", headers=token["operator"]).json()["jobs"]
    assert {job["state"] for job in done} == {"done"}
    assert {job["kind"] for job in done} >= {"plan", "approve", "execute", "process"}
    before = len(done)
    worker.run_all()
    assert len(client.get("/jobs", headers=token["operator"]).json()["jobs"]) == before, (
        "nothing is left to do"
    )


def test_what_changes_is_planned_anew_and_what_does_not_is_not(client, token, app, operator) -> None:
    worker = app.state.background.worker
    first = order(operator)
    worker.run_all()
    worker.run_all()
    assert len(plans(operator)) == 1
    with operator.store.read() as work:
        used = work.activities.all(kind="acquisition", state="planned")[0]
    owner = PROGRAMME.craft(used.spacecraft).owner
    booked = Interval(used.interval.start + -60, used.interval.end + 60)
    withhold(
        operator.store, partner=owner, kind="spacecraft", asset=used.spacecraft, interval=booked,
        reason="manoeuvre", now=operator.now(), by="tests",
    )  # fmt: skip
    worker.run_all()
    assert (len(plans(operator)), status(operator, first)) == (2, "tasked")
    second = order(operator, lon=31.2)
    worker.run_all()
    assert len(plans(operator)) == 3
    cancel_order(operator.store, second, now=operator.now())
    worker.run_all()
    assert len(plans(operator)) == 3, "nothing is open that would gain by the room"


def test_without_approval_nothing_is_flown_and_it_is_tried_again(client, token, app, operator) -> None:
    assert (
        client.post("/operator/schedules/approve/pause", headers=token["planner"]).json()["state"] == "paused"
    )
    worker = app.state.background.worker
    mine = order(operator)
    worker.run_all()
    assert status(operator, mine) == "scheduled"
    with operator.store.read() as work:
        planned = work.activities.all(kind="acquisition", state="planned")[0]
    operator.clock.at = planned.interval.end + 60.0
    worker.run_all()
    with operator.store.read() as work:
        missed = work.activities.get(planned.id)
        task = work.tasks.all(order=mine)[0]
    assert (missed.state, missed.simulated) == ("failed", False)
    assert "not approved" in missed.outcome and (task.tries, task.missed) == (0, 1)
    assert len(plans(operator)) == 2
    for customer in ("customer", "partner"):
        assert client.get("/operator/schedules", headers=token[customer]).status_code == 403
    told = {
        each["name"]: each
        for each in client.get("/operator/schedules", headers=token["planner"]).json()["schedules"]
    }
    assert told["approve"]["state"] == "paused" and told["plan"]["runs"] == 2
    assert client.post("/operator/schedules/approve/run", headers=token["planner"]).status_code == 202
    worker.run_all()
    assert status(operator, mine) == "tasked"
    assert client.post("/operator/schedules/none/run", headers=token["planner"]).status_code == 404


def test_many_workers_begin_a_thing_once(app, client, operator, automation) -> None:
    order(operator)
    store = SqlScheduleStore(operator.sql.engine)
    together = threading.Barrier(4)
    begun: list[str] = []

    def one(number: int) -> None:
        standing = Standing(
            store, operator.sql, duties(simulate=True), name=f"worker-{number}", recheck_s=0.0
        )
        together.wait()
        for _ in range(3):
            begun.extend(job.id for job in standing.look(now=machine_now(), at=operator.now()))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(begun) == 1
    with operator.sql.begin_jobs() as jobs:
        assert [job.kind for job in jobs.list()] == ["plan"]


def test_changes_that_come_together_are_planned_together_and_not_too_often(
    app, client, operator, automation
) -> None:
    slow = replace(automation, plan_every_s=600.0, settle_s=30.0)
    app = create_app(operator, replace(operator.settings, automation=slow))
    app.state.background.standing.set_up()
    store = SqlScheduleStore(operator.sql.engine)
    standing = Standing(store, operator.sql, duties(simulate=True), name="w", recheck_s=0.0)
    at = machine_now()

    def look(after_s: float) -> int:
        jobs = standing.look(now=at + after_s, at=operator.now())
        for job in jobs:  # done by somebody
            with operator.sql.begin_jobs() as queue:
                held = queue.claim("w", now=at + after_s, lease_s=60.0, kinds=[job.kind])
                queue.finish(held, now=at + after_s, result={})
        return len(jobs)

    order(operator)
    assert look(0.0) == 0
    order(operator, lon=31.2)
    assert [look(29.0), look(31.0), look(32.0)] == [0, 1, 0]
    order(operator, lon=23.7)
    assert [look(40.0), look(600.0), look(632.0)] == [0, 0, 1]


def test_a_report_of_the_ground_segment_is_taken_in_whole_or_not_at_all(client, token, app, operator) -> None:
    for name in ("execute", "process"):
        client.post(f"/operator/schedules/{name}/pause", headers=token["operator"])
    order(operator)
    app.state.background.worker.run_all()
    with operator.store.read() as work:
        flown = [a.id for a in work.activities.all(state="planned")]
    report = {"activities": [{"activity_id": id, "state": "done", "cloud": 0.1} for id in flown]}
    wrong = {"activities": [*report["activities"], {"activity_id": "plan-9-a1", "state": "done"}]}
    path = "/operator/executions"
    assert client.post(path, json=wrong, headers=token["planner"]).status_code == 404
    assert client.post(path, json=report, headers=token["partner"]).status_code == 403
    taken = client.post(path, json=report, headers=token["planner"])
    assert taken.status_code == 201 and (taken.json()["done"], taken.json()["received"]) == (len(flown), 1)
    assert client.post(path, json=report, headers=token["planner"]).status_code == 400
    with operator.store.read() as work:
        assert not any(a.simulated for a in work.activities.all(state="done"))


def test_what_is_exported_is_commanded(app, client, operator, tmp_path) -> None:
    order(operator)
    make_plan(operator.store, now=operator.now(), solver=GreedySolver())
    export_plan(operator.store, tmp_path / "export", now=operator.now())
    with operator.store.read() as work:
        assert [(verdict.plan, verdict.by) for verdict in work.verdicts.all()] == [("plan-0001", "export")]
        ends = [activity.interval.end for activity in work.activities.all(state="planned")]
    taken = execute_passed(operator.store, now=max(ends), simulated=False)
    assert (taken.done, taken.failed) == (0, 0), "it awaits the operator's report"


def test_the_settings_file_says_what_is_done_without_being_asked() -> None:
    read = settings_from_text('[automation]\nactive = ["plan"]\nplan_every_s = 1200\n', "comity.toml")
    assert read["automation"] == Automation(active=("plan",), plan_every_s=1200.0)
    with pytest.raises(InputError, match=r"comity\.toml: 'dance' is no standing work"):
        settings_from_text('[automation]\nactive = ["dance"]\n', "comity.toml")
