"""A customer's first hour in short, over HTTP on this machine: what ``comity demo`` shows of the server.

Walks against a running ``comity serve --demo``: quote, order by idempotency key, cancel of another, signed
webhooks, the item by STAC, the customer's word, the file. Whatever is not as it should be raises.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import urljoin

import httpx
from standardwebhooks.webhooks import Webhook as Receiver

from comity.core import ComityError, Epoch, Progress, silent

T = TypeVar("T")
#: How many times as fast as the clock the programme's time runs meanwhile; how long an item is waited for.
SPEED = 7200.0
PATIENCE_S = 120.0
_STEPS = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpWalk:
    """What came of it. ``told``: what the server said by webhook, as it came; ``lines``: all in words."""

    order: str
    item: str
    told: tuple[Mapping[str, Any], ...]
    lines: tuple[str, ...]
    ended: Epoch


@contextmanager
def served(folder: Path, *, speed: float = SPEED) -> Iterator[dict[str, Any]]:
    """``comity serve --demo`` in ``folder`` as a process of its own; yields its ready line."""
    words = ["--demo", "--port", "0", "--dir", str(folder), "--speed", f"{speed:g}", "--log", "warning"]
    process = subprocess.Popen(
        [sys.executable, "-m", "comity", "serve", *words, "--allow-network", "127.0.0.0/8"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line:
            raise ComityError(f"the server did not start: comity serve {' '.join(words)} says why")
        yield json.loads(line)
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def walk_over_http(
    ready: Mapping[str, Any], *, customer: str, lon: float, lat: float, progress: Progress = silent
) -> HttpWalk:
    """Walk as ``customer``, for a scene of a place; raises :class:`ComityError` where it goes no further."""
    lines: list[str] = []

    def said(line: str) -> None:
        lines.append(line)
        progress(len(lines), _STEPS, line)

    headers = {"Authorization": f"Bearer {ready['customers'][customer]}"}
    with httpx.Client(headers=headers, timeout=60.0) as client, _receiver() as hook:
        me = _Asker(client, ready["base_url"] + "/stapi/")
        made = me.json("POST", "../webhooks", status=201, json={"url": hook.url})
        hook.receiver = Receiver(made["secret"])
        products = {each["id"]: each for each in me.json("GET", "products")["products"]}
        product = products["hr-scene"]
        asked = {
            "datetime": f"{ready['now']}/..",
            "geometry": {"type": "Point", "coordinates": [lon, lat]},
            "filter": {"op": "<=", "args": [{"property": "eo:cloud_cover"}, 100]},
        }
        found = me.json("POST", _link(product, "opportunities"), json=asked)
        said(f"{len(products)} products; {found['numberMatched']} opportunities within 14 days")
        quote = me.json("POST", _link(product, "create-quote"), status=201, json=asked)
        said(f"quote {quote['total']['amount']} {quote['total']['currency']}, until {quote['valid_until']}")
        place = _link(product, "create-order")
        body = {**asked, "order_parameters": {"quote": quote["id"]}}
        once = {"Idempotency-Key": f"walk-{quote['id']}"}
        order = me.json("POST", place, status=201, json=body, headers=once)
        again = me.json("POST", place, status=201, json=body, headers=once)
        if again["id"] != order["id"]:
            raise ComityError(f"one key made two orders: {order['id']} and {again['id']}")
        said(f"{order['id']} of the quote; sent again under its key, it is still one")
        other = me.json("POST", place, status=201, json=asked)
        gone = me.json("POST", _link(other, "cancel"), json={"reason": "not needed"})
        said(f"{other['id']} ordered and cancelled: {gone['status']['status_code']}")
        item = _until(lambda: next(iter(me.json("GET", f"../items?order={order['id']}")["items"]), None))
        statuses = me.json("GET", f"orders/{order['id']}/statuses")["statuses"]
        said(" → ".join(each["status_code"] for each in statuses) + ", nobody asked")
        _until(lambda: any(each["type"] == "item.offered" for each in hook.told) or None)
        said(f"{len(hook.told)} webhooks received, each signature verified")
        search = {"collections": ["hr-scene"], "filter-lang": "cql2-json",
                  "filter": {"op": "=", "args": [{"property": "comity:order"}, order["id"]]}}  # fmt: skip
        features = me.json("POST", "../stac/search", json=search)["features"]
        said(f"found by STAC search: {', '.join(each['id'] for each in features)}")
        image = f"{item['item']}/assets/image"
        me.ask("GET", image, status=403)
        accepted = me.json("POST", f"../items/{item['id']}/accept")
        size = len(me.ask("GET", image).content)
        said(f"{accepted['id']} {accepted['state']}; {size:,} bytes downloaded, which were refused before")
        me.ask("DELETE", f"../webhooks/{made['id']}", status=204)
        staff = {"Authorization": f"Bearer {ready['tokens']['operator']}"}
        me.ask("POST", "../operator/settlements", status=201, headers=staff)
        now = me.json("GET", "../operator/programme", headers=staff)["now"]
        said("partners' shares settled")
        return HttpWalk(
            order=order["id"],
            item=item["id"],
            told=tuple(hook.told),
            lines=tuple(lines),
            ended=Epoch.from_iso(now),
        )


class _Asker:
    """Asks one server; what it does not answer as it should raises :class:`ComityError`."""

    def __init__(self, client: httpx.Client, base: str) -> None:
        self._client = client
        self._base = base

    def ask(self, method: str, href: str, *, status: int = 200, **more: Any) -> httpx.Response:
        """The answer, of this status."""
        url = urljoin(self._base, href)
        try:
            answer = self._client.request(method, url, **more)
        except httpx.HTTPError as error:
            raise ComityError(f"{method} {url}: no answer: {error}") from error
        if answer.status_code != status:
            raise ComityError(
                f"{method} {url} answered {answer.status_code}, not {status}: {answer.text[:300]}"
            )
        return answer

    def json(self, method: str, href: str, **more: Any) -> dict[str, Any]:
        """The JSON object that is answered."""
        return cast("dict[str, Any]", self.ask(method, href, **more).json())


def _link(document: Mapping[str, Any], rel: str) -> str:
    return str(next(each["href"] for each in document["links"] if each["rel"] == rel))


def _until(look: Callable[[], T | None]) -> T:
    end = time.monotonic() + PATIENCE_S
    while (found := look()) is None:
        if time.monotonic() > end:
            raise ComityError(f"nothing was delivered within {PATIENCE_S:g} s")
        time.sleep(0.2)
    return found


class _Hook(HTTPServer):
    """A receiver of webhooks on this machine: what does not verify is refused and not counted."""

    receiver: Receiver | None = None

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.told: list[dict[str, Any]] = []
        self.url = f"http://127.0.0.1:{self.server_port}/"


class _Handler(BaseHTTPRequestHandler):
    server: _Hook

    def do_POST(self) -> None:
        """Verify and keep a message."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.server.receiver is not None
        self.server.told.append(self.server.receiver.verify(body, dict(self.headers.items())))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *words: object) -> None:
        """Say nothing."""


@contextmanager
def _receiver() -> Iterator[_Hook]:
    with _Hook() as hook:
        thread = threading.Thread(target=hook.serve_forever, daemon=True)
        thread.start()
        try:
            yield hook
        finally:
            hook.shutdown()
            thread.join()
