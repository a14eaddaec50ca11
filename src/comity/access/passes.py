"""Where along a track targets come into reach: spans for aimed instruments, scan-line passes for the rest."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from comity.access.events import find_spans, maximise, refine_roots
from comity.access.looks import Ground, off_nadir_deg
from comity.access.margins import (
    cone,
    cone_bound,
    dot,
    fine_ground,
    fine_ground_bound,
    normal_turn,
    sun_height,
    sun_height_bound,
    to_the_right,
    to_the_right_bound,
)
from comity.access.track import Track
from comity.access.windows import Direction, Light, Side
from comity.fleet import Instrument
from comity.orbits.geodesy import POLAR_RADIUS_M

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Edges and abeam times are good to this (s).
TOLERANCE_S = 1e-3
#: At most this many target-node pairs are looked at in one go (memory).
_CHUNK = 4_000_000


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
class AimedSpans:
    """Windows of aimed instruments: target's index, start, end and best time (s), each (n,)."""

    which: IntArray
    start: FloatArray
    end: FloatArray
    best: FloatArray


def margins(
    track: Track, instrument: Instrument, limits: Limits, seconds: FloatArray, ground: Ground
) -> FloatArray:
    """How far looks at times (…) s at points (…) are inside each limit, (limits, …); negative outside.

    The same functions as in the conditions of :mod:`comity.access.conditions`: :mod:`comity.access.margins`.
    """
    position, velocity = track.state(seconds)
    down = track.down(position)
    line = position - ground.ecef
    parts = [
        cone(-line, down, math.cos(math.radians(limits.max_off_nadir_deg))),
        cone(line, ground.up, math.sin(math.radians(limits.lowest_elevation_deg))),
    ]
    if limits.max_gsd_m is not None:
        parts.append(fine_ground(line, ground.up, _gsd_scale(instrument, limits.max_gsd_m)))
    if limits.side is not None:
        right = to_the_right(-line, down, velocity)
        parts.append(right if limits.side == "right" else -right)
    if limits.direction is not None:
        parts.append(velocity[..., 2] if limits.direction == "ascending" else -velocity[..., 2])
    lowest = limits.lowest_sun_deg
    if lowest is not None or limits.light is not None:
        sun = sun_height(track.sky.sun(seconds), ground.ecef, ground.up)
        if lowest is not None:
            parts.append(sun - math.sin(math.radians(lowest)))
        if limits.light == "night":
            parts.append(-sun)
    return np.stack(parts)


def _bounds(
    track: Track, instrument: Instrument, limits: Limits, low: FloatArray, high: FloatArray, ground: Ground
) -> tuple[FloatArray, FloatArray]:
    """Bounds of :func:`margins` over cells (n,) s: rates and curvatures, each (limits, n)."""
    motion = track.motion(low, high)
    nearest, farthest = motion.distance(ground.ecef)
    way = motion.speed, motion.acceleration, nearest, farthest
    parts = [
        cone_bound(*way, math.cos(math.radians(limits.max_off_nadir_deg)), *normal_turn(motion)),
        cone_bound(*way, math.sin(math.radians(limits.lowest_elevation_deg))),
    ]
    if limits.max_gsd_m is not None:
        scale = _gsd_scale(instrument, limits.max_gsd_m)
        parts.append(fine_ground_bound(motion, nearest, farthest, scale))
    if limits.side is not None:
        parts.append(to_the_right_bound(motion, farthest))
    if limits.direction is not None:
        parts.append((motion.acceleration, motion.jerk))
    suns = (limits.lowest_sun_deg is not None) + (limits.light == "night")
    parts += [sun_height_bound(len(low))] * suns
    return np.stack([rate for rate, _ in parts]), np.stack([curvature for _, curvature in parts])


def _gsd_scale(instrument: Instrument, max_gsd_m: float) -> float:
    return (instrument.gsd_m / instrument.reference_altitude_m / max_gsd_m) ** 2


