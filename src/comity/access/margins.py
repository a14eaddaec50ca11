"""The functions of time that every condition on geometry is made of, each with its bound.

A margin is positive where its condition holds; its bound gives the greatest magnitude of its first and
second derivative over a cell of time, from bounds of the motion. Most are *cones*: a line of sight lies
within an angle of an axis where ``line · axis − cos(angle) · |line|`` is positive. That is in metres, smooth,
and free of the inverse functions that fail at 0° and 180°.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from comity.access.motion import Motion
from comity.orbits.earth import ROTATION_RATE, cross
from comity.orbits.geodesy import EQUATORIAL_RADIUS_M, POLAR_RADIUS_M

FloatArray = NDArray[np.float64]
#: Rate and curvature: greatest |f′| (1/s) and |f″| (1/s²) of a margin over each cell, (n,) each.
Bound = tuple[FloatArray, FloatArray]

#: Curvature of the ellipsoid against a sphere through the same point: its normal turns this much faster.
_NORMAL_SLACK = 1.02


def dot(a: FloatArray, b: FloatArray) -> FloatArray:
    """Scalar products of (…, 3) vectors."""
    return np.asarray(np.einsum("...i,...i->...", a, b), dtype=np.float64)


def cone(line: FloatArray, axis: FloatArray, cosine: FloatArray | float) -> FloatArray:
    """Positive (m) where lines (…, 3) m lie within an angle of axes (…, 3), by its cosine."""
    value = dot(line, axis)
    if isinstance(cosine, float) and cosine == 0.0:
        return value
    return np.asarray(value - cosine * np.linalg.norm(line, axis=-1), dtype=np.float64)


def cone_bound(
    speed: FloatArray,
    acceleration: FloatArray,
    nearest: FloatArray,
    farthest: FloatArray,
    cosine: FloatArray | float,
    turn: FloatArray | float = 0.0,
    turn_change: FloatArray | float = 0.0,
) -> Bound:
    """Bound of :func:`cone`: of the line's own motion and length, and of its axis.

    ``turn`` (rad/s) and ``turn_change`` (1/s²): greatest magnitudes of the axis' first and second derivative.
    """
    c = np.abs(cosine)
    rate = speed * (1.0 + c) + farthest * turn
    curvature = acceleration * (1.0 + c) + 2.0 * speed * turn + farthest * turn_change
    # a line that may shrink to nothing has no bound on how sharply its length turns
    with np.errstate(divide="ignore", invalid="ignore"):
        bend = np.where(c > 0.0, c * speed**2 / nearest, 0.0)
    return rate, curvature + bend


def normal_turn(motion: Motion) -> tuple[FloatArray, FloatArray]:
    """First (rad/s) and second (1/s²) derivative, at most, of the ellipsoid's normal at a moving point."""
    first = _NORMAL_SLACK * motion.speed / motion.nearest
    return first, _NORMAL_SLACK * motion.acceleration / motion.nearest + 3.2 * first**2


def fine_ground(line: FloatArray, up: FloatArray, scale_m2: FloatArray | float) -> FloatArray:
    """Positive (m) where a ground sample is finer than a limit.

    ``line`` (…, 3) m from the ground to the camera, ``up`` the ground's normal. With a GSD of g₀ at the
    height h₀, a sample seen over a distance d under an elevation e is g₀·d/h₀/√sin e; that is below G where
    sin e > (g₀/h₀/G)²·d², and ``scale_m2`` is that bracket's square, in 1/m².
    """
    length = np.linalg.norm(line, axis=-1)
    return np.asarray(dot(line, up) - scale_m2 * length**3, dtype=np.float64)


def fine_ground_bound(
    motion: Motion, nearest: FloatArray, farthest: FloatArray, scale_m2: FloatArray | float
) -> Bound:
    """Bound of :func:`fine_ground` at these distances (m)."""
    speed, acceleration = motion.speed, motion.acceleration
    rate = speed + scale_m2 * 3.0 * farthest**2 * speed
    change = 9.0 * farthest * speed**2 + 3.0 * farthest**2 * acceleration
    return rate, acceleration + scale_m2 * change


def to_the_right(line: FloatArray, down: FloatArray, velocity: FloatArray) -> FloatArray:
    """Positive (m²/s) where the end of ``line`` (from the spacecraft) is to the right of its motion."""
    return dot(line, cross(down, velocity))


def to_the_right_bound(motion: Motion, farthest: FloatArray) -> Bound:
    """Bound of :func:`to_the_right`; the line changes along the velocity, which drops out of the product."""
    first, second = normal_turn(motion)
    v, a = motion.speed, motion.acceleration
    rate = farthest * (first * v + a)
    return rate, v * a + farthest * (second * v + 2.0 * first * a + motion.jerk)


def above_horizon(line: FloatArray, up: FloatArray, tangent: FloatArray) -> FloatArray:
    """Positive (m) where lines (n, 3) m from the ground pass over a horizon, by the tangent (n,) of its
    elevation below them."""
    height = dot(line, up)
    level = line - height[..., None] * up
    return np.asarray(height - tangent * np.linalg.norm(level, axis=-1), dtype=np.float64)


def above_horizon_bound(motion: Motion, steepness: FloatArray | float) -> Bound:
    """Bound of :func:`above_horizon` by the horizon's steepness; kinks leave its curvature without one."""
    rate = motion.speed * (1.0 + steepness)
    return rate, np.full_like(rate, np.inf)


def sun_height(sun: FloatArray, ground: FloatArray, up: FloatArray) -> FloatArray:
    """Sine of the Sun's geometric elevation: ``sun`` (…, 3) m from the geocentre, ``ground`` (…, 3) m."""
    line = sun - ground
    return np.asarray(dot(line, up) / np.linalg.norm(line, axis=-1), dtype=np.float64)


def sun_height_bound(count: int) -> Bound:
    """Bound of :func:`sun_height` on the turning Earth, for ``count`` cells."""
    turn = 1.01 * ROTATION_RATE  # the Sun's own motion and its parallax take less than that hundredth
    return np.full(count, turn), np.full(count, turn**2)


def direction_turn(
    speed: FloatArray | float, acceleration: FloatArray | float, distance: FloatArray | float
) -> tuple[FloatArray, FloatArray]:
    """Derivatives, at most, of the unit vector of a line of least length ``distance``."""
    first = np.asarray(speed / distance, dtype=np.float64)
    return first, np.asarray(acceleration / distance + 3.0 * first**2, dtype=np.float64)


def stretch(height_m: float = 0.0) -> float:
    """How far space must be stretched along the Earth's axis to make the ellipsoid, raised by a height, a
    sphere of its equatorial radius (raised too)."""
    return (EQUATORIAL_RADIUS_M + height_m) / (POLAR_RADIUS_M + height_m)


def stretched(vector: FloatArray, factor: float) -> FloatArray:
    """Vectors (…, 3) in the stretched space."""
    return np.asarray(vector * np.array([1.0, 1.0, factor]), dtype=np.float64)
