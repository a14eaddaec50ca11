"""Geometry of looking from a spacecraft at the ground: angles, ground sample distance, the Look itself.

GSD at an angle (Schowengerdt, *Remote Sensing*, 3rd ed., §3.4.1; Wertz & Larson, *SMAD*, 3rd ed., §5.2
and 9.5): along the track a sample grows with the range; across it, by 1/cos(incidence) more, as the ground
is seen aslant. ``gsd_m`` is the geometric mean of both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from comity.access.margins import dot
from comity.access.track import MEAN_RADIUS_M, Track
from comity.access.windows import Look
from comity.fleet import Instrument
from comity.orbits import ecef_to_geodetic, geodetic_to_ecef, local_basis, teme_to_itrf_matrix

FloatArray = NDArray[np.float64]


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
class View:
    """Lines of sight at n instants to n points; vectors (n, 3) ITRF, the rest (n,).

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


def view(track: Track, seconds: FloatArray, ground: Ground) -> View:
    """Lines of sight at times (n,) s to points (n)."""
    position, velocity = track.state(seconds)
    down = track.down(position)
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
        right=np.cross(down, forward),
        down=down,
    )


def gsd_m(instrument: Instrument, range_m: FloatArray, elevation_deg: FloatArray) -> FloatArray:
    """Ground sample distance (m) at a range and elevation; infinite below the horizon."""
    along = instrument.gsd_m * range_m / instrument.reference_altitude_m
    slant = np.sin(np.radians(elevation_deg))  # cosine of incidence
    with np.errstate(divide="ignore"):
        return np.where(slant > 0.0, along / np.sqrt(np.maximum(slant, 1e-12)), np.inf)


def half_field_rad(instrument: Instrument) -> float:
    """Half the angle of view across the track (rad) that gives the published swath, on a round Earth."""
    reach = instrument.swath_m / 2.0 / MEAN_RADIUS_M
    height = 1.0 + instrument.reference_altitude_m / MEAN_RADIUS_M
    return math.atan2(math.sin(reach), height - math.cos(reach))


def swath_m(instrument: Instrument, range_m: FloatArray, elevation_deg: FloatArray) -> FloatArray:
    """Width (m) of ground an aimed, narrow field of view takes across the line of sight."""
    slant = np.maximum(np.sin(np.radians(elevation_deg)), 1e-3)
    return np.asarray(2.0 * math.tan(half_field_rad(instrument)) * range_m / slant, dtype=np.float64)


def nadir_swath_m(instrument: Instrument, altitude_m: FloatArray) -> FloatArray:
    """Ground (m) that the field of view spans straight below, from these altitudes, on a round Earth."""
    half = half_field_rad(instrument)
    sine = np.minimum(1.0, (1.0 + altitude_m / MEAN_RADIUS_M) * math.sin(half))
    return np.asarray(2.0 * MEAN_RADIUS_M * (np.arcsin(sine) - half), dtype=np.float64)


def looks(
    track: Track, instrument: Instrument, seconds: FloatArray, ground: Ground, boresight_down: bool = False
) -> list[Look]:
    """Looks at times (n,) s from the track's interval start at points (n).

    ``boresight_down``: ``inertial`` is the nadir direction, as for instruments that cannot be aimed.
    """
    if not len(seconds):
        return []
    seen = view(track, seconds, ground)
    elevation = seen.elevation_deg(ground)
    sun = track.sky.sun(seconds)
    lon, lat, _ = ecef_to_geodetic(seen.position)
    east, north, _ = local_basis(lon, lat)
    turn = teme_to_itrf_matrix(track.interval.start, seconds, track.eop)
    aim = seen.down if boresight_down else seen.direction
    inertial = np.einsum("nji,nj->ni", turn, aim)
    columns: Sequence[FloatArray] = (
        seen.off_nadir_deg,
        seen.roll_deg,
        seen.pitch_deg,
        90.0 - elevation,
        seen.range_m,
        gsd_m(instrument, seen.range_m, elevation),
        sun_elevation_deg(sun, ground),
        azimuth_deg(sun, ground.east, ground.north),
        azimuth_deg(seen.direction, east, north),
    )
    rows = np.stack(columns, axis=-1).tolist()
    return [
        Look(
            at=track.interval.start + second,
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


def off_nadir_deg(track: Track, seconds: FloatArray, ground: FloatArray) -> FloatArray:
    """Angle (n,) at times (n,) s between the geodetic nadir and the points ``ground`` (n, 3) m."""
    position, _ = track.state(seconds)
    line = ground - position
    line /= np.linalg.norm(line, axis=-1, keepdims=True)
    return angle_deg(line, track.down(position))


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
