"""Contacts of the paths' arrays: each once per antenna that it may have, off what is frozen."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from comity.planning.paths.problem import Contacts
from comity.planning.paths.stated.frozen import Committed, Hold
from comity.planning.paths.stated.nodes import IntArray
from comity.planning.problem import Contact, PlanningProblem, Span

_LEAST_S = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Usable:
    """``place`` (c,): which contact of the problem each is, −1 for what is frozen.

    ``spans``: what may be used of it, by place; ``going``: those that keep the antenna they have, and so come
    first.
    """

    contacts: Contacts
    place: IntArray
    spans: dict[int, Span]
    going: frozenset[int]


def usable_contacts(problem: PlanningProblem, rest: Committed) -> Usable | None:
    """The contacts of the ``rest``, times counted from its beginning.

    They may be used in part only where those that meet are alike.
    A frozen downlink is a contact on an antenna of its own, unless its data are apart; others are left
    what is free of it for all that they meet. None where there are none.
    """
    holds, from_s = rest.holds, rest.from_s
    satellites = {s.id: k for k, s in enumerate(problem.satellites)}
    stations = {s.id: s for s in problem.stations}
    open_spans = {
        k: (max(c.start_s, from_s), min(c.end_s, problem.horizon_s))
        for k, c in enumerate(problem.contacts)
        if min(c.end_s, problem.horizon_s) - max(c.start_s, from_s) > _LEAST_S
        and not any(a < c.end_s and c.start_s < b for a, b in stations[c.station].busy)
        and not any(
            a < c.end_s and c.start_s < b for a, b in problem.satellites[satellites[c.satellite]].busy
        )
    }
    held = _held(problem)
    spans = _free(problem, open_spans, holds, held) if held else open_spans
    if not spans and not holds:
        return None
    own = [(problem.contacts[k], span) for k, span in spans.items()]
    shared = alike(own, lambda c: c.station) and alike(own, lambda c: c.satellite)
    shared &= all(stations[c.station].setup_s <= 0 for c, _ in own)
    first: dict[str, int] = {}
    antennas = 0
    for c, _ in own:
        if c.station not in first:
            first[c.station] = antennas
            antennas += stations[c.station].antennas
    place, antenna = [], []
    for k, (c, _) in zip(spans, own, strict=True):
        for a in range(stations[c.station].antennas):
            if k not in held or held[k][0] == a:
                place.append(k)
                antenna.append(first[c.station] + a)
    rows = []
    for k, a in zip(place, antenna, strict=True):
        c, (begin, end) = problem.contacts[k], spans[k]
        # Set-up after a contact keeps its antenna (and here its satellite) busy a little longer.
        until = min(end + stations[c.station].setup_s, problem.horizon_s)
        rows.append((satellites[c.satellite], a, begin, until, c.rate_bps * (end - begin)))
    latest: dict[int, float] = {}
    for h in holds:
        k = satellites[problem.contacts[h.contact].satellite]
        begin = max(h.start_s, latest.get(k, from_s))
        latest[k] = max(begin, h.end_s)
        if h.end_s - begin > _LEAST_S and not rest.apart[k]:
            place.append(-1)
            rows.append((k, antennas + k, begin, h.end_s, h.bits))
    if not rows:
        return None
    whose, at, begins, ends, bits = zip(*rows, strict=True)
    return Usable(
        contacts=Contacts(
            satellite=np.array(whose, dtype=np.int64),
            antenna=np.array(at, dtype=np.int64),
            start_s=np.array(begins, dtype=np.float64) - from_s,
            end_s=np.array(ends, dtype=np.float64) - from_s,
            bits=np.array(bits, dtype=np.float64),
            shared=shared,
        ),
        place=np.array(place, dtype=np.int64),
        spans=spans,
        going=frozenset(held),
    )


def alike(contacts: Sequence[tuple[Contact, Span]], holder: Callable[[Contact], str]) -> bool:
    """Whether contacts of one holder that meet begin and end together."""
    by: dict[str, set[Span]] = defaultdict(set)
    for c, span in contacts:
        by[holder(c)].add(span)
    return not any(b[0] < a[1] for own in by.values() for a, b in itertools.pairwise(sorted(own)))


def _held(problem: PlanningProblem) -> dict[int, tuple[int, Span]]:
    """Of each contact with frozen downlinks: its antenna (the first that is free), from first to last."""
    stations = {s.id: s for s in problem.stations}
    place = {c.id: k for k, c in enumerate(problem.contacts)}
    hulls: dict[int, Span] = {}
    for d in problem.frozen_downlinks:
        a, b = hulls.get(place[d.contact], (math.inf, -math.inf))
        hulls[place[d.contact]] = min(a, d.start_s), max(b, d.end_s)
    found: dict[int, tuple[int, Span]] = {}
    until: dict[tuple[str, int], float] = {}
    for k, (begin, end) in sorted(hulls.items(), key=lambda each: each[1]):
        station = stations[problem.contacts[k].station]
        free = [
            a for a in range(station.antennas) if until.get((station.id, a), -math.inf) <= begin + _LEAST_S
        ]
        antenna = free[0] if free else 0
        found[k] = antenna, (begin, end)
        until[station.id, antenna] = end + station.setup_s
    return found


def _free(
    problem: PlanningProblem,
    spans: dict[int, Span],
    holds: Sequence[Hold],
    held: dict[int, tuple[int, Span]],
) -> dict[int, Span]:
    """What is left of each contact: the longest part off all that is frozen for it and those it meets.

    Those that meet begin and end together, if they did before. A contact that is frozen in part keeps its
    antenna from then on, and is left out where another has it in between.
    """
    contacts = problem.contacts
    setup = {s.id: s.setup_s for s in problem.stations}
    taken: dict[tuple[str, str], list[Span]] = defaultdict(list)
    at: dict[tuple[str, int], list[tuple[int, Span]]] = defaultdict(list)
    for k, (antenna, (a, b)) in held.items():
        station = contacts[k].station
        taken["station", station].append((a - setup[station], b + setup[station]))
        at[station, antenna].append((k, (a, b)))
    for h in holds:
        taken["satellite", contacts[h.contact].satellite].append((h.start_s, h.end_s))
    found: dict[int, Span] = {}
    for members in _meeting(problem, spans):
        together = len({spans[k] for k in members}) == 1
        blocked = sorted(
            s for key in {key for k in members for key in _keys(contacts[k])} for s in taken[key]
        )
        for k in members:
            mine = blocked if together else sorted(s for key in _keys(contacts[k]) for s in taken[key])
            span = _longest(spans[k], mine)
            if span[1] - span[0] <= _LEAST_S:
                continue
            if k in held:
                antenna, (_, end) = held[k]
                others = at[contacts[k].station, antenna]
                if end > span[0] + _LEAST_S or any(
                    j != k and a < span[0] and end < b for j, (a, b) in others
                ):
                    continue
            found[k] = span
    return {k: found[k] for k in spans if k in found}


def _keys(c: Contact) -> tuple[tuple[str, str], tuple[str, str]]:
    return ("station", c.station), ("satellite", c.satellite)


def _meeting(problem: PlanningProblem, spans: dict[int, Span]) -> list[list[int]]:
    """Contacts that meet at a station or a satellite, directly or by way of others."""
    parent = {k: k for k in spans}

    def root(k: int) -> int:
        while parent[k] != k:
            parent[k] = parent[parent[k]]
            k = parent[k]
        return k

    for which in (0, 1):
        by: dict[tuple[str, str], list[int]] = defaultdict(list)
        for k in spans:
            by[_keys(problem.contacts[k])[which]].append(k)
        for own in by.values():
            own.sort(key=lambda k: spans[k])
            last = own[0]
            for k in own[1:]:
                if spans[k][0] < spans[last][1]:
                    parent[root(k)] = root(last)
                if spans[k][1] > spans[last][1]:
                    last = k
    groups: dict[int, list[int]] = defaultdict(list)
    for k in spans:
        groups[root(k)].append(k)
    return list(groups.values())


def _longest(span: Span, blocked: Sequence[Span]) -> Span:
    best, at = (span[0], span[0]), span[0]
    for a, b in [*blocked, (span[1], math.inf)]:
        until = min(a, span[1])
        if until - at > best[1] - best[0]:
            best = at, until
        at = max(at, b)
    return best
