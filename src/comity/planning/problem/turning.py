"""Where a pointing stands at a time, and how long a turn takes: the checker's own account of it."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence

from comity.planning.problem.types import Metric, Pointing, Slew


def pointing_at(pointing: Pointing, at_s: float, metric: Metric) -> tuple[float, ...]:
    """Components of ``pointing`` at ``at_s`` (s): slerp for ``line`` and ``attitude``, else linear."""
    times, samples = pointing.at_s, pointing.samples
    after = bisect_right(times, at_s)
    if after == 0:
        return samples[0]
    if after == len(times) or at_s == times[after - 1]:
        return samples[after - 1]
    first, second = samples[after - 1], samples[after]
    part = (at_s - times[after - 1]) / (times[after] - times[after - 1])
    if metric in ("axes-sum", "axes-max"):
        return tuple(a + part * (b - a) for a, b in zip(first, second, strict=True))
    if metric == "attitude" and math.fsum(a * b for a, b in zip(first, second, strict=True)) < 0:
        second = tuple(-b for b in second)
    return _between(first, second, part)


def _between(first: Sequence[float], second: Sequence[float], part: float) -> tuple[float, ...]:
    arc = _arc(first, second)
    sine = math.sin(arc)
    if sine < 1e-9:  # so near that the chord is the arc
        mixed = [a + part * (b - a) for a, b in zip(first, second, strict=True)]
    else:
        p, q = math.sin((1 - part) * arc) / sine, math.sin(part * arc) / sine
        mixed = [p * a + q * b for a, b in zip(first, second, strict=True)]
    size = math.hypot(*mixed)
    return tuple(m / size for m in mixed)


def _arc(a: Sequence[float], b: Sequence[float]) -> float:
    """Angle between unit vectors; Kahan's form keeps its accuracy near 0 and π."""
    return 2 * math.atan2(math.dist(a, b), math.hypot(*(p + q for p, q in zip(a, b, strict=True))))


def angle_rad(a: Sequence[float], b: Sequence[float], metric: Metric) -> float:
    """The angle to turn by from ``a`` to ``b``."""
    if metric == "line":
        return _arc(a, b)
    if metric == "attitude":
        half = _arc(a, b)
        return 2 * min(half, math.pi - half)
    steps = [abs(p - q) for p, q in zip(a, b, strict=True)]
    return math.fsum(steps) if metric == "axes-sum" else max(steps)


def turn_s(slew: Slew, angle: float) -> float:
    """Time (s) to turn by ``angle`` (rad) and settle; infinite where it cannot."""
    if slew.pieces:
        for piece in slew.pieces:
            if angle <= piece.upto_rad:
                return piece.base_s + angle * piece.s_per_rad + slew.settle_s
        return math.inf
    v, a = slew.rate_rad_s, slew.acceleration_rad_s2
    if v is None or a is None:
        return slew.settle_s
    ramp = v * v / a
    turn = 2 * math.sqrt(angle / a) if angle <= ramp else 2 * v / a + (angle - ramp) / v
    return turn + slew.settle_s
