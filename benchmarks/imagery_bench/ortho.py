"""Orthorectification beside GDAL: do the two overlay each other, and how long does a long strip take."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import Affine, RPCTransformer
from rasterio.windows import Window

from comity.imagery.geometry.dem import Dem
from comity.imagery.geometry.images import SensorImage, open_image
from comity.imagery.geometry.rpc import Rpc
from comity.imagery.geometry.rpc_files import to_tag
from comity.imagery.processing.blocks import processors
from comity.imagery.processing.ortho import orthorectify
from imagery_bench.peers import run

Line = dict[str, Any]
Floats = NDArray[np.float64]

OVERLAY_PX = 0.2
STRIP_MB = 2048
#: Chips of so many pixels are shifted onto each other.
_CHIP = 48


def overlay(data: Path, *, resampling: str = "cubic") -> Iterator[Line]:
    """The Pléiades pair: our ortho over ``gdalwarp``'s, our coordinates over GDAL's transformer's."""
    for name in ("pan", "xs"):
        image = open_image(data / f"phr_{name}.tif")
        with tempfile.TemporaryDirectory() as folder:
            yield {"job": "ortho overlay", "image": image.path.name} | _overlay(
                image, data / "N43E001.hgt", Path(folder), resampling
            )


def _overlay(image: SensorImage, dem_path: Path, folder: Path, resampling: str) -> Line:
    dem = Dem(dem_path)
    ours = orthorectify(image, dem, folder / "ours.tif", resampling=resampling)
    coordinates = _coordinates(image, dem)
    line: Line = {
        "resampling": resampling,
        "coordinates_rms_px": coordinates[0],
        "coordinates_max_px": coordinates[1],
        "grid_error_px": ours.grid_error_px,
        "reach": f"<= {OVERLAY_PX} px rms over gdalwarp -rpc with the same heights",
    }
    if shutil.which("gdalwarp") is None:
        return line | {"skipped": "no gdalwarp here (Debian: gdal-bin)", "met": None}
    plain, heights = _for_gdal(image, folder), _ellipsoidal(dem, folder)
    with rasterio.open(ours.path) as opened:
        first = opened.read().astype(float)
        bounds, size = opened.bounds, opened.res[0]
    run(
        [
            *("gdalwarp", "-q", "-rpc", "-et", "0", "-t_srs", ours.crs, "-r", resampling),
            *("-to", f"RPC_DEM={heights}", "-to", "RPC_DEMINTERPOLATION=bilinear"),
            *("-te", *map(repr, bounds), "-tr", repr(size), repr(size), str(plain), str(folder / "gdal.tif")),
        ]
    )
    with rasterio.open(folder / "gdal.tif") as opened:
        second = opened.read().astype(float)
    shifts = chip_shifts(first[0], second[0])
    both = (first > 0).all(axis=0) & (second > 0).all(axis=0)
    rms = float(np.sqrt(np.mean(np.sum(shifts**2, axis=1))))
    return line | {
        "chips": len(shifts),
        "overlay_rms_px": round(rms, 5),
        "overlay_mean_px": [round(float(value), 5) for value in shifts.mean(axis=0)],
        "difference_rms_of_contrast": round(
            float(np.sqrt(np.mean((first - second)[:, both] ** 2)) / second[:, both].std()), 5
        ),
        "seen_by_one_only": float(np.mean((first[0] > 0) != (second[0] > 0))),
        "met": rms <= OVERLAY_PX and coordinates[0] <= OVERLAY_PX,
    }


def _coordinates(image: SensorImage, dem: Dem) -> tuple[float, float]:
    """Rms and greatest difference from GDAL's transformer, px, at 41² places of the image on the relief."""
    rows, columns = image.shape
    column, row = np.meshgrid(np.linspace(0, columns - 1, 41), np.linspace(0, rows - 1, 41))
    middle = 0.5 * sum(image.model.heights_m)
    lon, lat = (value.ravel() for value in image.model.locate(column, row, middle))
    height = dem.heights(lon, lat)
    assert isinstance(image.model, Rpc)
    c, r = image.model.project(lon, lat, height)
    with RPCTransformer(to_tag(image.model)) as there:
        theirs_r, theirs_c = there.rowcol(lon, lat, zs=height, op=lambda value: value)
    off = np.hypot(np.asarray(theirs_c) - 0.5 - c, np.asarray(theirs_r) - 0.5 - r)  # GDAL counts from corners
    return float(np.sqrt(np.mean(off**2))), float(off.max())


def chip_shifts(first: Floats, second: Floats) -> Floats:
    """(n, 2) rows and columns by which chips of ``second`` are shifted against ``first``, by least squares.

    Chips with pixels of 0 or without contrast are left out.
    """
    found = []
    for row in range(0, first.shape[0] - _CHIP, _CHIP):
        for col in range(0, first.shape[1] - _CHIP, _CHIP):
            a, b = (image[row : row + _CHIP, col : col + _CHIP] for image in (first, second))
            if (a == 0).any() or (b == 0).any() or a.std() < 5.0:
                continue
            down, along = np.gradient(a)
            terms = np.column_stack([down.ravel(), along.ravel(), a.ravel(), np.ones(a.size)])
            solved = np.linalg.lstsq(terms, b.ravel(), rcond=None)[0]
            found.append(solved[:2] / solved[2])
    return np.array(found).reshape(-1, 2)


