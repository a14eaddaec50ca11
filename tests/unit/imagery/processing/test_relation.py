"""How bands lie on a pan: by grids, by models over relief, and by measurement."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from rasterio.transform import Affine

from comity.core import InputError
from comity.imagery.geometry.location import locate_on
from comity.imagery.processing.colour import kernels
from comity.imagery.processing.colour.assess import Arrays
from comity.imagery.processing.colour.relation import grid_relation, model_relation
from comity.imagery.processing.colour.survey import blur_of, survey
from unit.imagery.processing.paired import RATIO, WEIGHTS, truth
from unit.imagery.sensed import hills, make_rpc

PAN = make_rpc(1200, 800, gsd_m=2.5)
#: The bands look from another place: relief leans by another amount in them.
XS = make_rpc(300, 200, gsd_m=10.0, lean=0.36)


class Hills:
    """Relief as a DEM gives it."""

    heights = staticmethod(hills)


def test_models_meet_on_the_relief() -> None:
    column, row = np.meshgrid(np.linspace(100, 700, 7), np.linspace(100, 1100, 9))
    lon, lat, height = locate_on(PAN, Hills(), column, row)
    true = XS.project(lon, lat, height)
    with_dem = model_relation(PAN, XS, lambda x, y: locate_on(PAN, Hills(), x, y)[2])
    flat = model_relation(PAN, XS)
    assert with_dem.ratio == pytest.approx(4.0, rel=0.02)
    off = [np.hypot(*(np.array(one.xs_at(column, row)) - true)) for one in (with_dem, flat)]
    assert off[0].max() < 0.1  # nodes every 128 pixels follow hills of kilometres
    assert off[1].max() > 0.3
    back = with_dem.pan_at(*with_dem.xs_at(column, row))
    assert np.hypot(back[0] - column, back[1] - row).max() < 0.1


def test_models_of_two_places_are_refused() -> None:
    with pytest.raises(InputError, match="not one scene"):
        model_relation(PAN, replace(XS, lon_off_deg=XS.lon_off_deg + 1.0))


def test_grids_of_any_corner_and_pixel() -> None:
    relation = grid_relation(
        (400, 400), Affine(0.5, 0, 100, 0, -0.5, 900), (90, 95), Affine(2, 0, 103, 0, -2, 891)
    )
    # Corner (103, 891) lies 6 and 18 pan pixels in; the first coarse pixel's centre 1.5 more.
    assert np.array(relation.pan_at(0, 0)) == pytest.approx([7.5, 19.5])
    assert np.array(relation.xs_at(7.5, 19.5)) == pytest.approx([0.0, 0.0])
    assert relation.ratio == pytest.approx(4.0)


def test_windows_that_disagree_move_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cloud over a third, seen 0.9 pan pixels on by the bands: the clear ground stays in place."""
    monkeypatch.setattr("comity.imagery.processing.colour.survey._WINDOW_PX", 96)
    scene = truth(800, 1200)
    rows, cols = (size // RATIO for size in scene.shape[1:])
    x, y = np.meshgrid(np.arange(cols) * RATIO + 1.5, np.arange(rows) * RATIO + 1.5)
    drift = np.where((x // 400).astype(int) % 2 == 1, 0.9, 0.0)
    xs = [kernels.blur_at(band.astype(np.float32), x, y + drift, blur_of(0.2, RATIO)) for band in scene]
    pan = np.tensordot(WEIGHTS, scene, 1).astype(np.float32)
    relation = grid_relation(pan.shape, Affine.identity(), (rows, cols), Affine.scale(RATIO))
    found = survey(Arrays(pan=pan, xs=np.asarray(xs), relation=relation))
    assert found.shift_px == (0.0, 0.0)
    assert not found.relation.shift.any()
    assert found.spread_px > 0.3  # what the user is told of


def test_a_shift_that_varies_over_the_image_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bands turned and stretched by a thousandth against the pan: a pixel over the image, found to 0.1."""
    monkeypatch.setattr("comity.imagery.processing.colour.survey._WINDOW_PX", 96)
    scene = truth(800, 1200)
    rows, cols = (size // RATIO for size in scene.shape[1:])
    x, y = np.meshgrid(np.arange(cols) * RATIO + 1.5, np.arange(rows) * RATIO + 1.5)
    seen_x, seen_y = x + 1.0 + 0.001 * x - 0.0005 * y, y - 0.5 + 0.0008 * x
    xs = [kernels.blur_at(band.astype(np.float32), seen_x, seen_y, blur_of(0.2, RATIO)) for band in scene]
    pan = np.tensordot(WEIGHTS, scene, 1).astype(np.float32)
    relation = grid_relation(pan.shape, Affine.identity(), (rows, cols), Affine.scale(RATIO))
    found = survey(Arrays(pan=pan, xs=np.asarray(xs), relation=relation))
    column, row = np.meshgrid(np.arange(0, cols, 40), np.arange(0, rows, 40))
    at = found.relation.pan_at(column, row)
    assert np.abs(at[0] - seen_x[row, column]).max() < 0.1
    assert np.abs(at[1] - seen_y[row, column]).max() < 0.1
    assert found.nyquist == pytest.approx(0.2, abs=0.02)
