"""Customers' buckets: their credentials only, public addresses only, verified by a write that comes back."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from comity.core import ComityError, Epoch, FixedClock, InputError, UnknownIdError
from comity.operations import ItemRecord, Order, OrderStatus
from comity.operations.buckets import Bucket, add_bucket, queue_deliveries, send_item, verify_bucket
from comity.operations.memory_jobs import MemoryJobStore
from comity.operations.worker import Kind, Worker
from comity.stores.buckets import GuardedBuckets
from comity.stores.guard import Guard, networks
from unit.stores.s3_server import Server, server

NOW = Epoch.from_iso("2026-06-01T00:00:00Z")
HOME = networks(["127.0.0.0/8"])


@pytest.fixture(scope="module")
def s3() -> Iterator[Server]:
    with server(S3_IGNORE_SUBDOMAIN_BUCKETNAME="true") as running:
        running.make_bucket("djibouti")
        yield running


def bucket(endpoint: str, place: str = "s3://djibouti/from/comity") -> Bucket:
    return Bucket(
        id="bucket-0001",
        tenant="a",
        place=place,
        endpoint=endpoint,
        region="eu-central-1",
        access_key_id="customers-key",
        secret_access_key="customers-secret",
        created=NOW,
    )


def kept(opener: GuardedBuckets, endpoint: str, place: str = "s3://djibouti/from/comity"):
    store = MemoryJobStore()
    made = add_bucket(
        store,
        opener,
        tenant="a",
        place=place,
        endpoint=endpoint,
        region="eu-central-1",
        access_key_id="k",
        secret_access_key="s",
        now=NOW,
    )
    return store, made


def named(s3: Server) -> str:
    """A name that only the guard can look up: what comes there came through the guard."""
    return f"http://s3.customer.example:{s3.port}"


def test_a_bucket_is_verified_by_a_write_that_comes_back(s3: Server, tmp_path: Path) -> None:
    opener = GuardedBuckets(Guard(allowed=HOME, lookup=lambda host, port: ["127.0.0.1"]))
    store, made = kept(opener, named(s3))
    assert verify_bucket(store, opener, made.id, tenant="a", now=NOW).state == "verified"
    big = tmp_path / "big.tif"
    big.write_bytes(bytes(range(256)) * 50_000)  # in two parts
    with opener.open(made) as objects:
        assert list(objects.list()) == []
        digest = objects.put("a/b.tif", big)
        assert objects.digest("a/b.tif") == digest
        assert objects.get("a/b.tif") == big.read_bytes()
        objects.delete("a/b.tif")
    with pytest.raises(UnknownIdError):
        verify_bucket(store, opener, made.id, tenant="b", now=NOW)


def test_a_bucket_that_is_not_there_says_so_and_stays_unverified(s3: Server) -> None:
    opener = GuardedBuckets(Guard(allowed=HOME, lookup=lambda host, port: ["127.0.0.1"]))
    store, made = kept(opener, named(s3), "s3://nowhere")
    with pytest.raises(InputError, match="there is no bucket nowhere"):
        verify_bucket(store, opener, made.id, tenant="a", now=NOW)
    with store.begin() as work:
        assert work.buckets.get(made.id).state == "unverified"


@contextmanager
def witness() -> Iterator[tuple[int, list[str]]]:
    """A server of the customer that keeps the headers it is sent."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            seen.append(str(self.headers))
            self.send_error(403)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    try:
        yield running.server_address[1], seen
    finally:
        running.shutdown()
        running.server_close()
        thread.join()


def test_the_operators_own_credentials_never_reach_a_customers_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_TOKEN"):
        monkeypatch.setenv(name, "operators-own")
    opener = GuardedBuckets(Guard(allowed=HOME, lookup=lambda host, port: ["127.0.0.1"]))
    with (
        witness() as (port, seen),
        pytest.raises(ComityError, match="denies access"),
        opener.open(bucket(f"http://s3.customer.example:{port}")) as objects,
    ):
        objects.put("x", b"y")
    assert "customers-key" in seen[0]
    assert "operators-own" not in "".join(seen)
    assert "proxy" not in "".join(seen).lower()


