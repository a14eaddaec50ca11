"""Conditions between two objects in space, and of angles to the Sun and the Moon."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from comity.access.conditions.base import Composable, Condition, Scene, all_of
from comity.access.conditions.ground import Spot, check_angle, check_length, within, within_bound
from comity.access.margins import (
    Bound,
    cone,
    cone_bound,
    direction_turn,
    normal_turn,
    stretch,
    stretched,
)
from comity.access.stations import Site
from comity.core import InputError
from comity.orbits import Trajectory
from comity.orbits.earth import ROTATION_RATE
from comity.orbits.geodesy import EQUATORIAL_RADIUS_M
from comity.orbits.moon import lit_fraction

FloatArray = NDArray[np.float64]
Body = Literal["sun", "moon"]
Boresight = Literal["nadir", "zenith", "forward", "backward"]

BORESIGHTS: tuple[Boresight, ...] = ("nadir", "zenith", "forward", "backward")

#: How fast the bodies move among the stars at most (rad/s), and how near they come to the geocentre (m).
_BODY_TURN = {"sun": 2.1e-7, "moon": 3.2e-6}
_BODY_NEAREST_M = {"sun": 1.47e11, "moon": 3.56e8}
#: Within so little (m) of the tangent's foot its length is drawn as a straight line: 8 cm of height.
_TANGENT_FLOOR_M = 1_000.0


def range_between(one: Trajectory, other: Trajectory, max_m: float) -> Condition:
    """The two objects are nearer to each other than ``max_m``."""
    most = check_length("range", max_m)

    def margin(scene: Scene, seconds: FloatArray) -> FloatArray:
        return within(scene.position(one, seconds) - scene.position(other, seconds), most)

    def bound(scene: Scene, low: FloatArray, high: FloatArray) -> Bound:
        speed, acceleration, _, farthest = _relative(scene, one, other, low, high)
        return within_bound(speed, acceleration, farthest, most)

    name = f'range("{other.name}") < {most / 1e3:g} km'
    return Condition(name=name, movers=(one, other), margin=margin, bound=bound)


def line_of_sight(one: Trajectory, other: Trajectory, limb_m: float = 0.0) -> Composable:
    """The straight line between two objects passes over the Earth's limb, raised by ``limb_m``.

    The limb is that of the WGS-84 ellipsoid with both half axes raised (−10 km … 1 000 km). An object below
    that height sees nobody. In space stretched so that the ellipsoid is a sphere, the line is clear exactly
    where it is shorter than both tangents from its ends to the sphere together.
    """
    if not -1e4 <= limb_m <= 1e6:
        raise InputError(f"height of the limb {limb_m / 1e3:g} km is outside −10 … 1000")
    factor, radius = stretch(limb_m), EQUATORIAL_RADIUS_M + limb_m

    def clear(scene: Scene, seconds: FloatArray) -> FloatArray:
        a = stretched(scene.position(one, seconds), factor)
        b = stretched(scene.position(other, seconds), factor)
        apart = np.linalg.norm(a - b, axis=-1)
        return np.asarray(_tangent(a, radius) + _tangent(b, radius) - apart, dtype=np.float64)

    def bound(scene: Scene, low: FloatArray, high: FloatArray) -> Bound:
        speed, acceleration, nearest, _ = _relative(scene, one, other, low, high)
        with np.errstate(divide="ignore"):
            rate = factor * speed
            curvature = factor * acceleration + rate**2 / nearest
        for mover in (one, other):
            motion = scene.motion(mover, low, high)
            v, a, r = factor * motion.speed, factor * motion.acceleration, factor * motion.farthest
            tangent = np.sqrt(np.maximum(motion.nearest**2 - radius**2, _TANGENT_FLOOR_M**2))
            rate = rate + r * v / tangent
            curvature = curvature + (v**2 + r * a) / tangent + (r * v) ** 2 / tangent**3
        return rate, curvature

    name = f'line_of_sight("{other.name}")'
    sight = Condition(name=name, movers=(one, other), margin=clear, bound=bound)
    return all_of(sight, _above_shell(one, radius, factor), _above_shell(other, radius, factor), name=name)


def separation(
    body: Body, trajectory: Trajectory, target: Site | Trajectory | Boresight, min_deg: float
) -> Condition:
    """A line of sight keeps more than ``min_deg`` away from the centre of the Sun or the Moon.

    ``target``: a site (the line from its antenna up to the object), another object (the line from
    ``trajectory`` to it), or a boresight of ``trajectory``: geodetic ``nadir`` and ``zenith``, and
    ``forward`` and ``backward`` along its motion among the stars. Whether the Earth stands between is not
    asked.
    """
    least = check_angle(f"{body}_separation", min_deg, 0.0, 180.0)
    cosine = math.cos(math.radians(least))
    turn = 1.02 * (ROTATION_RATE + _BODY_TURN[body])
    movers: tuple[Trajectory, ...] = (trajectory,)

    def towards(scene: Scene, seconds: FloatArray, observer: FloatArray) -> FloatArray:
        line = (scene.sky.sun(seconds) if body == "sun" else scene.sky.moon(seconds)) - observer
        return np.asarray(line / np.linalg.norm(line, axis=-1, keepdims=True), dtype=np.float64)

    def seen_moving(scene: Scene, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
        """How the body's direction turns for an observer aboard."""
        motion = scene.motion(trajectory, low, high)
        far = np.maximum(_BODY_NEAREST_M[body] - motion.farthest, 1e6)
        first, second = direction_turn(motion.speed, motion.acceleration, far)
        return first + turn, second + 3.0 * turn**2 + 6.0 * turn * first

    if isinstance(target, str):
        if target not in BORESIGHTS:
            raise InputError(f"boresight {target!r} is none of {', '.join(BORESIGHTS)}")
        shown: str = target
        boresight: Boresight = target

        def margin(scene: Scene, seconds: FloatArray) -> FloatArray:
            axis = _boresight(scene, trajectory, seconds, boresight)
            place = scene.position(trajectory, seconds)
            return -cone(axis, towards(scene, seconds, place), cosine)

        def bound(scene: Scene, low: FloatArray, high: FloatArray) -> Bound:
            first, second = _boresight_turn(scene, trajectory, low, high, boresight)
            one = np.ones(len(low))
            return cone_bound(first, second, one, one, cosine, *seen_moving(scene, low, high))

    elif isinstance(target, Site):
        shown, spot = target.name, Spot(target)

        def margin(scene: Scene, seconds: FloatArray) -> FloatArray:
            line = scene.position(trajectory, seconds) - spot.ecef
            return -cone(line, towards(scene, seconds, spot.ecef), cosine)

        def bound(scene: Scene, low: FloatArray, high: FloatArray) -> Bound:
            motion = scene.motion(trajectory, low, high)
            distance = motion.distance(spot.ecef)
            return cone_bound(motion.speed, motion.acceleration, *distance, cosine, turn, 3.0 * turn**2)

    else:
        shown, other = f'"{target.name}"', target
        movers = trajectory, target

        def margin(scene: Scene, seconds: FloatArray) -> FloatArray:
            place = scene.position(trajectory, seconds)
            line = scene.position(other, seconds) - place
            return -cone(line, towards(scene, seconds, place), cosine)

        def bound(scene: Scene, low: FloatArray, high: FloatArray) -> Bound:
            relative = _relative(scene, trajectory, other, low, high)
            return cone_bound(*relative, cosine, *seen_moving(scene, low, high))

    name = f"{body}_separation({shown}) > {least:g}"
    return Condition(name=name, movers=movers, margin=margin, bound=bound)


