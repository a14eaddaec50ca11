"""Fleets sampled once over a long span, for a server that is asked about the same one all day."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from comity.access.sky import Sky, sky_over
from comity.access.states import MARGIN_S, States, sample_states
from comity.core import Epoch, Interval
from comity.orbits import EarthOrientation, PropagationError, Trajectory

FloatArray = NDArray[np.float64]


class _Kept:
    """States of a fleet over a span, worked out on first use; safe to share between threads."""

    def __init__(self, fleet: tuple[Trajectory, ...], span: Interval, eop: EarthOrientation) -> None:
        self.fleet = fleet
        self.span = span
        self.eop = eop
        self._states: States | None = None
        self._rows: dict[int, int] = {}
        self._lock = threading.Lock()

    def states(self) -> tuple[States, dict[int, int]]:
        """What is kept, and where in it each of the fleet is: those without states over the span are not."""
        with self._lock:
            if self._states is None:
                sky = sky_over(self.span, self.eop, MARGIN_S)
                states, lost = sample_states(self.fleet, self.span, self.eop, sky)
                sky.sun(np.zeros(1))  # the first to ask works it out
                good = (k for k in range(len(self.fleet)) if k not in lost)
                self._rows = {k: row for row, k in enumerate(good)}
                self._states = states
            return self._states, self._rows


class SampledTrajectory:
    """A trajectory of a fleet whose states are kept (:func:`sampled_fleet`): answers as the one it is of."""

    __slots__ = ("_kept", "_number", "inner", "max_step_s")

    def __init__(self, kept: _Kept, number: int) -> None:
        self._kept = kept
        self._number = number
        self.inner = kept.fleet[number]
        self.max_step_s = self.inner.max_step_s

    @property
    def name(self) -> str:
        """The object's name."""
        return self.inner.name

    @property
    def norad_id(self) -> int:
        """Its catalogue number."""
        return self.inner.norad_id

    @property
    def source(self) -> str:
        """Where its data were read from."""
        return self.inner.source

    @property
    def epoch(self) -> Epoch:
        """Their epoch."""
        return self.inner.epoch

    def teme(self, epoch: Epoch, seconds: FloatArray) -> tuple[FloatArray, FloatArray]:
        """As the trajectory it stands for."""
        return self.inner.teme(epoch, seconds)

    def itrf(self, epoch: Epoch, seconds: FloatArray) -> tuple[FloatArray, FloatArray]:
        """As the trajectory it stands for."""
        return self.inner.itrf(epoch, seconds)

    def prepare(self) -> Trajectory:
        """Work its fleet's states out now rather than on first use; itself, or the one it stands for where it
        has none over the whole span (it decays on the way)."""
        return self if self._number in self._kept.states()[1] else self.inner


def sampled_fleet(
    fleet: Mapping[int, Trajectory], span: Interval, eop: EarthOrientation
) -> dict[int, SampledTrajectory]:
    """The same trajectories, with their states over ``span`` kept for searches within it.

    The states of all of them are worked out together, on first use, and kept in one table (50 bytes each:
    1 MB a week for a low orbit), of which searches read parts without copying.
    """
    kept = _Kept(tuple(fleet.values()), span, eop)
    return {key: SampledTrajectory(kept, number) for number, key in enumerate(fleet)}


def states_over(
    trajectories: Sequence[Trajectory], interval: Interval, eop: EarthOrientation, sky: Sky
) -> tuple[States, dict[int, PropagationError]]:
    """:func:`comity.access.states.sample_states`, from kept states where they reach."""
    first = trajectories[0] if trajectories else None
    if isinstance(first, SampledTrajectory):
        kept = first._kept
        numbers = [
            one._number for one in trajectories if isinstance(one, SampledTrajectory) and one._kept is kept
        ]
        inside = kept.span.start <= interval.start and interval.end <= kept.span.end and kept.eop is eop
        if inside and len(numbers) == len(trajectories):
            states, rows = kept.states()
            if all(number in rows for number in numbers):
                here = states.sky.since(interval.start)
                return states.part([rows[number] for number in numbers], interval, here), {}
    plain = [one.inner if isinstance(one, SampledTrajectory) else one for one in trajectories]
    return sample_states(plain, interval, eop, sky)
