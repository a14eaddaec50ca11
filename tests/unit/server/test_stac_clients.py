"""A public client, unchanged, walks the archive."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pystac_client
import pytest
import uvicorn
from fastapi import FastAPI

from comity.operations.archive import ArchiveItem
from comity.server.operator import Operator
from comity.server.settings import Settings


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def settings(port: int) -> Settings:
    base = f"http://127.0.0.1:{port}"
    return Settings(base_url=base, requests_per_minute=1e6, burst=1_000_000, job_threads=0)


@pytest.fixture
def served(app: FastAPI, port: int) -> Iterator[str]:
    """The landing page of a running server."""
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}/stac"
    server.should_exit = True
    thread.join()


def item(number: int) -> ArchiveItem:
    west = float(number)
    ring = [[west, 11.0], [west + 0.5, 11.0], [west + 0.5, 11.5], [west, 11.0]]
    properties = {"datetime": f"2024-09-{number + 1:02d}T00:00:00Z", "eo:cloud_cover": 10.0 * number}
    return ArchiveItem(
        id=f"item-{number}", collection="hr-scene", owner="dj-environment", record=None,
        path=f"{number}.json", digest="", document={
            "type": "Feature", "stac_version": "1.1.0", "stac_extensions": [], "id": f"item-{number}",
            "geometry": {"type": "Polygon", "coordinates": [ring]}, "bbox": [west, 11, west + 1, 12],
            "properties": properties, "links": [], "assets": {},
        },
    )  # fmt: skip


def test_pystac_client_finds_what_is_there(
    served: str, operator: Operator, token: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    with operator.store.begin() as work:
        work.archive.put(item(number) for number in range(9))
    client = pystac_client.Client.open(served, headers=token["customer"])
    for wanted in ("ITEM_SEARCH", "FILTER", "SORT", "FIELDS", "COLLECTIONS", "FEATURES"):
        assert client.conforms_to(wanted), wanted
    assert "hr-scene" in {one.id for one in client.get_collections()}
    for method in ("GET", "POST"):
        found = client.search(
            method=method,
            collections=["hr-scene"],
            bbox=[1.0, 10.0, 7.2, 12.0],
            datetime="2024-09-03T00:00:00Z/..",
            filter={"op": "<=", "args": [{"property": "eo:cloud_cover"}, 60]},
            sortby=["+properties.datetime"],
            limit=2,
        )
        assert [one.id for one in found.items()] == ["item-2", "item-3", "item-4", "item-5", "item-6"], method
    everything = client.get_collection("hr-scene").get_items()
    assert sorted(one.id for one in everything) == [f"item-{number}" for number in range(9)]
    others = pystac_client.Client.open(served, headers=token["other_customer"])
    assert list(others.search().items()) == []
