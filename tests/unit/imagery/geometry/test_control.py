"""Refinement by control points: corrections found, blunders told, too few refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from comity.core import InputError
from comity.imagery.geometry.control import (
    ControlPoints,
    Form,
    RefinedModel,
    read_control_points,
    refine,
    residuals,
)
from comity.imagery.geometry.fitting import fit_rpc
from unit.imagery.geometry.flown import line_image

MODEL = line_image()
CORRECTIONS: dict[Form, np.ndarray] = {
    "shift": np.array([[12.0, 0.0, 0.0], [-7.0, 0.0, 0.0]]),
    "drift": np.array([[12.0, 0.0, 1e-4], [-7.0, 0.0, -2e-4]]),
    "affine": np.array([[12.0, -3e-4, 1e-4], [-7.0, 4e-4, -2e-4]]),
}
#: Corners and middle, a little inside; then more.
COLUMNS = np.array([400.0, 9_600.0, 9_500.0, 300.0, 5_000.0, 2_500.0, 7_500.0, 5_000.0])
ROWS = np.array([500.0, 900.0, 39_000.0, 38_000.0, 20_000.0, 30_000.0, 10_000.0, 5_000.0])


def points(truth: RefinedModel, count: int, noise_px: float = 0.1, seed: int = 0) -> ControlPoints:
    draw = np.random.default_rng(seed)
    column, row = COLUMNS[:count], ROWS[:count]
    height = draw.uniform(0.0, 2_000.0, count)
    lon, lat = truth.locate(column, row, height)
    return ControlPoints(
        column=column + draw.normal(0.0, noise_px, count),
        row=row + draw.normal(0.0, noise_px, count),
        lon_deg=lon,
        lat_deg=lat,
        height_m=height,
    )


def with_blunder(good: ControlPoints, k: int, by: float) -> ControlPoints:
    column = good.column.copy()
    column[k] += by
    return ControlPoints(
        column=column, row=good.row, lon_deg=good.lon_deg, lat_deg=good.lat_deg, height_m=good.height_m
    )


def error_px(found: RefinedModel, truth: RefinedModel) -> float:
    column, row = np.meshgrid(np.linspace(0, 9_999, 9), np.linspace(0, 39_999, 9))
    u, v = found.project(*truth.locate(column, row, 500.0), 500.0)
    return float(np.sqrt(np.mean((u - column) ** 2 + (v - row) ** 2)))


def test_a_refined_model_locates_back() -> None:
    truth = RefinedModel(base=MODEL, correction=CORRECTIONS["affine"])
    assert error_px(truth, truth) < 1e-6
    assert truth.shape == MODEL.shape


@pytest.mark.parametrize("form", CORRECTIONS)
def test_the_form_that_is_there_is_found(form: Form) -> None:
    truth = RefinedModel(base=MODEL, correction=CORRECTIONS[form])
    found = refine(MODEL, points(truth, 8), sigma_px=0.1)
    assert found.form == form
    assert found.kept.all()
    assert error_px(found.model, truth) < 0.15
    assert found.rms_px < 0.2 < 5.0 < found.before_px
    assert found.rms_px < found.left_out_px < 0.4


@pytest.mark.parametrize("form", ["shift", "drift"])
@pytest.mark.parametrize("k", range(5))
def test_one_blunder_of_five_is_told(form: Form, k: int) -> None:
    truth = RefinedModel(base=MODEL, correction=CORRECTIONS[form])
    found = refine(MODEL, with_blunder(points(truth, 5), k, 15.0), sigma_px=0.1)
    assert np.flatnonzero(~found.kept).tolist() == [k]
    assert abs(found.column_px[k] - 15.0) < 1.0
    assert error_px(found.model, truth) < 0.3


def test_an_affine_correction_with_a_blunder_of_eight() -> None:
    truth = RefinedModel(base=MODEL, correction=CORRECTIONS["affine"])
    found = refine(MODEL, with_blunder(points(truth, 8), 2, -9.0), form="affine", sigma_px=0.1)
    assert np.flatnonzero(~found.kept).tolist() == [2]
    assert error_px(found.model, truth) < 0.2


def test_points_worse_than_stated_are_no_blunders() -> None:
    truth = RefinedModel(base=MODEL, correction=CORRECTIONS["shift"])
    found = refine(MODEL, points(truth, 8, noise_px=0.5, seed=4), sigma_px=0.1)
    assert found.kept.all()
    assert error_px(found.model, truth) < 0.7


def test_any_sensor_model_is_refined_and_fitted() -> None:
    truth = RefinedModel(base=MODEL, correction=CORRECTIONS["drift"])
    rpc = fit_rpc(MODEL).rpc
    found = refine(rpc, points(truth, 5), sigma_px=0.1)
    fitted = fit_rpc(found.model)
    assert fitted.rms_px < 0.01
    u, v = residuals(fitted.rpc, points(truth, 8, noise_px=0.0))
    assert np.hypot(u, v).max() < 0.35


def test_one_point_shifts_and_two_are_no_affine() -> None:
    truth = RefinedModel(base=MODEL, correction=CORRECTIONS["shift"])
    found = refine(MODEL, points(truth, 1))
    assert found.form == "shift"
    assert np.isnan(found.left_out_px)
    with pytest.raises(InputError, match="too few, or lie on one line, for affine"):
        refine(MODEL, points(truth, 2), form="affine")
    line = points(truth, 8)
    line = ControlPoints(
        column=np.full(8, 5_000.0),
        row=line.row,
        lon_deg=MODEL.locate(np.full(8, 5_000.0), line.row, 0.0)[0],
        lat_deg=MODEL.locate(np.full(8, 5_000.0), line.row, 0.0)[1],
        height_m=np.zeros(8),
    )
    with pytest.raises(InputError, match="lie on one line"):
        refine(MODEL, line, form="affine")


def test_points_that_contradict_each_other_are_refused() -> None:
    truth = RefinedModel(base=MODEL, correction=CORRECTIONS["shift"])
    good = points(truth, 5)
    bad = ControlPoints(
        column=good.column + np.array([0.0, 40.0, -60.0, 90.0, -30.0]),
        row=good.row + np.array([0.0, 70.0, 20.0, -50.0, 60.0]),
        lon_deg=good.lon_deg,
        lat_deg=good.lat_deg,
        height_m=good.height_m,
    )
    with pytest.raises(InputError, match="contradict each other"):
        refine(MODEL, bad, form="shift")
    elsewhere = ControlPoints(
        column=good.column,
        row=good.row,
        lon_deg=good.lat_deg,
        lat_deg=good.lon_deg / 4,
        height_m=good.height_m,
    )
    with pytest.raises(InputError, match="sees none of the 5 control points"):
        refine(MODEL, elsewhere)


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_text("name,column,row,lon,lat,height\nquay,1.5,2,43.1,11.5,-12\n")
    read = read_control_points(path)
    assert (read.name, read.column[0], read.height_m[0]) == (("quay",), 1.5, -12.0)
    path.write_text("column,row,lon,lat\n1,2,3,4\n")
    with pytest.raises(InputError, match=r"points\.csv has no column height"):
        read_control_points(path)
    path.write_text("column,row,lon,lat,height\n1,2,3,x,4\n")
    with pytest.raises(InputError, match=r"points\.csv line 2: .*'x'"):
        read_control_points(path)
    path.write_text("column,row,lon,lat,height\n1,2,3,nan,4\n")
    with pytest.raises(InputError, match=r"control point 1: lat_deg is not a number"):
        read_control_points(path)
    path.write_text("column,row,lon,lat,height\n")
    with pytest.raises(InputError, match="none"):
        read_control_points(path)
