"""Sharpening a made pair whose truth is known, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio

from comity.core import InputError
from comity.imagery.processing.pansharpen import pansharpen
from comity.imagery.processing.quality import reduced_scale
from unit.imagery.processing.paired import BANDS, PAN_M, RATIO, WEIGHTS, pair, read, truth, write


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A pan and bands that lie (1.7, −2.3) pan pixels off their geometry."""
    folder = tmp_path_factory.mktemp("pair")
    pan, xs = pair(truth(), shift_px=(1.7, -2.3))
    return write(folder / "pan.tif", pan), write(folder / "xs.tif", xs, PAN_M * RATIO)


def test_comes_near_the_truth_and_tells_what_it_found(files: tuple[Path, Path], tmp_path: Path) -> None:
    found = pansharpen(*files, tmp_path / "out.tif", judge=True)
    made, true = read(found.path), truth()
    assert found.shift_px == pytest.approx((1.7, -2.3), abs=0.05)
    assert found.nyquist == pytest.approx(0.25, abs=0.04)
    assert found.weights == pytest.approx(WEIGHTS, abs=0.08)
    assert found.explained > 0.99
    inner = np.s_[:, 16:-16, 16:-16]
    quality = reduced_scale(made[inner], true[inner])
    blocks = read(files[1]).repeat(RATIO, axis=1).repeat(RATIO, axis=2)
    plain = reduced_scale(blocks[inner], true[inner])
    assert quality.ergas < 0.5 * plain.ergas
    assert quality.sam_deg < 0.7 * plain.sam_deg
    assert found.assessment is not None
    assert found.assessment.full.qnr > 0.9
    with rasterio.open(found.path) as file:
        assert file.descriptions == BANDS
        assert file.nodata == 0


def test_without_registration_it_is_worse(files: tuple[Path, Path], tmp_path: Path) -> None:
    made = [
        read(pansharpen(*files, tmp_path / f"{register}.tif", register=register).path)
        for register in (True, False)
    ]
    inner = np.s_[:, 16:-16, 16:-16]
    right, wrong = (reduced_scale(image[inner], truth()[inner]).ergas for image in made)
    assert right < 0.7 * wrong


def test_blocks_do_not_show(
    files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same pixels, whatever blocks they are made in."""
    from comity.imagery.processing import pansharpen as module

    whole = read(pansharpen(*files, tmp_path / "whole.tif").path)
    real = module.write_cog
    monkeypatch.setattr(module, "write_cog", lambda *args, **more: real(*args, **(more | {"block": 512})))
    big = [np.tile(read(path), (1, 2, 2)) for path in files]
    paths = [write(tmp_path / f"{n}.tif", image, PAN_M * (1, RATIO)[n]) for n, image in enumerate(big)]
    small_blocks = read(pansharpen(*paths, tmp_path / "small.tif").path)
    monkeypatch.setattr(module, "write_cog", real)
    large_blocks = read(pansharpen(*paths, tmp_path / "large.tif").path)
    assert np.nanmax(np.abs(small_blocks - large_blocks)) <= 1.0
    assert whole.shape[0] == small_blocks.shape[0]


def test_no_data_stays_no_data_and_spoils_nothing_else(tmp_path: Path) -> None:
    pan, xs = pair(truth())
    clean = read(
        pansharpen(
            write(tmp_path / "p0.tif", pan),
            write(tmp_path / "x0.tif", xs, PAN_M * RATIO),
            tmp_path / "o0.tif",
        ).path
    )
    pan[100:180, 200:300] = np.nan
    xs[:, :20, :30] = np.nan
    made = read(
        pansharpen(
            write(tmp_path / "p1.tif", pan),
            write(tmp_path / "x1.tif", xs, PAN_M * RATIO),
            tmp_path / "o1.tif",
        ).path
    )
    assert np.isnan(made[:, 100:180, 200:300]).all()
    assert np.isnan(made[:, :80, :120]).all()
    far = np.ones(made.shape[1:], bool)
    far[60:220, 160:340] = far[:130, :170] = False
    assert np.isfinite(made[:, far]).all()
    assert np.abs(made - clean)[:, far].mean() < 2.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda pan, xs: (xs, pan), "a pan has one"),
        (lambda pan, xs: (pan, pan), "one band"),
    ],
)
def test_refuses_what_is_no_pair(
    files: tuple[Path, Path], tmp_path: Path, change: object, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        pansharpen(*change(*files), tmp_path / "out.tif")  # type: ignore[operator]
    assert not (tmp_path / "out.tif").exists()


def test_refuses_other_ground_other_crs_and_no_geometry(files: tuple[Path, Path], tmp_path: Path) -> None:
    _, xs = pair(truth(seed=99))
    with pytest.raises(InputError, match="not the same ground"):
        pansharpen(files[0], write(tmp_path / "else.tif", xs, PAN_M * RATIO), tmp_path / "out.tif")
    with pytest.raises(InputError, match="no valid ground in common"):
        away = write(tmp_path / "away.tif", xs, PAN_M * RATIO, at=(5000, 0))
        pansharpen(files[0], away, tmp_path / "out.tif")
    with pytest.raises(InputError, match="bring both to one CRS"):
        other = write(tmp_path / "crs.tif", xs, PAN_M * RATIO, crs="EPSG:32632")
        pansharpen(files[0], other, tmp_path / "out.tif")
    with pytest.raises(InputError, match="nothing to sharpen"):
        pansharpen(files[0], write(tmp_path / "fine.tif", truth()), tmp_path / "out.tif")
    cut_short = tmp_path / "short.tif"
    cut_short.write_bytes(files[1].read_bytes()[: files[1].stat().st_size // 2])
    with pytest.raises(InputError, match=r"short\.tif"):
        pansharpen(files[0], cut_short, tmp_path / "out.tif")
    assert not (tmp_path / "out.tif").exists()