def test_a_name_that_turns_to_this_machine_after_the_check_is_not_written_to() -> None:
    answers = [["93.184.216.34"]]

    def turning(host: str, port: int) -> list[str]:
        return answers.pop(0) if answers else ["127.0.0.1"]

    opener = GuardedBuckets(Guard(http=True, lookup=turning))
    with (
        witness() as (port, seen),
        pytest.raises(ComityError),
        opener.open(bucket(f"http://s3.customer.example:{port}")) as objects,
    ):
        objects.put("x", b"y")
    assert answers == []
    assert seen == []


@pytest.mark.parametrize(
    ("place", "endpoint"),
    [
        ("s3://djibouti", "https://169.254.169.254/"),
        ("s3://djibouti", "http://127.0.0.1:9000"),
        ("/etc", None),
        ("file:///etc", None),
        ("s3://UPPER", None),
        ("s3://djibouti/../other", None),
        ("s3://djibouti/a b", None),
        ("s3://djibouti/" + "a" * 600, None),
    ],
)
def test_a_place_that_is_no_bucket_is_refused(place: str, endpoint: str | None) -> None:
    with pytest.raises(InputError):
        GuardedBuckets().check(place, endpoint)


def test_a_region_cannot_turn_amazon_into_another_host() -> None:
    evil = replace(bucket(""), endpoint=None, region="x.evil.example/?")
    with pytest.raises(InputError, match="region"), GuardedBuckets().open(evil):
        pass


def test_an_offered_item_is_put_into_its_customers_bucket_once_and_into_no_other(
    s3: Server, tmp_path: Path
) -> None:
    opener = GuardedBuckets(Guard(allowed=HOME, lookup=lambda host, port: ["127.0.0.1"]))
    store, mine = kept(opener, named(s3), "s3://djibouti/mine")
    verify_bucket(store, opener, mine.id, tenant="a", now=NOW)
    for tenant, order in (("a", "order-0001"), ("b", "order-0002")):
        _offer(store, tmp_path, tenant, order)
    assert queue_deliveries(store, now=NOW) == 1
    assert queue_deliveries(store, now=NOW) == 0

    def send(run):
        return send_item(store, opener, tmp_path, run.job.payload, tenant=run.job.tenant)

    assert Worker(store, {"bucket": Kind(name="bucket", handler=send)}, clock=FixedClock(NOW)).run_all() == 1
    (job,) = store.jobs.list()
    assert (job.state, job.result["sent"]) == ("done", 2)
    with opener.open(mine) as objects:
        base = "order-0001/item-order-0001"
        assert [one.key for one in objects.list()] == [f"{base}/image.tif", f"{base}/item.json"]
        item = json.loads(objects.get(f"{base}/item.json"))
    assert [link["rel"] for link in item["links"]] == ["license"]
    assert "collection" not in item
    with pytest.raises(UnknownIdError):
        send_item(store, opener, tmp_path, {"bucket": mine.id, "item": "item-order-0002"}, tenant="a")


def _offer(store: MemoryJobStore, folder: Path, tenant: str, order: str) -> None:
    home = folder / "stac" / order
    home.mkdir(parents=True)
    (home / "image.tif").write_bytes(b"II*\0")
    document = {
        "type": "Feature",
        "id": f"item-{order}",
        "collection": "hr-scene",
        "links": [
            {"rel": "root", "href": "../catalog.json"},
            {"rel": "license", "href": "https://x.example"},
        ],
        "assets": {"image": {"href": "./image.tif", "type": "image/tiff"}},
    }
    (home / "item.json").write_text(json.dumps(document))
    with store.begin() as work:
        work.orders.put(
            Order(
                id=order,
                request="r",
                quote="q",
                customer=tenant,
                product="hr-scene",
                created=NOW,
                statuses=(OrderStatus(at=NOW, code="received"),),
            )
        )
        work.items.put(
            ItemRecord(
                id=f"item-{order}",
                activity="a",
                order=order,
                task="t",
                target="Djibouti",
                path=f"stac/{order}/item.json",
                image=f"stac/{order}/image.tif",
                quicklook="",
                cloud=0.0,
                native_gsd_m=1.0,
                delivered_gsd_m=1.0,
                pixel_m=1.0,
                area_part=1.0,
                delivered=NOW,
                state="offered",
            )
        )
