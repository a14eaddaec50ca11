"""A customer's product: what is in the folder is true, whole, and only there when it is right."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from PIL import Image
from rio_cogeo.cogeo import cog_validate

from comity.core import Epoch, InputError
from comity.imagery import validate_item, write_catalogue
from comity.imagery.geometry.dem import Dem
from comity.imagery.processing.masks import CLOUD
from comity.imagery.products.facts import SceneFacts
from comity.imagery.products.making import ProductFiles, make_product
from unit.imagery.products.pairs import GSD_M, PAN, TIME, XS, Files, write_area
from unit.imagery.sensed import LAT, LON, write_dem, write_image

FACTS = SceneFacts(
    start=Epoch.from_iso(TIME),
    platform="Testsat 1",
    sun_elevation_deg=60.0,
    sun_azimuth_deg=100.0,
    providers=(("Djibouti", "producer"),),
    licence="CC-BY-4.0",
    orbit_state="descending",
)


def make(files: Files, out: Path, **more: Any) -> ProductFiles:
    options = {"geoid": "none", "facts": FACTS} | more
    return make_product(files.pan, files.xs, files.dem, options.pop("area", files.area), out, **options)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("pair"))


@pytest.fixture(scope="module")
def made(files: Files, tmp_path_factory: pytest.TempPathFactory) -> ProductFiles:
    folder = tmp_path_factory.mktemp("made")
    points = folder / "points.csv"
    heights = Dem(files.dem, "none").heights
    lines = ["id,lon,lat,column,row"]
    for number, (dx, dy) in enumerate([(-0.004, 0.003), (0.004, 0.002), (0.001, -0.004), (-0.003, -0.003)]):
        lon, lat = LON + dx, LAT + dy
        col, row = PAN.project(lon, lat, heights(lon, lat))
        lines.append(f"{number},{lon},{lat},{float(col) + 0.5},{float(row)}")
    points.write_text("\n".join(lines), encoding="utf-8")
    return make(files, folder / "lac", reference=points)


def test_the_images_are_strict_cogs_on_one_grid_with_overviews_and_statistics(made: ProductFiles) -> None:
    for path in (made.image, made.mask):
        assert cog_validate(str(path), strict=True) == (True, [], [])
    with rasterio.open(made.image) as image, rasterio.open(made.mask) as mask:
        assert image.descriptions == ("red", "green", "blue", "nir")
        assert (image.shape, image.transform, image.crs) == (mask.shape, mask.transform, mask.crs)
        assert image.crs.to_epsg() == 32638
        assert image.nodata == 0
        assert image.scales == (1e-4,) * 4
        pixels, classes = image.read(), mask.read(1)
        seen = pixels[0] != 0
        assert ((classes != 0) == seen).all()
        assert float(image.tags(1)["STATISTICS_MEAN"]) == pytest.approx(pixels[0][seen].mean(), rel=1e-6)
    assert made.pixel_m == pytest.approx(GSD_M, rel=0.02)


def test_cloud_is_where_it_is_and_the_ground_is_not(made: ProductFiles, files: Files) -> None:
    with rasterio.open(made.image) as image, rasterio.open(made.mask) as mask:
        blue, classes = image.read(3), mask.read(1)
    white = blue > 4000
    assert 0.02 < white.mean() < 0.2
    assert (classes[white] == CLOUD).mean() > 0.97
    assert (classes == CLOUD).sum() < 1.4 * white.sum()
    assert made.cloud == pytest.approx((classes == CLOUD).sum() / (classes != 0).sum(), abs=0.01)
    assert made.usable <= 1.0 - made.cloud


def test_the_item_is_valid_and_true(made: ProductFiles) -> None:
    item = json.loads(made.item.read_text(encoding="utf-8"))
    validate_item(item)
    told = {uri.split("/")[3] for uri in item["stac_extensions"]}
    assert told == {"eo", "file", "processing", "projection", "raster", "sat", "view"}
    properties = item["properties"]
    assert properties["eo:cloud_cover"] == pytest.approx(100 * made.cloud, abs=0.01)
    assert properties["view:sun_elevation"] == 60.0
    # The camera leans by 0.3 of the height.
    assert properties["view:incidence_angle"] == pytest.approx(np.degrees(np.arctan(0.3)), abs=1.0)
    assert properties["license"] == "CC-BY-4.0"
    assert properties["providers"][0] == {"name": "Djibouti", "roles": ["producer"]}
    assert properties["comity:simulated"] is False
    assert "SIMULATED" not in json.dumps(item)
    assert {"image", "mask", "quicklook", "thumbnail", "quality"} <= set(item["assets"])
    for asset in item["assets"].values():
        path = made.folder / asset["href"]
        assert asset["file:size"] == path.stat().st_size
        assert asset["file:checksum"] == "1220" + hashlib.sha256(path.read_bytes()).hexdigest()
    with Image.open(made.thumbnail) as thumbnail:
        assert max(thumbnail.size) <= 256


def test_the_catalogue_takes_it(made: ProductFiles, tmp_path: Path) -> None:
    item = tmp_path / "items" / made.item.name
    item.parent.mkdir()
    item.write_bytes(made.item.read_bytes())
    catalogue = json.loads(write_catalogue(tmp_path, [item], title="Taken").read_text(encoding="utf-8"))
    assert "simulated" not in catalogue["description"].lower()


class Page(HTMLParser):
    """What a page says and what it would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.text, self.fetched = "", 0

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        sources = [value or "" for name, value in attrs if name in ("src", "href")]
        self.fetched += sum(not value.startswith("data:") for value in sources)


