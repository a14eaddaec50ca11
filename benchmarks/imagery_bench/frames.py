"""A simulated scene of known truth from packets to the orthoimage, and how fast packets are made and read."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.transform import Affine
from scipy.ndimage import gaussian_filter

from comity.core import Epoch
from comity.fleet import load_programme
from comity.imagery.geometry.dem import Dem
from comity.imagery.level0.content import ImageHeader
from comity.imagery.level0.reading import open_level0
from comity.imagery.level0.writing import level0_file
from comity.imagery.processing.decode import decode
from comity.imagery.processing.ortho import orthorectify
from comity.imagery.processing.radiometry import LIMIT_PX, correct
from comity.imagery.processing.registration import tile_shift
from comity.imagery.simulation.acquire import simulate
from comity.imagery.simulation.programme import as_built, camera_of, look_at
from comity.imagery.simulation.sources import SceneFile
from comity.orbits import EarthOrientation, sgp4_trajectories

Line = dict[str, Any]

BANDS = ("blue", "green", "red", "nir")
AT = Epoch.from_iso("2024-09-25T08:28:10Z")
EPSG, WEST, NORTH, PIXEL, SIZE = 32638, 283_000.0, 1_294_000.0, 10.0, 1_600
ALONE_PX = 0.5
_CHIP = 96


def chain(columns: int = 900) -> Iterator[Line]:
    """Kanopus-V 3 over textured ground on hills of 500 m: L0, L1A, L1B, ortho against the scene itself."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scene = _scene()
        dem = Dem(_raster(folder / "dem.tif", _hills()[None], 4 * PIXEL), "none")
        programme = load_programme("joint-eo")
        craft = next(one for one in programme.spacecraft if one.id == "kanopus-v-3")
        trajectory = sgp4_trajectories([programme.elements[craft.norad_id]], EarthOrientation.bundled())[0][0]
        half = SIZE * PIXEL / 2
        place = Transformer.from_crs(EPSG, 4326, always_xy=True).transform(WEST + half, NORTH - half)
        camera = camera_of(craft.instruments[0], BANDS, columns)
        start = time.process_time()
        made = simulate(
            look_at(camera, trajectory, float(place[0]), float(place[1]), AT, columns),
            folder,
            name="known",
            bands=BANDS,
            offsets=as_built(BANDS, 1, craft.name),
            scene=SceneFile(path=_raster(folder / "scene.tif", scene, PIXEL)),
            relief=dem,
            seed=1,
        )
        simulated_s = time.process_time() - start
        l1a = decode(made.raw, folder / "l1a.tif", calibration=made.calibration)
        l1b = correct(l1a.image, made.calibration, folder / "l1b.tif", dem=dem)
        ortho = orthorectify(l1b.image, dem, folder / "ortho.tif", crs=EPSG, res=PIXEL)
        shifts = _shifts(ortho.path, scene) * PIXEL / made.pixel_m
    left = [band.residual_px for band in l1b.bands if band.residual_px is not None]
    rms = {name: float(np.sqrt(np.mean(np.sum(shifts[n] ** 2, axis=1)))) for n, name in enumerate(BANDS)}
    worst = max(rms.values())
    yield {
        "job": "simulated scene, known truth, through L0, L1A, L1B and ortho",
        "pixels": [columns, columns, len(BANDS)],
        "gsd_m": round(made.pixel_m, 2),
        "chips": int(shifts.shape[1]),
        "rms_px": rms,
        "simulation_cpu_s": round(simulated_s, 1),
        "compression": round(made.ratio, 2),
        "reach": f"<= {ALONE_PX} px rms without control points",
        "met": worst <= ALONE_PX,
    }
    yield {
        "job": "bands on one another",
        "residual_px": {band.name: band.residual_px for band in l1b.bands if band.residual_px is not None},
        "reach": f"<= {LIMIT_PX} px",
        "met": len(left) == len(BANDS) - 1 and max(left) <= LIMIT_PX,
    }


