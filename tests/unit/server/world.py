"""A server with a victim's record of every kind: what no stranger may read or change.

The victims are the customer dj-environment and the partner cnsa. What is only theirs holds a mark, a place or
an amount that stands nowhere else; :class:`World` knows the ids of the records by whose they are.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from comity.commerce import Ledger, Posting, Transaction, account_name
from comity.core import FixedClock, InputError, Interval
from comity.fleet import load_programme, point_target
from comity.operations import ItemRecord, add_request, make_plan, make_quote, place_order
from comity.operations.archive import ArchiveItem
from comity.operations.oversight import approve_plan
from comity.operations.saved_searches import SearchMatch
from comity.operations.worker import Kind, Worker
from comity.planning import GreedySolver
from comity.server.app import create_app
from comity.server.identity import machine_now
from comity.server.operator import Operator, open_operator
from comity.server.settings import Settings

PROGRAMME = load_programme("joint-eo")
NOW = PROGRAMME.epoch
BASE = "http://testserver"
CUSTOMER, PARTNER = "dj-environment", "cnsa"
#: What only the victims' records hold.
CUSTOMERS_MARK, PARTNERS_MARK = "Aldebaran-quay", "Betelgeuse-yard"
LON, LAT = 31.243751, 30.043317
#: Rows of these are written by every call: who came, which calls were made, and numbers given out.
LOGS = frozenset({"audit", "idempotency", "sqlite_sequence", "alembic_version", "counters"})


@dataclass
class World:
    """``ids``: name of a kind of record → ids of the victim customer's, of the victim partner's."""

    app: FastAPI
    client: TestClient
    operator: Operator
    tokens: dict[str, dict[str, str]]
    customers: dict[str, list[str]] = field(default_factory=dict)
    partners: dict[str, list[str]] = field(default_factory=dict)
    #: Secrets that no answer may hold again, whoever asks.
    secrets: list[str] = field(default_factory=list)

    def state(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table that holds tenants' records."""
        found = {}
        with self.operator.sql.engine.connect() as connection:
            for name in sa.inspect(connection).get_table_names():
                if name not in LOGS and not name.startswith("archive_places"):
                    rows = connection.exec_driver_sql(f'SELECT * FROM "{name}"')
                    found[name] = sorted((tuple(row) for row in rows), key=repr)
        return found


@contextmanager
def made_world(database: Path, folder: Path, callers: dict[str, tuple[str, Any]]) -> Iterator[World]:
    """The server, its callers' tokens and the victims' records."""
    shutil.copy(database, folder / "comity.db")
    (folder / "delivery").mkdir()
    settings = Settings(
        base_url=BASE, requests_per_minute=1e6, burst=1_000_000, logins_per_minute=1e6, job_threads=0,
        tries_per_minute=1e6, allowed_networks=("127.0.0.0/8",),
    )  # fmt: skip
    operator = open_operator(
        str(folder / "comity.db"), settings, delivery=folder / "delivery", clock=FixedClock(NOW)
    )
    tokens: dict[str, dict[str, str]] = {"nobody": {}}
    for name, (tenant, role) in callers.items():
        made, _ = operator.identity.make(kind="client", tenant=tenant, role=role, by="t", id=f"c.{name}")
        tokens[name] = {"Authorization": f"Bearer {operator.identity.token_of(made).access_token}"}
    app = create_app(operator, settings)
    with TestClient(app, base_url=BASE, raise_server_exceptions=False) as client:
        world = World(app=app, client=client, operator=operator, tokens=tokens)
        _customers(world)
        _partners(world)
        yield world
    operator.close()


def _made(world: World, who: str, path: str, body: object, **headers: str) -> dict[str, Any]:
    answer = world.client.post(path, json=body, headers={**world.tokens[who], **headers})
    assert answer.status_code in (200, 201, 202), (path, answer.text)
    return answer.json()


