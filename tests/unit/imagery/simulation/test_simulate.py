"""Simulations through geometries of every kind, and what is refused."""

from __future__ import annotations

import errno
import json
import math
import warnings
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine
from typer.testing import CliRunner

from comity.cli.main import build_app
from comity.core import Epoch, InputError
from comity.imagery.geometry.cameras import CameraModel, pushbroom, square_row_period_s
from comity.imagery.geometry.fitting import fit_rpc
from comity.imagery.geometry.images import open_image
from comity.imagery.geometry.pointing import OrbitalPointing, pointed_platform
from comity.imagery.irradiance import band_irradiance, sun_distance_au
from comity.imagery.level0.calibration import read_calibration, write_calibration
from comity.imagery.processing.atmosphere import Air, Look, band_air
from comity.imagery.processing.decode import decode
from comity.imagery.processing.radiometry import correct
from comity.imagery.scenery.spectra import BANDS
from comity.imagery.simulation.acquire import simulate
from comity.imagery.simulation.radiometer import Radiometer
from comity.imagery.simulation.sources import SceneFile
from unit.imagery.geometry.flown import EPOCH, LINE, trajectory


def model(rows: int = 72, columns: int = 80) -> CameraModel:
    """Some pixels of a 0.7 m pushbroom half an orbit later, when it is day below."""
    at = 2_950.0
    flown = pointed_platform(trajectory(), OrbitalPointing(), EPOCH, at - 2.0, at + 2.0)
    period = square_row_period_s(LINE, flown)
    return pushbroom(LINE, flown, rows, row_period_s=period).extract(5_000, 0, (rows, columns))


def even_scene(path: Path, reflectance: float, geometry, **more) -> Path:
    lon, lat = geometry.locate(40, 36, 0.0)
    profile = {
        "driver": "GTiff",
        "count": 1,
        "height": 60,
        "width": 60,
        "dtype": "float32",
        "crs": "EPSG:4326",
        "transform": Affine(2e-4, 0, float(lon) - 6e-3, 0, -2e-4, float(lat) + 6e-3),
    }
    with rasterio.open(path, "w", **profile | more) as file:
        file.write(
            np.full((1, 60, 60), reflectance, profile["dtype"] if not more else more.get("dtype", "float32"))
        )
    return path


def pixels(path: Path) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(path) as file:
            return file.read()


def test_even_ground_comes_out_as_the_atmosphere_makes_it(tmp_path):
    """Flat ground of reflectance 0.3 without noise: L1B is the atmosphere's own top reflectance to 0.5 %."""
    geometry = model()
    scene = even_scene(tmp_path / "scene.tif", 0.3, geometry)
    made = simulate(
        geometry,
        tmp_path,
        name="even",
        bands=("pan",),
        scene=SceneFile(path=scene),
        radiometer=Radiometer(dead_share=0.0, bits=14),
        air=Air(aot550=0.2),
        noise=False,
    )
    l1a = decode(made.raw, tmp_path / "l1a.tif", calibration=made.calibration)
    column, row = np.array([0.0, 79.0, 40.0]), np.array([0.0, 71.0, 20.0])
    there = open_image(l1a.image).model.locate(column, row, 100.0)
    assert np.abs(np.subtract(there, geometry.locate(column, row, 100.0))).max() < 1e-11
    # LINE knows "pan" and "nir" lines: alone, a band is its own reference.
    l1b = correct(l1a.image, made.calibration, tmp_path / "l1b.tif")
    found = pixels(l1b.image)[0] * 1e-4
    look = made.look
    azimuth = abs((look.view_azimuth_deg - look.sun_azimuth_deg + 180) % 360 - 180)
    band = BANDS["pan"]
    air = band_air(
        band.centre_um,
        band.width_um,
        Air(aot550=0.2),
        Look(
            sun_zenith_deg=90 - look.sun_elevation_deg,
            view_zenith_deg=look.view_zenith_deg,
            azimuth_deg=azimuth,
        ),
    )
    assert found == pytest.approx(float(air.to_top(np.array(0.3))), rel=5e-3)
    assert l1b.bands[0].striping < 1e-3
    # The scene is 1.2 km wide, the ground around the image some 500 m.
    assert made.covered > 0.99


