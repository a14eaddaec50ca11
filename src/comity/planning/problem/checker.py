"""Checks a plan against its problem, from first principles: shares nothing with any solver but the types."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from comity.planning.problem.resources import Act, Sent, energy, storage
from comity.planning.problem.rules import duties, group_rules, permissions, tries_and_spacing
from comity.planning.problem.turning import angle_rad, pointing_at, turn_s
from comity.planning.problem.types import (
    Activity,
    Downlink,
    Opportunity,
    Plan,
    PlanningProblem,
    Request,
    Satellite,
    Station,
    Transition,
)
from comity.planning.problem.violations import (
    TIME_TOLERANCE_S,
    TOLERANCE,
    PlanViolation,
    above,
    broken,
    overlapping,
)
from comity.planning.problem.worth import Worth, worth_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the checker finds: the plan's ``worth`` by the stated model, and every rule it breaks."""

    worth: Worth
    violations: tuple[PlanViolation, ...]


def judge(problem: PlanningProblem, plan: Plan) -> Judgement:
    """Worth and violations of ``plan``; a valid plan has none, and claims the value it has."""
    found = judge_parts(problem, plan.activities, plan.downlinks)
    worth = found.worth
    violations = list(found.violations)
    slack = TOLERANCE * max(1.0, math.fsum(r.value for r in problem.requests))
    if not abs(plan.value - worth.value) <= slack:
        text = f"claims value {plan.value!r}, earns {worth.value!r}"
        violations.append(broken("value", (), plan.value, worth.value, text))
    if not plan.upper >= worth.value - slack:
        text = f"upper bound {plan.upper!r} is below the value {worth.value!r}"
        violations.append(broken("bound", (), plan.upper, worth.value, text))
    return Judgement(worth=worth, violations=tuple(violations))


def judge_parts(
    problem: PlanningProblem,
    activities: Sequence[Activity],
    downlinks: Sequence[Downlink] = (),
    *,
    whole: bool = True,
) -> Judgement:
    """The same for acquisitions and downlinks alone.

    ``whole`` False: they are the frozen part of a plan; what later parts may still do (delivery, fairness) is
    not asked for.
    """
    known = {o.id: o for o in problem.opportunities}
    requests = {r.id: r for r in problem.requests}
    found: list[PlanViolation] = []
    taken = _taken(problem, activities, known, found)
    acts = _acts(problem, taken, known, found)
    sent = _sent(problem, downlinks, found)
    for satellite in problem.satellites:
        own, passes = acts.get(satellite.id, []), sent.get(satellite.id, [])
        found += _apart(satellite, own, passes)
        found += energy(satellite, problem.horizon_s, own, passes)
        found += storage(satellite, own, passes, requests, deliveries=whole)
        found += duties(satellite, own)
    everything = [act for own in acts.values() for act in own]
    found += _antennas({s.id: s for s in problem.stations}, [s for own in sent.values() for s in own])
    found += tries_and_spacing(problem, taken, known)
    found += permissions(problem, everything, requests)
    if whole:
        found += _frozen(problem, taken, downlinks)
    worth = worth_of(problem, taken)
    found += group_rules(problem, worth, everything, fairness=whole)
    return Judgement(worth=worth, violations=tuple(found))


def _taken(
    problem: PlanningProblem,
    activities: Iterable[Activity],
    known: dict[str, Opportunity],
    found: list[PlanViolation],
) -> list[Activity]:
    """Activities of known opportunities, each once; what is wrong with a single one is noted."""
    taken: dict[str, Activity] = {}
    requests: dict[str, Request] = {r.id: r for r in problem.requests}
    for a in activities:
        if a.opportunity not in known:
            found.append(broken("unknown", (a.opportunity,), 0, 0, f"no opportunity {a.opportunity!r}"))
        elif a.opportunity in taken:
            text = f"{a.opportunity!r} is acquired more than once"
            found.append(broken("repeated", (a.opportunity,), 2, 1, text))
        elif not math.isfinite(a.start_s):
            found.append(broken("window", (a.opportunity,), a.start_s, 0, "its start is no number"))
        else:
            taken[a.opportunity] = a
            found += _in_window(a, known[a.opportunity], requests[known[a.opportunity].request], problem)
    return list(taken.values())


def _in_window(
    a: Activity, o: Opportunity, request: Request, problem: PlanningProblem
) -> list[PlanViolation]:
    found = []
    end = a.start_s + o.duration_s
    earliest = max(o.start_s, 0.0 if request.release_s is None else request.release_s)
    latest = min(o.end_s, problem.horizon_s, math.inf if request.due_s is None else request.due_s)
    if a.start_s < earliest - TIME_TOLERANCE_S:
        text = f"starts at {a.start_s:g} s, may from {earliest:g} s"
        found.append(broken("window", (o.id,), a.start_s, earliest, text))
    if end > latest + TIME_TOLERANCE_S:
        text = f"ends at {end:g} s, must by {latest:g} s"
        found.append(broken("window", (o.id,), end, latest, text))
    if o.step_s is not None:
        off = abs(math.remainder(a.start_s - o.start_s, o.step_s))
        if off > TIME_TOLERANCE_S:
            text = f"starts {off:g} s off the grid of {o.step_s:g} s"
            found.append(broken("step", (o.id,), off, 0.0, text))
    return found


