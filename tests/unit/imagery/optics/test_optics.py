"""Optics of an instrument: sampling, modulation, signal, and what it refuses."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import j1
from typer.testing import CliRunner

from comity.cli.main import build_app
from comity.core import InputError
from comity.imagery.optics import (
    OpticalInstrument,
    budget,
    largest_defocus_m,
    line_time_s,
    modulation,
    optics_mtf,
    read_instrument,
    sampling,
    signal,
    stages_kept_sharp,
    toa_radiance,
)

NANO = OpticalInstrument(
    name="nano",
    aperture_m=0.09,
    focal_length_m=0.58,
    pixel_m=5.5e-6,
    columns=5_120,
    band_um=(0.45, 0.70),
    obscuration=0.35,
    full_well_e=13_500.0,
    read_noise_e=13.0,
    bits=10,
)


def test_defocus_blurs_as_geometry_says_where_it_is_large() -> None:
    """Ten waves at low frequencies: the transform of the blur disc, whose diameter is 8 W F λ."""
    nu = np.array([0.002, 0.005, 0.01, 0.02])
    # disc diameter z/F with z = 8 F² W: times frequency ν/(λF), 8 W ν
    x = math.pi * 8.0 * 10.0 * nu
    assert optics_mtf(nu, 0.0, 10.0) == pytest.approx(2.0 * j1(x) / x, abs=0.03)


def test_a_quarter_wave_of_defocus_costs_little() -> None:
    nu = np.linspace(0.0, 1.0, 21)
    sharp, soft = optics_mtf(nu, 0.3), optics_mtf(nu, 0.3, 0.25)
    assert sharp[0] == pytest.approx(1.0, abs=1e-4)
    assert sharp[-1] == 0.0
    assert (soft <= sharp + 1e-4).all()
    assert (sharp - soft).max() < 0.2
    defocused = replace(NANO, defocus_m=largest_defocus_m(NANO))
    waves = defocused.defocus_m / (8.0 * NANO.f_number**2 * NANO.middle_m)
    assert waves == pytest.approx(0.25)
    assert 0.6 < modulation(defocused).optics / modulation(NANO).optics < 0.95


def test_motion_and_jitter_multiply() -> None:
    still = modulation(replace(NANO, scanned_px=0.0))
    assert still.along == pytest.approx(still.across)
    pushed = modulation(replace(NANO, smear_px=(0.5, 0.25), jitter_px=0.1))
    assert pushed.motion_along == pytest.approx(2 / math.pi * np.sinc(0.25))
    assert pushed.motion_across == pytest.approx(np.sinc(0.125))
    assert pushed.jitter == pytest.approx(math.exp(-2 * math.pi**2 * 0.01 * 0.25))
    assert pushed.along == pytest.approx(
        pushed.optics * pushed.detector * pushed.motion_along * pushed.jitter
    )


def test_noise_adds_in_squares_and_stages_bring_its_root() -> None:
    one = signal(NANO, 80.0, 1e-3)
    parts = (one.shot_e, one.dark_e, one.read_e, one.quantisation_e, one.nonuniformity_e)
    assert one.noise_e == pytest.approx(math.hypot(*parts))
    assert one.shot_e == pytest.approx(math.sqrt(one.signal_e))
    quiet = replace(NANO, read_noise_e=0.0, dark_e_s=0.0, bits=24)
    ratio = signal(quiet, 80.0, 16e-3).snr / signal(quiet, 80.0, 1e-3).snr
    assert ratio == pytest.approx(4.0, rel=1e-3)
    # reading every stage costs its noise every time
    charge = signal(replace(NANO, tdi=16), 8.0, 16e-3)
    digital = signal(replace(NANO, tdi=16, summing="digital"), 8.0, 16e-3)
    assert digital.read_e == pytest.approx(4.0 * charge.read_e)
    assert digital.saturation == pytest.approx(charge.saturation / 16.0)


def test_the_limit_of_stages_is_where_the_well_is_full() -> None:
    radiance = toa_radiance(NANO.band_um, 0.05, 60.0)
    line = line_time_s(NANO, 500e3)
    limit = signal(NANO, radiance, line).tdi_limit
    assert limit is not None
    at, over = (signal(replace(NANO, tdi=n), radiance, n * line).saturation for n in (limit, limit + 1))
    assert at <= 1.0 < over
    full = budget(NANO, 500e3, reflectance=0.3, sun_elevation_deg=60.0)
    there = budget(NANO, 500e3, reflectance=full.saturated_at, sun_elevation_deg=60.0)
    assert there.signal.saturation == pytest.approx(1.0)


def test_drift_limits_stages() -> None:
    most = stages_kept_sharp(NANO, math.tan(math.radians(0.1)), keep=0.95)
    kept = [
        modulation(replace(NANO, smear_px=(0.0, n * math.tan(math.radians(0.1))))).motion_across
        for n in (most, most + 1)
    ]
    assert kept[0] >= 0.95 > kept[1]


def test_off_nadir_gsd_grows_and_swath_with_it() -> None:
    looks = [sampling(NANO, 500e3, angle) for angle in (0.0, 15.0, 30.0, 45.0)]
    for name in ("range_m", "gsd_along_m", "gsd_across_m", "swath_m", "incidence_deg"):
        values = [getattr(one, name) for one in looks]
        assert values == sorted(values), name
    assert looks[0].gsd_along_m == pytest.approx(500e3 * 5.5e-6 / 0.58)
    assert looks[0].swath_m == pytest.approx(5_120 * looks[0].gsd_across_m, rel=1e-3)
    with pytest.raises(InputError, match="beyond the horizon"):
        sampling(NANO, 500e3, 68.0)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"aperture_m": 0.0}, "aperture_m 0 is not above 0"),
        ({"obscuration": 1.0}, r"obscuration 1 is outside \[0, 1\)"),
        ({"transmission": 1.2}, "transmission 1.2 is outside"),
        ({"band_um": (0.7, 0.45)}, "not of reflected light"),
        ({"wavefront_waves": 0.3}, "wavefront error 0.3 waves"),
        ({"read_noise_e": math.nan}, "read_noise_e nan"),
    ],
)
def test_figures_that_cannot_be_are_refused(change: dict[str, object], told: str) -> None:
    with pytest.raises(InputError, match=told):
        replace(NANO, **change)


def test_other_bad_input() -> None:
    for call, told in (
        (lambda: sampling(NANO, 500.0), "altitude 0.5 km"),
        (lambda: toa_radiance((0.45, 0.7), 0.2, 0.0), "sun elevation"),
        (lambda: toa_radiance((0.45, 0.7), -0.2, 10.0), "reflectance"),
        (lambda: signal(NANO, 80.0, 0.0), "exposure"),
        (lambda: budget(replace(NANO, scanned_px=0.0), 500e3), "give the exposure of its frames"),
        (lambda: modulation(NANO, -1.0), "frequency"),
    ):
        with pytest.raises(InputError, match=told):
            call()


def test_file_and_command(tmp_path: Path) -> None:
    path = tmp_path / "nano.json"
    figures = {"name": "nano", "aperture_m": 0.09, "focal_length_m": 0.58, "pixel_m": 5.5e-6, "columns": 5120}
    figures |= {
        "band_um": [0.45, 0.7],
        "obscuration": 0.35,
        "full_well_e": 13500,
        "read_noise_e": 13,
        "bits": 10,
    }
    path.write_text(json.dumps(figures))
    assert read_instrument(path) == NANO
    words = ["process", "optics", str(path), "--altitude-km", "500", "--off-nadir-deg", "0,30", "--json"]
    done = CliRunner().invoke(build_app("process"), words)
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told[0]["sampling"]["gsd_m"] == pytest.approx(4.741, abs=1e-3)
    assert told[1]["sampling"]["off_nadir_deg"] == 30.0
    for change, told_ in (
        ({"apperture_m": 1.0}, r"nano\.json: apperture_m is no figure"),
        ({"bits": "ten"}, r"nano\.json: bits 'ten' is not a number"),
        ({"columns": -1}, r"nano\.json: nano: columns -1 is not above 0"),
        ({"summing": "both"}, "both"),
    ):
        path.write_text(json.dumps({**figures, **change}))
        with pytest.raises(InputError, match=told_):
            read_instrument(path)
    path.write_text('{"name": "x"}')
    with pytest.raises(InputError, match="aperture_m, focal_length_m, pixel_m, columns, band_um is missing"):
        read_instrument(path)
