"""The conformance suite: our server passes it, and every departure from the specification is caught."""

from __future__ import annotations

import copy
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest
from fastapi.testclient import TestClient

from comity.core import FixedClock
from comity.fleet import load_programme
from comity.server.app import create_app
from comity.server.conformance import Asked, Report, check_server
from comity.server.operator import open_operator
from comity.server.settings import Settings

ROOT = "http://testserver/stapi"
Key = tuple[str, str, bytes, str]
Recording = dict[Key, list[httpx.Response]]


@pytest.fixture(scope="module")
def asked() -> Asked:
    epoch = load_programme("joint-eo").epoch
    assert epoch is not None
    return Asked(now=epoch, days=2.0, product="hr-scene", order=True, wait_s=30.0)


class Replay(httpx.BaseTransport):
    """Answers as a server did; what was asked then is answered from the recording, in the same order."""

    def __init__(self, recording: Recording, live: TestClient | None = None) -> None:
        self._recording = recording
        self._live = live
        self._asked: dict[Key, int] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode()
        key = (request.method, path, request.content, request.headers.get("prefer", ""))
        if self._live is not None:
            kept = ("prefer", "content-type", "authorization")
            headers = {name: value for name, value in request.headers.items() if name in kept}
            answer = self._live.request(request.method, path, content=request.content, headers=headers)
            made = httpx.Response(
                answer.status_code, headers=list(answer.headers.items()), content=answer.content
            )
            self._recording.setdefault(key, []).append(made)
        found = self._recording.get(key)
        if found is None:
            return httpx.Response(404, json={"title": "Not found"})
        number = self._asked[key] = self._asked.get(key, -1) + 1
        kept_answer = found[min(number, len(found) - 1)]
        return httpx.Response(
            kept_answer.status_code, headers=kept_answer.headers, content=kept_answer.content
        )


@pytest.fixture(scope="module")
def recorded(
    loaded_database: Path, tmp_path_factory: pytest.TempPathFactory, asked: Asked
) -> tuple[Recording, Report]:
    """Our own server, asked everything once, and the report on it."""
    place = tmp_path_factory.mktemp("checked") / "checked.db"
    shutil.copy(loaded_database, place)
    settings = Settings(base_url="http://testserver", requests_per_minute=1e6, burst=1_000_000)
    made = open_operator(str(place), settings, delivery=place.parent, clock=FixedClock(asked.now))
    credential, _ = made.identity.make(
        kind="client", tenant="dj-environment", role="customer", by="tests", id="checker"
    )
    headers = {"Authorization": f"Bearer {made.identity.token_of(credential).access_token}"}
    recording: Recording = {}
    with (
        TestClient(create_app(made, settings)) as live,
        httpx.Client(transport=Replay(recording, live), headers=headers) as client,
    ):
        report = check_server(client, ROOT, asked)
    made.close()
    return recording, report


def test_our_server_keeps_every_requirement(recorded: tuple[Recording, Report]) -> None:
    report = recorded[1]
    missed = [finding for finding in report.findings if finding.outcome != "pass"]
    assert missed == []
    assert report.conforms and report.count("pass") > 80
    suite = ElementTree.fromstring(report.junit())
    assert suite.get("failures") == "0" and len(suite) == len(report.findings)


# -- one departure at a time -------------------------------------------------------------------------------

Change = Callable[[Any], Any]


def _at(path: str, change: Callable[[Any], object]) -> Change:
    """``change`` applied to every object at ``a/*/b``; * is every entry of a list."""

    def run(content: Any) -> Any:
        found = [content]
        for name in path.split("/") if path else []:
            found = [
                part
                for node in found
                for part in (node if name == "*" else [node[name]] if name in node else [])
            ]
        for node in found:
            change(node)
        return content

    return run


def _drop(path: str, *names: str) -> Change:
    return _at(path, lambda node: [node.pop(name, None) for name in names])


def _set(path: str, **values: Any) -> Change:
    return _at(path, lambda node: node.update(copy.deepcopy(values)))


def _rel(path: str, old: str, new: str) -> Change:
    """Links renamed."""

    def change(node: Any) -> None:
        for link in node.get("links", []):
            if link["rel"] == old:
                link["rel"] = new

    return _at(path, change)


def _twice(path: str) -> Change:
    return _at(path, lambda found: found.append(copy.deepcopy(found[0])) if found else None)


