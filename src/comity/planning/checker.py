"""Checks a plan against its problem, from first principles.

Shares nothing with the solvers but the model types: its own slew time, its own memory trace, its own
worth. Slow and plain on purpose.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Literal

from comity.planning.model import (
    Contact,
    Opportunity,
    PlannedDownlink,
    Problem,
    Solution,
    SpacecraftLimits,
)

#: How far times (s), bits (relative to all on board) and worth (relative) may be off.
TIME_TOLERANCE_S = 1e-6
BITS_TOLERANCE = 2e-6
WORTH_TOLERANCE = 1e-9

ViolationKind = Literal[
    "unknown", "repeated", "horizon", "committed", "slew", "settle", "contact", "antennas", "memory",
    "unsent", "carriage", "worth", "bound",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One rule that a plan breaks: ``who`` breaks it (ids), ``text`` says by how much."""

    kind: ViolationKind
    who: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class _Pass:
    contact: Contact
    sent: PlannedDownlink


def check(problem: Problem, solution: Solution) -> list[Violation]:
    """Everything in ``solution`` that breaks a rule of ``problem``; empty for a valid plan."""
    found: list[Violation] = []
    opportunities = {o.id: o for o in problem.opportunities}
    contacts = {c.id: c for c in problem.contacts}
    acts: dict[str, list[Opportunity]] = defaultdict(list)
    passes: dict[str, list[_Pass]] = defaultdict(list)
    chosen: list[Opportunity] = []
    for a in solution.acquisitions:
        if a.opportunity not in opportunities:
            found.append(Violation(kind="unknown", who=(a.opportunity,), text="no such opportunity"))
            continue
        o = opportunities[a.opportunity]
        acts[o.spacecraft].append(o)
        chosen.append(o)
    for d in solution.downlinks:
        if d.contact not in contacts:
            found.append(Violation(kind="unknown", who=(d.contact,), text="no such contact"))
            continue
        passes[contacts[d.contact].spacecraft].append(_Pass(contacts[d.contact], d))
    found += _once(problem, chosen)
    for limits in problem.spacecraft:
        own_acts = sorted(acts[limits.id], key=lambda o: o.start_s)
        own_passes = sorted(passes[limits.id], key=lambda p: p.sent.start_s)
        found += _time(problem, limits, own_acts, own_passes)
        found += _memory(limits, own_acts, own_passes)
        found += _carriage(solution, limits, own_acts, own_passes)
    found += _stations(problem, [p for own in passes.values() for p in own])
    found += _worth(problem, solution, chosen)
    return found


def _once(problem: Problem, chosen: list[Opportunity]) -> list[Violation]:
    found = []
    points = {t.id for t in problem.tasks if t.cells is None}
    seen: dict[str, str] = {}
    for o in chosen:
        key = "task " + o.task if o.task in points else "opportunity " + o.id
        if key in seen:
            text = f"{key} is taken more than once"
            found.append(Violation(kind="repeated", who=(seen[key], o.id), text=text))
        seen[key] = o.id
    return found


def _turn_s(first: Opportunity, second: Opportunity, limits: SpacecraftLimits) -> float:
    """Rest-to-rest time (s) to turn from the end of ``first`` to the start of ``second``."""
    u, w = first.to_direction, second.from_direction
    # Kahan's form keeps its accuracy at angles near 0 and π, where acos of a dot product does not.
    angle = 2 * math.atan2(math.dist(u, w), math.hypot(*(a + b for a, b in zip(u, w, strict=True))))
    rate, acceleration = limits.slew_rate_rad_s, limits.slew_acceleration_rad_s2
    ramp_s = rate / acceleration
    if angle < rate * ramp_s:
        return 2 * math.sqrt(angle / acceleration)
    return 2 * ramp_s + (angle - rate * ramp_s) / rate


def _time(
    problem: Problem, limits: SpacecraftLimits, acts: list[Opportunity], passes: list[_Pass]
) -> list[Violation]:
    """One thing at a time: turning and settling between acts, nothing in committed time."""
    found = []
    spans = [(o.start_s, o.end_s, o.id) for o in acts]
    spans += [(p.sent.start_s, p.sent.end_s, p.contact.id) for p in passes]
    for start, end, id in spans:
        if start < -TIME_TOLERANCE_S or end > problem.horizon_s + TIME_TOLERANCE_S:
            found.append(Violation(kind="horizon", who=(id,), text=f"{start} to {end} s"))
        for a, b in problem.busy_spacecraft.get(limits.id, ()):
            if min(end, b) - max(start, a) > TIME_TOLERANCE_S:
                text = f"{start} to {end} s, committed from {a} to {b} s"
                found.append(Violation(kind="committed", who=(limits.id, id), text=text))
    for i, first in enumerate(acts):
        for second in acts[i + 1 :]:
            need = limits.settle_s + _turn_s(first, second, limits)
            have = second.start_s - first.end_s
            if have < need - TIME_TOLERANCE_S:
                text = f"{have:.3f} s between them, {need:.3f} s needed"
                found.append(Violation(kind="slew", who=(first.id, second.id), text=text))
    for i, p in enumerate(passes):
        for o in acts:
            have = max(p.sent.start_s - o.end_s, o.start_s - p.sent.end_s)
            if have < limits.settle_s - TIME_TOLERANCE_S:
                text = f"{have:.3f} s between them, {limits.settle_s:.3f} s needed"
                found.append(Violation(kind="settle", who=(o.id, p.contact.id), text=text))
        for q in passes[i + 1 :]:
            if q.sent.start_s < p.sent.end_s - TIME_TOLERANCE_S:
                text = f"{limits.id} would send twice at {q.sent.start_s} s"
                found.append(Violation(kind="settle", who=(p.contact.id, q.contact.id), text=text))
    return found


