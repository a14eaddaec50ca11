"""Sun and Moon over a span, Earth-fixed: worked out once, shared, and read between nodes."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy

import numpy as np
from numpy.typing import NDArray

from comity.core import Epoch, Interval
from comity.orbits import EarthOrientation
from comity.orbits.earth import ROTATION_RATE
from comity.orbits.moon import moon_position_itrf
from comity.orbits.sun import sun_position_itrf

FloatArray = NDArray[np.float64]

#: Spacing of nodes (s): between them the Moon runs off a straight line by 3e-7 rad, the Sun by 2e-9.
NODE_S = 600.0


class Sky:
    """Apparent places of Sun and Moon from the geocentre, from ``low_s`` to ``high_s`` after ``start``.

    Nothing is computed before it is asked for. Safe to share between threads.
    """

    __slots__ = ("_moon", "_nodes", "_step_s", "_sun", "eop", "start")

    def __init__(self, start: Epoch, low_s: float, high_s: float, eop: EarthOrientation) -> None:
        self.start = start
        self.eop = eop
        self._nodes = np.linspace(low_s, high_s, max(2, int(np.ceil((high_s - low_s) / NODE_S)) + 1))
        self._step_s = float(self._nodes[1] - self._nodes[0])
        self._sun: FloatArray | None = None
        self._moon: FloatArray | None = None

    def sun(self, seconds: FloatArray) -> FloatArray:
        """Positions (…, 3) m of the Sun's centre, ITRF, at times (…) s; directions good to 2e-7 rad."""
        if self._sun is None:
            self._sun = self._sampled(sun_position_itrf)
        return self._read(self._sun, seconds)

    def moon(self, seconds: FloatArray) -> FloatArray:
        """Positions (…, 3) m of the Moon's centre, ITRF, at times (…) s."""
        if self._moon is None:
            self._moon = self._sampled(moon_position_itrf)
        return self._read(self._moon, seconds)

    def since(self, start: Epoch) -> Sky:
        """The same with times counted from ``start``; what is worked out is shared."""
        other = copy(self)
        other.start = start
        other._nodes = self._nodes - (start - self.start)
        return other

    def _sampled(self, body: Callable[[Epoch, FloatArray, EarthOrientation], FloatArray]) -> FloatArray:
        return body(self.start, self._nodes, self.eop)

    def _read(self, known: FloatArray, seconds: FloatArray) -> FloatArray:
        place = (seconds - self._nodes[0]) / self._step_s
        k = np.clip(place.astype(np.intp), 0, len(self._nodes) - 2)
        u = place - k
        # Both neighbours turned to the instant with the sky, then weighed: what is left of motion is slow.
        before = _turned(known[k], ROTATION_RATE * self._step_s * u)
        after = _turned(known[k + 1], ROTATION_RATE * self._step_s * (u - 1.0))
        return np.asarray((1.0 - u)[..., None] * before + u[..., None] * after, dtype=np.float64)


def sky_over(interval: Interval, eop: EarthOrientation, margin_s: float) -> Sky:
    """Sun and Moon over an interval and a margin around it; times are seconds from its start."""
    return Sky(interval.start, -margin_s, interval.duration_s + margin_s, eop)


def _turned(vector: FloatArray, angle: FloatArray) -> FloatArray:
    """Vectors (…, 3) fixed to the sky as the Earth sees them after turning by an angle (…), rad."""
    c, s = np.cos(angle), np.sin(angle)
    x, y = vector[..., 0], vector[..., 1]
    return np.stack([x * c + y * s, y * c - x * s, vector[..., 2]], axis=-1)
