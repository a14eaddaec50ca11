"""Signal, noise and saturation of a pixel.

Photons of the band's radiance through the aperture to electrons (Schott, "Remote Sensing: The Image Chain
Approach", 2007).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from comity.core import InputError
from comity.imagery.irradiance import band_irradiance
from comity.imagery.optics.instrument import OpticalInstrument

PLANCK_J_S = 6.62607015e-34
SPEED_OF_LIGHT_M_S = 299_792_458.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """Electrons of one pixel and what disturbs them.

    ``radiance``: W m⁻² sr⁻¹ µm⁻¹ at the top of the atmosphere; ``exposure_s``: of all stages together;
    ``noise_e``: of shot, dark, reading, quantisation and what is left of non-uniformity; ``snr``: signal
    over it. ``saturation``: what fills the pixel (each reading of it, where they are added
    digitally) over the full well: from 1 on it is blind. ``tdi_limit``: most stages that do not fill it
    at this radiance; None: no limit.
    """

    radiance: float
    exposure_s: float
    signal_e: float
    shot_e: float
    dark_e: float
    read_e: float
    quantisation_e: float
    nonuniformity_e: float
    noise_e: float
    snr: float
    saturation: float
    tdi_limit: int | None


def toa_radiance(
    band_um: tuple[float, float],
    reflectance: float,
    sun_elevation_deg: float,
    *,
    sun_distance_au: float = 1.0,
) -> float:
    """Radiance (W m⁻² sr⁻¹ µm⁻¹) of a band at the top of the atmosphere: ρ E sin(h) / (π d²).

    Raises :class:`InputError` for a reflectance below 0 or a Sun that is not above the horizon.
    """
    if not 0.0 <= reflectance < math.inf:
        raise InputError(f"reflectance {reflectance:g} is below 0")
    if not 0.0 < sun_elevation_deg <= 90.0:
        raise InputError(f"sun elevation {sun_elevation_deg:g}° is outside 0 … 90")
    low, high = band_um
    irradiance = band_irradiance((low + high) / 2.0, high - low)
    return (
        reflectance * irradiance * math.sin(math.radians(sun_elevation_deg)) / (math.pi * sun_distance_au**2)
    )


def electrons_per_radiance_s(instrument: OpticalInstrument) -> float:
    """Electrons per second and pixel for each W m⁻² sr⁻¹ µm⁻¹, the radiance even over the band."""
    low, high = instrument.band_um
    # ∫ λ dλ over the band in µm, one λ to metres: photons are λ / hc per joule
    photons = 1e-6 * 0.5 * (high**2 - low**2) / (PLANCK_J_S * SPEED_OF_LIGHT_M_S)
    return instrument.etendue_m2_sr * instrument.transmission * instrument.quantum_efficiency * photons


def signal(instrument: OpticalInstrument, radiance: float, exposure_s: float) -> Signal:
    """Signal and noise of one pixel at a radiance (W m⁻² sr⁻¹ µm⁻¹); ``exposure_s``: all stages together.

    Above the full well the figures are those the pixel would have; see ``saturation``. Raises
    :class:`InputError` for a negative radiance or an exposure not above 0.
    """
    if not 0.0 <= radiance < math.inf:
        raise InputError(f"radiance {radiance:g} is below 0")
    if not 0.0 < exposure_s < math.inf:
        raise InputError(f"exposure {exposure_s:g} s is not above 0")
    collected = electrons_per_radiance_s(instrument) * radiance * exposure_s
    dark = instrument.dark_e_s * exposure_s
    readings = instrument.tdi if instrument.summing == "digital" else 1
    shot = math.sqrt(collected)
    reading = instrument.read_noise_e * math.sqrt(readings)
    quantisation = instrument.full_well_e / 2**instrument.bits * math.sqrt(readings / 12.0)
    uneven = instrument.nonuniformity * collected
    noise = math.sqrt(collected + dark + reading**2 + quantisation**2 + uneven**2)
    filled = (collected + dark) / readings / instrument.full_well_e
    per_stage = (collected + dark) / instrument.tdi / instrument.full_well_e
    if instrument.summing == "digital":  # no stage fills by those before it
        most = None if per_stage <= 1.0 else 0
    else:
        most = math.floor(1.0 / per_stage) if per_stage > 0.0 else None
    return Signal(
        radiance=radiance,
        exposure_s=exposure_s,
        signal_e=collected,
        shot_e=shot,
        dark_e=math.sqrt(dark),
        read_e=reading,
        quantisation_e=quantisation,
        nonuniformity_e=uneven,
        noise_e=noise,
        snr=collected / noise,
        saturation=filled,
        tdi_limit=most,
    )
