"""What an AEOSSP case is made of, and where its satellites, targets and the Sun are."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from comity.core import Epoch
from comity.orbits import EarthOrientation, SGP4Trajectory, geodetic_to_ecef, itrf_to_gcrf
from comity.orbits.geodesy import EQUATORIAL_RADIUS_M
from comity.orbits.sun import sun_position_gcrf

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class AeosspSatellite:
    """A satellite as the case states it; ``trajectory`` is SGP4 over its TLE."""

    id: str
    sensor: str
    trajectory: SGP4Trajectory = field(compare=False)
    rate_deg_s: float
    acceleration_deg_s2: float
    settle_s: float
    max_off_nadir_deg: float
    capacity_wh: float
    initial_wh: float
    idle_w: float
    imaging_w: float
    slew_w: float
    charge_w: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AeosspTask:
    """A point to be observed once for ``duration_s`` between ``release_s`` and ``due_s`` (from the start)."""

    id: str
    sensor: str
    lon_deg: float
    lat_deg: float
    altitude_m: float
    release_s: float
    due_s: float
    duration_s: float
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AeosspCase:
    """A case: steps (s) of the grids of actions, geometry and resources, satellites, tasks."""

    id: str
    start: Epoch
    horizon_s: float
    action_step_s: float
    geometry_step_s: float
    resource_step_s: float
    satellites: tuple[AeosspSatellite, ...]
    tasks: tuple[AeosspTask, ...]


class Geometry:
    """Where satellites, targets and the Sun are, by the case's frames; times are seconds from its start."""

    def __init__(self, case: AeosspCase) -> None:
        self.start = case.start
        self.eop = EarthOrientation.constant()

    def satellite(self, satellite: AeosspSatellite, seconds: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Positions (n, 3) m in ITRF and in GCRF."""
        fixed, speed = satellite.trajectory.itrf(self.start, seconds)
        return fixed, itrf_to_gcrf(fixed, speed, self.start, seconds, self.eop)[0]

    def target(self, task: AeosspTask) -> FloatArray:
        """Position (3,) m in ITRF."""
        return geodetic_to_ecef(task.lon_deg, task.lat_deg, task.altitude_m)

    def inertial(self, fixed: FloatArray, seconds: FloatArray) -> FloatArray:
        """A point (3,) m of ITRF in GCRF at n instants, (n, 3) m."""
        places = np.broadcast_to(fixed, (len(seconds), 3))
        return itrf_to_gcrf(places, np.zeros_like(places), self.start, seconds, self.eop)[0]

    def sunlit(self, inertial: FloatArray, seconds: FloatArray) -> NDArray[np.bool_]:
        """Whether positions (n, 3) m in GCRF lie outside the Earth's cylindrical shadow."""
        sun = sun_position_gcrf(self.start, seconds)
        sun /= np.linalg.norm(sun, axis=1)[:, None]
        along = np.einsum("ij,ij->i", inertial, sun)
        across = np.linalg.norm(inertial - along[:, None] * sun, axis=1)
        return np.asarray((along >= 0) | (across >= EQUATORIAL_RADIUS_M))


def in_sight(place: FloatArray, target: FloatArray, max_off_nadir_deg: float) -> NDArray[np.bool_]:
    """Whether a satellite at ``place`` (n, 3) m sees ``target`` (3,) m, both in ITRF, steeply enough.

    It must lie above the plane through the target perpendicular to the target's geocentric radius, and the
    angle at the satellite between the geocentre and the target must not exceed the limit.
    """
    line = target - place
    above = (place - target) @ target > 0
    distance = np.linalg.norm(line, axis=1) * np.linalg.norm(place, axis=1)
    cosine = -np.einsum("ij,ij->i", line, place) / distance
    return np.asarray(above & (np.degrees(np.arccos(np.clip(cosine, -1, 1))) <= max_off_nadir_deg + 1e-9))
