"""A partner is told of its own assets and account, and of nothing of customers or other partners."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest
from standardwebhooks.webhooks import Webhook as Receiver

from comity.commerce import Ledger, Posting, Transaction, account_name
from comity.core import Interval
from comity.fleet import load_programme, point_target
from comity.operations import add_request, make_plan, make_quote, place_order
from comity.operations.oversight import approve_plan
from comity.planning import GreedySolver
from unit.stores.hook_site import Site, receiving

PROGRAMME = load_programme("joint-eo")
NOW = PROGRAMME.epoch
TARGET = "Aldebaran-quay"
PLACES = ((-58, -34), (31, 30), (103, 1))


@pytest.fixture
def site() -> Iterator[Site]:
    with receiving() as here:
        yield here


@pytest.fixture
def settings(settings):
    return replace(settings, allowed_networks=("127.0.0.0/8",))


def test_a_partner_is_told_what_is_planned_withheld_and_booked_of_its_own(
    client, token, app, operator, site
) -> None:
    def subscribe(who: str, **more: object) -> dict[str, str]:
        url = site.url.replace("hooks.example", "127.0.0.1")
        made = client.post("/webhooks", json={"url": f"{url}?{who}", **more}, headers=token[who])
        assert made.status_code == 201, made.text
        return made.json()

    refused = client.post(
        "/webhooks", json={"url": "https://x.example", "events": ["order.status"]}, headers=token["partner"]
    )
    assert refused.status_code == 400 and "plan.approved" in refused.json()["detail"]
    mine = subscribe("partner")
    subscribe("customer")
    request = add_request(
        operator.store,
        customer="port-logistics",
        product="hr-scene",
        targets=[point_target(lon, lat, f"{TARGET}-{lon}") for lon, lat in PLACES],
        interval=Interval(NOW, NOW + 2 * 86_400),
        now=NOW,
    )
    place_order(operator.store, make_quote(operator.store, request.id, now=NOW).id, now=NOW)
    plan = make_plan(operator.store, now=NOW, solver=GreedySolver())
    approve_plan(operator.store, plan.id, now=NOW, by="t")
    with operator.store.begin() as work:
        own = {
            a.id
            for a in work.activities.all(plan=plan.id)
            if PROGRAMME.craft(a.spacecraft).owner == "cnsa"
            or (a.station is not None and PROGRAMME.station(a.station).owner == "cnsa")
        }
        rest = {a.id for a in work.activities.all()} - own
        booked = Ledger()
        booked.add(
            Transaction(
                id="t-1", at=NOW, kind="settlement", reference="run-1", memo=TARGET,
                postings=tuple(
                    Posting(
                        account=account_name("partner", name),
                        amount=Decimal(owed),
                        currency="USD",
                        memo="share",
                    )
                    for name, owed in (("cnsa", -5), ("roscosmos", 5))
                ),
            )
        )  # fmt: skip
        work.post(booked)
    assert own and rest, "else nothing is shown"
    vetoed = client.post(
        f"/operator/plans/{plan.id}/veto",
        headers=token["partner"],
        json={"activities": [min(own)], "reason": "manoeuvre"},
    )
    assert vetoed.status_code == 200, vetoed.text
    app.state.background.worker.run_all()
    told = [Receiver(mine["secret"]).verify(body, headers) for headers, body in site.seen]
    kinds = [message["type"] for message in told]
    assert sorted(set(kinds)) == [
        "activities.dropped", "asset.withheld", "plan.approved", "plan.made", "statement.entry",
    ]  # fmt: skip
    by_kind = {message["type"]: message["data"] for message in told}
    for kind in ("plan.made", "plan.approved"):
        assert {a["id"] for a in by_kind[kind]["activities"]} == own
    assert min(own) in {a["id"] for a in by_kind["activities.dropped"]["activities"]}
    assert by_kind["statement.entry"]["entries"] == [{"amount": "5", "currency": "USD", "what": "share"}]
    text = "".join(body if isinstance(body, str) else body.decode() for _, body in site.seen)
    for hidden in (TARGET, "port-logistics", "order-0001", "roscosmos", *rest):
        assert hidden not in text
    # Once told, nothing is told again; another partner and the customers heard nothing of it.
    app.state.background.worker.run_all()
    assert len(site.seen) == len(told)
    assert client.get("/webhooks", headers=token["other_partner"]).json() == {"webhooks": []}
    jobs = client.get("/jobs", headers=token["partner"]).json()["jobs"]
    assert {job["kind"] for job in jobs} == {"webhook"} and len(jobs) == len(told)
    assert client.get("/jobs", headers=token["other_partner"]).json()["jobs"] == []
    assert client.get("/jobs", headers=token["customer"]).json()["jobs"] == []
