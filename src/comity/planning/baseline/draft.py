"""A plan in the making: acquisitions go in and out one by one, and it is valid at every moment."""

from __future__ import annotations

import math
from bisect import insort
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

from comity.planning.baseline.charge import Charge
from comity.planning.baseline.motion import SLACK_S, Gaps, Slot, candidate_starts, slot_at
from comity.planning.baseline.sending import Sending
from comity.planning.problem import (
    Activity,
    Capacity,
    Downlink,
    Duty,
    Opportunity,
    PlanningProblem,
    Request,
    Satellite,
    Share,
)


class Draft:
    """Acquisitions by satellite with their downlinks; ``attempts`` counts the work."""

    def __init__(self, problem: PlanningProblem) -> None:
        self.problem = problem
        self.requests = {r.id: r for r in problem.requests}
        self.satellites = {s.id: s for s in problem.satellites}
        self.opportunities = {o.id: o for o in problem.opportunities}
        self.gaps, self.sending = Gaps(problem), Sending(problem)
        self.acts: dict[str, list[Slot]] = {s.id: [] for s in problem.satellites}
        self.taken: dict[str, Slot] = {}
        self.links: dict[str, list[Downlink]] = {}
        self.of_request: dict[str, list[Slot]] = defaultdict(list)
        self.frozen = {a.opportunity for a in problem.frozen}
        self.attempts = 0
        self._charge = {
            s.id: Charge(s.battery, problem.horizon_s) for s in problem.satellites if s.battery is not None
        }
        self._starts: dict[str, list[float]] = {}
        self._vetoes = {(v.satellite, v.request, v.partner) for v in problem.vetoes}
        self._rules: dict[str, list[tuple[str, ...]]] = defaultdict(list)
        for rule in problem.forbidden:
            for id in rule.opportunities:
                self._rules[id].append(rule.opportunities)
        self._sacks: dict[str, list[tuple[Capacity, float]]] = defaultdict(list)
        for sack in problem.capacities:
            for id, amount in zip(sack.opportunities, sack.amounts, strict=True):
                self._sacks[id].append((sack, amount))
        self._held: dict[str, float] = defaultdict(float)
        self._most = {g.id: g.most for g in problem.groups if g.most is not None}
        self._freeze()

    def _freeze(self) -> None:
        for a in self.problem.frozen:
            o = self.opportunities[a.opportunity]
            self._put(slot_at(o, a.start_s, self.satellites[o.satellite].slew), [])
        for d in self.problem.frozen_downlinks:
            self.sending.take(d)

    def starts(self, o: Opportunity) -> list[float]:
        """Starts to try of an opportunity; none where it is not allowed at all."""
        if o.id not in self._starts:
            allowed = o.id not in self.frozen and not self._vetoed(o)
            found = candidate_starts(o, self.requests[o.request], self.problem)[0] if allowed else []
            self._starts[o.id] = [t for t in found if self._open(o, t)]
        return self._starts[o.id]

    def _allowed(self, o: Opportunity, starts: Sequence[float]) -> list[float]:
        """Those of ``starts`` that the opportunity allows, on its own."""
        request = self.requests[o.request]
        if o.id in self.frozen or self._vetoed(o):
            return []
        first = max(o.start_s, request.release_s or 0.0, self.problem.frozen_until_s)
        last = min(o.end_s, math.inf if request.due_s is None else request.due_s) - o.duration_s
        step = o.step_s
        return [
            t
            for t in starts
            if first - 1e-9 <= t <= last + 1e-9
            and (step is None or abs(math.remainder(t - o.start_s, step)) <= 1e-9)
            and self._open(o, t)
        ]

    def _vetoed(self, o: Opportunity) -> bool:
        partner = self.requests[o.request].partner
        by_partner = partner is not None and (o.satellite, None, partner) in self._vetoes
        return by_partner or (o.satellite, o.request, None) in self._vetoes

    def _open(self, o: Opportunity, start_s: float) -> bool:
        """Not in a busy span, nor in one that another partner has for itself."""
        end_s = start_s + o.duration_s
        if any(start_s < b and a < end_s for a, b in self.satellites[o.satellite].busy):
            return False
        partner = self.requests[o.request].partner
        return not any(
            e.satellite == o.satellite and e.partner != partner and start_s < e.span[1] and e.span[0] < end_s
            for e in self.problem.exclusives
        )

    def insert(self, o: Opportunity, starts: Sequence[float] | None = None) -> bool:
        """Take ``o`` at the first of ``starts`` (all its own, in order of time) that breaks no rule."""
        if o.id in self.taken or not self._countable(o):
            return False
        satellite = self.satellites[o.satellite]
        for start in self.starts(o) if starts is None else self._allowed(o, starts):
            self.attempts += 1
            slot = slot_at(o, start, satellite.slew)
            if self._in_time(satellite, slot) and self._spaced(slot) and self._on_duty(satellite, slot):
                links = self._resources(satellite, slot)
                if links is not None:
                    self._put(slot, links)
                    return True
        return False

    def remove(self, id: str) -> None:
        """Give up an acquisition and its downlinks."""
        slot = self.taken.pop(id)
        self.acts[slot.opportunity.satellite].remove(slot)
        self.of_request[slot.opportunity.request].remove(slot)
        for d in self.links.pop(id):
            self.sending.drop(d)
        for sack, amount in self._sacks.get(id, ()):
            self._held[sack.id] -= amount

    def put_back(self, slot: Slot, links: list[Downlink]) -> None:
        """Undo a :meth:`remove` while nothing else has taken the place."""
        self._put(slot, links)

    def _put(self, slot: Slot, links: list[Downlink]) -> None:
        o = slot.opportunity
        self.taken[o.id], self.links[o.id] = slot, links
        insort(self.acts[o.satellite], slot, key=_by_time)
        self.of_request[o.request].append(slot)
        for d in links:
            self.sending.take(d)
        for sack, amount in self._sacks.get(o.id, ()):
            self._held[sack.id] += amount

    def _countable(self, o: Opportunity) -> bool:
        """The rules that do not depend on the start."""
        request = self.requests[o.request]
        most = self._most.get(request.group or "")
        if most is not None and not self.of_request[request.id]:
            served = sum(
                1 for r in self.problem.requests if r.group == request.group and self.of_request[r.id]
            )
            if served >= most:
                return False
        for rule in self._rules.get(o.id, ()):
            if all(id == o.id or id in self.taken for id in rule):
                return False
        for sack, amount in self._sacks.get(o.id, ()):
            if self._held[sack.id] + amount > sack.most * (1 + 1e-12):
                return False
        return all(self._within(share, o, request) for share in self.problem.shares)

    def _within(self, share: Share, o: Opportunity, request: Request) -> bool:
        if request.partner != share.partner or o.satellite not in share.satellites:
            return True
        own = [
            s.opportunity.duration_s
            for id in share.satellites
            for s in self.acts[id]
            if self.requests[s.opportunity.request].partner == share.partner
        ]
        if share.most_count is not None and len(own) >= share.most_count:
            return False
        return share.most_s is None or sum(own) + o.duration_s <= share.most_s * (1 + 1e-12)

    def _spaced(self, slot: Slot) -> bool:
        """Tries: not too many in a period, not too near each other."""
        request = self.requests[slot.opportunity.request]
        passes: dict[tuple[str, str | None], list[float]] = defaultdict(list)
        own: tuple[str, str | None] = "", None
        for each in (*self.of_request[request.id], slot):
            o = each.opportunity
            own = (o.id, None) if request.views == 1 else (o.satellite, o.pass_id)
            passes[own].append(each.start_s)
        period = _period(request, min(passes[own]))  # of the slot's pass, the last one put in
        if period is None:
            return False
        starts = sorted(min(p) for p in passes.values())
        if any(b - a < request.spacing_s for a, b in pairwise(starts)):
            return False
        if request.cells is not None:
            return True
        return sum(1 for t in starts if _period(request, t) == period) <= request.tries

    def _in_time(self, satellite: Satellite, slot: Slot) -> bool:
        """Turns before and after fit, and nothing overlaps."""
        before: Slot | None = None
        for other in self.acts[satellite.id]:
            if _by_time(other) >= _by_time(slot):
                break
            before = other
        acts = self.acts[satellite.id]
        k = 0 if before is None else acts.index(before) + 1
        if k and acts[k - 1].end_s > slot.start_s + SLACK_S:
            return False
        if k < len(acts) and slot.end_s > acts[k].start_s + SLACK_S:
            return False
        for id in self.gaps.partners.get(slot.opportunity.id, ()):
            if id in self.taken:
                pair = sorted((slot, self.taken[id]), key=_by_time)
                least = self.gaps.explicit.get((pair[0].opportunity.id, pair[1].opportunity.id), 0.0)
                if pair[1].start_s - pair[0].end_s < least:
                    return False
        if slot.first is None:
            return True
        earlier = next((a for a in reversed(acts[:k]) if a.first is not None), None)
        later = next((a for a in acts[k:] if a.first is not None), None)
        if earlier is None:
            if slot.start_s - satellite.ready_s < self.gaps.from_rest(satellite, slot) and satellite.rest:
                return False
        elif slot.start_s - earlier.end_s < self.gaps.needed(satellite, earlier, slot):
            return False
        return later is None or later.start_s - slot.end_s >= self.gaps.needed(satellite, slot, later)

    def _on_duty(self, satellite: Satellite, slot: Slot) -> bool:
        return all(self._duty_holds(duty, satellite, slot) for duty in satellite.duty)

    def _duty_holds(self, duty: Duty, satellite: Satellite, slot: Slot) -> bool:
        acts = [*self.acts[satellite.id], slot]
        for a, b in duty.spans:
            if slot.end_s < a or slot.start_s > b:
                continue
            seconds = sum(max(0.0, min(x.end_s, b) - max(x.start_s, a)) for x in acts)
            if duty.most_s is not None and seconds > duty.most_s * (1 + 1e-12):
                return False
            if duty.most_count is not None and sum(1 for x in acts if a <= x.start_s < b) > duty.most_count:
                return False
        return True

    def _resources(self, satellite: Satellite, slot: Slot) -> list[Downlink] | None:
        """The slot's downlinks if memory and battery allow it with them, else None."""
        acts = sorted([*self.acts[satellite.id], slot], key=_by_time)
        if not satellite.images_while_sending:
            gap = satellite.sending_gap_s
            sent = self.sending.of[satellite.id]
            if any(d.start_s < slot.end_s + gap and slot.start_s - gap < d.end_s for d in sent):
                return None
        request = self.requests[slot.opportunity.request]
        links = self.sending.place(slot, request, acts)
        if links is None:
            return None
        for d in links:
            self.sending.take(d)
        good = self.sending.fits(satellite, acts) and self._powered(satellite, acts)
        for d in links:
            self.sending.drop(d)
        if good:
            return links
        # What is sent only to make room may stay: the battery may last, and the memory hold, without.
        wanted = request.deliver_within_s is not None or request.deliver_by_s is not None
        without = links and not wanted and self.sending.fits(satellite, acts)
        return [] if without and self._powered(satellite, acts) else None

    def _powered(self, satellite: Satellite, acts: list[Slot]) -> bool:
        charge = self._charge.get(satellite.id)
        if charge is None:
            return True
        turning, previous = [], None
        for act in acts:
            if act.first is None:
                continue
            need = (
                self.gaps.from_rest(satellite, act)
                if previous is None
                else self.gaps.needed(satellite, previous, act)
            )
            turning.append((act.start_s - need, act.start_s))
            previous = act
        sending = [(d.start_s, d.end_s) for d in self.sending.of[satellite.id]]
        return charge.lasts([(a.start_s, a.end_s, a.opportunity.power_w) for a in acts], turning, sending)

    def activities(self) -> tuple[Activity, ...]:
        """The acquisitions, in order of time."""
        ordered = sorted(self.taken.values(), key=_by_time)
        return tuple(Activity(opportunity=s.opportunity.id, start_s=s.start_s) for s in ordered)

    def downlinks(self) -> tuple[Downlink, ...]:
        """The downlinks, in order of time."""
        every = [d for own in self.sending.of.values() for d in own]
        return tuple(sorted(every, key=lambda d: (d.start_s, d.contact, d.end_s)))


def _by_time(slot: Slot) -> tuple[float, float, str]:
    return slot.start_s, slot.end_s, slot.opportunity.id


def _period(request: Request, start_s: float) -> int | None:
    if not request.periods:
        return 0
    return next((k for k, (a, b) in enumerate(request.periods) if a <= start_s < b), None)
