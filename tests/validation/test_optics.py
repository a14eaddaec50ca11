"""Optics against closed forms and published instruments."""

from __future__ import annotations

import numpy as np
import pytest

from comity.imagery.optics import (
    OpticalInstrument,
    budget,
    ground_speed_m_s,
    modulation,
    optics_mtf,
    sampling,
)
from comity.imagery.published import pleiades

PLEIADES = pleiades()
#: Ritchey-Chrétien of a 3U CubeSat: 75 mm, obscuration 15 mm, 1050 mm, 7.4 µm, 658 × 492 pixels, 480 km
#: ("Optical design and tolerance analysis of a reflecting telescope for CubeSat", Proc. SPIE).
CUBESAT = OpticalInstrument(
    name="3U Ritchey-Chrétien",
    aperture_m=0.075,
    focal_length_m=1.05,
    pixel_m=7.4e-6,
    columns=658,
    band_um=(0.486, 0.656),
    obscuration=0.2,
)


def test_full_pupil() -> None:
    """The circular pupil of every textbook (Goodman, eq. 6-31)."""
    nu = np.linspace(0.0, 1.0, 301)
    exact = 2 / np.pi * (np.arccos(nu) - nu * np.sqrt(1 - nu**2))
    assert np.abs(optics_mtf(nu) - exact).max() < 1e-5


def test_pleiades_lines_last_a_tenth_of_a_millisecond() -> None:
    """0.7 m at some 6.8 km/s."""
    assert ground_speed_m_s(694e3) == pytest.approx(6_770, rel=0.005)


def test_pleiades_cut_off() -> None:
    """D / λ f: 77.5 cycles/mm at 650 nm, as near twice Nyquist's 38.5 as makes the detector the limit."""
    assert PLEIADES.cutoff_per_px / 13e-3 == pytest.approx(77.5, rel=0.001)
    assert PLEIADES.q == pytest.approx(0.99, abs=0.01)


def test_pleiades_mtf_is_above_what_was_specified_by_what_is_left_out() -> None:
    """Instrument MTF at Nyquist 0.09 before restoration (ISPRS Archives XXXV-B1, 2004, p. 276).

    Diffraction, detector and the line's motion alone are an upper limit; diffusion in the detector,
    aberrations, defocus and jitter take the rest, not more than half.
    """
    ideal = modulation(PLEIADES)
    assert 0.09 < ideal.along < 2.0 * 0.09
    assert ideal.along < ideal.across < 0.25


def test_pleiades_snr_is_that_published() -> None:
    """SNR 90 at nominal Earth radiance, which restoration keeps (same page), panchromatic.

    That page gives neither the detector's efficiency nor the radiance: 60 %, 80 % of light through the
    mirrors and a reflectance of 0.15 under a Sun at 45° are ordinary. So this holds the order, to 30 %.
    """
    found = budget(PLEIADES, 694e3, reflectance=0.15, sun_elevation_deg=45.0)
    assert found.signal.snr == pytest.approx(90.0, rel=0.3)


def test_a_cubesat_s_telescope() -> None:
    """Published: 3.4 m and 2.23 km from 480 km, Nyquist at 67.6 cycles/mm, MTF of the design about 0.3 there.

    Perfect optics are above a design that leaves aberrations, by less than a third.
    """
    look = sampling(CUBESAT, 480e3)
    assert look.gsd_m == pytest.approx(3.4, rel=0.01)
    assert look.swath_m == pytest.approx(2.23e3, rel=0.01)
    assert 0.5 / CUBESAT.pixel_m / 1e3 == pytest.approx(67.6, rel=0.001)
    assert 0.3 < modulation(CUBESAT).optics < 0.4
