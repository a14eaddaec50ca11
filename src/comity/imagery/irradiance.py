"""Sunlight at the top of the atmosphere: how much in a band, and how far the Sun is.

The table holds averages of one spectrum (Thuillier et al., Solar Physics 214, 2003) over real bands, at 1 au:
those of Sentinel-2A's MSI (SOLAR_IRRADIANCE in the metadata of its Level-1C products) and the two bluest of
WorldView-2 (DigitalGlobe, Absolute Radiometric Calibration 2016v0). A band of another camera takes the mean,
over its width, of the line through these points.
"""

from __future__ import annotations

import numpy as np

from comity.core import Epoch, InputError

IRRADIANCE_SOURCE = (
    "Thuillier et al. (2003), as averaged over the bands of Sentinel-2A and WorldView-2 by their operators, "
    "interpolated to the band"
)

#: Middle (µm) of bands and their irradiance (W m⁻² µm⁻¹).
_TABLE = np.array(
    [
        (0.4250, 1773.81),
        (0.4427, 1884.69),
        (0.4800, 2007.27),
        (0.4924, 1959.66),
        (0.5598, 1823.24),
        (0.6646, 1512.06),
        (0.7041, 1424.64),
        (0.7405, 1287.61),
        (0.7828, 1162.08),
        (0.8328, 1041.63),
        (0.8647, 955.32),
        (0.9451, 812.92),
        (1.3735, 367.15),
        (1.6137, 245.59),
        (2.2024, 85.25),
    ]
)
_LIMITS_UM = (0.40, 2.40)


def band_irradiance(centre_um: float, width_um: float) -> float:
    """Solar irradiance (W m⁻² µm⁻¹) at 1 au, averaged over a band.

    Raises :class:`InputError` for a band that is not within 0.40…2.40 µm.
    """
    first, last = centre_um - width_um / 2, centre_um + width_um / 2
    if not _LIMITS_UM[0] <= first <= last <= _LIMITS_UM[1]:
        raise InputError(
            f"band {first:.3g}…{last:.3g} µm: solar irradiance is tabled for {_LIMITS_UM[0]:g}…"
            f"{_LIMITS_UM[1]:g} µm"
        )
    at = np.linspace(first, last, 33)
    return float(np.interp(at, _TABLE[:, 0], _TABLE[:, 1]).mean())


def sun_distance_au(epoch: Epoch) -> float:
    """From the Earth's centre to the Sun, astronomical units."""
    from comity.orbits.sun import ASTRONOMICAL_UNIT_M, sun_position_gcrf

    return float(np.linalg.norm(sun_position_gcrf(epoch, np.zeros(1))) / ASTRONOMICAL_UNIT_M)
