"""Conditions between an object and a place on the ground, and of the place alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from comity.access.conditions.base import Composable, Condition, Scene, all_of, any_of, negation
from comity.access.margins import (
    Bound,
    above_horizon,
    above_horizon_bound,
    cone,
    cone_bound,
    fine_ground,
    fine_ground_bound,
    normal_turn,
    sun_height,
    sun_height_bound,
    to_the_right,
    to_the_right_bound,
)
from comity.access.stations import Site
from comity.core import InputError
from comity.fleet.assets import Instrument
from comity.fleet.horizon import HorizonMask
from comity.orbits import Trajectory, geodetic_to_ecef, local_basis

FloatArray = NDArray[np.float64]
HalfPlane = Callable[[FloatArray], Condition]
Line = Callable[[FloatArray], FloatArray]


class Spot:
    """A site's position (3,) m and local east, north and up (3,), ITRF."""

    __slots__ = ("east", "ecef", "north", "up")

    def __init__(self, site: Site) -> None:
        self.ecef = geodetic_to_ecef(site.lon_deg, site.lat_deg, site.altitude_m)
        self.east, self.north, self.up = local_basis(site.lon_deg, site.lat_deg)


def elevation(trajectory: Trajectory, site: Site, min_deg: float | None = None) -> Condition:
    """The object stands higher than ``min_deg`` (default: the site's own minimum) at the site, geometrically.

    Raises :class:`InputError` outside −90 … 90.
    """
    least = check_angle("elevation", site.min_elevation_deg if min_deg is None else min_deg, -90.0, 90.0)
    spot, sine = Spot(site), math.sin(math.radians(least))
    return _seen_from(
        f"elevation({site.name}) > {least:g}",
        trajectory,
        spot,
        lambda line: cone(line, spot.up, sine),
        sine,
    )


def incidence(trajectory: Trajectory, site: Site, max_deg: float) -> Condition:
    """The line of sight meets the ground at the site at less than ``max_deg`` from the vertical."""
    most = check_angle("incidence", max_deg, 0.0, 180.0)
    spot, cosine = Spot(site), math.cos(math.radians(most))
    return _seen_from(
        f"incidence({site.name}) < {most:g}",
        trajectory,
        spot,
        lambda line: cone(line, spot.up, cosine),
        cosine,
    )


def azimuth(trajectory: Trajectory, site: Site, from_deg: float, to_deg: float) -> Composable:
    """The object's azimuth at the site lies in the sector clockwise from ``from_deg`` to ``to_deg``.

    Above or below the horizon. A sector that ends where it begins, or spans 360° or more, is the whole
    circle.
    """
    spot = Spot(site)
    begin = check_angle("azimuth", from_deg, -360.0, 720.0)
    end = check_angle("azimuth", to_deg, -360.0, 720.0)
    name = f"azimuth({site.name}, {begin:g}, {end:g})"

    def half(normal: FloatArray) -> Condition:
        return _seen_from(name, trajectory, spot, lambda line: cone(line, normal, 0.0), 0.0)

    return sector(half, spot.east, spot.north, begin, end, name)


def above_mask(
    trajectory: Trajectory, site: Site, mask: HorizonMask | Sequence[tuple[float, float]]
) -> Condition:
    """The object stands above a horizon at the site: rows of azimuth and elevation (degrees).

    Raises :class:`InputError` as :class:`comity.fleet.horizon.HorizonMask` does.
    """
    horizon = mask if isinstance(mask, HorizonMask) else HorizonMask(tuple(mask))
    spot, steepness = Spot(site), horizon.steepness

    def margin(scene: Scene, seconds: FloatArray) -> FloatArray:
        line = scene.position(trajectory, seconds) - spot.ecef
        azimuth = np.degrees(np.arctan2(line @ spot.east, line @ spot.north))
        return above_horizon(line, spot.up, np.tan(np.radians(horizon.elevation_deg(azimuth))))

    def bound(scene: Scene, low: FloatArray, high: FloatArray) -> Bound:
        return above_horizon_bound(scene.motion(trajectory, low, high), steepness)

    return Condition(name=f"above_mask({site.name})", movers=(trajectory,), margin=margin, bound=bound)


def range_to_site(trajectory: Trajectory, site: Site, max_m: float) -> Condition:
    """The object is nearer to the site than ``max_m``."""
    most = check_length("range", max_m)
    spot = Spot(site)

    def margin(scene: Scene, seconds: FloatArray) -> FloatArray:
        line = scene.position(trajectory, seconds) - spot.ecef
        return within(line, most)

    def bound(scene: Scene, low: FloatArray, high: FloatArray) -> Bound:
        motion = scene.motion(trajectory, low, high)
        return within_bound(motion.speed, motion.acceleration, motion.distance(spot.ecef)[1], most)

    name = f"range({site.name}) < {most / 1e3:g} km"
    return Condition(name=name, movers=(trajectory,), margin=margin, bound=bound)


def off_nadir(trajectory: Trajectory, site: Site, max_deg: float) -> Condition:
    """The site lies within ``max_deg`` of the object's geodetic nadir (the Earth may stand between)."""
    most = check_angle("off_nadir", max_deg, 0.0, 180.0)
    spot, cosine = Spot(site), math.cos(math.radians(most))

    def margin(scene: Scene, seconds: FloatArray) -> FloatArray:
        position = scene.position(trajectory, seconds)
        return cone(spot.ecef - position, scene.down(position), cosine)

    def bound(scene: Scene, low: FloatArray, high: FloatArray) -> Bound:
        motion = scene.motion(trajectory, low, high)
        nearest, farthest = motion.distance(spot.ecef)
        turn = normal_turn(motion)
        return cone_bound(motion.speed, motion.acceleration, nearest, farthest, cosine, *turn)

    name = f"off_nadir({site.name}) < {most:g}"
    return Condition(name=name, movers=(trajectory,), margin=margin, bound=bound)


