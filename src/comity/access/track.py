"""A trajectory sampled once over an interval, and read between the samples."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from comity.access.motion import Motion, motion_between
from comity.access.sky import Sky
from comity.core import Interval
from comity.orbits import EarthOrientation, PropagationError, Trajectory, ecef_to_geodetic, up_vector

FloatArray = NDArray[np.float64]

#: Longest step between samples (s): the cubic through them stays within 0.1 m of any orbit.
MAX_STEP_S = 30.0
#: Half the time (s) over which positions are differenced for their rate.
_HALF_S = 0.25
#: Samples go on this long (s) beyond the interval, so that a pass cut by its end has both its sides.
MARGIN_S = 240.0
#: Radius (m) that mean altitudes are counted from.
MEAN_RADIUS_M = 6_371_008.8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Track:
    """States of one object around an interval. Times are seconds from ``interval.start``.

    ``nodes`` (n,) s, evenly ``step_s`` apart, from before the interval to after it. ``position`` (n, 3) m and
    ``velocity`` (n, 3) m/s relative to the turning Earth are ITRF at the nodes, as the trajectory tells them;
    ``rate`` (n, 3) m/s is the positions' own derivative, from which SGP4's velocities differ: by metres per
    second on highly elliptic orbits. ``bounds``: what no state between two nodes leaves. ``sky``: Sun and
    Moon over the same span.
    """

    trajectory: Trajectory
    interval: Interval
    eop: EarthOrientation
    nodes: FloatArray
    step_s: float
    position: FloatArray
    velocity: FloatArray
    rate: FloatArray
    bounds: Motion
    sky: Sky
    inclination_deg: float

    def state(self, seconds: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Position (…, 3) m and ground-relative velocity (…, 3) m/s, ITRF, at times (…) s."""
        k, u = self._place(seconds)
        r0, r1 = self.position[k], self.position[k + 1]
        v0, v1 = self.rate[k] * self.step_s, self.rate[k + 1] * self.step_s
        a, b = r1 - r0 - v0, v1 - v0  # cubic r0 + v0·u + (3a − b)·u² + (b − 2a)·u³
        c, d = 3.0 * a - b, b - 2.0 * a
        position = r0 + u * (v0 + u * (c + u * d))
        velocity = (v0 + u * (2.0 * c + u * 3.0 * d)) / self.step_s
        return position, velocity

    def motion(self, low: FloatArray, high: FloatArray) -> Motion:
        """Bounds of the motion over cells [low, high] (n,) s, each of which lies between two nodes."""
        k, _ = self._place(0.5 * (low + high))
        return self.bounds.at(k)

    def down(self, position: FloatArray) -> FloatArray:
        """Unit vectors (…, 3) from ITRF positions to the geodetic nadir, along the ellipsoid's normal."""
        lon, lat, _ = ecef_to_geodetic(position)
        return -up_vector(lon, lat)

    def _place(self, seconds: FloatArray) -> tuple[NDArray[np.intp], FloatArray]:
        place = (seconds - self.nodes[0]) / self.step_s
        k = np.clip(place.astype(np.intp), 0, len(self.nodes) - 2)
        return k, (place - k)[..., None]

    @property
    def mean_altitude_m(self) -> float:
        """Mean distance from the geocentre, less the Earth's mean radius, m."""
        return float(np.mean(np.linalg.norm(self.position, axis=-1))) - MEAN_RADIUS_M


def sample(
    trajectory: Trajectory,
    interval: Interval,
    eop: EarthOrientation,
    *,
    sky: Sky | None = None,
    step_s: float | None = None,
    margin_s: float = MARGIN_S,
    nodes_only: bool = False,
) -> Track:
    """Sample a trajectory over an interval and a margin around it.

    ``sky``: one that covers as much, to share; ``step_s``: no larger than this (default 30 s). With no
    margin, or where the trajectory has no answer in it (an ephemeris that ends with the interval), the nodes
    begin and end with the interval. ``nodes_only``: it is not read between nodes, and ``rate`` is but the
    velocity. Raises whatever the trajectory does where it has no answer in the interval
    (:class:`comity.orbits.PropagationError`).
    """
    longest = min(step_s or MAX_STEP_S, trajectory.max_step_s)
    nodes, step = _nodes(interval, longest, margin_s)
    try:
        position, velocity = trajectory.itrf(interval.start, nodes)
    except PropagationError:
        if margin_s == 0.0:
            raise
        nodes, step = _nodes(interval, longest, 0.0)
        position, velocity = trajectory.itrf(interval.start, nodes)
    rate = velocity if nodes_only else velocity + _off_velocity(trajectory, interval, nodes)
    return Track(
        trajectory=trajectory,
        interval=interval,
        eop=eop,
        nodes=nodes,
        step_s=step,
        position=position,
        velocity=velocity,
        rate=rate,
        bounds=motion_between(position, rate, step),
        sky=sky or sky_over(interval, eop, margin_s),
        inclination_deg=orbit_inclination_deg(trajectory, interval),
    )


def orbit_inclination_deg(trajectory: Trajectory, interval: Interval) -> float:
    """Inclination of the orbit over an interval, degrees: the mean of five osculating ones."""
    few = np.linspace(0.0, interval.duration_s, 5)
    momentum = np.cross(*trajectory.teme(interval.start, few))
    cosine = momentum[:, 2] / np.linalg.norm(momentum, axis=-1)
    return float(np.degrees(np.mean(np.arccos(np.clip(cosine, -1.0, 1.0)))))


def _nodes(interval: Interval, longest_s: float, margin_s: float) -> tuple[FloatArray, float]:
    """Even nodes (n,) s over the interval and a margin to both sides, and their step (s)."""
    count = math.ceil((interval.duration_s + 2.0 * margin_s) / longest_s) + 1
    step = longest_s if margin_s else interval.duration_s / (count - 1)
    return np.arange(count, dtype=np.float64) * step - margin_s, step


def _off_velocity(trajectory: Trajectory, interval: Interval, nodes: FloatArray) -> FloatArray:
    """By how much (n, 3) m/s positions move otherwise than velocities say at the nodes (s)."""
    half = min(_HALF_S, 0.5 * float(nodes[1] - nodes[0]))
    middle = np.clip(nodes, nodes[0] + half, nodes[-1] - half)  # nothing is asked beyond the nodes
    around = np.concatenate([middle - half, middle + half])
    position, velocity = (x.reshape(2, -1, 3) for x in trajectory.itrf(interval.start, around))
    return np.asarray((position[1] - position[0]) / (2.0 * half) - velocity.mean(axis=0), dtype=np.float64)


def sky_over(interval: Interval, eop: EarthOrientation, margin_s: float = MARGIN_S) -> Sky:
    """Sun and Moon over an interval and the margin that :func:`sample` takes around it."""
    return Sky(interval.start, -margin_s, interval.duration_s + margin_s, eop)
