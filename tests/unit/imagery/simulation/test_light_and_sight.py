"""Light on relief, lines of sight on relief, and the camera's blur, against what geometry says."""

from __future__ import annotations

import math

import numpy as np
import pytest

from comity.core import InputError
from comity.imagery.simulation import kernels
from comity.imagery.simulation.radiometer import Radiometer, detectors

DISC = 0.0093


def sun(elevation_deg: float, azimuth_deg: float) -> tuple[float, float, float]:
    e, a = math.radians(elevation_deg), math.radians(azimuth_deg)
    return math.cos(e) * math.sin(a), math.cos(e) * math.cos(a), math.sin(e)


@pytest.mark.parametrize("elevation", [25.0, 50.0])
def test_a_wall_throws_a_shadow_as_long_as_the_sun_says(elevation):
    """Sun in the east: a 100 m wall darkens the ground west of it as far as 100 m / tan(elevation)."""
    pixel = 5.0
    height = np.zeros((9, 200), np.float32)
    height[:, 150] = 100.0
    direct, sky = kernels.light_on_relief(height, 0, 9, pixel, sun(elevation, 90.0), 100.0, DISC)
    dark = np.flatnonzero(direct[4, :149] < 0.5)
    assert dark[-1] == 148
    assert (149.5 - dark[0]) * pixel == pytest.approx(
        100.0 / math.tan(math.radians(elevation)), abs=1.5 * pixel
    )
    assert direct[4, :80] == pytest.approx(1.0)
    assert direct[4, 160:] == pytest.approx(1.0)
    assert sky[4, 10] == pytest.approx(1.0)


def test_a_slope_is_lit_by_the_cosine_of_its_own_angle():
    pixel, slope = 10.0, math.radians(20.0)
    height = np.tile((np.arange(60) * pixel * math.tan(slope)).astype(np.float32), (20, 1))
    towards, _ = kernels.light_on_relief(height, 0, 20, pixel, sun(40.0, 270.0), float(height.max()), DISC)
    away, _ = kernels.light_on_relief(height, 0, 20, pixel, sun(40.0, 90.0), float(height.max()), DISC)
    level = math.sin(math.radians(40.0))
    assert towards[10, 30] == pytest.approx(math.sin(math.radians(60.0)) / level, rel=1e-3)
    assert away[10, 30] == pytest.approx(math.sin(math.radians(20.0)) / level, rel=1e-3)


def meet(height: np.ndarray, tan_zenith: float, pixel: float = 5.0):
    """Lines of sight that lean to the west going down by ``tan_zenith``, one per column at height 0."""
    levels = np.array([-50.0, 50.0, 150.0])
    rows, columns = 8, 160
    at = np.arange(0, columns + 16, 16.0)
    x = np.stack([np.tile(at + 20.0 + level * tan_zenith / pixel, (3, 1)) for level in levels])
    y = np.tile(np.arange(3)[:, None] * 4.0 + 4.0, (3, 1, len(at)))
    limits = (float(height.min()), float(height.max()))
    steep = float(np.abs(np.diff(height, axis=1)).max())
    return kernels.meet_relief(
        x, y, levels, (4, 16), (rows, columns), height, limits, tan_zenith / pixel, steep
    )


def test_lines_of_sight_meet_a_plane_where_algebra_says():
    """h = 0.3 (x − x₀) and x = c + 20 + h t / pixel give h = 0.3 p (c + 20 − 100) / (1 − 0.3 t)."""
    pixel, t = 5.0, 0.5
    height = np.tile((0.3 * pixel * (np.arange(220) - 100.0)).astype(np.float32), (40, 1))
    _, _, found = meet(height, t, pixel)
    column = np.arange(60, 140)
    expected = 0.3 * pixel * (column + 20.0 - 100.0) / (1.0 - 0.3 * t)
    assert found[3, 60:140] == pytest.approx(expected, abs=0.01)


