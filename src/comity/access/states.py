"""States of many trajectories over an interval, in one table, read between its rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from comity.access.motion import Motion, motion_of_cells
from comity.access.sky import Sky
from comity.access.track import MAX_STEP_S
from comity.core import Interval
from comity.orbits import EarthOrientation, PropagationError, Trajectory
from comity.orbits.batch import StateGrid
from comity.orbits.earth import ROTATION_RATE, cross

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Samples go on this long (s) beyond the interval, so that a pass cut by its end has both its sides.
MARGIN_S = 240.0
#: Radius (m) that mean altitudes are counted from.
MEAN_RADIUS_M = 6_371_008.8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class States:
    """States of n objects around an interval. Times are seconds from ``interval.start``.

    ``table`` (N, 6): positions (m) and their own derivatives (m/s), ITRF, from which SGP4's velocities
    differ. ``nodes`` (n, 2): each object's first row and how many are its; ``times`` (n, 2): time of the
    first and the even step (s). ``extent`` (n, 2): its greatest radius (m) and how fast it turns about the
    geocentre at most (rad/s). ``sky``: Sun and Moon over the same span.
    """

    trajectories: tuple[Trajectory, ...]
    interval: Interval
    eop: EarthOrientation
    sky: Sky
    table: FloatArray
    nodes: IntArray
    times: FloatArray
    extent: FloatArray

    def __len__(self) -> int:
        return len(self.trajectories)

    def at(self, member: IntArray, seconds: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Positions (m), velocities over the turning Earth (m/s) and unit vectors to the geodetic nadir.

        Each (…, 3), ITRF, of the objects ``member`` (…) at times (…) s; the two broadcast together.
        """
        from comity.access.reach.kernels import read_states  # only a search loads the compiler

        member, seconds = np.broadcast_arrays(member, seconds)
        shape = (*seconds.shape, 3)
        out = np.empty((3, seconds.size, 3))
        read_states(
            self.table,
            self.nodes,
            self.times,
            np.ascontiguousarray(member).reshape(-1),
            np.ascontiguousarray(seconds).reshape(-1),
            *out,
        )
        return out[0].reshape(shape), out[1].reshape(shape), out[2].reshape(shape)

    def motion(self, member: IntArray, low: FloatArray, high: FloatArray) -> Motion:
        """Bounds of the motion over cells [low, high] (n,) s, each of which lies between two rows."""
        step = self.times[member, 1]
        k = ((0.5 * (low + high) - self.times[member, 0]) / step).astype(np.int64)
        row = self.nodes[member, 0] + np.clip(k, 0, self.nodes[member, 1] - 2)
        before, after = self.table[row], self.table[row + 1]
        return motion_of_cells(before[:, :3], before[:, 3:], after[:, :3], after[:, 3:], step)

    def mean_altitude_m(self) -> FloatArray:
        """Mean distance from the geocentre, less the Earth's mean radius, m (n,)."""
        return _survey(self.table, self.nodes)[:, 0] - MEAN_RADIUS_M

    def inclination_deg(self) -> FloatArray:
        """Inclination of the orbits over the interval, degrees (n,): the mean of five osculating ones."""
        few = np.linspace(0.0, self.interval.duration_s, 5)
        place, velocity, _ = self.at(np.arange(len(self))[:, None], few)
        spin = np.stack([-place[..., 1], place[..., 0], np.zeros_like(place[..., 0])], axis=-1)
        momentum = cross(place, velocity + ROTATION_RATE * spin)
        cosine = momentum[..., 2] / np.linalg.norm(momentum, axis=-1)
        return np.asarray(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)).mean(axis=1)), dtype=np.float64)

    def part(self, members: Sequence[int], interval: Interval, sky: Sky) -> States:
        """The states of some objects over an interval within this one; nothing is copied."""
        chosen = np.asarray(members, dtype=np.int64)
        shift = interval.start - self.interval.start
        nodes, times = self.nodes[chosen], self.times[chosen]
        times[:, 0] -= shift
        first = np.floor((-MARGIN_S - times[:, 0]) / times[:, 1])
        last = np.ceil((interval.duration_s + MARGIN_S - times[:, 0]) / times[:, 1])
        first = np.maximum(first, 0.0)
        last = np.minimum(last, nodes[:, 1] - 1.0)
        nodes[:, 0] += first.astype(np.int64)
        nodes[:, 1] = (last - first).astype(np.int64) + 1
        times[:, 0] += first * times[:, 1]
        return replace(
            self,
            trajectories=tuple(self.trajectories[k] for k in members),
            interval=interval,
            sky=sky,
            nodes=nodes,
            times=times,
            extent=self.extent[chosen],
        )


def sample_states(
    trajectories: Sequence[Trajectory], interval: Interval, eop: EarthOrientation, sky: Sky
) -> tuple[States, dict[int, PropagationError]]:
    """Sample trajectories over an interval and a margin around it, at most 30 s apart.

    Where a trajectory has no answer in the margin (an ephemeris that ends with the interval), its rows begin
    and end with the interval. One that has none in the interval either is left out: its error stands under
    its index, and ``trajectories`` of the states are the others, in order. Raises
    :class:`comity.core.InputError` outside the validity of the Earth orientation.
    """
    grid = StateGrid(trajectories)
    step = np.array([min(MAX_STEP_S, one.max_step_s) for one in trajectories])
    blocks: dict[int, tuple[FloatArray, float, float]] = {}
    lost = _sample(grid, np.arange(len(grid)), step, interval, MARGIN_S, blocks)
    if lost:
        without = np.array(sorted(lost), dtype=np.intp)
        lost = _sample(grid, without, step[without], interval, 0.0, blocks)
    good = sorted(blocks)
    counts = np.array([len(blocks[k][0]) for k in good], dtype=np.int64)
    table = np.concatenate([blocks[k][0] for k in good]) if good else np.empty((0, 6))
    nodes = np.stack([np.cumsum(counts) - counts, counts], axis=-1)
    states = States(
        trajectories=tuple(trajectories[k] for k in good),
        interval=interval,
        eop=eop,
        sky=sky,
        table=table,
        nodes=nodes,
        times=np.array([blocks[k][1:] for k in good]).reshape(-1, 2),
        extent=_survey(table, nodes)[:, 1:],
    )
    return states, lost


def _sample(
    grid: StateGrid,
    which: NDArray[np.intp],
    step_s: FloatArray,
    interval: Interval,
    margin_s: float,
    blocks: dict[int, tuple[FloatArray, float, float]],
) -> dict[int, PropagationError]:
    """Rows, first time and step of those of ``which`` that have states; the errors of the rest."""
    lost: dict[int, PropagationError] = {}
    for longest in np.unique(step_s).tolist():
        chosen = which[step_s == longest]
        count = math.ceil((interval.duration_s + 2.0 * margin_s) / longest) + 1
        step = longest if margin_s else interval.duration_s / (count - 1)
        states, none = grid.states(chosen, interval.start, -margin_s, step, count, differentiated=True)
        lost |= none
        for k, rows in zip(chosen.tolist(), states, strict=True):
            if k not in none:
                blocks[k] = rows, -margin_s, step
    return lost


def _survey(table: FloatArray, nodes: IntArray) -> FloatArray:
    from comity.access.reach.kernels import survey

    out = np.empty((len(nodes), 3))
    survey(table, nodes, out)
    return out
