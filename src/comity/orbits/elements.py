"""Mean elements as a CCSDS OMM carries them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from comity.core import Epoch, InputError

#: A circular orbit at the Earth's surface makes 17.07 revolutions a day.
MAX_MEAN_MOTION = 18.0


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
            raise InputError(f"eccentricity {self.eccentricity:g} is outside [0, 1)")
        if not 0.0 <= self.inclination_deg <= 180.0:
            raise InputError(f"inclination {self.inclination_deg:g}° is outside 0 … 180")
        if self.norad_id < 0:
            raise InputError(f"catalogue number {self.norad_id} is negative")

    def age_s(self, at: Epoch) -> float:
        """Seconds from the elements' epoch to ``at`` (negative before it)."""
        return at - self.epoch
