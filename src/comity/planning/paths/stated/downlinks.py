"""Downlinks for acquisitions: a block of each contact, loaded with what is due first.

How much each contact is to send is given (by a program's or a search's variables); blocks of one antenna
and of one satellite follow each other, and each downlink carries what is on board by then.
"""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from comity.planning.problem import Contact, Downlink, Load, Opportunity, PlanningProblem, Request, Span

_LEAST_S = 1e-6
_HAIR = 1e-12
#: Less than this part of what was recorded is nothing left to send.
_SENT = 1e-9


@dataclass(frozen=True, slots=True)
class Beside:
    """What frozen downlinks leave: ``spans`` of contacts, those ``going`` on first.

    ``sent``: bits that they send, by satellite and opportunity ("" for what was stored).
    """

    spans: Mapping[int, Span]
    going: frozenset[int]
    sent: Mapping[tuple[str, str], float]


@dataclass(frozen=True, slots=True)
class Recorded:
    """An acquisition by its opportunity and end."""

    opportunity: Opportunity
    end_s: float


def schedule(
    problem: PlanningProblem,
    recorded: Sequence[Recorded],
    planned: Mapping[int, float],
    antennas: Mapping[int, int] | None = None,
    beside: Beside | None = None,
) -> tuple[Downlink, ...]:
    """Downlinks in order of time, without the frozen ones.

    ``planned``: bits by place of a contact; ``antennas``: its antenna, where known. ``beside``: what is
    frozen.
    """
    beside = beside or Beside({}, frozenset(), {})
    blocks = _blocks(problem, planned, antennas, beside)
    acts: dict[str, list[Recorded]] = defaultdict(list)
    for each in recorded:
        o = each.opportunity
        left = o.bits - beside.sent.get((o.satellite, o.id), 0.0)
        if left > _SENT * o.bits:
            acts[o.satellite].append(each if left == o.bits else Recorded(replace(o, bits=left), each.end_s))
    requests = {r.id: r for r in problem.requests}
    found: list[Downlink] = []
    for satellite in problem.satellites:
        own = blocks.get(satellite.id, [])
        if own:
            coming = sorted(acts[satellite.id], key=lambda a: (a.end_s, a.opportunity.id))
            stored = satellite.stored_bits - beside.sent.get((satellite.id, ""), 0.0)
            found += _loaded(own, coming, stored if stored > _SENT * satellite.stored_bits else 0.0, requests)
    return tuple(sorted(found, key=lambda d: (d.start_s, d.contact)))


def _blocks(
    problem: PlanningProblem,
    planned: Mapping[int, float],
    antennas: Mapping[int, int] | None,
    beside: Beside,
) -> dict[str, list[tuple[float, float, Contact]]]:
    stations = {s.id: s for s in problem.stations}
    satellites = {s.id: s for s in problem.satellites}
    open_from: dict[tuple[str, int], float] = {}
    sending_until: dict[str, float] = {}
    found: dict[str, list[tuple[float, float, Contact]]] = defaultdict(list)
    contacts = problem.contacts
    allowed = {k: beside.spans.get(k, (contacts[k].start_s, contacts[k].end_s)) for k in planned}
    for k in sorted(planned, key=lambda k: (allowed[k][0], k not in beside.going, -planned[k], k)):
        c = contacts[k]
        if c.rate_bps <= 0 or planned[k] <= 0:
            continue
        station = stations[c.station]
        free = [(open_from.get((c.station, a), 0.0), a) for a in range(station.antennas)]
        at, antenna = min(free) if antennas is None else free[antennas[k]]
        first = max(allowed[k][0], at, sending_until.get(c.satellite, 0.0), problem.frozen_until_s)
        busy = (*station.busy, *satellites[c.satellite].busy)
        begin, end = _widest((first, min(allowed[k][1], problem.horizon_s)), busy)
        end = min(end, begin + planned[k] / c.rate_bps)
        if end - begin > _LEAST_S:
            found[c.satellite].append((begin, end, c))
            sending_until[c.satellite] = end
            open_from[c.station, antenna] = end + station.setup_s
    return found


def _widest(span: Span, busy: Sequence[Span]) -> Span:
    """The longest part of ``span`` off the busy ones."""
    best, at = (span[0], span[0]), span[0]
    for a, b in [*sorted(busy), (span[1], math.inf)]:
        until = min(a, span[1])
        if until - at > best[1] - best[0]:
            best = at, until
        at = max(at, b)
    return best


def _loaded(
    blocks: Sequence[tuple[float, float, Contact]],
    coming: list[Recorded],
    stored_bits: float,
    requests: Mapping[str, Request],
) -> list[Downlink]:
    # Due first, then oldest: (limit, end, id, bits left).
    stock: list[tuple[float, float, str, float]] = []
    if stored_bits > 0:
        stock.append((math.inf, 0.0, "", stored_bits))
    found = []
    place = 0
    for begin, end, contact in sorted(blocks, key=lambda b: b[:2]):
        clock, first, loads = begin, begin, list[Load]()
        while clock < end - _LEAST_S:
            while place < len(coming) and coming[place].end_s <= clock:
                each = coming[place]
                heapq.heappush(
                    stock, (_limit(each, requests), each.end_s, each.opportunity.id, each.opportunity.bits)
                )
                place += 1
            if not stock:
                # Nothing on board yet: another downlink begins when there is.
                if loads:
                    found.append(Downlink(contact=contact.id, start_s=first, end_s=clock, loads=tuple(loads)))
                    loads = []
                if place == len(coming) or coming[place].end_s >= end - _LEAST_S:
                    break
                clock = first = coming[place].end_s
                continue
            limit, since, name, left = heapq.heappop(stock)
            room = contact.rate_bps * (end - clock) * (1 - _HAIR)
            sent = min(room, left)
            loads.append(Load(opportunity=name or None, bits=sent))
            clock = min(end, clock + sent / contact.rate_bps * (1 + _HAIR))
            if sent < left:
                heapq.heappush(stock, (limit, since, name, left - sent))
                break
        if loads:
            found.append(Downlink(contact=contact.id, start_s=first, end_s=clock, loads=tuple(loads)))
    return found


def _limit(each: Recorded, requests: Mapping[str, Request]) -> float:
    request = requests[each.opportunity.request]
    within = math.inf if request.deliver_within_s is None else each.end_s + request.deliver_within_s
    return within if request.deliver_by_s is None else min(within, request.deliver_by_s)
