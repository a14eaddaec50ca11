"""Two dates and many: a known change in two UTM zones, a lazy series, files that are whole."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import rasterio.warp
import xarray as xr
from rasterio.windows import Window
from rio_cogeo.cogeo import cog_validate
from shapely.geometry import box

from comity.core import InputError
from comity.imagery.processing.masks import CLASSES
from comity.imagery.reading import change, open_source, series, summarise_series, write_index, write_series
from comity.imagery.reading.grids import GridReader, common_grid
from unit.imagery.reading.fields import LAT, LON, make_image, make_item, plane

AREA = box(LON - 0.04, LAT - 0.03, LON + 0.03, LAT + 0.04)


def field(slope: float = 0.0) -> dict[str, Any]:
    return {"red": lambda lon, lat: 0.2 + 0.0 * lon, "nir": lambda lon, lat: plane(lon, lat) + slope}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three dates: in zone 38, in zone 37 with coarser pixels and more by 0.1, and elsewhere."""
    home = tmp_path_factory.mktemp("series")
    for name, when, more in (
        ("a", "2024-09-01T07:00:00Z", {}),
        ("b", "2024-10-01T07:00:00Z", {"epsg": 32637, "pixel": 150.0, "size": (200, 200)}),
        ("c", "2024-11-01T07:00:00Z", {"centre": (44.0, 12.0)}),
    ):
        image = make_image(home / f"{name}.tif", field(0.1 if name == "b" else 0.0), **more)
        make_item(image, when, ["red", "nir"])
    return home


def test_a_known_change_between_two_zones(folder: Path, tmp_path: Path) -> None:
    made = change(
        folder / "a.json", folder / "b.json", tmp_path / "c.tif", expression="nir", area=AREA, threshold=0.09
    )
    assert made.mean == pytest.approx(0.1, abs=1e-4)
    assert made.p5 == pytest.approx(0.1, abs=1e-3)
    assert made.p95 == pytest.approx(0.1, abs=1e-3)
    assert made.seconds == 30 * 86_400
    assert (made.epsg, made.pixel_m) == (32637, 150.0), "on the coarser one's own grid"
    assert made.compared > 0.99
    # 0.07° × 0.07° at 11.5° N (WGS 84: 109.1 and 110.6 km a degree)
    assert made.gained_km2 == pytest.approx(0.07**2 * 109.08 * 110.62, rel=0.01)
    assert made.lost_km2 == 0.0
    assert cog_validate(str(tmp_path / "c.tif"), strict=True)[0]
    with rasterio.open(tmp_path / "c.tif") as image:
        before, after, difference = image.read()
        assert image.descriptions == ("before", "after", "change")
        np.testing.assert_allclose(difference, after - before)
    same = change(folder / "a.json", folder / "a.json", tmp_path / "d.tif", expression="nir", threshold=1e-6)
    assert (same.rms, same.gained_km2, same.lost_km2) == (0.0, 0.0, 0.0)
    assert same.epsg == 32638


def test_nothing_in_common_is_told(folder: Path, tmp_path: Path) -> None:
    for area, said in ((None, "no ground in common"), (AREA, r"c\.tif does not show the area")):
        with pytest.raises(InputError, match=said):
            change(folder / "a.json", folder / "c.json", tmp_path / "x.tif", expression="nir", area=area)
    assert not list(tmp_path.iterdir())


def test_an_index_of_a_whole_image(folder: Path, tmp_path: Path) -> None:
    made = write_index(folder / "a.json", tmp_path / "ndvi.tif", expression="ndvi")
    with rasterio.open(folder / "a.tif") as source, rasterio.open(tmp_path / "ndvi.tif") as image:
        assert image.transform == source.transform
        red, nir = source.read() * 1e-4
        np.testing.assert_allclose(image.read(1), (nir - red) / (nir + red), atol=2e-6)
        assert made.mean == pytest.approx(image.read(1).mean(), abs=1e-5)
    assert cog_validate(str(tmp_path / "ndvi.tif"), strict=True) == (True, [], [])


def test_a_series_of_different_zones(folder: Path) -> None:
    items = [folder / f"{name}.json" for name in "cba"]
    data = series(items, AREA, expressions={"green": "ndvi", "near": "nir"})
    assert list(data["item"].values) == ["a", "b"], "in order of time; c is beside the area"
    assert data.attrs["left_out"] == "c"
    assert data["cloud_cover"].values.tolist() == [3.5, 3.5]
    assert data["spatial_ref"].attrs["projected_crs_name"] == "WGS 84 / UTM zone 37N"
    near = data["near"].values
    inside = np.isfinite(near).all(axis=0)
    assert inside.mean() > 0.9
    np.testing.assert_allclose((near[1] - near[0])[inside], 0.1, atol=1e-3)
    figures = summarise_series(data)
    assert [(one.item, one.name) for one in figures] == [
        ("a", "green"),
        ("b", "green"),
        ("a", "near"),
        ("b", "near"),
    ]
    assert figures[2].mean == pytest.approx(np.nanmean(near[0]), abs=1e-6)
    assert figures[2].valid == pytest.approx(1.0, abs=0.01)


