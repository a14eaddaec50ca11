"""Pareto fronts: what nothing else beats in every respect."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def pareto_front(goals: FloatArray) -> NDArray[np.bool_]:
    """Which of n candidates no other dominates; ``goals`` (n, k), each to be made small.

    One dominates another where it is nowhere worse and somewhere better; equals do not dominate each other.
    A candidate with a goal that is NaN or infinite is never on the front.
    """
    goals = np.asarray(goals, dtype=np.float64)
    able = np.isfinite(goals).all(axis=1)
    front = np.zeros(len(goals), dtype=np.bool_)
    for k in np.flatnonzero(able):
        no_worse = (goals[able] <= goals[k]).all(axis=1)
        better = (goals[able] < goals[k]).any(axis=1)
        front[k] = not bool((no_worse & better).any())
    return front
