"""Modulation transfer: what contrast is left of a pattern on the ground.

Diffraction: the transfer function of a pupil with a central obscuration and defocus, integrated over where
the pupil overlaps itself (Hopkins 1955; without defocus it is O'Neill's closed form, JOSA 46, 1956).
Aberrations: Shannon's fit (Handbook of Optics, 1995). Image motion and jitter: Fiete, "Modeling the Imaging
Chain of Digital Cameras", SPIE 2010.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from comity.core import InputError
from comity.imagery.optics.instrument import MOST_WAVEFRONT_WAVES, OpticalInstrument

Floats = NDArray[np.float64]

_WAVELENGTHS = 7
_PUPIL_STEPS = 1201


@dataclass(frozen=True, slots=True, kw_only=True)
class Modulation:
    """Parts of the modulation transfer function at a frequency, and their product along and across track."""

    frequency_per_px: float
    optics: float
    detector: float
    motion_along: float
    motion_across: float
    jitter: float
    along: float
    across: float


def optics_mtf(frequency: ArrayLike, obscuration: float = 0.0, defocus_waves: float = 0.0) -> Floats:
    """Diffraction MTF at frequencies over the cut-off's (0 … 1), for one wavelength.

    ``obscuration``: linear; ``defocus_waves``: W020, the path difference at the aperture's edge in
    wavelengths. Negative values are contrast turned round. The pupil and its shifted copy overlap over a
    length that is known in closed form along each line; the integral across is by the midpoint rule, exact
    to 1e-4.
    """
    nu = np.abs(np.asarray(frequency, dtype=np.float64))
    flat = np.minimum(nu.ravel(), 1.0)
    # pupil of radius 1; its copies are shifted by ±nu along x, lines run along y
    reach = 1.0 - flat
    steps = (np.arange(_PUPIL_STEPS) + 0.5) / _PUPIL_STEPS * 2.0 - 1.0
    x = np.sin(steps * (np.pi / 2.0)) * reach[:, None]
    weight = np.cos(steps * (np.pi / 2.0)) * (np.pi / _PUPIL_STEPS) * reach[:, None]
    far, near = np.abs(x) + flat[:, None], np.abs(np.abs(x) - flat[:, None])
    outer = np.sqrt(np.maximum(1.0 - far**2, 0.0))
    # the obscurations of both copies block what lies in either
    blocked = np.sqrt(np.maximum(obscuration**2 - near**2, 0.0))
    length = 2.0 * np.maximum(outer - blocked, 0.0)
    phase = np.cos(2.0 * np.pi * defocus_waves * 4.0 * flat[:, None] * x)
    area = np.pi * (1.0 - obscuration**2)
    value = np.sum(length * phase * weight, axis=1) / area
    return np.where(nu < 1.0, value.reshape(nu.shape), 0.0)


def wavefront_factor(frequency: ArrayLike, waves: float) -> Floats:
    """What an rms wavefront error leaves of the diffraction MTF, frequency over the cut-off's (Shannon)."""
    nu = np.asarray(frequency, dtype=np.float64)
    lost = (waves / MOST_WAVEFRONT_WAVES) ** 2 * (1.0 - 4.0 * (nu - 0.5) ** 2)
    return np.asarray(np.clip(1.0 - lost, 0.0, 1.0))


def modulation(instrument: OpticalInstrument, frequency_per_px: float = 0.5) -> Modulation:
    """The MTF at a frequency (cycles per pixel; 0.5 is Nyquist's), optics averaged over the band.

    Raises :class:`InputError` for a frequency below 0.
    """
    f = float(frequency_per_px)
    if not f >= 0.0:
        raise InputError(f"frequency {f:g} cycles per pixel is below 0")
    low, high = instrument.band_um
    wavelengths = 1e-6 * (low + (np.arange(_WAVELENGTHS) + 0.5) / _WAVELENGTHS * (high - low))
    cutoff = instrument.pixel_m / (wavelengths * instrument.f_number)
    # W020 of a defocus z: z / 8F²
    waves = instrument.defocus_m / (8.0 * instrument.f_number**2 * wavelengths)
    optics = float(
        np.mean(
            [
                optics_mtf(f / c, instrument.obscuration, float(w))
                * wavefront_factor(f / c, instrument.wavefront_waves * instrument.middle_m / wl)
                for c, w, wl in zip(cutoff, waves, wavelengths, strict=True)
            ]
        )
    )
    detector = float(np.sinc(f))
    along = float(np.sinc(f * instrument.scanned_px) * np.sinc(f * instrument.smear_px[0]))
    across = float(np.sinc(f * instrument.smear_px[1]))
    jitter = math.exp(-2.0 * (math.pi * instrument.jitter_px * f) ** 2)
    return Modulation(
        frequency_per_px=f,
        optics=optics,
        detector=detector,
        motion_along=along,
        motion_across=across,
        jitter=jitter,
        along=optics * detector * along * jitter,
        across=optics * detector * across * jitter,
    )


def largest_defocus_m(instrument: OpticalInstrument) -> float:
    """Depth of focus (m) by Rayleigh's quarter wave: ±2 λ F²."""
    return 2.0 * instrument.middle_m * instrument.f_number**2


def stages_kept_sharp(instrument: OpticalInstrument, drift_px_per_line: float, *, keep: float = 0.95) -> int:
    """Most TDI stages for which a drift (px per line) leaves ``keep`` of the MTF at Nyquist.

    N stages smear by N times the drift: sinc(N d / 2). A yaw error ψ drifts by tan ψ; a scan whose pace is
    off by a part ε, by ε. Raises :class:`InputError` for a ``keep`` outside 0 … 1.
    """
    if not 0.0 < keep < 1.0:
        raise InputError(f"keep {keep:g} is outside 0 … 1")
    if not drift_px_per_line > 0.0:
        return 2**31 - 1
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2.0
        low, high = (middle, high) if np.sinc(middle) > keep else (low, middle)
    return max(1, math.floor(2.0 * low / drift_px_per_line))
