"""What a frozen part leaves to the rest of a plan: memory, charge and contacts from an instant on.

The rest begins at ``frozen_until_s``. What was acquired and sent by then is in the level of memory and
battery at that instant; what of the frozen part comes later keeps its satellite, its antenna and its energy.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_matrix

from comity.planning.paths.resources import Coupling
from comity.planning.paths.stated.nodes import BoolArray, FloatArray, IntArray, Nodes, from_rest_s
from comity.planning.paths.stated.pointing import angles, turns_s
from comity.planning.paths.stated.sending import Piece
from comity.planning.problem import Battery, Downlink, PlanningProblem, Satellite, Span

#: What the checker lets a frozen part break of a row (parts of its scale), and of a contact's time (s).
_LENIENT, _LENIENT_S = 3e-6, 1e-5
_SAME_S = 1e-6
#: With more than this part of the memory on board, what is kept for frozen downlinks is not sent before.
_MUCH = 0.4
#: Waiting for more than this part of the rest is long.
_LONG = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A frozen downlink from the beginning of the rest on: place of its contact, span (s), bits."""

    contact: int
    start_s: float
    end_s: float
    bits: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Committed:
    """``from_s``: the rest begins. ``stored`` (s,): bits on board then; ``charge`` (s,): J then.

    ``holds``: frozen downlinks that go on from then, in order of time. ``apart`` (s,): what they send is not
    in ``stored``, nor what they draw in ``charge``; ``lasting`` (s,): bits of it that wait for long.
    ``sent``: bits that frozen downlinks send, by satellite and opportunity ("" for what was stored at first).
    """

    from_s: float
    stored: FloatArray
    charge: FloatArray
    holds: tuple[Hold, ...]
    apart: BoolArray
    lasting: FloatArray
    sent: Mapping[tuple[str, str], float]


def committed(problem: PlanningProblem, nodes: Nodes) -> Committed:
    """What the frozen part of ``problem`` leaves; ``nodes``: with the frozen ones among them."""
    at = problem.frozen_until_s
    place = {c.id: k for k, c in enumerate(problem.contacts)}
    by_satellite: dict[str, list[Downlink]] = defaultdict(list)
    sent: dict[tuple[str, str], float] = defaultdict(float)
    for d in sorted(problem.frozen_downlinks, key=lambda d: (d.start_s, d.end_s)):
        sender = problem.contacts[place[d.contact]].satellite
        by_satellite[sender].append(d)
        for load in d.loads:
            sent[sender, load.opportunity or ""] += load.bits
    bits = np.array([o.bits for o in problem.opportunities], dtype=np.float64)[nodes.opportunity]
    stored, charge = np.zeros(len(problem.satellites)), np.zeros(len(problem.satellites))
    found: list[Hold] = []
    apart, lasting = np.zeros(len(problem.satellites), np.bool_), np.zeros(len(problem.satellites))
    need = from_rest_s(problem, nodes)
    for k, satellite in enumerate(problem.satellites):
        links = by_satellite[satellite.id]
        own = np.flatnonzero(nodes.frozen & (nodes.satellite == k))
        over = own[nodes.start_s[own] < at]
        stored[k] = satellite.stored_bits + float(bits[over].sum())
        holds: list[Hold] = []
        for d in links:
            amount = sum(load.bits for load in d.loads)
            length = d.end_s - d.start_s
            gone = min(1.0, max(0.0, (at - d.start_s) / length)) if length > 0 else float(d.start_s < at)
            stored[k] -= gone * amount
            if d.end_s > at + _SAME_S:
                hold = Hold(
                    contact=place[d.contact],
                    start_s=max(d.start_s, at),
                    end_s=d.end_s,
                    bits=(1.0 - gone) * amount,
                )
                before = holds[-1] if holds else None
                if before and before.contact == hold.contact and hold.start_s - before.end_s < _SAME_S:
                    hold = replace(hold, start_s=before.start_s, bits=before.bits + hold.bits)
                    holds.pop()
                holds.append(hold)
        if satellite.battery is not None:
            spans = [(d.start_s, d.end_s) for d in links]
            charge[k] = _charge(problem, satellite, satellite.battery, nodes, own, need, spans)
        # What a frozen downlink sends is kept for it, but would be sent before where there is little else.
        # There it is left out, and only what is on board for long takes memory.
        total = sum(h.bits for h in holds)
        apart[k] = bool(holds) and stored[k] - total < _MUCH * (satellite.memory_bits or math.inf)
        if apart[k]:
            stored[k] -= min(total, float(stored[k]))
            late = at + _LONG * (problem.horizon_s - at)
            lasting[k] = sum(h.bits for h in holds if h.start_s > late)
            if satellite.battery is not None:
                drawn = satellite.battery.sending_w * sum(h.end_s - h.start_s for h in holds)
                charge[k] = max(satellite.battery.least_j, charge[k] - drawn)
        found += holds
    return Committed(
        from_s=at,
        stored=np.maximum(stored, 0.0),
        charge=charge,
        holds=tuple(sorted(found, key=lambda h: (h.start_s, h.contact))),
        apart=apart,
        lasting=lasting,
        sent=dict(sent),
    )