def _customers(world: World) -> None:
    """Everything that a customer may have."""
    operator, ids = world.operator, world.customers
    request = add_request(
        operator.store, customer=CUSTOMER, product="hr-scene", now=NOW,
        targets=[point_target(LON, LAT, CUSTOMERS_MARK)], interval=Interval(NOW, NOW + 2 * 86_400),
    )  # fmt: skip
    quote = make_quote(operator.store, request.id, now=NOW)
    order = place_order(operator.store, quote.id, now=NOW)
    place = {"type": "Point", "coordinates": [LON, LAT]}
    span = f"{NOW.iso()}/{(NOW + 86_400).iso()}"
    wish = {"datetime": span, "geometry": place}
    search = _made(world, "customer", "/stapi/products/hr-scene/opportunities", wish, Prefer="respond-async")[
        "id"
    ]
    quoted = _made(world, "customer", "/stapi/products/hr-scene/quotes", wish, **{"Idempotency-Key": "q"})
    key = _made(world, "customer", "/auth/credentials", {"title": CUSTOMERS_MARK})
    hook = _made(
        world, "customer", "/webhooks", {"url": f"http://127.0.0.1:1025/{CUSTOMERS_MARK}", "events": []}
    )
    bucket = _made(world, "customer", "/buckets", {
        "place": f"s3://{CUSTOMERS_MARK.lower()}/x", "endpoint": "http://127.0.0.1:1025",
        "access_key_id": f"{CUSTOMERS_MARK}-id", "secret_access_key": "bucket-secret-of-the-customer",
    })  # fmt: skip
    wait = _made(world, "customer", f"/buckets/{bucket['id']}/verify", {})
    found = _made(world, "customer", "/jobs", {"kind": "opportunities", "request": request.id})
    letter = _dead_letter(world, "customer", hook["id"])
    saved = _made(world, "customer", "/stac/saved-searches", {
        "title": CUSTOMERS_MARK, "search": {"intersects": place},
    })  # fmt: skip
    item = _item(world, order.id)
    with operator.store.begin() as work:
        work.matches.put(
            SearchMatch(
                id=f"match-{CUSTOMERS_MARK}", search=saved["id"], tenant=CUSTOMER, shelf="delivered",
                collection="hr-scene", item=item.id, at=NOW,
            )
        )  # fmt: skip
    ids |= {
        "tenant": [CUSTOMER],
        "order": [order.id],
        "quote": [quote.id, quoted["id"]],
        "request": [request.id],
        "search": [search],
        "credential": [key["id"], "c.customer"],
        "webhook": [hook["id"]],
        "bucket": [bucket["id"]],
        "job": [letter, wait["id"], found["id"]],
        "item": [item.id],
        "saved": [saved["id"]],
        "record": [str(item.record)],
    }
    world.secrets += [key["secret"], key["secret"].split("_", 2)[2], hook["secret"]]
    world.secrets.append("bucket-secret-of-the-customer")


def _partners(world: World) -> None:
    """Everything that a partner may have."""
    operator, ids = world.operator, world.partners
    make_plan(operator.store, now=NOW, solver=GreedySolver())
    approve_plan(operator.store, "plan-0001", now=NOW, by="t")
    craft = next(c.id for c in operator.programme.spacecraft if c.owner == PARTNER)
    booked = _made(world, "partner", "/operator/withheld", {
        "kind": "spacecraft", "asset": craft, "datetime": f"{(NOW + 9e5).iso()}/{(NOW + 9.1e5).iso()}",
        "reason": PARTNERS_MARK,
    })  # fmt: skip
    key = _made(world, "partner", "/auth/credentials", {"title": PARTNERS_MARK})
    hook = _made(world, "partner", "/webhooks", {"url": f"http://127.0.0.1:1025/{PARTNERS_MARK}"})
    letter = _dead_letter(world, "partner", hook["id"])
    ledger = Ledger()
    ledger.add(
        Transaction(
            id="settlement-mark", at=NOW, kind="settlement", reference=PARTNERS_MARK, memo=PARTNERS_MARK,
            postings=tuple(
                Posting(account=account, amount=Decimal(owed), currency="CNY", memo="share")
                for account, owed in ((account_name("partner", PARTNER), "-98765.43"), ("pool", "98765.43"))
            ),
        )
    )  # fmt: skip
    with operator.store.begin() as work:
        work.post(ledger)
    ids |= {
        "tenant": [PARTNER],
        "withheld": [booked["id"]],
        "credential": [key["id"], "c.partner"],
        "webhook": [hook["id"]],
        "job": [letter],
    }
    world.secrets += [key["secret"], hook["secret"]]