def test_a_slice_reads_its_window_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[tuple[str, int, int]] = []
    honest = GridReader.__call__

    def noted(self: GridReader, window: Window) -> Any:
        read.append((self.source.id, window.height, window.width))
        return honest(self, window)

    monkeypatch.setattr(GridReader, "__call__", noted)
    # 12 billion pixels, were they ever read
    data = series([folder / "a.json", folder / "b.json"], AREA, bands=["nir"], pixel_m=0.1)
    assert data["nir"].size > 1e10
    assert read == []
    part = data["nir"].isel(time=1, y=slice(40_000, 40_010), x=slice(30_000, 30_040, 2))
    assert part.values.shape == (10, 20)
    assert read == [("b", 10, 39)]
    corner = data["nir"].sel(x=float(data["x"][30_000]), y=float(data["y"][40_000]), time="2024-10-01").values
    assert corner.ravel()[0] == part.values[0, 0]


def test_a_series_as_netcdf_and_on_dask(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("dask")
    data = series([folder / "a.json", folder / "b.json"], AREA)
    path = write_series(data, tmp_path / "s.nc")
    with xr.open_dataset(path, decode_coords="all") as back:
        assert set(back.data_vars) == {"red", "nir"}
        assert back["nir"].attrs["units"] == "1"
        assert list(back["time"].values) == list(data["time"].values)
        np.testing.assert_array_equal(back["nir"].values, data["nir"].values)
        assert "spatial_ref" in back.coords
    chunked = data["nir"].chunk(time=1, y=20, x=20).mean("time").compute(scheduler="threads").values
    np.testing.assert_allclose(chunked, data["nir"].values.mean(axis=0), rtol=1e-6)
    with pytest.raises(InputError, match=r"written as \.nc"):
        write_series(data, tmp_path / "s.xlsx")


def test_a_reader_travels(folder: Path) -> None:
    source = open_source(folder / "a.json")
    grid = common_grid([source], AREA)
    reader = GridReader(source, grid, source.bands)
    window = Window(3, 5, 7, 6)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(reader))(window), reader(window))


def test_what_a_series_cannot_be_made_of(folder: Path, tmp_path: Path) -> None:
    undated = make_image(tmp_path / "u.tif", field(), date=None)
    for items, more, said in (
        ([], {}, "needs images"),
        ([folder / "c.json"], {}, "none of the 1 images shows the area"),
        ([undated], {}, r"u\.tif has no date"),
        ([folder / "a.json"], {"pixel_m": 0.01}, "more than 10,000,000,000 pixels"),
        ([folder / "a.json"], {"bands": ["blue"]}, "has no band 'blue'"),
        ([folder / "a.json"], {"bands": ["nir"], "expressions": ["ndvi"]}, "not both"),
    ):
        with pytest.raises(InputError, match=said):
            series(items, AREA, **more)


def test_clouds_and_shadows_of_the_mask_are_left_out(folder: Path, tmp_path: Path) -> None:
    """A cloud over the west half of the first date, its shadow in the north-east of the second."""
    items = []
    for name, (rows, cols), kind in (
        ("d", (slice(None), slice(0, 150)), 4),
        ("e", (slice(0, 120), slice(150, None)), 3),
    ):
        image = make_image(tmp_path / f"{name}.tif", field())
        item = make_item(image, f"2024-09-0{len(items) + 1}T07:00:00Z", ["red", "nir"])
        with rasterio.open(image) as source:
            profile = {**source.profile, "count": 1, "dtype": "uint8"}
        classes = np.ones((240, 300), np.uint8)
        classes[rows, cols] = kind
        with rasterio.open(tmp_path / f"{name}.mask.tif", "w", **profile) as mask:
            mask.write(classes, 1)
        document = json.loads(item.read_text())
        document["assets"]["mask"] = {
            "href": f"./{name}.mask.tif", "type": "image/tiff",
            "roles": ["metadata", "cloud", "cloud-shadow"],
            "description": "; ".join(f"{value} {what}" for value, what in CLASSES.items()),
        }  # fmt: skip
        item.write_text(json.dumps(document))
        items.append(item)
    all_of_it = box(*open_bounds(tmp_path / "d.tif"))
    data = series(items, all_of_it, bands=["nir"], clear_only=True)
    seen = [one.valid for one in summarise_series(data)]
    assert seen == pytest.approx([0.5, 0.75], abs=0.03)
    made = change(*items, tmp_path / "c.tif", expression="nir", clear_only=True)
    assert made.compared == pytest.approx(0.25, abs=0.01)
    assert made.rms == 0.0
    coarse = series(items, all_of_it, bands=["nir"], clear_only=True, pixel_m=700.0)
    assert summarise_series(coarse)[0].valid < 0.5, "a pixel that touches a cloud is out"
    with pytest.raises(InputError, match=r"a\.json has no mask of clouds"):
        series([folder / "a.json"], AREA, clear_only=True)


def open_bounds(path: Path) -> tuple[float, float, float, float]:
    with rasterio.open(path) as image:
        return rasterio.warp.transform_bounds(image.crs, 4326, *image.bounds)