def packets(rows: int = 4_000) -> Iterator[Line]:
    """10,000 columns of four 12-bit bands to packets and back, one thread."""
    form = ImageHeader(
        image=1,
        start_tai_ns=AT.tai_ns,
        line_s=1e-4,
        columns=10_000,
        rows=rows,
        bits=12,
        strip_rows=8,
        segment_columns=2_048,
        simulated=True,
        bands=BANDS,
        spacecraft="made up",
        instrument="made up",
    )
    walk = np.random.default_rng(0).normal(0, 8, (4, 64, form.columns))
    counts = (1_000 + np.cumsum(walk, axis=2)).clip(0, 4_095).astype(np.uint16)
    samples = rows * form.columns * 4
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "a.l0"
        start = time.process_time()
        with level0_file(path, form) as writer:
            for row in range(0, rows, 8):
                writer.strip(row, counts[:, row % 64 : row % 64 + min(8, rows - row)])
        packed = time.process_time()
        with open_level0(path) as image:
            for row in range(0, rows, 64):
                high = min(64, rows - row)
                same = (image.read(row, high, 0, form.columns) == counts[:, :high]).all()
                assert same, "a sample came back wrong"
        read = time.process_time()
        yield {
            "job": "CCSDS packets with lossless CCSDS 121 there and back",
            "samples": samples,
            "pack_msamples_per_cpu_s": round(samples / (packed - start) / 1e6, 1),
            "read_msamples_per_cpu_s": round(samples / (read - packed) / 1e6, 1),
            "compression": round(samples * 1.5 / path.stat().st_size, 2),
            "reach": "every sample to the bit",
            "met": True,
        }


def _scene() -> NDArray[np.float32]:
    """Mottled ground, bands alike but not the same."""
    random = np.random.default_rng(3)

    def texture() -> NDArray[np.float64]:
        layers = [gaussian_filter(random.standard_normal((SIZE, SIZE)), s) * s for s in (1.5, 5.0, 20.0)]
        total = np.sum(layers, axis=0)
        return np.asarray(0.06 * total / total.std())

    common = texture()
    bands = [0.25 + share * common + 0.3 * texture() for share in (0.6, 0.8, 1.0, 1.2)]
    return np.clip(np.stack(bands), 0.01, 1.0).astype(np.float32)


def _hills() -> NDArray[np.float32]:
    y, x = np.mgrid[0 : SIZE // 4, 0 : SIZE // 4] * 4 * PIXEL
    return (300.0 + 250.0 * np.sin(x / 1_300.0) * np.cos(y / 1_100.0)).astype(np.float32)


def _raster(path: Path, bands: NDArray[np.float32], pixel: float) -> Path:
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=len(bands),
        height=bands.shape[1],
        width=bands.shape[2],
        dtype="float32",
        crs=f"EPSG:{EPSG}",
        transform=Affine(pixel, 0, WEST, 0, -pixel, NORTH),
    ) as file:
        file.write(bands)
    return path


def _shifts(path: Path, scene: NDArray[np.float32]) -> NDArray[np.float64]:
    """Shifts (bands, chips, 2) of the ortho on the scene, in its pixels."""
    with rasterio.open(path) as file:
        pixels, transform = file.read().astype(float), file.transform
    left, top = round((transform.c - WEST) / PIXEL), round((NORTH - transform.f) / PIXEL)
    found = []
    for row in range(0, pixels.shape[1] - _CHIP, _CHIP):
        for column in range(0, pixels.shape[2] - _CHIP, _CHIP):
            chip = pixels[:, row : row + _CHIP, column : column + _CHIP]
            there = scene[:, top + row : top + row + _CHIP, left + column : left + column + _CHIP]
            if (chip > 0).all() and there.shape == chip.shape:
                found.append([tile_shift(a, b)[:2] for a, b in zip(there, chip, strict=True)])
    if not found:
        return np.full((len(BANDS), 1, 2), math.inf)
    return np.array(found).transpose(1, 0, 2)
