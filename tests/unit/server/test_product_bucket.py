"""Servers with a bucket between them: what one made, all show; while it is away, nothing is lost."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from comity.core import FixedClock
from comity.operations import ObjectStoreError, judge_items, offered_items, product_bucket, worker
from comity.operations.archive_sales import list_for_sale
from comity.operations.archiving import index_deliveries
from comity.server import health
from comity.server.app import create_app
from comity.server.operator import Operator, open_operator
from comity.server.settings import Settings
from comity.stores import Objects, object_store
from unit.server.test_archive_sales import found, take
from unit.stores.s3_server import Server, server

BASE = "http://testserver"
AREA = [[[42.52, 11.42], [42.53, 11.42], [42.53, 11.43], [42.52, 11.43], [42.52, 11.42]]]
Served = tuple[Operator, TestClient]


class Cut:
    """A store that can be cut off: how the real one goes down is in ``test_objects``."""

    store: Objects
    dead = False

    def __getattr__(self, name: str) -> object:
        if self.dead and name != "place":
            raise ObjectStoreError(f"{self.store.place}: does not answer")
        return getattr(self.store, name)


@pytest.fixture(scope="module")
def s3() -> Iterator[Server]:
    with server() as running:
        yield running


@pytest.fixture
def wire(s3: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cut]:
    """The way to the bucket; ``dead`` cuts it, and whoever looks, looks at once."""
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setattr(worker, "BUCKET_PAUSE_S", 0.0)
    monkeypatch.setattr(product_bucket, "_GOOD_S", 0.0)
    monkeypatch.setattr(product_bucket, "_BAD_S", 0.0)
    yield Cut()


@pytest.fixture
def bucket(s3: Server, wire: Cut, tmp_path: Path) -> Cut:
    name = f"products-{abs(hash(tmp_path)):x}"
    s3.make_bucket(name)
    wire.store = object_store(f"s3://{name}/joint", endpoint=s3.url, retry_s=1.0)
    return wire


@pytest.fixture
def serve(
    operator: Operator, database_url: str, tmp_path: Path, settings: Settings, bucket: Cut
) -> Iterator[Callable[[str], Served]]:
    """Starts one more server on the database and the bucket, with a folder of its own."""
    with ExitStack() as stack:

        def start(name: str) -> Served:
            (tmp_path / name).mkdir()
            made = open_operator(
                database_url, settings, delivery=tmp_path / name, clock=FixedClock(operator.now()),
                objects=bucket,
            )  # fmt: skip
            stack.callback(made.close)
            client = TestClient(create_app(made, settings), base_url=BASE, raise_server_exceptions=False)
            return made, stack.enter_context(client)

        yield start


def for_sale(operator: Operator) -> None:
    take(operator, 1, craft="zorkiy-2m-1", customer="dj-environment", west=42.5)
    with operator.store.begin() as work:
        index_deliveries(work, operator.delivery, [])
    list_for_sale(operator.store, now=operator.now())


def order(client: TestClient, headers: dict[str, str]) -> str:
    here = f"/archive/collections/hr-scene/items/{found(client, headers)[0]['id']}"
    wanted = {"geometry": {"type": "Polygon", "coordinates": AREA}}
    quote = client.post(f"{here}/quotes", headers=headers, json=wanted).json()["id"]
    placed = client.post(f"{here}/orders", headers=headers, json={"quote": quote})
    assert placed.status_code == 201, placed.text
    return str(placed.json()["id"])


def delivered(operator: Operator, client: TestClient, headers: dict[str, str], order_id: str) -> dict:
    """The Item of an order, accepted."""
    judge_items(operator.store, offered_items(operator.store, order=order_id), now=operator.now())
    features = client.get("/stac/search", headers=headers).json()["features"]
    (item,) = (one for one in features if one["properties"]["comity:order"] == order_id)
    return item


def shown(client: TestClient, headers: dict[str, str], item: dict) -> dict[str, tuple[int, bytes]]:
    """What a server answers of an Item: itself, whole files and parts of them, pictures."""
    here = f"/stac/collections/hr-scene/items/{item['id']}"
    paths = ["", "/preview.png", "/tilejson.json", "/tiles/14/10127/7668.png",
             *(f"/assets/{name}" for name in item["assets"])]  # fmt: skip
    answers = {path: client.get(f"{here}{path}", headers=headers) for path in paths}
    part = client.get(f"{here}/assets/image", headers={**headers, "Range": "bytes=100-299"})
    assert part.status_code == 206 and part.content == answers["/assets/image"].content[100:300]
    return {path: (each.status_code, each.content) for path, each in answers.items()}


def test_what_one_server_made_every_server_on_the_bucket_shows(
    operator: Operator, serve, wire: Cut, bucket: Cut, token
) -> None:
    me = token["other_customer"]
    one, first = serve("one")
    for_sale(one)
    bought = order(first, me)
    wire.dead = True
    away = first.get("/readyz")
    assert (away.status_code, away.json()["bucket"], away.json()["delivery"]) == (503, False, True)
    assert first.app.state.background.worker.run_one()
    assert offered_items(one.store, order=bought) == [], "nothing is offered that the bucket does not have"
    (job,) = first.get("/jobs", headers=me).json()["jobs"]
    assert (job["state"], job["most_runs"] - job["runs"]) == ("queued", 10), "no run of it was spent"
    wire.dead = False
    assert first.get("/readyz").json()["bucket"] is True
    first.app.state.background.worker.run_all()
    item = delivered(one, first, me, bought)
    there = shown(first, me, item)
    assert {status for status, _ in there.values()} == {200}

    two, second = serve("two")
    assert shown(second, me, item) == there
    preview = f"/archive/collections/hr-scene/items/{found(second, me)[0]['id']}/preview.png"
    assert second.get(preview, headers=me).content == first.get(preview, headers=me).content
    record = next(each for each in records(two) if each.order == bought)
    beside = two.bucket.item_of(record.path).parent
    assert {each.name for each in beside.iterdir()} >= {
        each.name for each in (one.delivery / record.path).parent.iterdir()
    }, "whole, to be sent to a customer's own bucket"

    # the second makes the next; the catalogue in the bucket names both, whoever wrote it last
    later = order(second, me)
    second.app.state.background.worker.run_all()
    new = delivered(two, second, me, later)
    assert shown(first, me, new) == shown(second, me, new)
    orders = {link["href"] for link in json.loads(bucket.get("catalog.json"))["links"]} - {"./catalog.json"}
    assert orders == {f"./{name}/collection.json" for name in (bought, later, "order-t1")}
    for each in records(one):
        assert bucket.get(each.path.removeprefix("stac/"))

    # away again: what was fetched is shown, what was not is asked for later
    three, third = serve("three")
    wire.dead = True
    asset = f"/stac/collections/hr-scene/items/{item['id']}/assets/image"
    assert second.get(asset, headers=me).status_code == 200
    refused = third.get(asset, headers=me)
    assert refused.status_code == 503 and "Retry-After" in refused.headers
    assert "s3://" not in refused.text and str(three.delivery) not in refused.text
    wire.dead = False
    # what somebody changed in the bucket is not handed out
    key = next(each.key for each in bucket.list(bought) if each.key.endswith(".tif"))
    bucket.put(key, b"something else")
    assert third.get(asset, headers=me).status_code == 503
    assert second.get(asset, headers=me).status_code == 200


def records(operator: Operator) -> list:
    with operator.store.read() as work:
        return work.items.all()


def test_what_was_fetched_is_bounded_and_fetched_again(
    serve, token, bucket: Cut, monkeypatch: pytest.MonkeyPatch
) -> None:
    me = token["other_customer"]
    one, first = serve("one")
    for_sale(one)
    orders = [order(first, me) for _ in range(2)]
    first.app.state.background.worker.run_all()
    items = [delivered(one, first, me, each) for each in orders]
    two, second = serve("two")
    monkeypatch.setattr(product_bucket, "_IN_USE_S", -1.0)
    two.bucket._cache_bytes = 1.2 * max(
        one.delivery.joinpath(r.quicklook).stat().st_size for r in records(one)
    )
    kept = []
    for item in [*items, items[0]]:
        asked = f"/stac/collections/hr-scene/items/{item['id']}/assets/quicklook"
        assert second.get(asked, headers=me).status_code == 200
        (home,) = (two.delivery / "fetched").iterdir()
        kept.append(home.name)
    assert kept[0] == kept[2] != kept[1]


def test_a_server_that_cannot_write_products_is_not_ready_and_customers_see_no_path(
    operator: Operator, client: TestClient, app, token, monkeypatch: pytest.MonkeyPatch
) -> None:
    me = token["other_customer"]
    assert client.get("/readyz").json()["bucket"] is None
    with monkeypatch.context() as full:
        full.setattr(health, "LEAST_FREE_BYTES", 2**62)
        assert client.get("/readyz").status_code == 503
    for_sale(operator)
    order(client, me)
    shutil.rmtree(operator.delivery)
    assert client.get("/readyz").json()["delivery"] is False
    assert app.state.background.worker.run_one()
    (mine,) = client.get("/jobs", headers=me).json()["jobs"]
    (its,) = client.get("/jobs?kind=archive", headers=token["operator"]).json()["jobs"]
    assert str(operator.delivery) in its["error"]
    assert "cannot read …" in mine["error"] and "/" not in mine["error"]
