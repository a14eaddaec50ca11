"""POST …/opportunities over a week of a fleet of twenty, one worker, warm, over HTTP on this machine.

The server is ``comity serve`` in a process of its own. Every search is of another place, so that no kept
answer helps. The whole way counts: authentication, limits, reading and checking the body, the search, the
licences, the page, the network stack. joint-eo has fewer spacecraft that suit: copies of its own, moved along
their orbits, fill it up to twenty. ``cpu_ms``: what the server's process took, a search; ``first_ms``: the
first search, some seconds after the server said it was ready; ``together``: eight customers at once.
"""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from shapely import affinity
from shapely.geometry import mapping

from server_bench.lines import line

_SATELLITES = 20
_DAYS = 7
_ROWS = (("point", "hr-scene", 60.0, 100), ("area the size of Djibouti", "hr-area", 250.0, 60))
#: What the server may take to have ready what searches need (s).
_READY_S = 20.0
_AT_ONCE = 8
_SETTINGS = "requests_per_minute = 1e6\nburst = 1000000\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Served:
    """A running server: where, how to be let in, its process, the programme's time."""

    url: str
    headers: dict[str, str]
    process: int
    week: str


def opportunities(searches: int | None = None) -> Iterator[dict[str, Any]]:
    """A row for points, one for areas. ``searches``: so many instead of the usual number."""
    import httpx

    from comity.fleet import territory_target

    draw = random.Random(1)
    outline = territory_target("DJI").geometry

    def point() -> dict[str, Any]:
        return {"type": "Point", "coordinates": [draw.uniform(30, 50), draw.uniform(-20, 30)]}

    def area() -> dict[str, Any]:
        return dict(mapping(affinity.translate(outline, draw.uniform(-3, 3), draw.uniform(-3, 3))))

    with tempfile.TemporaryDirectory() as folder:
        for served in _serve(Path(folder)):
            with httpx.Client(base_url=served.url, headers=served.headers, timeout=60.0) as client:
                for (name, product, reach_ms, usual), place_of in zip(_ROWS, (point, area), strict=True):
                    yield _row(client, served, name, product, place_of, searches or usual, reach_ms)


def twenty(product: str) -> Any:
    """joint-eo with so many copies of suitable spacecraft that twenty suit ``product``."""
    from comity.fleet import load_programme, programme_from_text
    from comity.server.stapi.products import platforms

    programme = load_programme("joint-eo")
    suited = platforms(programme, programme.product(product))
    text, elements = programme.text, dict(programme.elements)
    for number in range(_SATELLITES - len(suited)):
        model = programme.craft(suited[number % len(suited)])
        block = next(part for part in text.split("[[spacecraft]]") if f'id = "{model.id}"' in part)
        body = block.split("\n\n")[0].replace(f'"{model.id}"', f'"copy-{number}"')
        norad = 90_001 + number
        body = body.replace(f"norad_id = {model.norad_id}", f"norad_id = {norad}")
        text = f"{text}\n\n[[spacecraft]]{body}\n"
        own = programme.elements[model.norad_id]
        moved = (own.mean_anomaly_deg + 60.0 + 20.0 * number) % 360.0
        elements[norad] = replace(own, norad_id=norad, mean_anomaly_deg=moved)
    return programme_from_text(text, elements=elements, name="twenty", requests=False)


def _serve(folder: Path) -> Iterator[_Served]:
    """``comity serve`` with twenty spacecraft, until the caller is done."""
    from comity.core import FixedClock
    from comity.server.operator import open_operator
    from comity.server.settings import Settings
    from comity.stores import SqlStore

    place = str(folder / "comity.db")
    programme = twenty("hr-scene")
    now = programme.epoch
    store = SqlStore(place)
    with store.begin() as work:
        work.set_programme(programme)
    store.close()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    operator = open_operator(place, Settings(base_url=url), delivery=folder, clock=FixedClock(now))
    credential, _ = operator.identity.make(
        kind="client", tenant="dj-environment", role="customer", by="bench", id="bench"
    )
    token = operator.identity.token_of(credential).access_token
    operator.close()
    settings = folder / "settings.toml"
    settings.write_text(_SETTINGS)
    said = [
        sys.executable,
        "-m",
        "comity",
        "serve",
        "--db",
        place,
        "--dir",
        str(folder / "out"),
        "--port",
        str(port),
    ]
    said += ["--now", now.iso(0), "--workers", "0", "--auto", "none", "--settings", str(settings)]
    process = subprocess.Popen([*said, "--log", "warning"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(_READY_S)
        yield _Served(
            url=url,
            headers={"Authorization": f"Bearer {token}"},
            process=process.pid,
            week=f"{now.iso(0)}/{(now + _DAYS * 86_400.0).iso(0)}",
        )
    finally:
        process.terminate()
        process.wait(30)


def _row(
    client: Any,
    served: _Served,
    name: str,
    product: str,
    place_of: Callable[[], dict[str, Any]],
    searches: int,
    reach_ms: float,
) -> dict[str, Any]:
    def ask(geometry: dict[str, Any]) -> float:
        began = time.perf_counter()
        answer = client.post(
            f"/stapi/products/{product}/opportunities", json={"datetime": served.week, "geometry": geometry}
        )
        seconds = time.perf_counter() - began
        answer.raise_for_status()
        return seconds * 1e3

    first = ask(place_of())
    for _ in range(3):
        ask(place_of())
    before = _cpu_s(served.process)
    took = sorted(ask(place_of()) for _ in range(searches))
    cpu_ms = (_cpu_s(served.process) - before) / searches * 1e3
    memory = _memory_mb(served.process)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        together = sorted(pool.map(ask, [place_of() for _ in range(searches)]))
    p95 = _p95(took)
    return line(
        "opportunities",
        name,
        round(p95, 1),
        "ms (p95)",
        reach=reach_ms,
        met=p95 <= reach_ms,
        satellites=_SATELLITES,
        days=_DAYS,
        searches=searches,
        first_ms=round(first, 1),
        p50_ms=round(took[len(took) // 2], 1),
        cpu_ms=round(cpu_ms, 1),
        together={
            "customers": _AT_ONCE,
            "p95_ms": round(_p95(together), 1),
            "memory_mb": memory,
            "memory_mb_after": _memory_mb(served.process),
        },
    )


def _p95(took: list[float]) -> float:
    return took[min(len(took) - 1, int(0.95 * len(took)))]


def _cpu_s(process: int) -> float:
    """Processor time of a process and its threads so far (s)."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory_mb(process: int) -> float:
    """Most memory it ever held (MB)."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return round(int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024, 1)