def test_the_report_says_what_the_record_says_and_fetches_nothing(made: ProductFiles) -> None:
    record = json.loads(made.figures.read_text(encoding="utf-8"))
    page = Page()
    page.feed(made.report.read_text(encoding="utf-8"))
    assert page.fetched == 0
    assert f"{100 * made.cloud:.1f} %" in page.text
    assert f"{record['geometry']['error']['rms_m']:.2f} m" in page.text
    assert "Nothing in this product is simulated" in page.text
    assert [one["name"] for one in record["files"]] == [
        made.image.name,
        made.mask.name,
        made.quicklook.name,
        made.thumbnail.name,
    ]


def test_half_a_pixel_at_the_reference_points_is_half_a_pixel_in_the_report(made: ProductFiles) -> None:
    error = json.loads(made.figures.read_text(encoding="utf-8"))["geometry"]["error"]
    assert error["points"] == 4
    assert error["rms_m"] == pytest.approx(0.5 * GSD_M, rel=0.05)
    assert made.location_rms_m == error["rms_m"]


def test_what_is_simulated_is_marked_everywhere(tmp_path: Path) -> None:
    made = make(Files(tmp_path, SIMULATED="YES", COMITY_START=TIME), tmp_path / "sim")
    item = json.loads(made.item.read_text(encoding="utf-8"))
    assert item["properties"]["comity:simulated"] is True
    assert item["properties"]["title"].startswith("SIMULATED")
    for path in (made.image, made.mask):
        with rasterio.open(path) as image:
            assert image.tags()["SIMULATED"] == "YES"
    with Image.open(made.quicklook) as opened:
        picture = np.asarray(opened.convert("RGB")).astype(int)
    assert (np.abs(picture[-50:] - (255, 176, 59)).sum(axis=2) < 8).sum() > 1000
    assert "SIMULATED" in made.report.read_text(encoding="utf-8")


def test_a_part_of_the_area_is_refused_unless_asked_for(files: Files, tmp_path: Path) -> None:
    area = write_area(tmp_path / "wide.geojson", 0.007, lon=LON + 0.01)
    with pytest.raises(InputError, match=r"wide\.geojson: the image shows \d+\.\d % of the area"):
        make(files, tmp_path / "part", area=area)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["wide.geojson"]
    made = make(files, tmp_path / "part", area=area, least_coverage=None)
    assert 0.3 < made.coverage < 0.95
    item = json.loads(made.item.read_text(encoding="utf-8"))
    assert item["properties"]["comity:area_covered"] == pytest.approx(100 * made.coverage, abs=0.01)