def moon_illumination(min_fraction: float) -> Condition:
    """More than this fraction (0 … 1) of the Moon's disk is lit."""
    if not 0.0 <= min_fraction <= 1.0:
        raise InputError(f"moon_illumination {min_fraction:g} is outside 0 … 1 (a fraction, not per cent)")

    def margin(scene: Scene, seconds: FloatArray) -> FloatArray:
        return lit_fraction(scene.sky.moon(seconds), scene.sky.sun(seconds)) - min_fraction

    # half the phase angle's rate (at most 3.2e-6 rad/s), and of its square and change
    return Condition(
        name=f"moon_illumination > {min_fraction:g}",
        movers=(),
        margin=margin,
        bound=lambda scene, low, high: (2e-6, 2e-11),
    )


def _relative(
    scene: Scene, one: Trajectory, other: Trajectory, low: FloatArray, high: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Speed, acceleration, least and greatest length of the line between two objects, at most."""
    a, b = scene.motion(one, low, high), scene.motion(other, low, high)
    apart = np.linalg.norm(a.place - b.place, axis=-1)
    reach = a.reach + b.reach
    least = np.maximum(apart - reach, 0.0)
    return a.speed + b.speed, a.acceleration + b.acceleration, least, apart + reach


def _tangent(place: FloatArray, radius: float) -> FloatArray:
    """Length (n,) m of the tangents from places (n, 3) m to a sphere; below it, a falling line."""
    square = np.einsum("ij,ij->i", place, place) - radius**2
    floor = _TANGENT_FLOOR_M
    straight = 0.5 * floor + square / (2.0 * floor)
    curved = np.sqrt(np.maximum(square, 0.0))
    return np.asarray(np.where(square > floor**2, curved, straight), dtype=np.float64)


def _above_shell(mover: Trajectory, radius: float, factor: float) -> Condition:
    def margin(scene: Scene, seconds: FloatArray) -> FloatArray:
        place = stretched(scene.position(mover, seconds), factor)
        return np.asarray(np.linalg.norm(place, axis=-1) - radius, dtype=np.float64)

    def bound(scene: Scene, low: FloatArray, high: FloatArray) -> Bound:
        motion = scene.motion(mover, low, high)
        speed = factor * motion.speed
        return speed, factor * motion.acceleration + speed**2 / motion.nearest

    return Condition(name=f"{mover.name} above the limb", movers=(mover,), margin=margin, bound=bound)


def _boresight(scene: Scene, trajectory: Trajectory, seconds: FloatArray, which: Boresight) -> FloatArray:
    position, velocity = scene.state(trajectory, seconds)
    if which in ("nadir", "zenith"):
        down = scene.down(position)
        return down if which == "nadir" else -down
    spin = np.stack([-position[:, 1], position[:, 0], np.zeros(len(position))], axis=-1)
    ahead = velocity + ROTATION_RATE * spin
    ahead /= np.linalg.norm(ahead, axis=-1, keepdims=True)
    return np.asarray(ahead if which == "forward" else -ahead, dtype=np.float64)


def _boresight_turn(
    scene: Scene, trajectory: Trajectory, low: FloatArray, high: FloatArray, which: Boresight
) -> tuple[FloatArray, FloatArray]:
    motion = scene.motion(trajectory, low, high)
    if which in ("nadir", "zenith"):
        return normal_turn(motion)
    with np.errstate(divide="ignore"):
        swing = motion.inertial_acceleration / motion.slowest
        second = 1.5 * motion.jerk / motion.slowest + 3.0 * swing**2
    spin = ROTATION_RATE
    return swing + spin, second + 2.0 * spin * swing + spin**2
