"""What an attacker would try that belongs to no single endpoint: each was open once, or would be easily."""

from __future__ import annotations

import re
import sqlite3
import time

import pytest
import structlog
from fastapi.testclient import TestClient

from comity.core import UnknownIdError
from comity.server.app import create_app
from comity.server.identity import ROLE_SCOPES, Caller
from comity.server.limits import RateLimit, network_of
from comity.server.problems import HEADERS
from comity.server.settings import Settings
from comity.server.strict_json import check_json
from comity.stores.guard import Guard, GuardError

BASE = "http://testserver"


def test_no_credential_is_in_the_log_whatever_fails(operator, token, capfd) -> None:
    """Not even of a server that nobody set a log up for, and whose database fails with a secret in hand."""
    structlog.reset_defaults()
    app = create_app(operator, Settings(base_url=BASE, job_threads=0, allowed_networks=("127.0.0.0/8",)))

    @app.post("/broken")
    def broken(body: dict[str, str]) -> None:
        password = body["password"]
        raise RuntimeError(f"no {len(password)}")

    told = {
        "access_key_id": "a",
        "secret_access_key": "bucket-secret-1",
        "place": "s3://their-bucket/x",
        "endpoint": "http://127.0.0.1:1025",
    }
    with TestClient(app, base_url=BASE, raise_server_exceptions=False) as client:
        assert client.post("/broken", json={"password": "route-secret-2"}).status_code == 500
        key = client.post("/auth/credentials", headers=token["customer"], json={}).json()["secret"]
        client.get("/auth/me", headers={"X-API-Key": key})
        client.get("/auth/me", headers={"X-API-Key": f"{key}x"})
        login = {"grant_type": "password", "username": "u", "password": "login-secret-3"}
        client.post("/auth/token", data=login)
        client.post("/auth/token", data={"grant_type": "client_credentials"}, auth=("c", "basic-secret-4"))
        client.post("/buckets", headers=token["customer"], json=told)
        hook = client.post(
            "/webhooks", headers=token["customer"], json={"url": "http://127.0.0.1:1025/"}
        ).json()["secret"]
        answer = client.post(
            "/buckets", headers=token["customer"], json={**told, "secret_access_key": ["s-5" * 90]}
        )
        assert answer.status_code == 400 and "s-5" not in answer.text
        with sqlite3.connect(operator.sql.engine.url.database) as raw:
            raw.execute("DROP TABLE buckets")
        raw.close()
        assert client.post("/buckets", headers=token["customer"], json=told).status_code >= 500
    logged = "".join(capfd.readouterr())
    assert '"request"' in logged and "Traceback" in logged
    bearer = token["customer"]["Authorization"].split(".")[2]
    for secret in ("secret-1", "secret-2", "secret-3", "secret-4", key, hook, bearer, key.split("_", 2)[2]):
        assert secret not in logged, secret


def test_every_answer_of_every_route_has_the_headers(client, app, token) -> None:
    for path, verbs in app.openapi()["paths"].items():
        for verb in verbs:
            for headers in ({}, token["other_customer"]):
                address = re.sub(r"\{[^}]*\}", "x", path)
                answer = client.request(verb, address, headers={**headers, "Origin": "https://evil.example"})
                for name, value in HEADERS.items():
                    if name != "Content-Security-Policy" or not path.endswith(".html"):
                        assert answer.headers[name] == value, (verb, path, name)
                assert "access-control-allow-origin" not in answer.headers
                assert answer.headers["cache-control"] and answer.headers["x-request-id"]


def test_every_changing_route_bounds_its_body(operator, token) -> None:
    settings = Settings(base_url=BASE, job_threads=0, max_body_bytes=1000, burst=10_000)
    app = create_app(operator, settings)
    with TestClient(app, base_url=BASE, raise_server_exceptions=False) as client:
        for path, verbs in app.openapi()["paths"].items():
            for verb in set(verbs) - {"get"}:
                address = re.sub(r"\{[^}]*\}", "x", path)
                big = client.request(verb, address, headers=token["operator"], content=b" " * 1001)
                assert big.status_code == 413, (verb, path)


def test_a_page_that_may_call_can_read_what_is_refused(operator) -> None:
    app = create_app(
        operator,
        Settings(base_url=BASE, cors_origins=("https://maps.example",), burst=1, requests_per_minute=1),
    )
    with TestClient(app, base_url=BASE) as client:
        answers = [client.get("/healthz", headers={"Origin": "https://maps.example"}) for _ in range(2)]
    assert [each.status_code for each in answers] == [200, 429]
    assert all(each.headers["access-control-allow-origin"] == "https://maps.example" for each in answers)


