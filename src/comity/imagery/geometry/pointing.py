"""Laws by which an agile spacecraft turns its boresight, as poses of a :class:`Platform`.

Each law gives the boresight over time; about it the body is turned so that the ground moves along the columns
of the image where the boresight meets it (yaw steering), unless a law says otherwise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from comity.core import Epoch, InputError
from comity.imagery.geometry.platform import Platform, pose_times, rates
from comity.imagery.geometry.rotations import axis_rotation, quaternion_of
from comity.orbits import (
    Trajectory,
    check_geodetic,
    ecef_to_geodetic,
    geodetic_to_ecef,
    up_vector,
)
from comity.orbits.earth import ROTATION_RATE
from comity.orbits.geodesy import EQUATORIAL_RADIUS_M, POLAR_RADIUS_M

Floats = NDArray[np.float64]

SPEED_OF_LIGHT_M_S = 299_792_458.0
_EARTH_RATE = np.array([0.0, 0.0, ROTATION_RATE])
_LARGEST_DEG = 75.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OrbitalPointing:
    """A constant attitude to the orbit: roll, then pitch, then yaw (deg), from nadir and the way of flight.

    ``nadir``: along the ellipsoid's normal or to the Earth's centre. ``yaw_steering``: after that turn about
    the boresight until the ground moves along the columns; ``yaw_deg`` then counts from there.
    Raises :class:`InputError` for angles that are no attitude of an imager.
    """

    roll_deg: float = 0.0
    pitch_deg: float = 0.0
    yaw_deg: float = 0.0
    yaw_steering: bool = True
    nadir: Literal["geodetic", "geocentric"] = "geodetic"

    def __post_init__(self) -> None:
        for name in ("roll_deg", "pitch_deg"):
            if not abs(getattr(self, name)) <= _LARGEST_DEG:
                raise InputError(f"{name} {getattr(self, name):g} is outside ±{_LARGEST_DEG:g}")
        if not abs(self.yaw_deg) <= 360.0:
            raise InputError(f"yaw_deg {self.yaw_deg:g} is outside ±360")


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetPointing:
    """The boresight runs over the ground through a place (deg, deg, m above the ellipsoid) at ``at``.

    ``slowdown``: by how much slower than the point under the spacecraft it runs; 1 is an ordinary scan, 3
    gives each line three times the light (forward motion compensation), infinity stares. ``azimuth_deg``: its
    course, from north by east; None is that of the ground track. Raises :class:`InputError` for a place
    that is none or a slowdown not above 0.
    """

    lon_deg: float
    lat_deg: float
    at: Epoch
    height_m: float = 0.0
    slowdown: float = 1.0
    azimuth_deg: float | None = None

    def __post_init__(self) -> None:
        check_geodetic(self.lon_deg, self.lat_deg, self.height_m)
        if not self.slowdown > 0.0:
            raise InputError(f"slowdown {self.slowdown:g} is not above 0")


Pointing = OrbitalPointing | TargetPointing


def pointed_platform(
    trajectory: Trajectory, pointing: Pointing, epoch: Epoch, start_s: float, end_s: float
) -> Platform:
    """Poses from ``epoch + start_s`` to ``epoch + end_s`` of an orbit under a law of pointing.

    Raises :class:`InputError` when the boresight misses the Earth or the place is below the horizon, and
    what the trajectory raises.
    """
    seconds = pose_times(start_s, end_s)
    position, _ = trajectory.itrf(epoch, seconds)
    velocity = rates(seconds, position)  # SGP4's own is cm/s off, decimetres on the ground
    if isinstance(pointing, OrbitalPointing):
        turn = _orbital(pointing, seconds, position, velocity)
    else:
        turn = _targeted(pointing, trajectory, epoch, seconds, position, velocity)
    return Platform(epoch=epoch, seconds=seconds, position=position, quaternion=quaternion_of(turn))


def ground_motion(trajectory: Trajectory, at: Epoch) -> tuple[float, float]:
    """Speed (m/s) and azimuth (deg) at which the point under a spacecraft runs over the ellipsoid."""
    from pyproj import Geod

    position, _ = trajectory.itrf(at, np.array([-0.5, 0.5]))
    lon, lat, _ = ecef_to_geodetic(position)
    azimuth, _, length = Geod(ellps="WGS84").inv(lon[0], lat[0], lon[1], lat[1])
    return float(length), float(azimuth % 360.0)


def _orbital(law: OrbitalPointing, seconds: Floats, position: Floats, velocity: Floats) -> Floats:
    if law.nadir == "geocentric":
        down = -position / np.linalg.norm(position, axis=-1, keepdims=True)
    else:
        lon, lat, _ = ecef_to_geodetic(position)
        down = -up_vector(lon, lat)
    base = _frame(down, velocity + np.cross(_EARTH_RATE, position))
    base = base @ axis_rotation(0, math.radians(law.roll_deg)) @ axis_rotation(1, math.radians(law.pitch_deg))
    if law.yaw_steering:
        ground = _meets(position, base[:, :, 2])
        motion = rates(seconds, ground)
        seen = np.einsum("nji,nj->ni", base, motion)
        base = base @ axis_rotation(2, np.arctan2(seen[:, 1], seen[:, 0]))
    return np.asarray(base @ axis_rotation(2, math.radians(law.yaw_deg)), dtype=np.float64)


def _targeted(
    law: TargetPointing,
    trajectory: Trajectory,
    epoch: Epoch,
    seconds: Floats,
    position: Floats,
    velocity: Floats,
) -> Floats:
    from pyproj import Geod

    speed, track = ground_motion(trajectory, law.at)
    azimuth = track if law.azimuth_deg is None else law.azimuth_deg
    speed /= law.slowdown
    along = speed * (seconds - (law.at - epoch))
    start = np.broadcast_to(law.lon_deg, along.shape), np.broadcast_to(law.lat_deg, along.shape)
    lon, lat, _ = Geod(ellps="WGS84").fwd(*start, np.broadcast_to(azimuth, along.shape), along)
    ground = geodetic_to_ecef(lon, lat, law.height_m)
    up = up_vector(lon, lat)
    line = ground - position
    line /= np.linalg.norm(line, axis=-1, keepdims=True)
    if (np.sum(line * up, axis=-1) > -math.sin(math.radians(5.0))).any():
        raise InputError(
            f"the place {law.lon_deg:g}, {law.lat_deg:g} is less than 5° above the spacecraft's horizon "
            f"around {law.at.iso(0)}: no camera sees it then"
        )
    motion = rates(seconds, ground) if speed > 0.0 else velocity
    # where the target appears, not where it is: the camera moves (aberration), the Earth turns meanwhile
    over = velocity - np.cross(_EARTH_RATE, ground - position)
    return _frame(line + over / SPEED_OF_LIGHT_M_S, motion)


def _frame(z: Floats, ahead: Floats) -> Floats:
    """Rotations (n, 3, 3) with the third axis along ``z``, the first as nearly along ``ahead`` as can be."""
    z = z / np.linalg.norm(z, axis=-1, keepdims=True)
    x = ahead - z * np.sum(ahead * z, axis=-1, keepdims=True)
    x /= np.linalg.norm(x, axis=-1, keepdims=True)
    return np.stack([x, np.cross(z, x), z], axis=-1)


def _meets(position: Floats, direction: Floats) -> Floats:
    """Where lines of sight meet the ellipsoid, (n, 3) m."""
    scale = 1.0 / np.array([EQUATORIAL_RADIUS_M, EQUATORIAL_RADIUS_M, POLAR_RADIUS_M])
    p, u = position * scale, direction * scale
    uu, pu = np.sum(u * u, axis=-1), np.sum(p * u, axis=-1)
    root = pu**2 - uu * (np.sum(p * p, axis=-1) - 1.0)
    if (root < 0.0).any() or (pu >= 0.0).any():
        raise InputError("the boresight misses the Earth: roll or pitch is too large for this altitude")
    along = (-pu - np.sqrt(root)) / uu
    return np.asarray(position + along[:, None] * direction, dtype=np.float64)