#: Method, path, Prefer → what is changed in the answer → part of the requirement that is then not kept.
GET_LANDING = ("GET", r"/stapi", "")
PRODUCTS = ("GET", r"/stapi/products(\?.*)?", "")
PRODUCT = ("GET", r"/stapi/products/hr-scene", "")
QUERYABLES = ("GET", r".*/queryables", "")
PARAMETERS = ("GET", r".*/order-parameters", "")
SEARCH = ("POST", r".*/opportunities", "wait")
LATER = ("POST", r".*/opportunities", "respond-async")
RECORD = ("GET", r"/stapi/searches/opportunities/[^/]+", "")
RECORDS = ("GET", r"/stapi/searches/opportunities(\?.*)?", "")
SEARCH_HISTORY = ("GET", r"/stapi/searches/.*/statuses", "")
ORDER = ("POST", r".*/orders", "")
ORDERS = ("GET", r"/stapi/orders(\?.*)?", "")
ONE_ORDER = ("GET", r"/stapi/orders/[^/]+", "")
ORDER_HISTORY = ("GET", r"/stapi/orders/.*/statuses", "")
Where = tuple[str, str, str]
LONG_AGO = "2020-01-01T00:00:00Z/2020-01-02T00:00:00Z"

DEPARTURES: list[tuple[Where, Change, str]] = [
    (GET_LANDING, _drop("", "id"), "is a landing page with id"),
    (GET_LANDING, _set("", conformsTo=["https://stapi.example.com/v0.2.0/core"]), "the class core of 0.1.0"),
    (GET_LANDING, _rel("", "orders", "order-list"), "links to orders"),
    (GET_LANDING, _rel("", "conformance", "conforms"), "links to conformance"),
    (GET_LANDING, _rel("", "service-desc", "service-description"), "links to service-desc"),
    (GET_LANDING, _rel("", "service-doc", "service-docs"), "links to service-doc"),
    (GET_LANDING, _rel("", "search-records", "opportunity-search-records"), "search-records is linked"),
    (GET_LANDING, _at("links/*", lambda link: link.update(method="PUT")), "name GET or POST"),
    (("GET", "/stapi/conformance", ""), _set("", conformsTo=[]), "GET /conformance says the same"),
    (PRODUCTS, _drop("products/*", "stapi_type", "stapi_version"), "every product has the fields"),
    (PRODUCTS, _set("products/*", type="Product"), "every product has the fields"),
    (PRODUCTS, _set("products/*", stapi_version="1.0.0"), "every product is of version"),
    (PRODUCTS, _twice("products"), "no product comes twice"),
    (PRODUCTS, _set("products/*", providers=[{"roles": ["seller"]}]), "providers have a name"),
    (PRODUCTS, _set("products/*", conformsTo=[]), "declares a class of geometry"),
    (PRODUCTS, _rel("products/*", "opportunities", "search"), "a link opportunities is there"),
    (PRODUCTS, _set("", products=[]), "GET /products has products"),
    (PRODUCTS, _set("", products="none"), "GET /products has products"),
    (PRODUCT, _set("", id="other"), "is the product of the list"),
    (QUERYABLES, _set("", properties={}), "queryables is a JSON Schema"),
    (QUERYABLES, _set("properties/gsd", type="float"), "queryables is a JSON Schema"),
    (PARAMETERS, _drop("", "properties"), "order-parameters is a JSON Schema"),
    (SEARCH, _set("", type="List"), "answered by a FeatureCollection"),
    (SEARCH, _drop("features/*", "stapi_type"), "every opportunity has the fields"),
    (SEARCH, _drop("features/*/properties", "product_id"), "every opportunity has the fields"),
    (SEARCH, _drop("features/*", "bbox"), "a geometry and a bbox"),
    (SEARCH, _set("features/*", bbox=[0, 0, 1, 1]), "a geometry in WGS-84"),
    (SEARCH, _set("features/*", geometry={"type": "Point", "coordinates": [11.6, 143.1]}), "in WGS-84"),
    (SEARCH, _set("features/*", geometry=None, bbox=None), "a geometry in WGS-84"),
    (SEARCH, _set("features/*/properties", datetime="2024-09-22T12:00:00Z"), "is in the interval"),
    (SEARCH, _set("features/*/properties", datetime=LONG_AGO), "is in the interval"),
    (SEARCH, _twice("features"), "no opportunity comes twice"),
    (SEARCH, _at("features/*/links/*", lambda link: link.pop("method")), "create-order is on"),
    (LATER, _drop("", "request"), "a search record has id"),
    (LATER, _set("request", datetime="2024-01-01T00:00:00Z/.."), "its request is what was asked"),
    (LATER, _rel("", "self", "here"), "a search record has id"),
    (LATER, _set("status", status_code="queued"), "a search record has id"),
    (LATER, _rel("", "monitor", "statuses"), "the search's history"),
    (RECORD, _set("", id="another"), "Location and the link self"),
    (RECORD, _rel("", "opportunities", "results"), "comes to an end"),
    (RECORDS, _set("", search_records=[]), "the list of searches"),
    (SEARCH_HISTORY, _at("statuses", lambda found: found.insert(0, found.pop())), "the search's history"),
    (SEARCH_HISTORY, _at("statuses/*", lambda each: each.update(timestamp="noon")), "the search's history"),
    (ORDER, _drop("", "stapi_version"), "an order has the fields"),
    (ORDER, _set("properties/status", status_code="pending"), "an order has the fields"),
    (ORDER, _set("properties", created="yesterday"), "an order has the fields"),
    (ORDER, _set("request", geometry={"type": "Point", "coordinates": [0, 0]}), "what was asked for"),
    (ORDER, _rel("", "monitor", "statuses"), "to its history"),
    (ORDER, _drop("", "request", "product_id"), "at its top"),
    (ONE_ORDER, _set("", id="another"), "Location leads to the order"),
    (ORDERS, _drop("", "orders"), "GET /orders has orders"),
    (ORDERS, _drop("", "features"), "GET /orders is a FeatureCollection"),
    (ORDERS, _set("", features=[], orders=[]), "GET /orders holds the order"),
    (ORDER_HISTORY, _set("", statuses=[]), "the order's history"),
    (ORDER_HISTORY, _at("statuses", lambda found: found.pop()), "the order's history"),
]  # fmt: skip

