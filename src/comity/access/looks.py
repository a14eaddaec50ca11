"""Geometry of looking from a spacecraft at the ground: angles, ground sample distance, the Look itself.

GSD at an angle (Schowengerdt, *Remote Sensing*, 3rd ed., §3.4.1; Wertz & Larson, *SMAD*, 3rd ed., §5.2
and 9.5): along the track a sample grows with the range; across it, by 1/cos(incidence) more, as the ground
is seen aslant. ``gsd_m`` is the geometric mean of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from comity.access.margins import dot
from comity.access.states import MEAN_RADIUS_M, States
from comity.access.windows import Look
from comity.fleet import Instrument
from comity.orbits import ecef_to_geodetic, geodetic_to_ecef, local_basis, teme_to_itrf_matrix
from comity.orbits.earth import cross

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ground:
    """Points of the ground, each (…, 3), ITRF: positions (m) and the local east, north and up."""

    ecef: FloatArray
    east: FloatArray
    north: FloatArray
    up: FloatArray

    @classmethod
    def at(cls, lon_deg: ArrayLike, lat_deg: ArrayLike, altitude_m: ArrayLike = 0.0) -> Ground:
        """From geodetic coordinates (…)."""
        east, north, up = local_basis(lon_deg, lat_deg)
        return cls(ecef=geodetic_to_ecef(lon_deg, lat_deg, altitude_m), east=east, north=north, up=up)

    def __getitem__(self, index: Any) -> Ground:
        """The points picked by any NumPy index over the leading dimensions."""
        return Ground(
            ecef=self.ecef[index], east=self.east[index], north=self.north[index], up=self.up[index]
        )

    def reshaped(self, *shape: int) -> Ground:
        """The same points with other leading dimensions."""
        return Ground(
            ecef=self.ecef.reshape(*shape, 3),
            east=self.east.reshape(*shape, 3),
            north=self.north.reshape(*shape, 3),
            up=self.up.reshape(*shape, 3),
        )

    def __len__(self) -> int:
        return len(self.ecef)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Optics:
    """What of n instruments decides what they see, each (n,): see :class:`comity.fleet.Instrument`."""

    gsd_m: FloatArray
    swath_m: FloatArray
    reference_altitude_m: FloatArray

    @classmethod
    def of(cls, instruments: Sequence[Instrument]) -> Optics:
        """Of these instruments."""
        return cls(
            gsd_m=np.array([one.gsd_m for one in instruments]),
            swath_m=np.array([one.swath_m for one in instruments]),
            reference_altitude_m=np.array([one.reference_altitude_m for one in instruments]),
        )

    def __getitem__(self, index: Any) -> Optics:
        """Those picked by any NumPy index."""
        return Optics(
            gsd_m=self.gsd_m[index],
            swath_m=self.swath_m[index],
            reference_altitude_m=self.reference_altitude_m[index],
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class View:
    """Lines of sight at instants to points; vectors (…, 3) ITRF, the rest (…).

    ``direction``: unit, to the ground; ``forward``, ``right`` and ``down``: the spacecraft's level frame,
    forward being where it moves over the ground.
    """

    position: FloatArray
    velocity: FloatArray
    direction: FloatArray
    range_m: FloatArray
    forward: FloatArray
    right: FloatArray
    down: FloatArray

    @property
    def off_nadir_deg(self) -> FloatArray:
        """Angle between the line of sight and the geodetic nadir."""
        return angle_deg(self.direction, self.down)

    @property
    def roll_deg(self) -> FloatArray:
        """Rotation about ``forward``, positive to the right."""
        return np.degrees(np.arctan2(dot(self.direction, self.right), dot(self.direction, self.down)))

    @property
    def pitch_deg(self) -> FloatArray:
        """Angle forward of the plane across the track."""
        return np.degrees(np.arcsin(np.clip(dot(self.direction, self.forward), -1.0, 1.0)))

    def elevation_deg(self, ground: Ground) -> FloatArray:
        """Elevation of the spacecraft above the points' horizon (90° less incidence)."""
        return 90.0 - angle_deg(-self.direction, ground.up)


def view(states: States, member: IntArray, seconds: FloatArray, ground: Ground) -> View:
    """Lines of sight of the objects ``member`` (…) at times (…) s to points (…)."""
    position, velocity, down = states.at(member, seconds)
    forward = velocity - dot(velocity, down)[..., None] * down
    forward /= np.linalg.norm(forward, axis=-1, keepdims=True)
    line = ground.ecef - position
    length = np.linalg.norm(line, axis=-1)
    return View(
        position=position,
        velocity=velocity,
        direction=line / length[..., None],
        range_m=length,
        forward=forward,
        right=cross(down, forward),
        down=down,
    )


def gsd_m(optics: Optics | Instrument, range_m: FloatArray, elevation_deg: FloatArray) -> FloatArray:
    """Ground sample distance (m) at a range and elevation; infinite below the horizon."""
    along = optics.gsd_m * range_m / optics.reference_altitude_m
    slant = np.sin(np.radians(elevation_deg))  # cosine of incidence
    with np.errstate(divide="ignore"):
        return np.where(slant > 0.0, along / np.sqrt(np.maximum(slant, 1e-12)), np.inf)


