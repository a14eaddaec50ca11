"""Without its database the server says so, everywhere and in time, and goes on when it is back."""

from __future__ import annotations

import sqlalchemy as sa

from comity.core import Interval
from comity.operations import Asked, open_search
from comity.operations.orders import draft_request
from comity.server.identity import machine_now


def test_every_route_says_503_while_the_database_is_away_and_goes_on_when_it_is_back(
    client, token, operator
) -> None:
    away = [False]

    @sa.event.listens_for(operator.sql.engine, "begin")
    def refuse(connection: sa.Connection) -> None:
        if away[0]:
            raise sa.exc.OperationalError("BEGIN", {}, Exception("secret of the database's host"))

    routes = [
        ("GET", "/stapi/orders", "customer", None),
        ("POST", "/stapi/products/hr-scene/orders", "customer", {}),
        ("GET", "/stac/collections", "customer", None),
        ("GET", "/operator/plans", "planner", None),
        ("POST", "/operator/plans", "planner", {}),
        ("POST", "/jobs", "planner", {"kind": "plan"}),
        ("GET", "/jobs/job-1/events", "planner", None),
        ("GET", "/auth/credentials", "operator", None),
        ("GET", "/operator/audit", "operator", None),
        ("GET", "/webhooks", "customer", None),
    ]
    for name in ("customer", "planner", "operator"):
        assert client.get("/auth/me", headers=token[name]).status_code == 200
    away[0] = True
    for method, path, who, body in routes:
        headers = {**token[who], "Idempotency-Key": f"{method} {path}".replace(" ", "-")}
        answer = client.request(method, path, headers=headers, json=body)
        assert answer.status_code == 503, (path, answer.text)
        assert int(answer.headers["retry-after"]) > 0
        assert "secret" not in answer.text
    assert client.get("/healthz").status_code == 200
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["database"]) == (503, False)
    away[0] = False
    assert client.get("/readyz").status_code == 200
    assert client.get("/stapi/orders", headers=token["customer"]).status_code == 200
    assert client.get("/operator/audit/check", headers=token["operator"]).json()["whole"]


def test_a_search_whose_job_is_given_up_or_cancelled_does_not_stay_open(app, operator) -> None:
    programme, now = operator.programme, operator.now()
    customer = programme.customer("dj-environment")

    def search() -> str:
        from comity.fleet import point_target

        request = draft_request(
            programme,
            customer=customer,
            product="hr-scene",
            targets=[point_target(42.6, 11.6, "Djibouti")],
            interval=Interval(now, now + 86_400.0),
            now=now,
        )
        asked = Asked(
            request="", customer=customer.id, product="hr-scene", datetime="../..", geometry={}, filter=None
        )
        at = machine_now()
        return open_search(operator.sql, request, asked, licensed=True, now=now, at=at).id

    dead, cancelled = search(), search()
    with operator.sql.begin_jobs() as jobs:
        for _ in range(5):
            assert jobs.claim("dies", now=machine_now(), lease_s=0.0, kinds=["search"]) is not None
        jobs.cancel(jobs.find("search", customer.id, cancelled).id, now=machine_now())
        assert jobs.claim("heir", now=machine_now(), lease_s=9.0, kinds=["search"]) is None
    app.state.background.look()
    with operator.sql.read() as work:
        ends = [work.searches.get(id).statuses[-1] for id in (dead, cancelled)]
    assert [end.code for end in ends] == ["failed", "cancelled"]
    assert "5 tries" in ends[0].reason_text
