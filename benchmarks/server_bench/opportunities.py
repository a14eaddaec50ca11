"""POST …/opportunities over a week of joint-eo, one worker, warm, in process: points, areas like Djibouti.

Every search is of another place, so that no kept answer helps. The whole way counts: authentication, limits,
reading and checking the body, the search, the licences, the page. joint-eo has fewer suitable spacecraft than
the reach is set for: ``p95_ms_for_20`` is scaled up in proportion.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from shapely import affinity
from shapely.geometry import mapping

_SATELLITES = 20
_DAYS = 7
_ROWS = (("point", "hr-scene", 60.0, 100), ("area the size of Djibouti", "hr-area", 250.0, 60))


def opportunities(searches: int | None = None) -> Iterator[dict[str, Any]]:
    """A row for points, one for areas. ``searches``: so many instead of the usual number."""
    import structlog
    from fastapi.testclient import TestClient

    from comity.core import FixedClock
    from comity.fleet import load_programme, territory_target
    from comity.server.app import create_app
    from comity.server.operator import open_operator
    from comity.server.settings import Settings
    from comity.server.stapi.products import platforms
    from comity.stores import SqlStore

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    programme = load_programme("joint-eo")
    assert programme.epoch is not None
    draw = random.Random(1)
    outline = territory_target("DJI").geometry

    def point() -> dict[str, Any]:
        return {"type": "Point", "coordinates": [draw.uniform(30, 50), draw.uniform(-20, 30)]}

    def area() -> dict[str, Any]:
        return dict(mapping(affinity.translate(outline, draw.uniform(-3, 3), draw.uniform(-3, 3))))

    with tempfile.TemporaryDirectory() as folder:
        place = str(Path(folder) / "comity.db")
        store = SqlStore(place)
        with store.begin() as work:
            work.set_programme(programme)
        store.close()
        settings = Settings(
            base_url="http://testserver", requests_per_minute=1e6, burst=1_000_000, job_threads=0
        )
        operator = open_operator(place, settings, delivery=Path(folder), clock=FixedClock(programme.epoch))
        credential, _ = operator.identity.make(
            kind="client", tenant="dj-environment", role="customer", by="bench", id="bench"
        )
        headers = {"Authorization": f"Bearer {operator.identity.token_of(credential).access_token}"}
        end = programme.epoch + _DAYS * 86_400.0
        week = f"{programme.epoch.iso(0)}/{end.iso(0)}"
        with TestClient(create_app(operator, settings), headers=headers) as client:
            for (name, product, reach_ms, usual), place_of in zip(_ROWS, (point, area), strict=True):
                suited = len(platforms(programme, programme.product(product)))
                yield _row(client, name, product, week, place_of, searches or usual, suited, reach_ms)
        operator.close()


def _row(
    client: Any,
    name: str,
    product: str,
    week: str,
    place_of: Callable[[], dict[str, Any]],
    searches: int,
    suited: int,
    reach_ms: float,
) -> dict[str, Any]:
    url = f"/stapi/products/{product}/opportunities"
    took: list[float] = []
    for number in range(searches + 3):
        body = {"datetime": week, "geometry": place_of()}
        began = time.perf_counter()
        answer = client.post(url, json=body)
        seconds = time.perf_counter() - began
        answer.raise_for_status()
        if number >= 3:
            took.append(seconds * 1e3)
    took.sort()
    p95 = took[min(len(took) - 1, int(0.95 * len(took)))]
    scaled = p95 * _SATELLITES / suited
    return {
        "row": f"opportunities, {name}",
        "satellites": suited,
        "days": _DAYS,
        "searches": searches,
        "p50_ms": round(took[len(took) // 2], 1),
        "p95_ms": round(p95, 1),
        "p95_ms_for_20": round(scaled, 1),
        "reach_ms": reach_ms,
        "met": scaled <= reach_ms,
    }
