"""The program of a planning problem behind the Protocol: bound, plan, and what the plan lacks repaired."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from comity.core import InputError
from comity.planning.baseline import BaselineSolver
from comity.planning.baseline.motion import slot_at
from comity.planning.baseline.solver import Search
from comity.planning.paths.linear import Answer, whole
from comity.planning.paths.solver import solve
from comity.planning.paths.stated.downlinks import Recorded, schedule
from comity.planning.paths.stated.fleet import beyond_fleet, fleet_of
from comity.planning.paths.stated.fleet_solver import METHOD as PRICES
from comity.planning.paths.stated.fleet_solver import STEPS_PER_UNIT, holding, told
from comity.planning.paths.stated.nodes import FloatArray, IntArray, start_count
from comity.planning.paths.stated.program import Stated, TooManyPairs
from comity.planning.problem import Activity, Downlink, PlanningProblem, PlanViolation, judge_parts

#: Simplex iterations, and nodes of the solver's tree, that make one unit of work.
ITERATIONS_PER_UNIT = 10_000
NODES_PER_UNIT = 20
#: Times that a battery's rows are tightened after the exact trace found it too low.
_BATTERY_TRIES = 4
_HELD = 0.5
#: With more starts than this the paths' search makes a plan first: steps and part of the time at the most.
_SEARCHED, _PATH_STEPS, _PATH_PART = 5_000, 30, 0.2
_CLOSE = 1e-4
_MOST_LEFT_OUT = 50

METHOD = "whole-numbered program over all starts (HiGHS)"
GATHERED = "whole-numbered program, free starts gathered in buckets with the least turns (HiGHS)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramSolver(BaselineSolver):
    """Greedy first; then the program, its plan checked and repaired; then better locally."""

    name: ClassVar[str] = "program"

    def _exact(self, search: Search, seed: int) -> None:
        run = _Run(search, seed)
        try:
            run.go()
        except TooManyPairs:
            search.progress(0.0, 1.0, "too many conflicts for a program")
        except KeyboardInterrupt:
            run.keep()
            raise
        run.keep()


def beyond_program(problem: PlanningProblem) -> str | None:
    """What in ``problem`` the program cannot say; None if it can say all of it."""
    if problem.tiers == "strict" and len({r.tier for r in problem.requests}) > 1:
        return "strict tiers"
    if any(r.views > 1 and r.cells is not None for r in problem.requests):
        return "several views of areas"
    whole = any(g.all_or_none for g in problem.groups)
    if whole and problem.frozen:
        return "a frozen part beside groups that count as a whole"
    if whole and problem.previous and problem.churn_price > 0:
        return "a churn price beside groups that count as a whole"
    return None


class _Run:
    def __init__(self, search: Search, seed: int) -> None:
        self.search, self.seed = search, seed
        self.problem = search.draft.problem
        self.tried: list[tuple[Activity, ...]] = []

    def go(self) -> None:
        if beyond_fleet(self.problem) is None and start_count(self.problem) > _SEARCHED:
            self._search_paths()
        plan = Stated(self.problem, buckets=False)
        complete = plan.nodes.complete
        if complete:
            self._plan(plan, bounds=True)
            return
        self._plan(plan, bounds=False)
        if not self.search.over():
            self._bound(Stated(self.problem, buckets=True))

    def _search_paths(self) -> None:
        """A good plan soon: the program may take long to find its first."""
        search, stop = self.search, self.search.stop
        fleet = fleet_of(self.problem)
        left = search.deadline.left_s
        try:
            found = solve(
                fleet.paths,
                seed=self.seed,
                steps=_PATH_STEPS,
                wall_s=None if math.isinf(left) else max(0.1, _PATH_PART * left),
                gap=max(stop.gap, _CLOSE),
                progress=lambda value, upper, _: search.progress(
                    search.deadline.elapsed_s,
                    stop.wall_s or 1.0,
                    told(value + fleet.constant, upper + fleet.constant),
                ),
                start=fleet.previous,
                frozen=fleet.nodes.frozen if fleet.nodes.frozen.any() else None,
                outer=fleet.outer,
            )
        except InputError:
            return  # by the arrays' stricter rules not even an empty plan holds
        self._lower(found.bound + fleet.constant, PRICES)
        search.best.exact_work += found.steps / STEPS_PER_UNIT
        held = holding(fleet, np.array(found.nodes, dtype=np.int64), found.sendings)
        if held is not None:
            worth = (held[2].worth.value,)
            if (True, worth) > (search.best.fair, search.best.worth):
                search.best.put(held[0], held[1], worth, fair=True)
        if found.stopped == "interrupted":
            raise KeyboardInterrupt

    def keep(self) -> None:
        """The local search goes on from the best plan."""
        best = self.search.best
        slots = []
        for a in best.activities:
            o = self.search.draft.opportunities[a.opportunity]
            slots.append(slot_at(o, a.start_s, self.search.draft.satellites[o.satellite].slew))
        self.search.carry_out(slots)
        best.offer(self.search.draft)

    def _bound(self, stated: Stated) -> None:
        found = self._solve(stated, None, None)
        self._lower(found.bound + stated.constant, GATHERED)

    def _lower(self, bound: float, method: str) -> None:
        best = self.search.best
        # The solver's rows hold to 1e-6 or so: a bound is as good.
        bound += 1e-9 * max(1.0, abs(bound))
        if math.isfinite(bound) and bound < best.upper:
            best.upper, best.method = max(bound, 0.0) if not self.problem.previous else bound, method

    def _plan(self, stated: Stated, *, bounds: bool) -> None:
        low: FloatArray | None = None
        for tries in range(_BATTERY_TRIES):
            found = self._solve(stated, low, None)
            if bounds and tries == 0:
                self._lower(found.bound + stated.constant, METHOD)
            if found.x is None:
                return
            keep = np.flatnonzero(~stated.out)
            taken = keep[found.x[: len(keep)] > _HELD]
            dips = self._offer(stated, taken, found.x[len(keep) :])
            if not dips or self.search.over():
                return
            c = stated.coupling
            low = c.low.copy() if low is None else low.copy()
            for name, dip in dips.items():
                k = next(k for k, s in enumerate(self.problem.satellites) if s.id == name)
                low[c.charge & (c.satellite == k)] += 1.02 * dip
            low = np.minimum(low, c.high)

    def _solve(self, stated: Stated, low: FloatArray | None, hint: FloatArray | None) -> Answer:
        search, stop = self.search, self.search.stop
        program, _ = stated.program(~stated.out, low=low)
        nodes = None
        if stop.work is not None:
            nodes = max(1, math.ceil(NODES_PER_UNIT * (stop.work - search.work)))
        left = search.deadline.left_s
        search.progress(search.deadline.elapsed_s, stop.wall_s or 1.0, "solving the whole-numbered program")
        found = whole(
            program,
            hint=hint,
            gap=stop.gap,
            seed=self.seed,
            nodes=nodes,
            limit_s=None if math.isinf(left) else max(0.1, 0.9 * left),
        )
        search.best.exact_work += found.iterations / ITERATIONS_PER_UNIT + found.nodes / NODES_PER_UNIT
        return found

    def _offer(self, stated: Stated, taken: IntArray, extra: FloatArray) -> dict[str, float]:
        """Take the plan, less what of it does not hold; batteries that fall too low, by what part.

        Downlinks are as the program's variables have them. Acquisitions that break a rule of memory or
        delivery are left out, then those worth least of a satellite whose battery does not last. What is
        broken otherwise is left to the local search.
        """
        problem, nodes, names = self.problem, stated.nodes, self.problem.opportunities
        recorded = {
            names[nodes.opportunity[v]].id: Recorded(names[nodes.opportunity[v]], float(nodes.end_s[v]))
            for v in taken.tolist()
        }
        worth = {names[nodes.opportunity[v]].id: float(stated.value[v]) for v in taken.tolist()}
        activities = [
            Activity(opportunity=names[nodes.opportunity[v]].id, start_s=float(nodes.start_s[v]))
            for v in taken.tolist()
        ]
        planned = self._planned(stated, extra)
        size = {s.id: s.battery.capacity_j for s in problem.satellites if s.battery is not None}
        frozen = {a.opportunity for a in problem.frozen}
        dips: dict[str, float] = {}
        for _ in range(_MOST_LEFT_OUT):
            now = [a for a in activities if a.opportunity in recorded]
            sent = problem.frozen_downlinks or schedule(problem, list(recorded.values()), planned)
            broken = self._judged(now, sent)
            if not broken:
                return dips
            gone = {w for v in broken if v.kind in ("memory", "delivery") for w in v.who if w in recorded}
            if not gone and {v.kind for v in broken} == {"energy"}:
                for v in broken:
                    who = v.who[0]
                    dips[who] = max(dips.get(who, 0.0), (v.limit - v.found) / size[who])
                    own = [id for id in recorded if recorded[id].opportunity.satellite == who]
                    gone |= set(sorted(own, key=lambda id: (worth[id], id))[:1])
            gone -= frozen
            if not gone:
                break
            for name in gone:
                del recorded[name]
        slots = []
        for a in activities:
            o = self.search.draft.opportunities[a.opportunity]
            slots.append(slot_at(o, a.start_s, self.search.draft.satellites[o.satellite].slew))
        self.search.carry_out(sorted(slots, key=lambda s: (s.start_s, s.end_s)))
        self.search.best.offer(self.search.draft)
        return dips

    def _planned(self, stated: Stated, extra: FloatArray) -> dict[int, float]:
        """Bits by contact."""
        place = {c.id: k for k, c in enumerate(self.problem.contacts)}
        planned: dict[int, float] = defaultdict(float)
        for pieces in stated.pieces.values():
            for piece in pieces:
                planned[place[piece.contact.id]] += float(extra[piece.column]) * piece.bits
        return planned

    def _judged(self, activities: Sequence[Activity], downlinks: Sequence[Downlink]) -> list[PlanViolation]:
        found = judge_parts(self.problem, activities, downlinks)
        best = self.search.best
        worth = (found.worth.value,)
        if not found.violations and (True, worth) > (best.fair, best.worth):
            best.put(tuple(activities), tuple(downlinks), worth, fair=True)
        return list(found.violations)
