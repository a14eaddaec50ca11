"""A telescope with its detector and one band."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from comity.core import InputError

#: Beyond this wavefront error (waves, rms) Shannon's fit no longer holds, nor would such optics be flown.
MOST_WAVEFRONT_WAVES = 0.18


@dataclass(frozen=True, slots=True, kw_only=True)
class OpticalInstrument:
    """A telescope, its detector and one band.

    ``aperture_m``, ``focal_length_m``; ``obscuration``: diameter of the central obscuration over the
    aperture's; ``pixel_m``: pitch; ``columns``: pixels across the swath; ``band_um``: its limits.
    ``transmission``: of mirrors and filter, without the obscuration; ``quantum_efficiency``: electrons per
    photon, with the fill factor; ``full_well_e``: electrons a pixel (with TDI: its last register) holds;
    ``read_noise_e`` per reading, ``dark_e_s`` per pixel; ``bits``: of the converter, whose full scale is the
    full well; ``nonuniformity``: what is left of the pixels' unequal response after calibration, a fraction
    of the signal. ``tdi``: stages; ``summing``: charge moves in the detector and is read once (``charge``),
    or each stage is read and added (``digital``). ``wavefront_waves``: error of the optics, rms, at the
    band's middle; ``defocus_m``: of the detector; ``jitter_px``: rms motion of the image during the
    exposure; ``scanned_px``: how far it moves along the track while one stage is exposed: 1 for a pushbroom
    that is open all of its line time, 0 for a frame; ``smear_px``: how far it moves besides, against the
    charge, over all of the exposure, along and across the track.

    Raises :class:`InputError` naming the figure that cannot be.
    """

    name: str
    aperture_m: float
    focal_length_m: float
    pixel_m: float
    columns: int
    band_um: tuple[float, float]
    obscuration: float = 0.0
    transmission: float = 0.8
    quantum_efficiency: float = 0.6
    full_well_e: float = 50_000.0
    read_noise_e: float = 30.0
    dark_e_s: float = 1_000.0
    bits: int = 12
    nonuniformity: float = 0.0
    tdi: int = 1
    summing: Literal["charge", "digital"] = "charge"
    wavefront_waves: float = 0.0
    defocus_m: float = 0.0
    jitter_px: float = 0.0
    scanned_px: float = 1.0
    smear_px: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        positive = ("aperture_m", "focal_length_m", "pixel_m", "columns", "full_well_e", "bits", "tdi")
        for name in positive:
            if not 0.0 < getattr(self, name) < math.inf:
                raise InputError(f"{self.name}: {name} {getattr(self, name):g} is not above 0")
        for name in ("read_noise_e", "dark_e_s", "nonuniformity", "jitter_px", "scanned_px"):
            if not 0.0 <= getattr(self, name) < math.inf:
                raise InputError(f"{self.name}: {name} {getattr(self, name):g} is below 0")
        for name in ("transmission", "quantum_efficiency"):
            if not 0.0 < getattr(self, name) <= 1.0:
                raise InputError(f"{self.name}: {name} {getattr(self, name):g} is outside 0 … 1")
        if not 0.0 <= self.obscuration < 1.0:
            raise InputError(f"{self.name}: obscuration {self.obscuration:g} is outside [0, 1)")
        if not 0.2 <= self.band_um[0] < self.band_um[1] <= 3.0:
            raise InputError(f"{self.name}: band {self.band_um} is not of reflected light, in µm (0.2 … 3)")
        if not 0.0 <= self.wavefront_waves <= MOST_WAVEFRONT_WAVES:
            raise InputError(
                f"{self.name}: wavefront error {self.wavefront_waves:g} waves is outside "
                f"0 … {MOST_WAVEFRONT_WAVES:g}"
            )

    @property
    def f_number(self) -> float:
        """Focal length over aperture."""
        return self.focal_length_m / self.aperture_m

    @property
    def middle_m(self) -> float:
        """Wavelength in the middle of the band, m."""
        return 0.5e-6 * (self.band_um[0] + self.band_um[1])

    @property
    def cutoff_per_px(self) -> float:
        """Cycles per pixel where diffraction ends all contrast, at the middle of the band: p D / λ f."""
        return self.pixel_m / (self.middle_m * self.f_number)

    @property
    def q(self) -> float:
        """λF/p: 2 is a detector that samples all the optics pass, below 1 much is aliased."""
        return 1.0 / self.cutoff_per_px

    @property
    def etendue_m2_sr(self) -> float:
        """Pixel area times the solid angle of the unobscured aperture."""
        solid = math.pi / 4.0 * (1.0 - self.obscuration**2) / self.f_number**2
        return self.pixel_m**2 * solid