def _for_gdal(image: SensorImage, folder: Path) -> Path:
    """The image with an RPC that counts from its own first pixel, as GDAL wants it."""
    path = folder / "plain.tif"
    assert isinstance(image.model, Rpc)
    with rasterio.open(image.path) as source:
        profile = {"driver": "GTiff", "dtype": image.dtype, "count": source.count}
        with rasterio.open(
            path, "w", width=source.width, height=source.height, rpcs=to_tag(image.model), **profile
        ) as target:
            target.write(source.read())
    return path


def _ellipsoidal(dem: Dem, folder: Path) -> Path:
    """The relief as heights above the ellipsoid at the same posts."""
    path = folder / "heights.tif"
    with rasterio.open(dem.path) as source:
        column, row = np.meshgrid(np.arange(source.width), np.arange(source.height))
        a, _, c, _, e, f = source.transform[:6]
        lon, lat = c + a * (column + 0.5), f + e * (row + 0.5)
        profile = {"driver": "GTiff", "dtype": "float64", "count": 1, "crs": source.crs}
        with rasterio.open(
            path, "w", width=source.width, height=source.height, transform=source.transform, **profile
        ) as target:
            target.write(dem.heights(lon, lat), 1)
    return path


def strip(
    *,
    columns: int = 10_000,
    rows: int = 40_000,
    threads: int | None = None,
    resampling: str = "cubic",
    folder: Path | None = None,
) -> Iterator[Line]:
    """A strip of four bands from its RPC to an ortho COG, by us and by ``gdalwarp``, each as a process.

    Both read the same file and relief, write DEFLATE (level 1, predictor) with the same threads and grid;
    GDAL keeps its default error threshold of an eighth of a pixel. ``folder``: for some 12 GB of files.
    """
    count = threads or processors()
    with tempfile.TemporaryDirectory(dir=folder) as place:
        image, dem = make_strip(Path(place), columns, rows)
        line: Line = {
            "job": "strip",
            "columns": columns,
            "rows": rows,
            "bands": 4,
            "resampling": resampling,
            "threads": count,
            "reach": f"faster than gdalwarp -rpc, <= {STRIP_MB} MB",
        }
        comity = [sys.executable, "-m", "comity", "process", "ortho", "--geoid", "none"]
        comity += ["--resampling", resampling, "--workers", str(count)]
        # Once small, so that what is measured is no compilation.
        warm, small_dem = make_strip(Path(place) / "warm", 600, 600)
        run([*comity, "--image", str(warm), "--dem", str(small_dem), "--out", str(Path(place) / "warm.tif")])
        ours = run(
            [*comity, "--image", str(image), "--dem", str(dem), "--out", str(Path(place) / "ours.tif")]
        )
        line |= {f"ours_{key}": value for key, value in ours.items()}
        line["ours_file_mb"] = round((Path(place) / "ours.tif").stat().st_size / 1e6)
        if shutil.which("gdalwarp") is None:
            yield line | {"skipped": "no gdalwarp here (Debian: gdal-bin)", "met": None}
            return
        with rasterio.open(Path(place) / "ours.tif") as opened:
            bounds, size, crs = opened.bounds, opened.res[0], opened.crs.to_string()
        theirs = run(
            [
                *("gdalwarp", "-q", "-rpc", "-t_srs", crs, "-r", resampling, "-of", "COG"),
                *("-to", f"RPC_DEM={dem}", "-to", "RPC_DEMINTERPOLATION=bilinear"),
                *("-te", *map(repr, bounds), "-tr", repr(size), repr(size), "-dstnodata", "0"),
                *("-multi", "-wo", f"NUM_THREADS={count}", "-wm", "500", "-co", f"NUM_THREADS={count}"),
                *("-co", "COMPRESS=DEFLATE", "-co", "LEVEL=1", "-co", "PREDICTOR=YES", "-co", "BIGTIFF=YES"),
                *("-co", "OVERVIEW_RESAMPLING=AVERAGE", str(image), str(Path(place) / "gdal.tif")),
            ],
            env={"GDAL_NUM_THREADS": str(count)},
        )
        line |= {f"gdal_{key}": value for key, value in theirs.items()}
        line["gdal_file_mb"] = round((Path(place) / "gdal.tif").stat().st_size / 1e6)
        line["difference_rms_of_contrast"] = _difference(Path(place) / "ours.tif", Path(place) / "gdal.tif")
        line["ratio"] = round(theirs["wall_s"] / ours["wall_s"], 2)
        line["met"] = line["ratio"] > 1.0 and ours["peak_mb"] <= STRIP_MB
        yield line


