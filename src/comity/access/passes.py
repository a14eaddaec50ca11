"""Where along a track targets come into reach: spans for aimed instruments, scan-line passes for the rest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from comity.access.events import find_spans
from comity.access.looks import Ground, Optics
from comity.access.margins import (
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
from comity.access.states import States
from comity.access.windows import Direction, Light, Side
from comity.orbits.geodesy import POLAR_RADIUS_M

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Edges and abeam times are good to this (s).
TOLERANCE_S = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a look must keep to; None: no limit. The target's horizon always counts.

    ``side``: of the motion over the ground on which the target lies. ``light``: the Sun's centre above
    (``day``) or below (``night``) the target's horizon, geometrically.
    """

    max_off_nadir_deg: float
    min_sun_elevation_deg: float | None = None
    max_gsd_m: float | None = None
    max_incidence_deg: float | None = None
    side: Side | None = None
    direction: Direction | None = None
    light: Light | None = None

    @property
    def lowest_elevation_deg(self) -> float:
        """How high the spacecraft must stand at the target."""
        return 0.0 if self.max_incidence_deg is None else max(0.0, 90.0 - self.max_incidence_deg)

    @property
    def lowest_sun_deg(self) -> float | None:
        """How high the Sun must stand."""
        if self.light == "day":
            return max(0.0, self.min_sun_elevation_deg or 0.0)
        return self.min_sun_elevation_deg


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cameras:
    """n instruments aboard: the object that carries each (n,), what they see, how far they look (n,) deg."""

    member: IntArray
    optics: Optics
    max_off_nadir_deg: FloatArray

    def __len__(self) -> int:
        return len(self.member)

    def __getitem__(self, index: Any) -> Cameras:
        """Those picked by any NumPy index."""
        return Cameras(
            member=self.member[index],
            optics=self.optics[index],
            max_off_nadir_deg=self.max_off_nadir_deg[index],
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AimedSpans:
    """Windows of aimed instruments: camera, target, start, end and best time (s), each (n,)."""

    camera: IntArray
    which: IntArray
    start: FloatArray
    end: FloatArray
    best: FloatArray


def margins(
    states: States, cameras: Cameras, limits: Limits, seconds: FloatArray, ground: Ground
) -> FloatArray:
    """How far looks of cameras (n) at times (n, …) s at points (n, …) are inside each limit, (limits, n, …).

    Negative outside. The same functions as in the conditions of :mod:`comity.access.conditions`:
    :mod:`comity.access.margins`.
    """
    column = (slice(None), *[None] * (seconds.ndim - 1))
    position, velocity, down = states.at(cameras.member[column], seconds)
    line = position - ground.ecef
    parts = [
        cone(-line, down, np.cos(np.radians(cameras.max_off_nadir_deg))[column]),
        cone(line, ground.up, math.sin(math.radians(limits.lowest_elevation_deg))),
    ]
    if limits.max_gsd_m is not None:
        parts.append(fine_ground(line, ground.up, _gsd_scale(cameras, limits.max_gsd_m)[column]))
    if limits.side is not None:
        right = to_the_right(-line, down, velocity)
        parts.append(right if limits.side == "right" else -right)
    if limits.direction is not None:
        parts.append(velocity[..., 2] if limits.direction == "ascending" else -velocity[..., 2])
    lowest = limits.lowest_sun_deg
    if lowest is not None or limits.light is not None:
        sun = sun_height(states.sky.sun(seconds), ground.ecef, ground.up)
        if lowest is not None:
            parts.append(sun - math.sin(math.radians(lowest)))
        if limits.light == "night":
            parts.append(-sun)
    return np.stack(parts)


def _bounds(
    states: States, cameras: Cameras, limits: Limits, low: FloatArray, high: FloatArray, ground: Ground
) -> tuple[FloatArray, FloatArray]:
    """Bounds of :func:`margins` over cells (n,) s: rates and curvatures, each (limits, n)."""
    motion = states.motion(cameras.member, low, high)
    nearest, farthest = motion.distance(ground.ecef)
    way = motion.speed, motion.acceleration, nearest, farthest
    parts = [
        cone_bound(*way, np.cos(np.radians(cameras.max_off_nadir_deg)), *normal_turn(motion)),
        cone_bound(*way, math.sin(math.radians(limits.lowest_elevation_deg))),
    ]
    if limits.max_gsd_m is not None:
        scale = _gsd_scale(cameras, limits.max_gsd_m)
        parts.append(fine_ground_bound(motion, nearest, farthest, scale))
    if limits.side is not None:
        parts.append(to_the_right_bound(motion, farthest))
    if limits.direction is not None:
        parts.append((motion.acceleration, motion.jerk))
    suns = (limits.lowest_sun_deg is not None) + (limits.light == "night")
    parts += [sun_height_bound(len(low))] * suns
    return np.stack([rate for rate, _ in parts]), np.stack([curvature for _, curvature in parts])


def _gsd_scale(cameras: Cameras, max_gsd_m: float) -> FloatArray:
    return (cameras.optics.gsd_m / cameras.optics.reference_altitude_m / max_gsd_m) ** 2


def aimed_spans(states: States, cameras: Cameras, limits: Limits, ground: Ground) -> AimedSpans:
    """All spans within the interval in which each aimed instrument can take each point.

    Edges are good to a millisecond, and a span as short as that is found
    (:func:`comity.access.events.find_spans`). ``best`` is the instant of least off-nadir angle within it.
    """
    from comity.access.reach.kernels import least_off_nadir

    targets = len(ground)
    pair, node, _ = _near(states, cameras, *every_pair(len(cameras), targets), ground, abeam=False)
    member = cameras.member[pair // targets]
    low = states.times[member, 0] + node * states.times[member, 1]
    high = states.times[member, 0] + (node + 1) * states.times[member, 1]
    spans = find_spans(
        lambda seconds, k: margins(states, cameras[k // targets], limits, seconds, ground[k % targets]),
        lambda low, high, k: _bounds(states, cameras[k // targets], limits, low, high, ground[k % targets]),
        pair,
        low,
        high,
        shortest_s=TOLERANCE_S,
    )
    start, end = np.maximum(spans.start, 0.0), np.minimum(spans.end, states.interval.duration_s)
    kept = end - start > TOLERANCE_S
    camera, target, start, end = (
        spans.which[kept] // targets,
        spans.which[kept] % targets,
        start[kept],
        end[kept],
    )
    best = np.empty(len(start))
    least_off_nadir(
        states.table,
        states.nodes,
        states.times,
        cameras.member[camera],
        ground.ecef[target],
        start,
        end,
        TOLERANCE_S,
        best,
    )
    return AimedSpans(camera=camera, which=target, start=start, end=end, best=best)


def every_pair(cameras: int, targets: int) -> tuple[IntArray, IntArray]:
    """Every camera with every target, each on its own: what :func:`abeam_candidates` takes."""
    alone = np.repeat(np.arange(cameras, dtype=np.int64), targets), np.tile(np.arange(targets), cameras)
    return alone[0], alone[1][:, None]


def abeam_candidates(
    states: States,
    cameras: Cameras,
    camera: IntArray,
    targets: Sequence[IntArray] | IntArray,
    ground: Ground,
) -> tuple[IntArray, IntArray, FloatArray]:
    """Passes in which a point comes abeam near reach: camera, point and the time (s) it does, each (n,).

    Groups (g,) of a camera and of targets near each other (indices of ``ground``), looked for together.
    """
    pair, _, at = _near(states, cameras, camera, targets, ground, abeam=True)
    sizes = [len(one) for one in targets]
    return np.repeat(camera, sizes)[pair], np.concatenate(list(targets))[pair], at


def abeam_times(
    states: States, member: IntArray, ground: Ground, around: FloatArray, within: FloatArray
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Times (n, m) s at which points (n, m) come abeam, within ``within`` (n,) s of ``around`` (n,) s.

    Abeam: in the plane through the spacecraft and its geodetic nadir, square to its motion over the
    ground. The second result (n,) is false where some point of the row does not come abeam in that time.
    """
    from comity.access.reach.kernels import abeam_within

    times = np.empty(ground.ecef.shape[:2])
    points = np.ascontiguousarray(ground.ecef)
    abeam_within(states.table, states.nodes, states.times, member, points, around, within, times)
    return times, np.asarray(~np.isnan(times).any(axis=1), dtype=np.bool_)


def _near(
    states: States,
    cameras: Cameras,
    camera: IntArray,
    targets: Sequence[IntArray] | IntArray,
    ground: Ground,
    *,
    abeam: bool,
) -> tuple[IntArray, IntArray, FloatArray]:
    """Steps from one state to the next near which a target may be within reach, group by group, in time.

    The pair's index (as the groups' targets follow each other), the number of the step's first state among
    its object's, and with ``abeam`` the time (s) at which the target comes abeam in it (the others are left
    out); all (n,).
    """
    from comity.access.reach.kernels import find_near

    radius, rate = states.extent[cameras.member].T
    turn = rate * states.times[cameras.member, 1]
    # geocentric angle: 0.4° for the normal of the ellipsoid and the height of the ground
    reach = _reach_rad(radius, np.radians(cameras.max_off_nadir_deg + 0.4)) + turn + 0.007
    hub, around = _hubs(targets, ground)
    until = np.cumsum([0, *(len(one) for one in targets)])
    place = np.concatenate(list(targets))
    room = 16 * len(place) + 256
    while True:
        which, node, at = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room)
        found = find_near(
            states.table,
            states.nodes,
            states.times,
            cameras.member[camera],
            reach[camera],
            turn[camera],
            until,
            hub,
            around,
            ground.ecef,
            place,
            abeam,
            which,
            node,
            at,
        )
        if found <= room:
            return which[:found], node[:found], at[:found]
        room = found


def _hubs(targets: Sequence[IntArray] | IntArray, ground: Ground) -> tuple[FloatArray, FloatArray]:
    """Directions (g, 3) in the middle of each group of targets, and how far (g,) rad they lie around it."""
    unit = ground.ecef / np.linalg.norm(ground.ecef, axis=-1, keepdims=True)
    if isinstance(targets, np.ndarray):  # each on its own
        return unit[targets[:, 0]], np.full(len(targets), 1e-6)
    middle = np.array([unit[one].mean(axis=0) for one in targets])
    middle /= np.maximum(1e-9, np.linalg.norm(middle, axis=-1, keepdims=True))
    least = [float((unit[one] @ hub).min()) for one, hub in zip(targets, middle, strict=True)]
    return middle, np.arccos(np.clip(least, -1.0, 1.0)) + 1e-6


def _reach_rad(radius_m: FloatArray, off_nadir: FloatArray) -> FloatArray:
    """Largest geocentric angles (rad) from which a point can be seen within off-nadir angles (rad)."""
    horizon = np.arccos(np.minimum(1.0, POLAR_RADIUS_M / radius_m))
    angle = np.minimum(off_nadir, np.pi / 2.0)
    sine = radius_m / POLAR_RADIUS_M * np.sin(angle)
    return np.where(sine >= 1.0, horizon, np.minimum(horizon, np.arcsin(np.minimum(sine, 1.0)) - angle))