def broken(files: Files, folder: Path, what: str) -> dict[str, Any]:
    """A call that cannot succeed."""
    bad = folder / "bad.tif"
    if what == "outside":
        return {"area": write_area(folder / "away.geojson", 0.01, lon=LON + 1.0)}
    if what == "cut short":
        bad.write_bytes(files.pan.read_bytes()[:-5000])
        return {"pan": bad}
    if what == "point":
        bad = folder / "point.geojson"
        bad.write_text(json.dumps({"type": "Point", "coordinates": [LON, LAT]}), encoding="utf-8")
        return {"area": bad}
    if what == "one band missing":
        with rasterio.open(files.xs) as source:
            write_image(bad, source.read([1, 2]), XS)
        return {"xs": bad}
    if what == "swapped":
        return {"pan": files.xs, "xs": files.pan}
    if what == "no relief":
        return {"dem": write_dem(folder / "small.tif", reach_deg=0.003)}
    if what == "no time":
        return {"facts": None}
    assert what == "occupied"
    (folder / "product").mkdir()
    (folder / "product" / "thesis.txt").write_text("mine", encoding="utf-8")
    return {}


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("outside", r"away\.geojson lies outside the image: the area spans"),
        ("cut short", r"bad\.tif"),
        ("point", r"point\.geojson holds a point"),
        ("one band missing", r"bad\.tif has 2 band"),
        ("swapped", r"xs\.tif has 4 bands: a panchromatic image has one"),
        ("no relief", r"small\.tif"),
        ("no time", r"does not say when it was taken"),
        ("occupied", r"product holds other files"),
    ],
)
def test_bad_input_is_named_and_leaves_nothing(files: Files, tmp_path: Path, what: str, message: str) -> None:
    inputs: dict[str, Any] = {"pan": files.pan, "xs": files.xs, "dem": files.dem, "area": files.area}
    inputs |= {"facts": FACTS} | broken(files, tmp_path, what)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=message):
        make_product(out=tmp_path / "product", geoid="none", **inputs)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_disk_that_fills_leaves_neither_folder_nor_parts(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InputError, match=r"cannot write .*No space left"):
        make(files, tmp_path / "product")
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_was_killed_leaves_no_product_and_goes_on(files: Files, tmp_path: Path) -> None:
    out = tmp_path / "product"
    script = (
        "import sys, time; from pathlib import Path\n"
        "from comity.imagery.products import making\n"
        "from unit.imagery.products.test_making import FACTS\n"
        "done = making.mask_image\n"
        "def wait(*a, **k): print('here', flush=True); time.sleep(60)\n"
        "making.mask_image = wait\n"
        f"making.make_product(Path({str(files.pan)!r}), Path({str(files.xs)!r}), Path({str(files.dem)!r}),"
        f" Path({str(files.area)!r}), Path({str(out)!r}), geoid='none', facts=FACTS)\n"
    )
    tests = str(Path(__file__).parents[3])
    child = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": tests},
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == b"here\n"
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
        if child.stdout is not None:
            child.stdout.close()
    assert not out.exists()
    kept = tmp_path / ".product.work" / "product.sharp.tif"
    made_at = kept.stat().st_mtime_ns
    seen: list[int] = []

    def watch(done: float, total: float, message: str, /) -> None:
        if kept.exists():
            seen.append(kept.stat().st_mtime_ns)

    made = make(files, out, progress=watch)
    assert made.item.is_file()
    assert seen[0] == made_at
    assert [path.name for path in tmp_path.iterdir()] == ["product"]


def test_bands_of_floats_with_holes_make_a_product_of_counts(files: Files, tmp_path: Path) -> None:
    with rasterio.open(files.xs) as source:
        values = source.read().astype(np.float32)
    values[:, 20:24, 20:24] = np.nan
    bad = write_image(tmp_path / "floats.tif", values, XS)
    made = make_product(
        files.pan,
        bad,
        files.dem,
        files.area,
        tmp_path / "p",
        geoid="none",
        facts=FACTS,
        bands=files_bands(files),
    )
    item = json.loads(made.item.read_text(encoding="utf-8"))
    assert item["assets"]["image"]["bands"][0]["nodata"] == "nan"
    assert "not calibrated" in item["properties"]["comity:values"]
    with Image.open(made.quicklook) as picture:
        assert np.asarray(picture.convert("L")).std() > 10.0


def files_bands(files: Files) -> tuple[str, ...]:
    with rasterio.open(files.xs) as source:
        return tuple(source.descriptions)
