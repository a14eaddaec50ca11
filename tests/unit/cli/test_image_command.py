"""``comity image``: what it says, what it writes, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from PIL import Image
from typer.testing import CliRunner, Result

from comity.cli.image import app
from comity.core import InputError
from unit.imagery.reading.fields import LAT, LON, make_image, make_item, plane

BOX = f"{LON - 0.03},{LAT - 0.03},{LON + 0.03},{LAT + 0.03}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("image")
    for name, when, more in (("a", "2024-09-01T07:00:00Z", 0.0), ("b", "2024-10-01T07:00:00Z", 0.1)):
        fields = {
            "red": lambda lon, lat: 0.1 + 0.0 * lon,
            "green": plane,
            "nir": lambda lon, lat, more=more: plane(lon, lat) + more,
        }
        make_item(make_image(home / f"{name}.tif", fields), when, list(fields))
    return home


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def told(*words: object):
    result = run(*words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_point(folder: Path) -> None:
    rows = told("point", folder / "a.json", folder / "b.json", "--at", f"{LON},{LAT}")
    assert [row["item"] for row in rows] == ["a", "b"]
    assert rows[1]["values"]["nir"] - rows[0]["values"]["nir"] == pytest.approx(0.1)
    assert "0.1" in run("point", folder / "a.json", "--at", f"{LON},{LAT}", "--bands", "red").stdout


def test_preview_and_tile(folder: Path, tmp_path: Path) -> None:
    told("preview", folder / "a.json", "--out", tmp_path / "p.png", "--index", "ndvi", "--max-size", 300)
    with Image.open(tmp_path / "p.png") as picture:
        assert picture.size == (300, 240 + 46), "with its scale below"
    made = told(
        "tile", folder / "a.json", 11, 1262, 957, "--out", tmp_path / "t.png", "--bands", "nir,red,green"
    )
    assert [band["name"] for band in made["bands"]] == ["nir", "red", "green"]
    with Image.open(tmp_path / "t.png") as picture:
        assert picture.size == (256, 256)


def test_neighbouring_tiles_have_the_same_colours(folder: Path, tmp_path: Path) -> None:
    """The field is smooth: where two tiles meet, so must the picture be."""
    edges = []
    for x, column in ((2524, -1), (2525, 0)):
        run("tile", folder / "a.json", 12, x, 1915, "--out", tmp_path / "t.png", "--expression", "nir")
        with Image.open(tmp_path / "t.png") as picture:
            edges.append(np.asarray(picture.convert("RGB")).astype(int)[:, column, 0])
    assert np.abs(edges[0] - edges[1]).max() <= 3


def test_index_change_and_series(folder: Path, tmp_path: Path) -> None:
    made = told("index", folder / "a.json", "--index", "ndvi", "--out", tmp_path / "i.tif", "--bbox", BOX)
    assert made["mean"] == pytest.approx(0.5, abs=0.02)
    assert made["out"] == str(tmp_path / "i.tif")
    words = ("change", folder / "a.json", folder / "b.json", "--out", tmp_path / "c.tif")
    made = told(*words, "--expression", "nir", "--threshold", 0.05, "--picture", tmp_path / "c.png")
    assert made["mean"] == pytest.approx(0.1, abs=1e-3)
    assert made["gained_km2"] == pytest.approx(made["compared_km2"])
    with Image.open(tmp_path / "c.png") as picture:
        assert picture.mode == "RGBA"
    words = ("series", folder, "--bbox", BOX, "--index", "ndvi", "--index", "ndwi")
    points = told(*words, "--out", tmp_path / "s.nc", "--out", tmp_path / "s.csv")["points"]
    assert [(one["item"], one["name"]) for one in points] == [
        ("a", "ndvi"), ("b", "ndvi"), ("a", "ndwi"), ("b", "ndwi"),
    ]  # fmt: skip
    with xr.open_dataset(tmp_path / "s.nc") as data:
        assert float(data["ndvi"][0].mean()) == pytest.approx(points[0]["mean"], abs=1e-5)
    assert (tmp_path / "s.csv").read_text().startswith("time,item,variable,valid,mean")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("preview", "a.json", "--out", "x.png", "--index", "ndvi", "--bands", "red"),
            "give --bands, --expression or",
        ),
        (("preview", "a.json", "--out", "x.png", "--index", "lai"), "is not one of ndvi"),
        (("preview", "a.json", "--out", "x.gif"), "write .png"),
        (("preview", "a.json", "--out", "x.png", "--bands", "red,nir"), "1 or 3 bands, not 2"),
        (("preview", "a.json", "--out", "x.png", "--max-size", "0"), "size 0"),
        (("point", "a.json", "--at", "north"), "LON,LAT"),
        (("index", "a.json", "--out", "x.tif"), "say what to compute"),
        (("change", "a.json", "b.json", "--out", "x.tif", "--index", "nbr"), "no band 'swir22'"),
        (("series", "a.json", "--index", "ndvi"), "say where"),
        (("series", "a.json", "--bbox", "10,0,5,1"), "west < east"),
        (("series", "a.json", "--bbox", BOX, "--out", "x.zarr"), "write .nc or .csv"),
    ],
)
def test_refusals(folder: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str) -> None:
    monkeypatch.chdir(folder)
    before = set(folder.iterdir())
    result = run(*words)
    assert isinstance(result.exception, InputError)
    assert said in str(result.exception)
    assert set(folder.iterdir()) == before