def test_an_rpc_will_do_for_a_geometry(tmp_path):
    geometry = model()
    rpc = fit_rpc(geometry, heights_m=(-100.0, 1_000.0)).rpc
    scene = even_scene(tmp_path / "scene.tif", 0.2, geometry)
    at = geometry.row_epoch(0.0)
    with pytest.raises(InputError, match="give a time"):
        simulate(rpc, tmp_path, name="r", bands=("red",), scene=SceneFile(path=scene))
    made = simulate(rpc, tmp_path, name="r", bands=("red",), at=at, scene=SceneFile(path=scene))
    assert made.rpc is not None
    l1a = decode(made.raw, tmp_path / "l1a.tif")
    image = open_image(l1a.image)
    here = np.array([3.0, 70.0]), np.array([5.0, 60.0])
    assert np.abs(np.subtract(image.model.locate(*here, 50.0), geometry.locate(*here, 50.0))).max() < 1e-6
    assert correct(l1a.image, made.calibration, tmp_path / "l1b.tif").geometry == tmp_path / "l1b_RPC.TXT"


def test_lost_packets_stay_no_data_through_to_level_1b(tmp_path):
    geometry = model()
    scene = even_scene(tmp_path / "scene.tif", 0.2, geometry)
    made = simulate(
        geometry, tmp_path, name="gap", bands=("pan", "nir"), scene=SceneFile(path=scene, bands=(1, 1))
    )
    raw = bytearray(made.raw.read_bytes())
    raw[len(raw) // 2 : len(raw) // 2 + 900] = bytes(900)
    made.raw.write_bytes(raw)
    l1a = decode(made.raw, tmp_path / "l1a.tif", calibration=made.calibration)
    assert l1a.gaps
    lost = pixels(l1a.image) == 65_535
    assert 0 < lost.sum() == sum(gap.rows * gap.columns for gap in l1a.gaps)
    told = json.loads(l1a.report.read_text())
    assert len(told["gaps"]) == len(l1a.gaps) and told["rubbish_bytes"] >= 900
    l1b = correct(l1a.image, made.calibration, tmp_path / "l1b.tif", align=False)
    assert ((pixels(l1b.image) == 0) == lost).all()
    # Even ground has nothing to measure a shift by: said, not made up.
    aligned = correct(l1a.image, made.calibration, tmp_path / "aligned.tif", reference="pan")
    assert aligned.within_limit is None
    assert aligned.bands[1].residual_px is None


def test_what_cannot_be_simulated_is_refused_by_name(tmp_path):
    geometry = model()
    scene = even_scene(tmp_path / "scene.tif", 0.2, geometry)
    bare = even_scene(tmp_path / "bare.tif", 0.2, geometry, crs=None)
    far = even_scene(tmp_path / "far.tif", 0.2, geometry, transform=Affine(2e-4, 0, 10.0, 0, -2e-4, 50.0))
    short = tmp_path / "short.tif"
    short.write_bytes(scene.read_bytes()[:300])
    night = geometry.row_epoch(0.0) + 43_200.0  # half a day later

    def refused(why: str, **changed) -> None:
        options = {"bands": ("pan",), "scene": SceneFile(path=scene)} | changed
        with pytest.raises(InputError, match=why):
            simulate(changed.pop("geometry", geometry), tmp_path / "out", name="x", **options)

    refused("bare.tif has no georeference", scene=SceneFile(path=bare))
    refused("far.tif does not cover", scene=SceneFile(path=far))
    refused("short.tif", scene=SceneFile(path=short))
    refused("no band 3", scene=SceneFile(path=scene, bands=(3,)))
    refused("2 bands of", scene=SceneFile(path=scene, bands=(1, 1)))
    refused("no band 'blue'", bands=("blue",))
    refused("cloud 40 is outside", cloud=40.0)
    refused("offset of band 'red'", offsets={"red": (1.0, 0.0)})
    rpc = fit_rpc(geometry, heights_m=(-100.0, 1_000.0)).rpc
    with pytest.raises(InputError, match="Sun stands"):
        simulate(rpc, tmp_path / "out", name="x", bands=("pan",), at=night, scene=SceneFile(path=scene))
    left = list((tmp_path / "out").glob("*")) if (tmp_path / "out").exists() else []
    assert left == []


def test_a_full_disk_is_told_and_nothing_stays(tmp_path, monkeypatch):
    geometry = model()
    scene = even_scene(tmp_path / "scene.tif", 0.2, geometry)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    with pytest.raises(InputError, match="No space left"):
        simulate(geometry, tmp_path / "out", name="x", bands=("pan",), scene=SceneFile(path=scene))
    assert list((tmp_path / "out").iterdir()) == []
    with pytest.raises(InputError, match=r"cannot write to .*scene\.tif"):
        simulate(geometry, scene, name="x", bands=("pan",), scene=SceneFile(path=scene))


def test_a_calibration_of_another_camera_is_refused(tmp_path):
    geometry = model()
    scene = even_scene(tmp_path / "scene.tif", 0.2, geometry)
    made, other = (
        simulate(geometry, tmp_path, name=name, bands=("pan",), instrument=name, scene=SceneFile(path=scene))
        for name in ("one", "two")
    )
    with pytest.raises(InputError, match=r"two\.calibration\.nc is of two"):
        decode(made.raw, tmp_path / "l1a.tif", calibration=other.calibration)
    l1a = decode(made.raw, tmp_path / "l1a.tif", calibration=made.calibration)
    with pytest.raises(InputError, match=r"two\.calibration\.nc is of two"):
        correct(l1a.image, other.calibration, tmp_path / "l1b.tif")
    with pytest.raises(InputError, match="no level-1A image"):
        l1b = correct(l1a.image, made.calibration, tmp_path / "l1b.tif")
        correct(l1b.image, made.calibration, tmp_path / "again.tif")
    with pytest.raises(InputError, match=r"scene\.tif is no calibration|cannot read .*scene\.tif"):
        read_calibration(scene)
    key = read_calibration(made.calibration)
    again = read_calibration(write_calibration(key, tmp_path / "copy.nc"))
    assert (again.flat == key.flat).all() and again.camera == key.camera and again.bands == key.bands


def test_the_command_line_walks_from_a_programme_to_level_1b(tmp_path):
    def run(*words: str):
        done = CliRunner().invoke(build_app("process"), ["process", *words])
        assert done.exit_code == 0, done.output
        return json.loads(done.output)

    made = run(
        *("simulate", "--programme", "joint-eo", "--spacecraft", "kanopus-v-3", "--point", "43.15,11.59"),
        *(
            "--columns",
            "160",
            "--rows",
            "150",
            "--bands",
            "green,nir",
            "--cloud",
            "0.1",
            "--out",
            str(tmp_path),
        ),
        *("--name", "dji", "--json"),
    )
    assert made["simulated"] and 9.0 < made["gsd_m"] < 14.0 and made["sun_elevation_deg"] > 20.0
    l1a = run("l1a", made["raw"], "--out", str(tmp_path / "l1a.tif"), "--json")
    assert l1a["gaps"] == [] and l1a["geometry"].endswith("l1a.camera.json")
    picture = tmp_path / "look.png"
    l1b = run(
        *("l1b", l1a["image"], "--calibration", made["calibration"], "--out", str(tmp_path / "l1b.tif")),
        *("--dem", made["dem"], "--quicklook", str(picture), "--json"),
    )
    assert l1b["simulated"] and l1b["reference"] == "green"
    assert picture.read_bytes()[:4] == b"\x89PNG"
    middle = open_image(tmp_path / "l1b.tif").model.locate(79.5, 74.5, 0.0)
    # The middle of the image looks at the place: within two pixels, band lines and detectors being off it.
    assert math.hypot(float(middle[0]) - 43.15, float(middle[1]) - 11.59) < 0.006


@pytest.mark.parametrize(
    ("band", "expected"),
    [((0.625, 0.35), 1610.73), ((0.48, 0.06), 1993.18), ((0.545, 0.07), 1828.83), ((0.6725, 0.035), 1491.49)],
)
def test_irradiance_in_bands_of_another_camera(band, expected):
    """GeoEye-1's, of the same spectrum (DigitalGlobe, Absolute Radiometric Calibration 2016v0), to 2 %."""
    assert band_irradiance(*band) == pytest.approx(expected, rel=0.02)


def test_the_sun_is_nearest_in_january():
    """Perihelion and aphelion of 2024: 0.98331 and 1.01673 au (US Naval Observatory)."""
    assert sun_distance_au(Epoch.from_iso("2024-01-03T01:00:00Z")) == pytest.approx(0.98331, abs=2e-5)
    assert sun_distance_au(Epoch.from_iso("2024-07-05T05:00:00Z")) == pytest.approx(1.01673, abs=2e-5)
    with pytest.raises(InputError, match="tabled"):
        band_irradiance(11.0, 1.0)
