"""What a customer gets: an image in its place, a picture that says what it is, an Item that is true."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from PIL import Image
from pyproj import Transformer
from rio_cogeo.cogeo import cog_validate
from shapely.geometry import MultiPolygon, Point, Polygon, box

from comity.core import InputError
from comity.imagery import ItemFiles, make_item, validate_item
from unit.imagery.acquired import acquisition, tilted

# Places that no reading of a 1:10 000 000 chart puts on the other side of the coast.
SEA = [(43.05, 11.72), (43.22, 11.65)]
LAND = [(43.05, 11.5), (43.1, 11.48)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> ItemFiles:
    return make_item(acquisition(), tmp_path_factory.mktemp("made"), seed=1)


def counts(files: ItemFiles, *places: tuple[float, float]) -> NDArray[np.int64]:
    """Counts (places, bands) at lon, lat: read as any GIS would."""
    with rasterio.open(files.image) as image:
        there = Transformer.from_crs(4326, image.crs, always_xy=True)
        return np.array(list(image.sample([there.transform(*place) for place in places])), np.int64)


def test_the_image_is_a_cloud_optimised_geotiff_on_its_map(made: ItemFiles) -> None:
    assert cog_validate(str(made.image), strict=True) == (True, [], [])
    with rasterio.open(made.image) as image:
        assert image.crs.to_epsg() == 32638  # Djibouti lies at 43° E: UTM zone 38 north
        assert image.res == (30.0, 30.0)
        assert image.transform.c % 30 == 0  # images of a zone share their pixels
        assert image.dtypes == ("uint16",) * 4
        assert image.descriptions == ("blue", "green", "red", "nir")
        assert image.scales == (1e-4,) * 4
        assert image.nodata == 0
        assert "SIMULATED" in image.tags()["TIFFTAG_IMAGEDESCRIPTION"]


def test_sea_is_dark_and_desert_bright_where_they_really_are(made: ItemFiles) -> None:
    nir = counts(made, *SEA, *LAND)[:, 3] * 1e-4
    assert (nir[:2] < 0.05).all()
    assert (nir[2:] > 0.10).all()


def test_nothing_outside_the_footprint(made: ItemFiles) -> None:
    footprint = acquisition().footprint
    with rasterio.open(made.image) as image:
        valid = image.read(1) != 0
        assert image.read_masks(1).any()
        back = Transformer.from_crs(image.crs, 4326, always_xy=True)
        rows, cols = np.mgrid[0 : image.height : 40, 0 : image.width : 40]
        lon, lat = back.transform(*rasterio.transform.xy(image.transform, rows.ravel(), cols.ravel()))
    inside = [footprint.contains(Point(x, y)) for x, y in zip(lon, lat, strict=True)]
    assert 0.05 < 1 - np.mean(inside) < 0.5
    assert (valid[::40, ::40].ravel() == inside).all()


def test_the_item_tells_the_truth_about_its_files(made: ItemFiles) -> None:
    item = json.loads(made.item.read_text(encoding="utf-8"))
    validate_item(item)
    properties = item["properties"]
    assert properties["comity:simulated"] is True
    assert (properties["comity:native_gsd_m"], properties["gsd"]) == (12.4, 30.0)
    assert properties["proj:code"] == "EPSG:32638"
    assert properties["providers"][0] == {"name": "Roscosmos", "roles": ["producer", "licensor"]}
    assert properties["comity:elements_age_h"] == 8.33
    for key, path in (("image", made.image), ("quicklook", made.quicklook)):
        asset = item["assets"][key]
        assert (made.item.parent / asset["href"]).resolve() == path.resolve()
        assert asset["file:size"] == path.stat().st_size
        assert asset["file:checksum"] == "1220" + hashlib.sha256(path.read_bytes()).hexdigest()
    with rasterio.open(made.image) as image:
        assert item["assets"]["image"]["proj:shape"] == list(image.shape)
        assert item["assets"]["image"]["proj:transform"][:6] == list(image.transform)[:6]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("properties", "datetime"), "yesterday"),
        (("bbox",), [43.0, 11.0]),
        (("properties", "eo:cloud_cover"), 140),
        (("properties", "view:sun_azimuth"), 400.0),
        (("properties", "sat:orbit_state"), "sideways"),
        (("properties", "proj:code"), 32638),
        (("assets", "image", "raster:bands", 0, "data_type"), "uint61"),
        (("assets", "image", "eo:bands", 0, "common_name"), "ultraviolet"),
        (("assets", "image", "file:checksum"), "not hexadecimal"),
        (("properties", "processing:software"), "comity"),
        (("stac_extensions",), ["https://example.org/unheard-of/v1.0.0/schema.json"]),
    ],
)
def test_validation_catches_what_core_and_each_extension_forbid(
    made: ItemFiles, path: tuple[str | int, ...], value: Any
) -> None:
    item = json.loads(made.item.read_text(encoding="utf-8"))
    at: Any = item
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    with pytest.raises(InputError, match=r"KV3-0001"):
        validate_item(item)


def test_the_quicklook_is_marked_and_shows_land_and_sea(made: ItemFiles) -> None:
    with Image.open(made.quicklook) as opened:
        picture = np.asarray(opened.convert("RGB")).astype(int)
    banner = picture[made.height + 2 :] if max(made.width, made.height) <= 1024 else picture[-50:]
    badge = (np.abs(banner - (255, 176, 59)).sum(axis=2) < 8).sum()
    letters = (banner.min(axis=2) > 180).sum()
    assert badge > 1000  # the block that SIMULATED stands on
    assert letters > 300
    blank = make_item(acquisition(id="KV3-0001b", target="Elsewhere"), made.item.parent, seed=1)
    assert blank.quicklook.read_bytes() != made.quicklook.read_bytes()


def test_the_same_acquisition_gives_the_same_bytes_and_is_kept(tmp_path: Path) -> None:
    cloudy = acquisition(cloud=0.3, delivered_gsd_m=90.0)
    first, again = (make_item(cloudy, tmp_path / name, seed=5) for name in "ab")
    for one, other in (
        (first.image, again.image),
        (first.quicklook, again.quicklook),
        (first.item, again.item),
    ):
        assert one.read_bytes() == other.read_bytes()
    before = first.image.stat().st_mtime_ns
    assert make_item(cloudy, tmp_path / "a", seed=5).reused
    assert first.image.stat().st_mtime_ns == before
    # A file that was cut short, as by a kill, is made again.
    first.image.write_bytes(first.image.read_bytes()[:-100])
    assert not make_item(cloudy, tmp_path / "a", seed=5).reused
    assert first.image.read_bytes() == again.image.read_bytes()
    assert not make_item(cloudy, tmp_path / "a", seed=6).reused


def test_pixels_are_coarsened_to_the_limit_and_say_so(tmp_path: Path) -> None:
    files = make_item(acquisition(), tmp_path, seed=1, max_pixels=100_000)
    assert 80_000 < files.width * files.height <= 100_000
    item = json.loads(files.item.read_text(encoding="utf-8"))
    assert item["properties"]["gsd"] == files.pixel_m > 100
    assert item["properties"]["comity:native_gsd_m"] == 12.4


@pytest.mark.parametrize(
    ("footprint", "epsg"),
    [
        (tilted(-21.9, 64.1, 0.05), 32627),
        (tilted(106.8, -6.2, 0.05), 32748),
        (MultiPolygon([box(179.9, -17, 180, -16.8), box(-180, -17, -179.8, -16.8)]), 32701),
        (Polygon([(30, 86), (34, 86), (34, 86.3), (30, 86.3)]), 5041),
    ],
)
def test_zones_south_antimeridian_and_pole(tmp_path: Path, footprint: Polygon, epsg: int) -> None:
    files = make_item(acquisition(footprint=footprint), tmp_path, seed=1, max_pixels=40_000)
    with rasterio.open(files.image) as image:
        assert image.crs.to_epsg() == epsg
        assert (image.read(1) != 0).mean() > 0.5
    assert cog_validate(str(files.image), strict=True)[0]
    west, _, east, _ = json.loads(files.item.read_text(encoding="utf-8"))["bbox"]
    assert (west > east) == (epsg == 32701)


def test_a_thermal_band_reads_as_temperature(tmp_path: Path) -> None:
    wide = acquisition(bands=("red", "nir", "swir16", "lwir11"))
    files = make_item(wide, tmp_path, seed=1, max_pixels=40_000)
    kelvin = counts(files, *SEA, *LAND)[:, 3] * 0.01
    assert (np.abs(kelvin[:2] - 305) < 6).all()  # the Gulf of Tadjoura in September: about 31 °C
    assert (kelvin[2:] > kelvin[:2] + 3).all()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"footprint": Polygon()}, "empty"),
        ({"footprint": Point(43, 11)}, "polygon"),
        ({"bands": ("blue", "purple")}, "purple"),
        ({"bands": ()}, "no bands"),
        ({"bands": ("red", "red")}, "twice"),
        ({"cloud": 20.0}, "0…1"),
        ({"delivered_gsd_m": 2.0}, "finer"),
        ({"id": "/"}, "id"),
    ],
)
def test_bad_input_is_refused_and_nothing_written(
    tmp_path: Path, changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        make_item(acquisition(**changed), tmp_path, seed=1)
    assert list(tmp_path.rglob("*")) == []


def test_a_folder_that_cannot_be_made_or_a_full_disk_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="cannot be a folder"):
        make_item(acquisition(), tmp_path / "file", seed=1)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InputError, match=r"cannot write .*KV3-0001\.tif: No space left"):
        make_item(acquisition(delivered_gsd_m=200.0), tmp_path, seed=1)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "file"]
