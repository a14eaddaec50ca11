"""The operator's and partners' API on one planned order: approve, veto, why, statements; who sees what."""

from __future__ import annotations

import pytest

from comity.core import Interval
from comity.fleet import point_target
from comity.operations import add_request, make_plan, make_quote, place_order
from comity.planning import GreedySolver
from comity.server.operator import Operator

CAIRO = (31.24, 30.04)


@pytest.fixture
def planned(operator: Operator) -> Operator:
    """One order of Djibouti's ministry, planned greedily."""
    now = operator.now()
    request = add_request(
        operator.store,
        customer="dj-environment",
        product="hr-scene",
        targets=[point_target(*CAIRO, "Cairo")],
        interval=Interval(now, now + 2 * 86_400),
        now=now,
    )
    place_order(operator.store, make_quote(operator.store, request.id, now=now).id, now=now)
    make_plan(operator.store, now=now, solver=GreedySolver())
    return operator


def timeline(client, headers, **query: str) -> list[dict]:
    return client.get("/operator/timeline", headers=headers, params=query).json()["activities"]


def test_a_partner_vetoes_and_the_next_plan_goes_around(client, token, planned) -> None:
    acquisition = next(a for a in timeline(client, token["operator"]) if a["kind"] == "acquisition")
    owner = planned.programme.craft(acquisition["spacecraft"]).owner
    mine, stranger = (
        (token["partner"], token["other_partner"])
        if owner == "cnsa"
        else (token["other_partner"], token["partner"])
    )
    assert owner in ("cnsa", "roscosmos")
    asked = {"activities": [acquisition["id"]], "reason": "orbit manoeuvre"}
    path = f"/operator/plans/{acquisition['plan']}/veto"
    assert client.post(path, headers=stranger, json=asked).status_code == 404
    for other in ("customer", "planner"):
        assert client.post(path, headers=token[other], json=asked).status_code == 403
    assert client.post(path, headers=token["operator"], json=asked).status_code == 403
    kept = client.post(path, headers=mine, json=asked)
    assert kept.status_code == 200 and kept.json()["withheld"][0]["asset"] == acquisition["spacecraft"]
    again = client.post(path, headers=mine, json=asked)
    assert again.status_code == 409 and "dropped already" in again.json()["detail"]

    dropped = next(a for a in timeline(client, mine, state="dropped") if a["id"] == acquisition["id"])
    assert "orbit manoeuvre" in dropped["outcome"]
    with planned.store.begin() as work:
        order = work.orders.get("order-0001")
    assert order.status == "accepted" and order.statuses[-1].reason_code == "withheld"

    plan_anew(client, token, time_limit_s=5)
    taken = [a for a in timeline(client, token["operator"], state="planned") if a["kind"] == "acquisition"]
    assert all(
        a["spacecraft"] != acquisition["spacecraft"]
        or a["end"] <= acquisition["start"]
        or a["start"] >= acquisition["end"]
        for a in taken
    )
    id = kept.json()["withheld"][0]["id"]
    assert client.delete(f"/operator/withheld/{id}", headers=stranger).status_code == 404
    assert client.delete(f"/operator/withheld/{id}", headers=mine).json()["lifted"]
    assert client.get("/operator/withheld", headers=mine).json() == {"withheld": []}


def plan_anew(client, token, **asked) -> None:
    """A new plan, made by the worker that the test is."""
    later = client.post("/operator/plans", headers=token["planner"], json=asked)
    assert later.status_code == 202, later.text
    client.app.state.background.worker.run_all()
    job = client.get(later.headers["location"], headers=token["planner"]).json()
    assert job["state"] == "done", job["error"]


def test_a_plan_is_approved_once_and_only_the_newest(client, token, planned) -> None:
    path = "/operator/plans/plan-0001/approval"
    for other in ("customer", "partner"):
        assert client.post(path, headers=token[other], json={}).status_code == 403
    assert not any(a["commanded"] for a in timeline(client, token["planner"]))
    first = client.post(path, headers=token["planner"], json={"reason": "checked"})
    assert first.status_code == 200 and first.json()["by"] == "planner-client"
    assert client.post(path, headers=token["operator"]).json() == first.json()
    assert all(a["commanded"] for a in timeline(client, token["planner"], state="planned"))
    with planned.store.begin() as work:
        assert work.orders.get("order-0001").status == "tasked"
    plan_anew(client, token, time_limit_s=3)
    plans = client.get("/operator/plans", headers=token["planner"], params={"limit": 1}).json()
    newest = plans["plans"][0]
    assert newest["current"] and newest["approved"] and plans["next"], "it is what was approved before"
    rest = client.get("/operator/plans", headers=token["planner"], params={"before": plans["next"]}).json()
    assert [p["id"] for p in rest["plans"]] == ["plan-0001"] and rest["next"] is None
    assert client.post("/operator/plans/plan-0003/approval", headers=token["planner"]).status_code == 404


