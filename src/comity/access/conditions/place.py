"""Conditions of one object alone: where it is, and which way it goes."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from comity.access.conditions.base import Composable, Condition, Scene, all_of, negation
from comity.access.conditions.ground import check_angle, sector
from comity.access.margins import Bound, cone, normal_turn
from comity.core import InputError
from comity.orbits import Trajectory, ecef_to_geodetic

FloatArray = NDArray[np.float64]

_X, _Y = np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])


def ascending(trajectory: Trajectory) -> Condition:
    """The object moves north."""

    def margin(scene: Scene, seconds: FloatArray) -> FloatArray:
        return scene.state(trajectory, seconds)[1][:, 2]

    def bound(scene: Scene, low: FloatArray, high: FloatArray) -> Bound:
        motion = scene.motion(trajectory, low, high)
        return motion.acceleration, motion.jerk

    return Condition(name="ascending", movers=(trajectory,), margin=margin, bound=bound)


def descending(trajectory: Trajectory) -> Composable:
    """The object moves south."""
    return negation(ascending(trajectory))


def latitude(trajectory: Trajectory, min_deg: float) -> Condition:
    """The geodetic latitude below the object is north of ``min_deg``."""
    least = check_angle("latitude", min_deg, -90.0, 90.0)
    sine = math.sin(math.radians(least))

    def margin(scene: Scene, seconds: FloatArray) -> FloatArray:
        return -scene.down(scene.position(trajectory, seconds))[:, 2] - sine

    def bound(scene: Scene, low: FloatArray, high: FloatArray) -> Bound:
        return normal_turn(scene.motion(trajectory, low, high))

    return Condition(name=f"latitude > {least:g}", movers=(trajectory,), margin=margin, bound=bound)


def longitude(trajectory: Trajectory, west_deg: float, east_deg: float) -> Composable:
    """The object is between two meridians, eastwards from ``west_deg`` (across the antimeridian too)."""
    west = check_angle("longitude", west_deg, -360.0, 360.0)
    east = check_angle("longitude", east_deg, -360.0, 360.0)
    name = f"longitude({west:g}, {east:g})"

    def half(normal: FloatArray) -> Condition:
        def margin(scene: Scene, seconds: FloatArray) -> FloatArray:
            return cone(scene.position(trajectory, seconds), normal, 0.0)

        def bound(scene: Scene, low: FloatArray, high: FloatArray) -> Bound:
            motion = scene.motion(trajectory, low, high)
            return motion.speed, motion.acceleration

        return Condition(name=name, movers=(trajectory,), margin=margin, bound=bound)

    return sector(half, _Y, _X, west, east, name)


def box(
    trajectory: Trajectory, west_deg: float, south_deg: float, east_deg: float, north_deg: float
) -> Composable:
    """The point below the object lies in a box of geodetic longitude and latitude (degrees)."""
    if not south_deg < north_deg:
        raise InputError(f"box: south {south_deg:g}° is not below north {north_deg:g}°")
    parts = (
        longitude(trajectory, west_deg, east_deg),
        latitude(trajectory, south_deg),
        negation(latitude(trajectory, north_deg)),
    )
    return all_of(*parts, name=f"box({west_deg:g}, {south_deg:g}, {east_deg:g}, {north_deg:g})")


def altitude(trajectory: Trajectory, min_m: float) -> Condition:
    """The object is higher than ``min_m`` above the WGS-84 ellipsoid."""
    if not math.isfinite(min_m):
        raise InputError(f"altitude {min_m:g} m is not a height")

    def margin(scene: Scene, seconds: FloatArray) -> FloatArray:
        return ecef_to_geodetic(scene.position(trajectory, seconds))[2] - min_m

    def bound(scene: Scene, low: FloatArray, high: FloatArray) -> Bound:
        motion = scene.motion(trajectory, low, high)
        return motion.speed, motion.acceleration + normal_turn(motion)[0] * motion.speed

    name = f"altitude > {min_m / 1e3:g} km"
    return Condition(name=name, movers=(trajectory,), margin=margin, bound=bound)
