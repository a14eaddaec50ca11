"""Scattering against DISORT; against 6S see :mod:`comity.imagery.published`."""

from __future__ import annotations

import math

import numpy as np
import pytest

from comity.imagery.processing.scattering import Layer, scatter, scattering_cosine

RAYLEIGH = 0.1 * (1 - 0.0279) / (1 + 0.0279 / 2)


@pytest.mark.parametrize(
    ("depth", "albedo", "asymmetry", "sun_deg", "view_deg", "azimuth_deg", "path", "down"),
    [
        # CDISORT (nanodisort 0.3.0), 32 streams, intensity correction; asymmetry None is Rayleigh.
        (0.1664, 1.0, None, 60, 25, 50, 0.09898863, 0.85695656),
        (0.1664, 1.0, None, 45, 40, 180, 0.06440933, 0.89440016),
        (0.5, 0.9, 0.65, 60, 25, 50, 0.05336996, 0.75046374),
        (0.5, 0.9, 0.65, 45, 40, 180, 0.08220741, 0.83455368),
    ],
)
def test_scattering_is_that_of_disort(
    depth: float,
    albedo: float,
    asymmetry: float | None,
    sun_deg: float,
    view_deg: float,
    azimuth_deg: float,
    path: float,
    down: float,
) -> None:
    sun, view = math.cos(math.radians(sun_deg)), math.cos(math.radians(view_deg))
    azimuth = math.radians(azimuth_deg)
    cosine = scattering_cosine(sun, view, azimuth)
    if asymmetry is None:
        moments = np.zeros(65)
        moments[0], moments[2] = 1.0, RAYLEIGH
        phase = 1.0 + 5.0 * RAYLEIGH * (1.5 * cosine**2 - 0.5)
    else:
        moments = asymmetry ** np.arange(65)
        phase = (1 - asymmetry**2) / (1 + asymmetry**2 - 2 * asymmetry * cosine) ** 1.5
    found = scatter([Layer(depth, albedo, moments, phase)], sun, view, azimuth)
    assert found.path == pytest.approx(path, abs=1e-4)
    assert found.down == pytest.approx(down, abs=2e-4)