def test_a_tower_hides_the_ground_behind_it():
    """80 m high, seen from the east at 45°: 80 m of ground west of it are out of sight."""
    pixel = 5.0
    height = np.zeros((40, 220), np.float32)
    height[:, 100:104] = 80.0
    x, _, found = meet(height, 1.0, pixel)
    seen_flat = x[3][found[3] < 0.5]
    # 16 pixels west of the tower's western edge; the ground east of it, and farther west, is in sight.
    assert not ((seen_flat > 85.0) & (seen_flat < 99.0)).any()
    assert ((seen_flat > 60.0) & (seen_flat < 83.0)).sum() >= 20
    assert ((seen_flat > 105.0) & (seen_flat < 125.0)).sum() >= 18
    assert (found[3] > 79.0).sum() >= 3


@pytest.mark.parametrize("mtf", [0.1, 0.2, 0.35])
def test_the_blur_transfers_what_it_should_at_nyquist_and_keeps_the_mean(mtf):
    taps = Radiometer(mtf_nyquist=mtf).taps()
    margin = (len(taps) - 2) // 4
    fine = 2 * (64 + 2 * margin)
    # Half a cycle per pixel: fine samples stand a quarter of a pixel off the centres.
    at = (np.arange(fine) - 2 * margin) / 2 - 0.25
    wave = 1.0 + 0.5 * np.cos(math.pi * at)
    image = np.tile(wave.astype(np.float32), (fine, 1))
    seen = kernels.blur_and_halve(image, taps)
    assert seen.shape == (64, 64)
    assert seen.mean() == pytest.approx(1.0, abs=1e-4)
    assert (seen.max() - seen.min()) / 2 == pytest.approx(0.5 * mtf, rel=0.03)


def test_detectors_scatter_as_shot_and_read_noise_do_and_the_campaign_finds_them():
    radiometer = Radiometer(bits=12, dead_share=0.02, prnu=0.02)
    sensor = detectors(radiometer, ("green",), 400, "k")
    light = np.full((4_000, 400), 120.0, np.float32)
    counts = sensor.counts(0, light, 20.0, np.random.default_rng(1)).astype(float)
    alive = sensor.stuck[0] < 0
    electrons = (counts[:, alive] * sensor.electrons_per_count).var(axis=0).mean()
    signal = 120.0 * sensor.gain[0] * sensor.electrons_per_count + radiometer.dark_electrons
    expected = signal + radiometer.read_electrons**2 + sensor.electrons_per_count**2 / 12
    assert electrons == pytest.approx(expected, rel=0.02)
    assert 2 < (~alive).sum() < 20
    assert (counts[:, ~alive].std(axis=0) == 0).all()
    key = sensor.calibration("i", None, "k")
    assert (key.dead[0] == ~alive).all()
    found = (counts[:, alive].mean(axis=0) - key.offset(20.0)[0, alive]) / (key.flat * key.gain[:, None])[
        0, alive
    ]
    assert found == pytest.approx(np.full(alive.sum(), 120.0), rel=2e-3)
    warm = sensor.counts(0, light, 27.0, np.random.default_rng(1), noise=False).astype(float)
    cold = sensor.counts(0, light, 20.0, np.random.default_rng(1), noise=False).astype(float)
    # 7 °C double the dark current.
    rise = (warm - cold)[:, alive].mean() * sensor.electrons_per_count
    assert rise == pytest.approx(radiometer.dark_electrons, rel=0.05)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"bits": 16}, "bits 16 is outside 6…15"),
        ({"mtf_nyquist": 0.9}, "mtf_nyquist 0.9"),
        ({"dead_share": 1.5}, "dead_share 1.5"),
        ({"full_electrons": 0.0}, "full_electrons 0"),
    ],
)
def test_a_camera_that_cannot_be_is_refused(changed, why):
    with pytest.raises(InputError, match=why):
        Radiometer(**changed)


def test_bands_of_heat_are_refused():
    with pytest.raises(InputError, match="lwir sees heat"):
        detectors(Radiometer(), ("red", "lwir"), 10, "k")