def gsd(trajectory: Trajectory, site: Site, instrument: Instrument, max_m: float) -> Condition:
    """The instrument's ground sample distance at the site, above its horizon, is finer than ``max_m``."""
    most = check_length("gsd", max_m)
    spot = Spot(site)
    scale = (instrument.gsd_m / instrument.reference_altitude_m / most) ** 2

    def margin(scene: Scene, seconds: FloatArray) -> FloatArray:
        return fine_ground(scene.position(trajectory, seconds) - spot.ecef, spot.up, scale)

    def bound(scene: Scene, low: FloatArray, high: FloatArray) -> Bound:
        motion = scene.motion(trajectory, low, high)
        return fine_ground_bound(motion, *motion.distance(spot.ecef), scale)

    name = f"gsd({site.name}) < {most:g} m"
    return Condition(name=name, movers=(trajectory,), margin=margin, bound=bound)


def right_of_track(trajectory: Trajectory, site: Site) -> Condition:
    """The site lies to the right of the object's motion over the ground."""
    spot = Spot(site)

    def margin(scene: Scene, seconds: FloatArray) -> FloatArray:
        position, velocity = scene.state(trajectory, seconds)
        return to_the_right(spot.ecef - position, scene.down(position), velocity)

    def bound(scene: Scene, low: FloatArray, high: FloatArray) -> Bound:
        motion = scene.motion(trajectory, low, high)
        return to_the_right_bound(motion, motion.distance(spot.ecef)[1])

    return Condition(name=f"right({site.name})", movers=(trajectory,), margin=margin, bound=bound)


def left_of_track(trajectory: Trajectory, site: Site) -> Composable:
    """The site lies to the left of the object's motion over the ground."""
    return negation(right_of_track(trajectory, site))


def sun_elevation(site: Site, min_deg: float) -> Condition:
    """The Sun's centre stands higher than ``min_deg`` at the site: geometric, parallax included."""
    least = check_angle("sun_elevation", min_deg, -90.0, 90.0)
    spot, sine = Spot(site), math.sin(math.radians(least))

    def margin(scene: Scene, seconds: FloatArray) -> FloatArray:
        return sun_height(scene.sky.sun(seconds), spot.ecef, spot.up) - sine

    return Condition(
        name=f"sun_elevation({site.name}) > {least:g}",
        movers=(),
        margin=margin,
        bound=lambda scene, low, high: sun_height_bound(len(low)),
    )


def daylight(site: Site) -> Condition:
    """The Sun's centre stands above the site's horizon, geometrically."""
    return sun_elevation(site, 0.0)


def sector(
    half: HalfPlane, east: FloatArray, north: FloatArray, from_deg: float, to_deg: float, name: str
) -> Composable:
    """A sector of directions clockwise from ``from_deg`` to ``to_deg`` as planes through the vertical."""
    width = to_deg - from_deg
    if width <= 0.0:
        width = width % 360.0 or 360.0
    if width >= 360.0:
        return all_of(name=name)
    a, b = math.radians(from_deg), math.radians(from_deg + width)
    after = half(math.cos(a) * east - math.sin(a) * north)
    if width == 180.0:
        return after
    before = half(math.sin(b) * north - math.cos(b) * east)
    return all_of(after, before, name=name) if width < 180.0 else any_of(after, before, name=name)


def within(line: FloatArray, limit_m: float) -> FloatArray:
    """Positive (m) where lines (n, 3) m are shorter than a limit; smooth even where they vanish."""
    return np.asarray((limit_m**2 - np.einsum("ij,ij->i", line, line)) / (2.0 * limit_m), dtype=np.float64)


def within_bound(speed: FloatArray, acceleration: FloatArray, farthest: FloatArray, limit_m: float) -> Bound:
    """Bound of :func:`within`."""
    return farthest * speed / limit_m, (speed**2 + farthest * acceleration) / limit_m


def check_angle(what: str, value: float, least: float, most: float) -> float:
    """The angle (deg) where it lies in a range. Raises :class:`InputError` else."""
    if not least <= value <= most:
        raise InputError(f"{what} {value:g}° is outside {least:g} … {most:g}")
    return float(value)


def check_length(what: str, value_m: float) -> float:
    """A positive length (m). Raises :class:`InputError` else."""
    if not (math.isfinite(value_m) and value_m > 0.0):
        raise InputError(f"{what} {value_m:g} m is not a positive length")
    return float(value_m)


def _seen_from(name: str, trajectory: Trajectory, spot: Spot, value: Line, cosine: float) -> Condition:
    def margin(scene: Scene, seconds: FloatArray) -> FloatArray:
        return value(scene.position(trajectory, seconds) - spot.ecef)

    def bound(scene: Scene, low: FloatArray, high: FloatArray) -> Bound:
        motion = scene.motion(trajectory, low, high)
        return cone_bound(motion.speed, motion.acceleration, *motion.distance(spot.ecef), cosine)

    return Condition(name=name, movers=(trajectory,), margin=margin, bound=bound)
