"""A stored plan laid open: what each acquisition is worth to it, what stands in the way of another one."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from comity.planning.answers.sending import Booked, one_load_each
from comity.planning.baseline.draft import Draft
from comity.planning.baseline.motion import SLACK_S, Gaps, Slot, slot_at
from comity.planning.baseline.worth import request_value
from comity.planning.problem import Activity, Downlink, Opportunity, PlanningProblem, Request, Satellite

#: Of longer grids so many starts, evenly, and those next to the acquisitions around are looked at.
MOST_STARTS = 60

#: Turns remembered.
_MOST_GAPS = 1_000_000

#: A gain below this part of a request's value is rounding.
TRIFLE = 1e-9


@dataclass(frozen=True, slots=True)
class Way:
    """A way to serve a request: what to acquire when, and which acquisitions leave no time for it.

    ``gain``: what the request would earn more; ``loss``: what the plan would without ``rivals``.
    """

    slots: tuple[Slot, ...]
    gain: float
    rivals: frozenset[str]
    loss: float

    @property
    def cost(self) -> float:
        """What the plan would lose by it, all told."""
        return self.loss - self.gain


class _KnownGaps(Gaps):
    """Gaps are asked for again and again: each is found once, and what just fits by the checker fits."""

    def __init__(self, problem: PlanningProblem) -> None:
        super().__init__(problem)
        self._known: dict[tuple[str, float, str, float], float] = {}

    def needed(self, satellite: Satellite, first: Slot, second: Slot) -> float:
        """See :class:`Gaps`."""
        if satellite.slew is None or first.last is None or second.first is None:
            return super().needed(satellite, first, second)
        key = first.opportunity.id, first.start_s, second.opportunity.id, second.start_s
        found = self._known.get(key)
        if found is None:
            if len(self._known) > _MOST_GAPS:
                self._known.clear()
            found = super().needed(satellite, first, second)
            if (key[0], key[2]) not in self.explicit:
                found -= 2 * SLACK_S
            self._known[key] = found
        return found

    def from_rest(self, satellite: Satellite, slot: Slot) -> float:
        """See :class:`Gaps`."""
        return super().from_rest(satellite, slot) - 2 * SLACK_S


class Standing(Draft):
    """A :class:`Draft` that holds a valid plan, with the plan's own downlinks."""

    sending: Booked

    def __init__(
        self, problem: PlanningProblem, activities: Iterable[Activity], downlinks: Iterable[Downlink]
    ) -> None:
        self._earned: dict[str, float] = {}
        self._lost: dict[str, float] = {}
        self._journal: list[tuple[str, tuple[Slot, list[Downlink]] | None]] = []
        self._groups: dict[str, list[str]] = defaultdict(list)
        together = {g.id for g in problem.groups if g.all_or_none}
        for r in problem.requests:
            if r.group in together:
                self._groups[r.group or ""].append(r.id)
        super().__init__(problem)
        self.sending, self.gaps = Booked(problem), _KnownGaps(problem)
        fixed = list(problem.frozen_downlinks)
        #: What no answer takes out: frozen, or sent by a frozen downlink.
        self.pinned = self.frozen | {x.opportunity for d in fixed for x in d.loads if x.opportunity}
        self.chances: dict[str, list[Opportunity]] = defaultdict(list)
        for o in problem.opportunities:
            self.chances[o.request].append(o)
        self._before = {a.opportunity: a.start_s for a in problem.previous} if problem.churn_price > 0 else {}
        left, pieces = list(fixed), list[Downlink]()
        for d in downlinks:
            if d in left:
                left.remove(d)
                self.sending.take(d)
            else:
                pieces.append(d)
        own: dict[str, list[Downlink]] = defaultdict(list)
        for d in one_load_each(pieces):
            owner = d.loads[0].opportunity if d.loads else None
            if owner is None or owner in self.pinned:
                self.sending.take(d)
            else:
                own[owner].append(d)
        for a in activities:
            if a.opportunity not in self.frozen:
                o = self.opportunities[a.opportunity]
                slot = slot_at(o, a.start_s, self.satellites[o.satellite].slew)
                self._put(slot, own.pop(o.id, []))

    def _put(self, slot: Slot, links: list[Downlink]) -> None:
        super()._put(slot, links)
        self._forget(slot.opportunity.request)
        self._journal.append((slot.opportunity.id, None))

    def remove(self, id: str) -> None:
        """Give up an acquisition and its downlinks."""
        slot = self.taken[id]
        self._journal.append((id, (slot, self.links[id])))
        super().remove(id)
        self._forget(slot.opportunity.request)
        self._lost.pop(id, None)

    def mark(self) -> int:
        """A moment to go :meth:`back` to."""
        return len(self._journal)

    def back(self, mark: int) -> None:
        """Undo everything since ``mark``."""
        while len(self._journal) > mark:
            id, removed = self._journal[-1]
            if removed is None:
                self.remove(id)
            else:
                self._put(*removed)
            del self._journal[-2:]

    def _forget(self, request: str) -> None:
        group = self.requests[request].group
        for name in self._groups.get(group or "", (request,)):
            self._earned.pop(name, None)
            for slot in self.of_request[name]:
                self._lost.pop(slot.opportunity.id, None)

    # What things are worth.

    def earned(self, request: str) -> float:
        """What a request earns, groups apart."""
        if request not in self._earned:
            self._earned[request] = request_value(self.requests[request], self.of_request[request])
        return self._earned[request]

    def counts(self, request: str) -> bool:
        """Whether its group, if all or none, is whole."""
        group = self._groups.get(self.requests[request].group or "")
        return not group or all(self.earned(name) > 0 for name in group)

    def balance(
        self, request: Request, slots: Sequence[Slot], rivals: Collection[str]
    ) -> tuple[float, float]:
        """What a request would earn more with ``slots``, groups apart, and what others would lose.

        Churn saved and caused counts; acquisitions of its own among ``rivals`` count for the first.
        """
        kept = [s for s in self.of_request[request.id] if s.opportunity.id not in rivals]
        gain = request_value(request, [*kept, *slots]) - self.earned(request.id)
        gain += self.problem.churn_price * sum(1 for s in slots if self.was(s))
        own = {id for id in rivals if self.taken[id].opportunity.request == request.id}
        gain -= self.problem.churn_price * sum(1 for id in own if self.was(self.taken[id]))
        others = frozenset(rivals) - own if own else rivals
        return gain, self.loss(others) if others else 0.0

    def was(self, slot: Slot) -> bool:
        """Whether the plan that is replaced, with a churn price, has it so."""
        start = self._before.get(slot.opportunity.id)
        return start is not None and abs(start - slot.start_s) <= 1e-6

    def loss(self, ids: Collection[str]) -> float:
        """What the plan would earn less without these acquisitions."""
        if len(ids) == 1:
            id = next(iter(ids))
            if id not in self._lost:
                self._lost[id] = self._loss(ids)
            return self._lost[id]
        requests = [self.taken[id].opportunity.request for id in sorted(ids)]
        grouped = any((self.requests[r].group or "") in self._groups for r in requests)
        if len(set(requests)) == len(requests) and not grouped:
            return math.fsum(self.loss((id,)) for id in ids)
        return self._loss(ids)

    def _loss(self, ids: Collection[str]) -> float:
        names = {self.taken[id].opportunity.request for id in ids}
        spread = {m for n in names for m in self._groups.get(self.requests[n].group or "", (n,))}
        lost, left = 0.0, {}
        for name in sorted(spread):
            kept = [s for s in self.of_request[name] if s.opportunity.id not in ids]
            left[name] = request_value(self.requests[name], kept) if name in names else self.earned(name)
        for name in sorted(spread):
            group = self._groups.get(self.requests[name].group or "", (name,))
            whole = len(group) == 1 or all(left[m] > 0 for m in group)
            lost += (self.earned(name) if self.counts(name) else 0.0) - (left[name] if whole else 0.0)
        return lost + self.problem.churn_price * sum(1 for id in ids if self.was(self.taken[id]))

    def worth(self) -> tuple[float, ...]:
        """What the plan is worth, most important first: by tier where they are strict, then less churn."""
        problem, tiers = self.problem, defaultdict[int, float](float)
        for r in problem.requests:
            earned = self.earned(r.id)
            if earned > 0 and self.counts(r.id):
                tiers[r.tier if problem.tiers == "strict" else 0] += earned
        kept = sum(1 for id in self._before if id in self.taken and self.was(self.taken[id]))
        churn = (len(self._before) - kept) * problem.churn_price
        if problem.tiers == "strict":
            return (*(tiers[t] for t in sorted({r.tier for r in problem.requests})), -churn)
        return (tiers[0] - churn,)

    # What stands in the way.

    def possible(self, o: Opportunity) -> list[float]:
        """Starts to look at: even ones, and those that leave just enough time to the acquisitions around."""
        every = self.starts(o)
        if o.end_s - o.start_s - o.duration_s <= 1e-9 or not every:
            return every
        if o.step_s is not None and len(every) <= MOST_STARTS:
            return every
        some = every if len(every) <= MOST_STARTS else every[:: math.ceil(len(every) / MOST_STARTS)]
        tight = self._allowed(o, self._tight(o))
        return sorted({*some, *tight})

    def _tight(self, o: Opportunity) -> list[float]:
        satellite = self.satellites[o.satellite]
        found = []
        for other in self._near(o):
            after, before = other.end_s, other.start_s - o.duration_s
            for _ in range(4):
                after = other.end_s + self.gaps.needed(satellite, other, slot_at(o, after, satellite.slew))
                need = self.gaps.needed(satellite, slot_at(o, before, satellite.slew), other)
                before = other.start_s - o.duration_s - need
                if not (math.isfinite(after) and math.isfinite(before)):
                    break
            found += [t for t in (after + 1e-6, before - 1e-6) if math.isfinite(t)]
        if o.step_s is None:
            return found
        steps = [(t - o.start_s) / o.step_s for t in found]
        return [o.start_s + k * o.step_s for s in steps for k in (math.floor(s), math.ceil(s))]

    def _near(self, o: Opportunity) -> list[Slot]:
        """Acquisitions of the satellite within the window, and the one before and after it."""
        acts = self.acts[o.satellite]
        low = bisect_left(acts, o.start_s, key=lambda a: a.start_s)
        high = bisect_left(acts, o.end_s, key=lambda a: a.start_s)
        return acts[max(0, low - 1) : high + 1]

    def rivals(self, slot: Slot) -> frozenset[str] | None:
        """The acquisitions that leave no time for ``slot``; None where that cannot be changed."""
        o, found = slot.opportunity, set[str]()
        satellite, acts = self.satellites[o.satellite], self.acts[o.satellite]
        k = bisect_left(acts, (slot.start_s, slot.end_s, o.id), key=_by_time)
        at_rest = True
        for other in reversed(acts[:k]):
            turns = slot.first is not None and other.first is not None
            need = self.gaps.needed(satellite, other, slot) if turns else -SLACK_S
            if slot.start_s - other.end_s < need:
                found.add(other.opportunity.id)
            elif turns or slot.first is None:
                at_rest = False
                break
        spare = 0.0
        if at_rest and slot.first is not None and satellite.rest is not None:
            spare = slot.start_s - satellite.ready_s - self.gaps.from_rest(satellite, slot)
        if spare < 0:
            return None
        for other in acts[k:]:
            turns = slot.first is not None and other.first is not None
            need = self.gaps.needed(satellite, slot, other) if turns else -SLACK_S
            if other.start_s - slot.end_s < need:
                found.add(other.opportunity.id)
            elif turns or slot.first is None:
                break
        found |= self._apart(slot) | self._too_soon(slot)
        if not satellite.images_while_sending:
            gap = satellite.sending_gap_s
            for d in self.sending.of[satellite.id]:
                if d.start_s < slot.end_s + gap and slot.start_s - gap < d.end_s:
                    owner = d.loads[0].opportunity if d.loads else None
                    if owner is None:
                        return None
                    found.add(owner)
        return None if found & self.pinned else frozenset(found)

    def _apart(self, slot: Slot) -> set[str]:
        """Those that an explicit transition keeps away."""
        found = set()
        for id in self.gaps.partners.get(slot.opportunity.id, ()):
            if id in self.taken:
                first, second = sorted((slot, self.taken[id]), key=_by_time)
                least = self.gaps.explicit.get((first.opportunity.id, second.opportunity.id), 0.0)
                if second.start_s - first.end_s < least:
                    found.add(id)
        return found

    def _too_soon(self, slot: Slot) -> set[str]:
        """Tries of its own request that are too near."""
        request = self.requests[slot.opportunity.request]
        if request.spacing_s <= 0 or request.views > 1:
            return set()
        own = self.of_request[request.id]
        return {s.opportunity.id for s in own if abs(s.start_s - slot.start_s) < request.spacing_s}

    def clash(self, a: Slot, b: Slot) -> bool:
        """Whether two acquisitions that are both not in the plan keep each other out."""
        if a.opportunity.satellite != b.opportunity.satellite:
            return False
        first, second = sorted((a, b), key=_by_time)
        turns = first.first is not None and second.first is not None
        satellite = self.satellites[a.opportunity.satellite]
        need = self.gaps.needed(satellite, first, second) if turns else -SLACK_S
        return second.start_s - first.end_s < need

    def slot(self, o: Opportunity, start_s: float) -> Slot:
        """``o`` at a start."""
        return slot_at(o, start_s, self.satellites[o.satellite].slew)

    def take(self, slots: Sequence[Slot]) -> bool:
        """Insert all of ``slots`` where they stand, or none."""
        done = list[str]()
        for s in slots:
            if not self.insert(s.opportunity, [s.start_s]):
                for id in done:
                    self.remove(id)
                return False
            done.append(s.opportunity.id)
        return True

    def fair(self) -> bool:
        """Whether every partner earns its fair part."""
        return not any(earned < least * (1 - 1e-12) - 1e-12 for earned, least in self.fairness().values())

    def fairness(self) -> dict[str, tuple[float, float]]:
        """By partner with a fair part: what it earns, what is the least."""
        least = {
            p.id: p.fair_fraction * p.alone_value
            for p in self.problem.partners
            if p.alone_value is not None and p.fair_fraction > 0
        }
        if not least:
            return {}
        sums = dict.fromkeys(least, 0.0)
        for r in self.problem.requests:
            if r.partner in sums and self.of_request[r.id] and self.counts(r.id):
                sums[r.partner] += self.earned(r.id)
        return {p: (sums[p], least[p]) for p in least}

    def acts_with(self, satellite: Satellite, slot: Slot) -> list[Slot]:
        """What a satellite would do, in order of time."""
        return sorted([*self.acts[satellite.id], slot], key=_by_time)


def _by_time(slot: Slot) -> tuple[float, float, str]:
    return slot.start_s, slot.end_s, slot.opportunity.id