def test_each_sees_its_own(client, token, planned) -> None:
    everything = timeline(client, token["operator"])
    assert any(a["order"] == "order-0001" for a in everything)
    for name, partner in (("partner", "cnsa"), ("other_partner", "roscosmos")):
        seen = timeline(client, token[name])
        programme = planned.programme
        assert all(
            partner
            in (
                programme.craft(a["spacecraft"]).owner,
                a["station"] and programme.station(a["station"]).owner,
            )
            for a in seen
        )
        assert all(a["order"] is None for a in seen), "whose order it is, is not a partner's business"
        accounts = client.get("/operator/statements", headers=token[name]).json()["statements"]
        assert [s["partner"] for s in accounts] == [partner]
        assert not any("order-" in line["text"] for s in accounts for line in s["lines"])
        told = client.get("/operator/programme", headers=token[name]).json()
        assert told["customers"] is None and told["text"] is None
        assert client.get("/operator/orders", headers=token[name]).status_code == 403
        assert client.get("/operator/orders/order-0001/why", headers=token[name]).status_code == 404
        assert client.get("/operator/plans/plan-0001", headers=token[name]).json()["reasons"] is None
    for path in ("programme", "fleet", "plans", "timeline", "statements", "withheld", "audit", "orders"):
        assert client.get(f"/operator/{path}", headers=token["customer"]).status_code == 403
        assert client.get(f"/operator/{path}").status_code == 401
    assert len(client.get("/operator/statements", headers=token["operator"]).json()["statements"]) == 5
    why = client.get("/operator/orders/order-0001/why", headers=token["planner"]).json()
    assert why["status"] == "scheduled" and why["tasks"][0]["activities"]


def test_the_programme_changes_only_to_a_sound_one(client, token, operator) -> None:
    text = client.get("/operator/programme", headers=token["operator"]).json()["text"]
    path = "/operator/programme"
    assert client.put(path, headers=token["planner"], json={"text": text}).status_code == 403
    for bad in (text.replace('"joint-eo"', '"another"', 1), text.replace("gsd_m", "gsdm", 1), "x = [", ""):
        answer = client.put(path, headers=token["operator"], json={"text": bad})
        assert answer.status_code == 400, answer.text
    title = operator.programme.title
    changed = client.put(path, headers=token["operator"], json={"text": text.replace(title, "Renamed", 1)})
    assert changed.status_code == 200
    assert client.get(path, headers=token["partner"]).json()["title"] == "Renamed"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"asset": "no-such"}, 404),
        ({"asset": "theirs"}, 404),
        ({"datetime": "../.."}, 400),
        ({"datetime": "2001-01-01T00:00:00Z/2002-01-01T00:00:00Z"}, 400),
        ({"datetime": "2020-01-01T00:00:00Z/2070-01-01T00:00:00Z"}, 400),
        ({"kind": "launcher"}, 400),
        ({"reason": ""}, 400),
        ({"reason": "r" * 1001}, 400),
    ],
)
def test_a_bad_booking_withholds_nothing(client, token, operator, body, status) -> None:
    fleet = {owner: c.id for c in operator.programme.spacecraft for owner in (c.owner,)}
    good = {
        "kind": "spacecraft",
        "asset": fleet["cnsa"],
        "datetime": f"{operator.now().iso()}/{(operator.now() + 60).iso()}",
        "reason": "own use",
    }
    body = {**good, **body}
    if body["asset"] == "theirs":
        body["asset"] = fleet["roscosmos"]
    answer = client.post("/operator/withheld", headers=token["partner"], json=body)
    assert answer.status_code == status and "; known" not in answer.text
    assert client.get("/operator/withheld", headers=token["partner"]).json() == {"withheld": []}
    assert client.post("/operator/withheld", headers=token["partner"], json=good).status_code == 201


def test_a_plan_has_limits(client, token, operator, settings) -> None:
    for bad in (
        {"time_limit_s": 0},
        {"time_limit_s": settings.max_plan_s + 1},
        {"seed": -1},
        {"time_limit_s": "x"},
    ):
        answer = client.post("/operator/plans", headers=token["planner"], json=bad)
        assert answer.status_code == 400 and answer.json()["errors"][0]["field"].startswith("body.")


def test_a_plan_is_a_job_and_one_that_is_made_soon_is_the_answer(client, token, planned, app) -> None:
    worker = app.state.background.worker
    later = client.post("/operator/plans", headers=token["planner"], json={"time_limit_s": 2})
    assert later.status_code == 202  # nobody works here
    job = client.get(later.headers["location"], headers=token["planner"]).json()
    assert (job["kind"], job["state"]) == ("plan", "queued")
    app.state.background.works = True
    worker.start()
    key = {**token["planner"], "Idempotency-Key": "plan-of-today"}
    made = client.post("/operator/plans", headers=key, json={"time_limit_s": 2})
    asked = {**token["planner"], "Prefer": "respond-async"}
    assert client.post("/operator/plans", headers=asked).status_code == 202
    worker.stop()
    assert made.status_code == 201, made.text
    assert made.json()["reasons"] is not None
    seen = client.get(made.headers["location"], headers=token["planner"]).json()
    assert seen["id"] == made.json()["id"]
    with planned.store.begin() as work:
        for order in work.orders.all():
            cancel = f"/stapi/orders/{order.id}/cancel"
    assert client.post(cancel, headers=token["customer"]).status_code == 200
    worker.start()
    nothing = client.post("/operator/plans", headers=token["planner"])
    worker.stop()
    assert nothing.status_code == 409 and "order a quote first" in nothing.json()["detail"]
