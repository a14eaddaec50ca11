"""What every request passes: bodies, limits, idempotency keys, the log, headers, unforeseen errors."""

from __future__ import annotations

import json
import sqlite3

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from comity.server.app import create_app
from comity.server.operator import Operator
from comity.server.settings import Settings
from comity.server.strict_json import check_json

KEYS = "/auth/credentials"
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    "body",
    [
        b'{"title": NaN}',
        b'{"title": -Infinity}',
        b'{"title": 1e999}',
        b'{"title": "\\ud800"}',
        b'{"title": "a\\u0000b"}',
        b'{"title": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"title":' * 400 + b"1" + b"}" * 400,
        b'{"title": 7}',
        b'{"title": ["a"]}',
        b'{"titel": "a"}',
        b'{"scopes": "keys"}',
        b'{"expires": "tomorrow"}',
        b'{"kind": "root"}',
        b'"text"',
        b"{",
        b"\xff\xfe\x00",
        b"",
    ],
)
def test_a_bad_body_is_a_problem_with_the_field(client, token, body) -> None:
    answer = client.post(KEYS, headers={**token["customer"], **JSON}, content=body)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["errors"][0]["field"].startswith("body")
    assert len(client.get(KEYS, headers=token["customer"]).json()["credentials"]) == 1


def test_good_json_of_every_kind_passes_the_check() -> None:
    fine = {"a": [1, -2.5e-300, 1.7e308, None, True, "é 漢字 😀 \n", {"b": []}], "NaN": "Infinity"}
    check_json(json.dumps(fine).encode())
    check_json(b"no JSON at all NaN")


def test_a_body_over_the_limit_is_refused_told_or_not(client, token, settings) -> None:
    told = client.post(
        KEYS, headers={**token["customer"], **JSON}, content=b" " * (settings.max_body_bytes + 1)
    )
    streamed = client.post(
        KEYS, headers={**token["customer"], **JSON}, content=(b" " * 2**20 for _ in range(11))
    )
    assert [told.status_code, streamed.status_code] == [413, 413]
    assert f"{settings.max_body_bytes:,}" in streamed.json()["detail"]


@pytest.mark.parametrize(
    "path",
    [
        "/operator/plans/%00",
        "/operator/plans/' OR 1=1 --",
        "/operator/plans/..%2f..%2fetc%2fpasswd",
        "/operator/orders/%F0%9F%92%A9/why",
        "/operator/plans/" + "a" * 5000,
        "/operator/timeline?spacecraft=';DROP TABLE orders;--",
        "/operator/timeline?datetime=x",
        "/operator/timeline?datetime=2030-01-01T00:00:00Z/2020-01-01T00:00:00Z",
        "/operator/timeline?datetime=0001-01-01T00:00:00Z/..",
        "/operator/timeline?limit=1e9",
        "/operator/timeline?limit=-1",
        "/operator/timeline?a=" + "b" * 20_000,
        "/operator/audit?after=99999999999999999999999",
        "/nothing",
    ],
)
def test_a_bad_address_is_a_problem(client, token, path) -> None:
    answer = client.get(path, headers=token["operator"])
    assert answer.status_code in (400, 404)
    assert answer.headers["content-type"] == "application/problem+json"
    assert client.get("/readyz").status_code == 200


def test_what_is_sent_twice_with_a_key_is_done_once(client, token, operator) -> None:
    headers = {**token["partner"], "Idempotency-Key": "booking-1"}
    body = {
        "kind": "spacecraft",
        "asset": next(c.id for c in operator.programme.spacecraft if c.owner == "cnsa"),
        "datetime": f"{operator.now().iso()}/{(operator.now() + 3600).iso()}",
        "reason": "own use",
    }
    first = client.post("/operator/withheld", headers=headers, json=body)
    again = client.post("/operator/withheld", headers=headers, json=body)
    assert first.status_code == again.status_code == 201
    assert again.json() == first.json() and again.headers["idempotency-replayed"] == "true"
    other = client.post("/operator/withheld", headers=headers, json={**body, "reason": "another"})
    assert other.status_code == 422 and "booking-1" in other.json()["detail"]
    # Another tenant's key of the same name is another key.
    theirs = client.post(
        "/operator/withheld", headers={**token["other_partner"], "Idempotency-Key": "booking-1"}, json=body
    )
    assert theirs.status_code == 404
    assert len(client.get("/operator/withheld", headers=token["partner"]).json()["withheld"]) == 1


def test_a_key_is_free_again_when_nothing_was_done(client, token) -> None:
    headers = {**token["partner"], "Idempotency-Key": "k"}
    bad = client.post(
        "/operator/plans/plan-9/veto", headers=headers, json={"activities": ["a"], "reason": "r"}
    )
    again = client.post(
        "/operator/plans/plan-8/veto", headers=headers, json={"activities": ["a"], "reason": "r"}
    )
    assert (bad.status_code, again.status_code) == (404, 404)
    for key in ("", "ü", "a b", "a" * 256):
        refused = client.post(
            "/operator/plans/p/veto", headers={**token["partner"], "Idempotency-Key": key.encode()}, json={}
        )
        assert refused.status_code == 400