def _charge(
    problem: PlanningProblem,
    satellite: Satellite,
    battery: Battery,
    nodes: Nodes,
    own: IntArray,
    from_rest_s: FloatArray,
    sending: list[Span],
) -> float:
    """Charge (J) at the beginning of the rest, not below the least."""
    until = problem.frozen_until_s
    turning = np.zeros(len(own))
    if satellite.slew is not None and battery.slew_w > 0:
        turned = np.flatnonzero(nodes.pointed[own])
        if len(turned):
            which = own[turned]
            turns = angles(nodes.last[which[:-1]], nodes.first[which[1:]], satellite.slew.metric)
            turning[turned[0]] = from_rest_s[which[0]]
            turning[turned[1:]] = turns_s(satellite.slew, turns)
    watts = np.array(
        [
            battery.imaging_w if (w := problem.opportunities[o].power_w) is None else w
            for o in nodes.opportunity[own].tolist()
        ],
        dtype=np.float64,
    )
    start, end = nodes.start_s[own], nodes.end_s[own]
    lit, sent = (
        np.array(sorted(each), dtype=np.float64).reshape(-1, 2) for each in (battery.sunlit, sending)
    )
    first = np.concatenate((start, start - turning, lit[:, 0], sent[:, 0]))
    last = np.concatenate((end, start, lit[:, 1], sent[:, 1]))
    power = np.concatenate(
        (
            -watts,
            np.full(len(own), -battery.slew_w),
            np.full(len(lit), battery.charge_w),
            np.full(len(sent), -battery.sending_w),
        )
    )
    first, last = np.clip(first, 0.0, until), np.clip(last, 0.0, until)
    cuts = np.unique(np.concatenate((first, last, [0.0, until])))
    change = np.zeros(len(cuts))
    np.add.at(change, np.searchsorted(cuts, first), power)
    np.add.at(change, np.searchsorted(cuts, last), -power)
    gained = np.cumsum((np.cumsum(change)[:-1] - battery.idle_w) * np.diff(cuts))
    if not len(gained):
        return battery.initial_j
    # Capped at the capacity: what was lost at the cap is the largest overshoot so far.
    spilt = min(float((battery.capacity_j - gained).min()), battery.initial_j)
    return max(battery.least_j, float(gained[-1]) + spilt)


def without_frozen(
    problem: PlanningProblem,
    nodes: Nodes,
    outer: Coupling,
    pieces: Mapping[str, list[Piece]],
    keep: IntArray,
) -> Coupling:
    """The rows of ``outer`` for the nodes ``keep``, what is frozen being there.

    Of frozen nodes among ``keep`` the columns are empty: what they use is in the limits.
    """
    fixed = nodes.frozen.astype(np.float64)
    limit = outer.limit - outer.nodes @ fixed
    low, high = outer.low.copy(), outer.high.copy()
    by_contact: dict[str, list[Span]] = defaultdict(list)
    for d in problem.frozen_downlinks:
        by_contact[d.contact].append((d.start_s, d.end_s))
    inner = np.ones(len(low), np.bool_)
    for own in pieces.values():
        for p in own:
            inner[p.column] = False
            length = p.end_s - p.start_s
            spans = by_contact.get(p.contact.id, ())
            used = sum(max(0.0, min(b, p.end_s) - max(a, p.start_s)) for a, b in spans)
            free = max(0.0, p.end_s - max(p.start_s, problem.frozen_until_s))
            slack = _LENIENT_S * (1 + len(spans))
            high[p.column] = min(high[p.column], (used + free + slack) / length)
            low[p.column] = min(max(0.0, (used - slack) / length), high[p.column])
    # The frozen part holds by the checker's tolerances: the rows must let it.
    low[inner & outer.charge] -= _LENIENT
    high[inner & ~outer.charge] += _LENIENT
    columns = csr_matrix(outer.nodes.tocsc()[:, keep].multiply(~nodes.frozen[keep]))
    columns.eliminate_zeros()
    return replace(outer, nodes=columns, limit=limit + _LENIENT * ~outer.equal, low=low, high=high)


def narrowed(outer: Coupling, keep: BoolArray) -> Coupling:
    """The same rows over some of the nodes, marked in (n,)."""
    return replace(outer, nodes=csr_matrix(outer.nodes.tocsc()[:, np.flatnonzero(keep)]))
