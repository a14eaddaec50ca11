"""Refuses problems that contradict themselves, naming the item, the value and the limit."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise
from typing import Any

from comity.core import InputError, UnknownIdError
from comity.planning.problem.fields import Misfit, check_numbers
from comity.planning.problem.types import (
    Activity,
    Battery,
    Downlink,
    Metric,
    Opportunity,
    PlanningProblem,
    Pointing,
    Request,
    Satellite,
    Slew,
    Span,
)

#: How far the norm of a unit vector, and the sum of an area's weights, may be from 1.
UNIT_TOLERANCE = 1e-6

#: The most that a horizon lasts (s), so that microseconds still count; that requests are worth together;
#: starts on the grid of one window, and pieces of a battery's trace.
_MOST_S, _MOST_WORTH, _MOST_PIECES = 1e9, 1e15, 1_000_000

_PARTS = {"line": (3,), "attitude": (4,), "axes-sum": (1, 2, 3), "axes-max": (1, 2, 3)}


def validate_problem(problem: PlanningProblem) -> None:
    """Raise :class:`InputError` (:class:`UnknownIdError` for a dangling id) at the first contradiction.

    Includes the frozen part: if it breaks a rule by itself, no plan exists.
    """
    _numbers(problem)
    _sizes(problem)
    _ids(problem)
    requests = {r.id: r for r in problem.requests}
    satellites = {s.id: s for s in problem.satellites}
    for request in problem.requests:
        _request(request, problem)
    for satellite in problem.satellites:
        _satellite(satellite)
    for opportunity in problem.opportunities:
        _opportunity(opportunity, requests, satellites, problem.horizon_s)
    _references(problem, set(satellites))
    _rules(problem, set(satellites))
    _frozen(problem)


def _numbers(problem: PlanningProblem) -> None:
    """Problems made in Python hold to the same limits as files."""
    try:
        check_numbers(problem)
    except Misfit as misfit:
        raise InputError(str(misfit)) from None


def _sizes(problem: PlanningProblem) -> None:
    """Numbers that arithmetic, or a search in bounded time and memory, could not take."""
    if problem.horizon_s > _MOST_S:
        raise InputError(
            f"the horizon is {problem.horizon_s:g} s, at most {_MOST_S:g} s can be planned: split it by time"
        )
    total = sum(r.value for r in problem.requests)
    if total > _MOST_WORTH:
        raise InputError(
            f"the values of all requests sum to {total:g}, at most {_MOST_WORTH:g} can be told apart: "
            "state them in a larger unit"
        )
    for o in problem.opportunities:
        if o.step_s is not None and (o.end_s - o.start_s) / o.step_s > _MOST_PIECES:
            raise InputError(
                f"opportunity {o.id!r} has {(o.end_s - o.start_s) / o.step_s:.3g} starts on its grid, "
                f"at most {_MOST_PIECES:,}: give a step_s above {o.step_s:g} s, or none for a free start"
            )
    for s in problem.satellites:
        step = None if s.battery is None else s.battery.sample_step_s
        if step is not None and problem.horizon_s / step > _MOST_PIECES:
            raise InputError(
                f"satellite {s.id!r}: its battery has {problem.horizon_s / step:.3g} samples, at most "
                f"{_MOST_PIECES:,}: give a longer sample_step_s than {step:g} s, or none for an exact trace"
            )


def _ids(problem: PlanningProblem) -> None:
    kinds: tuple[tuple[str, Sequence[Any]], ...] = (
        ("request", problem.requests),
        ("opportunity", problem.opportunities),
        ("satellite", problem.satellites),
        ("station", problem.stations),
        ("contact", problem.contacts),
        ("group", problem.groups),
        ("capacity", problem.capacities),
        ("partner", problem.partners),
    )
    for kind, items in kinds:
        seen: set[str] = set()
        for item in items:
            if not item.id:
                raise InputError(f"a {kind} has no id")
            if item.id in seen:
                raise InputError(f"{kind} id {item.id!r} is used twice")
            seen.add(item.id)


def _span(name: str, span: Span) -> None:
    if span[0] > span[1]:
        raise InputError(f"{name} ends at {span[1]:g} s, before it starts at {span[0]:g} s")


def _weights(name: str, cells: tuple[float, ...]) -> None:
    if abs(math.fsum(cells) - 1) > UNIT_TOLERANCE:
        raise InputError(f"{name}: the weights of its cells sum to {math.fsum(cells):g}, they must sum to 1")


def _request(request: Request, problem: PlanningProblem) -> None:
    name = f"request {request.id!r}"
    release, due = request.release_s or 0.0, request.due_s
    if due is not None and release > due:
        raise InputError(f"{name} is due at {due:g} s, before its release at {release:g} s")
    if request.cells is not None:
        _weights(name, request.cells)
    for span in request.periods:
        _span(f"a period of {name}", span)
    ordered = sorted(request.periods)
    for a, b in pairwise(ordered):
        if b[0] < a[1]:
            raise InputError(
                f"{name}: its period from {b[0]:g} s begins before the one before ends ({a[1]:g} s)"
            )


def _satellite(satellite: Satellite) -> None:
    name = f"satellite {satellite.id!r}"
    if satellite.slew is not None:
        _slew(name, satellite.slew)
    if satellite.rest is not None:
        if satellite.slew is None:
            raise InputError(f"{name} has a rest pointing but no slew")
        _pointing(f"{name}: rest", satellite.rest, satellite.slew.metric)
    if satellite.memory_bits is not None and satellite.stored_bits > satellite.memory_bits:
        raise InputError(
            f"{name} stores {satellite.stored_bits:g} bits at the start, "
            f"its memory has {satellite.memory_bits:g}"
        )
    for span in satellite.busy:
        _span(f"a busy span of {name}", span)
    for duty in satellite.duty:
        for span in duty.spans:
            _span(f"a duty span of {name}", span)
    if satellite.battery is not None:
        _battery(name, satellite.battery)


def _slew(name: str, slew: Slew) -> None:
    both = slew.rate_rad_s is not None, slew.acceleration_rad_s2 is not None
    if both[0] != both[1]:
        raise InputError(f"{name}: its slew needs both a rate and an acceleration, or neither")
    if slew.pieces and any(both):
        raise InputError(f"{name}: its slew has pieces and a rate: give one of them")
    ends = [p.upto_rad for p in slew.pieces]
    if ends != sorted(set(ends)):
        raise InputError(f"{name}: upto_rad of its slew's pieces must rise")


def _battery(name: str, battery: Battery) -> None:
    if not battery.least_j <= battery.initial_j <= battery.capacity_j:
        raise InputError(
            f"{name}: the battery starts at {battery.initial_j:g} J, which must lie between its least "
            f"{battery.least_j:g} J and its capacity {battery.capacity_j:g} J"
        )
    for span in battery.sunlit:
        _span(f"a sunlit span of {name}", span)
    ordered = sorted(battery.sunlit)
    for a, b in pairwise(ordered):
        if b[0] < a[1]:
            raise InputError(f"{name}: the sunlit span from {b[0]:g} s begins before the one before ends")


def _pointing(name: str, pointing: Pointing, metric: Metric) -> None:
    if not pointing.at_s or len(pointing.at_s) != len(pointing.samples):
        raise InputError(
            f"{name} has {len(pointing.at_s)} times and {len(pointing.samples)} samples: as many, 1 at least"
        )
    if any(b <= a for a, b in zip(pointing.at_s, pointing.at_s[1:], strict=False)):
        raise InputError(f"{name}: its times must rise")
    size = len(pointing.samples[0])
    for sample in pointing.samples:
        if len(sample) not in _PARTS[metric] or len(sample) != size:
            wanted = " or ".join(map(str, _PARTS[metric]))
            raise InputError(f"{name}: a sample has {len(sample)} components, {metric} has {wanted}")
        if metric in ("line", "attitude") and abs(math.hypot(*sample) - 1) > UNIT_TOLERANCE:
            raise InputError(f"{name}: a sample has length {math.hypot(*sample):g}, it must be 1")


def _opportunity(
    o: Opportunity, requests: dict[str, Request], satellites: dict[str, Satellite], horizon_s: float
) -> None:
    name = f"opportunity {o.id!r}"
    if o.request not in requests:
        raise UnknownIdError(f"request of {name}:", o.request, tuple(requests))
    if o.satellite not in satellites:
        raise UnknownIdError(f"satellite of {name}:", o.satellite, tuple(satellites))
    request, satellite = requests[o.request], satellites[o.satellite]
    _span(f"the window of {name}", (o.start_s, o.end_s))
    if o.duration_s > o.end_s - o.start_s + 1e-9:
        raise InputError(
            f"{name} lasts {o.duration_s:g} s, its window from {o.start_s:g} to {o.end_s:g} s is shorter"
        )
    if o.end_s > horizon_s:
        raise InputError(f"{name} ends at {o.end_s:g} s, after the horizon ({horizon_s:g} s)")
    if o.pointing is not None and satellite.slew is not None:
        _pointing(f"{name}: pointing", o.pointing, satellite.slew.metric)
    if (o.cells is None) != (request.cells is None):
        raise InputError(f"{name} and its request must both have cells, or both have none")
    for cell in o.cells or ():
        if cell >= len(request.cells or ()):
            raise InputError(f"{name}: cell {cell} is not one of 0 … {len(request.cells or ()) - 1}")
    if request.views > 1 and (o.view is None or o.pass_id is None):
        raise InputError(f"{name}: its request wants {request.views} views: give its view and pass_id")


def _references(problem: PlanningProblem, satellites: set[str]) -> None:
    opportunities = {o.id: o for o in problem.opportunities}
    contacts = {c.id for c in problem.contacts}
    partners = {p.id for p in problem.partners}
    stations, groups = {s.id for s in problem.stations}, {g.id for g in problem.groups}
    requests = {r.id for r in problem.requests}
    owners: list[tuple[str, str | None]] = [(f"request {r.id!r}", r.partner) for r in problem.requests]
    owners += [(f"satellite {s.id!r}", s.partner) for s in problem.satellites]
    owners += [(f"station {s.id!r}", s.partner) for s in problem.stations]
    owners += [("a share", s.partner) for s in problem.shares]
    owners += [("an exclusive use", e.partner) for e in problem.exclusives]
    owners += [("a veto", v.partner) for v in problem.vetoes]
    for name, partner in owners:
        if partner is not None:
            _known(f"partner of {name}", partner, partners)
    for r in problem.requests:
        if r.group is not None:
            _known(f"group of request {r.id!r}", r.group, groups)
    for s in problem.stations:
        for span in s.busy:
            _span(f"a busy span of station {s.id!r}", span)
    for c in problem.contacts:
        _known(f"satellite of contact {c.id!r}", c.satellite, satellites)
        _known(f"station of contact {c.id!r}", c.station, stations)
        _span(f"contact {c.id!r}", (c.start_s, c.end_s))
    for v in problem.vetoes:
        _known("satellite of a veto", v.satellite, satellites)
        if (v.request is None) == (v.partner is None):
            raise InputError(f"the veto of {v.satellite!r} must name a request or a partner, one of the two")
        if v.request is not None:
            _known("request of a veto", v.request, requests)
    for e in problem.exclusives:
        _known("satellite of an exclusive use", e.satellite, satellites)
        _span(f"the exclusive use of {e.satellite!r}", e.span)
    for share in problem.shares:
        for id in share.satellites:
            _known(f"satellite of the share of {share.partner!r}", id, satellites)
    named: list[tuple[str, Iterable[str]]] = [
        ("a forbidden combination", f.opportunities) for f in problem.forbidden
    ]
    named += [(f"capacity {c.id!r}", c.opportunities) for c in problem.capacities]
    named += [("a transition", (t.first, t.second)) for t in problem.transitions]
    before = [a.opportunity for a in problem.previous]
    if len(set(before)) < len(before):
        twice = next(id for id in before if before.count(id) > 1)
        raise InputError(f"the previous plan has {twice!r} twice: an opportunity is acquired once at most")
    named += [("the frozen plan", [a.opportunity for a in problem.frozen])]
    named += [("the previous plan", [a.opportunity for a in problem.previous])]
    for name, ids in named:
        for id in ids:
            _known(f"opportunity of {name}", id, opportunities)
    for d in problem.frozen_downlinks:
        _known("contact of a frozen downlink", d.contact, contacts)
        for load in d.loads:
            if load.opportunity is not None:
                _known("opportunity of a frozen downlink", load.opportunity, opportunities)
    for t in problem.transitions:
        if opportunities[t.first].satellite != opportunities[t.second].satellite or t.first == t.second:
            raise InputError(
                f"transition {t.first!r} to {t.second!r}: not two opportunities of one satellite"
            )


def _known(what: str, id: str, known: Collection[str]) -> None:
    if id not in known:
        raise UnknownIdError(f"{what}:", id, tuple(sorted(known)[:9]))


def _rules(problem: PlanningProblem, satellites: set[str]) -> None:
    for rule in problem.forbidden:
        if not rule.opportunities or len(set(rule.opportunities)) < len(rule.opportunities):
            raise InputError(f"a forbidden combination names {rule.opportunities}: one or more, each once")
    for sack in problem.capacities:
        if len(sack.opportunities) != len(sack.amounts):
            raise InputError(
                f"capacity {sack.id!r} has {len(sack.opportunities)} opportunities "
                f"and {len(sack.amounts)} amounts"
            )
        if len(set(sack.opportunities)) < len(sack.opportunities):
            raise InputError(f"capacity {sack.id!r} names an opportunity twice")
    if problem.frozen_until_s > problem.horizon_s:
        raise InputError(
            f"the plan is frozen until {problem.frozen_until_s:g} s, the horizon is {problem.horizon_s:g} s"
        )


def _frozen(problem: PlanningProblem) -> None:
    from comity.planning.problem.checker import judge_parts

    activities: tuple[Activity, ...] = problem.frozen
    downlinks: tuple[Downlink, ...] = problem.frozen_downlinks
    broken = judge_parts(problem, activities, downlinks, whole=False).violations
    if broken:
        what = "the frozen part of the plan" if activities or downlinks else "even the empty plan"
        more = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
        raise InputError(f"{what} breaks a rule: {broken[0].kind}: {broken[0].text}{more}")
