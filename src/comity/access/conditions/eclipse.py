"""Shadow of the Earth: umbra, penumbra, annular, sunlit.

Cones tangent to the Sun and the Earth (Montenbruck & Gill, *Satellite Orbits*, §3.4.2; Vallado, *Fundamentals
of Astrodynamics*, §5.3.2), with the Sun at its true distance and of its true radius, and the WGS-84 ellipsoid
for the Earth: space is stretched along the axis until the ellipsoid is a sphere. The Sun is stretched with it
by 0.3 % of its radius, which moves an edge by about 0.01 s in a low orbit. (A sphere of the equatorial
radius, as the books have it, is up to 21 km too large: seconds at an edge, minutes where the shadow is
grazed.) The air, which bends and dims light up to some tens of km, is left out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from comity.access.conditions.base import (
    Composable,
    Condition,
    Event,
    Scene,
    all_of,
    find_all_events,
    negation,
)
from comity.access.margins import Bound, dot, stretch, stretched
from comity.core import Interval
from comity.orbits import EarthOrientation, Trajectory
from comity.orbits.geodesy import EQUATORIAL_RADIUS_M
from comity.orbits.sun import SUN_RADIUS_M

FloatArray = NDArray[np.float64]

#: How fast the Sun moves among the stars at most (rad/s).
_SUN_TURN = 2.1e-7
_STRETCH = stretch()


def umbra(trajectory: Trajectory) -> Composable:
    """None of the Sun's disk is in sight."""
    return _phases(trajectory)["umbra"]


def penumbra(trajectory: Trajectory) -> Composable:
    """Some of the Sun's disk is hidden, not all of it, and not just its middle."""
    return _phases(trajectory)["penumbra"]


def annular(trajectory: Trajectory) -> Composable:
    """The Earth stands inside the Sun's disk: beyond the tip of the umbra, 1.4 million km out."""
    return _phases(trajectory)["annular"]


def eclipsed(trajectory: Trajectory) -> Composable:
    """Some of the Sun's disk, or all of it, is hidden."""
    return all_of(_in_cone(trajectory, 1.0), _behind(trajectory, 1.0), name="eclipse")


def sunlit(trajectory: Trajectory) -> Composable:
    """The whole of the Sun's disk is in sight."""
    return all_of(negation(eclipsed(trajectory)), name="sunlit")


def eclipses(
    trajectory: Trajectory, interval: Interval, *, eop: EarthOrientation | None = None
) -> list[Event]:
    """Phases of every eclipse in order of time: ``penumbra``, ``umbra``, ``annular``.

    Raises as :func:`comity.access.conditions.find_events` does.
    """
    return find_all_events(_phases(trajectory), interval, eop=eop)


def _phases(trajectory: Trajectory) -> dict[str, Composable]:
    """The three phases over the same leaves."""
    narrow, near = _in_cone(trajectory, -1.0), _before_apex(trajectory)
    total = all_of(narrow, _behind(trajectory, -1.0), near, name="umbra")
    ring = all_of(narrow, negation(near), name="annular")
    partial = all_of(eclipsed(trajectory), negation(total), negation(ring), name="penumbra")
    return {"penumbra": partial, "umbra": total, "annular": ring}


class _Shadow:
    """An object against the shadow's axis in stretched space: ``along`` (n,) m away from the Sun, ``across``
    (n,) m² squared distance from the axis, ``sine`` (n,) of the cone's half angle (``sign`` −1: umbra)."""

    __slots__ = ("across", "along", "sine")

    def __init__(self, scene: Scene, trajectory: Trajectory, seconds: FloatArray, sign: float) -> None:
        place = stretched(scene.position(trajectory, seconds), _STRETCH)
        sun = stretched(scene.sky.sun(seconds), _STRETCH)
        distance = np.linalg.norm(sun, axis=-1)
        self.along = -dot(place, sun) / distance
        self.across = dot(place, place) - self.along**2
        self.sine = (SUN_RADIUS_M + sign * EQUATORIAL_RADIUS_M) / distance


def _in_cone(trajectory: Trajectory, sign: float) -> Condition:
    def margin(scene: Scene, seconds: FloatArray) -> FloatArray:
        shadow = _Shadow(scene, trajectory, seconds, sign)
        cosine2 = 1.0 - shadow.sine**2
        radius2 = (EQUATORIAL_RADIUS_M + sign * shadow.along * shadow.sine) ** 2 / cosine2
        return np.asarray((radius2 - shadow.across) / (2.0 * EQUATORIAL_RADIUS_M), dtype=np.float64)

    def bound(scene: Scene, low: FloatArray, high: FloatArray) -> Bound:
        speed, acceleration, far = _stretched_motion(scene, trajectory, low, high)
        # 5e-3: sine of the cone, with some to spare; its radius changes that much as the object moves along
        radius = EQUATORIAL_RADIUS_M + 5e-3 * far
        rate = (far * speed + 5e-3 * radius * speed) / EQUATORIAL_RADIUS_M
        curvature = speed**2 + far * acceleration + 5e-3 * (radius * acceleration + speed**2)
        return 1.01 * rate, 1.01 * curvature / EQUATORIAL_RADIUS_M

    kind = "umbra" if sign < 0.0 else "penumbra"
    return Condition(name=f"inside the cone of the {kind}", movers=(trajectory,), margin=margin, bound=bound)


def _behind(trajectory: Trajectory, sign: float) -> Condition:
    """Beyond the circle in which the cone touches the Earth."""

    def margin(scene: Scene, seconds: FloatArray) -> FloatArray:
        shadow = _Shadow(scene, trajectory, seconds, sign)
        return np.asarray(shadow.along + sign * EQUATORIAL_RADIUS_M * shadow.sine, dtype=np.float64)

    return Condition(
        name="behind the Earth",
        movers=(trajectory,),
        margin=margin,
        bound=lambda scene, low, high: _along(scene, trajectory, low, high),
    )


def _before_apex(trajectory: Trajectory) -> Condition:
    """Nearer than the tip of the umbra."""

    def margin(scene: Scene, seconds: FloatArray) -> FloatArray:
        shadow = _Shadow(scene, trajectory, seconds, -1.0)
        return np.asarray(EQUATORIAL_RADIUS_M - shadow.along * shadow.sine, dtype=np.float64)

    def bound(scene: Scene, low: FloatArray, high: FloatArray) -> Bound:
        rate, curvature = _along(scene, trajectory, low, high)
        return 5e-3 * rate, 5e-3 * curvature

    return Condition(name="before the umbra's tip", movers=(trajectory,), margin=margin, bound=bound)


def _along(scene: Scene, trajectory: Trajectory, low: FloatArray, high: FloatArray) -> Bound:
    """Bound of the distance along the shadow's axis."""
    speed, acceleration, _ = _stretched_motion(scene, trajectory, low, high)
    return 1.01 * speed, 1.01 * acceleration


def _stretched_motion(
    scene: Scene, trajectory: Trajectory, low: FloatArray, high: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Speed, acceleration and distance at most, as the shadow's axis sees them turn, in stretched space."""
    motion = scene.motion(trajectory, low, high)
    far = _STRETCH * motion.farthest
    speed = _STRETCH * motion.inertial_speed + _SUN_TURN * far
    acceleration = _STRETCH * motion.inertial_acceleration + 2.0 * _SUN_TURN * speed
    return speed, acceleration, far