def _difference(first: Path, second: Path) -> float:
    """Rms difference in the middle of two images, over the contrast there."""
    with rasterio.open(first) as a, rasterio.open(second) as b:
        side = min(1024, a.width // 2, a.height // 2)
        window = Window((a.width - side) // 2, (a.height - side) // 2, side, side)
        x, y = a.read(window=window).astype(float), b.read(window=window).astype(float)
    both = (x > 0) & (y > 0)
    return round(float(np.sqrt(np.mean((x - y)[both] ** 2)) / x[both].std()), 5)


def strip_model(columns: int, rows: int) -> Rpc:
    """An RPC such as a sun-synchronous 2 m camera looking 15° to the side over the Horn of Africa has."""
    turn, lat = np.radians(11.0), 11.6
    half = 2.0 * max(columns, rows) / 2.0 * 1.25  # m, half the side of a square round the strip
    lat_scale = half / 110_600.0
    lon_scale = half / (111_320.0 * np.cos(np.radians(lat)))
    across, along = half / columns, half / rows  # ground in units of half the image, per normalised unit
    zeros = [0.0] * 20
    column_num, row_num = list(zeros), list(zeros)
    column_num[1], column_num[2], column_num[3] = (
        across * np.cos(turn),
        across * np.sin(turn),
        0.27 * 1000.0 / columns,
    )
    row_num[1], row_num[2], row_num[3] = along * np.sin(turn), -along * np.cos(turn), 0.02 * 1000.0 / rows
    # A little of everything that real ones have: bent lines, relief that leans more to one side.
    column_num[7], column_num[8], column_num[5], column_num[4] = 2e-4, -1e-4, 3e-5, 1e-4
    row_num[7], row_num[8], row_num[5], row_num[14] = -1e-4, 3e-4, 1e-5, 2e-5
    den = [1.0, 2e-4, -3e-4, -2e-5, *zeros[4:]]
    return Rpc(
        shape=(rows, columns),
        row_off=0.5 * (rows - 1),
        column_off=0.5 * (columns - 1),
        lat_off_deg=lat,
        lon_off_deg=42.7,
        height_off_m=500.0,
        row_scale=0.5 * rows,
        column_scale=0.5 * columns,
        lat_scale_deg=lat_scale,
        lon_scale_deg=float(lon_scale),
        height_scale_m=1000.0,
        row_num=tuple(map(float, row_num)),
        row_den=tuple(den),
        column_num=tuple(map(float, column_num)),
        column_den=tuple(den),
    )


def make_strip(folder: Path, columns: int, rows: int) -> tuple[Path, Path]:
    """A textured strip of 12-bit counts in four bands, and hills under it: paths of image and relief."""
    folder.mkdir(parents=True, exist_ok=True)
    model = strip_model(columns, rows)
    image, dem = folder / "strip.tif", folder / "hills.tif"
    rng = np.random.default_rng(5)
    tile = 1024
    profile = {"driver": "GTiff", "dtype": "uint16", "count": 4, "width": columns, "height": rows}
    profile |= {"tiled": True, "blockxsize": 512, "blockysize": 512, "interleave": "pixel", "BIGTIFF": "YES"}
    # A sheet of texture is laid down again and again, each time at another brightness.
    sheet = _texture(rng, tile)
    with rasterio.open(image, "w", rpcs=to_tag(model), **profile) as target:
        for row in range(0, rows, tile):
            for col in range(0, columns, tile):
                part = sheet[:, : min(tile, rows - row), : min(tile, columns - col)]
                target.write(
                    (part + np.uint16(rng.integers(0, 200))),
                    window=Window(col, row, part.shape[2], part.shape[1]),
                )
    lon_off, lat_off = model.lon_off_deg, model.lat_off_deg
    reach_lon, reach_lat = 1.1 * model.lon_scale_deg, 1.1 * model.lat_scale_deg
    step = 1.0 / 3600.0
    wide, high = int(2 * reach_lon / step) + 1, int(2 * reach_lat / step) + 1
    x, y = np.meshgrid(np.arange(wide) * 31.0, np.arange(high) * 31.0)
    hills = 500.0 + 300.0 * np.sin(x / 2300.0) * np.cos(y / 3100.0) + 60.0 * np.sin(x / 410.0 + y / 530.0)
    with rasterio.open(
        dem,
        "w",
        driver="GTiff",
        dtype="float32",
        count=1,
        width=wide,
        height=high,
        crs="EPSG:4326",
        transform=Affine(step, 0.0, lon_off - reach_lon, 0.0, -step, lat_off + reach_lat),
    ) as target:
        target.write(hills.astype(np.float32), 1)
    return image, dem


def _texture(rng: np.random.Generator, side: int) -> NDArray[np.uint16]:
    from scipy.ndimage import zoom

    ground = sum(
        amplitude * zoom(rng.normal(size=(side // cell, side // cell)), cell, order=1)
        for cell, amplitude in ((256, 200.0), (64, 120.0), (16, 70.0), (4, 40.0), (1, 12.0))
    )
    bands = [600.0 + gain * ground + rng.normal(0.0, 4.0, (side, side)) for gain in (0.5, 0.7, 0.8, 1.1)]
    return np.clip(bands, 1, 4000).astype(np.uint16)
