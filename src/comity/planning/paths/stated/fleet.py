"""Fleets too large for one program: a problem as the paths' arrays, and their plan as acts and downlinks.

The arrays plan within stricter rules than those stated (what is on board when a contact begins is sent, and
freed at its end); the bound comes from rows that hold for every plan (:mod:`.sending`, :mod:`.energy`).
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from dataclasses import dataclass, fields, replace

import numpy as np

from comity.planning.paths.problem import Agility, Battery, Contacts, PathProblem, Store
from comity.planning.paths.resources import Coupling
from comity.planning.paths.simulate import Sending
from comity.planning.paths.stated.downlinks import Recorded, schedule
from comity.planning.paths.stated.energy import add_energy
from comity.planning.paths.stated.nodes import FloatArray, IntArray, Nodes, never_first, nodes_of
from comity.planning.paths.stated.pointing import turns_s
from comity.planning.paths.stated.rows import Rows
from comity.planning.paths.stated.sending import add_sending
from comity.planning.problem import Activity, Contact, Downlink, PlanningProblem, Slew

#: A turn without end in rate or acceleration, for satellites that need no time.
_FREE = (1e15, 1e30)
#: A memory that never fills, where none is stated (bits).
_ENDLESS = 1e18
_HAIR = 1e-9


def beyond_fleet(problem: PlanningProblem) -> str | None:
    """What in ``problem`` the arrays cannot say; None if they can say all of it."""
    whole = {
        "transitions": problem.transitions,
        "forbidden combinations": problem.forbidden,
        "capacities": problem.capacities,
        "shares": problem.shares,
        "a frozen part": problem.frozen or problem.frozen_downlinks,
        "a churn price": problem.previous and problem.churn_price > 0,
        "groups": [g for g in problem.groups if g.most is not None or g.all_or_none],
        "fairness": [p for p in problem.partners if p.fair_fraction > 0 and p.alone_value is not None],
        "strict tiers": problem.tiers == "strict" and len({r.tier for r in problem.requests}) > 1,
    }
    for what, there in whole.items():
        if there:
            return what
    for r in problem.requests:
        if r.tries != 1 or r.cells is not None or r.views != 1 or r.periods:
            return f"request {r.id}: more than one try of one point"
        if r.deliver_within_s is not None:
            return f"request {r.id}: the age of data"
    last = max((c.end_s for c in problem.contacts), default=0.0)
    kept = {r.deliver_by_s is not None for r in problem.requests}
    if len(kept) > 1 or any(r.deliver_by_s is not None and r.deliver_by_s < last for r in problem.requests):
        return "different limits of delivery"
    for s in problem.satellites:
        if s.duty or (not s.images_while_sending and problem.contacts):
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

    ``nodes``: whose starts they are; ``contact`` (c,): place of each of the paths' contacts in the problem.
    """

    problem: PlanningProblem
    nodes: Nodes
    paths: PathProblem
    outer: Coupling
    contact: IntArray


def fleet_of(problem: PlanningProblem) -> Fleet:
    """The arrays of ``problem`` (see :func:`beyond_fleet`)."""
    nodes = nodes_of(problem)
    value = np.array([r.value for r in problem.requests], dtype=np.float64)[nodes.request]
    value *= np.array([o.probability for o in problem.opportunities], dtype=np.float64)[nodes.opportunity]
    # One too early for its turn from rest may still follow another: what comes of it is repaired.
    useful = (value > 0) & ~never_first(problem, nodes)
    rows = Rows(len(nodes))
    _, never = add_sending(problem, nodes, rows)
    useful[never] = False
    value = value[useful]
    nodes = _subset(nodes, useful)
    rows = Rows(len(nodes))
    pieces, _ = add_sending(problem, nodes, rows)
    add_energy(problem, nodes, rows, pieces)
    contacts, place = _contacts(problem)
    bits = np.array([o.bits for o in problem.opportunities], dtype=np.float64)[nodes.opportunity]
    store = None
    kept = any(r.deliver_by_s is not None for r in problem.requests)
    if kept or any(s.memory_bits is not None for s in problem.satellites):
        size = np.array([_ENDLESS if s.memory_bits is None else s.memory_bits for s in problem.satellites])
        initial = np.array([s.stored_bits for s in problem.satellites], dtype=np.float64)
        store = Store(capacity_bits=np.maximum(size, initial), initial_bits=initial, deliver=kept)
    paths = PathProblem(
        horizon_s=problem.horizon_s,
        requests=len(problem.requests),
        satellite=nodes.satellite,
        request=nodes.request,
        start_s=nodes.start_s,
        end_s=nodes.end_s,
        value=value,
        first=np.ascontiguousarray(_sights(nodes.first, nodes)),
        last=np.ascontiguousarray(_sights(nodes.last, nodes)),
        bits=bits,
        energy_j=_energy(problem, nodes),
        agility=_agility(problem),
        store=store,
        contacts=contacts if store is not None and len(place) else None,
        battery=_battery(problem),
    )
    return Fleet(problem=problem, nodes=nodes, paths=paths, outer=rows.coupling(), contact=place)


