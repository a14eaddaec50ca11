"""Whether a satellite's battery lasts, all pieces of time at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from comity.planning.problem import Battery, Span

FloatArray = NDArray[np.float64]


class Charge:
    """The cuts and sunlight of one battery, prepared once."""

    def __init__(self, battery: Battery, horizon_s: float) -> None:
        self._battery, self._horizon = battery, horizon_s
        self._sun = _Spans(battery.sunlit)
        if battery.sample_step_s is None:
            edges = [edge for span in battery.sunlit for edge in span]
        else:
            edges = (np.arange(int(horizon_s / battery.sample_step_s) + 1) * battery.sample_step_s).tolist()
        self._cuts = np.unique(np.clip(np.array([0.0, horizon_s, *edges]), 0, horizon_s))

    def lasts(
        self,
        imaging: Sequence[tuple[float, float, float | None]],
        turning: Sequence[Span],
        sending: Sequence[Span],
    ) -> bool:
        """Whether the charge stays above its least; ``imaging``: start, end, power of its own."""
        battery = self._battery
        more = [edge for a, b, _ in imaging for edge in (a, b)] + [edge for span in sending for edge in span]
        if battery.sample_step_s is None:
            more += [a for a, _ in turning]
        cuts = np.unique(np.concatenate([self._cuts, np.clip(np.array(more), 0, self._horizon)]))
        middle, length = (cuts[1:] + cuts[:-1]) / 2, np.diff(cuts)
        power = float(battery.charge_w) * self._sun.inside(middle) - battery.idle_w
        for spans, watts in ((turning, battery.slew_w), (sending, battery.sending_w)):
            if spans and watts:
                power -= watts * _Spans(spans).inside(middle)
        if imaging:
            acts = _Spans([(a, b) for a, b, _ in imaging])
            own = np.array(
                [battery.imaging_w if w is None else w for _, _, w in sorted(imaging, key=_by_time)]
            )
            k = acts.index(middle)
            power -= np.where(k >= 0, own[np.maximum(k, 0)], 0.0)
        gained = np.cumsum(power * length)
        # Capped at the capacity: what was lost at the cap so far is the largest overshoot so far.
        spilt = np.minimum(np.minimum.accumulate(battery.capacity_j - gained), battery.initial_j)
        # Just the least is enough; rounding is far below what the checker lets pass.
        return bool(np.all(gained + spilt >= battery.least_j - 1e-10 * battery.capacity_j))


def _by_time(span: tuple[float, float, float | None]) -> tuple[float, float]:
    return span[0], span[1]


class _Spans:
    """Spans that do not overlap, asked for many instants at once."""

    def __init__(self, spans: Sequence[Span]) -> None:
        ordered = np.array(sorted(spans), dtype=np.float64).reshape(-1, 2)
        self._first, self._last = ordered[:, 0], ordered[:, 1]

    def index(self, at: FloatArray) -> NDArray[np.intp]:
        """Which span holds each instant, −1 for none."""
        if not len(self._first):
            return np.full(len(at), -1, dtype=np.intp)
        k = np.searchsorted(self._first, at, side="right") - 1
        return np.where((k >= 0) & (at < self._last[np.maximum(k, 0)]), k, -1)

    def inside(self, at: FloatArray) -> NDArray[np.bool_]:
        """Whether each instant lies in a span."""
        return np.asarray(self.index(at) >= 0)
