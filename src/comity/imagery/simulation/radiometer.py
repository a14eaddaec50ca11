"""The simulated detectors: what they make of light, and what a calibration campaign finds out about them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from comity.core import InputError
from comity.imagery.irradiance import IRRADIANCE_SOURCE, band_irradiance
from comity.imagery.level0.calibration import Calibration
from comity.imagery.level0.content import MAX_BITS, MIN_BITS
from comity.imagery.scenery.spectra import Band, bands_of

Floats = NDArray[np.float64]

#: Frames averaged on the ground for dark signal and flat field.
_CAMPAIGN_FRAMES = 1_000
#: How odd the detectors are: scatter of the bias, and of the shape of the optics' vignette.
_BIAS_SCATTER = 0.15
_VIGNETTE = 0.06


@dataclass(frozen=True, slots=True, kw_only=True)
class Radiometer:
    """An imager's radiometry, the same in all bands.

    ``bits``: of a sample. ``full_reflectance``: of level ground under an overhead Sun that just fills the
    digitiser. ``full_electrons``: electrons at that level. ``read_electrons``: read-out noise.
    ``dark_electrons``: dark current over an exposure at 20 °C, doubling every ``doubling_c``. ``prnu``:
    scatter of detectors' response. ``dead_share``: of detectors that do not work. ``mtf_nyquist``: modulation
    transfer of the whole camera at half a cycle per pixel. Raises :class:`InputError` naming what cannot be.
    """

    bits: int = 12
    full_reflectance: float = 1.1
    full_electrons: float = 60_000.0
    read_electrons: float = 30.0
    dark_electrons: float = 120.0
    doubling_c: float = 7.0
    prnu: float = 0.01
    dead_share: float = 2e-4
    mtf_nyquist: float = 0.20

    def __post_init__(self) -> None:
        if not MIN_BITS <= self.bits <= MAX_BITS:
            raise InputError(f"bits {self.bits} is outside {MIN_BITS}…{MAX_BITS}, what level 0 can carry")
        for name in ("full_reflectance", "full_electrons", "doubling_c"):
            if not 0.0 < getattr(self, name) < math.inf:
                raise InputError(f"{name} {getattr(self, name):g} is not above 0")
        for name, most in (
            ("read_electrons", 1e5),
            ("dark_electrons", 1e6),
            ("prnu", 0.2),
            ("dead_share", 0.2),
        ):
            if not 0.0 <= getattr(self, name) <= most:
                raise InputError(f"{name} {getattr(self, name):g} is outside 0…{most:g}")
        if not 0.02 <= self.mtf_nyquist <= 0.60:
            raise InputError(f"mtf_nyquist {self.mtf_nyquist:g} is outside 0.02…0.6")

    def taps(self) -> NDArray[np.float32]:
        """Weights of samples half a pixel apart around a pixel's centre, for the point spread function.

        The detector is two of them side by side, the rest of the camera a Gaussian, so that together they
        transfer ``mtf_nyquist``.
        """
        # Two samples a quarter of a pixel off the centre transfer cos(π/4) at half a cycle per pixel.
        rest = self.mtf_nyquist / math.cos(math.pi / 4)
        sigma = math.sqrt(max(-math.log(rest) / (2.0 * math.pi**2 * 0.25), 0.0)) if rest < 1.0 else 0.0
        margin = max(1, math.ceil(3.0 * sigma))
        at = np.arange(-2 * margin, 2 * margin + 1) * 0.5
        gauss = np.exp(-0.5 * np.square(at / sigma)) if sigma > 0.05 else (at == 0.0).astype(float)
        both = np.convolve(gauss / gauss.sum(), [0.5, 0.5])
        return both.astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Detectors:
    """The true state of the detectors of an image; ``key``, one of their camera's, draws it.

    As :class:`~comity.imagery.level0.calibration.Calibration`; ``stuck`` (bands, columns): the count that a
    dead detector gives, −1 for one that works.
    """

    radiometer: Radiometer
    bands: tuple[Band, ...]
    bias: Floats
    dark: Floats
    flat: Floats
    stuck: NDArray[np.int32]
    gain: Floats
    electrons_per_count: float

    def counts(
        self,
        band: int,
        radiance: NDArray[np.float32],
        focal_plane_c: float,
        random: np.random.Generator,
        *,
        noise: bool = True,
    ) -> NDArray[np.uint16]:
        """Counts (rows, columns) of radiance (rows, columns), W m⁻² sr⁻¹ µm⁻¹, with shot and read noise."""
        warm = 2.0 ** ((focal_plane_c - 20.0) / self.radiometer.doubling_c)
        dark = self.dark[band] * warm
        light = radiance * (self.flat[band] * self.gain[band]).astype(np.float32)
        value = light + (self.bias[band] + dark).astype(np.float32)
        if noise:
            per = self.electrons_per_count
            read = self.radiometer.read_electrons / per
            spread = np.sqrt(
                np.maximum(light + dark.astype(np.float32), 0.0) / np.float32(per) + np.float32(read**2)
            )
            value += spread * random.standard_normal(value.shape, dtype=np.float32)
        top = (1 << self.radiometer.bits) - 1
        found: NDArray[np.uint16] = np.clip(np.rint(value), 0, top).astype(np.uint16)
        stuck = self.stuck[band]
        found[:, stuck >= 0] = stuck[stuck >= 0]
        return found

    def calibration(self, instrument: str, camera: Mapping[str, Any] | None, key: str) -> Calibration:
        """What a campaign of many dark and flat frames finds: the truth within its own noise."""
        random = _random(f"{key}/campaign")
        shape = self.bias.shape
        per, read = self.electrons_per_count, self.radiometer.read_electrons / self.electrons_per_count
        frames = math.sqrt(_CAMPAIGN_FRAMES)
        half = 0.5 * (1 << self.radiometer.bits)
        dark_error = np.sqrt(self.dark / per + read**2 + 1.0 / 12.0) / frames
        flat_error = math.sqrt(half / per + read**2) / half / frames
        count = len(self.bands)
        return Calibration(
            instrument=instrument,
            bands=tuple(band.name for band in self.bands),
            bits=self.radiometer.bits,
            bias=self.bias + dark_error * random.standard_normal(shape),
            dark=self.dark.copy(),
            flat=np.where(
                self.stuck >= 0, 1.0, self.flat * (1.0 + flat_error * random.standard_normal(shape))
            ),
            dead=self.stuck >= 0,
            gain=self.gain.copy(),
            irradiance=np.array([band_irradiance(one.centre_um, one.width_um) for one in self.bands]),
            centre=np.array([one.centre_um for one in self.bands]),
            width=np.array([one.width_um for one in self.bands]),
            read_noise=np.full(count, read),
            electrons_per_count=np.full(count, per),
            reference_c=20.0,
            doubling_c=self.radiometer.doubling_c,
            irradiance_source=IRRADIANCE_SOURCE,
            camera=camera,
            simulated=True,
        )


def detectors(radiometer: Radiometer, bands: tuple[str, ...], columns: int, key: str) -> Detectors:
    """The detectors that ``key`` draws. :class:`InputError` for bands that are unknown or see heat."""
    seen = bands_of(bands)
    for band in seen:
        if band.thermal:
            raise InputError(f"band {band.name} sees heat: only reflected light is simulated")
    random = _random(f"{key}/detectors")
    shape = (len(seen), columns)
    top = (1 << radiometer.bits) - 1
    # The bias keeps noise around darkness from being cut off.
    read = radiometer.read_electrons / (radiometer.full_electrons / top)
    bias = 0.02 * top + 4.0 * read + _BIAS_SCATTER * max(read, 1.0) * random.standard_normal(shape)
    usable = top - 0.02 * top - 4.0 * read
    per = radiometer.full_electrons / usable
    dark = radiometer.dark_electrons / per * np.maximum(1.0 + 0.3 * random.standard_normal(shape), 0.0)
    across = np.linspace(-1.0, 1.0, columns) if columns > 1 else np.zeros(1)
    flat = (1.0 - _VIGNETTE * across**2) * (1.0 + radiometer.prnu * random.standard_normal(shape))
    flat = np.maximum(flat, 0.2)
    flat /= flat.mean(axis=1, keepdims=True)
    full = [
        radiometer.full_reflectance * band_irradiance(one.centre_um, one.width_um) / math.pi for one in seen
    ]
    dead = random.random(shape) < radiometer.dead_share
    kinds = np.array([0, top, round(0.3 * top)])[random.integers(0, 3, shape)]
    return Detectors(
        radiometer=radiometer,
        bands=seen,
        bias=bias,
        dark=dark,
        flat=flat,
        stuck=np.where(dead, kinds, -1).astype(np.int32),
        gain=usable / np.array(full),
        electrons_per_count=per,
    )


def _random(key: str) -> np.random.Generator:
    return np.random.default_rng(np.frombuffer(hashlib.sha256(key.encode()).digest(), np.uint32))
