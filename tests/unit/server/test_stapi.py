"""STAPI over the wire: what customers are told, and what becomes of what they send."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import stapi_pydantic as stapi
from fastapi import FastAPI
from fastapi.testclient import TestClient

from comity.server.stapi.paging import token as token_of

Headers = dict[str, dict[str, str]]

ROOT = "/stapi"
DJIBOUTI = {"type": "Point", "coordinates": [43.145, 11.588]}


@pytest.fixture
def week(operator: Any) -> str:
    now = operator.now()
    return f"{now.iso(0)}/{(now + 7 * 86_400).iso(0)}"


def rels(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {link["rel"]: link for link in document["links"]}


def test_from_the_landing_page_to_an_order(client: TestClient, token: Headers, week: str) -> None:
    me = token["customer"]
    landing = client.get(ROOT).json()
    stapi.RootResponse.model_validate(landing)
    found = rels(landing)
    for rel in ("service-desc", "conformance", "products", "orders", "search-records", "create-order"):
        assert rel in found
    assert client.get(found["service-desc"]["href"]).status_code == 200
    assert "/stapi/products/{product_id}/orders" in client.get(found["service-doc"]["href"]).text
    products = client.get(found["products"]["href"], headers=me).json()
    assert {p.id for p in stapi.ProductsCollection.model_validate(products).products} >= {
        "hr-scene",
        "hr-area",
    }
    product = client.get(f"{ROOT}/products/hr-scene", headers=me).json()
    links = rels(product)
    assert client.get(links["queryables"]["href"], headers=me).json()["properties"]["gsd"]["type"] == "number"
    assert client.get(links["order-parameters"]["href"], headers=me).json()["properties"]
    body = {"datetime": week, "geometry": DJIBOUTI}
    answer = client.post(links["opportunities"]["href"], json=body, headers=me)
    assert answer.status_code == 200, answer.text
    assert answer.headers["preference-applied"] == "wait"
    assert answer.headers["content-type"] == "application/geo+json"
    opportunities = answer.json()
    parsed = stapi.OpportunityCollection[Any, stapi.OpportunityProperties].model_validate(opportunities)
    assert len(parsed.features) == 10 and opportunities["numberMatched"] > 10
    starts = [feature["properties"]["datetime"] for feature in opportunities["features"]]
    assert starts == sorted(starts)
    for feature in opportunities["features"]:
        assert (feature["stapi_type"], feature["stapi_version"]) == ("Opportunity", "0.1.0")
        west, south, east, north = feature["bbox"]
        assert west < 43.145 < east and south < 11.588 < north
    # The opportunity itself can be ordered by its own link, and comes to the same pass.
    one = rels(opportunities["features"][3])["create-order"]
    placed = client.request(one["method"], one["href"], json=one["body"], headers=me)
    assert placed.status_code == 201, placed.text
    order = placed.json()
    stapi.Order[stapi.OrderStatus].model_validate(order)
    assert placed.headers["location"] == rels(order)["self"]["href"]
    assert order["status"]["status_code"] == "accepted"
    assert order["request"]["datetime"] == one["body"]["datetime"]
    assert (order["product_id"], order["user"], order["stapi_type"]) == (
        "hr-scene",
        "dj-environment",
        "Order",
    )
    listed = client.get(found["orders"]["href"], headers=me).json()
    stapi.OrderCollection[stapi.OrderStatus].model_validate(listed)
    assert [o["id"] for o in listed["orders"]] == [o["id"] for o in listed["features"]] == [order["id"]]
    history = client.get(rels(order)["monitor"]["href"], headers=me).json()
    assert [s["status_code"] for s in history["statuses"]] == ["received", "accepted"]


def test_pages_hold_every_opportunity_once(client: TestClient, token: Headers, week: str) -> None:
    me = token["customer"]
    url = f"{ROOT}/products/hr-scene/opportunities"
    body: dict[str, Any] = {"datetime": week.split("/")[0] + "/..", "geometry": DJIBOUTI, "limit": 1000}
    whole = client.post(url, json=body, headers=me).json()
    assert "next" not in rels(whole)
    ids: list[str] = []
    step = {"href": url, "body": {**body, "limit": 13}}
    while step:
        page = client.post(step["href"], json=step["body"], headers=me).json()
        ids += [feature["id"] for feature in page["features"]]
        step = rels(page).get("next")
    assert ids == [feature["id"] for feature in whole["features"]]
    assert len(ids) == len(set(ids)) == whole["numberMatched"]
    back = rels(page)["prev"]
    before = client.post(back["href"], json=back["body"], headers=me).json()
    assert [feature["id"] for feature in before["features"]] == ids[
        -len(page["features"]) - 13 : -len(page["features"])
    ]
    begin = rels(page)["first"]
    assert client.post(begin["href"], json=begin["body"], headers=me).json()["features"][0]["id"] == ids[0]
    other = {**body, "geometry": {"type": "Point", "coordinates": [40, 10]}}
    first = client.post(url, json={**body, "limit": 1}, headers=me).json()
    stolen = client.post(url, json={**other, "next": rels(first)["next"]["body"]["next"]}, headers=me)
    assert stolen.status_code == 400


def test_an_area_is_searched_later_and_the_answer_kept(
    app: FastAPI, client: TestClient, token: Headers, week: str
) -> None:
    me = token["customer"]
    area = {
        "type": "Polygon",
        "coordinates": [[[42.8, 11.4], [43.2, 11.4], [43.2, 11.8], [42.8, 11.8], [42.8, 11.4]]],
    }
    body = {"datetime": "../" + week.split("/")[1], "geometry": area}
    url = f"{ROOT}/products/hr-area/opportunities"
    answer = client.post(url, json=body, headers={**me, "Prefer": "respond-async"})
    assert (answer.status_code, answer.headers["preference-applied"]) == (201, "respond-async")
    record = answer.json()
    stapi.OpportunitySearchRecord.model_validate(record)
    assert record["request"] == body
    here = answer.headers["location"]
    assert record["status"]["status_code"] == "received"
    assert client.get(f"{url}/{record['id']}", headers=me).status_code == 409
    app.state.background.worker.run_all()
    record = client.get(here, headers=me).json()
    assert record["status"]["status_code"] == "completed", record
    history = client.get(rels(record)["monitor"]["href"], headers=me).json()["statuses"]
    assert [s["status_code"] for s in history] == ["received", "in_progress", "completed"]
    kept = client.get(rels(record)["opportunities"]["href"], headers=me, params={"limit": 1000}).json()
    at_once = client.post(url, json={**body, "limit": 1000}, headers=me).json()
    assert kept["id"] == record["id"]
    assert [f["id"] for f in kept["features"]] == [f["id"] for f in at_once["features"]] != []
    assert client.get(here, headers=token["other_customer"]).status_code == 404
    records = client.get(f"{ROOT}/searches/opportunities", headers=me).json()
    stapi.OpportunitySearchRecords.model_validate(records)
    assert [r["id"] for r in records["search_records"]] == [record["id"]]
    assert client.post(rels(record)["self"]["href"] + "/cancel", headers=me).status_code == 409


FILTERS = [
    ({"op": "<=", "args": [{"property": "view:off_nadir"}, 15]}, lambda p: p["view:off_nadir"] <= 15),
    (
        {"op": "=", "args": [{"property": "sat:orbit_state"}, "ascending"]},
        lambda p: p["sat:orbit_state"] == "ascending",
    ),
    (
        {
            "op": "or",
            "args": [
                {"op": "in", "args": [{"property": "platform"}, ["gaofen-1-02", "gaofen-1-03"]]},
                {"op": "not", "args": [{"op": "like", "args": [{"property": "platform"}, "gao%"]}]},
            ],
        },
        lambda p: p["platform"] in ("gaofen-1-02", "gaofen-1-03") or not p["platform"].startswith("gao"),
    ),
    (
        {
            "op": "and",
            "args": [
                {"op": ">", "args": [{"property": "view:sun_elevation"}, 55]},
                {"op": "between", "args": [{"property": "gsd"}, 2, 2.5]},
                {"op": "<=", "args": [{"property": "eo:cloud_cover"}, 40]},
            ],
        },
        lambda p: p["view:sun_elevation"] > 55 and 2 <= p["gsd"] <= 2.5,
    ),
]  # fmt: skip


def test_a_filter_keeps_what_it_says(client: TestClient, token: Headers, week: str) -> None:
    url, me = f"{ROOT}/products/hr-scene/opportunities", token["customer"]
    body = {"datetime": week, "geometry": DJIBOUTI, "limit": 1000}
    every = client.post(url, json=body, headers=me).json()["features"]
    for filter, holds in FILTERS:
        kept = client.post(url, json={**body, "filter": filter}, headers=me).json()["features"]
        assert 0 < len(kept) < len(every), filter
        assert [f["id"] for f in kept] == [f["id"] for f in every if holds(f["properties"])]


BAD: list[tuple[dict[str, Any], str]] = [
    ({"datetime": "../.."}, "body.datetime"),
    ({"datetime": "2024-01-01/2024-01-02"}, "body.datetime"),
    ({"datetime": "2027-01-02T00:00:00Z/2027-01-01T00:00:00Z"}, "body.datetime"),
    ({"datetime": "2000-01-02T00:00:00Z/2000-02-01T00:00:00Z"}, "body.datetime"),
    ({"datetime": "2026-01-01T00:00:00Z/2076-01-01T00:00:00Z"}, "body.datetime"),
    ({"geometry": {"type": "LineString", "coordinates": [[0, 0], [1, 1]]}}, "body.geometry.type"),
    ({"geometry": {"type": "Point", "coordinates": [43, 91]}}, "body.geometry.coordinates"),
    ({"geometry": {"type": "Point"}}, "body.geometry.coordinates"),
    ({"geometry": {"type": "MultiPoint", "coordinates": []}}, "body.geometry.coordinates"),
    (
        {"geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}},
        "body.geometry.coordinates",
    ),
    ({"geometry": {"type": "Polygon", "coordinates": [[[0.0, 0.0]] * 100_000]}}, "body.geometry.coordinates"),
    ({"filter": {"op": "=", "args": [{"property": "colour"}, "red"]}}, "body.filter.args.0"),
    ({"filter": {"op": "<=", "args": [{"property": "gsd"}, "fine"]}}, "body.filter.args.1"),
    ({"filter": {"op": "=", "args": [{"property": "platform"}, "sputnik"]}}, "body.filter.args.1"),
    ({"filter": {"op": ">=", "args": [{"property": "eo:cloud_cover"}, 5]}}, "body.filter"),
    ({"filter": {"op": "s_intersects", "args": [{"property": "gsd"}, 1]}}, "body.filter"),
    ({"filter": {"op": "frobnicate"}}, "body.filter"),
    ({"limit": 0}, "body.limit"),
    ({"limit": 1001}, "body.limit"),
    ({"next": "bm9wZQ"}, "body.next"),
    ({"colour": "red"}, "body.colour"),
]  # fmt: skip


def test_bad_input_is_told_by_field(client: TestClient, token: Headers, week: str) -> None:
    for wrong, field in BAD:
        body = {"datetime": week, "geometry": DJIBOUTI, **wrong}
        answer = client.post(f"{ROOT}/products/hr-area/opportunities", json=body, headers=token["customer"])
        assert answer.status_code == 400, (wrong, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        assert field in [error["field"] for error in answer.json()["errors"]], answer.text
        assert len(answer.text) < 2500


def test_places_at_the_edges_of_the_map(client: TestClient, token: Headers, week: str) -> None:
    over = {"type": "Polygon", "coordinates": [[[179, -17], [181, -17], [181, -16], [179, -16], [179, -17]]]}
    found = client.post(
        f"{ROOT}/products/mr-area/opportunities",
        json={"datetime": week, "geometry": over},
        headers=token["operator"],
    ).json()["features"]
    assert any(f["bbox"][0] > f["bbox"][2] for f in found), "none reaches over the antimeridian"
    for lat in (90, -90):
        pole = {"type": "Point", "coordinates": [0, lat]}
        answer = client.post(
            f"{ROOT}/products/hr-scene/opportunities",
            json={"datetime": week, "geometry": pole},
            headers=token["operator"],
        )
        assert answer.status_code == 200


def test_a_quote_binds_its_price_and_its_words(client: TestClient, token: Headers, week: str) -> None:
    me, url = token["customer"], f"{ROOT}/products/hr-scene/quotes"
    body = {"datetime": week, "geometry": DJIBOUTI}
    key = {"Idempotency-Key": "q-1"}
    answer = client.post(url, json=body, headers={**me, **key})
    assert answer.status_code == 201, answer.text
    quote = answer.json()
    assert quote["orderable"] and float(quote["total"]["amount"]) > 0
    assert client.post(url, json=body, headers={**me, **key}).json()["id"] == quote["id"]
    order = rels(quote)["create-order"]
    elsewhere = {**order["body"], "geometry": {"type": "Point", "coordinates": [30, 10]}}
    refused = client.post(order["href"], json=elsewhere, headers=me)
    assert refused.status_code == 400 and refused.json()["errors"][0]["field"] == "body.geometry"
    assert client.post(order["href"], json=order["body"], headers=token["other_customer"]).status_code == 404
    assert client.get(rels(quote)["self"]["href"], headers=token["other_customer"]).status_code == 404
    placed = client.post(order["href"], json=order["body"], headers=me)
    assert placed.status_code == 201 and rels(placed.json())["quote"]["href"] == rels(quote)["self"]["href"]
    assert client.post(order["href"], json=order["body"], headers=me).status_code == 409


def test_an_order_is_placed_once_cancelled_once_and_explained(
    client: TestClient, token: Headers, week: str
) -> None:
    me, url = token["customer"], f"{ROOT}/products/hr-scene/orders"
    body = {"datetime": week, "geometry": DJIBOUTI, "order_parameters": {"reference": "job 7"}}
    dear = {**body, "order_parameters": {"max_price": 0.01}}
    refused = client.post(url, json=dear, headers=me)
    assert refused.json()["errors"][0]["field"] == "body.order_parameters.max_price"
    only = {**body, "filter": {"op": "=", "args": [{"property": "platform"}, "gaofen-1-02"]}}
    assert client.post(url, json=only, headers=me).json()["errors"][0]["field"] == "body.filter"
    key = {"Idempotency-Key": "o-1"}
    first = client.post(url, json=body, headers={**me, **key}).json()
    again = client.post(url, json=body, headers={**me, **key}).json()
    assert first["id"] == again["id"] and first["properties"]["order_parameters"] == {"reference": "job 7"}
    assert len(client.get(f"{ROOT}/orders", headers=me).json()["orders"]) == 1
    assert client.get(f"{ROOT}/orders", headers=token["other_customer"]).json()["orders"] == []
    links = rels(first)
    for rel in ("self", "monitor", "reasons"):
        assert client.get(links[rel]["href"], headers=token["other_customer"]).status_code == 404
    assert client.post(links["cancel"]["href"], headers=token["other_customer"]).status_code == 404
    reasons = client.get(links["reasons"]["href"], headers=me).json()
    assert [task["state"] for task in reasons["tasks"]] == ["open"]
    cancelled = client.post(links["cancel"]["href"], json={"reason": "rain"}, headers=me).json()
    assert cancelled["status"]["status_code"] == "user_cancelled"
    assert cancelled["status"]["reason_text"] == "rain"
    assert client.post(links["cancel"]["href"], headers=me).status_code == 409


def test_orders_are_paged_both_ways_and_by_product(
    client: TestClient, operator: Any, token: Headers, week: str
) -> None:
    me, wanted = token["customer"], {"datetime": week, "geometry": DJIBOUTI}
    first = client.post(f"{ROOT}/products/hr-scene/orders", json=wanted, headers=me).json()["id"]
    with operator.store.begin() as work:  # copies: what is asked here is how they are listed
        order, request = work.orders.get(first), work.requests.get(work.orders.get(first).request)
        other = replace(request, id="request-x", product=operator.programme.product("hr-area"))
        work.requests.put(other)
        work.orders.put(replace(order, id="x-0", request=other.id))
        for number in range(1, 5):
            work.orders.put(replace(order, id=f"x-{number}"))
    newest = ["x-4", "x-3", "x-2", "x-1", "x-0", first]

    def walked(url: str, rel: str) -> tuple[list[str], str]:
        ids: list[str] = []
        while url:
            page = client.get(url, headers=token["operator"]).json()
            ids += [order["id"] for order in page["orders"]]
            last, url = url, rels(page).get(rel, {}).get("href", "")
        return ids, last

    url = f"{ROOT}/orders?limit=2&customer=dj-environment"
    ids, last = walked(url, "next")
    assert ids == newest
    assert "customer=dj-environment" in last
    back, begin = walked(last, "prev")
    assert back == ["x-0", first, "x-2", "x-1", "x-4", "x-3"]
    assert "next" in rels(client.get(begin, headers=token["operator"]).json())
    assert walked(f"{ROOT}/products/hr-scene/orders?limit=2", "next")[0] == [*newest[:4], first]
    assert walked(f"{ROOT}/products/hr-area/orders?limit=2", "next")[0] == ["x-0"]
    assert client.get(f"{ROOT}/orders?next=e30", headers=me).status_code == 400
    for name in ("before", "after"):  # what another tenant has is told apart from what nobody has by no token
        theirs, nobodys = (
            client.get(f"{ROOT}/orders?next={token_of(**{name: id})}", headers=token["other_customer"])
            for id in (first, "x-none")
        )
        assert theirs.status_code == nobodys.status_code == 400, theirs.text


def test_what_the_licence_refuses_is_no_opportunity(client: TestClient, token: Headers, week: str) -> None:
    """Who may not order is not shown; nobody asks in another's name but the operator."""
    body = {"datetime": week, "geometry": DJIBOUTI, "limit": 1000}
    url = f"{ROOT}/products/hr-scene/opportunities"
    own = client.post(url, json=body, headers=token["customer"]).json()["numberMatched"]
    every = client.post(url, json=body, headers=token["operator"]).json()["numberMatched"]
    assert 0 < own <= every
    assert client.post(url, json=body, headers=token["partner"]).status_code == 403
    assert client.post(url, json=body).status_code == 401
    foreign = f"{url}?customer=dj-environment"
    assert client.post(foreign, json=body, headers=token["other_customer"]).status_code == 403
    assert client.post(foreign, json=body, headers=token["operator"]).json()["numberMatched"] == own
