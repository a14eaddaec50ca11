"""200 customers order for a minute while servers, their workers and the database are killed at random.

Each server is a `comity serve` process with a worker of its own; SIGKILL takes it in whatever it does, and it
is started again at once. PostgreSQL's postmaster is killed, or stopped with ``-m immediate``, and started
again after a moment. Meanwhile the planner plans and approves, what is planned is flown (simulated), its
products are made (small), offered, accepted and settled, and a partner books and gives back a station. The
programme's time stands still. Then everything is let end, and the database is audited by SQL of its own.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from server_bench.chaos_audit import Told, audit
from server_bench.chaos_clients import (
    NeverAnsweredError,
    Scene,
    Wire,
    customer,
    partner,
    plan_and_process,
)
from server_bench.chaos_cluster import Postgres, Server
from server_bench.lines import line

CUSTOMERS, SECONDS = 200, 60.0
#: How long after the last kill every client must have its answer.
_DRAIN_S = 240.0
_TENANTS = ("capitals-exhibition", "port-logistics", "dj-environment", "weather-service")
_PARTNER, _STATION = "sansa", "hartebeesthoek"


def chaos(
    customers: int = CUSTOMERS,
    seconds: float = SECONDS,
    *,
    database: str = "postgresql",
    servers: int = 3,
    lease_s: float = 15.0,
    seed: int = 7,
) -> Iterator[dict[str, Any]]:
    """One row. ``database``: ``postgresql``, or ``sqlite``, where only servers are killed.

    ``lease_s``: of idempotency keys and jobs.
    """
    with tempfile.TemporaryDirectory(prefix="comity-chaos-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        cluster = Postgres(folder / "postgres") if database == "postgresql" else None
        try:
            if cluster is not None:
                cluster.start()
            url = cluster.url if cluster else f"sqlite:///{folder / 'comity.db'}"
            yield _Run(folder, url, cluster, servers, lease_s, seed).row(customers, seconds)
        finally:
            if cluster is not None:
                cluster.stop_at_once()


class _Run:
    def __init__(
        self, folder: Path, url: str, cluster: Postgres | None, servers: int, lease_s: float, seed: int
    ) -> None:
        from comity.fleet import load_programme
        from comity.stores import SqlStore

        programme = load_programme("joint-eo")
        assert programme.epoch is not None
        self._epoch = programme.epoch
        self._url = url
        self._cluster = cluster
        self._draw = random.Random(seed)
        self._told = Told()
        self._kills: Counter[str] = Counter()
        self._failed: list[str] = []
        self._store = SqlStore(url)
        with self._store.begin() as work:
            work.set_programme(programme)
        settings = folder / "settings.toml"
        settings.write_text(
            "requests_per_minute = 1e6\nburst = 1000000\ntries_per_minute = 1e6\nprepare = false\n"
            f"lease_s = {lease_s}\njob_lease_s = {lease_s}\n",
            encoding="utf-8",
        )
        (folder / "delivery").mkdir()
        self._base = "http://127.0.0.1:8080"
        words = ["--db", url, "--dir", str(folder / "delivery"), "--base-url", self._base]
        words += ["--now", self._epoch.iso(), "--auto", "none", "--settings", str(settings)]
        self._log = folder / "servers.log"
        self._servers = [Server([*words, "--log", "error"], self._log) for _ in range(servers)]

    def _scene(self, customers: int) -> Scene:
        """A credential for each customer; tenants share them."""
        from comity.server.operator import open_operator
        from comity.server.settings import Settings

        operator = open_operator(
            self._url, Settings(base_url=self._base, token_s=86_400), delivery=self._log.parent
        )

        def token(tenant: str, role: Any, id: str) -> str:
            made, _ = operator.identity.make(kind="client", tenant=tenant, role=role, by="chaos", id=id)
            return operator.identity.token_of(made).access_token

        end = self._epoch + 2 * 86_400.0
        scene = Scene(
            interval=f"{self._epoch.iso(0)}/{end.iso(0)}",
            customers=[
                token(_TENANTS[n % len(_TENANTS)], "customer", f"customer-{n}") for n in range(customers)
            ],
            partner=token(_PARTNER, "partner", "the-partner"),
            partner_station=_STATION,
            planner=token("operator", "planner", "the-planner"),
        )
        operator.close()
        return scene

    def row(self, customers: int, seconds: float) -> dict[str, Any]:
        """Let it happen, and judge it."""
        scene = self._scene(customers)
        for server in self._servers:
            server.start()
        wire = asyncio.run(self._happen(scene, seconds))
        stopped = [server.stop(60.0) for server in self._servers]
        wrong, counts = audit(self._url, self._told)
        wrong += self._failed
        wrong += ["a server did not end within 60 s of SIGTERM"] * stopped.count(False)
        self._store.close()
        wire.seconds.sort()
        for each in wrong[:20]:
            sys.stderr.write(f"{each}\n")
        return line(
            "chaos",
            f"{customers} customers ordering for {seconds:g} s",
            len(wrong),
            "faults",
            reach=0,
            # Without kills, or before anything came to money, nothing was put to the test.
            met=not wrong and bool(self._kills) and bool(self._told.ordered and counts["accepted_items"]),
            database="postgresql" if self._cluster else "sqlite",
            servers=len(self._servers),
            kills=dict(sorted(self._kills.items())),
            acknowledged_orders=len(self._told.ordered),
            acknowledged_cancellations=len(self._told.cancelled),
            acknowledged_bookings=len(self._told.booked),
            refused=len(self._told.refused),
            answers=dict(sorted(wire.statuses.items())),
            final_answer_p50_s=_quantile(wire.seconds, 0.5),
            final_answer_p95_s=_quantile(wire.seconds, 0.95),
            **counts,
        )

    async def _happen(self, scene: Scene, seconds: float) -> Wire:
        addresses = [server.address for server in self._servers]
        wire = Wire(addresses, random.Random(self._draw.random()), time.monotonic() + 120.0)
        await wire.call("GET", "/operator/programme", scene.planner)  # the first server is there
        until = time.monotonic() + seconds
        wire.give_up = until + _DRAIN_S
        people = [customer(wire, scene, self._told, token, until) for token in scene.customers]
        people += [partner(wire, scene, self._told, until), self._operate(wire, scene, until)]
        done, _ = await asyncio.gather(
            asyncio.gather(*people, return_exceptions=True), asyncio.to_thread(self._kill, until)
        )
        for error in done:
            if isinstance(error, NeverAnsweredError):
                self._failed.append(f"never answered: {error}")
            elif isinstance(error, BaseException):
                raise error
        await self._settle_down(wire, scene)
        await wire.client.aclose()
        return wire

    async def _operate(self, wire: Wire, scene: Scene, until: float) -> None:
        while time.monotonic() < until:
            await plan_and_process(wire, scene, self._told, self._execute, 10_000)
            await asyncio.to_thread(self._accept)
            await asyncio.sleep(1.0)

    def _execute(self) -> None:
        """Fly all that is planned."""
        from comity.operations import execute

        self._insist(lambda: execute(self._store, now=self._epoch, seed=3))

    def _accept(self) -> None:
        """The customers' word on what is offered, and a settlement."""
        from comity.operations import StoreError, settle
        from comity.operations.delivery import judge_items, offered_items

        for item in self._insist(lambda: offered_items(self._store)):
            while True:
                try:
                    judge_items(self._store, [item], now=self._epoch, within_limits=True)
                    break
                except StoreError:  # kept or not: who looks again knows
                    time.sleep(0.3)
                    if not any(item.id == i.id for i in self._insist(lambda: offered_items(self._store))):
                        break
        at = self._epoch + time.monotonic() % 1e6
        self._insist(lambda: settle(self._store, now=at))

    def _insist(self, call: Callable[[], Any]) -> Any:
        from comity.operations import StoreError

        while True:
            try:
                return call()
            except StoreError:
                time.sleep(0.3)

    def _kill(self, until: float) -> None:
        """At random moments a server, or the database; both are started again."""
        draw = self._draw
        time.sleep(min(3.0, (until - time.monotonic()) / 4))
        turn = 0
        while time.monotonic() < until:
            turn += 1
            if self._cluster is not None and (turn == 2 or draw.random() < 0.3):
                if draw.random() < 0.5:
                    self._cluster.kill()
                    self._kills["database by SIGKILL"] += 1
                else:
                    self._cluster.stop_at_once()
                    self._kills["database at once"] += 1
                time.sleep(draw.uniform(0.2, 1.5))
                self._cluster.start()
            else:
                server = draw.choice(self._servers)
                server.kill()
                self._kills["server"] += 1
                server.start()
            for server in self._servers:
                server.ensure()
            time.sleep(draw.uniform(1.5, 4.0))
        for server in self._servers:
            server.ensure()

    async def _settle_down(self, wire: Wire, scene: Scene) -> None:
        """What is under way ends; the last orders are planned, flown, made and accepted too."""
        for server in self._servers:
            server.ensure()
        await plan_and_process(wire, scene, self._told, self._execute, 10_000)
        await asyncio.to_thread(self._accept)
        while time.monotonic() < wire.give_up:
            with self._store.begin_jobs() as jobs:
                if not any(state in ("queued", "running") for _, state in jobs.counts()):
                    return
            await asyncio.sleep(0.3)
        self._failed.append("jobs had not ended when the time was over")


def _quantile(seconds: list[float], share: float) -> float | None:
    return round(seconds[int(share * len(seconds))], 2) if seconds else None
