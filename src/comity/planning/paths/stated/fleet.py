"""Fleets too large for one program: a problem as the paths' arrays, and their plan as acts and downlinks.

The arrays plan within stricter rules than those stated (what is on board when a contact begins is sent, and
freed at its end); the bound comes from rows that hold for every plan (:mod:`.sending`, :mod:`.energy`).
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, fields, replace

import numpy as np

from comity.planning.paths.narrowing import beside, only
from comity.planning.paths.problem import Agility, Battery, Contacts, PathProblem, Store
from comity.planning.paths.resources import Coupling
from comity.planning.paths.simulate import Sending
from comity.planning.paths.stated.contacts import usable_contacts
from comity.planning.paths.stated.downlinks import Beside, Recorded, schedule
from comity.planning.paths.stated.energy import add_energy
from comity.planning.paths.stated.frozen import Committed, committed, narrowed, without_frozen
from comity.planning.paths.stated.nodes import BoolArray, FloatArray, IntArray, Nodes, never_first, nodes_of
from comity.planning.paths.stated.pointing import turns_s
from comity.planning.paths.stated.rows import Rows
from comity.planning.paths.stated.rules import add_sacks
from comity.planning.paths.stated.sending import add_sending
from comity.planning.problem import Activity, Downlink, PlanningProblem, Slew

#: A turn without end in rate or acceleration, for satellites that need no time.
_FREE = (1e15, 1e30)
#: A memory that never fills, where none is stated (bits).
_ENDLESS = 1e18
_HAIR = 1e-9
#: Two starts closer than this (s) are the same.
_SAME_START_S = 1e-6


def beyond_fleet(problem: PlanningProblem, *, rules: bool = False) -> str | None:
    """What in ``problem`` the arrays cannot say; None if they can say all of it.

    ``rules``: but for what rows say beside them (:mod:`.ruled`).
    """
    sacks = {
        "capacities": problem.capacities,
        "shares": problem.shares,
        "groups": [g for g in problem.groups if g.most is not None],
    }
    whole = {
        "transitions": problem.transitions,
        "forbidden combinations": problem.forbidden,
        **({} if rules else sacks),
        "groups that count as a whole": [g for g in problem.groups if g.all_or_none],
        "fairness": [p for p in problem.partners if p.fair_fraction > 0 and p.alone_value is not None],
        "strict tiers": problem.tiers == "strict" and len({r.tier for r in problem.requests}) > 1,
    }
    for what, there in whole.items():
        if there:
            return what
    for r in problem.requests:
        if r.tries != 1 or r.cells is not None or r.views != 1 or r.periods:
            return f"request {r.id}: more than one try of one point"
        if r.deliver_within_s is not None and not rules:
            return f"request {r.id}: the age of data"
    last = max((c.end_s for c in problem.contacts), default=0.0)
    kept = {r.deliver_by_s is not None for r in problem.requests}
    if len(kept) > 1 or any(r.deliver_by_s is not None and r.deliver_by_s < last for r in problem.requests):
        return "different limits of delivery"
    for s in problem.satellites:
        if (s.duty and not rules) or (not s.images_while_sending and problem.contacts):
            return f"satellite {s.id}: duty, or imaging apart from sending"
        if s.slew is not None and (s.slew.metric != "line" or s.slew.pieces or s.slew.rate_rad_s is None):
            return f"satellite {s.id}: turns about axes or in pieces"
    slewing = {s.id for s in problem.satellites if s.slew is not None}
    for o in problem.opportunities:
        if o.duration_s <= 0:
            return f"opportunity {o.id} lasts no time"
        if o.pointing is None and o.satellite in slewing:
            return f"opportunity {o.id}: no pointing"
        if o.step_s is None and o.end_s - o.start_s - o.duration_s > _HAIR:
            return f"opportunity {o.id}: a start that is free"
    return None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fleet:
    """``paths``: what is planned; ``outer``: rows over the same nodes that bound the problem as stated.

    ``nodes``: whose starts they are, of what is frozen those that go on in the rest of the plan; ``rest``:
    what the frozen part leaves. ``constant``: what is added to a value of the paths to make it a plan's (what
    is frozen earns, churn). ``previous``: the nodes of the plan replaced. ``contact`` (c,): place of each of
    the paths' contacts in the problem, −1 for a frozen downlink; ``beside``: what those leave of the others.
    ``ruled``: the rows of ``outer`` that say what the arrays cannot (duty, shares, knapsacks, groups).
    """

    problem: PlanningProblem
    nodes: Nodes
    paths: PathProblem
    outer: Coupling
    rest: Committed
    constant: float
    previous: IntArray
    contact: IntArray
    beside: Beside
    ruled: slice


def fleet_of(problem: PlanningProblem) -> Fleet:
    """The arrays of ``problem`` (see :func:`beyond_fleet`)."""
    nodes = nodes_of(problem)
    value = np.array([r.value for r in problem.requests], dtype=np.float64)[nodes.request]
    value *= np.array([o.probability for o in problem.opportunities], dtype=np.float64)[nodes.opportunity]
    constant = float(value[nodes.frozen].sum())
    kept = _previous(problem, nodes)
    if problem.churn_price > 0:
        value[kept] += problem.churn_price
        paid = len(problem.previous) - int((kept & nodes.frozen).sum())
        constant -= problem.churn_price * paid
    # One too early for its turn from rest may still follow another: what comes of it is repaired.
    useful = ((value > 0) & ~never_first(problem, nodes)) | nodes.frozen
    rows = Rows(len(nodes))
    _, never = add_sending(problem, nodes, rows)
    useful[never] = nodes.frozen[never]
    value, kept = value[useful], kept[useful]
    nodes = subset(nodes, useful)
    rows = Rows(len(nodes))
    pieces, _ = add_sending(problem, nodes, rows)
    add_energy(problem, nodes, rows, pieces)
    begin = rows.count
    add_sacks(problem, nodes, rows)
    ruled = slice(begin, rows.count)
    outer = rows.coupling()
    rest = committed(problem, nodes)
    if nodes.frozen.any() or problem.frozen_downlinks or problem.frozen_until_s > 0:
        # Of what is frozen only what goes on is a node; what it earns is in the constant.
        left = beside(_paths(problem, nodes, np.where(nodes.frozen, 0.0, value)), nodes.frozen)
        keep = np.flatnonzero(left & (~nodes.frozen | (nodes.end_s > rest.from_s)))
        outer = without_frozen(problem, nodes, outer, pieces, keep)
        value = np.where(nodes.frozen, 0.0, value)[keep]
        kept = kept[keep]
        nodes = subset(nodes, keep)
    usable = usable_contacts(problem, rest)
    paths = _paths(problem, nodes, value, rest, None if usable is None else usable.contacts)
    fits = beside(paths, nodes.frozen)
    if not fits.all():
        which = np.flatnonzero(fits)
        paths, outer, nodes, kept = only(paths, which), narrowed(outer, fits), subset(nodes, fits), kept[fits]
    return Fleet(
        problem=problem,
        nodes=nodes,
        paths=paths,
        outer=outer,
        rest=rest,
        constant=constant,
        previous=np.flatnonzero(kept),
        contact=np.empty(0, np.int64) if usable is None else usable.place,
        beside=Beside({}, frozenset(), {})
        if usable is None
        else Beside(usable.spans, usable.going, rest.sent),
        ruled=ruled,
    )


def _previous(problem: PlanningProblem, nodes: Nodes) -> BoolArray:
    """The nodes (n,) that are an activity of the plan replaced, at its start."""
    at = {a.opportunity: a.start_s for a in problem.previous}
    if not at:
        return np.zeros(len(nodes), np.bool_)
    started = np.array([at.get(o.id, math.inf) for o in problem.opportunities], dtype=np.float64)
    return np.asarray(np.abs(started[nodes.opportunity] - nodes.start_s) <= _SAME_START_S)


def _paths(
    problem: PlanningProblem,
    nodes: Nodes,
    value: FloatArray,
    rest: Committed | None = None,
    contacts: Contacts | None = None,
) -> PathProblem:
    """``nodes`` as arrays: with memory, contacts and batteries for the ``rest``, times counted from there.

    Where that is None: with none of them, from the start.
    """
    begin = 0.0 if rest is None else rest.from_s
    bits = np.array([o.bits for o in problem.opportunities], dtype=np.float64)[nodes.opportunity]
    energy = _energy(problem, nodes)
    horizon = problem.horizon_s - begin
    start, end = np.maximum(nodes.start_s - begin, 0.0), np.minimum(nodes.end_s - begin, horizon)
    store = battery = None
    if rest is not None:
        # What has begun is on board already, and has drawn a part.
        begun = nodes.start_s < begin
        bits = np.where(begun, 0.0, bits)
        energy = np.where(begun, energy * (nodes.end_s - begin) / (nodes.end_s - nodes.start_s), energy)
        kept = any(r.deliver_by_s is not None for r in problem.requests)
        if kept or any(s.memory_bits is not None for s in problem.satellites):
            size = np.array(
                [_ENDLESS if s.memory_bits is None else s.memory_bits for s in problem.satellites]
            )
            size = np.maximum(size - rest.lasting, rest.stored)
            store = Store(capacity_bits=size, initial_bits=rest.stored, deliver=kept)
        battery = _battery(problem, rest)
    return PathProblem(
        horizon_s=horizon,
        requests=len(problem.requests),
        satellite=nodes.satellite,
        request=nodes.request,
        start_s=start,
        end_s=end,
        value=value,
        first=np.ascontiguousarray(_sights(nodes.first, nodes)),
        last=np.ascontiguousarray(_sights(nodes.last, nodes)),
        bits=bits,
        energy_j=energy,
        agility=_agility(problem),
        store=store,
        contacts=contacts if store is not None else None,
        battery=battery,
    )


def subset(nodes: Nodes, chosen: np.ndarray) -> Nodes:
    parts = {f.name: getattr(nodes, f.name) for f in fields(nodes)}
    return replace(nodes, **{k: v[chosen] for k, v in parts.items() if isinstance(v, np.ndarray)})


def _sights(look: FloatArray, nodes: Nodes) -> FloatArray:
    """Unit vectors; one and the same where no turn takes time."""
    return np.where(nodes.pointed[:, None], look[:, :3], np.array([0.0, 0.0, 1.0]))


def _agility(problem: PlanningProblem) -> Agility:
    each = [s.slew or Slew(rate_rad_s=_FREE[0], acceleration_rad_s2=_FREE[1]) for s in problem.satellites]
    return Agility(
        rate_rad_s=np.array([s.rate_rad_s or _FREE[0] for s in each]),
        acceleration_rad_s2=np.array([s.acceleration_rad_s2 or _FREE[1] for s in each]),
        settle_s=np.array([s.settle_s for s in each]),
    )


def _energy(problem: PlanningProblem, nodes: Nodes) -> FloatArray:
    """What an acquisition draws (J), with the longest turn before it."""
    own = np.array([math.nan if o.power_w is None else o.power_w for o in problem.opportunities])
    usual = np.array([0.0 if s.battery is None else s.battery.imaging_w for s in problem.satellites])
    turning = np.zeros(len(problem.satellites))
    for k, s in enumerate(problem.satellites):
        if s.battery is not None and s.slew is not None and s.battery.slew_w > 0:
            turning[k] = s.battery.slew_w * float(turns_s(s.slew, np.array([math.pi]))[0])
    watts = own[nodes.opportunity]
    watts = np.where(np.isnan(watts), usual[nodes.satellite], watts)
    return np.asarray(watts * (nodes.end_s - nodes.start_s) + turning[nodes.satellite])


def _battery(problem: PlanningProblem, rest: Committed) -> Battery | None:
    if all(s.battery is None for s in problem.satellites):
        return None
    each = [s.battery for s in problem.satellites]
    dark = [
        (k, max(0.0, a - rest.from_s), b - rest.from_s)
        for k, battery in enumerate(each)
        if battery is not None
        for a, b in _gaps(battery.sunlit, problem.horizon_s)
        if b > rest.from_s + _HAIR
    ]

    def column(name: str, without: float) -> FloatArray:
        return np.array([without if b is None else getattr(b, name) for b in each], dtype=np.float64)

    return Battery(
        capacity_j=column("capacity_j", _ENDLESS),
        floor_j=column("least_j", 0.0),
        initial_j=np.where([b is None for b in each], _ENDLESS, rest.charge),
        load_w=column("idle_w", 0.0),
        solar_w=column("charge_w", 0.0),
        transmit_w=column("sending_w", 0.0),
        eclipse_satellite=np.array([k for k, _, _ in dark], dtype=np.int64),
        eclipse_start_s=np.array([a for _, a, _ in dark], dtype=np.float64),
        eclipse_end_s=np.array([b for _, _, b in dark], dtype=np.float64),
    )


def _gaps(spans: tuple[tuple[float, float], ...], horizon_s: float) -> list[tuple[float, float]]:
    found, at = [], 0.0
    for a, b in sorted(spans):
        if min(a, horizon_s) > at + _HAIR:
            found.append((at, min(a, horizon_s)))
        at = max(at, b)
    if at < horizon_s - _HAIR:
        found.append((at, horizon_s))
    return found


def activities_of(fleet: Fleet, taken: IntArray) -> tuple[Activity, ...]:
    """The acquisitions of nodes and what is frozen, in order of time."""
    problem, nodes = fleet.problem, fleet.nodes
    found = [
        Activity(opportunity=problem.opportunities[nodes.opportunity[v]].id, start_s=float(nodes.start_s[v]))
        for v in np.sort(taken[~nodes.frozen[taken]]).tolist()
    ]
    return tuple(sorted([*problem.frozen, *found], key=lambda a: a.start_s))


def downlinks_of(fleet: Fleet, taken: IntArray, sendings: tuple[Sending, ...]) -> tuple[Downlink, ...]:
    """The frozen downlinks, and others that send what is on board, oldest first; parts of a contact one after
    the other."""
    problem, contacts, nodes = fleet.problem, fleet.paths.contacts, fleet.nodes
    if contacts is None:
        return problem.frozen_downlinks
    planned: dict[int, float] = defaultdict(float)
    where: dict[int, int] = {}
    first: dict[str, int] = {}
    for k, antenna in zip(fleet.contact.tolist(), contacts.antenna.tolist(), strict=True):
        if k >= 0:
            station = problem.contacts[k].station
            first[station] = min(antenna, first.get(station, antenna))
    for s in sendings:
        k = int(fleet.contact[s.contact])
        if k >= 0:
            planned[k] += s.bits
            where.setdefault(k, int(contacts.antenna[s.contact]) - first[problem.contacts[k].station])
    names = problem.opportunities
    ends = {names[nodes.opportunity[v]].id: float(nodes.end_s[v]) for v in taken.tolist()}
    known = {o.id: o for o in names}
    ends |= {a.opportunity: a.start_s + known[a.opportunity].duration_s for a in problem.frozen}
    recorded = [Recorded(known[id], end) for id, end in ends.items()]
    return (*problem.frozen_downlinks, *schedule(problem, recorded, planned, where, fleet.beside))
