"""The plain solver: greedy, CP-SAT where the problem fits, then better locally until told to stop."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from comity.core import Progress, StateError, silent
from comity.planning.baseline.draft import Draft
from comity.planning.baseline.exact import ExactModel, left_out
from comity.planning.baseline.motion import Slot
from comity.planning.baseline.worth import draft_worth, is_fair, request_value, simple_bound
from comity.planning.problem import (
    Activity,
    Downlink,
    Opportunity,
    Plan,
    PlanningProblem,
    Request,
    judge_parts,
    validate_problem,
)
from comity.planning.solver import Deadline, Stop

#: Insertions tried that make one unit of work, beside CP-SAT's own.
ATTEMPTS_PER_UNIT = 50_000
#: Local rounds without gain after which the search ends by itself.
PATIENCE = 400

#: A relative gap this small is rounding.
PROVEN = 1e-8

AS_STATED = "the problem as stated"
ALONE_METHOD = "each request with every satellite to itself"


class PlanSolver(Protocol):
    """Turns a planning problem into a valid plan with a bound."""

    @property
    def name(self) -> str:
        """The solver's name."""
        ...

    def solve(self, problem: PlanningProblem, *, seed: int, stop: Stop, progress: Progress = silent) -> Plan:
        """The best plan found by the time ``stop`` says; never an invalid one.

        A KeyboardInterrupt stops the search like a time limit does: the best plan so far comes back.
        Raises :class:`comity.core.InputError` for a problem that contradicts itself.
        """
        ...


@dataclass(slots=True)
class Best:
    """The best plan and the least bound so far, so that an interrupt loses nothing."""

    activities: tuple[Activity, ...]
    downlinks: tuple[Downlink, ...]
    worth: tuple[float, ...]
    upper: float
    upper_for: str = AS_STATED
    method: str = ALONE_METHOD
    exact_work: float = 0.0
    attempts: int = 0
    stopped: str = "search ended"
    fair: bool = True

    def offer(self, draft: Draft) -> None:
        """Take over what is better; a fair plan is better than any that is not."""
        worth, fair = draft_worth(draft), is_fair(draft)
        if (fair, worth) > (self.fair, self.worth):
            self.put(draft.activities(), draft.downlinks(), worth, fair=fair)

    def put(
        self,
        activities: tuple[Activity, ...],
        downlinks: tuple[Downlink, ...],
        worth: tuple[float, ...],
        *,
        fair: bool,
    ) -> None:
        """Take over a plan."""
        self.activities, self.downlinks, self.worth, self.fair = activities, downlinks, worth, fair

    @property
    def work(self) -> float:
        return self.exact_work + self.attempts / ATTEMPTS_PER_UNIT


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineSolver:
    """See the module; it accepts every problem, and is not fast."""

    name: ClassVar[str] = "baseline"
    patience: int = field(default=PATIENCE)

    def solve(self, problem: PlanningProblem, *, seed: int, stop: Stop, progress: Progress = silent) -> Plan:
        """See :class:`PlanSolver`."""
        validate_problem(problem)
        deadline = Deadline(stop)
        draft = Draft(problem)
        best = Best(draft.activities(), draft.downlinks(), draft_worth(draft), simple_bound(problem))
        best.fair = is_fair(draft)
        search = Search(draft, best, random.Random(seed), stop, deadline, progress)
        try:
            search.greedy()
            best.offer(draft)
            if not search.over():
                self._exact(search, seed)
            search.improve(self.patience)
        except KeyboardInterrupt:
            best.stopped = "interrupted"
        return self._plan(problem, best, seed, search.draft.attempts + search.spent)

    def _exact(self, search: Search, seed: int) -> None:
        best, stop = search.best, search.stop
        model = ExactModel(search.draft)
        if model.usable and model.all_starts and not model.slots:
            best.upper, best.method = 0.0, "no opportunity is allowed"
        if not model.usable or not model.slots:
            return
        left = None if stop.work is None else max(0.01, stop.work - search.work)
        outcome = model.solve(
            seed=seed,
            stop=Stop(wall_s=stop.wall_s, work=left, gap=stop.gap),
            deadline=search.deadline,
            known=(sum(best.worth), best.upper),
            progress=search.progress,
        )
        best.exact_work += outcome.work
        if outcome.upper is not None and outcome.upper < best.upper:
            best.upper = outcome.upper
            out = left_out(search.draft.problem)
            best.method = "CP-SAT" + (f" without {', '.join(out)}" if out else "")
            if outcome.pairs:
                best.upper_for = "plans in which every two acquisitions of a satellite are a turn apart"
        search.carry_out(outcome.slots)
        best.offer(search.draft)
        if outcome.interrupted:
            raise KeyboardInterrupt

    def _plan(self, problem: PlanningProblem, best: Best, seed: int, attempts: int) -> Plan:
        """The plan as the checker values it; what the checker refuses is never handed out."""
        best.attempts = attempts
        found = judge_parts(problem, best.activities, best.downlinks)
        if found.violations:
            first = found.violations[0]
            raise StateError(f"no valid plan was found: {first.kind}: {first.text}")
        value = found.worth.value
        upper = max(best.upper, value)
        if upper - value <= PROVEN * abs(upper) and best.stopped != "interrupted":
            best.stopped = "proven"
        return Plan(
            activities=best.activities,
            downlinks=best.downlinks,
            value=value,
            tier_values=found.worth.tiers,
            upper=upper,
            upper_for=best.upper_for,
            method=best.method,
            solver=self.name,
            seed=seed,
            work=best.work,
            stopped=best.stopped,
        )