def _dead_letter(world: World, who: str, hook: str) -> str:
    """A message to a webhook that no try will bring."""
    job = _made(world, who, f"/webhooks/{hook}/test", {})["id"]

    def refused(run: Any) -> Any:
        raise InputError(f"{CUSTOMERS_MARK if who == 'customer' else PARTNERS_MARK} answers 500")

    worker = Worker(world.operator.sql, {"webhook": Kind(name="webhook", handler=refused)})
    while worker.run_one():
        pass
    return job


def _item(world: World, order: str) -> ArchiveItem:
    """A delivered item with its files; a second one is only offered."""
    operator = world.operator
    for number, state in ((1, "accepted"), (2, "offered")):
        west, south = round(LON, 3), round(LAT, 3)
        ring = [[west, south], [west + 1, south], [west + 1, south + 1], [west, south + 1], [west, south]]
        item = ArchiveItem(
            id=f"item-{number}-{CUSTOMERS_MARK}", collection="hr-scene", owner=CUSTOMER,
            record=f"record-{number}-{CUSTOMERS_MARK}",
            path=f"stac/{number}/item.json", digest=f"{number}",
            document={
                "type": "Feature", "stac_version": "1.1.0", "stac_extensions": [],
                "id": f"item-{number}-{CUSTOMERS_MARK}", "bbox": [west, south, west + 1, south + 1],
                "geometry": {"type": "Polygon", "coordinates": [ring]}, "links": [],
                "properties": {
                    "datetime": "2024-09-02T06:00:01Z", "start_datetime": "2024-09-02T06:00:00Z",
                    "end_datetime": "2024-09-02T06:00:02Z", "platform": CUSTOMERS_MARK, "gsd": 1.5,
                },
                "assets": {
                    "image": {"href": "./image.tif", "type": "image/tiff", "roles": ["data"]},
                    "quicklook": {"href": "./quicklook.png", "type": "image/png", "roles": ["overview"]},
                },
            },
        )  # fmt: skip
        record = ItemRecord(
            id=str(item.record), activity="a", order=order, task="t", target=CUSTOMERS_MARK, path=item.path,
            image="", quicklook="", cloud=0.0, native_gsd_m=1.0, delivered_gsd_m=1.0, pixel_m=1.0,
            area_part=1.0, delivered=NOW, state=state,  # type: ignore[arg-type]
        )  # fmt: skip
        home = operator.delivery / Path(item.path).parent
        home.mkdir(parents=True)
        (home / "item.json").write_text(json.dumps(item.document))
        _image(home / "image.tif", west, south)
        Image.new("RGB", (4, 4)).save(home / "quicklook.png")
        with operator.store.begin() as work:
            work.items.put(record)
            work.archive.put([item])
        if number == 1:
            first = item
    return first


def _image(path: Path, west: float, south: float) -> None:
    import numpy as np
    import rasterio
    from rasterio.transform import Affine

    with rasterio.open(
        path, "w", driver="GTiff", width=32, height=32, count=3, dtype="uint8", crs="EPSG:4326",
        transform=Affine(1 / 32, 0, west, 0, -1 / 32, south + 1),
    ) as image:  # fmt: skip
        image.write(np.arange(3 * 32 * 32).reshape(3, 32, 32).astype("uint8"))
        for band, name in enumerate(("red", "green", "blue"), 1):
            image.set_band_description(band, name)


__all__ = [
    "BASE",
    "CUSTOMERS_MARK",
    "LAT",
    "LON",
    "NOW",
    "PARTNERS_MARK",
    "World",
    "machine_now",
    "made_world",
]
