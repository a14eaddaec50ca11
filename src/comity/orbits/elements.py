"""Mean elements as a CCSDS OMM carries them, and how far they are to be trusted."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from comity.core import Epoch, InputError

#: A circular orbit at the Earth's surface makes 17.07 revolutions a day.
MAX_MEAN_MOTION = 18.0

#: Elements farther than this (days) from the time they are used at deserve a warning.
OLD_DAYS = 14.0

_LOW_ORBIT = 11.0  # rev/day, an altitude of about 2 000 km
_KM_PER_DAY = 2.0
_DRAG_UNCERTAINTY = 0.15
_MU_KM3_S2 = 398_600.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """An object that could not be read: what is known of its name and number, where it stands, and why."""

    name: str
    norad_id: int | None
    where: str
    reason: str

    def __str__(self) -> str:
        called = self.name or ("object" if self.norad_id is None else f"NORAD {self.norad_id}")
        return f"{called} ({self.where}): {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanElements:
    """SGP4 mean elements of one object (CCSDS OMM, theory SGP4, frame TEME).

    Field names and units are those of CCSDS 502.0-B: ``mean_motion`` rev/day, angles in degrees,
    ``bstar`` 1/earth radii, ``mean_motion_dot`` rev/day² and ``mean_motion_ddot`` rev/day³ (both as
    printed in a TLE, i.e. divided by 2 and 6). ``source``: where the elements were read from.

    Raises :class:`InputError` naming the field when a value is not finite, ``mean_motion`` is outside
    0 … 18 rev/day, ``eccentricity`` outside [0, 1) or ``inclination_deg`` outside 0 … 180.
    """

    name: str
    norad_id: int
    cospar_id: str
    epoch: Epoch
    mean_motion: float
    eccentricity: float
    inclination_deg: float
    raan_deg: float
    arg_of_perigee_deg: float
    mean_anomaly_deg: float
    bstar: float
    mean_motion_dot: float
    mean_motion_ddot: float
    classification: str = "U"
    ephemeris_type: int = 0
    element_set_no: int = 0
    rev_at_epoch: int = 0
    source: str = ""

    def __post_init__(self) -> None:
        for field in (
            "mean_motion",
            "eccentricity",
            "inclination_deg",
            "raan_deg",
            "arg_of_perigee_deg",
            "mean_anomaly_deg",
            "bstar",
            "mean_motion_dot",
            "mean_motion_ddot",
        ):
            if not math.isfinite(getattr(self, field)):
                raise InputError(f"{field} {getattr(self, field)} is not a finite number")
        if not 0.0 < self.mean_motion <= MAX_MEAN_MOTION:
            raise InputError(f"mean motion {self.mean_motion:g} rev/day is outside 0 … {MAX_MEAN_MOTION:g}")
        if not 0.0 <= self.eccentricity < 1.0:
            open_orbit = ": the orbit is not closed, and SGP4 has none" if self.eccentricity >= 1.0 else ""
            raise InputError(f"eccentricity {self.eccentricity:g} is outside [0, 1){open_orbit}")
        if not 0.0 <= self.inclination_deg <= 180.0:
            raise InputError(f"inclination {self.inclination_deg:g}° is outside 0 … 180")
        if self.norad_id < 0:
            raise InputError(f"catalogue number {self.norad_id} is negative")

    def age_s(self, at: Epoch) -> float:
        """Seconds from the elements' epoch to ``at`` (negative before it)."""
        return at - self.epoch


def expected_error_km(elements: MeanElements, age_days: float) -> float | None:
    """How far (km) along its track an object may be from where SGP4 puts it, ``age_days`` from its epoch.

    For low orbits, the greater of two: public elements err by 1 … 3 km more each day (Vallado & Cefola,
    "Two-line element sets – practice and use", IAC-12-A6.6.11), and drag is known to some 15 % (Vallado &
    Finkleman, "A critical assessment of satellite drag and atmospheric density modeling", Acta Astronautica
    95, 2014), which displaces the object by that part of what drag does, ṅ/2·t² revolutions. None above
    2,000 km, where no such rule is published.
    """
    if elements.mean_motion <= _LOW_ORBIT:
        return None
    days = abs(age_days)
    rate = elements.mean_motion * 2.0 * math.pi / 86_400.0
    around = 2.0 * math.pi * math.cbrt(_MU_KM3_S2 / rate**2)
    by_drag = _DRAG_UNCERTAINTY * abs(elements.mean_motion_dot) * days**2 * around
    return min(max(_KM_PER_DAY * days, by_drag), around / 2.0)


def age_warnings(
    used: Iterable[MeanElements], at: Epoch, *, limit_days: float = OLD_DAYS, shown: int = 3
) -> list[str]:
    """Lines for the user on elements more than ``limit_days`` from ``at``, the oldest ``shown`` by name.

    Each tells the age in days and :func:`expected_error_km`; a last line counts the others.
    """
    old = sorted(
        ((abs(one.age_s(at)) / 86_400.0, one) for one in used), key=lambda pair: pair[0], reverse=True
    )
    old = [(days, one) for days, one in old if days > limit_days]
    lines = []
    for days, one in old[:shown]:
        error = expected_error_km(one, days)
        far = "many km" if error is None else f"{error:,.0f} km"
        lines.append(
            f"the elements of {one.name} ({one.norad_id}) are {days:.0f} days from the interval: "
            f"it may be {far} off along its track"
        )
    if len(old) > shown:
        lines.append(f"so are those of {len(old) - shown} more objects (over {limit_days:g} days)")
    return lines
