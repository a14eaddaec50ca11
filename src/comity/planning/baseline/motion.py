"""Candidate starts of opportunities, and the time between two of them."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass

from comity.planning.problem import Opportunity, PlanningProblem, Pointing, Request, Satellite, Slew

#: Continuous windows are tried at so many even starts; grids in full up to the second number.
EVEN_STARTS = 9
MOST_STARTS = 2_000

#: Kept between activities beyond what is needed (s), so that rounding never makes a plan too tight.
SLACK_S = 2e-7


@dataclass(frozen=True, slots=True)
class Slot:
    """An opportunity at a start: ``first`` and ``last`` are where it looks at its start and its end."""

    opportunity: Opportunity
    start_s: float
    end_s: float
    first: tuple[float, ...] | None
    last: tuple[float, ...] | None


def slot_at(o: Opportunity, start_s: float, slew: Slew | None) -> Slot:
    """The slot of ``o`` that starts at ``start_s``."""
    end_s = start_s + o.duration_s
    if slew is None or o.pointing is None:
        return Slot(o, start_s, end_s, None, None)
    return Slot(o, start_s, end_s, look(o.pointing, start_s, slew), look(o.pointing, end_s, slew))


def candidate_starts(o: Opportunity, request: Request, problem: PlanningProblem) -> tuple[list[float], bool]:
    """Starts to try, in order of time, and whether these are all there are."""
    first = max(o.start_s, request.release_s or 0.0)
    frozen = problem.frozen_until_s
    if first < frozen:
        first = frozen
    last = o.end_s if request.due_s is None else min(o.end_s, request.due_s)
    last = min(last, problem.horizon_s) - o.duration_s
    if o.step_s is not None:
        low = math.ceil((first - o.start_s) / o.step_s - 1e-9)
        high = math.floor((last - o.start_s) / o.step_s + 1e-9)
        count = max(0, high - low + 1)
        every = max(1, math.ceil(count / MOST_STARTS))
        return [o.start_s + k * o.step_s for k in range(low, high + 1, every)], every == 1
    if last < first - 1e-9:
        return [], True
    if last - first < 1e-9:
        return [first], True
    return [first + (last - first) * k / (EVEN_STARTS - 1) for k in range(EVEN_STARTS)], False


def look(pointing: Pointing, at_s: float, slew: Slew) -> tuple[float, ...]:
    """Where ``pointing`` stands at ``at_s``."""
    k = bisect_right(pointing.at_s, at_s) - 1
    if k < 0:
        return pointing.samples[0]
    low = pointing.samples[k]
    if k + 1 == len(pointing.at_s) or pointing.at_s[k] == at_s:
        return low
    high = pointing.samples[k + 1]
    u = (at_s - pointing.at_s[k]) / (pointing.at_s[k + 1] - pointing.at_s[k])
    if slew.metric.startswith("axes"):
        return tuple(x + u * (y - x) for x, y in zip(low, high, strict=True))
    dot = sum(x * y for x, y in zip(low, high, strict=True))
    if slew.metric == "attitude" and dot < 0:
        high, dot = tuple(-y for y in high), -dot
    theta = math.acos(min(1.0, max(-1.0, dot)))
    if theta < 1e-7:
        w0, w1 = 1 - u, u
    else:
        w0, w1 = math.sin((1 - u) * theta) / math.sin(theta), math.sin(u * theta) / math.sin(theta)
    mixed = [w0 * x + w1 * y for x, y in zip(low, high, strict=True)]
    norm = math.sqrt(sum(x * x for x in mixed))
    return tuple(x / norm for x in mixed)


def turning_s(slew: Slew, a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Turn and settling from ``a`` to ``b`` (s), rounded up by a hair."""
    if slew.metric == "axes-sum":
        theta = sum(abs(x - y) for x, y in zip(a, b, strict=True))
    elif slew.metric == "axes-max":
        theta = max(abs(x - y) for x, y in zip(a, b, strict=True))
    else:
        # 2 asin(chord / 2), on the nearer side
        chord = math.dist(a, b)
        far = math.sqrt(sum((x + y) ** 2 for x, y in zip(a, b, strict=True)))
        theta = (
            2 * math.asin(min(1.0, chord / 2)) if chord <= far else math.pi - 2 * math.asin(min(1.0, far / 2))
        )
        if slew.metric == "attitude":
            theta = 2 * min(theta, math.pi - theta)
    if slew.pieces:
        for piece in slew.pieces:
            if theta <= piece.upto_rad:
                return piece.base_s + theta * piece.s_per_rad + slew.settle_s + SLACK_S
        return math.inf
    if slew.rate_rad_s is None or slew.acceleration_rad_s2 is None:
        return slew.settle_s
    v, a_max = slew.rate_rad_s, slew.acceleration_rad_s2
    turn = 2 * math.sqrt(theta / a_max) if theta * a_max <= v * v else v / a_max + theta / v
    return turn + slew.settle_s + SLACK_S


class Gaps:
    """Least time between two slots of one satellite, with its explicit transitions."""

    def __init__(self, problem: PlanningProblem) -> None:
        self.explicit = {(t.first, t.second): t.least_s for t in problem.transitions}
        self.partners: dict[str, set[str]] = {}
        for t in problem.transitions:
            self.partners.setdefault(t.first, set()).add(t.second)
            self.partners.setdefault(t.second, set()).add(t.first)

    def needed(self, satellite: Satellite, first: Slot, second: Slot) -> float:
        """Time (s) from the end of ``first`` to the start of ``second``, its neighbour with a pointing."""
        known = self.explicit.get((first.opportunity.id, second.opportunity.id))
        if known is not None:
            return known
        if satellite.slew is None or first.last is None or second.first is None:
            return 0.0
        return turning_s(satellite.slew, first.last, second.first)

    def from_rest(self, satellite: Satellite, slot: Slot) -> float:
        """Turn and settling (s) before the first slot with a pointing."""
        if satellite.slew is None or satellite.rest is None or slot.first is None:
            return 0.0
        return turning_s(satellite.slew, look(satellite.rest, slot.start_s, satellite.slew), slot.first)