def _subset(nodes: Nodes, chosen: np.ndarray) -> Nodes:
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


def _battery(problem: PlanningProblem) -> Battery | None:
    if all(s.battery is None for s in problem.satellites):
        return None
    each = [s.battery for s in problem.satellites]
    dark = [
        (k, a, b)
        for k, battery in enumerate(each)
        if battery is not None
        for a, b in _gaps(battery.sunlit, problem.horizon_s)
    ]

    def column(name: str, without: float) -> FloatArray:
        return np.array([without if b is None else getattr(b, name) for b in each], dtype=np.float64)

    return Battery(
        capacity_j=column("capacity_j", _ENDLESS),
        floor_j=column("least_j", 0.0),
        initial_j=column("initial_j", _ENDLESS),
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


def _contacts(problem: PlanningProblem) -> tuple[Contacts | None, IntArray]:
    """Each contact once per antenna that it may have; in part only where those that meet are alike."""
    satellites = {s.id: k for k, s in enumerate(problem.satellites)}
    stations = {s.id: s for s in problem.stations}
    usable = [
        k
        for k, c in enumerate(problem.contacts)
        if c.start_s >= problem.frozen_until_s
        and c.end_s > c.start_s
        and not any(a < c.end_s and c.start_s < b for a, b in stations[c.station].busy)
        and not any(
            a < c.end_s and c.start_s < b for a, b in problem.satellites[satellites[c.satellite]].busy
        )
    ]
    if not usable:
        return None, np.empty(0, np.int64)
    own = [problem.contacts[k] for k in usable]
    shared = _alike(own, lambda c: c.station) and _alike(own, lambda c: c.satellite)
    shared &= all(stations[c.station].setup_s <= 0 for c in own)
    first: dict[str, int] = {}
    antennas = 0
    for c in own:
        if c.station not in first:
            first[c.station] = antennas
            antennas += stations[c.station].antennas
    place, antenna = [], []
    for k, c in zip(usable, own, strict=True):
        for a in range(stations[c.station].antennas):
            place.append(k)
            antenna.append(first[c.station] + a)
    each = [problem.contacts[k] for k in place]
    # Set-up after a contact keeps its antenna (and here its satellite) busy a little longer.
    setup = [stations[c.station].setup_s for c in each]
    ends = [min(c.end_s + s, problem.horizon_s) for c, s in zip(each, setup, strict=True)]
    return Contacts(
        satellite=np.array([satellites[c.satellite] for c in each], dtype=np.int64),
        antenna=np.array(antenna, dtype=np.int64),
        start_s=np.array([c.start_s for c in each], dtype=np.float64),
        end_s=np.array(ends, dtype=np.float64),
        bits=np.array([c.rate_bps * (c.end_s - c.start_s) for c in each], dtype=np.float64),
        shared=shared,
    ), np.array(place, dtype=np.int64)


def _alike(contacts: list[Contact], holder: object) -> bool:
    """Whether contacts of one holder that meet begin and end together."""
    assert callable(holder)
    by: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for c in contacts:
        by[holder(c)].append((c.start_s, c.end_s))
    for own in by.values():
        spans = sorted(set(own))
        if any(b[0] < a[1] for a, b in itertools.pairwise(spans)):
            return False
    return True


def activities_of(fleet: Fleet, taken: IntArray) -> tuple[Activity, ...]:
    """The acquisitions of nodes, in order of time."""
    names = fleet.problem.opportunities
    order = taken[np.lexsort((taken, fleet.nodes.start_s[taken]))]
    return tuple(
        Activity(opportunity=names[fleet.nodes.opportunity[v]].id, start_s=float(fleet.nodes.start_s[v]))
        for v in order.tolist()
    )


def downlinks_of(fleet: Fleet, taken: IntArray, sendings: tuple[Sending, ...]) -> tuple[Downlink, ...]:
    """Downlinks that send what is on board, oldest first; parts of a contact one after the other."""
    problem, contacts = fleet.problem, fleet.paths.contacts
    if contacts is None:
        return ()
    planned: dict[int, float] = defaultdict(float)
    where: dict[int, int] = {}
    first: dict[str, int] = {}
    for k, antenna in zip(fleet.contact.tolist(), contacts.antenna.tolist(), strict=True):
        station = problem.contacts[k].station
        first[station] = min(antenna, first.get(station, antenna))
    for s in sendings:
        k = int(fleet.contact[s.contact])
        planned[k] += s.bits
        where.setdefault(k, int(contacts.antenna[s.contact]) - first[problem.contacts[k].station])
    nodes = fleet.nodes
    recorded = [
        Recorded(problem.opportunities[nodes.opportunity[v]], float(nodes.end_s[v])) for v in taken.tolist()
    ]
    return schedule(problem, recorded, planned, where)
