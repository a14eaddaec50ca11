"""Coverage as files: what is read back is what was computed, where it was computed."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from comity.access.coverage import (
    Coverage,
    Grid,
    box,
    country,
    equal_area_grid,
    healpix_grid,
    lat_lon_grid,
    points_grid,
)
from comity.access.coverage.dataset import coverage_dataset
from comity.access.coverage.maps import _scaled, write_map
from comity.access.coverage.outlines import lines_in
from comity.access.coverage.summary import summarise
from comity.access.coverage.writers import check_output, write_coverage
from comity.core import InputError
from unit.access.made_coverage import START, made_coverage

GRIDS = {
    "world": lambda: lat_lon_grid(10.0),
    "country": lambda: lat_lon_grid(0.25, country("DJI")),
    "antimeridian": lambda: lat_lon_grid(5.0, box(170.0, -20.0, -170.0, 10.0)),
    "equal-area": lambda: equal_area_grid(800_000.0),
    "healpix": lambda: healpix_grid(4),
    "points": lambda: points_grid([(43.1, 11.6), (37.6, 55.7)], ["Djibouti", "Moscow"]),
}


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
@pytest.mark.parametrize("name", GRIDS)
def test_every_bit_comes_back(name: str, suffix: str, tmp_path: Path) -> None:
    if suffix == ".zarr":
        pytest.importorskip("zarr")
    coverage = made_coverage(GRIDS[name]())
    path = write_coverage(coverage, tmp_path / f"out{suffix}", {"history": "made"})
    options = {"engine": "netcdf4"} if suffix == ".nc" else {"engine": "zarr", "consolidated": False}
    with xr.open_dataset(path, **options) as back:
        back.load()
        made = coverage_dataset(coverage)
        assert set(back.variables) == set(made.variables)
        for variable in made.variables:
            ours, theirs = made[variable].values, back[variable].values
            assert ours.tolist() == theirs.tolist() or ours.tobytes() == theirs.tobytes(), variable
            assert ours.dtype.kind in "OUT" or ours.dtype == theirs.dtype, variable
        assert (back.attrs["Conventions"], back.attrs["history"]) == ("CF-1.11", "made")
        assert back.attrs["sensor"] == "off-nadir ≤ 30°"
        assert back.time.attrs["bounds"] == "time_bnds"
        assert back.time_bnds.values[0] == np.datetime64(START.utc_unix_ns, "ns")
        assert back.revisit_mean.attrs["units"] == "s", "a duration is a number of seconds, not a timedelta"


def test_a_geotiff_holds_each_cell_at_its_place(tmp_path: Path) -> None:
    rasterio = pytest.importorskip("rasterio")
    grid = lat_lon_grid(0.25, country("DJI"))
    coverage = made_coverage(grid)
    path = write_coverage(coverage, tmp_path / "out.tif")
    with rasterio.open(path) as image:
        assert image.crs.to_epsg() == 4326
        assert np.isnan(image.nodata)
        bands = {name: number for number, name in enumerate(image.descriptions, start=1)}
        wanted = {
            "looks": coverage.looks.astype(float),
            "revisit_mean": coverage.revisit_mean_s,
            "revisit_p95": coverage.revisit_percentiles_s[:, 1],
            "longest_gap": coverage.longest_gap_s,
        }
        for name, values in wanted.items():
            # a cell's own point: inside the country, and so inside the pixel
            places = zip(grid.lon_deg, grid.lat_deg, strict=True)
            found = np.array([value[0] for value in image.sample(places, indexes=bands[name])])
            np.testing.assert_array_equal(found, values)
        assert image.units[bands["revisit_mean"] - 1] == "s"
        outside = next(image.sample([(image.bounds.left + 0.01, image.bounds.bottom + 0.01)]))
        assert np.isnan(outside).all(), "the corner of the box is not Djibouti"


def test_a_geotiff_across_the_antimeridian_stays_in_one_piece(tmp_path: Path) -> None:
    rasterio = pytest.importorskip("rasterio")
    grid = lat_lon_grid(5.0, box(170.0, -20.0, -170.0, 10.0))
    with rasterio.open(write_coverage(made_coverage(grid), tmp_path / "out.tif")) as image:
        assert (image.bounds.left, image.bounds.right, image.width) == (170.0, 190.0, 4)


def test_grids_without_rows_are_no_geotiff(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="healpix grid has not"):
        write_coverage(made_coverage(healpix_grid(2)), tmp_path / "out.tif")
    with pytest.raises(InputError, match=r"no suffix that says"):
        check_output(tmp_path / "out.xyz")
    assert list(tmp_path.iterdir()) == []


def test_without_zarr_the_message_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(InputError, match=r"comity\[zarr\]"):
        write_coverage(made_coverage(healpix_grid(2)), tmp_path / "out.zarr")


def test_a_folder_that_is_no_store_is_left_alone(tmp_path: Path) -> None:
    pytest.importorskip("zarr")
    folder = tmp_path / "precious.zarr"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="other than a Zarr store"):
        write_coverage(made_coverage(healpix_grid(2)), folder)
    assert (folder / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("suffix", [".nc", ".zarr", ".tif", ".png"])
def test_what_is_interrupted_leaves_the_old_file(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    coverage = made_coverage(lat_lon_grid(30.0))
    path = write_coverage(coverage, tmp_path / f"out{suffix}")

    def files() -> dict[str, bytes]:
        return {str(p): p.read_bytes() for p in sorted(tmp_path.rglob("*")) if p.is_file()}

    before = files()

    def interrupted(_: object, part: Path, *__: object, **___: object) -> None:
        half = part / "half" if suffix == ".zarr" else part
        half.parent.mkdir(exist_ok=True)
        half.write_bytes(b"half")
        raise KeyboardInterrupt

    target = {
        ".nc": "xarray.Dataset.to_netcdf",
        ".zarr": "xarray.Dataset.to_zarr",
        ".png": "matplotlib.figure.Figure.savefig",
    }.get(suffix)
    if target is None:  # rasterio writes band by band: stop what feeds it
        target = "comity.access.coverage.grids.Grid.on_raster"
        calls = iter(range(10**6))
        whole = Grid.on_raster

        def interrupted(self: Grid, values: np.ndarray) -> np.ndarray:  # type: ignore[no-redef]
            if next(calls) > 24:  # the dataset takes 18, the bands 14 more
                assert list(tmp_path.glob(".out.tif.*.part"))
                raise KeyboardInterrupt
            return whole(self, values)

    monkeypatch.setattr(target, interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_coverage(coverage, path)
    assert files() == before


def test_a_map_shows_what_it_is_told(tmp_path: Path) -> None:
    from PIL import Image

    coverage = made_coverage(lat_lon_grid(10.0))
    one = write_map(coverage, tmp_path / "one.png")
    two = write_map(coverage, tmp_path / "two.png", figures=["revisit_p95", "looks"])
    with Image.open(one) as first, Image.open(two) as second:
        assert second.height > 1.6 * first.height, "two maps, one below the other"
        colours = first.convert("RGB").getcolors(first.width * first.height)
        assert colours is not None and len(colours) > 100
    with pytest.raises(InputError, match="no figure 'beauty'"):
        write_map(coverage, tmp_path / "three.png", figures=["beauty"])


def test_outlines_do_not_jump_over_the_map() -> None:
    for line in (line for lines in lines_in(-180.0, -90.0, 180.0, 90.0, 0.3) for line in lines):
        assert np.abs(np.diff(line[:, 0])).max() < 180.0
    coasts, borders = lines_in(42.0, 11.0, 43.5, 12.7, 0.01)
    assert coasts, "the Gulf of Tadjoura"
    assert borders, "Ethiopia, Eritrea, Somaliland"


def test_nothing_is_drawn_along_the_antimeridian() -> None:
    coasts, borders = lines_in(160.0, 60.0, 200.0, 72.0, 0.03)
    assert any(line[:, 0].max() > 179.0 and line[:, 0].min() < 180.0 for line in coasts), "Chukotka is drawn"
    for line in [*coasts, *borders]:
        on_it = np.abs(np.abs(line[:, 0]) - 180.0) < 1e-6
        assert not (on_it[1:] & on_it[:-1]).any()


def always_in_view() -> Coverage:
    """Every cell of the northern half is in view all the time, and so has no revisit and no gap."""
    made = made_coverage(lat_lon_grid(10.0))
    held = made.grid.lat_deg > 0.0
    return replace(
        made,
        covered_s=np.where(held, made.interval.duration_s, 1.0),
        first_s=np.where(held, 0.0, 1.0),
        revisit_mean_s=np.where(held, np.nan, 7200.0 + made.grid.lat_deg),
        longest_gap_s=np.where(held, 0.0, 9000.0),
    )


def test_what_is_always_in_view_is_not_shown_as_never_seen(tmp_path: Path) -> None:
    from PIL import Image

    path = write_map(always_in_view(), tmp_path / "map.png")
    with Image.open(path) as picture:
        colours = {c: n for n, c in picture.convert("RGB").getcolors(1 << 24) or []}
    assert colours.get((0xF2, 0xC4, 0xD0), 0) > 100_000
    assert colours.get((0xC9, 0xC9, 0xC9), 0) < 1_000


def test_the_worst_latitudes_are_not_those_always_in_view() -> None:
    worst = summarise(always_in_view()).worst_band
    assert (worst.south_deg, worst.revisit_mean_s) == (-10.0, pytest.approx(7195.0))


def test_the_bar_of_a_map_suits_the_cells_it_shows() -> None:
    values = np.full(1000, 30.0)
    values[0] = 86_400.0
    assert _scaled(np.linspace(1.0, 60.0, 50), "s")[1] == "s"
    assert _scaled(values + np.linspace(0.0, 30.0, 1000), "s")[1] == "s", "one cell far off sets no unit"


def test_the_summary_weighs_by_area() -> None:
    coverage = made_coverage(lat_lon_grid(10.0))
    summary = summarise(coverage)
    known = np.isfinite(coverage.revisit_mean_s)
    weights = coverage.grid.area_m2[known]
    mean = float((coverage.revisit_mean_s[known] * weights).sum() / weights.sum())
    over = {one.name: one for one in summary.over_area}
    assert over["revisit_mean"].mean_s == pytest.approx(mean, rel=1e-12)
    worst = int(np.nanargmax(coverage.revisit_mean_s))
    assert over["revisit_mean"].greatest_lat_deg == coverage.grid.lat_deg[worst]
    assert summary.seen_fraction == pytest.approx(weights.sum() / coverage.grid.area_m2.sum())
    full = summary.time_to_cover[-1]
    assert (full.fraction, full.from_start_s, full.mean_s) == (1.0, None, None), "some cells are never seen"