def test_an_asynchronous_search_is_in_the_log_of_changes_and_done_once(client, token, operator) -> None:
    now = operator.now()
    wish = {
        "datetime": f"{now.iso()}/{(now + 3600).iso()}",
        "geometry": {"type": "Point", "coordinates": [12, 41]},
    }
    address = "/stapi/products/hr-scene/opportunities"
    client.post(address, headers=token["customer"], json=wish)
    assert client.get("/operator/audit", headers=token["operator"]).json()["entries"] == []
    later = {**token["customer"], "Prefer": "respond-async", "Idempotency-Key": "k"}
    first, again = (client.post(address, headers=later, json=wish) for _ in range(2))
    assert first.status_code == 201 and again.json() == first.json()
    log = client.get("/operator/audit", headers=token["operator"]).json()["entries"]
    assert [(each["subject"], each["outcome"]) for each in log] == [(address, None), (address, 201)]


def test_an_idempotency_key_is_no_bridge_to_anothers_order(client, token, operator, bare_token) -> None:
    """Neither another credential's key of the same name, nor one used again for another wish."""
    now = operator.now()

    def ordered(headers: dict[str, str], days: int) -> str:
        wish = {
            "datetime": f"{now.iso()}/{(now + days * 86_400).iso()}",
            "geometry": {"type": "Point", "coordinates": [31.2, 30.0]},
        }
        answer = client.post(
            "/stapi/products/hr-scene/orders", headers={**headers, "Idempotency-Key": "k"}, json=wish
        )
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    first = ordered(token["customer"], 2)
    assert ordered(token["customer"], 2) == first
    assert ordered(bare_token("dj-environment", "customer", "orders:write"), 2) != first
    with operator.sql.engine.begin() as connection:  # as a day later
        connection.exec_driver_sql("DELETE FROM idempotency")
    assert ordered(token["customer"], 3) != first


def test_what_no_store_can_hold_is_refused_in_forms_and_headers_too(client, token) -> None:
    form = {"grant_type": "password", "username": "a\x00b", "password": "x"}
    assert client.post("/auth/token", data=form).status_code == 400
    many = {**token["customer"], "Range": "bytes=" + ",".join(f"{k}-" for k in range(1000))}
    assert client.get("/stac/collections/a/items/b/assets/c", headers=many).status_code == 400
    client.request("INVENTED", "/healthz")
    assert "INVENTED" not in client.get("/metrics", headers=token["operator"]).text


def test_logins_cannot_be_sprayed_over_names(operator) -> None:
    app = create_app(operator, Settings(base_url=BASE, tries_per_minute=3))
    with TestClient(app, base_url=BASE) as client:
        tried = [
            client.post(
                "/auth/token",
                data={"grant_type": "client_credentials", "client_id": f"client-{k}", "client_secret": "x"},
            ).status_code
            for k in range(5)
        ]
    assert tried == [401, 401, 401, 429, 429]


def test_limits_count_a_network_of_ipv6_as_one() -> None:
    one, two = network_of("2001:db8:1:2::1"), network_of("2001:db8:1:2:ffff::9")
    assert one == two != network_of("2001:db8:1:3::1")
    assert network_of("::ffff:192.0.2.1") == network_of("192.0.2.1") == "192.0.2.1"
    limit = RateLimit(60, 2)
    limit.check("a"), limit.check("a"), limit.take("a")
    assert limit.take("a") < 1


def test_a_json_body_is_looked_at_in_linear_time() -> None:
    """Brackets with spaces between them took the square of their number."""
    began = time.process_time()
    check_json((b"[" + b" " * 50_000) * 99 + b"x")
    check_json(b"[" * 99 + b"]" * 99)
    assert time.process_time() - began < 5.0


def test_a_planner_does_not_end_an_operators_credential(operator) -> None:
    made, _ = operator.identity.make(kind="client", tenant="operator", role="operator", by="t")
    planner = Caller(tenant="operator", role="planner", scopes=ROLE_SCOPES["planner"], name="p")
    with pytest.raises(UnknownIdError):
        operator.identity.revoke(made.id, by=planner)
    assert made.id not in {each.id for each in operator.identity.listed(planner)}


def test_the_guard_judges_ports_at_every_connection_and_the_server_does_not_call_itself(
    client, token
) -> None:
    guard = Guard(lookup=lambda host, port: ["93.184.216.34"])
    assert guard.addresses("bucket.example", 443)
    with pytest.raises(GuardError, match="port 22"):
        guard.addresses("bucket.example", 22)
    answer = client.post("/webhooks", headers=token["customer"], json={"url": f"{BASE}:80/stapi/orders"})
    assert answer.status_code == 400 and "itself" in answer.json()["detail"]