def test_a_secret_is_not_kept_for_replay(client, token, operator) -> None:
    headers = {**token["customer"], "Idempotency-Key": "secret"}
    first = client.post(KEYS, headers=headers, json={}).json()
    second = client.post(KEYS, headers=headers, json={}).json()
    assert first["secret"] != second["secret"]
    with operator.sql.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM idempotency").scalar() == 0


def test_every_change_is_in_the_log_before_and_after(client, token, operator, tmp_path) -> None:
    made = client.post(KEYS, headers=token["customer"], json={"title": "one"}).json()
    client.delete(f"{KEYS}/{made['id']}", headers=token["customer"])
    client.delete(f"{KEYS}/{made['id']}", headers=token["other_customer"])
    client.get(KEYS, headers=token["customer"])
    log = client.get("/operator/audit", headers=token["operator"]).json()["entries"]
    told = [(e["tenant"], e["action"], e["outcome"]) for e in log]
    assert told == [
        ("dj-environment", "POST", None),
        ("dj-environment", "POST", 201),
        ("dj-environment", "DELETE", None),
        ("dj-environment", "DELETE", 204),
        ("port-logistics", "DELETE", None),
        ("port-logistics", "DELETE", 404),
    ]
    assert made["secret"] not in json.dumps(log)
    assert client.get("/operator/audit", headers=token["customer"]).status_code == 403
    with sqlite3.connect(tmp_path / "comity.db") as raw:
        for deed in ("UPDATE audit SET outcome = 200", "DELETE FROM audit"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                raw.execute(deed)
        assert operator.audit.broken() is None
        raw.execute("DROP TRIGGER audit_no_update")  # who owns the file can, and it shows
        raw.execute("UPDATE audit SET outcome = 200 WHERE seq = 4")
    raw.close()
    assert client.get("/operator/audit/check", headers=token["operator"]).json() == {
        "whole": False,
        "first_broken": 4,
    }


def test_too_many_requests_wait(operator: Operator) -> None:
    app = create_app(
        operator, Settings(base_url="http://testserver", requests_per_minute=60, burst=3, tries_per_minute=2)
    )
    with TestClient(app) as client:
        answers = [client.get("/healthz") for _ in range(4)]
        assert [a.status_code for a in answers] == [200, 200, 200, 429]
        assert int(answers[3].headers["retry-after"]) >= 1
        assert answers[3].headers["content-type"] == "application/problem+json"


def test_guessing_keys_is_slowed_down(operator: Operator) -> None:
    app = create_app(operator, Settings(base_url="http://testserver", tries_per_minute=2))
    with TestClient(app) as client:
        tried = [
            client.get("/auth/me", headers={"X-API-Key": f"cmk_{'a' * 12}_{n:043d}"}).status_code
            for n in range(4)
        ]
    assert tried == [401, 401, 429, 429]


def test_nothing_unforeseen_is_told_to_the_caller(app: FastAPI, client: TestClient) -> None:
    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("password is hunter2")

    answer = client.get("/broken")
    assert answer.status_code == 500 and "hunter2" not in answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_no_origin_may_call_from_a_browser_unless_named(client, operator) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    assert "access-control-allow-origin" not in client.options("/auth/me", headers=asked).headers
    app = create_app(operator, Settings(base_url="http://testserver", cors_origins=("https://maps.example",)))
    with TestClient(app) as named:
        good = {**asked, "Origin": "https://maps.example"}
        assert named.options("/auth/me", headers=good).headers["access-control-allow-origin"]
        assert "access-control-allow-origin" not in named.options("/auth/me", headers=asked).headers


def test_the_address_that_serve_prints_leads_on(client) -> None:
    links = client.get("/").json()["links"]
    places = {link["href"].removeprefix("http://testserver"): client.get(link["href"]) for link in links}
    assert set(places) == {"/", "/openapi.json", "/docs", "/stapi", "/stac", "/archive"}
    assert all(answer.status_code == 200 for answer in places.values())
    page = places["/docs"]
    assert page.headers["content-type"].startswith("text/html") and "<script" not in page.text
    assert "GET /operator/plans" in page.text


def test_readiness_tells_what_is_missing(client, operator) -> None:
    operator.delivery.rmdir()
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {
        "status": "not ready", "database": True, "programme": True, "delivery": False, "bucket": None,
    }  # fmt: skip


def test_figures_count_routes_not_addresses(client, token) -> None:
    client.get("/operator/plans/one", headers=token["operator"])
    client.get("/operator/plans/two", headers=token["operator"])
    assert client.get("/metrics").status_code == 401
    text = client.get("/metrics", headers=token["operator"]).text
    assert (
        'comity_http_requests_total{method="GET",route="/operator/plans/{plan_id}",status="404"} 2.0' in text
    )
