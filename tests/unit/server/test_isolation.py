"""Tenants × endpoints: nothing of another tenant can be read or changed, and nothing is open by mistake."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from comity.core import Interval
from comity.fleet import point_target
from comity.operations import add_request, make_plan, make_quote, place_order
from comity.planning import GreedySolver
from comity.server.operator import Operator

#: What only the victim's records hold: if it shows in an answer to another, the answer leaks.
MARK = "Aldebaran-quay"
#: Operations that need no token.
PUBLIC = re.compile(
    r"GET (/|/healthz|/readyz|/metrics|/openapi\.json|/\.well-known/.*|/stapi|/stapi/conformance|"
    r"/stac|/stac/conformance|/stac/api|/stac/api\.html|/stapi/api\.html|/stac/queryables)|POST /auth/token"
)
#: Tables that every call may write: who came, and which calls were made.
_LOGS = frozenset({"audit", "idempotency", "sqlite_sequence", "alembic_version"})


@pytest.fixture
def victims(operator: Operator, token, client) -> dict[str, list[str]]:
    """Records of the customer dj-environment and of the partner cnsa, by the name of a path parameter."""
    now = operator.now()
    request = add_request(
        operator.store,
        customer="dj-environment",
        product="hr-scene",
        targets=[point_target(31.24, 30.04, MARK)],
        interval=Interval(now, now + 2 * 86_400),
        now=now,
    )
    quote = make_quote(operator.store, request.id, now=now)
    order = place_order(operator.store, quote.id, now=now)
    make_plan(operator.store, now=now, solver=GreedySolver())
    key = client.post("/auth/credentials", headers=token["customer"], json={"title": MARK}).json()["id"]
    craft = next(c.id for c in operator.programme.spacecraft if c.owner == "cnsa")
    booked = client.post(
        "/operator/withheld",
        headers=token["partner"],
        json={
            "kind": "spacecraft",
            "asset": craft,
            "datetime": f"{(now + 9e5).iso()}/{(now + 9.1e5).iso()}",
            "reason": MARK,
        },
    ).json()["id"]
    with operator.store.begin() as work:
        activities = [
            a.id
            for a in work.activities.all()
            if operator.programme.craft(a.spacecraft).owner not in ("roscosmos",)
            and (a.station is None or operator.programme.station(a.station).owner != "roscosmos")
        ]
    searched = client.post(
        "/stapi/products/hr-scene/opportunities",
        headers={**token["customer"], "Prefer": "respond-async"},
        json={
            "datetime": f"{now.iso()}/{(now + 86_400).iso()}",
            "geometry": {"type": "Point", "coordinates": [31.24, 30.04]},
        },
    )
    assert searched.status_code == 201, searched.text
    search = searched.json()["id"]
    everything = [
        search,
        request.id,
        quote.id,
        order.id,
        f"{order.id}/1",
        key,
        booked,
        "plan-0001",
        "hr-scene",
    ]
    return {
        "order_id": [order.id],
        "quote_id": [quote.id],
        "request_id": [request.id],
        "credential_id": [key, "customer-client", "operator-client"],
        "withheld_id": [booked],
        "search_id": [search],
        "activity": activities or ["none"],
        "plan_id": ["plan-0001"],
        "product_id": ["hr-scene"],
        "": everything,
    }


def snapshot(operator: Operator) -> dict[str, list[tuple]]:
    """Every row of every table that holds tenants' records."""
    found: dict[str, list[tuple]] = {}
    with operator.sql.engine.connect() as connection:
        for name in sa.inspect(connection).get_table_names():
            if name not in _LOGS and not name.startswith("archive_places"):
                found[name] = [tuple(r) for r in connection.exec_driver_sql(f'SELECT * FROM "{name}"')]
    return found


def operations(app) -> list[tuple[str, str, dict]]:
    return [
        (verb.upper(), path, operation)
        for path, verbs in app.openapi()["paths"].items()
        for verb, operation in verbs.items()
        if verb in ("get", "post", "put", "patch", "delete")
    ]


def test_only_what_is_public_needs_no_token(app, client) -> None:
    opened = []
    for verb, path, _ in operations(app):
        if PUBLIC.fullmatch(f"{verb} {path}"):
            continue
        answer = client.request(verb, re.sub(r"\{[^}]*\}", "x", path), json={} if verb != "GET" else None)
        if answer.status_code != 401:
            opened.append((verb, path, answer.status_code))
    assert opened == []


@pytest.mark.parametrize("stranger", ["other_customer", "other_partner"])
def test_a_stranger_reads_and_changes_nothing(app, client, token, operator, victims, stranger) -> None:
    before = snapshot(operator)
    asked = 0
    point = {"type": "Point", "coordinates": [31.24, 30.04]}
    span = f"{operator.now().iso()}/{(operator.now() + 86_400).iso()}"
    bodies = {
        "/operator/plans/{plan_id}/veto": {"activities": victims["activity"], "reason": "r"},
        "/stapi/products/{product_id}/orders": {
            "datetime": span,
            "geometry": point,
            "quote": victims["quote_id"][0],
            "order_parameters": {},
        },
        "/stapi/products/{product_id}/opportunities": {"datetime": span, "geometry": point},
        "/stac/search": {"limit": 100},
    }
    for verb, path, operation in operations(app):
        names = re.findall(r"\{([^}:]*)", path)
        # Parameters that no record is known for are tried with each id in turn, all of them the same.
        guesses = victims[""] if any(name not in victims for name in names) else ["-"]
        choices = [path] if not names else []
        for guess in guesses if names else []:
            for known in range(max(len(victims.get(name, "-")) for name in names)):
                address = path
                for name in names:
                    ids = victims.get(name, [guess])
                    address = re.sub(r"\{" + name + r"[^}]*\}", ids[known % len(ids)], address, count=1)
                choices.append(address)
        for address in choices:
            body = (
                bodies.get(path, {})
                if "requestBody" in operation or verb in ("POST", "PUT", "PATCH")
                else None
            )
            if address in ("/auth/credentials", "/auth/token") and verb == "POST":
                continue  # makes the stranger's own
            with client.stream(verb, address, headers=token[stranger], json=body) as answer:
                asked += 1
                assert answer.status_code < 500, (verb, address)
                if "event-stream" in answer.headers.get("content-type", ""):
                    continue
                text = answer.read().decode("utf-8", "replace")
            assert MARK not in text, (verb, address, text[:500])
    assert asked > 20
    after = snapshot(operator)
    changed = [name for name, rows in before.items() if any(row not in after[name] for row in rows)]
    assert changed == [], "rows of others changed or went"


def test_the_victim_itself_sees_its_records(client, token, operator, victims) -> None:
    """Else the test above would pass on a server that shows nothing."""
    assert MARK in client.get("/auth/credentials", headers=token["customer"]).text
    assert MARK in client.get("/operator/withheld", headers=token["partner"]).text
    assert client.get("/operator/orders/order-0001/why", headers=token["operator"]).status_code == 200
