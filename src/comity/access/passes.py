"""Where along a track targets come into reach: spans for aimed instruments, scan-line passes for the rest."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from comity.access.events import maximise, refine_roots
from comity.access.looks import Ground, dot, gsd_m, sun_elevation_deg, view
from comity.access.track import Track
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
    """What a look must keep to; None: no limit. The target's horizon always counts."""

    max_off_nadir_deg: float
    min_sun_elevation_deg: float | None
    max_gsd_m: float | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spans:
    """Windows of aimed instruments: target's index, start, end and best time (s), each (n,)."""

    which: IntArray
    start: FloatArray
    end: FloatArray
    best: FloatArray


def margin(
    track: Track, instrument: Instrument, limits: Limits, seconds: FloatArray, ground: Ground
) -> FloatArray:
    """How far (degrees, or tenths of the GSD limit) each look is inside its tightest limit; negative outside.

    Within one pass each part rises once and falls once (the Sun's hardly moves), so their least does too.
    """
    seen = view(track, seconds, ground)
    elevation = seen.elevation_deg(ground)
    inside = np.minimum(limits.max_off_nadir_deg - seen.off_nadir_deg, elevation)
    if limits.max_gsd_m is not None:
        gsd = gsd_m(instrument, seen.range_m, elevation)
        inside = np.minimum(inside, np.maximum(10.0 * (1.0 - gsd / limits.max_gsd_m), -1e3))
    if limits.min_sun_elevation_deg is not None:
        sun = sun_elevation_deg(track.sun_direction(seconds), ground)
        inside = np.minimum(inside, sun - limits.min_sun_elevation_deg)
    return inside


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
    targets: list[IntArray] = []
    nodes: list[IntArray] = []
    chunk = max(1, _CHUNK // len(sub))
    for first in range(0, len(unit), chunk):
        target, node = np.nonzero(unit[first : first + chunk] @ sub.T >= least)
        targets.append(target + first)
        nodes.append(node)
    which, node = np.concatenate(targets), np.concatenate(nodes)
    new = np.ones(len(which), dtype=bool)
    new[1:] = (which[1:] != which[:-1]) | (node[1:] != node[:-1] + 1)
    return which, node, np.cumsum(new)


def aimed_spans(track: Track, instrument: Instrument, limits: Limits, ground: Ground) -> Spans:
    """All spans within the track's interval in which an aimed instrument can take each point.

    Edges are good to a millisecond. A span is found however short: between samples the best instant of every
    pass is searched for. ``best`` is the instant of least off-nadir angle within the span.
    """
    which, node, run = near(track, ground, limits.max_off_nadir_deg)
    times = track.nodes[node]
    values = margin(track, instrument, limits, times, ground[which])
    which, times, values, run = _with_peaks(track, instrument, limits, ground, which, times, values, run)
    good = values > 0.0
    same = run[1:] == run[:-1]
    opens = good & np.concatenate([[True], ~(same & good[:-1])])
    closes = good & np.concatenate([~(same & good[1:]), [True]])
    first, last = np.flatnonzero(opens), np.flatnonzero(closes)
    start, end = times[first].copy(), times[last].copy()
    # a span that is open where its run begins (or ends) is cut by the samples' own end: nothing to refine
    before = np.flatnonzero((first > 0) & np.concatenate([[False], same])[first])
    after = np.flatnonzero(np.concatenate([same, [False]])[last])
    target = which[first]

    def at(seconds: FloatArray, index: IntArray, chosen: IntArray) -> FloatArray:
        return margin(track, instrument, limits, seconds, ground[target[chosen[index]]])

    a, b = first[before] - 1, first[before]
    start[before] = refine_roots(
        lambda s, k: at(s, k, before), times[a], times[b], values[a], values[b], TOLERANCE_S
    )
    a, b = last[after], last[after] + 1
    end[after] = refine_roots(
        lambda s, k: at(s, k, after), times[a], times[b], values[a], values[b], TOLERANCE_S
    )
    start, end = np.maximum(start, 0.0), np.minimum(end, track.interval.duration_s)
    kept = end - start > TOLERANCE_S
    target, start, end = target[kept], start[kept], end[kept]

    def steepness(seconds: FloatArray, index: IntArray) -> FloatArray:
        return -view(track, seconds, ground[target[index]]).off_nadir_deg

    best, _ = maximise(steepness, start, end, TOLERANCE_S)
    ends = np.stack([start, best, end])
    angles = np.stack([-steepness(s, np.arange(len(s))) for s in ends]) if len(start) else ends
    best = np.take_along_axis(ends, np.argmin(angles, axis=0)[None], axis=0)[0]
    return Spans(which=target, start=start, end=end, best=best)


def _with_peaks(
    track: Track,
    instrument: Instrument,
    limits: Limits,
    ground: Ground,
    which: IntArray,
    times: FloatArray,
    values: FloatArray,
    run: IntArray,
) -> tuple[IntArray, FloatArray, FloatArray, IntArray]:
    """The samples, with a good instant put in wherever one hides between samples that are not."""
    low = np.full(len(values), -np.inf)
    left, right = low.copy(), low.copy()
    same = run[1:] == run[:-1]
    left[1:][same] = values[:-1][same]
    right[:-1][same] = values[1:][same]
    top = np.flatnonzero((values <= 0.0) & (values >= left) & (values >= right))
    begin = np.where(np.isfinite(left[top]), times[top] - track.step_s, times[top])
    finish = np.where(np.isfinite(right[top]), times[top] + track.step_s, times[top])
    peak, height = maximise(
        lambda s, k: margin(track, instrument, limits, s, ground[which[top[k]]]),
        begin,
        finish,
        TOLERANCE_S,
        enough=0.0,
    )
    found = np.flatnonzero(height > 0.0)
    at = top[found]
    place = np.where(peak[found] > times[at], at + 1, at)
    return (
        np.insert(which, place, which[at]),
        np.insert(times, place, peak[found]),
        np.insert(values, place, height[found]),
        np.insert(run, place, run[at]),
    )


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
