"""The conformance suite: our server passes it, and one that departs from the specification does not."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from comity.core import FixedClock
from comity.server.app import create_app
from comity.server.conformance import Asked, check_server
from comity.server.operator import Operator, open_operator
from comity.server.settings import Settings


@pytest.fixture
def asked(operator: Operator) -> Asked:
    return Asked(now=operator.now(), product="hr-scene", order=True, wait_s=30.0)


def test_our_server_keeps_every_requirement(loaded_database: Path, tmp_path: Path, asked: Asked) -> None:
    place = tmp_path / "checked.db"
    shutil.copy(loaded_database, place)
    settings = Settings(base_url="http://testserver", requests_per_minute=1e6, burst=1_000_000)
    made = open_operator(str(place), settings, delivery=tmp_path, clock=FixedClock(asked.now))
    credential, _ = made.identity.make(
        kind="client", tenant="dj-environment", role="customer", by="tests", id="checker"
    )
    headers = {"Authorization": f"Bearer {made.identity.token_of(credential).access_token}"}
    with TestClient(create_app(made, settings), headers=headers) as client:
        report = check_server(client, "http://testserver/stapi", asked)
    made.close()
    missed = [finding for finding in report.findings if finding.outcome in ("fail", "skip")]
    assert missed == []
    assert report.conforms and report.count("pass") > 30


def test_departures_are_found(asked: Asked) -> None:
    """As a server that leaves out fields and has an empty schema would answer."""
    base = "http://odd.example/"
    product = {
        "type": "Collection", "id": "p", "description": "d", "license": "x", "conformsTo": [],
        "links": [
            {"rel": "queryables", "href": base + "q"}, {"rel": "order-parameters", "href": base + "q"},
            {"rel": "opportunities", "href": base + "products/p/opportunities"},
        ],
    }  # fmt: skip
    pages: dict[str, Any] = {
        "/": {
            "id": "odd", "description": "", "conformsTo": ["https://stapi.example.com/v0.1.0/core"],
            "links": [{"rel": rel, "href": base + rel} for rel in ("products", "orders")],
        },
        "/products": {"products": [product], "links": []},
        "/q": {},
        "/orders": {"type": "FeatureCollection", "features": [], "links": []},
    }  # fmt: skip

    def answer(request: httpx.Request) -> httpx.Response:
        content = pages.get(request.url.path)
        return httpx.Response(404) if content is None else httpx.Response(200, json=content)

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        report = check_server(client, base, Asked(now=asked.now))
    failed = {finding.requirement: finding.detail for finding in report.findings if finding.outcome == "fail"}
    assert not report.conforms
    assert "stapi_version" in failed["every product has the fields that are required"]
    assert "links to conformance" in " ".join(failed)
    for name in ("queryables", "order-parameters"):
        assert f"{name} is a JSON Schema that is not empty" in failed
    assert "a product declares a class of geometry" in failed
    warned = [finding.requirement for finding in report.findings if finding.outcome == "warn"]
    assert "GET /orders has orders (the specification's text)" in warned
