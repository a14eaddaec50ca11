"""The archive for sale: who sees what of it, what it costs, how it is delivered, and who is told of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from io import BytesIO

import pystac
import pytest
from PIL import Image
from shapely.geometry import box, mapping, shape

from comity.access import Look
from comity.core import Interval
from comity.fleet import point_target
from comity.operations import (
    Activity,
    ItemRecord,
    Order,
    OrderStatus,
    add_request,
    judge_items,
    offered_items,
)
from comity.operations.archive_sales import list_for_sale
from comity.operations.archiving import index_deliveries, rebuild_index
from comity.operations.oversight import Withheld
from comity.server.operator import Operator

DAY = 86_400.0
MARK = "Aldebaran-quay"


@dataclass
class Taken:
    """An image that was taken long ago, and its names."""

    activity: str
    order: str
    footprint: object


def take(
    operator: Operator, number: int, *, craft: str, customer: str, west: float, days_ago: float = 60.0,
    state: str = "accepted", product: str = "hr-scene",
) -> Taken:  # fmt: skip
    """An acquisition of 0.1° that was made, delivered cut to what was asked for, and judged."""
    programme, now = operator.programme, operator.now()
    spacecraft = programme.craft(craft)
    at = now + -days_ago * DAY
    footprint = box(west, 11.4, west + 0.1, 11.5)
    asked = add_request(
        operator.store, customer=customer, product=product,
        targets=[point_target(west + 0.05, 11.45, MARK)], interval=Interval(at, now + DAY), now=at,
        id=f"request-t{number}",
    )  # fmt: skip
    order, activity = f"order-t{number}", f"plan-0001-a{number:03d}"
    path = f"stac/{order}/{activity}/{activity}.json"
    document = {
        "type": "Feature", "stac_version": "1.1.0", "stac_extensions": [], "id": activity,
        "geometry": mapping(box(west + 0.02, 11.42, west + 0.03, 11.43)),
        "bbox": [west + 0.02, 11.42, west + 0.03, 11.43], "links": [], "assets": {},
        "properties": {
            "datetime": (at + 1).iso(), "start_datetime": at.iso(), "end_datetime": (at + 2).iso(),
            "platform": spacecraft.name, "gsd": 2.0, "comity:order": order, "comity:target": MARK,
            "comity:seed": 3, "eo:cloud_cover": 10.0, "comity:native_gsd_m": 2.6,
            "comity:simulated": True, "comity:cloud_source": "test", "title": MARK,
        },
    }  # fmt: skip
    home = operator.delivery / path
    home.parent.mkdir(parents=True)
    home.write_text(json.dumps(document))
    with operator.store.begin() as work:
        work.orders.put(
            Order(id=order, request=asked.id, quote="q", customer=customer, product=product, created=at,
                  statuses=(OrderStatus(at=at, code="completed"),))
        )  # fmt: skip
        work.activities.put(
            Activity(
                id=activity, plan="plan-0001", kind="acquisition", spacecraft=craft,
                interval=Interval(at, at + 2), state="done", bits=8e9,
                instrument=spacecraft.instruments[0].id, order=order, task=f"{order}/1",
                look=Look(at=at, off_nadir_deg=9.0, roll_deg=9.0, pitch_deg=0.0, incidence_deg=10.0,
                          range_m=5e5, gsd_m=2.6, sun_elevation_deg=50.0, sun_azimuth_deg=120.0,
                          view_azimuth_deg=280.0, direction=(0.0, 0.0, -1.0), inertial=(0.0, 0.0, -1.0)),
                footprint=footprint, received_by="moscow", cloud=0.1, cloud_source="test", simulated=True,
                elements_source="test", elements_epoch=at,
            )
        )  # fmt: skip
        work.items.put(
            ItemRecord(
                id=f"item-{activity}", activity=activity, order=order, task=f"{order}/1", target=MARK,
                path=path, image="", quicklook="", cloud=0.1, native_gsd_m=2.0, delivered_gsd_m=2.0,
                pixel_m=2.0, area_part=1.0, delivered=at, state=state,  # type: ignore[arg-type]
            )
        )  # fmt: skip
    return Taken(activity=activity, order=order, footprint=footprint)


@pytest.fixture
def taken(operator: Operator) -> Operator:
    """One image that may be sold, by its owner and to most; others that may not, for one reason each."""
    west = 42.5
    take(operator, 1, craft="zorkiy-2m-1", customer="dj-environment", west=west)
    take(operator, 2, craft="zorkiy-2m-1", customer="dj-environment", west=west, days_ago=3.0)
    take(operator, 3, craft="zorkiy-2m-1", customer="dj-environment", west=west, state="refused")
    # of this product its owner sells none
    take(operator, 4, craft="zorkiy-2m-1", customer="dj-environment", west=west, product="vhr-scene")
    take(operator, 5, craft="zorkiy-2m-2", customer="dj-environment", west=west)
    with operator.store.begin() as work:
        at = work.activities.get("plan-0001-a005").interval
        work.withheld.put(
            Withheld(id="withheld-t", partner="sputnix", kind="spacecraft", asset="zorkiy-2m-2",
                     interval=Interval(at.start + -60, at.end + 60), reason="own", created=at.start, by="x")
        )  # fmt: skip
        index_deliveries(work, operator.delivery, [])
    return operator


def found(client, headers, **search) -> list[dict]:
    answer = client.post("/archive/search", json=search, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()["features"]


def test_only_what_may_be_sold_is_for_sale_and_it_tells_nothing_of_whom_it_was_for(
    client, token, taken: Operator
) -> None:
    assert found(client, token["other_customer"]) == []  # nothing is listed yet
    assert list_for_sale(taken.store, now=taken.now()) == 1
    assert list_for_sale(taken.store, now=taken.now()) == 0
    (item,) = found(client, token["other_customer"], bbox=[42, 11, 43, 12])
    assert item["collection"] == "hr-scene" and item["properties"]["order:status"] == "orderable"
    assert shape(item["geometry"]).equals(box(42.5, 11.4, 42.6, 11.5)), "the whole image, not the cut"
    for secret in (MARK, "order-t", "request-t", "plan-0001", "item-", "dj-environment", "recipe"):
        assert secret not in json.dumps(item), secret
    assert item["properties"]["comity:price"] == {
        "amount": "325", "currency": "EUR", "unit": "scene", "minimum": "325",
    }  # fmt: skip
    pystac.Item.from_dict(item)
    # the one who had it taken has it; a partner buys nothing; the operator's people see it
    assert found(client, token["customer"]) == [] == found(client, token["partner"])
    assert [one["id"] for one in found(client, token["operator"])] == [item["id"]]
    # it is in nobody's own archive, and keeps its name when the index is made anew
    for who in ("operator", "other_customer"):
        own = client.get("/stac/search?limit=100", headers=token[who]).json()["features"]
        assert item["id"] not in [one["id"] for one in own]
    assert (
        client.get(f"/stac/collections/hr-scene/items/{item['id']}", headers=token["operator"]).status_code
        == 404
    )
    rebuild_index(taken.store, taken.delivery, now=taken.now())
    assert [one["id"] for one in found(client, token["other_customer"])] == [item["id"]]
    collection = client.get("/archive/collections/hr-scene", headers=token["other_customer"]).json()
    assert collection["extent"]["spatial"]["bbox"] == [[42.5, 11.4, 42.6, 11.5]]
    picture = client.get(item["assets"]["thumbnail"]["href"], headers=token["other_customer"])
    assert picture.status_code == 200
    with Image.open(BytesIO(picture.content)) as shown:
        assert 16 < max(shown.size) <= 256
    assert client.get(item["assets"]["thumbnail"]["href"], headers=token["customer"]).status_code == 404
    with taken.store.begin() as work:  # terms are those of the programme as it is now
        programme = taken.programme
        text = programme.text.replace('id = "dj-environment"\n', 'id = "dj-environment"\nexclusive = true\n')
        from comity.fleet import programme_from_text

        work.set_programme(programme_from_text(text, elements=programme.elements, requests=False))
    taken.programmes.forget()
    assert found(client, token["other_customer"]) == []


def test_a_licence_keeps_an_image_from_a_customer_and_says_which(client, token, operator: Operator) -> None:
    take(operator, 1, craft="gaofen-1", customer="port-logistics", west=39.0)  # Ethiopia, by a Chinese craft
    with operator.store.begin() as work:
        index_deliveries(work, operator.delivery, [])
    list_for_sale(operator.store, now=operator.now())
    (item,) = found(client, token["operator"])
    assert found(client, token["customer"]) == []
    here = f"/archive/collections/hr-scene/items/{item['id']}"
    for answer in (
        client.get(here, headers=token["customer"]),
        client.post(f"{here}/quotes", headers=token["customer"]),
        client.post(f"{here}/orders", headers=token["customer"]),
    ):
        assert answer.status_code == 403 and "cnsa-third-state" in answer.json()["detail"]


def test_an_order_of_the_archive_goes_the_road_of_every_order(client, token, app, taken: Operator) -> None:
    list_for_sale(taken.store, now=taken.now())
    me = token["other_customer"]
    (item,) = found(client, me)
    here = f"/archive/collections/hr-scene/items/{item['id']}"
    wanted = {"geometry": mapping(box(42.52, 11.42, 42.53, 11.43))}
    beside = client.post(f"{here}/quotes", headers=me, json={"geometry": mapping(box(0, 0, 1, 1))})
    assert beside.status_code == 400 and beside.json()["errors"][0]["field"] == "body.geometry"
    quote = client.post(f"{here}/quotes", headers={**me, "Idempotency-Key": "q"}, json=wanted).json()
    again = client.post(f"{here}/quotes", headers={**me, "Idempotency-Key": "q"}, json=wanted).json()
    assert again["id"] == quote["id"] and quote["total"]["currency"] == "USD"
    assert Decimal(quote["total"]["amount"]) == Decimal("362.90")  # 325 EUR at 1.1166
    dear = client.post(f"{here}/orders", headers=me, json={"quote": quote["id"], "max_price": 10})
    assert dear.status_code == 400 and dear.json()["errors"][0]["field"] == "body.max_price"
    assert (
        client.post(f"{here}/orders", headers=token["customer"], json={"quote": quote["id"]}).status_code
        == 404
    )
    body = {"quote": quote["id"], "reference": "PO-7"}
    order = client.post(f"{here}/orders", headers={**me, "Idempotency-Key": "o"}, json=body).json()
    assert order["properties"]["order_parameters"] == {"reference": "PO-7"}
    assert client.post(f"{here}/orders", headers=me, json=body).status_code == 409  # ordered before
    assert client.get(f"/stapi/orders/{order['id']}", headers=token["customer"]).status_code == 404
    app.state.background.worker.run_all()
    app.state.background.worker.run_all()  # and nothing twice
    history = client.get(f"/stapi/orders/{order['id']}/statuses", headers=me).json()["statuses"]
    assert [one["status_code"] for one in history] == ["received", "accepted", "processing"]
    (mine,) = client.get("/stac/search", headers=me).json()["features"]
    assert (
        mine["properties"]["comity:order"] == order["id"] and mine["properties"]["comity:state"] == "offered"
    )
    assert shape(mine["geometry"]).difference(box(42.5199, 11.4199, 42.5301, 11.4301)).is_empty
    (told,) = client.get("/items", headers=me).json()["items"]
    assert client.get(told["item"], headers=me).json()["id"] == mine["id"], "where its Item is"
    for secret in (MARK, "order-t", "plan-0001", "dj-environment"):
        assert secret not in json.dumps([mine, told]), secret
    judge_items(taken.store, offered_items(taken.store, order=order["id"]), now=taken.now())
    with taken.store.read() as work:
        assert work.orders.get(order["id"]).status == "completed"
        split = next(t for t in work.ledger() if t.kind == "split")
        shares = {p.account: p.amount for p in split.postings}
    # sputnix owns the spacecraft, roscosmos the station: 70 and 20 of 100 parts
    assert shares["partner:sputnix"] == Decimal("-254.03") and shares["partner:roscosmos"] == Decimal(
        "-72.58"
    )
    list_for_sale(taken.store, now=taken.now() + 90 * DAY)
    assert [one["id"] for one in found(client, token["operator"])] == [item["id"]], (
        "what was bought is not resold"
    )


def test_what_is_refused_or_cancelled_is_credited(client, token, app, taken: Operator) -> None:
    list_for_sale(taken.store, now=taken.now())
    me = token["other_customer"]
    here = f"/archive/collections/hr-scene/items/{found(client, me)[0]['id']}"
    small = {"geometry": mapping(box(42.52, 11.42, 42.525, 11.425))}
    quotes = [client.post(f"{here}/quotes", headers=me, json=small).json()["id"] for _ in range(2)]
    orders = [client.post(f"{here}/orders", headers=me, json={"quote": one}).json()["id"] for one in quotes]
    assert client.post(f"/stapi/orders/{orders[0]}/cancel", headers=me).json()["status"]["status_code"] == (
        "user_cancelled"
    )
    app.state.background.worker.run_all()
    items = offered_items(taken.store)
    assert [one.order for one in items] == [orders[1]]
    judged = judge_items(taken.store, items, now=taken.now(), refuse="not what I expected")
    assert judged.retried == ()
    with taken.store.read() as work:
        assert work.orders.get(orders[1]).status == "failed"
        for order in orders:
            billing = work.billings.get(order)
            assert not billing.invoices and len(billing.credit_notes) == 1
        kinds = [t.kind for t in work.ledger()]
    assert "invoice" not in kinds


def test_a_saved_search_is_told_once_of_what_comes(client, token, taken: Operator) -> None:
    me, other = token["other_customer"], token["customer"]
    asked = {"title": "coast", "search": {
        "bbox": [42, 11, 43, 12], "collections": ["hr-scene"],
        "filter": {"op": "<", "args": [{"property": "eo:cloud_cover"}, 20]},
    }}  # fmt: skip
    saved = client.post("/stac/saved-searches", json=asked, headers=me).json()
    dry = {"search": {"filter": {"op": "<", "args": [{"property": "eo:cloud_cover"}, 5]}}}
    none = client.post("/stac/saved-searches", json=dry, headers=me).json()
    paused = client.post("/stac/saved-searches", json=asked, headers=me).json()
    client.post(f"/stac/saved-searches/{paused['id']}/pause", headers=me)
    own = client.post("/stac/saved-searches", json={**asked, "over": ["delivered"]}, headers=other).json()
    list_for_sale(taken.store, now=taken.now())
    list_for_sale(taken.store, now=taken.now())

    def matches(id: str, headers) -> list[dict]:
        answer = client.get(f"/stac/saved-searches/{id}/matches", headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()["matches"]

    (match,) = matches(saved["id"], me)
    assert match["over"] == "for-sale"
    assert client.get(match["links"][0]["href"], headers=me).status_code == 200
    assert matches(none["id"], me) == [] == matches(paused["id"], me) == matches(own["id"], other)
    take(taken, 7, craft="zorkiy-2m-1", customer="dj-environment", west=42.7, state="offered")
    with taken.store.begin() as work:
        index_deliveries(work, taken.delivery, [])
        index_deliveries(work, taken.delivery, [])
    rebuild_index(taken.store, taken.delivery, now=taken.now())
    assert [one["item"] for one in matches(own["id"], other)] == ["plan-0001-a007"]
    assert len(matches(saved["id"], me)) == 1
    with taken.sql.begin() as work:
        told = [event for _, event in work.events.after(0) if event.kind == "search.match"]
    assert [(event.tenant, event.data["search"]) for event in told] == [
        ("port-logistics", saved["id"]), ("dj-environment", own["id"]),
    ]  # fmt: skip
    # another's is unknown, whatever is done to it
    for verb, path in (
        ("get", ""),
        ("get", "/matches"),
        ("delete", ""),
        ("post", "/pause"),
        ("post", "/resume"),
    ):
        answer = client.request(verb, f"/stac/saved-searches/{saved['id']}{path}", headers=other)
        assert answer.status_code == 404, path
    assert client.delete(f"/stac/saved-searches/{saved['id']}", headers=me).status_code == 204
    assert saved["id"] not in client.get("/stac/saved-searches", headers=me).text
    bad = client.post("/stac/saved-searches", json={"search": {"bbox": [0, 0, 1]}}, headers=me)
    assert bad.status_code == 400 and bad.json()["errors"][0]["field"] == "body.bbox"
    assert client.post("/stac/saved-searches", json=asked, headers=token["partner"]).status_code == 403
