"""Who works with the server while it is killed: customers, a partner, the planner. Good clients all.

What fails, or does not answer, is sent again as it was, under the same idempotency key, to any server.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

from server_bench.chaos_audit import Told

#: Answers after which the same is sent again.
_AGAIN = frozenset({429, 500, 502, 503, 504})
#: The longest a client waits between two tries, whatever Retry-After says.
_LONGEST_WAIT_S = 2.0
_TRY_S = 30.0


class NeverAnsweredError(Exception):
    """Nobody answered before the client had to give up."""


@dataclass(slots=True)
class Wire:
    """Requests with retries, to whichever server answers."""

    addresses: Sequence[str]
    draw: random.Random
    give_up: float
    statuses: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    client: httpx.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        limits = httpx.Limits(max_connections=400, max_keepalive_connections=100)
        self.client = httpx.AsyncClient(timeout=_TRY_S, limits=limits)

    async def call(
        self, method: str, path: str, token: str, *, body: Any = None, headers: Mapping[str, str] = {}
    ) -> httpx.Response:
        """The final answer to one request; each try under the same key."""
        told = {"Authorization": f"Bearer {token}", **headers}
        if method != "GET":
            told["Idempotency-Key"] = str(uuid4())
        began = time.monotonic()
        while time.monotonic() < self.give_up:
            wait_s = self.draw.uniform(0.1, 0.5)
            try:
                address = self.draw.choice(self.addresses)
                answer = await self.client.request(method, f"{address}{path}", headers=told, json=body)
            except httpx.TransportError as error:
                self.statuses[type(error).__name__] += 1
            else:
                self.statuses[str(answer.status_code)] += 1
                under_way = answer.status_code == 409 and "retry-after" in answer.headers
                if answer.status_code not in _AGAIN and not under_way:
                    self.seconds.append(time.monotonic() - began)
                    return answer
                wait_s += float(answer.headers.get("retry-after", 0))
            await asyncio.sleep(min(wait_s, _LONGEST_WAIT_S))
        raise NeverAnsweredError(f"{method} {path}")


@dataclass(frozen=True, slots=True)
class Scene:
    """Where and when things happen: the programme's epoch, and tokens by role."""

    interval: str
    customers: Sequence[str]
    partner: str
    partner_station: str
    planner: str


async def customer(wire: Wire, scene: Scene, told: Told, token: str, until: float) -> None:
    """Orders until it is over: at once or by a quote; now and then cancels, now and then only looks."""
    draw = wire.draw
    await asyncio.sleep(draw.uniform(0.0, 1.5))
    while time.monotonic() < until:
        word = f"word-{uuid4().hex}"
        place = [round(draw.uniform(20.0, 50.0), 4), round(draw.uniform(-25.0, 35.0), 4)]
        body: dict[str, Any] = {
            "datetime": scene.interval,
            "geometry": {"type": "Point", "coordinates": place},
            "order_parameters": {"reference": word},
        }
        told.asked.add(word)
        if draw.random() < 0.4:
            quote = await wire.call("POST", "/stapi/products/hr-scene/quotes", token, body=body)
            if quote.status_code != 201:
                told.refused.add(word)
                continue
            body = {**body, "order_parameters": {"reference": word, "quote": quote.json()["id"]}}
        answer = await wire.call("POST", "/stapi/products/hr-scene/orders", token, body=body)
        if answer.status_code == 201:
            id = told.ordered[word] = answer.json()["id"]
            chance = draw.random()
            if chance < 0.15:
                cancel = await wire.call("POST", f"/stapi/orders/{id}/cancel", token, body={"reason": "rain"})
                if cancel.status_code == 200:
                    told.cancelled.add(id)
            elif chance < 0.4:
                await wire.call("GET", f"/stapi/orders/{id}", token)
        else:
            told.refused.add(word)
        await asyncio.sleep(draw.uniform(0.2, 1.5))


async def partner(wire: Wire, scene: Scene, told: Told, until: float) -> None:
    """Books its own station now and then."""
    while time.monotonic() < until:
        word = f"booking-{uuid4().hex}"
        body = {
            "kind": "station",
            "asset": scene.partner_station,
            "datetime": scene.interval.replace("T12:", "T13:", 1),
            "reason": word,
        }
        answer = await wire.call("POST", "/operator/withheld", scene.partner, body=body)
        if answer.status_code == 201:
            told.booked.add(word)
            id = answer.json()["id"]
            await wire.call("DELETE", f"/operator/withheld/{id}", scene.partner)
        await asyncio.sleep(wire.draw.uniform(3.0, 6.0))


async def plan_and_process(wire: Wire, scene: Scene, told: Told, execute: Any, max_pixels: int) -> None:
    """One turn of the operator: plan, approve, fly, make the products; each step may find nothing to do."""
    planner = scene.planner
    asked = {"time_limit_s": 5.0}
    made = await wire.call(
        "POST", "/operator/plans", planner, body=asked, headers={"Prefer": "respond-async"}
    )
    if made.status_code == 202:
        job = await _ended(wire, planner, made.json()["id"], told)
        if job["state"] == "done":
            await wire.call("POST", f"/operator/plans/{job['result']['plan']}/approval", planner, body={})
    await asyncio.to_thread(execute)
    body = {"kind": "process", "max_pixels": max_pixels}
    queued = await wire.call("POST", "/jobs", planner, body=body)
    if queued.status_code == 202:
        await _ended(wire, planner, queued.json()["id"], told)


async def _ended(wire: Wire, token: str, id: str, told: Told) -> Any:
    told.jobs.add(id)
    while True:
        job = (await wire.call("GET", f"/jobs/{id}", token)).json()
        if job["state"] in ("done", "failed", "cancelled"):
            return job
        await asyncio.sleep(0.3)
