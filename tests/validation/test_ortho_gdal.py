"""Geometry and ortho against GDAL's RPC transformer and warp; EGM96 against NGA's test points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.transform import RPCTransformer
from rasterio.warp import reproject

from comity.imagery.geometry.dem import Dem
from comity.imagery.geometry.geoid import open_geoid
from comity.imagery.geometry.images import SensorImage, open_image
from comity.imagery.geometry.rpc import Rpc
from comity.imagery.geometry.rpc_files import to_tag
from comity.imagery.processing.ortho import orthorectify
from unit.imagery.sensed import make_rpc, see, write_dem, write_image

Floats = NDArray[np.float64]


def test_egm96_at_the_test_points_of_nga() -> None:
    """INPUT.DAT and OUTF477.DAT of NGA's EGM96 distribution: harmonic synthesis, m, to 1 mm.

    Ours is a spline through the 15′ grid of values to 1 cm, which is worth 3 cm at the worst.
    """
    places = np.array(
        [
            (38.6281550, 269.7791550, -31.628),
            (-14.6212170, 305.0211140, -2.969),
            (46.8743190, 102.4487290, -43.575),
            (-23.6174460, 133.8747120, 15.871),
            (38.6254730, 359.9995000, 50.066),
            (-0.4667440, 0.0023000, 17.329),
        ]
    )
    geoid = open_geoid("egm96")
    assert geoid is not None
    np.testing.assert_allclose(geoid.undulation_m(places[:, 1], places[:, 0]), places[:, 2], atol=0.03)


def against_transformer(rpc: Rpc, lon: Floats, lat: Floats, height: Floats) -> float:
    column, row = rpc.project(lon, lat, height)
    with RPCTransformer(to_tag(rpc)) as theirs:
        their_row, their_column = theirs.rowcol(lon, lat, zs=height, op=lambda value: value)
    # GDAL counts from the corner of the first pixel, RPCs from its centre.
    return float(np.hypot(np.asarray(their_column) - 0.5 - column, np.asarray(their_row) - 0.5 - row).max())


def ellipsoidal(dem: Dem, path: Path) -> Path:
    """The posts of a DEM as heights above the ellipsoid, which is what GDAL takes them for."""
    with rasterio.open(dem.path) as source:
        column, row = np.meshgrid(np.arange(source.width), np.arange(source.height))
        a, _, c, _, e, f = source.transform[:6]
        profile = {"driver": "GTiff", "dtype": "float64", "count": 1, "crs": source.crs}
        profile |= {"width": source.width, "height": source.height, "transform": source.transform}
        with rasterio.open(path, "w", **profile) as target:
            target.write(dem.heights(c + a * (column + 0.5), f + e * (row + 0.5)), 1)
    return path


def shifts(first: Floats, second: Floats, chip: int = 40) -> Floats:
    """(n, 2) rows and columns between chips of two images, by least squares on their gradients."""
    found = []
    for row in range(0, first.shape[0] - chip, chip):
        for col in range(0, first.shape[1] - chip, chip):
            a, b = (image[row : row + chip, col : col + chip] for image in (first, second))
            if (a > 0).all() and (b > 0).all():
                down, along = np.gradient(a)
                terms = np.column_stack([down.ravel(), along.ravel(), a.ravel(), np.ones(a.size)])
                solved = np.linalg.lstsq(terms, b.ravel(), rcond=None)[0]
                found.append(solved[:2] / solved[2])
    return np.array(found)


def overlay(image: SensorImage, dem: Dem, folder: Path) -> tuple[Floats, Floats, Floats]:
    """Our ortho and GDAL's warp of the same image onto the same grid, and the shifts between them, px."""
    ours = orthorectify(image, dem, folder / "ours.tif")
    with rasterio.open(ours.path) as opened, rasterio.open(image.path) as source:
        first = opened.read(1).astype(float)
        second = np.zeros(opened.shape, np.uint16)
        assert isinstance(image.model, Rpc)
        reproject(
            source.read(1),
            second,
            rpcs=to_tag(image.model),
            src_crs="EPSG:4326",
            dst_crs=opened.crs,
            dst_transform=opened.transform,
            resampling=Resampling.cubic,
            tolerance=0.0,
            RPC_DEM=str(ellipsoidal(dem, folder / "heights.tif")),
            RPC_DEMINTERPOLATION="bilinear",
        )
    return first, second.astype(float), shifts(first, second.astype(float))


def test_a_made_image_lies_where_gdal_lays_it(tmp_path: Path) -> None:
    """Over hills of 240 m seen at 17°; what GDAL's tolerance and rounding leave is under a hundredth."""
    rpc = make_rpc()
    rng = np.random.default_rng(0)
    lon = rpc.lon_off_deg + rng.uniform(-1, 1, 500) * rpc.lon_scale_deg
    lat = rpc.lat_off_deg + rng.uniform(-1, 1, 500) * rpc.lat_scale_deg
    assert against_transformer(rpc, lon, lat, rng.uniform(-200.0, 800.0, 500)) < 1e-6
    dem = Dem(write_dem(tmp_path / "dem.tif"))
    image = open_image(write_image(tmp_path / "img.tif", see(rpc, dem).round().astype(np.uint16)[None], rpc))
    first, second, moved = overlay(image, dem, tmp_path)
    assert len(moved) > 10
    assert np.sqrt(np.mean(np.sum(moved**2, axis=1))) < 0.01
    assert ((first > 0) != (second > 0)).mean() < 1e-3


@pytest.mark.parametrize("name", ["phr_pan.tif", "phr_xs.tif"])
def test_the_pleiades_extract_lies_where_gdal_lays_it(shared_data: Path, tmp_path: Path, name: str) -> None:
    """Reach: 0.2 px rms. Its RPC is the full image's; its geotransform says where the extract begins."""
    folder = shared_data / "imagery" / "pleiades-toulouse"
    image, dem = open_image(folder / name), Dem(folder / "N43E001.hgt")
    assert image.origin == {"phr_pan.tif": (19602.0, 15199.0), "phr_xs.tif": (4900.0, 3800.0)}[name]
    assert isinstance(image.model, Rpc)
    rows, columns = image.shape
    column, row = (
        grid.ravel() for grid in np.meshgrid(np.linspace(0, columns - 1, 21), np.linspace(0, rows - 1, 21))
    )
    lon, lat = image.model.locate(column, row, 290.0)
    assert against_transformer(image.model, lon, lat, dem.heights(lon, lat)) < 1e-6
    _, _, moved = overlay(image, dem, tmp_path)
    assert np.sqrt(np.mean(np.sum(moved**2, axis=1))) < 0.02
