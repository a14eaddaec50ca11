"""A trajectory sampled once over an interval, for conditions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from comity.access.motion import Motion, motion_between
from comity.core import Interval
from comity.orbits import Trajectory

FloatArray = NDArray[np.float64]

#: Longest step between samples (s): the cubic through them stays within 0.1 m of any orbit.
MAX_STEP_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Track:
    """States of one object over an interval. Times are seconds from its start.

    ``nodes`` (n,) s, evenly ``step_s`` apart, the first and the last with the interval. ``position`` (n, 3) m
    and ``velocity`` (n, 3) m/s relative to the turning Earth are ITRF at the nodes, as the trajectory tells
    them. ``bounds``: what no state between two nodes leaves.
    """

    nodes: FloatArray
    step_s: float
    position: FloatArray
    velocity: FloatArray
    bounds: Motion

    def motion(self, low: FloatArray, high: FloatArray) -> Motion:
        """Bounds of the motion over cells [low, high] (n,) s, each of which lies between two nodes."""
        k = (0.5 * (low + high) / self.step_s).astype(np.intp)
        return self.bounds.at(np.clip(k, 0, len(self.nodes) - 2))


def sample(trajectory: Trajectory, interval: Interval, step_s: float) -> Track:
    """Sample a trajectory over an interval at steps of ``step_s`` or a little less.

    Raises whatever the trajectory does where it has no answer (:class:`comity.orbits.PropagationError`).
    """
    count = math.ceil(interval.duration_s / min(step_s, trajectory.max_step_s)) + 1
    step = interval.duration_s / (count - 1)
    nodes = np.arange(count, dtype=np.float64) * step
    position, velocity = trajectory.itrf(interval.start, nodes)
    return Track(
        nodes=nodes,
        step_s=step,
        position=position,
        velocity=velocity,
        bounds=motion_between(position, velocity, step),
    )