def _acts(
    problem: PlanningProblem,
    taken: Sequence[Activity],
    known: dict[str, Opportunity],
    found: list[PlanViolation],
) -> dict[str, list[Act]]:
    """Acquisitions by satellite in order of time, each with the beginning of its turn."""
    satellites = {s.id: s for s in problem.satellites}
    fixed: dict[str, list[Transition]] = defaultdict(list)
    for t in problem.transitions:
        fixed[t.second].append(t)
    by_satellite: dict[str, list[Activity]] = defaultdict(list)
    for a in taken:
        by_satellite[known[a.opportunity].satellite].append(a)
    acts = {}
    for id, own in by_satellite.items():
        own.sort(key=lambda a: (a.start_s, a.start_s + known[a.opportunity].duration_s, a.opportunity))
        acts[id] = _turns(satellites[id], own, known, fixed, found)
    return acts


def _turns(
    satellite: Satellite,
    own: Sequence[Activity],
    known: dict[str, Opportunity],
    fixed: dict[str, list[Transition]],
    found: list[PlanViolation],
) -> list[Act]:
    acts: list[Act] = []
    starts = {a.opportunity: a.start_s for a in own}
    previous: Activity | None = None  # the last one with a pointing
    for a in own:
        o = known[a.opportunity]
        replaced = {}
        for t in fixed.get(o.id, ()):
            earlier = starts.get(t.first, math.inf)
            if (earlier, t.first) < (a.start_s, o.id):
                replaced[t.first] = t.least_s
                gap = a.start_s - earlier - known[t.first].duration_s
                if gap < t.least_s - TIME_TOLERANCE_S:
                    text = f"{gap:.3f} s between them, {t.least_s:.3f} s needed"
                    found.append(broken("transition", (t.first, o.id), gap, t.least_s, text))
        need = 0.0
        if o.pointing is not None and satellite.slew is not None:
            need = _need(satellite, previous, a, known, replaced, found)
            previous = a
        acts.append(Act(o, a.start_s, a.start_s + o.duration_s, a.start_s - need))
    return acts


def _need(
    satellite: Satellite,
    previous: Activity | None,
    a: Activity,
    known: dict[str, Opportunity],
    replaced: dict[str, float],
    found: list[PlanViolation],
) -> float:
    """Time (s) of turn and settling before ``a``; noted when it does not fit."""
    slew, o = satellite.slew, known[a.opportunity]
    if slew is None or o.pointing is None:
        return 0.0
    target = pointing_at(o.pointing, a.start_s, slew.metric)
    if previous is None:
        if satellite.rest is None:
            return 0.0
        origin, free_from, who = (
            pointing_at(satellite.rest, a.start_s, slew.metric),
            satellite.ready_s,
            "rest",
        )
    else:
        if previous.opportunity in replaced:
            return replaced[previous.opportunity]
        before = known[previous.opportunity]
        free_from, who = previous.start_s + before.duration_s, before.id
        if before.pointing is None:
            return 0.0
        origin = pointing_at(before.pointing, free_from, slew.metric)
    turn = angle_rad(origin, target, slew.metric)
    need, gap = turn_s(slew, turn), a.start_s - free_from
    if gap < need - TIME_TOLERANCE_S:
        text = f"{gap:.3f} s for {math.degrees(turn):.4f}°, {need:.3f} s needed"
        found.append(broken("turn", (satellite.id, who, o.id), gap, need, text))
    return need if math.isfinite(need) else 0.0


def _apart(satellite: Satellite, acts: Sequence[Act], sent: Sequence[Sent]) -> list[PlanViolation]:
    """One acquisition at a time, one downlink at a time, both off busy spans (and off each other)."""
    found = []
    busy = sorted(satellite.busy)
    images = [((a.start_s, a.end_s), a.opportunity.id) for a in acts]
    sends = sorted(((s.downlink.start_s, s.downlink.end_s), s.contact.id) for s in sent)
    for spans, kind in ((images, "overlap"), (sends, "sending")):
        furthest: tuple[float, str] | None = None
        for span, id in spans:
            if furthest and span[0] < furthest[0] - TIME_TOLERANCE_S:
                text = f"{id} starts at {span[0]:g} s, {furthest[1]} goes on to {furthest[0]:g} s"
                found.append(
                    broken(
                        "overlap" if kind == "overlap" else "sending",
                        (furthest[1], id),
                        span[0],
                        furthest[0],
                        text,
                    )
                )
            if furthest is None or span[1] > furthest[0]:
                furthest = span[1], id
            for taken in busy:
                if overlapping(span, taken):
                    shared = min(span[1], taken[1]) - max(span[0], taken[0])
                    text = f"{satellite.id} is busy from {taken[0]:g} to {taken[1]:g} s"
                    found.append(broken("busy", (satellite.id, id), shared, 0.0, text))
    if not satellite.images_while_sending:
        for a, image in images:
            for b, contact in sends:
                gap = max(b[0] - a[1], a[0] - b[1])
                if gap < satellite.sending_gap_s - TIME_TOLERANCE_S:
                    text = f"{gap:.3f} s between imaging and sending, {satellite.sending_gap_s:g} s needed"
                    found.append(broken("sending", (image, contact), gap, satellite.sending_gap_s, text))
    return found


