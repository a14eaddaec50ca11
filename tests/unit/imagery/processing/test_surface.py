"""L2A: the ground comes out from under the air, by either method; what cannot be corrected is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.transform import Affine
from rio_cogeo.cogeo import cog_validate

from comity.core import InputError
from comity.imagery.processing.atmosphere import Air, Look, band_air
from comity.imagery.processing.surface import METHODS, surface_reflectance
from comity.imagery.scenery.spectra import BANDS

NAMES = ("blue", "green", "red", "nir")
LOOK = Look(sun_zenith_deg=35.0, view_zenith_deg=10.0, azimuth_deg=60.0)
TRUE = Air(aot550=0.25, aerosol="continental", water_g_cm2=1.5)


def ground() -> NDArray[np.float64]:
    """(4, 200, 260) reflectance: noise about 0.2, dark water of 0.01 in a corner."""
    rng = np.random.default_rng(2)
    values = np.clip(rng.normal(0.2, 0.05, (4, 200, 260)), 0.02, 0.6)
    values[:, :30, :40] = 0.01
    return values


def write(path: Path, values: NDArray[Any], *, scale: float | None = 1e-4, hole: bool = True) -> Path:
    counts = np.clip(np.rint(values * 1e4), 1, 65_535).astype(np.uint16)
    if hole:
        counts[:, -20:, :] = 0
    profile = {
        "driver": "GTiff", "dtype": "uint16", "count": len(counts), "height": counts.shape[1],
        "width": counts.shape[2], "crs": "EPSG:32638", "nodata": 0,
        "transform": Affine(10, 0, 300_000, 0, -10, 1_280_000),
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as file:
        file.write(counts)
        file.descriptions = NAMES[: len(counts)]
        if scale is not None:
            file.scales = (scale,) * len(counts)
    return path


@pytest.fixture(scope="module")
def hazy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ground through the true air."""
    top = []
    for name, values in zip(NAMES, ground(), strict=True):
        model = band_air(BANDS[name].centre_um, BANDS[name].width_um, TRUE, LOOK)
        top.append(model.to_top(values))
    return write(tmp_path_factory.mktemp("hazy") / "toa.tif", np.stack(top))


def read(path: Path) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    with rasterio.open(path) as file:
        return file.read() * 1e-4, file.read(1) != 0


def test_the_model_gives_back_the_ground_with_the_aerosol_told_from_the_image(
    hazy: Path, tmp_path: Path
) -> None:
    air = Air(aot550=0.0, aerosol="continental", water_g_cm2=1.5)
    done = surface_reflectance(hazy, tmp_path / "l2a.tif", look=LOOK, air=air)
    assert done.aot_estimated
    assert done.air is not None
    assert done.air.aot550 == pytest.approx(TRUE.aot550, abs=0.02)
    found, valid = read(done.image)
    assert np.abs(found - ground())[:, valid].max() < 0.006
    assert not valid[-20:].any()
    assert valid[:-20].all()
    assert cog_validate(str(done.image), strict=True)[0]
    with rasterio.open(done.image) as file:
        tags = file.tags()
        assert file.scales == (1e-4,) * 4
    assert tags["COMITY_LEVEL"] == "L2A"
    assert tags["COMITY_ATMOSPHERE"] == METHODS["6s-like"]
    assert "estimated" in tags["COMITY_AOT_550"]


def test_dark_objects_take_the_haze_off_dark_ground_and_say_so(hazy: Path, tmp_path: Path) -> None:
    done = surface_reflectance(hazy, tmp_path / "dos.tif", look=LOOK, method="dark-object")
    found, _ = read(done.image)
    with rasterio.open(hazy) as file:
        before = file.read() * 1e-4
        assert file.tags().get("COMITY_LEVEL") is None
    # Dark ground comes out right; of bright ground nothing is promised, for the aerosol still dims it.
    dark = ground() == 0.01
    assert np.abs(found - ground())[dark].max() < 0.003
    assert (before - ground())[0][dark[0]].min() > 0.05
    assert done.air is None
    with rasterio.open(done.image) as file:
        assert file.tags()["COMITY_ATMOSPHERE"] == METHODS["dark-object"]


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("counts", r"bad\.tif holds plain counts"),
        ("percent", r"bad\.tif: the median value is"),
        ("names", r"bad\.tif: band 'infra' is no STAC common name"),
        ("too few names", r"bad\.tif has 4 band\(s\), 2 names"),
        ("thermal", r"10\.[0-9]+…11\.[0-9]+ µm is outside"),
        ("night", r"Sun -3° above the horizon"),
        ("method", r"unknown method 'magic'"),
    ],
)
def test_what_cannot_be_corrected_is_refused(tmp_path: Path, what: str, message: str) -> None:
    scale = {"counts": None, "percent": 1e-2}.get(what, 1e-4)
    image = write(tmp_path / "bad.tif", ground(), scale=scale)
    options: dict[str, Any] = {"look": LOOK}
    if what == "names":
        options["bands"] = ["blue", "green", "red", "infra"]
    if what == "too few names":
        options["bands"] = ["blue", "green"]
    if what == "thermal":
        options["bands"] = ["blue", "green", "red", "lwir11"]
    if what == "method":
        options["method"] = "magic"
    with pytest.raises(InputError, match=message):
        if what == "night":
            options["look"] = Look(sun_zenith_deg=93.0)
        surface_reflectance(image, tmp_path / "out.tif", **options)
    assert [path.name for path in tmp_path.iterdir()] == ["bad.tif"]
