"""Mosaics of pieces of one scene, so that what they should be is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio

from comity.core import InputError
from comity.imagery.processing.mosaic import mosaic
from unit.imagery.processing.paired import read, truth, write

SCENE = truth(300, 400)


def piece(folder: Path, name: str, left: int, right: int, gain: float = 1.0, offset: float = 0.0) -> Path:
    """Columns of the scene as another image would show them."""
    return write(folder / f"{name}.tif", SCENE[:, :, left:right] * gain + offset, at=(left, 0))


def test_pieces_of_one_scene_give_the_scene(tmp_path: Path) -> None:
    parts = [piece(tmp_path, "a", 0, 180), piece(tmp_path, "b", 120, 300), piece(tmp_path, "c", 250, 400)]
    found = mosaic(parts, tmp_path / "out.tif")
    made = read(found.path)
    assert made.shape == SCENE.shape
    assert np.nanmax(np.abs(made - np.rint(SCENE))) <= 2.0
    assert np.isfinite(made).all()
    assert sum(part.share for part in found.parts) == pytest.approx(1.0)
    assert min(part.share for part in found.parts) > 0.2


def test_levels_and_contrasts_are_brought_together(tmp_path: Path) -> None:
    """Three images with gains and offsets of their own: one linear image of the scene comes out."""
    parts = [
        piece(tmp_path, "a", 0, 180),
        piece(tmp_path, "b", 120, 300, 1.3, 50.0),
        piece(tmp_path, "c", 250, 400, 0.8, -20.0),
    ]
    found = mosaic(parts, tmp_path / "out.tif")
    assert found.before is not None
    assert found.after is not None
    assert found.before > 0.2
    assert found.after < 0.005
    made = read(found.path)
    for band in range(4):
        slope, level = np.polyfit(SCENE[band].ravel(), made[band].ravel(), 1)
        rest = made[band] - slope * SCENE[band] - level
        assert rest.std() < 3.0
        assert 0.8 < slope < 1.3
    plain = mosaic(parts, tmp_path / "plain.tif", balanced=False)
    assert plain.parts[1].gains == (1.0,) * 4


def test_cloud_is_taken_from_where_it_is_clear(tmp_path: Path) -> None:
    first, second = SCENE[:, :, :260].copy(), SCENE[:, :, 140:].copy()
    # The first image is cloudy from the edge of the second on: without a mask the seam runs beyond the cloud.
    cloud = np.zeros((300, 260), bool)
    cloud[:, 140:200] = True
    first[:, cloud] = 4000.0
    images = [write(tmp_path / "a.tif", first), write(tmp_path / "b.tif", second, at=(140, 0))]
    classes = np.where(cloud, 4, 1)[None]
    masks = [
        write(tmp_path / "am.tif", classes, dtype="uint8"),
        write(tmp_path / "bm.tif", np.ones((1, 300, 260)), at=(140, 0), dtype="uint8"),
    ]
    made = read(mosaic(images, tmp_path / "out.tif", masks=masks).path)
    hidden = np.zeros((300, 400), bool)
    hidden[:, :260] = cloud
    assert np.abs(made - SCENE)[:, hidden].max() < 30.0
    with_cloud = read(mosaic(images, tmp_path / "cloudy.tif", balanced=False).path)
    assert with_cloud[:, hidden].max() > 3000.0


def test_the_seam_goes_round_what_differs(tmp_path: Path) -> None:
    """A lorry in the middle of the overlap, in one image only, is shown whole or not at all."""
    first, second = SCENE[:, :, :240].copy(), SCENE[:, :, 160:].copy()
    first[:, 100:200, 185:215] = 3000.0
    images = [write(tmp_path / "a.tif", first), write(tmp_path / "b.tif", second, at=(160, 0))]
    made = read(mosaic(images, tmp_path / "out.tif", balanced=False, feather_px=0.0).path)
    shown = (made[0, 100:200, 185:215] > 2000.0).mean()
    assert shown in (0.0, 1.0)


def test_other_grids_of_the_crs_and_holes(tmp_path: Path) -> None:
    """A piece half a pixel off the grid is resampled; what no image shows is no data."""
    first = piece(tmp_path, "a", 0, 180)
    shifted = 0.5 * (SCENE[:, :, 120:299] + SCENE[:, :, 121:300])
    second = write(tmp_path / "b.tif", shifted[:, :200], at=(120.5, 0))
    made = read(mosaic([first, second], tmp_path / "out.tif").path)
    assert made.shape == (4, 300, 300)
    assert np.isnan(made[:, 202:, 182:]).all()
    assert np.isfinite(made[:, :198, :296]).all()
    inner = np.abs(made[:, 5:195, 205:290] - SCENE[:, 5:195, 205:290])
    assert np.median(inner) < 10.0


def test_refuses_what_does_not_go_together(tmp_path: Path) -> None:
    first = piece(tmp_path, "a", 0, 180)
    with pytest.raises(InputError, match=r"other\.tif is in EPSG:32632"):
        mosaic([first, write(tmp_path / "other.tif", SCENE, crs="EPSG:32632")], tmp_path / "out.tif")
    with pytest.raises(InputError, match="has bands"):
        mosaic([first, write(tmp_path / "three.tif", SCENE[:3])], tmp_path / "out.tif")
    with pytest.raises(InputError, match="pixel type"):
        mosaic([first, write(tmp_path / "floats.tif", SCENE, dtype="float32")], tmp_path / "out.tif")
    with pytest.raises(InputError, match="lies on no map"):
        raw = write(tmp_path / "raw.tif", SCENE, crs=None, transform=rasterio.Affine.translation(10, 20))
        mosaic([raw], tmp_path / "out.tif")
    with pytest.raises(InputError, match="give one each"):
        mosaic([first], tmp_path / "out.tif", masks=[None, None])
    with pytest.raises(InputError, match="no image"):
        mosaic([], tmp_path / "out.tif")
    assert not (tmp_path / "out.tif").exists()


def test_a_mosaic_with_anything_simulated_in_it_is_simulated(tmp_path: Path) -> None:
    parts = [piece(tmp_path, "a", 0, 220), piece(tmp_path, "b", 150, 400)]
    for part, mark, start in zip(parts, ("NO", "YES"), ("2024-09-22", "2024-12-22"), strict=True):
        with rasterio.open(part, "r+") as file:
            file.update_tags(SIMULATED=mark, COMITY_START=start, COMITY_QUANTITY="surface reflectance")
    with rasterio.open(mosaic(parts, tmp_path / "out.tif").path) as made:
        assert made.tags()["SIMULATED"] == "YES"
        assert made.tags()["COMITY_QUANTITY"] == "surface reflectance"
        assert "COMITY_START" not in made.tags()  # there is no one date
