"""States of many objects at once, on the even grid of times that access and coverage walk along."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from comity.core import Epoch
from comity.orbits.trajectory import PropagationError, Trajectory

FloatArray = NDArray[np.float64]


def itrf_states(
    trajectories: Sequence[Trajectory], epoch: Epoch, start_s: float, step_s: float, count: int
) -> tuple[FloatArray, dict[int, PropagationError]]:
    """Earth-fixed states (n, ``count``, 6): position (m) and velocity (m/s) in ITRF of n objects.

    At ``epoch + start_s + k·step_s``, k < ``count``. An object that has no state at one of these times has
    NaN in its whole row, and its error stands under its index in the second result.

    Raises :class:`comity.core.InputError` outside the validity of the Earth orientation.
    """
    seconds = start_s + step_s * np.arange(count)
    states = np.empty((len(trajectories), count, 6))
    lost: dict[int, PropagationError] = {}
    for k, trajectory in enumerate(trajectories):
        try:
            states[k, :, :3], states[k, :, 3:] = trajectory.itrf(epoch, seconds)
        except PropagationError as error:
            states[k] = np.nan
            lost[k] = error
    return states, lost
