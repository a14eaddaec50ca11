"""The STAC API: what a tenant finds and reads, and what bad input is told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from comity.operations import ItemRecord
from comity.operations.archive import ArchiveItem
from comity.server.operator import Operator

Headers = dict[str, dict[str, str]]


def made(number: int, owner: str, *, cloud: float | None, west: float = 42.0) -> ArchiveItem:
    ground = [[west, 11], [west + 1, 11], [west + 1, 12], [west, 12], [west, 11]]
    day = f"2024-09-{number + 1:02d}"
    properties = {
        "datetime": f"{day}T06:00:01Z",
        "start_datetime": f"{day}T06:00:00Z",
        "end_datetime": f"{day}T06:00:02Z",
        "platform": f"Sat {number % 2}",
        "gsd": 1.5,
        **({} if cloud is None else {"eo:cloud_cover": cloud}),
    }
    return ArchiveItem(
        id=f"item-{number}",
        collection="hr-scene",
        owner=owner,
        record=f"record-{number}",
        path=f"stac/{number}/item-{number}.json",
        digest=f"{number}",
        document={
            "type": "Feature",
            "stac_version": "1.1.0",
            "stac_extensions": [],
            "id": f"item-{number}",
            "geometry": {"type": "Polygon", "coordinates": [ground]},
            "bbox": [west, 11, west + 1, 12],
            "properties": properties,
            "links": [{"rel": "root", "href": "../catalog.json"}],
            "assets": {
                "image": {
                    "href": "./image.tif",
                    "type": "image/tiff; application=geotiff",
                    "roles": ["data"],
                },
                "quicklook": {"href": "./quicklook.png", "type": "image/png", "roles": ["overview"]},
                "secret": {"href": "../../../comity.db", "roles": ["metadata"]},
            },
        },
    )


@pytest.fixture
def archive(operator: Operator) -> Operator:
    """Five items of one customer, two of another; the newest of the first is only offered."""
    items = [made(k, "dj-environment", cloud=None if k == 3 else 10.0 * k) for k in range(5)]
    items += [made(k, "port-logistics", cloud=5.0, west=100.0) for k in (5, 6)]
    with operator.store.begin() as work:
        work.archive.put(items)
        for item in items:
            work.items.put(record_of(item, "offered" if item.id == "item-4" else "accepted", operator))
    for item in items:
        home = operator.delivery / Path(item.path).parent
        home.mkdir(parents=True)
        (home / f"{item.id}.json").write_text(json.dumps(item.document))
        (home / "image.tif").write_bytes(geotiff(home, item.document["bbox"][0]))
        Image.new("RGB", (4, 4)).save(home / "quicklook.png")
    return operator


def record_of(item: ArchiveItem, state: str, operator: Operator) -> ItemRecord:
    return ItemRecord(
        id=str(item.record), activity="a", order="order-0001", task="t", target="x", path=item.path, image="",
        quicklook="", cloud=0.0, native_gsd_m=1.0, delivered_gsd_m=1.0, pixel_m=1.0, area_part=1.0,
        delivered=operator.now(), state=state,  # type: ignore[arg-type]
    )  # fmt: skip


def geotiff(folder: Path, west: float) -> bytes:
    import numpy as np
    import rasterio
    from rasterio.transform import Affine

    path = folder / "made.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=64, height=64, count=3, dtype="uint8", crs="EPSG:4326",
        transform=Affine(1 / 64, 0, west, 0, -1 / 64, 12),
    ) as image:  # fmt: skip
        image.write(np.arange(3 * 64 * 64).reshape(3, 64, 64).astype("uint8"))
        for band, name in enumerate(("red", "green", "blue"), 1):
            image.set_band_description(band, name)
    return path.read_bytes()


def ids(response) -> list[str]:
    assert response.status_code == 200, response.text
    return [one["id"] for one in response.json()["features"]]


def walk(client: TestClient, headers: dict[str, str], query: str) -> list[str]:
    found, url = [], f"/stac/search?{query}"
    while url:
        response = client.get(url, headers=headers)
        found += ids(response)
        url = next((one["href"] for one in response.json()["links"] if one["rel"] == "next"), None)
    return found


def test_a_tenant_finds_its_own_items_and_nothing_else(
    client: TestClient, archive: Operator, token: Headers
) -> None:
    own, others = {f"item-{k}" for k in range(5)}, {"item-5", "item-6"}
    assert set(walk(client, token["customer"], "limit=2")) == own
    assert set(walk(client, token["other_customer"], "limit=2")) == others
    assert set(walk(client, token["operator"], "limit=2")) == own | others
    assert walk(client, token["partner"], "limit=2") == []
    assert client.get("/stac/search").status_code == 401
    for path in ("", "/assets/image", "/preview.png", "/tilejson.json", "/tiles/0/0/0.png"):
        answer = client.get(f"/stac/collections/hr-scene/items/item-5{path}", headers=token["customer"])
        assert answer.status_code == 404, path
    collections = client.get("/stac/collections/hr-scene", headers=token["customer"]).json()
    assert collections["extent"]["spatial"]["bbox"] == [[42.0, 11.0, 43.0, 12.0]]


@pytest.mark.parametrize(
    "query, found",
    [
        ("bbox=41,10,44,13&datetime=2024-09-02T00:00:00Z/..&filter=eo:cloud_cover<30", [2, 1]),
        ("bbox=170,10,-170,13", []),
        ("datetime=2024-09-03T06:00:00Z", [2]),
        ("filter=NOT platform='Sat 1'&sortby=%2Bdatetime", [0, 2, 4]),
        ("filter=eo:cloud_cover IS NULL", [3]),
        ("sortby=-eo:cloud_cover&limit=2", [4, 2, 1, 0, 3]),
        ("ids=item-2,item-5", [2]),
        ("collections=hr-area", []),
        ('filter-lang=cql2-json&filter={"op":"in","args":[{"property":"id"},["item-1"]]}', [1]),
        ('intersects={"type":"Point","coordinates":[42.5,11.5]}&limit=3', [4, 3, 2, 1, 0]),
    ],
)
def test_a_search_by_query_finds_what_it_asks_for(
    client: TestClient, archive: Operator, token: Headers, query: str, found: list[int]
) -> None:
    assert walk(client, token["customer"], query) == [f"item-{k}" for k in found]


def test_a_search_by_body_goes_from_page_to_page(
    client: TestClient, archive: Operator, token: Headers
) -> None:
    body = {
        "limit": 2,
        "sortby": [{"field": "properties.eo:cloud_cover", "direction": "asc"}],
        "filter": {"op": "<=", "args": [{"property": "eo:cloud_cover"}, 20]},
        "fields": {"include": ["properties.eo:cloud_cover"]},
    }
    shown = {"type": "Feature", "stac_version": "1.1.0", "collection": "hr-scene"}
    first = client.post("/stac/search", json=body, headers=token["customer"])
    assert first.json()["features"] == [
        shown | {"id": f"item-{k}", "properties": {"eo:cloud_cover": 10.0 * k}} for k in (0, 1)
    ]
    following = next(one for one in first.json()["links"] if one["rel"] == "next")
    assert following["merge"] is True
    second = client.post("/stac/search", json=body | following["body"], headers=token["customer"])
    assert ids(second) == ["item-2"]
    assert not [one for one in second.json()["links"] if one["rel"] == "next"]


def test_fields_come_and_go(client: TestClient, archive: Operator, token: Headers) -> None:
    def first(fields: str) -> dict[str, object]:
        answer = client.get(f"/stac/search?ids=item-1&fields={fields}", headers=token["customer"])
        return answer.json()["features"][0]

    assert set(first("")["properties"]) == {"datetime", "start_datetime", "end_datetime"}
    assert set(first("-geometry")) == set(first("")) - {"geometry"}
    assert "gsd" in first("-geometry")["properties"]
    assert first("-properties,properties.gsd")["properties"] == {"gsd": 1.5}
    some = first("bbox,properties,-properties.gsd")
    assert set(some) == {"type", "stac_version", "id", "collection", "bbox", "properties"}
    assert "gsd" not in some["properties"]
    assert first("gsd")["properties"] == {"gsd": 1.5}
    assert client.post("/stac/search", json={"fields": None}, headers=token["customer"]).status_code == 400


def test_documents_are_valid_stac(client: TestClient, archive: Operator, token: Headers) -> None:
    from comity.imagery.products.schemas import validate, validate_item

    mine = token["customer"]
    validate(client.get("/stac").json())
    for collection in client.get("/stac/collections", headers=mine).json()["collections"]:
        validate(collection)
    for item in client.get("/stac/search?limit=1000000", headers=mine).json()["features"]:
        validate_item(item)


def test_files_are_read_once_accepted_and_only_those_of_the_item(
    client: TestClient, archive: Operator, token: Headers
) -> None:
    mine, here = token["customer"], "/stac/collections/hr-scene/items"
    item = client.get(f"{here}/item-0", headers=mine).json()
    assert item["properties"]["comity:state"] == "accepted"
    data = client.get(item["assets"]["image"]["href"], headers=mine | {"Range": "bytes=0-3"})
    assert (data.status_code, data.content[:2]) == (206, b"II")
    for range, status in (("bytes=x", 400), ("bytes=999999999-", 416)):
        bad = client.get(item["assets"]["image"]["href"], headers=mine | {"Range": range})
        assert (bad.status_code, bad.headers["content-type"]) == (status, "application/problem+json")
        assert bad.json()["errors"][0]["value"] == range
        assert ("content-range" in bad.headers) == (status == 416)
    assert client.get(f"{here}/item-0/assets/secret", headers=mine).status_code == 404
    assert client.get(f"{here}/item-0/assets/none", headers=mine).status_code == 404
    offered = client.get(f"{here}/item-4", headers=mine).json()
    assert "image" not in offered["assets"]
    assert client.get(offered["assets"]["quicklook"]["href"], headers=mine).status_code == 200
    assert client.get(f"{here}/item-4/assets/image", headers=mine).status_code == 403
    assert client.get(f"{here}/item-4/tiles/8/157/119.png", headers=mine).status_code == 403
    assert client.get(f"{here}/item-4/assets/image", headers=token["operator"]).status_code == 200


def test_previews_and_tiles_are_pictures(client: TestClient, archive: Operator, token: Headers) -> None:
    mine, here = token["customer"], "/stac/collections/hr-scene/items/item-0"
    for path in (
        "preview.png?max_size=32",
        "tiles/8/158/119.png",
        "preview.png?bands=red",
        "tiles/0/0/0.png",
    ):
        answer = client.get(f"{here}/{path}", headers=mine)
        assert (answer.status_code, answer.content[1:4]) == (200, b"PNG"), answer.text
    assert client.get(f"{here}/tiles/8/0/0.png", headers=mine).status_code == 404
    wrong = client.get(f"{here}/preview.png?bands=purple", headers=mine)
    assert wrong.status_code == 400
    assert str(archive.delivery) not in wrong.text and "/" not in wrong.json()["detail"]
    assert wrong.json()["errors"][0]["field"] == "query.bands"
    beside = client.get(f"{here}/tiles/5/32/0.png", headers=mine).json()["errors"][0]
    assert (beside["field"], beside["value"], beside["limit"]) == ("path.x", 32, 31)
    assert "{z}/{x}/{y}" in client.get(f"{here}/tilejson.json", headers=mine).json()["tiles"][0]


@pytest.mark.parametrize(
    "query, field",
    [
        ("bbox=1,2,3", "bbox"),
        ("bbox=0,0,nan,1", "bbox"),
        ("bbox=0,10,1,-10", "bbox"),
        ("bbox=0,0,1,1&intersects={}", "intersects"),
        ('intersects={"type":"Polygon","coordinates":[[[0,0],[1,1],[0,1],[1,0],[0,0]]]}', "intersects"),
        ("datetime=2024-09-22", "datetime"),
        ("datetime=../..", "datetime"),
        ("datetime=2024-09-22T00:00:00Z/2023-09-22T00:00:00Z", "datetime"),
        ("filter=nonsense = 1", "filter"),
        ("filter=gsd = 'x'", "filter"),
        ("filter=gsd =", "filter"),
        ("filter=gsd = 1&filter-lang=sql", "filter-lang"),
        ("sortby=nonsense", "sortby"),
        ("token=abc", "token"),
        ("limit=0", "limit"),
    ],
)
def test_bad_input_names_its_field(client: TestClient, token: Headers, query: str, field: str) -> None:
    answer = client.get(f"/stac/search?{query}", headers=token["customer"])
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["errors"][0]["field"] == f"query.{field}"


def test_an_huge_geometry_is_refused_with_its_limit(client: TestClient, token: Headers) -> None:
    ring = [[k / 1e6, 0] for k in range(100_000)] + [[0, 1], [0, 0]]
    body = {"intersects": {"type": "Polygon", "coordinates": [ring]}}
    answer = client.post("/stac/search", json=body, headers=token["customer"])
    assert answer.status_code == 400
    assert "more than 5000 vertices" in answer.json()["detail"]


def test_the_state_of_an_item_follows_the_customers_word(
    client: TestClient, archive: Operator, token: Headers
) -> None:
    with archive.store.begin() as work:
        work.items.put(replace(work.items.get("record-4"), state="accepted"))
    item = client.get("/stac/collections/hr-scene/items/item-4", headers=token["customer"]).json()
    assert item["properties"]["comity:state"] == "accepted"
    assert "image" in item["assets"]
