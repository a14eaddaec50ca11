"""Figures of quality: values known by hand, and what must leave them unmoved."""

from __future__ import annotations

import numpy as np
import pytest

from comity.core import InputError
from comity.imagery.processing.quality import (
    ergas,
    full_scale,
    quality_index,
    reduced_scale,
    rmse,
    spectral_angle_deg,
    vector_quality_index,
)

RNG = np.random.default_rng(0)
IMAGE = RNG.uniform(100, 900, (4, 64, 96))


def test_an_image_is_perfectly_like_itself() -> None:
    found = reduced_scale(IMAGE, IMAGE)
    assert found.ergas == 0.0
    assert found.sam_deg == pytest.approx(0.0, abs=1e-5)
    assert found.q == pytest.approx(1.0)
    assert found.rmse == (0.0,) * 4


def test_ergas_by_hand() -> None:
    true = np.stack([np.full((8, 8), 100.0), np.full((8, 8), 50.0)])
    made = true + np.array([10.0, -10.0])[:, None, None]
    # 100/4 · √(((10/100)² + (10/50)²) / 2)
    assert ergas(made, true, 4.0) == pytest.approx(25.0 * np.sqrt(0.025))
    assert rmse(made, true) == pytest.approx([10.0, 10.0])


def test_angle_sees_colour_not_brightness() -> None:
    assert spectral_angle_deg(3.0 * IMAGE, IMAGE) == pytest.approx(0.0, abs=1e-5)
    first, second = np.zeros((2, 4, 4)), np.zeros((2, 4, 4))
    first[0] = second[1] = 7.0
    assert spectral_angle_deg(first, second) == pytest.approx(90.0)


def test_q_by_the_formula_of_wang_and_bovik() -> None:
    a, b = IMAGE[0, :32, :32], 0.7 * IMAGE[0, :32, :32] + 30.0 + RNG.normal(0, 20, (32, 32))
    covariance = np.cov(a.ravel(), b.ravel(), bias=True)
    by_hand = (
        4 * covariance[0, 1] * a.mean() * b.mean() / ((a.var() + b.var()) * (a.mean() ** 2 + b.mean() ** 2))
    )
    assert quality_index(a, b) == pytest.approx(by_hand)
    assert quality_index(a, 1000.0 - a) < 0.0


def test_q_of_vectors_is_q_of_one_band_alone() -> None:
    """Bands of zeros add nothing; a change of one band's sign within the vector is seen."""
    blank = np.zeros((3, 64, 96))
    other = IMAGE[:1] + RNG.normal(0, 60, (1, 64, 96))
    alone = quality_index(IMAGE[0], other[0])
    assert vector_quality_index(
        np.concatenate([IMAGE[:1], blank]), np.concatenate([other, blank])
    ) == pytest.approx(alone, abs=1e-9)
    assert vector_quality_index(IMAGE, IMAGE[[1, 0, 2, 3]]) < 0.9


def test_qnr_is_one_where_relations_hold_across_scales() -> None:
    """An image of equal pixels has the same statistics at both scales, windows covering the same ground."""
    coarse = RNG.uniform(100, 900, (4, 64, 64))
    pan = coarse.mean(axis=0)
    fine = coarse.repeat(4, axis=1).repeat(4, axis=2)
    found = full_scale(fine, pan.repeat(4, axis=0).repeat(4, axis=1), coarse, pan)
    assert (found.d_lambda, found.d_s, found.qnr) == pytest.approx((0.0, 0.0, 1.0), abs=1e-9)
    grey = fine.mean(axis=0, keepdims=True).repeat(4, axis=0)
    washed = full_scale(grey, pan.repeat(4, 0).repeat(4, 1), coarse, pan)
    assert washed.d_lambda > 0.3


def test_pixels_without_data_count_in_nothing() -> None:
    made, true = IMAGE + 5.0, IMAGE.copy()
    made[1, :20, :30], true[2, 40:, 80:] = np.nan, np.nan
    junk = made.copy()
    junk[0, :20, :30] = 1e9
    assert reduced_scale(junk, true) == reduced_scale(made, true)
    with pytest.raises(InputError, match="nothing to compare"):
        reduced_scale(np.full_like(true, np.nan), true)
