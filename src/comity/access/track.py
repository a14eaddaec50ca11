"""A trajectory sampled once over an interval, and read between the samples."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from comity.access.motion import Motion, motion_between
from comity.access.sky import Sky
from comity.core import Interval
from comity.orbits import EarthOrientation, Trajectory, ecef_to_geodetic, up_vector

FloatArray = NDArray[np.float64]

#: Longest step between samples (s): a cubic through them stays within 0.1 m of a low orbit.
MAX_STEP_S = 30.0
#: Samples go on this long (s) beyond the interval, so that a pass cut by its end has both its sides.
MARGIN_S = 240.0
#: Radius (m) that mean altitudes are counted from.
MEAN_RADIUS_M = 6_371_008.8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Track:
    """States of one object around an interval. Times are seconds from ``interval.start``.

    ``nodes`` (n,) s, evenly ``step_s`` apart, from before the interval to after it. ``position`` (n, 3) m and
    ``velocity`` (n, 3) m/s relative to the turning Earth are ITRF at the nodes. ``bounds``: what no state
    between two nodes leaves. ``sky``: Sun and Moon over the same span.
    """

    trajectory: Trajectory
    interval: Interval
    eop: EarthOrientation
    nodes: FloatArray
    step_s: float
    position: FloatArray
    velocity: FloatArray
    bounds: Motion
    sky: Sky
    inclination_deg: float

    def state(self, seconds: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Position (…, 3) m and ground-relative velocity (…, 3) m/s, ITRF, at times (…) s."""
        k, u = self._place(seconds)
        r0, r1 = self.position[k], self.position[k + 1]
        v0, v1 = self.velocity[k] * self.step_s, self.velocity[k + 1] * self.step_s
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
) -> Track:
    """Sample a trajectory over an interval and a margin around it.

    ``sky``: one that covers as much, to share; ``step_s``: no larger than this (default 30 s). With no
    margin the nodes begin and end with the interval. Raises whatever the trajectory does where it has no
    answer (:class:`comity.orbits.PropagationError`).
    """
    step = min(step_s or MAX_STEP_S, trajectory.max_step_s)
    count = math.ceil((interval.duration_s + 2.0 * margin_s) / step) + 1
    if margin_s == 0.0:
        step = interval.duration_s / (count - 1)
    nodes = np.arange(count, dtype=np.float64) * step - margin_s
    position, velocity = trajectory.itrf(interval.start, nodes)
    few = np.linspace(0.0, interval.duration_s, 5)
    momentum = np.cross(*trajectory.teme(interval.start, few))
    cosine = momentum[:, 2] / np.linalg.norm(momentum, axis=-1)
    return Track(
        trajectory=trajectory,
        interval=interval,
        eop=eop,
        nodes=nodes,
        step_s=step,
        position=position,
        velocity=velocity,
        bounds=motion_between(position, velocity, step),
        sky=sky or sky_over(interval, eop, margin_s),
        inclination_deg=float(np.degrees(np.mean(np.arccos(np.clip(cosine, -1.0, 1.0))))),
    )


def sky_over(interval: Interval, eop: EarthOrientation, margin_s: float = MARGIN_S) -> Sky:
    """Sun and Moon over an interval and the margin that :func:`sample` takes around it."""
    return Sky(interval.start, -margin_s, interval.duration_s + margin_s, eop)
