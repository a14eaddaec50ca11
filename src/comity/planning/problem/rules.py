"""The checker's rules that are not about time: tries, duty, knapsacks, conflicts, partners."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

from comity.planning.problem.resources import Act
from comity.planning.problem.types import Activity, Opportunity, PlanningProblem, Request, Satellite
from comity.planning.problem.violations import TIME_TOLERANCE_S, PlanViolation, above, broken, overlapping
from comity.planning.problem.worth import Worth, in_period, tries_of


def tries_and_spacing(
    problem: PlanningProblem, taken: Sequence[Activity], known: dict[str, Opportunity]
) -> list[PlanViolation]:
    """Points are tried no more often than allowed, and tries keep their distance."""
    found = []
    by_request: dict[str, list[Activity]] = defaultdict(list)
    for a in taken:
        by_request[known[a.opportunity].request].append(a)
    for request in problem.requests:
        tries = tries_of(request, by_request.get(request.id, ()), known)
        if request.cells is None:
            count: dict[int | None, int] = defaultdict(int)
            for each in tries:
                count[in_period(request, each.start_s)] += 1
            most = max(count.values(), default=0)
            if most > request.tries:
                who = (request.id, *(o.id for t in tries for o in t.members))
                text = f"{request.id} is tried {most} times, {request.tries} allowed"
                found.append(broken("tries", who, most, request.tries, text))
        for first, second in pairwise(tries):
            gap = second.start_s - first.start_s
            if gap < request.spacing_s - TIME_TOLERANCE_S:
                text = f"tries of {request.id} start {gap:g} s apart, {request.spacing_s:g} s at least"
                found.append(broken("spacing", (request.id,), gap, request.spacing_s, text))
    return found


def duties(satellite: Satellite, acts: Sequence[Act]) -> list[PlanViolation]:
    """Imaging time and number in each span of each duty limit."""
    found = []
    for duty in satellite.duty:
        for first, last in duty.spans:
            seconds = math.fsum(max(0.0, min(a.end_s, last) - max(a.start_s, first)) for a in acts)
            count = sum(1 for a in acts if first <= a.start_s < last)
            where = f"{satellite.id} from {first:g} to {last:g} s"
            if duty.most_s is not None and above(seconds, duty.most_s):
                text = f"{where}: {seconds:g} s of imaging, at most {duty.most_s:g}"
                found.append(broken("duty", (satellite.id,), seconds, duty.most_s, text))
            if duty.most_count is not None and count > duty.most_count:
                text = f"{where}: {count} acquisitions, at most {duty.most_count}"
                found.append(broken("duty", (satellite.id,), count, duty.most_count, text))
    return found


def permissions(
    problem: PlanningProblem, acts: Sequence[Act], requests: dict[str, Request]
) -> list[PlanViolation]:
    """Vetoes, exclusive use, partners' shares."""
    found = []
    vetoed = {(v.satellite, v.request, v.partner) for v in problem.vetoes}
    for act in acts:
        o, request = act.opportunity, requests[act.opportunity.request]
        partner = request.partner
        barred = (o.satellite, request.id, None) in vetoed
        if barred or (partner is not None and (o.satellite, None, partner) in vetoed):
            text = f"{o.satellite} must not serve {request.id}"
            found.append(broken("veto", (o.satellite, o.id), 1, 0, text))
        for use in problem.exclusives:
            shared = min(act.end_s, use.span[1]) - max(act.start_s, use.span[0])
            inside = overlapping((act.start_s, act.end_s), use.span)
            if use.satellite == o.satellite and partner != use.partner and inside:
                text = f"{o.satellite} is {use.partner}'s alone from {use.span[0]:g} to {use.span[1]:g} s"
                found.append(broken("exclusive", (o.satellite, o.id), shared, 0.0, text))
    for share in problem.shares:
        own = [
            a
            for a in acts
            if a.opportunity.satellite in share.satellites
            and requests[a.opportunity.request].partner == share.partner
        ]
        seconds = math.fsum(a.end_s - a.start_s for a in own)
        if share.most_s is not None and above(seconds, share.most_s):
            text = f"{share.partner} gets {seconds:g} s of imaging, at most {share.most_s:g}"
            found.append(broken("share", (share.partner,), seconds, share.most_s, text))
        if share.most_count is not None and len(own) > share.most_count:
            text = f"{share.partner} gets {len(own)} acquisitions, at most {share.most_count}"
            found.append(broken("share", (share.partner,), len(own), share.most_count, text))
    return found


def group_rules(
    problem: PlanningProblem, worth: Worth, acts: Sequence[Act], *, fairness: bool
) -> list[PlanViolation]:
    """Groups, forbidden combinations, knapsacks, fairness."""
    found = []
    taken = {a.opportunity.id for a in acts}
    tried = {a.opportunity.request for a in acts}
    members: dict[str | None, list[str]] = defaultdict(list)
    for request in problem.requests:
        if request.id in tried:
            members[request.group].append(request.id)
    for group in problem.groups:
        count = len(members[group.id])
        if group.most is not None and count > group.most:
            text = f"{count} requests of group {group.id} are served, at most {group.most}"
            found.append(broken("group", (group.id, *members[group.id]), count, group.most, text))
    for rule in problem.forbidden:
        if taken.issuperset(rule.opportunities):
            text = f"{', '.join(rule.opportunities)} must not all be taken"
            found.append(broken("forbidden", rule.opportunities, len(rule.opportunities), 0, text))
    for sack in problem.capacities:
        pairs = zip(sack.opportunities, sack.amounts, strict=True)
        amount = math.fsum(x for id, x in pairs if id in taken)
        if above(amount, sack.most):
            text = f"{sack.id} holds {amount:g}, at most {sack.most:g}"
            found.append(broken("capacity", (sack.id,), amount, sack.most, text))
    for partner in problem.partners if fairness else ():
        if partner.alone_value is None:
            continue
        earned = math.fsum(worth.requests[r.id] for r in problem.requests if r.partner == partner.id)
        least = partner.fair_fraction * partner.alone_value
        if above(least, earned):
            text = f"requests of {partner.id} earn {earned:g}, at least {least:g} is fair"
            found.append(broken("fairness", (partner.id,), earned, least, text))
    return found
