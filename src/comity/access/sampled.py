"""Trajectories sampled once over a long span, for a server that is asked about the same fleet all day."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from comity.access.sky import Sky
from comity.access.track import MARGIN_S, Track, orbit_inclination_deg, sample
from comity.core import Epoch, Interval
from comity.orbits import EarthOrientation, Trajectory

FloatArray = NDArray[np.float64]


class SampledTrajectory:
    """A trajectory that keeps its states over ``span`` and cuts the tracks of searches out of them.

    It answers as the trajectory it stands for; only :meth:`track` is quicker. The states are worked out on
    first use and kept (about 140 bytes each: 3 MB a week for a low orbit). Safe to share between threads.
    """

    __slots__ = ("_lock", "_whole", "eop", "inner", "max_step_s", "span")

    def __init__(self, inner: Trajectory, span: Interval, eop: EarthOrientation) -> None:
        self.inner = inner
        self.span = span
        self.eop = eop
        self.max_step_s = inner.max_step_s
        self._whole: Track | None = None
        self._lock = threading.Lock()

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

    def track(self, interval: Interval, sky: Sky) -> Track:
        """What :func:`comity.access.track.sample` gives over ``interval``, from the states that are kept.

        An interval that leaves ``span`` is sampled anew. Raises as ``sample`` does.
        """
        if interval.start < self.span.start or self.span.end < interval.end:
            return sample(self.inner, interval, self.eop, sky=sky)
        whole = self._sampled()
        shift = interval.start - self.span.start
        first = int(np.searchsorted(whole.nodes, shift - MARGIN_S, side="right")) - 1
        last = int(np.searchsorted(whole.nodes, shift + interval.duration_s + MARGIN_S, side="left")) + 1
        part = slice(max(first, 0), last)
        cells = slice(part.start, min(last, len(whole.nodes)) - 1)
        return replace(
            whole,
            interval=interval,
            nodes=whole.nodes[part] - shift,
            position=whole.position[part],
            velocity=whole.velocity[part],
            rate=whole.rate[part],
            bounds=whole.bounds.at(cells),
            sky=sky,
            inclination_deg=orbit_inclination_deg(self.inner, interval),
        )

    def prepare(self) -> None:
        """Work the states out now rather than on first use."""
        self._sampled()

    def _sampled(self) -> Track:
        with self._lock:
            if self._whole is None:
                self._whole = sample(self.inner, self.span, self.eop)
            return self._whole
