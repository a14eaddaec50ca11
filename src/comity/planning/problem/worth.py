"""What a set of acquisitions is worth by the stated model: tries, cells, views, periods, groups, churn."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from comity.planning.problem.types import Activity, Opportunity, PlanningProblem, Request

#: Two starts closer than this (s) are the same.
SAME_START_S = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """``value``: all of it, less ``churn``; ``requests``: by request, 0 where it earns nothing; ``tiers``."""

    value: float
    requests: dict[str, float]
    tiers: dict[int, float]
    churn: float


@dataclass(frozen=True, slots=True)
class Try:
    """One try: when it starts, its chance (0 while a view is missing), the opportunities it consists of."""

    start_s: float
    chance: float
    members: tuple[Opportunity, ...]


def worth_of(problem: PlanningProblem, activities: Iterable[Activity]) -> Worth:
    """Worth of ``activities``, whether or not they can be carried out; unknown ones count nothing."""
    known = {o.id: o for o in problem.opportunities}
    starts: dict[str, float] = {}
    by_request: dict[str, list[Activity]] = defaultdict(list)
    for activity in activities:
        if activity.opportunity in known and activity.opportunity not in starts:
            starts[activity.opportunity] = activity.start_s
            by_request[known[activity.opportunity].request].append(activity)
    earned = {r.id: request_worth(r, by_request.get(r.id, ()), known) for r in problem.requests}
    broken = {r.group for r in problem.requests if earned[r.id] <= 0 and r.group is not None}
    together = {g.id for g in problem.groups if g.all_or_none}
    tiers: dict[int, float] = defaultdict(float)
    for request in problem.requests:
        if request.group in broken and request.group in together:
            earned[request.id] = 0.0
        tiers[request.tier] += earned[request.id]
    lost = sum(
        1
        for a in problem.previous
        if a.opportunity not in starts or abs(starts[a.opportunity] - a.start_s) > SAME_START_S
    )
    churn = lost * problem.churn_price
    value = math.fsum(earned.values()) - churn
    return Worth(value=value, requests=earned, tiers=dict(sorted(tiers.items())), churn=churn)


def tries_of(
    request: Request, activities: Iterable[Activity], known: dict[str, Opportunity], cell: int | None = None
) -> list[Try]:
    """Tries of a request (of one ``cell``), by start: single acquisitions, or passes of several views."""
    passes: dict[tuple[str, str | None], list[tuple[float, Opportunity]]] = defaultdict(list)
    for activity in activities:
        o = known[activity.opportunity]
        if cell is not None and cell not in (o.cells or ()):
            continue
        key = (o.id, None) if request.views == 1 else (o.satellite, o.pass_id)
        passes[key].append((activity.start_s, o))
    found = []
    for members in passes.values():
        best: dict[str | None, float] = {}
        for _, o in members:
            best[o.view] = max(best.get(o.view, 0.0), o.probability)
        chances = sorted(best.values(), reverse=True)[: request.views]
        chance = chances[-1] if len(chances) == request.views else 0.0
        found.append(Try(min(s for s, _ in members), chance, tuple(o for _, o in members)))
    return sorted(found, key=lambda t: (t.start_s, t.members[0].id))


def in_period(request: Request, start_s: float) -> int | None:
    """Which period an acquisition counts for: 0 where there are none, None outside all of them."""
    if not request.periods:
        return 0
    for k, (first, last) in enumerate(request.periods):
        if first <= start_s < last:
            return k
    return None


def request_worth(request: Request, activities: Sequence[Activity], known: dict[str, Opportunity]) -> float:
    """What one request earns by its ``activities``."""
    share = request.value / max(1, len(request.periods))
    if not activities:
        return 0.0
    if request.cells is None:
        return share * _chances(request, tries_of(request, activities, known))
    covered = {c for a in activities for c in known[a.opportunity].cells or ()}
    return share * math.fsum(
        request.cells[c] * _chances(request, tries_of(request, activities, known, c)) for c in sorted(covered)
    )


def _chances(request: Request, tries: list[Try]) -> float:
    """Σ over periods of 1 − Π(1 − pᵢ), over the best ``tries`` of each."""
    by_period: dict[int, list[float]] = defaultdict(list)
    for each in tries:
        period = in_period(request, each.start_s)
        if period is not None:
            by_period[period].append(each.chance)
    total = 0.0
    for chances in by_period.values():
        total += 1 - math.prod(1 - p for p in sorted(chances, reverse=True)[: request.tries])
    return total