def near(track: Track, ground: Ground, max_off_nadir_deg: float) -> tuple[IntArray, IntArray, IntArray]:
    """Samples of the track from which a target may be within reach, or from the sample next to it.

    Returns, in order of target and time, the target's index, the sample's, and the number of the unbroken
    run of samples each belongs to; all (m,).
    """
    radius = np.linalg.norm(track.position, axis=-1)
    speed = np.linalg.norm(track.velocity, axis=-1)
    step = float(np.max(speed / radius)) * track.step_s
    # geocentric angle: 0.4° for the normal of the ellipsoid and the height of the ground
    limit = _reach_rad(float(radius.max()), math.radians(max_off_nadir_deg + 0.4)) + step + 0.007
    least = math.cos(min(math.pi, limit))
    sub = track.position / radius[:, None]
    unit = ground.ecef / np.linalg.norm(ground.ecef, axis=-1, keepdims=True)
    # Targets that lie together are first looked at as one: few samples come near any of them.
    middle = unit.mean(axis=0) / max(1e-9, float(np.linalg.norm(unit.mean(axis=0))))
    around = math.acos(max(-1.0, min(1.0, float((unit @ middle).min())))) + 1e-6
    some = np.flatnonzero(sub @ middle >= math.cos(min(math.pi, limit + around)) - 1e-12)
    sub = sub[some]
    targets: list[IntArray] = []
    nodes: list[IntArray] = []
    chunk = max(1, _CHUNK // max(1, len(sub)))
    for first in range(0, len(unit), chunk):
        target, node = np.nonzero(unit[first : first + chunk] @ sub.T >= least)
        targets.append(target + first)
        nodes.append(some[node])
    which, node = np.concatenate(targets), np.concatenate(nodes)
    new = np.ones(len(which), dtype=bool)
    new[1:] = (which[1:] != which[:-1]) | (node[1:] != node[:-1] + 1)
    return which, node, np.cumsum(new)


def aimed_spans(track: Track, instrument: Instrument, limits: Limits, ground: Ground) -> AimedSpans:
    """All spans within the track's interval in which an aimed instrument can take each point.

    Edges are good to a millisecond, and a span as short as that is found
    (:func:`comity.access.events.find_spans`). ``best`` is the instant of least off-nadir angle within it.
    """
    which, node, run = near(track, ground, limits.max_off_nadir_deg)
    pair = np.flatnonzero(run[1:] == run[:-1])
    spans = find_spans(
        lambda seconds, index: margins(track, instrument, limits, seconds, ground[index]),
        lambda low, high, index: _bounds(track, instrument, limits, low, high, ground[index]),
        which[pair],
        track.nodes[node[pair]],
        track.nodes[node[pair + 1]],
        shortest_s=TOLERANCE_S,
        tolerance_s=TOLERANCE_S,
    )
    start, end = np.maximum(spans.start, 0.0), np.minimum(spans.end, track.interval.duration_s)
    kept = end - start > TOLERANCE_S
    target, start, end = spans.which[kept], start[kept], end[kept]

    def steepness(seconds: FloatArray, index: IntArray) -> FloatArray:
        return -off_nadir_deg(track, seconds, ground.ecef[target[index]])

    best, _ = maximise(steepness, start, end, TOLERANCE_S)
    ends = np.stack([start, best, end])
    angles = np.stack([-steepness(s, np.arange(len(s))) for s in ends]) if len(start) else ends
    best = np.take_along_axis(ends, np.argmin(angles, axis=0)[None], axis=0)[0]
    return AimedSpans(which=target, start=start, end=end, best=best)


def abeam_candidates(track: Track, ground: Ground, max_off_nadir_deg: float) -> tuple[IntArray, FloatArray]:
    """Passes in which a point comes abeam near reach: its index and the time (s) it does, each (n,)."""
    which, node, run = near(track, ground, max_off_nadir_deg)
    times = track.nodes[node]
    ahead = _ahead(track, times, ground[which])
    crossing = np.flatnonzero((run[1:] == run[:-1]) & (ahead[:-1] > 0.0) & (ahead[1:] <= 0.0))
    target = which[crossing]
    roots = refine_roots(
        lambda s, k: _ahead(track, s, ground[target[k]]),
        times[crossing],
        times[crossing + 1],
        ahead[crossing],
        ahead[crossing + 1],
        TOLERANCE_S,
    )
    return target, roots


def abeam_times(
    track: Track, ground: Ground, around: FloatArray, within: FloatArray
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Times (n, m) s at which points (n, m) come abeam, within ``within`` (n,) s of ``around`` (n,) s.

    Abeam: in the plane through the spacecraft and its geodetic nadir, square to its motion over the
    ground. The second result (n,) is false where some point of the row does not come abeam in that time.
    """
    n, m = ground.ecef.shape[:2]
    flat = ground.reshaped(-1)
    low, high = np.repeat(around - within, m), np.repeat(around + within, m)
    v_low, v_high = _ahead(track, low, flat), _ahead(track, high, flat)
    good = (v_low > 0.0) & (v_high <= 0.0)
    rows = np.asarray(good.reshape(n, m).all(axis=1), dtype=np.bool_)
    solve = np.flatnonzero(np.repeat(rows, m))
    times = np.full(n * m, np.nan)
    times[solve] = refine_roots(
        lambda s, k: _ahead(track, s, flat[solve[k]]),
        low[solve],
        high[solve],
        v_low[solve],
        v_high[solve],
        TOLERANCE_S,
    )
    return times.reshape(n, m), rows


def _ahead(track: Track, seconds: FloatArray, ground: Ground) -> FloatArray:
    """How far (m) points lie ahead of the plane across the track."""
    position, velocity = track.state(seconds)
    down = track.down(position)
    forward = velocity - dot(velocity, down)[..., None] * down
    forward /= np.linalg.norm(forward, axis=-1, keepdims=True)
    return dot(ground.ecef - position, forward)


def _reach_rad(radius_m: float, off_nadir: float) -> float:
    """Largest geocentric angle (rad) from which a point can be seen within an off-nadir angle (rad)."""
    horizon = math.acos(min(1.0, POLAR_RADIUS_M / radius_m))
    sine = radius_m / POLAR_RADIUS_M * math.sin(min(off_nadir, math.pi / 2.0))
    return horizon if sine >= 1.0 else min(horizon, math.asin(sine) - off_nadir)
