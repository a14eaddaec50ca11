"""How a request could be served besides what a plan does for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from comity.planning.answers.obstacles import Trial
from comity.planning.answers.standing import TRIFLE, Way
from comity.planning.baseline.motion import Slot
from comity.planning.problem import Opportunity, PlanningProblem, Request

#: Ways kept of one opportunity: with different rivals, cheapest first.
_PER_OPPORTUNITY = 3


@dataclass(frozen=True, slots=True)
class Ways:
    """``found``: cheapest first. ``barred``: why an opportunity is not allowed at all.

    ``fixed``: opportunities that only what is frozen, or a turn from rest, keeps out. ``useless``: those
    that would add nothing.
    """

    found: tuple[Way, ...]
    barred: dict[str, str]
    fixed: tuple[str, ...]
    useless: tuple[str, ...]


def ways_to_serve(standing: Trial, request: Request) -> Ways:
    """Every opportunity of a request that would earn it more, with what leaves no time for it."""
    finder = _Finder(standing, request)
    for unit in _units(request, standing.chances[request.id], standing):
        finder.look(unit)
    found = sorted(
        finder.found, key=lambda w: (w.cost, len(w.rivals), w.slots[0].start_s, w.slots[0].opportunity.id)
    )
    return Ways(tuple(found), finder.barred, tuple(finder.fixed), tuple(finder.useless))


class _Finder:
    def __init__(self, standing: Trial, request: Request) -> None:
        self._plan, self._request = standing, request
        self.found: list[Way] = []
        self.barred: dict[str, str] = {}
        self.fixed: list[str] = []
        self.useless: list[str] = []
        self._full = _full_periods(standing, request)

    def look(self, unit: Sequence[Opportunity]) -> None:
        """Ways to take a unit; several views are chosen one after the other."""
        chosen: list[tuple[Slot, frozenset[str]]] = []
        for o in unit:
            options = self._options(o, [slot for slot, _ in chosen])
            if not options:
                return
            if len(unit) == 1:
                for slot, rivals in options:
                    self._keep((slot,), rivals)
                return
            chosen.append(options[0])
        slots = tuple(slot for slot, _ in chosen)
        self._keep(slots, frozenset().union(*(rivals for _, rivals in chosen)))

    def _keep(self, slots: tuple[Slot, ...], rivals: frozenset[str]) -> None:
        gain, loss = self._plan.balance(self._request, slots, rivals)
        if gain > TRIFLE * max(1.0, self._request.value):
            self.found.append(Way(slots, gain, rivals, loss))
        else:
            self.useless += [s.opportunity.id for s in slots if s.opportunity.id not in self.useless]

    def _options(self, o: Opportunity, beside: Sequence[Slot]) -> list[tuple[Slot, frozenset[str]]]:
        """Starts with different rivals, least loss first."""
        plan, request = self._plan, self._request
        starts = plan.possible(o)
        if not starts:
            self.barred[o.id] = why_barred(plan.problem, o, request)
            return []
        best: dict[frozenset[str], tuple[float, Slot]] = {}
        earlier = []
        if request.views > 1:
            held = (s for s in plan.of_request[request.id] if s.opportunity.satellite == o.satellite)
            earlier = [s.start_s for s in held if s.opportunity.pass_id == o.pass_id]
        free: list[Slot] = []
        open_ = False
        for start in starts:
            # A pass counts for the period of its first view.
            period = _period(request, min([start, *earlier, *(s.start_s for s in beside)]))
            if period is None or period in self._full:
                continue
            open_ = True
            slot = plan.slot(o, start)
            if any(plan.clash(slot, other) for other in beside):
                continue
            rivals = plan.rivals(slot)
            if rivals is None:
                continue
            if not rivals:
                free.append(slot)
            elif rivals not in best:
                best[rivals] = plan.loss(rivals), slot
        if not open_:
            self.useless.append(o.id)
        elif not best and not free:
            self.fixed.append(o.id)
        ordered = sorted(best.items(), key=lambda item: (item[1][0], item[1][1].start_s))
        most = _PER_OPPORTUNITY if not request.periods else 2 * _PER_OPPORTUNITY
        found = [(slot, rivals) for rivals, (_, slot) in ordered[:most]]
        # Resources may differ from one free start to another: the first, the middle and the last one.
        some = free if len(free) <= 3 or request.periods else [free[0], free[len(free) // 2], free[-1]]
        return [*((slot, frozenset[str]()) for slot in some), *found]


def _full_periods(standing: Trial, request: Request) -> set[int]:
    """Periods in which a point has all its tries."""
    if request.cells is not None:
        return set()
    tries: dict[object, float] = {}
    for slot in standing.of_request[request.id]:
        o = slot.opportunity
        key = o.id if request.views == 1 else (o.satellite, o.pass_id)
        tries[key] = min(slot.start_s, tries.get(key, slot.start_s))
    if request.views > 1:
        whole = {k for k in tries if _complete(standing, request, k)}
        tries = {k: t for k, t in tries.items() if k in whole}
    count: dict[int, int] = defaultdict(int)
    for start in tries.values():
        period = _period(request, start)
        if period is not None:
            count[period] += 1
    return {k for k, n in count.items() if n >= request.tries}


def _complete(standing: Trial, request: Request, key: object) -> bool:
    own = [s.opportunity for s in standing.of_request[request.id]]
    return len({o.view for o in own if (o.satellite, o.pass_id) == key}) >= request.views


def _period(request: Request, start_s: float) -> int | None:
    if not request.periods:
        return 0
    return next((k for k, (a, b) in enumerate(request.periods) if a <= start_s < b), None)


def _units(
    request: Request, opportunities: Iterable[Opportunity], standing: Trial
) -> list[tuple[Opportunity, ...]]:
    """What is acquired together: single opportunities, or the views that a pass still lacks."""
    if request.views == 1:
        return [(o,) for o in opportunities if o.id not in standing.taken]
    passes: dict[tuple[str, str | None], dict[str | None, list[Opportunity]]] = defaultdict(dict)
    for o in opportunities:
        passes[o.satellite, o.pass_id].setdefault(o.view, []).append(o)
    units = []
    for views in passes.values():
        if len(views) < request.views:
            continue
        held = [v for v, own in views.items() if any(o.id in standing.taken for o in own)]
        lacking = [max(own, key=lambda o: (o.probability, o.id)) for v, own in views.items() if v not in held]
        lacking.sort(key=lambda o: (-o.probability, o.start_s, o.id))
        wanted = lacking[: max(0, request.views - len(held))]
        if wanted:
            units.append(tuple(sorted(wanted, key=lambda o: (o.start_s, o.id))))
    return units


def why_barred(problem: PlanningProblem, o: Opportunity, request: Request) -> str:
    """Why an opportunity has no start that is allowed, whatever else is planned."""
    at = problem.start
    if any(
        v.satellite == o.satellite
        and (v.request == request.id or (v.partner is not None and v.partner == request.partner))
        for v in problem.vetoes
    ):
        return f"is vetoed: {o.satellite} must not serve {request.id}."
    first = max(o.start_s, request.release_s or 0.0)
    last = min(o.end_s, problem.horizon_s, request.due_s if request.due_s is not None else o.end_s)
    if last - first < o.duration_s - 1e-9:
        if request.release_s is not None and o.end_s - request.release_s < o.duration_s:
            return f"ends too early: {request.id} is released at {(at + request.release_s).iso(0)}."
        if request.due_s is not None and request.due_s - o.start_s < o.duration_s:
            return f"begins too late: {request.id} is due by {(at + request.due_s).iso(0)}."
        return f"leaves no {o.duration_s:g} s between release and due time of {request.id}."
    if last - max(first, problem.frozen_until_s) < o.duration_s - 1e-9:
        return f"begins while the plan is frozen, until {(at + problem.frozen_until_s).iso(0)}."
    for use in problem.exclusives:
        inside = use.satellite == o.satellite and use.partner != request.partner
        if inside and first < use.span[1] and use.span[0] < last:
            return f"falls into time in which {o.satellite} is {use.partner}'s alone."
    return "falls into time for which the satellite is already committed."
