"""CP-SAT on what it can express of a problem of moderate size: a bound, and a choice to carry out.

Modelled: one start per opportunity, tries, turns between pairs, forbidden combinations, knapsacks, groups,
duty, shares. Left out, which only raises the bound: battery, memory and delivery, spacing, fairness, groups
that count only as a whole. Where starts are free within a window, no bound comes of it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from ortools.sat.python import cp_model

from comity.core import Progress
from comity.planning.baseline.draft import Draft
from comity.planning.baseline.motion import Slot, candidate_starts, slot_at
from comity.planning.problem import PlanningProblem, Request
from comity.planning.search import run
from comity.planning.solver import Deadline, Stop

#: Larger problems are not given to CP-SAT.
MOST_SLOTS = 20_000
MOST_PAIRS = 400_000
MOST_CELLS = 20_000

_FINE = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactOutcome:
    """``upper`` None: no bound (free starts, or none found). ``pairs``: it holds only if every pair turns."""

    slots: tuple[Slot, ...]
    upper: float | None
    pairs: bool
    work: float
    interrupted: bool


class ExactModel:
    """The model of a problem; ``usable`` is False where it would be too large."""

    def __init__(self, draft: Draft) -> None:
        self._draft, self._problem = draft, draft.problem
        self.all_starts = True
        self.pairs_only = False
        self.slots = self._slots()
        self._rivals: list[tuple[int, int]] = []
        cells = sum(len(r.cells or ()) for r in self._problem.requests)
        self.usable = len(self.slots) <= MOST_SLOTS and cells <= MOST_CELLS and self._find_rivals()

    def _slots(self) -> list[Slot]:
        draft, found = self._draft, []
        for a in self._problem.frozen:
            o = draft.opportunities[a.opportunity]
            found.append(slot_at(o, a.start_s, draft.satellites[o.satellite].slew))
        for o in self._problem.opportunities:
            if o.id not in draft.frozen:
                _, complete = candidate_starts(o, draft.requests[o.request], self._problem)
                self.all_starts &= complete
                slew = draft.satellites[o.satellite].slew
                found += [slot_at(o, t, slew) for t in draft.starts(o)]
                if len(found) > MOST_SLOTS:
                    break
        return found

    def _find_rivals(self) -> bool:
        """Pairs of one satellite too close in time; False when they are too many."""
        own: dict[str, list[int]] = defaultdict(list)
        for k, slot in enumerate(self.slots):
            own[slot.opportunity.satellite].append(k)
        for id, members in own.items():
            satellite = self._draft.satellites[id]
            members.sort(key=lambda k: (self.slots[k].start_s, self.slots[k].end_s))
            least = min(self.slots[k].end_s - self.slots[k].start_s for k in members)
            settle = satellite.slew.settle_s if satellite.slew else 0.0
            reach = _slowest(self._draft, id)
            for i, a in enumerate(members):
                first = self.slots[a]
                for b in members[i + 1 :]:
                    second = self.slots[b]
                    gap = second.start_s - first.end_s
                    if gap > reach:
                        break
                    if first.opportunity.id == second.opportunity.id:
                        continue
                    need = self._draft.gaps.needed(satellite, first, second)
                    if gap < -1e-6 or gap < need - 1e-6:
                        self._rivals.append((a, b))
                        # With room for a third between them, turning by way of it might be quicker.
                        self.pairs_only |= gap > 0 and gap >= least + 2 * settle
                        if len(self._rivals) > MOST_PAIRS:
                            return False
        return True

    def solve(
        self, *, seed: int, stop: Stop, deadline: Deadline, known: tuple[float, float], progress: Progress
    ) -> ExactOutcome:
        """Solve until proven or ``stop``."""
        model = cp_model.CpModel()
        x = [model.new_bool_var("") for _ in self.slots]
        self._constrain(model, x)
        unit = self._objective(model, x)
        for k, slot in enumerate(self.slots):
            held = self._draft.taken.get(slot.opportunity.id)
            model.add_hint(x[k], held is not None and held.start_s == slot.start_s)
        outcome = run(
            model,
            seed=seed,
            stop=stop,
            deadline=deadline,
            reserve_s=0.05 * (stop.wall_s or 0.0),
            workers=2,
            unit=unit,
            known=known,
            progress=progress,
        )
        chosen = [s for k, s in enumerate(self.slots) if outcome.values is not None and outcome.values[k]]
        upper = None if outcome.bound is None or not self.all_starts else outcome.bound * unit
        return ExactOutcome(
            slots=tuple(sorted(chosen, key=lambda s: (s.start_s, s.end_s))),
            upper=upper,
            pairs=self.pairs_only,
            work=outcome.work,
            interrupted=outcome.interrupted,
        )

    def _constrain(self, model: cp_model.CpModel, x: Sequence[cp_model.IntVar]) -> None:
        problem, draft = self._problem, self._draft
        of: dict[str, list[int]] = defaultdict(list)
        of_request: dict[str, list[int]] = defaultdict(list)
        for k, slot in enumerate(self.slots):
            of[slot.opportunity.id].append(k)
            of_request[slot.opportunity.request].append(k)
        for own in of.values():
            if len(own) > 1:
                model.add_at_most_one(x[k] for k in own)
        for k in range(len(problem.frozen)):
            model.add(x[k] == 1)
        for a, b in self._rivals:
            model.add_bool_or(~x[a], ~x[b])
        for request in problem.requests:
            if request.cells is None and request.views == 1:
                for own in self._by_period(request, of_request[request.id]).values():
                    if len(own) > request.tries:
                        model.add(sum(x[k] for k in own) <= request.tries)
        for rule in problem.forbidden:
            if all(of[id] for id in rule.opportunities):
                if all(len(of[id]) == 1 for id in rule.opportunities):
                    model.add_bool_or(~x[of[id][0]] for id in rule.opportunities)
                else:
                    every = [x[k] for id in rule.opportunities for k in of[id]]
                    model.add(sum(every) <= len(rule.opportunities) - 1)
        for sack in problem.capacities:
            amounts = zip(sack.opportunities, sack.amounts, strict=True)
            _knapsack(model, [(x[k], w) for id, w in amounts for k in of[id]], sack.most)
        for group in problem.groups:
            members = [r.id for r in problem.requests if r.group == group.id]
            if group.most is not None and len(members) > group.most:
                served = {id: model.new_bool_var("") for id in members}
                for id in members:
                    for k in of_request[id]:
                        model.add_implication(x[k], served[id])
                model.add(sum(served.values()) <= group.most)
        for satellite in problem.satellites:
            mine = [k for k, s in enumerate(self.slots) if s.opportunity.satellite == satellite.id]
            for duty in satellite.duty:
                for first, last in duty.spans:
                    inside = [(k, _within(self.slots[k], first, last)) for k in mine]
                    if duty.most_s is not None:
                        _knapsack(model, [(x[k], w) for k, w in inside if w > 0], duty.most_s)
                    if duty.most_count is not None:
                        counted = [x[k] for k in mine if first <= self.slots[k].start_s < last]
                        model.add(sum(counted) <= duty.most_count)
        for share in problem.shares:
            theirs = [
                k
                for k, s in enumerate(self.slots)
                if s.opportunity.satellite in share.satellites
                and draft.requests[s.opportunity.request].partner == share.partner
            ]
            if share.most_s is not None:
                _knapsack(model, [(x[k], self.slots[k].opportunity.duration_s) for k in theirs], share.most_s)
            if share.most_count is not None:
                model.add(sum(x[k] for k in theirs) <= share.most_count)

    def _by_period(self, request: Request, members: Sequence[int]) -> dict[int, list[int]]:
        if not request.periods:
            return {0: list(members)}
        found: dict[int, list[int]] = defaultdict(list)
        for k in members:
            for j, (a, b) in enumerate(request.periods):
                # A pass counts for the period of its first view: the others may start later.
                if a <= self.slots[k].start_s and (self.slots[k].start_s < b or request.views > 1):
                    found[j].append(k)
        return found

    def _objective(self, model: cp_model.CpModel, x: Sequence[cp_model.IntVar]) -> float:
        """Worth, rounded up to whole units; returns the unit."""
        earns: list[tuple[float, list[tuple[cp_model.IntVar, float]]]] = []
        of_request: dict[str, list[int]] = defaultdict(list)
        for k, slot in enumerate(self.slots):
            of_request[slot.opportunity.request].append(k)
        for request in self._problem.requests:
            share = request.value / max(1, len(request.periods))
            for own in self._by_period(request, of_request[request.id]).values():
                if request.cells is None:
                    earns.append((share, [(x[k], share * self._part(request, k)) for k in own]))
                    continue
                cells: dict[int, list[int]] = defaultdict(list)
                for k in own:
                    for cell in self.slots[k].opportunity.cells or ():
                        cells[cell].append(k)
                for cell, inside in cells.items():
                    worth = share * request.cells[cell]
                    earns.append((worth, [(x[k], worth * self._part(request, k)) for k in inside]))
        numbers = [v for most, terms in earns for v in (most, *(w for _, w in terms))]
        whole = all(v == int(v) for v in numbers) and sum(most for most, _ in earns) < 1e12
        # A power of two, so that dividing by it is exact.
        total = max(sum(m for m, _ in earns), 1e-9)
        unit = 1.0 if whole or not numbers else 2.0 ** math.floor(math.log2(total / 1e12))
        objective = []
        for most, terms in earns:
            if self._simple(terms):
                objective += [_up(w, unit) * var for var, w in terms]
                continue
            earned = model.new_int_var(0, _up(most, unit), "")
            model.add(earned <= sum(_up(w, unit) * var for var, w in terms))
            objective.append(earned)
        model.maximize(sum(objective))
        return unit

    def _part(self, request: Request, k: int) -> float:
        """The most that one acquisition adds: its chance, or its share of a try of several views."""
        return self.slots[k].opportunity.probability / request.views

    def _simple(self, terms: Sequence[tuple[cp_model.IntVar, float]]) -> bool:
        """Whether at most one of the terms can hold anyway (a point to be had once)."""
        names = {self.slots[var.index].opportunity.request for var, _ in terms}
        requests = [self._draft.requests[name] for name in names]
        return all(r.cells is None and r.views == 1 and r.tries == 1 for r in requests)


def _within(slot: Slot, a: float, b: float) -> float:
    return max(0.0, min(slot.end_s, b) - max(slot.start_s, a))


def _up(value: float, unit: float) -> int:
    return math.ceil(value / unit)


def _knapsack(model: cp_model.CpModel, terms: Sequence[tuple[cp_model.IntVar, float]], most: float) -> None:
    """Σ amount · x ≤ most; amounts that are not whole are rounded so that nothing allowed is lost."""
    whole = all(w == int(w) for _, w in terms) and most < 1e12
    scale = 1.0 if whole else _FINE / max(1e-12, max((w for _, w in terms), default=1.0))
    limit = min(most * scale, 1e15)
    model.add(sum(math.floor(w * scale) * var for var, w in terms) <= math.floor(limit + 1e-6))


def _slowest(draft: Draft, id: str) -> float:
    """No two acquisitions of the satellite farther apart than this (s) exclude each other."""
    longest = max((least for least in draft.gaps.explicit.values()), default=0.0)
    slew = draft.satellites[id].slew
    if slew is None:
        return longest
    if slew.pieces:
        return math.inf
    if slew.rate_rad_s is None or slew.acceleration_rad_s2 is None:
        return max(longest, slew.settle_s)
    widest = 3 * 2 * math.pi if slew.metric.startswith("axes") else math.pi
    turn = slew.rate_rad_s / slew.acceleration_rad_s2 + widest / slew.rate_rad_s
    return max(longest, 2 * math.sqrt(widest / slew.acceleration_rad_s2), turn) + slew.settle_s + 1e-6


def left_out(problem: PlanningProblem) -> tuple[str, ...]:
    """What of a problem the model leaves out."""
    out = []
    if any(s.battery is not None for s in problem.satellites):
        out.append("battery")
    if any(s.memory_bits is not None for s in problem.satellites):
        out.append("memory")
    if any(r.deliver_by_s is not None or r.deliver_within_s is not None for r in problem.requests):
        out.append("delivery")
    if any(s.rest is not None for s in problem.satellites):
        out.append("first turns")
    if any(r.spacing_s > 0 for r in problem.requests):
        out.append("spacing")
    if any(p.fair_fraction > 0 and p.alone_value for p in problem.partners):
        out.append("fairness")
    if any(g.all_or_none for g in problem.groups):
        out.append("groups as a whole")
    return tuple(out)
