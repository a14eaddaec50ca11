"""The demo: one order for images of Djibouti and its rivals, from programme file to settlement."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pystac
import rasterio
import sqlalchemy as sa
from rasterio.warp import transform
from rio_cogeo.cogeo import cog_validate
from shapely.geometry import shape

from comity.core import Epoch
from comity.fleet import territory
from comity.imagery import validate_item
from comity.operations import Account, mosaic_items, read_account
from comity.planning import check
from comity.stores import SqlStore


def account_of(folder: Path) -> Account:
    store = SqlStore(str(folder / "comity.db"))
    try:
        return read_account(store, Epoch.from_iso("2024-10-01T00:00:00Z"))
    finally:
        store.close()


def test_every_plan_is_valid_and_not_above_its_bound(demo) -> None:
    plans = account_of(demo.folder).plans
    assert plans
    for plan in plans:
        assert check(plan.problem, plan.solution) == []
        assert 0 <= plan.solution.bound.value <= plan.solution.bound.upper


def test_every_task_left_out_has_a_reason(demo) -> None:
    account = account_of(demo.folder)
    for plan in account.plans:
        told = {reason.task for reason in plan.solution.reasons}
        left_out = {t.id for t in plan.problem.tasks if not plan.solution.task_values.get(t.id)}
        assert left_out <= told
    for task in account.tasks:
        if task.state in ("failed", "refused-by-rule"):
            assert task.reason_text


def test_own_territory_is_fine_and_the_neighbours_are_coarsened_or_refused_with_a_reason(demo) -> None:
    account = account_of(demo.folder)
    quotes = {quote.request: quote for quote in account.quotes}
    own = quotes["djibouti-territory"]
    assert all(d.effect == "allow" for d in own.decisions)
    bands = quotes["djibouti-border-bands"]
    effects = {d.effect for d in bands.decisions}
    assert effects & {"refuse", "coarsen"}
    assert all(d.rule and d.text for d in bands.decisions if d.effect != "allow")
    by_request = {order.request: order.id for order in account.orders}
    for item in account.items:
        if item.order == by_request.get("djibouti-border-bands"):
            assert item.delivered_gsd_m >= 5.0


def test_every_image_is_a_strict_cog_in_utm_and_every_item_validates(demo) -> None:
    images = sorted((demo.folder / "stac").rglob("*.tif"))
    items = account_of(demo.folder).items
    mosaics = list(mosaic_items(demo.folder))
    assert len(images) == len(items) + len(mosaics) > 20
    for path in images:
        valid, errors, warnings = cog_validate(path, strict=True)
        assert valid, (path, errors, warnings)
        with rasterio.open(path) as image:
            assert image.crs.is_projected
            assert image.width * image.height <= 20_000_000
    catalogue = pystac.Catalog.from_file(str(demo.folder / "stac" / "catalog.json"))
    found = list(catalogue.get_items(recursive=True))
    assert len(found) == len(items) + len(mosaics)
    for item in found:
        validate_item(item.to_dict())
        assert item.properties["comity:simulated"] is True


def test_the_mosaic_of_djibouti_shows_all_of_it_that_was_imaged_and_its_waters_where_they_are(demo) -> None:
    (item,) = (path for path in mosaic_items(demo.folder) if "djibouti-territory" in path.name)
    document = json.loads(item.read_text())
    asked = territory("Djibouti").geometry
    accepted = [i for i in account_of(demo.folder).items if i.order == document["properties"]["comity:order"]]
    shown = shape(document["geometry"])
    part = min(1.0, sum(i.area_part for i in accepted if i.state == "accepted"))
    assert shown.intersection(asked).area > 0.97 * part * asked.area
    assert {link["rel"] for link in document["links"]} >= {"derived_from", "collection"}
    with rasterio.open(item.with_suffix(".tif")) as image:
        # Lake Assal, its salt is to the north-west of it, and dry land halfway to Ethiopia.
        lake, land = ((42.41, 11.66), (42.60, 11.30))
        xs, ys = transform("OGC:CRS84", image.crs, *zip(lake, land, strict=True))
        nir = [value[image.descriptions.index("nir")] for value in image.sample(zip(xs, ys, strict=True))]
    assert 0 < nir[0] < 600 < nir[1]


def test_only_accepted_items_are_invoiced_and_refused_ones_break_the_cloud_limit(demo) -> None:
    account = account_of(demo.folder)
    limit = {task.id: task.max_cloud for task in account.tasks}
    invoiced = {t.memo.split()[1].rstrip(":") for t in account.ledger if t.kind == "invoice"}
    assert invoiced == {item.id for item in account.items if item.state == "accepted"}
    for item in account.items:
        assert item.state in ("accepted", "refused")
        assert (item.cloud <= limit[item.task]) == (item.state == "accepted")


def test_the_ledger_sums_to_zero_in_every_currency_and_partners_are_paid_what_customers_owe(demo) -> None:
    engine = sa.create_engine(f"sqlite:///{demo.folder / 'comity.db'}")
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT account, amount, currency FROM postings")).all()
    engine.dispose()
    assert rows
    for account, amount, currency in rows:
        sums[account.split(":")[0], currency] += Decimal(amount)
    for currency in {currency for _, currency in sums}:
        assert sum(amount for (_, c), amount in sums.items() if c == currency) == 0
    left = {key: amount for key, amount in sums.items() if key[0] in ("revenue", "pool") and amount}
    assert left == {}


def test_statements_and_exports_are_files_a_program_can_read(demo) -> None:
    account = account_of(demo.folder)
    for partner in account.programme.partners:
        text = (demo.folder / "statements" / f"{partner.id}.csv").read_text(encoding="utf-8")
        rows = list(csv.DictReader(io.StringIO(text)))
        assert all(row["partner"] == partner.id for row in rows)
    tasking = sorted((demo.folder / "export").rglob("tasking/*.json"))
    assert tasking
    for path in tasking:
        starts = [a["start_utc"] for a in json.loads(path.read_text())["activities"]]
        assert starts == sorted(starts)


def test_the_report_is_one_page_without_network(demo) -> None:
    page = (demo.folder / "report.html").read_text(encoding="utf-8")
    assert "SIMULATED" in page.upper()
    for word in ('src="http', "url(http", '<link rel="stylesheet"'):
        assert word not in page
    assert "report.html" in demo.out
    assert "each signature verified" in demo.out and "came over HTTP" in page


def test_one_image_came_from_packets_through_every_level(demo) -> None:
    frames = demo.folder / "frames"
    for level in ("pan.l0", "pan-l1a.tif", "pan-l1b.tif", "colours-l1b.camera.json"):
        assert (frames / level).stat().st_size > 0, level
    (item,) = (path for path in (frames / "product").glob("*.json") if "quality" not in path.name)
    document = json.loads(item.read_text())
    validate_item(document)
    assert document["properties"]["comity:simulated"] is True
    valid, errors, _ = cog_validate(item.with_suffix(".tif"), strict=True)
    assert valid, errors
    assert item.with_name(f"{item.stem}.quality.html").is_file()