class Search:
    """Greedy insertion and local rounds on one draft."""

    def __init__(
        self,
        draft: Draft,
        best: Best,
        rng: random.Random,
        stop: Stop,
        deadline: Deadline,
        progress: Progress,
    ) -> None:
        self.draft, self.best, self.stop, self.deadline, self.progress = draft, best, stop, deadline, progress
        self._rng = rng
        self.spent = 0  # attempts of drafts before this one
        self._units: dict[str, list[tuple[Opportunity, ...]]] = defaultdict(list)
        of: dict[str, list[Opportunity]] = defaultdict(list)
        for o in draft.problem.opportunities:
            of[o.request].append(o)
        for request in draft.problem.requests:
            self._units[request.id] = _units(request, of[request.id])
        self._near: dict[str, list[Opportunity]] = defaultdict(list)
        for o in draft.problem.opportunities:
            self._near[o.satellite].append(o)

    @property
    def work(self) -> float:
        """Work done so far."""
        return self.best.exact_work + (self.spent + self.draft.attempts) / ATTEMPTS_PER_UNIT

    def over(self) -> bool:
        """Whether to stop now; notes why."""
        if self.stop.work is not None and self.work >= self.stop.work:
            self.best.stopped = "work"
        elif self.deadline.passed:
            self.best.stopped = "wall"
        else:
            gap = self.best.upper - sum(self.best.worth)
            return self.best.fair and gap <= max(self.stop.gap, PROVEN) * abs(self.best.upper)
        return True

    def greedy(self) -> None:
        """Everything that still fits, most valuable first."""
        known = self.draft.opportunities
        for a in self.draft.problem.previous:
            self.draft.insert(known[a.opportunity], [a.start_s])
        ordered = sorted(self.draft.problem.requests, key=self._rank)
        self.fill(ordered)

    def _rank(self, request: Request) -> tuple[float, float, str]:
        tier = request.tier if self.draft.problem.tiers == "strict" else 0
        best = max((min(o.probability for o in unit) for unit in self._units[request.id]), default=0.0)
        return tier, -request.value * best, request.id

    def fill(self, requests: Iterable[Request]) -> None:
        """Try every unit of every request that adds worth."""
        for k, request in enumerate(requests):
            if k % 64 == 0 and (self.deadline.passed or self._worked_out()):
                return
            if k % 512 == 0 or k in (64, 128, 256):
                self._report()
                if k:  # an interrupt finds the best so far
                    self.best.offer(self.draft)
            for unit in self._units[request.id]:
                self._try(request, unit)
                if self._satisfied(request):
                    break

    def _worked_out(self) -> bool:
        return self.stop.work is not None and self.work >= self.stop.work

    def _satisfied(self, request: Request) -> bool:
        return (
            request.cells is None
            and not request.periods
            and request.views == 1
            and len(self.draft.of_request[request.id]) >= request.tries
        )

    def _try(self, request: Request, unit: Sequence[Opportunity]) -> None:
        """Insert a unit whole, if it earns anything, else leave all as it was."""
        draft = self.draft
        before = request_value(request, draft.of_request[request.id])
        done: list[str] = []
        for o in unit:
            if o.id in draft.taken:
                continue
            if not draft.insert(o):
                break
            done.append(o.id)
        else:
            if request_value(request, draft.of_request[request.id]) > before + 1e-12 * request.value:
                return
        for id in done:
            draft.remove(id)

    def carry_out(self, slots: Iterable[Slot]) -> None:
        """A new draft with ``slots`` as far as they can be carried out, and whatever fits besides."""
        self.spent += self.draft.attempts
        self.draft = Draft(self.draft.problem)
        for slot in slots:
            self.draft.insert(slot.opportunity, [slot.start_s])
        self.fill(sorted(self.draft.problem.requests, key=self._rank))

    def improve(self, patience: int) -> None:
        """Take some neighbouring acquisitions out, fill in another order, keep what is not worse."""
        idle, round_ = 0, 0
        held = draft_worth(self.draft)
        while idle < patience and not self.over():
            round_ += 1
            if round_ % 16 == 0:
                self._report()
            removed, requests = self._neighbourhood()
            if not removed and not requests:
                return
            kept = set(self.draft.taken)
            self._rng.shuffle(requests)
            if self._rng.random() < 0.5:
                requests.sort(key=lambda r: -r.value * (0.5 + self._rng.random()))
            self.fill(requests)
            now = draft_worth(self.draft)
            if now < held:
                for id in set(self.draft.taken) - kept:
                    self.draft.remove(id)
                for slot, links in removed:
                    self.draft.put_back(slot, links)
                idle += 1
                continue
            idle = 0 if now > held else idle + 1
            held = now
            self.best.offer(self.draft)

    def _neighbourhood(self) -> tuple[list[tuple[Slot, list[Downlink]]], list[Request]]:
        """A few acquisitions of one satellite next to each other, taken out, and who could go there."""
        draft, rng = self.draft, self._rng
        satellites = [id for id, own in sorted(self._near.items()) if own]
        if not satellites:
            return [], []
        id = rng.choice(satellites)
        own = draft.acts[id]
        near = self._near[id]
        size = rng.randint(1, 8)
        at = rng.randrange(max(1, len(own)))
        timeless = not own or own[0].start_s == own[-1].end_s
        window = rng.sample(own, min(size, len(own))) if timeless else own[at : at + size]
        window = [s for s in window if s.opportunity.id not in draft.frozen]
        first = min((s.start_s for s in window), default=0.0)
        last = max((s.end_s for s in window), default=math.inf)
        names = [s.opportunity.request for s in window]
        reach = last - first
        names += [o.request for o in near if o.start_s <= last + reach and first - reach <= o.end_s]
        removed = [(s, draft.links[s.opportunity.id]) for s in window]
        for slot in window:
            draft.remove(slot.opportunity.id)
        unique = list(dict.fromkeys(names))
        if len(unique) > 60:
            unique = list(dict.fromkeys([*names[: len(window)], *rng.sample(unique, 60)]))
        return removed, [draft.requests[name] for name in unique]

    def _report(self) -> None:
        value, upper = sum(self.best.worth), self.best.upper
        gap = max(0.0, upper - value) / max(upper, 1e-300)
        if self.stop.work is not None:
            done, total = self.work, self.stop.work
        else:
            done, total = self.deadline.elapsed_s, self.stop.wall_s or 0.0
        message = f"value {value:,.6g}, at most {upper:,.6g} (gap {gap:.2%})"
        self.progress(min(done, total) if total else done, total or 1.0, message)


def _units(request: Request, opportunities: Iterable[Opportunity]) -> list[tuple[Opportunity, ...]]:
    """What is inserted together: single opportunities, or the views of one pass; likeliest first."""
    if request.views == 1:
        return [(o,) for o in sorted(opportunities, key=lambda o: (-o.probability, o.start_s, o.id))]
    passes: dict[tuple[str, str | None], dict[str | None, list[Opportunity]]] = defaultdict(dict)
    for o in opportunities:
        passes[o.satellite, o.pass_id].setdefault(o.view, []).append(o)
    units = []
    for views in passes.values():
        best = [max(own, key=lambda o: (o.probability, o.id)) for own in views.values()]
        best.sort(key=lambda o: -o.probability)
        if len(best) >= request.views:
            units.append(tuple(sorted(best[: request.views], key=lambda o: o.start_s)))
    return sorted(units, key=lambda unit: -min(o.probability for o in unit))
