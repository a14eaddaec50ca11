"""A simulated scene of known truth through L0, L1A, L1B and the orthoimage.

The reach of the project: geolocation of a simulated scene ≤ 0.5 px rms without control points, bands on one
another to ≤ 0.3 px. The truth is the scene file itself, the radiance that the detectors received, without
noise, and the counts at the moment they are packed.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine
from scipy.ndimage import gaussian_filter

from comity.core import Epoch
from comity.imagery.geometry.cameras import BandLine, Camera
from comity.imagery.geometry.dem import Dem
from comity.imagery.geometry.images import open_image
from comity.imagery.level0.calibration import read_calibration
from comity.imagery.level0.writing import Level0Writer
from comity.imagery.processing.decode import decode
from comity.imagery.processing.ortho import orthorectify
from comity.imagery.processing.radiometry import correct
from comity.imagery.processing.registration import tile_shift
from comity.imagery.simulation.acquire import simulate
from comity.imagery.simulation.programme import look_at
from comity.imagery.simulation.radiometer import Radiometer
from comity.imagery.simulation.sources import SceneFile
from comity.orbits import EarthOrientation, MeanElements, SGP4Trajectory, geodetic_to_ecef
from comity.orbits.sun import sun_elevation_azimuth_deg

#: A made-up spacecraft at 510 km.
ORBIT = MeanElements(
    name="MADE-UP",
    norad_id=1,
    cospar_id="",
    epoch=Epoch.from_iso("2024-09-22T00:00:00Z"),
    mean_motion=15.2,
    eccentricity=0.0002,
    inclination_deg=97.4,
    raan_deg=172.0,
    arg_of_perigee_deg=90.0,
    mean_anomaly_deg=270.0,
    bstar=0.0,
    mean_motion_dot=0.0,
    mean_motion_ddot=0.0,
)
EPSG, WEST, NORTH, PIXEL = 32638, 300_000.0, 1_284_000.0, 5.0
SIZE = 1_400
BANDS = ("blue", "green", "red", "nir")
#: How far (columns, rows) the detectors stand off where the camera's file has them.
OFF = {"blue": (0.62, -0.47), "red": (-0.35, 0.71), "nir": (0.18, 0.44)}


def texture(seed: int) -> np.ndarray:
    """Mottled ground about 0.25 of reflectance, with detail at every scale."""
    random = np.random.default_rng(seed)
    layers = [
        gaussian_filter(random.standard_normal((SIZE, SIZE)), s, mode="wrap") * s for s in (1.5, 4, 12, 40)
    ]
    total = sum(layers)
    return 0.25 + 0.06 * (total - total.mean()) / total.std()


def raster(path: Path, bands: np.ndarray, pixel: float = PIXEL, **more) -> Path:
    profile = {
        "driver": "GTiff",
        "count": len(bands),
        "height": bands.shape[1],
        "width": bands.shape[2],
        "dtype": bands.dtype.name,
        "crs": f"EPSG:{EPSG}",
        "transform": Affine(pixel, 0, WEST, 0, -pixel, NORTH),
    }
    with rasterio.open(path, "w", **profile | more) as file:
        file.write(bands)
    return path


class Chain:
    """The whole road, walked once."""

    def __init__(self, folder: Path) -> None:
        common = texture(1)
        scene = np.stack(
            [common * f + (texture(n + 2) - 0.25) * 0.35 for n, f in enumerate((0.6, 0.8, 1.0, 1.4))]
        )
        self.scene = np.clip(scene, 0.01, 1.0).astype(np.float32)
        self.scene_path = raster(folder / "scene.tif", self.scene)
        # Posts every 30 m: hills of up to 400 m, as a radar would have them.
        y, x = np.mgrid[0:240, 0:240] * 30.0
        hills = 250.0 + 180.0 * np.sin(x / 900.0) * np.cos(y / 700.0) + 0.02 * x
        self.dem_path = raster(folder / "dem.tif", hills[None].astype(np.float32), 30.0)
        dem = Dem(self.dem_path, "none")
        trajectory = SGP4Trajectory(ORBIT, EarthOrientation.bundled())
        lon, lat = self.middle()
        at = self.pass_over(trajectory, lon, lat)
        camera = Camera(
            kind="pushbroom",
            columns=600,
            focal_length_m=0.8,
            pixel_pitch_m=8e-6,
            bands=tuple(BandLine(name=name, along_px=18.0 * (n - 1.5)) for n, name in enumerate(BANDS)),
        )
        self.model = look_at(camera, trajectory, lon, lat, at, 640)
        self.packed: list[np.ndarray] = []
        strip = Level0Writer.strip

        def recorded(writer, first, counts):
            self.packed.append(counts.copy())
            strip(writer, first, counts)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Level0Writer, "strip", recorded)
            self.made = simulate(
                self.model,
                folder,
                name="known",
                bands=BANDS,
                offsets=OFF,
                radiometer=Radiometer(dead_share=0.004),
                scene=SceneFile(path=self.scene_path),
                relief=dem,
                truth=True,
                seed=11,
            )
        self.l1a = decode(self.made.raw, folder / "l1a.tif", calibration=self.made.calibration)
        self.radiance = correct(
            self.l1a.image,
            self.made.calibration,
            folder / "radiance.tif",
            quantity="radiance",
            dem=dem,
            align=False,
        )
        self.l1b = correct(self.l1a.image, self.made.calibration, folder / "l1b.tif", dem=dem)
        self.ortho = orthorectify(self.l1b.image, dem, folder / "ortho.tif", crs=EPSG, res=PIXEL)
        self.folder = folder

    @staticmethod
    def middle() -> tuple[float, float]:
        from pyproj import Transformer

        half = SIZE * PIXEL / 2
        back = Transformer.from_crs(EPSG, 4326, always_xy=True)
        lon, lat = back.transform(WEST + half, NORTH - half)
        return float(lon), float(lat)

    @staticmethod
    def pass_over(trajectory, lon: float, lat: float) -> Epoch:
        """A daylit instant from which the place is seen some 20° off nadir."""
        start = Epoch.from_iso("2024-09-22T00:00:00Z")
        seconds = np.arange(0.0, 10 * 86_400.0, 2.0)
        position, _ = trajectory.itrf(start, seconds)
        place = geodetic_to_ecef(lon, lat, 0.0)
        line = place - position
        reach = np.linalg.norm(line, axis=1)
        near = np.flatnonzero(reach < 720e3)
        near = near[(reach[near] < reach[near - 1]) & (reach[near] < reach[near + 1])]
        eop = EarthOrientation.bundled()
        for k in near:
            down = -position[k] / np.linalg.norm(position[k])
            off = math.degrees(math.acos(float(line[k] @ down) / reach[k]))
            sun, _ = sun_elevation_azimuth_deg(lon, lat, start, seconds[k : k + 1], eop)
            if 10.0 < off < 35.0 and sun[0] > 30.0:
                return start + float(seconds[k])
        raise AssertionError("no such pass")


@pytest.fixture(scope="module")
def chain(tmp_path_factory) -> Chain:
    return Chain(tmp_path_factory.mktemp("chain"))


def read(path: Path) -> np.ndarray:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(path) as file:
            return file.read()


def test_what_is_decoded_is_what_was_digitised_to_the_bit(chain):
    assert (read(chain.l1a.image) == np.concatenate(chain.packed, axis=1)).all()
    assert chain.l1a.gaps == ()


def test_the_geometry_comes_down_whole(chain):
    """Tolerance 1e-6 px: positions and quaternions travel as 64-bit numbers, only times are cut to 1 ns."""
    model = open_image(chain.l1a.image).model
    column, row = np.meshgrid([0.0, 300.0, 599.0], [0.0, 320.0, 639.0])
    lon, lat = chain.model.locate(column, row, 200.0)
    back = model.project(lon, lat, 200.0)
    assert np.abs(back[0] - column).max() < 1e-4
    assert np.abs(back[1] - row).max() < 1e-4


def test_radiance_is_recovered_within_the_noise(chain):
    """Of detectors that work, the error is the noise of the camera, its digitising and the product's step.

    Its mean is within what a campaign of 1 000 frames can know.
    """
    key = read_calibration(chain.made.calibration)
    truth = read(chain.made.truth)
    counts = read(chain.radiance.image)
    for band in range(len(BANDS)):
        use = ~key.dead[band]
        light = truth[band][:, use]
        response = (key.flat * key.gain[:, None])[band, use]
        signal = light * response + key.dark[band, use]
        sigma = (
            np.sqrt(signal / key.electrons_per_count[band] + key.read_noise[band] ** 2 + 1 / 12) / response
        )
        sigma = np.hypot(sigma, 0.01 / math.sqrt(12))
        error = (counts[band][:, use] * 0.01 - light) / sigma
        assert abs(error.std() - 1.0) < 0.03
        assert abs((counts[band][:, use] * 0.01 - light).mean() / light.mean()) < 5e-4
    assert chain.made.columns == 600 and key.dead.sum() > 3


def test_dead_detectors_are_filled_from_their_neighbours(chain):
    key = read_calibration(chain.made.calibration)
    truth, counts = read(chain.made.truth), read(chain.radiance.image)
    for band, column in np.argwhere(key.dead):
        error = counts[band, :, column] * 0.01 / truth[band, :, column] - 1.0
        assert abs(np.median(error)) < 0.05
    raw = read(chain.l1a.image)
    band, column = np.argwhere(key.dead)[0]
    assert np.unique(raw[band, :, column]).size == 1  # it was stuck


def test_bands_lie_on_one_another(chain):
    """≤ 0.3 px rms is the reach; the shifts found are those put in, to 0.05 px.

    What is left is as measured, so with the measurement's own scatter on ground that differs by band.
    """
    assert chain.l1b.within_limit is True
    for band in chain.l1b.bands:
        if band.name == "green":
            continue
        assert band.residual_px is not None and band.residual_px < 0.3
        assert band.shift_px == pytest.approx(tuple(-value for value in OFF[band.name]), abs=0.05)
        assert band.tiles > 0.6 * band.tiles_of


def test_the_ortho_image_lies_on_the_scene(chain):
    """≤ 0.5 px rms without control points: measured by phase correlation of ortho against scene."""
    with rasterio.open(chain.ortho.path) as file:
        pixels, transform, names = file.read(), file.transform, file.descriptions
    left, top = round((transform.c - WEST) / PIXEL), round((NORTH - transform.f) / PIXEL)
    assert transform.c == pytest.approx(WEST + left * PIXEL, abs=1e-6)
    gsd = chain.made.pixel_m
    for name in ("green", "nir"):
        image = pixels[names.index(name)].astype(float)
        scene = chain.scene[BANDS.index(name)]
        shifts = []
        for row in range(0, image.shape[0] - 96, 96):
            for column in range(0, image.shape[1] - 96, 96):
                part = image[row : row + 96, column : column + 96]
                there = scene[top + row : top + row + 96, left + column : left + column + 96]
                if (part > 0).all() and there.shape == part.shape:
                    dx, dy, agreement = tile_shift(there, part)
                    if agreement > 0.5:
                        shifts.append((dx, dy))
        assert len(shifts) >= 20
        rms_px = math.sqrt(np.mean(np.sum(np.square(shifts), axis=1))) * PIXEL / gsd
        assert rms_px < 0.2
        assert np.abs(np.mean(shifts, axis=0)).max() * PIXEL / gsd < 0.1


def test_everything_says_that_it_is_simulated(chain):
    assert chain.l1a.simulated and chain.l1b.simulated
    for path in (chain.l1a.image, chain.l1b.image):
        assert open_image(path).tags["SIMULATED"] == "YES"
    assert read_calibration(chain.made.calibration).simulated
    assert '"simulated": true' in chain.l1a.report.read_text()


def test_the_same_seed_gives_the_same_bytes_whatever_the_threads(chain, tmp_path):
    small = replace(chain.model, shape=(96, 600))
    made = [
        simulate(
            small,
            tmp_path / f"{n}",
            name="same",
            bands=("green", "nir"),
            scene=SceneFile(path=chain.scene_path, bands=(2, 4)),
            relief=Dem(chain.dem_path, "none"),
            seed=seed,
            workers=workers,
        )
        for n, (seed, workers) in enumerate([(1, 1), (1, 3), (2, 3)])
    ]
    first, second, third = (one.raw.read_bytes() for one in made)
    assert first == second != third
    assert made[0].calibration.read_bytes() == made[1].calibration.read_bytes()
