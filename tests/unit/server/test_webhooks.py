"""Webhooks and buckets over HTTP: a customer is told of its own orders, once each, and of no other's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from standardwebhooks.webhooks import Webhook as Receiver

from comity.core import FixedClock, Interval
from comity.fleet import load_programme, point_target
from comity.operations import add_request, cancel_order, make_quote, place_order
from comity.operations.worker import Worker
from comity.server.identity import machine_now
from comity.server.jobs import job_kinds
from comity.stores import schema
from comity.stores.database import transaction
from unit.stores.hook_site import Site, receiving

PROGRAMME = load_programme("joint-eo")
NOW = PROGRAMME.epoch


@pytest.fixture
def site() -> Iterator[Site]:
    with receiving() as here:
        yield here


@pytest.fixture
def settings(settings):
    return replace(settings, allowed_networks=("127.0.0.0/8",))


def place(operator, customer: str) -> str:
    request = add_request(
        operator.store,
        customer=customer,
        product="hr-scene",
        targets=[point_target(42.6, 11.6, "Djibouti")],
        interval=Interval(NOW, NOW + 2 * 86_400),
        now=NOW,
    )
    return place_order(operator.store, make_quote(operator.store, request.id, now=NOW).id, now=NOW).id


def local(site: Site) -> str:
    return site.url.replace("hooks.example", "127.0.0.1")


def subscribe(client, headers, url: str, **more):
    made = client.post("/webhooks", json={"url": url, **more}, headers=headers)
    assert made.status_code == 201, made.text
    return made.json()


def test_a_customer_is_told_of_its_order_and_of_no_other(client, token, app, operator, site) -> None:
    before = place(operator, "dj-environment")
    made = subscribe(client, token["customer"], local(site))
    order = place(operator, "dj-environment")
    place(operator, "port-logistics")
    worker = app.state.background.worker
    worker.run_all()
    cancel_order(operator.store, order, now=NOW, reason="no longer needed")
    worker.run_all()
    told = [Receiver(made["secret"]).verify(body, headers) for headers, body in site.seen]
    assert {message["type"] for message in told} == {"order.status"}
    assert {message["data"]["order"] for message in told} == {order} != {before}
    codes = [message["data"]["status"]["status_code"] for message in told]
    assert codes == ["received", "accepted", "user_cancelled"]
    assert told[-1]["data"]["status"]["reason_text"] == "no longer needed"
    assert len({headers["webhook-id"] for headers, _ in site.seen}) == 3
    worker.run_all()
    assert len(site.seen) == 3


def test_a_message_is_tried_again_under_its_id_and_ends_as_a_dead_letter(
    client, token, app, operator, site
) -> None:
    made = subscribe(client, token["customer"], local(site), events=["order.status"])
    job = client.post(f"/webhooks/{made['id']}/test", headers=token["customer"]).json()
    background = app.state.background
    kinds = job_kinds(operator, background.sender, background.opener)
    site.answers = [(500, {})] * 10
    at = machine_now()
    for _ in range(10):
        assert Worker(operator.sql, kinds, clock=FixedClock(at)).run_one()
        at = at + 90_000.0 * 1.2
    assert len({headers["webhook-id"] for headers, _ in site.seen}) == 1
    path = f"/webhooks/{made['id']}/dead-letters"
    (dead,) = client.get(path, headers=token["customer"]).json()["jobs"]
    assert (dead["id"], dead["runs"]) == (job["id"], 10)
    assert dead["error"].startswith("500")
    client.post(f"/jobs/{dead['id']}/retry", headers=token["customer"])
    background.worker.run_all()
    assert client.get(path, headers=token["customer"]).json()["jobs"] == []
    assert len(site.seen) == 11


def test_gone_pauses_the_webhook_and_what_happens_meanwhile_is_told_later(
    client, token, app, operator, site
) -> None:
    made = subscribe(client, token["customer"], local(site))
    site.answers = [(410, {})]
    client.post(f"/webhooks/{made['id']}/test", headers=token["customer"])
    worker = app.state.background.worker
    worker.run_all()
    assert client.get(f"/webhooks/{made['id']}", headers=token["customer"]).json()["state"] == "paused"
    place(operator, "dj-environment")
    worker.run_all()
    assert len(site.seen) == 1
    client.post(f"/webhooks/{made['id']}/resume", headers=token["customer"])
    worker.run_all()
    assert len(site.seen) == 3


def test_a_new_secret_signs_beside_the_old_one(client, token, app, site) -> None:
    made = subscribe(client, token["customer"], local(site))
    new = client.post(f"/webhooks/{made['id']}/secret", headers=token["customer"]).json()["secret"]
    assert new != made["secret"]
    client.post(f"/webhooks/{made['id']}/test", headers=token["customer"])
    app.state.background.worker.run_all()
    ((headers, body),) = site.seen
    for secret in (new, made["secret"]):
        Receiver(secret).verify(body, headers)
    assert "secret" not in client.get(f"/webhooks/{made['id']}", headers=token["customer"]).text.replace(
        '"secret":null', ""
    )


def test_another_tenants_webhook_is_unknown(client, token, site) -> None:
    id = subscribe(client, token["customer"], local(site))["id"]
    assert client.get("/webhooks", headers=token["other_customer"]).json() == {"webhooks": []}
    for method, path in (
        ("GET", ""), ("DELETE", ""), ("POST", "/pause"), ("POST", "/resume"), ("POST", "/secret"),
        ("POST", "/test"), ("GET", "/dead-letters"),
    ):  # fmt: skip
        answer = client.request(method, f"/webhooks/{id}{path}", headers=token["other_customer"])
        assert answer.status_code == 404, path
    assert client.get("/webhooks", headers=token["partner"]).json() == {"webhooks": []}
    assert client.delete(f"/webhooks/{id}", headers=token["customer"]).status_code == 204
    assert client.get(f"/webhooks/{id}", headers=token["customer"]).status_code == 404


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest",
        "https://[::ffff:10.0.0.1]/",
        "https://192.168.1.1/",
        "file:///etc/passwd",
    ],
)
def test_a_webhook_into_the_house_is_refused_and_said_why(client, token, url) -> None:
    answer = client.post("/webhooks", json={"url": url}, headers=token["customer"])
    assert answer.status_code == 400
    assert "url" in answer.json()["detail"]


def test_a_bucket_tells_no_secret_and_its_refusal_is_in_the_job(client, token, app) -> None:
    asked = {
        "place": "s3://dj-environment/comity",
        "endpoint": "http://127.0.0.1:1025",
        "access_key_id": "their-key",
        "secret_access_key": "their-secret",
    }
    made = client.post("/buckets", json=asked, headers=token["customer"])
    assert made.status_code == 201
    assert "their-secret" not in made.text
    id = made.json()["id"]
    assert client.get(f"/buckets/{id}", headers=token["other_customer"]).status_code == 404
    assert client.post("/buckets", json=asked, headers=token["operator"]).status_code == 403
    job = client.post(f"/buckets/{id}/verify", headers=token["customer"])
    assert job.status_code == 202
    app.state.background.worker.run_one()
    after = client.get(f"/jobs/{job.json()['id']}", headers=token["customer"]).json()
    assert after["state"] == "queued"
    assert "does not answer" in after["error"]
    assert client.get(f"/buckets/{id}", headers=token["customer"]).json()["state"] == "unverified"
    assert client.delete(f"/buckets/{id}", headers=token["customer"]).status_code == 204
    with app.state.operator.sql.begin() as work:
        assert work.buckets.get(id).secret_access_key == ""


def test_what_was_kept_before_a_server_was_killed_is_not_kept_twice(client, token, operator, site) -> None:
    """The key's answer is gone, as when the server died before it could keep it."""
    bucket = {
        "place": "s3://dj-environment",
        "endpoint": "https://127.0.0.1:9000",
        "access_key_id": "a",
        "secret_access_key": "s",
    }
    for path, body in (
        ("/webhooks", {"url": local(site)}),
        ("/buckets", bucket),
        ("/stac/saved-searches", {"search": {"bbox": [42, 10, 44, 13]}}),
    ):
        headers = {**token["customer"], "Idempotency-Key": f"again {path}".replace(" ", "-")}
        told = []
        for _ in range(2):
            made = client.post(path, json=body, headers=headers)
            assert made.status_code == 201 and "Idempotency-Replayed" not in made.headers, made.text
            told.append(made.json())
            with transaction(operator.sql.engine) as connection:
                connection.execute(schema.idempotency.delete())
        assert told[0] == told[1], path
        kept = client.get(path, headers=headers).json()
        assert len(kept[path.split("/")[-1].replace("-", "_")]) == 1
        gone = client.delete(f"{path}/{told[0]['id']}", headers=token["customer"])
        assert gone.status_code == 204
        assert client.post(path, json=body, headers=headers).json()["id"] != told[0]["id"]
