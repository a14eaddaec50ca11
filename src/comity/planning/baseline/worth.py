"""What a draft earns, and the most that anything could: the solver's own account of worth."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable

from comity.planning.baseline.draft import Draft
from comity.planning.baseline.motion import Slot
from comity.planning.problem import Opportunity, PlanningProblem, Request


def request_value(request: Request, slots: Iterable[Slot]) -> float:
    """What ``slots`` earn their request, groups apart."""
    periods: dict[int, list[Slot]] = defaultdict(list)
    first: dict[object, float] = {}
    for slot in slots:
        key = _try(request, slot.opportunity)
        first[key] = min(slot.start_s, first.get(key, math.inf))
    for slot in slots:
        at = first[_try(request, slot.opportunity)]
        if not request.periods:
            periods[0].append(slot)
        for k, (a, b) in enumerate(request.periods):
            if a <= at < b:
                periods[k].append(slot)
    share = request.value / max(1, len(request.periods))
    total = 0.0
    for own in periods.values():
        if request.cells is None:
            total += _success(request, own)
            continue
        cells: dict[int, list[Slot]] = defaultdict(list)
        for slot in own:
            for cell in slot.opportunity.cells or ():
                cells[cell].append(slot)
        total += sum(request.cells[cell] * _success(request, inside) for cell, inside in cells.items())
    return share * total


def _try(request: Request, o: Opportunity) -> object:
    return o.id if request.views == 1 else (o.satellite, o.pass_id)


def _success(request: Request, slots: Iterable[Slot]) -> float:
    """1 − Π(1 − p) of the best tries."""
    passes: dict[object, dict[str | None, float]] = defaultdict(dict)
    for slot in slots:
        views = passes[_try(request, slot.opportunity)]
        view = slot.opportunity.view
        views[view] = max(views.get(view, 0.0), slot.opportunity.probability)
    chances = []
    for views in passes.values():
        ordered = sorted(views.values(), reverse=True)
        if len(ordered) >= request.views:
            chances.append(ordered[request.views - 1])
    failing = 1.0
    for p in sorted(chances, reverse=True)[: request.tries]:
        failing *= 1 - p
    return 1 - failing


def draft_worth(draft: Draft) -> tuple[float, ...]:
    """What the draft earns, most important first: by tier if they are strict, churn in the last place."""
    problem = draft.problem
    earned = {id: request_value(draft.requests[id], slots) for id, slots in draft.of_request.items()}
    together = {g.id for g in problem.groups if g.all_or_none}
    broken = {r.group for r in problem.requests if r.group in together and earned.get(r.id, 0.0) <= 0}
    tiers: dict[int, float] = defaultdict(float)
    for r in problem.requests:
        tiers[r.tier if problem.tiers == "strict" else 0] += (
            0.0 if r.group in broken else earned.get(r.id, 0.0)
        )
    kept = sum(
        1
        for a in problem.previous
        if a.opportunity in draft.taken and abs(draft.taken[a.opportunity].start_s - a.start_s) <= 1e-6
    )
    churn = (len(problem.previous) - kept) * problem.churn_price
    ordered = [tiers[t] for t in sorted(tiers)]
    if len(ordered) <= 1:
        return (sum(ordered) - churn,)
    return (*ordered, -churn)


def is_fair(draft: Draft) -> bool:
    """Whether every partner's requests earn the least that is fair."""
    for partner in draft.problem.partners:
        least = partner.fair_fraction * (partner.alone_value or 0.0)
        if least > 0:
            own = (r for r in draft.problem.requests if r.partner == partner.id)
            if math.fsum(request_value(r, draft.of_request.get(r.id, ())) for r in own) < least:
                return False
    return True


def simple_bound(problem: PlanningProblem) -> float:
    """Sum over requests of the best they could get if each had all satellites for itself."""
    of: dict[str, list[Opportunity]] = defaultdict(list)
    for o in problem.opportunities:
        of[o.request].append(o)
    return math.fsum(best_alone(r, of[r.id]) for r in problem.requests)


def best_alone(request: Request, opportunities: list[Opportunity]) -> float:
    """The most one request can earn by ``opportunities``, which stand in nobody's way."""

    def most(own: Iterable[Opportunity]) -> float:
        return 1 - math.prod(
            1 - p for p in sorted((o.probability for o in own), reverse=True)[: request.tries]
        )

    if request.cells is None:
        return request.value * most(opportunities)
    cells: dict[int, list[Opportunity]] = defaultdict(list)
    for o in opportunities:
        for cell in o.cells or ():
            cells[cell].append(o)
    return request.value * math.fsum(request.cells[c] * most(own) for c, own in cells.items())