def _memory(limits: SpacecraftLimits, acts: list[Opportunity], passes: list[_Pass]) -> list[Violation]:
    """Trace what is on board, act by act: never too much, never less than is sent, nothing at the end."""
    found = []
    total = limits.stored_bits + sum(o.bits for o in acts)
    tolerance = BITS_TOLERANCE * min(total, limits.memory_bits)
    level = limits.stored_bits
    events: list[tuple[float, float, str]] = [(o.start_s, o.bits, o.id) for o in acts]
    events += [(p.sent.start_s, -p.sent.bits, p.contact.id) for p in passes]
    for at, change, id in sorted(events):
        level += change
        if level > limits.memory_bits + tolerance:
            text = f"{level:g} bits on board at {at} s, memory holds {limits.memory_bits:g}"
            found.append(Violation(kind="memory", who=(limits.id, id), text=text))
        if level < -tolerance:
            text = f"sends {-level:g} bits more by {at} s than were recorded"
            found.append(Violation(kind="unsent", who=(limits.id, id), text=text))
    if level > tolerance and any(o.bits > 0 for o in acts):
        text = f"{level:g} bits are never sent"
        found.append(Violation(kind="unsent", who=(limits.id,), text=text))
    return found


def _carriage(
    solution: Solution, limits: SpacecraftLimits, acts: list[Opportunity], passes: list[_Pass]
) -> list[Violation]:
    """Each acquisition names the contacts that carry it when the first recorded is the first sent."""
    found = []
    named = {a.opportunity: a.downlinks for a in solution.acquisitions}
    slack = BITS_TOLERANCE * (limits.stored_bits + sum(o.bits for o in acts))
    position = limits.stored_bits
    for o in acts:
        sure, maybe = set(), set()
        sent = 0.0
        for p in passes:
            common = min(sent + p.sent.bits, position + o.bits) - max(sent, position)
            if common > slack:
                sure.add(p.contact.id)
            if common > -slack:
                maybe.add(p.contact.id)
            sent += p.sent.bits
        position += o.bits
        if not sure <= set(named[o.id]) <= maybe or (o.bits > 0 and not named[o.id]):
            text = f"names {named[o.id]}, is carried by {tuple(sorted(sure))}"
            found.append(Violation(kind="carriage", who=(o.id,), text=text))
    return found


def _stations(problem: Problem, passes: list[_Pass]) -> list[Violation]:
    """Sessions stay inside their contacts, at the contact's rate, within each station's antennas."""
    found = []
    edges: dict[str, list[tuple[float, int, str]]] = defaultdict(list)
    for p in passes:
        c, d = p.contact, p.sent
        outside = d.start_s < c.start_s - TIME_TOLERANCE_S or d.end_s > c.end_s + TIME_TOLERANCE_S
        if outside or d.start_s >= d.end_s:
            text = f"{d.start_s} to {d.end_s} s, contact {c.start_s} to {c.end_s} s"
            found.append(Violation(kind="contact", who=(c.id,), text=text))
        if d.bits < 0 or d.bits > c.rate_bps * (d.end_s - d.start_s) * (1 + 1e-9) + 1:
            text = f"{d.bits:g} bits in {d.end_s - d.start_s:.3f} s at {c.rate_bps:g} bit/s"
            found.append(Violation(kind="contact", who=(c.id,), text=text))
        for a, b in problem.busy_stations.get(c.station, ()):
            if min(d.end_s, b) - max(d.start_s, a) > TIME_TOLERANCE_S:
                text = f"{d.start_s} to {d.end_s} s, {c.station} committed from {a} to {b} s"
                found.append(Violation(kind="committed", who=(c.station, c.id), text=text))
        # Shortened by the tolerance, so that sessions may touch.
        edges[c.station].append((d.start_s, 1, c.id))
        edges[c.station].append((max(d.start_s, d.end_s - TIME_TOLERANCE_S), -1, c.id))
    for station, times in edges.items():
        running = 0
        for at, change, id in sorted(times):
            running += change
            if running > problem.antennas[station]:
                text = f"{running} sessions at {at} s, {problem.antennas[station]} antennas"
                found.append(Violation(kind="antennas", who=(station, id), text=text))
    return found


def _worth(problem: Problem, solution: Solution, chosen: list[Opportunity]) -> list[Violation]:
    """The values claimed are those of the acquisitions, and the bound is not below their sum."""
    found = []
    total = 0.0
    for task in problem.tasks:
        mine = [o for o in chosen if o.task == task.id]
        if task.cells is None:
            worth = max((task.value * o.quality for o in mine), default=0.0)
        else:
            best: dict[int, float] = {}
            for o in mine:
                for cell in o.cells or ():
                    best[cell] = max(best.get(cell, 0.0), o.quality)
            worth = math.fsum(task.value * task.cells[cell] * q for cell, q in best.items())
        total += worth
        claimed = solution.task_values.get(task.id, math.nan)
        if not abs(claimed - worth) <= WORTH_TOLERANCE * max(task.value, 1e-300):
            text = f"claims {claimed}, earns {worth}"
            found.append(Violation(kind="worth", who=(task.id,), text=text))
    slack = WORTH_TOLERANCE * max(total, solution.bound.value, 1e-300)
    if not abs(solution.bound.value - total) <= slack or not solution.bound.upper >= total - slack:
        text = f"value {solution.bound.value}, upper {solution.bound.upper}, the tasks earn {total}"
        found.append(Violation(kind="bound", who=(), text=text))
    return found
