"""Planning problems that are nothing but choices in conflict, to and from the compact form."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from comity.core import InputError
from comity.planning.conflicts.types import ConflictPlan, ConflictProblem, Knapsack
from comity.planning.problem.types import Activity, Opportunity, Plan, PlanningProblem, Satellite
from comity.planning.problem.violations import TIME_TOLERANCE_S


def beyond_conflicts(problem: PlanningProblem) -> str | None:
    """What in ``problem`` the compact form cannot say; None if it can say all of it."""
    for reason in _reasons(problem):
        return reason
    return None


def _reasons(problem: PlanningProblem) -> Iterator[str]:
    whole = {
        "transitions": problem.transitions,
        "shares": problem.shares,
        "exclusive use": problem.exclusives,
        "frozen activities": problem.frozen or problem.frozen_downlinks or problem.frozen_until_s > 0,
        "a churn price": problem.previous and problem.churn_price > 0,
        "groups": [g for g in problem.groups if g.most is not None or g.all_or_none],
        "fairness": [p for p in problem.partners if p.fair_fraction > 0 and p.alone_value is not None],
        "strict tiers": problem.tiers == "strict" and len({r.tier for r in problem.requests}) > 1,
    }
    yield from (what for what, there in whole.items() if there)
    for request in problem.requests:
        several = request.tries != 1 or request.cells is not None or request.views != 1 or request.periods
        if several:
            yield f"request {request.id}: more than one try of one point"
        if request.deliver_within_s is not None or request.deliver_by_s is not None:
            yield f"request {request.id}: delivery to the ground"
    for satellite in problem.satellites:
        if satellite.slew is not None or satellite.memory_bits is not None or satellite.battery is not None:
            yield f"satellite {satellite.id}: turning, memory or energy"
        if satellite.duty or satellite.busy:
            yield f"satellite {satellite.id}: duty limits or busy spans"
    for o in problem.opportunities:
        if o.end_s - o.start_s - o.duration_s > TIME_TOLERANCE_S:
            yield f"opportunity {o.id}: a start that is free"


def conflict_problem(problem: PlanningProblem) -> ConflictProblem:
    """The compact form: choice k is opportunity k, its owner its request.

    Raises :class:`InputError` if it cannot say all that ``problem`` says (see :func:`beyond_conflicts`).
    """
    reason = beyond_conflicts(problem)
    if reason is not None:
        raise InputError(f"this problem is more than choices in conflict: {reason}")
    requests = {r.id: (i, r) for i, r in enumerate(problem.requests)}
    vetoed = {(v.satellite, v.request, v.partner) for v in problem.vetoes}
    index = {o.id: k for k, o in enumerate(problem.opportunities)}
    forbidden = [tuple(index[id] for id in rule.opportunities) for rule in problem.forbidden]
    values, owners = [], []
    for k, o in enumerate(problem.opportunities):
        i, request = requests[o.request]
        values.append(request.value * o.probability)
        owners.append(i)
        partner = request.partner
        early = request.release_s is not None and o.start_s < request.release_s - TIME_TOLERANCE_S
        late = request.due_s is not None and o.start_s + o.duration_s > request.due_s + TIME_TOLERANCE_S
        barred = (o.satellite, request.id, None) in vetoed
        if early or late or barred or (partner is not None and (o.satellite, None, partner) in vetoed):
            forbidden.append((k,))
    for satellite in problem.satellites:
        forbidden += _overlaps(satellite, problem.opportunities, index)
    return ConflictProblem(
        values=tuple(values),
        owners=tuple(owners),
        forbidden=tuple(forbidden),
        knapsacks=tuple(
            Knapsack(most=c.most, choices=tuple(index[id] for id in c.opportunities), amounts=c.amounts)
            for c in problem.capacities
        ),
    )


def _overlaps(
    satellite: Satellite, opportunities: tuple[Opportunity, ...], index: dict[str, int]
) -> Iterator[tuple[int, int]]:
    """Pairs that one satellite cannot do because it does one acquisition at a time."""
    own = sorted(
        (o for o in opportunities if o.satellite == satellite.id), key=lambda o: (o.start_s, o.duration_s)
    )
    going: list[Opportunity] = []
    for o in own:
        going = [p for p in going if p.start_s + p.duration_s > o.start_s + TIME_TOLERANCE_S]
        yield from ((index[p.id], index[o.id]) for p in going)
        going.append(o)


def plan_of_conflicts(problem: PlanningProblem, found: ConflictPlan, *, seed: int = 0) -> Plan:
    """What was found for :func:`conflict_problem` of ``problem``, as its plan."""
    requests = {r.id: r for r in problem.requests}
    tiers: dict[int, float] = defaultdict(float)
    taken = [problem.opportunities[k] for k in found.taken]
    for o in taken:
        tiers[requests[o.request].tier] += requests[o.request].value * o.probability
    return Plan(
        activities=tuple(
            Activity(opportunity=o.id, start_s=o.start_s)
            for o in sorted(taken, key=lambda o: (o.start_s, o.id))
        ),
        value=found.value,
        tier_values=dict(sorted(tiers.items())),
        upper=found.upper,
        upper_for="the problem as stated",
        method="packing rows, branch and bound",
        solver="SCIP (OR-Tools)",
        seed=seed,
        work=float(found.work),
        stopped=found.stopped,
    )
