"""States of many objects at once, on the even grid of times that access and coverage walk along.

Near-Earth mean elements go through the compiled SGP4 of :mod:`comity.orbits.kernels`; every other trajectory,
and every object that SGP4 refuses at some instant, is asked itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from comity.core import Epoch
from comity.orbits.earth import ROTATION_RATE, EarthOrientation, teme_to_itrf_matrix
from comity.orbits.elements import MeanElements
from comity.orbits.near_earth import COLUMNS, DEEP_SPACE_MIN, RADIUS_KM, near_earth_coefficients
from comity.orbits.trajectory import PropagationError, SGP4Trajectory, Trajectory

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

#: Instants looked at between an object's epoch and the grid, for a decay on the way.
_ON_THE_WAY = 33


class StateGrid:
    """Earth-fixed states of many trajectories at even grids of times.

    What depends on the objects alone is worked out once, so that blocks of objects and pieces of time are
    cheap.
    """

    __slots__ = ("_coefficients", "_farthest_m", "_row", "_sgp4", "trajectories")

    def __init__(self, trajectories: Iterable[Trajectory]) -> None:
        self.trajectories = tuple(trajectories)
        self._sgp4 = {k: one for k, one in enumerate(self.trajectories) if isinstance(one, SGP4Trajectory)}
        rows = np.array([_radians_and_minutes(one.elements) for one in self._sgp4.values()]).reshape(-1, 7)
        with np.errstate(all="ignore"):  # rows of deep-space orbits mean nothing
            coefficients, period = near_earth_coefficients(*rows.T)
        near = np.flatnonzero(period < DEEP_SPACE_MIN)
        self._coefficients = np.ascontiguousarray(coefficients[near])
        self._farthest_m = 2.2e3 * RADIUS_KM * self._coefficients[:, COLUMNS.index("a_unkozai")]
        self._row = np.full(len(self.trajectories), -1)  # of the coefficients, −1: not by the kernel
        self._row[np.array(list(self._sgp4), dtype=np.intp)[near]] = np.arange(len(near))

    def __len__(self) -> int:
        return len(self.trajectories)

    def states(
        self,
        which: IntArray,
        epoch: Epoch,
        start_s: float,
        step_s: float,
        count: int,
        *,
        differentiated: bool = False,
    ) -> tuple[FloatArray, dict[int, PropagationError]]:
        """Positions (m) and velocities (m/s) (n, ``count``, 6), ITRF, of the n objects ``which`` (n,).

        At ``epoch + start_s + k·step_s``, k < ``count``. An object that has no state at one of these times
        has NaN in its whole row, and its error stands under its index among all objects in the second result.

        SGP4's velocity is not quite the derivative of its position (centimetres per second off in a low
        orbit, metres per second in highly elliptic ones), which shows where states are interpolated:
        ``differentiated`` ones have it taken from the positions instead, where there are seven or more.

        Raises :class:`comity.core.InputError` outside the validity of the Earth orientation.
        """
        # Only this loads the compiler.
        from comity.orbits.kernels import differentiate, near_earth_states

        states = np.empty((len(which), count, 6))
        alone = np.flatnonzero(self._row[which] < 0).tolist()
        by_table: dict[EarthOrientation, list[int]] = {}
        for k in np.flatnonzero(self._row[which] >= 0).tolist():
            by_table.setdefault(self._sgp4[which[k]].eop, []).append(k)
        for eop, places in by_table.items():
            row = self._row[which[places]]
            coefficients, farthest_m = self._coefficients[row], self._farthest_m[row]
            since = [
                (epoch.utc_unix_ns - self.trajectories[which[k]].epoch.utc_unix_ns) / 60e9 for k in places
            ]
            first = np.array(since) + start_s / 60.0
            step = np.full(len(places), step_s / 60.0)
            block = states if len(places) == len(which) else np.empty((len(places), count, 6))
            turns = _turns(eop, epoch, start_s, step_s, count)
            bad = near_earth_states(coefficients, first, step, farthest_m, turns, ROTATION_RATE, block)
            # Past a decay the theory may give a plausible orbit again: look on the way there, too.
            last = np.maximum(first + step * (count - 1), 0.0)
            way = np.empty((len(places), _ON_THE_WAY, 6))
            bad |= near_earth_states(
                coefficients, 0.0 * first, last / (_ON_THE_WAY - 1), farthest_m, np.empty((9, 0)), 0.0, way
            )
            if block is not states:
                states[places] = block
            alone += [place for place, none in zip(places, bad, strict=True) if none]
        lost: dict[int, PropagationError] = {}
        seconds = start_s + step_s * np.arange(count)
        for k in sorted(alone):
            try:
                states[k, :, :3], states[k, :, 3:] = self.trajectories[which[k]].itrf(epoch, seconds)
            except PropagationError as error:
                states[k] = np.nan
                lost[int(which[k])] = error
        if differentiated:
            for k in range(len(which)):
                if int(which[k]) in self._sgp4:
                    differentiate(states[k : k + 1], step_s)
        return states, lost


def itrf_states(
    trajectories: Sequence[Trajectory], epoch: Epoch, start_s: float, step_s: float, count: int
) -> tuple[FloatArray, dict[int, PropagationError]]:
    """:meth:`StateGrid.states` of all of ``trajectories``."""
    grid = StateGrid(trajectories)
    return grid.states(np.arange(len(grid)), epoch, start_s, step_s, count)


def _radians_and_minutes(elements: MeanElements) -> tuple[float, ...]:
    """Arguments of :func:`near_earth_coefficients`."""
    return (
        elements.mean_motion * 2.0 * math.pi / 1440.0,
        elements.eccentricity,
        math.radians(elements.inclination_deg),
        math.radians(elements.raan_deg),
        math.radians(elements.arg_of_perigee_deg),
        math.radians(elements.mean_anomaly_deg),
        elements.bstar,
    )


@lru_cache(maxsize=2)
def _turns(eop: EarthOrientation, epoch: Epoch, start_s: float, step_s: float, count: int) -> FloatArray:
    """Rows of the matrices TEME → ITRF at the nodes, (9, ``count``)."""
    turn = teme_to_itrf_matrix(epoch, start_s + step_s * np.arange(count, dtype=np.float64), eop)
    return np.ascontiguousarray(turn.reshape(count, 9).T)
