"""Mean elements as a CCSDS OMM carries them."""

from __future__ import annotations

from dataclasses import dataclass

from comity.core import Epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanElements:
    """SGP4 mean elements of one object (CCSDS OMM, theory SGP4, frame TEME).

    Field names and units are those of CCSDS 502.0-B: ``mean_motion`` rev/day, angles in degrees,
    ``bstar`` 1/earth radii, ``mean_motion_dot`` rev/day² and ``mean_motion_ddot`` rev/day³ (both as
    printed in a TLE, i.e. divided by 2 and 6). ``source``: where the elements were read from.
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

    def age_s(self, at: Epoch) -> float:
        """Seconds from the elements' epoch to ``at`` (negative before it)."""
        return at - self.epoch
