"""Whether a plan holds: carried out second by second, without anything the solver uses.

The store and the battery are followed through every instant at which something begins or ends.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from comity.planning.paths.problem import PathProblem

#: Parts of a capacity below which a breach is rounding.
TOLERANCE = 1e-6
_SAME_S = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """A contact that is used, how much of its time, and what it sends (bits)."""

    contact: int
    bits: float
    share: float = 1.0


def violations(problem: PathProblem, nodes: list[int], sendings: list[Sending]) -> list[str]:
    """What ``nodes`` and ``sendings`` break, one line each; empty for a plan that holds."""
    found = []
    seen: dict[int, int] = {}
    for k in sorted(nodes):
        if not 0 <= k < len(problem):
            return [f"there is no node {k}"]
        other = seen.setdefault(int(problem.request[k]), k)
        if other != k or nodes.count(k) > 1:
            found.append(f"request {problem.request[k]} is served by {other} and {k}")
    found += _contact_clashes(problem, sendings)
    if found:
        return found
    for s in range(problem.satellites):
        own = sorted((k for k in nodes if problem.satellite[k] == s), key=lambda k: float(problem.start_s[k]))
        for a, b in pairwise(own):
            gap = float(problem.start_s[b] - problem.end_s[a])
            turn = _turn_s(problem, s, a, b) + float(problem.agility.settle_s[s])
            if gap < turn - _SAME_S:
                found.append(f"satellite {s}: {gap:.3f} s from node {a} to {b}, which takes {turn:.3f} s")
        mine = []
        if problem.contacts is not None:
            mine = [d for d in sendings if problem.contacts.satellite[d.contact] == s]
        found += _store(problem, s, own, mine)
        dip, at = battery_dip(problem, s, own, mine)
        if dip > 0.0:
            found.append(f"satellite {s}: the battery is {dip:.1f} J below its floor at {at:.1f} s")
    return found


def _turn_s(problem: PathProblem, s: int, a: int, b: int) -> float:
    rate = float(problem.agility.rate_rad_s[s])
    acceleration = float(problem.agility.acceleration_rad_s2[s])
    u, v = problem.last[a], problem.first[b]
    chord = math.dist(u, v)
    angle = 2.0 * math.asin(min(1.0, chord / 2.0))
    if angle * acceleration <= rate * rate:
        return 2.0 * math.sqrt(angle / acceleration)
    return angle / rate + rate / acceleration


def _contact_clashes(problem: PathProblem, sendings: list[Sending]) -> list[str]:
    contacts = problem.contacts
    if contacts is None:
        return ["there are no contacts to send in"] if sendings else []
    found = []
    for d in sendings:
        whole = float(contacts.bits[d.contact])
        if not contacts.shared and d.share != 1.0:
            found.append(f"contact {d.contact} is used in part")
        if not -TOLERANCE * whole <= d.bits <= (d.share + TOLERANCE) * whole:
            found.append(f"contact {d.contact} cannot send {d.bits:g} bits in {d.share:g} of its time")
    for holder in (contacts.antenna, contacts.satellite):
        busy: dict[int, list[tuple[float, float, int]]] = {}
        for d in sendings:
            changes = busy.setdefault(int(holder[d.contact]), [])
            changes.append((float(contacts.start_s[d.contact]), d.share, d.contact))
            changes.append((float(contacts.end_s[d.contact]), -d.share, d.contact))
        for changes in busy.values():
            taken = 0.0
            for at, share, contact in sorted(changes):  # at one instant, ends come first
                taken += share
                if taken > 1.0 + TOLERANCE:
                    found.append(f"contact {contact} at {at:.1f} s overlaps others")
    return found


def _store(problem: PathProblem, s: int, own: list[int], sendings: list[Sending]) -> list[str]:
    store, contacts = problem.store, problem.contacts
    if store is None:
        return []
    size = float(store.capacity_bits[s])
    slack = TOLERANCE * max(size, 1.0)
    events: list[tuple[float, int, float, int]] = []
    events += [(float(problem.end_s[k]), 1, float(problem.bits[k]), k) for k in own]
    for d in sendings:
        assert contacts is not None
        events.append((float(contacts.start_s[d.contact]), 2, d.bits, d.contact))
        events.append((float(contacts.end_s[d.contact]), 0, d.bits, d.contact))
    # At one instant: an acquisition is stored, then a contact that starts may send it. What a contact lets
    # go at its end is still on board then.
    events.sort(key=lambda e: (e[0], {1: 0, 0: 1, 2: 2}[e[1]]))
    held, leaving = float(store.initial_bits[s]), 0.0
    for _, kind, bits, which in events:
        if kind == 1:
            held += bits
            if held > size + slack:
                return [f"satellite {s}: node {which} fills the store to {held / size:.6f} of it"]
        elif kind == 2:
            # What another contact is still sending cannot be sent a second time.
            if bits > held - leaving + slack:
                stored = f"{held - leaving:g} stored"
                return [f"satellite {s}: contact {which} sends {bits:g} bits of the {stored}"]
            leaving += bits
        else:
            held -= bits
            leaving -= bits
    if store.deliver and held > slack:
        return [f"satellite {s}: {held:g} bits are never sent"]
    return []


def battery_dip(problem: PathProblem, s: int, own: list[int], sendings: list[Sending]) -> tuple[float, float]:
    """How far (J) the battery of satellite ``s`` sinks below its floor at most, and when (s); 0: never."""
    battery, contacts = problem.battery, problem.contacts
    if battery is None:
        return 0.0, 0.0
    size, floor = float(battery.capacity_j[s]), float(battery.floor_j[s])
    changes: list[tuple[float, float]] = [(0.0, float(battery.solar_w[s] - battery.load_w[s]))]
    for e in range(len(battery.eclipse_satellite)):
        if battery.eclipse_satellite[e] == s:
            changes.append((float(battery.eclipse_start_s[e]), -float(battery.solar_w[s])))
            changes.append((float(battery.eclipse_end_s[e]), float(battery.solar_w[s])))
    for k in own:
        power = float(problem.energy_j[k] / (problem.end_s[k] - problem.start_s[k]))
        changes += [(float(problem.start_s[k]), -power), (float(problem.end_s[k]), power)]
    for d in sendings:
        assert contacts is not None
        changes.append((float(contacts.start_s[d.contact]), -d.share * float(battery.transmit_w[s])))
        changes.append((float(contacts.end_s[d.contact]), d.share * float(battery.transmit_w[s])))
    changes.sort()
    worst = (0.0, 0.0)
    charge, power, now = float(battery.initial_j[s]), 0.0, 0.0
    for at, change in [*changes, (problem.horizon_s, 0.0)]:
        charge = min(size, charge + power * (at - now))
        if floor - charge > worst[0]:
            worst = (floor - charge, at)
        now = at
        power += change
    return worst if worst[0] > TOLERANCE * size else (0.0, 0.0)