def _sent(
    problem: PlanningProblem, downlinks: Sequence[Downlink], found: list[PlanViolation]
) -> dict[str, list[Sent]]:
    contacts = {c.id: c for c in problem.contacts}
    sent: dict[str, list[Sent]] = defaultdict(list)
    for d in downlinks:
        c = contacts.get(d.contact)
        if c is None:
            found.append(broken("unknown", (d.contact,), 0, 0, f"no contact {d.contact!r}"))
            continue
        sent[c.satellite].append(Sent(c, d))
        outside = max(c.start_s - d.start_s, d.end_s - min(c.end_s, problem.horizon_s), d.start_s - d.end_s)
        if not outside <= TIME_TOLERANCE_S:
            text = f"{d.start_s:g} to {d.end_s:g} s, the contact is from {c.start_s:g} to {c.end_s:g} s"
            found.append(broken("contact", (c.id,), outside, 0.0, text))
        bits, most = math.fsum(x.bits for x in d.loads), c.rate_bps * (d.end_s - d.start_s)
        if above(bits, most + c.rate_bps * TIME_TOLERANCE_S) or any(x.bits < 0 for x in d.loads):
            text = f"{bits:g} bits in {d.end_s - d.start_s:.3f} s at {c.rate_bps:g} bit/s"
            found.append(broken("contact", (c.id,), bits, most, text))
    for own in sent.values():
        own.sort(key=lambda s: s.downlink.start_s)
    return sent


def _antennas(stations: dict[str, Station], sent: Sequence[Sent]) -> list[PlanViolation]:
    """Each contact in use holds an antenna from its first downlink to its last, and set-up after it."""
    found = []
    held: dict[str, tuple[str, float, float]] = {}
    for s in sent:
        c, d = s.contact, s.downlink
        _, first, last = held.get(c.id, (c.station, math.inf, -math.inf))
        held[c.id] = c.station, min(first, d.start_s), max(last, d.end_s)
        for span in stations[c.station].busy:
            if overlapping((d.start_s, d.end_s), span):
                shared = min(d.end_s, span[1]) - max(d.start_s, span[0])
                text = f"{c.station} is busy from {span[0]:g} to {span[1]:g} s"
                found.append(broken("busy", (c.station, c.id), shared, 0.0, text))
    edges: dict[str, list[tuple[float, int, str]]] = defaultdict(list)
    for id, (station, first, last) in held.items():
        edges[station].append((first, 1, id))
        free = last + stations[station].setup_s - TIME_TOLERANCE_S
        edges[station].append((max(first, free), -1, id))
    for station, times in edges.items():
        running, most = 0, stations[station].antennas
        for at, change, id in sorted(times):
            running += change
            if running > most and change > 0:
                text = f"{running} contacts at {at:g} s, {most} antennas"
                found.append(broken("antennas", (station, id), running, most, text))
    return found


def _frozen(
    problem: PlanningProblem, taken: Sequence[Activity], downlinks: Sequence[Downlink]
) -> list[PlanViolation]:
    found = []
    starts = {a.opportunity: a.start_s for a in taken}
    frozen = {a.opportunity for a in problem.frozen}
    for a in problem.frozen:
        start = starts.get(a.opportunity, math.nan)
        if not abs(start - a.start_s) <= TIME_TOLERANCE_S:
            text = f"frozen at {a.start_s:g} s, planned at {start:g} s"
            found.append(broken("frozen", (a.opportunity,), start, a.start_s, text))
    for d in problem.frozen_downlinks:
        if d not in downlinks:
            text = f"the frozen downlink of {d.start_s:g} s is not in the plan"
            found.append(broken("frozen", (d.contact,), 0.0, d.start_s, text))
    early = [(a.opportunity, a.start_s) for a in taken if a.opportunity not in frozen]
    early += [(d.contact, d.start_s) for d in downlinks if d not in problem.frozen_downlinks]
    for id, start in early:
        if start < problem.frozen_until_s - TIME_TOLERANCE_S:
            text = f"starts at {start:g} s, the plan is frozen until {problem.frozen_until_s:g} s"
            found.append(broken("frozen", (id,), start, problem.frozen_until_s, text))
    return found
