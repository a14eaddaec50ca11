"""The checker's traces of battery, memory and data sent: plain, exact, one satellite at a time."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from comity.planning.problem.types import Battery, Contact, Downlink, Opportunity, Request, Satellite, Span
from comity.planning.problem.violations import TIME_TOLERANCE_S, TOLERANCE, PlanViolation, above, broken


@dataclass(frozen=True, slots=True)
class Act:
    """An acquisition as carried out: from ``start_s`` to ``end_s``, its turn beginning at ``turn_from_s``."""

    opportunity: Opportunity
    start_s: float
    end_s: float
    turn_from_s: float


@dataclass(frozen=True, slots=True)
class Sent:
    """A downlink with its contact."""

    contact: Contact
    downlink: Downlink


@dataclass(frozen=True, slots=True)
class ChargePoint:
    """Charge (J) at a time (s)."""

    at_s: float
    charge_j: float


def charge_trace(
    battery: Battery, horizon_s: float, acts: Sequence[Act], sendings: Sequence[Span]
) -> list[ChargePoint]:
    """Charge at every instant where loads or sunlight change (or at the battery's samples)."""
    cuts = {0.0, horizon_s}
    for act in acts:
        cuts |= {act.start_s, act.end_s}
    for span in sendings:
        cuts |= set(span)
    if battery.sample_step_s is None:
        cuts |= {act.turn_from_s for act in acts}
        cuts |= {edge for span in battery.sunlit for edge in span}
    else:
        count = math.floor(horizon_s / battery.sample_step_s)
        cuts |= {k * battery.sample_step_s for k in range(count + 1)}
    times = sorted(t for t in cuts if 0 <= t <= horizon_s)
    sun = _Cursor(battery.sunlit)
    imaging = _Cursor([(a.start_s, a.end_s) for a in acts])
    turning = _Cursor([(a.turn_from_s, a.start_s) for a in acts])
    sending = _Cursor(sendings)
    own = {k: a.opportunity.power_w for k, a in enumerate(sorted(acts, key=lambda a: (a.start_s, a.end_s)))}
    level = battery.initial_j
    trace = [ChargePoint(0.0, level)]
    for first, last in pairwise(times):
        middle = (first + last) / 2
        power = -battery.idle_w
        if sun.at(middle) is not None:
            power += battery.charge_w
        if (k := imaging.at(middle)) is not None:
            drawn = own[k]
            power -= battery.imaging_w if drawn is None else drawn
        if turning.at(middle) is not None:
            power -= battery.slew_w
        if sending.at(middle) is not None:
            power -= battery.sending_w
        level = min(battery.capacity_j, level + power * (last - first))
        trace.append(ChargePoint(last, level))
    return trace


class _Cursor:
    """Which of the given spans, in order of time, holds an instant; asked at rising instants only."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self._spans, self._next = sorted(spans), 0

    def at(self, t: float) -> int | None:
        while self._next < len(self._spans) and self._spans[self._next][1] <= t:
            self._next += 1
        if self._next < len(self._spans) and self._spans[self._next][0] <= t:
            return self._next
        return None


def energy(
    satellite: Satellite, horizon_s: float, acts: Sequence[Act], sent: Sequence[Sent]
) -> list[PlanViolation]:
    """Where the charge first falls below the least (once per satellite)."""
    battery = satellite.battery
    if battery is None:
        return []
    spans = [(s.downlink.start_s, s.downlink.end_s) for s in sent]
    trace = charge_trace(battery, horizon_s, acts, spans)
    slack = TOLERANCE * battery.capacity_j
    low = [p for p in trace if p.charge_j < battery.least_j - slack]
    if not low:
        return []
    worst = min(low, key=lambda p: p.charge_j)
    text = (
        f"{satellite.id} falls below {battery.least_j:g} J by {low[0].at_s:g} s, "
        f"to {worst.charge_j:.6g} J at {worst.at_s:g} s"
    )
    return [broken("energy", (satellite.id,), worst.charge_j, battery.least_j, text)]


def storage(
    satellite: Satellite,
    acts: Sequence[Act],
    sent: Sequence[Sent],
    requests: dict[str, Request],
    *,
    deliveries: bool,
) -> list[PlanViolation]:
    """Memory never too full, nothing sent before it is there or twice, deliveries in time."""
    found = []
    by_id = {a.opportunity.id: a for a in acts}
    amount: dict[str | None, float] = defaultdict(float)
    last: dict[str | None, float] = {}
    for each in sent:
        d = each.downlink
        total = math.fsum(load.bits for load in d.loads)
        clock = d.start_s
        for load in d.loads:
            begin, clock = clock, clock + (d.end_s - d.start_s) * (load.bits / total if total else 0.0)
            if load.opportunity is not None and load.opportunity not in by_id:
                text = f"sends {load.opportunity!r}, which {satellite.id} does not acquire"
                found.append(broken("sending", (d.contact, load.opportunity), load.bits, 0.0, text))
                continue
            ready = 0.0 if load.opportunity is None else by_id[load.opportunity].end_s
            if begin < ready - TIME_TOLERANCE_S and load.bits > 0:
                text = f"sent from {begin:g} s, acquired by {ready:g} s"
                found.append(broken("sending", (d.contact, load.opportunity or ""), begin, ready, text))
            amount[load.opportunity] += load.bits
            last[load.opportunity] = max(clock, last.get(load.opportunity, 0.0))
    for id, bits in amount.items():
        limit = satellite.stored_bits if id is None else by_id[id].opportunity.bits
        if above(bits, limit):
            text = f"sends {bits:g} bits of {id or 'what was stored'}, {limit:g} are there"
            found.append(broken("sending", (satellite.id, id or ""), bits, limit, text))
    found += _memory(satellite, acts, sent)
    if deliveries:
        for act in acts:
            found += _delivered(act, requests[act.opportunity.request], amount, last)
    return found


def _memory(satellite: Satellite, acts: Sequence[Act], sent: Sequence[Sent]) -> list[PlanViolation]:
    """The level is highest just after an acquisition has begun."""
    if satellite.memory_bits is None:
        return []
    found = []
    recorded = satellite.stored_bits
    for act in sorted(acts, key=lambda a: a.start_s):
        recorded += act.opportunity.bits
        gone = 0.0
        for each in sent:
            d = each.downlink
            part = (act.start_s - d.start_s) / (d.end_s - d.start_s) if d.end_s > d.start_s else 1.0
            gone += min(1.0, max(0.0, part)) * math.fsum(load.bits for load in d.loads)
        level = recorded - gone
        if act.opportunity.bits > 0 and above(level, satellite.memory_bits):
            text = f"{level:g} bits on {satellite.id} at {act.start_s:g} s, memory {satellite.memory_bits:g}"
            who = (satellite.id, act.opportunity.id)
            found.append(broken("memory", who, level, satellite.memory_bits, text))
    return found


def _delivered(
    act: Act, request: Request, amount: dict[str | None, float], last: dict[str | None, float]
) -> list[PlanViolation]:
    limit = math.inf
    if request.deliver_within_s is not None:
        limit = act.end_s + request.deliver_within_s
    if request.deliver_by_s is not None:
        limit = min(limit, request.deliver_by_s)
    bits, id = act.opportunity.bits, act.opportunity.id
    if math.isinf(limit) or bits <= 0:
        return []
    sent = amount.get(id, 0.0)
    if sent < bits * (1 - TOLERANCE):
        text = f"{sent:g} of {bits:g} bits are sent"
        return [broken("delivery", (request.id, id), sent, bits, text)]
    if last[id] > limit + TIME_TOLERANCE_S:
        text = f"received at {last[id]:.3f} s, wanted by {limit:.3f} s"
        return [broken("delivery", (request.id, id), last[id], limit, text)]
    return []
