"""GSD, swath and line time of an instrument on an orbit, as they vary with the angle off nadir.

The Earth is a sphere here: within 0.5 % in GSD and swath. For a place on the ellipsoid take a camera model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from comity.core import InputError
from comity.imagery.optics.instrument import OpticalInstrument
from comity.orbits.ephemeris import MU_EARTH

EARTH_RADIUS_M = 6_371_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How an instrument samples the ground at an angle off nadir (spherical Earth).

    ``range_m``: to the ground; ``incidence_deg``: there, from the vertical; ``gsd_along_m`` for a roll, in
    the way of flight; ``gsd_across_m``; ``gsd_m``: their geometric mean; ``swath_m``: on the ground.
    """

    off_nadir_deg: float
    range_m: float
    incidence_deg: float
    gsd_along_m: float
    gsd_across_m: float
    gsd_m: float
    swath_m: float


def sampling(instrument: OpticalInstrument, altitude_m: float, off_nadir_deg: float = 0.0) -> Sampling:
    """GSD and swath at an angle off nadir, rolled across the track.

    Raises :class:`InputError` for an altitude that is no orbit or a swath that reaches beyond the horizon.
    """
    _check_altitude(altitude_m)
    half = math.atan(0.5 * instrument.columns * instrument.pixel_m / instrument.focal_length_m)
    angle = math.radians(abs(off_nadir_deg))
    ratio = (EARTH_RADIUS_M + altitude_m) / EARTH_RADIUS_M
    if not ratio * math.sin(min(angle + half, math.pi / 2.0)) < 1.0:
        horizon = math.degrees(math.asin(1.0 / ratio))
        raise InputError(
            f"{off_nadir_deg:g}° off nadir the swath reaches beyond the horizon, which is at {horizon:.1f}°"
        )

    def central(look: float) -> float:
        return math.asin(ratio * math.sin(look)) - look

    incidence = math.asin(ratio * math.sin(angle))
    reach = altitude_m if angle < 1e-9 else EARTH_RADIUS_M * math.sin(central(angle)) / math.sin(angle)
    along = reach * instrument.pixel_m / instrument.focal_length_m
    across = along / math.cos(incidence)
    return Sampling(
        off_nadir_deg=off_nadir_deg,
        range_m=reach,
        incidence_deg=math.degrees(incidence),
        gsd_along_m=along,
        gsd_across_m=across,
        gsd_m=math.sqrt(along * across),
        swath_m=EARTH_RADIUS_M * (central(angle + half) - central(angle - half)),
    )


def ground_speed_m_s(altitude_m: float) -> float:
    """Speed of the point under a circular orbit over an Earth that does not turn."""
    _check_altitude(altitude_m)
    radius = EARTH_RADIUS_M + altitude_m
    return math.sqrt(MU_EARTH / radius) * EARTH_RADIUS_M / radius


def line_time_s(
    instrument: OpticalInstrument, altitude_m: float, off_nadir_deg: float = 0.0, *, slowdown: float = 1.0
) -> float:
    """Time in which the ground moves by one pixel along the track.

    ``slowdown``: of the scan, by motion compensation. Raises :class:`InputError` where it is not above 0.
    """
    if not slowdown > 0.0:
        raise InputError(f"slowdown {slowdown:g} is not above 0")
    return (
        slowdown * sampling(instrument, altitude_m, off_nadir_deg).gsd_along_m / ground_speed_m_s(altitude_m)
    )


def _check_altitude(altitude_m: float) -> None:
    if not 100e3 <= altitude_m <= 50_000e3:
        raise InputError(f"altitude {altitude_m / 1e3:g} km is outside 100 … 50 000 km")