def half_field_rad(optics: Optics | Instrument) -> FloatArray:
    """Half the angle of view across the track (rad) that gives the published swath, on a round Earth."""
    reach = optics.swath_m / 2.0 / MEAN_RADIUS_M
    height = 1.0 + optics.reference_altitude_m / MEAN_RADIUS_M
    return np.asarray(np.arctan2(np.sin(reach), height - np.cos(reach)), dtype=np.float64)


def swath_m(optics: Optics | Instrument, range_m: FloatArray, elevation_deg: FloatArray) -> FloatArray:
    """Width (m) of ground an aimed, narrow field of view takes across the line of sight."""
    slant = np.maximum(np.sin(np.radians(elevation_deg)), 1e-3)
    return np.asarray(2.0 * np.tan(half_field_rad(optics)) * range_m / slant, dtype=np.float64)


def nadir_swath_m(optics: Optics | Instrument, altitude_m: FloatArray) -> FloatArray:
    """Ground (m) that the field of view spans straight below, from these altitudes, on a round Earth."""
    half = half_field_rad(optics)
    sine = np.minimum(1.0, (1.0 + altitude_m / MEAN_RADIUS_M) * np.sin(half))
    return np.asarray(2.0 * MEAN_RADIUS_M * (np.arcsin(sine) - half), dtype=np.float64)


def looks(
    states: States,
    member: IntArray,
    optics: Optics,
    seconds: FloatArray,
    ground: Ground,
    boresight_down: bool = False,
) -> list[Look]:
    """Looks of the objects ``member`` at times (n,) s from the interval's start at points (n).

    ``boresight_down``: ``inertial`` is the nadir direction, as for instruments that cannot be aimed.
    """
    if not len(seconds):
        return []
    seen = view(states, member, seconds, ground)
    elevation = seen.elevation_deg(ground)
    sun = states.sky.sun(seconds)
    lon, lat, _ = ecef_to_geodetic(seen.position)
    east, north, _ = local_basis(lon, lat)
    turn = teme_to_itrf_matrix(states.interval.start, seconds, states.eop)
    aim = seen.down if boresight_down else seen.direction
    inertial = np.einsum("nji,nj->ni", turn, aim)
    columns: Sequence[FloatArray] = (
        seen.off_nadir_deg,
        seen.roll_deg,
        seen.pitch_deg,
        90.0 - elevation,
        seen.range_m,
        gsd_m(optics, seen.range_m, elevation),
        sun_elevation_deg(sun, ground),
        azimuth_deg(sun, ground.east, ground.north),
        azimuth_deg(seen.direction, east, north),
    )
    rows = np.stack(columns, axis=-1).tolist()
    start = states.interval.start
    return [
        Look(
            at=start + second,
            off_nadir_deg=row[0],
            roll_deg=row[1],
            pitch_deg=row[2],
            incidence_deg=row[3],
            range_m=row[4],
            gsd_m=row[5],
            sun_elevation_deg=row[6],
            sun_azimuth_deg=row[7],
            view_azimuth_deg=row[8],
            direction=(fixed[0], fixed[1], fixed[2]),
            inertial=(sky[0], sky[1], sky[2]),
        )
        for second, row, fixed, sky in zip(
            seconds.tolist(), rows, seen.direction.tolist(), inertial.tolist(), strict=True
        )
    ]


def sun_elevation_deg(sun: FloatArray, ground: Ground) -> FloatArray:
    """Geometric elevation of the Sun's centre at points, from its places (…, 3) m off the geocentre."""
    line = sun - ground.ecef
    return 90.0 - angle_deg(line / np.linalg.norm(line, axis=-1, keepdims=True), ground.up)


def angle_deg(a: FloatArray, b: FloatArray) -> FloatArray:
    """Angles between unit vectors (…, 3), degrees; exact for small ones too (Kahan's formula)."""
    half = np.arctan2(np.linalg.norm(a - b, axis=-1), np.linalg.norm(a + b, axis=-1))
    return np.asarray(np.degrees(2.0 * half), dtype=np.float64)


def azimuth_deg(direction: FloatArray, east: FloatArray, north: FloatArray) -> FloatArray:
    """Azimuths of directions (…, 3), clockwise from north, 0 … 360 degrees."""
    return np.degrees(np.arctan2(dot(direction, east), dot(direction, north))) % 360.0


def ground_speed(seen: View, altitude_m: FloatArray) -> FloatArray:
    """Speed (m/s) of the point straight below."""
    level = np.abs(dot(seen.velocity, seen.forward))
    radius = np.linalg.norm(seen.position, axis=-1)
    return np.asarray(level * (radius - altitude_m) / radius, dtype=np.float64)


def skew_deg(along: FloatArray, velocity: FloatArray, up: FloatArray) -> FloatArray:
    """Angle on the ground between strips and the motion over it."""
    level = velocity - dot(velocity, up)[..., None] * up
    flat = along - dot(along, up)[..., None] * up
    level /= np.linalg.norm(level, axis=-1, keepdims=True)
    flat /= np.linalg.norm(flat, axis=-1, keepdims=True)
    return angle_deg(flat, level)


def level_axes(lon_deg: FloatArray, lat_deg: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Unit vectors east and north at places."""
    basis = Ground.at(lon_deg, lat_deg)
    return basis.east, basis.north