#: Answers whose status or headers change: requirement → where, what.
OF_ANSWERS: list[tuple[Where, dict[str, Any], str]] = [
    (GET_LANDING, {"content-type": "text/plain"}, "is application/json"),
    (SEARCH, {"preference-applied": ""}, "Preference-Applied says how"),
    (SEARCH, {"content-type": "text/html"}, "opportunities are application/geo+json"),
    (LATER, {"location": None}, "201 with Location"),
    (LATER, {"status": 202}, "201 with Location"),
    (ORDER, {"location": None}, "an order is answered 201"),
    (ORDER, {"status": 200}, "an order is answered 201"),
    (("GET", ".*no-such.*", ""), {"status": 200}, "a product that is not there"),
    (("GET", ".*no-such.*", ""), {"status": 500}, "an order that is not there"),
    (("GET", ".*[?&]limit=(0|-1)", ""), {"status": 200}, "limit=0 and limit=-1"),
]

#: Refusals that a careless server answers 200: part of the body → requirement.
CARELESS = {
    '"../.."': "the interval '../..' is refused",
    '"yesterday"': "the interval 'yesterday' is refused",
    "[0,91]": "a latitude of 91",
    "Blob": "a geometry of an unknown type",
    '"type":"Point"}': "a geometry without coordinates",
    "no_such_queryable": "no queryable is refused",
    "no_such_operator": "no CQL2 is refused",
    "no_such_parameter": "order parameters that their schema forbids",
    '"limit":0': "limit 0 is refused",
    "LineString": "a LineString is refused",
}


class Departing(Replay):
    """A recording with one departure."""

    def __init__(
        self,
        recording: Recording,
        where: Where,
        change: Change | None = None,
        answer: dict[str, Any] | None = None,
        body: str = "",
    ) -> None:
        super().__init__(recording)
        self._where, self._change, self._answer, self._body = where, change, answer or {}, body
        self.changed = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        found = super().handle_request(request)
        method, path, prefer = self._where
        here = request.method == method and re.fullmatch(path, request.url.raw_path.decode())
        fits = (
            here
            and prefer in ("", request.headers.get("prefer", ""))
            and self._body.encode() in request.content
        )
        if not fits or (self._change is not None and not found.is_success):
            return found
        self.changed += 1
        content = found.content if self._change is None else json.dumps(self._change(found.json())).encode()
        headers = {k: v for k, v in found.headers.items() if k != "content-length" and k not in self._answer}
        headers |= {k: v for k, v in self._answer.items() if k != "status" and v is not None}
        return httpx.Response(self._answer.get("status", found.status_code), headers=headers, content=content)


def run(recording: Recording, asked: Asked, transport: Departing) -> dict[str, str]:
    with httpx.Client(transport=transport) as client:
        report = check_server(client, ROOT, asked)
    assert transport.changed, "the departure was never met"
    return {f.requirement: f.detail for f in report.findings if f.outcome in ("fail", "warn")}


def cases() -> Iterator[tuple[Where, Change | None, dict[str, Any] | None, str, str]]:
    for where, change, wanted in DEPARTURES:
        if wanted:
            yield where, change, None, "", wanted
    for where, answer, wanted in OF_ANSWERS:
        yield where, None, answer, "", wanted
    for body, wanted in CARELESS.items():
        yield ("POST", ".*", ""), None, {"status": 201 if "parameter" in body else 200}, body, wanted


def test_every_departure_is_caught(recorded: tuple[Recording, Report], asked: Asked) -> None:
    quick = Asked(now=asked.now, days=2.0, product="hr-scene", order=True, wait_s=0.0)
    missed = []
    count = 0
    for where, change, answer, body, wanted in cases():
        count += 1
        found = run(recorded[0], quick, Departing(recorded[0], where, change, answer, body))
        if not any(wanted in requirement for requirement in found):
            missed.append((where, wanted, sorted(found)))
    assert missed == []
    assert count > 60
