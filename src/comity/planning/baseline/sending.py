"""Who sends what when: each acquisition gets downlinks of its own, as early as they fit."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable

from comity.planning.baseline.motion import Slot
from comity.planning.downlink import subtract
from comity.planning.problem import Contact, Downlink, Load, PlanningProblem, Request, Satellite, Span

_LEAST_S = 1e-3


class Sending:
    """Downlinks by satellite. A contact in use keeps its antenna for the whole of its span."""

    def __init__(self, problem: PlanningProblem) -> None:
        self._stations = {s.id: s for s in problem.stations}
        self._satellites = {s.id: s for s in problem.satellites}
        self._contacts: dict[str, list[Contact]] = defaultdict(list)
        self._by_id = {c.id: c for c in problem.contacts}
        for c in sorted(problem.contacts, key=lambda c: (c.start_s, c.id)):
            self._contacts[c.satellite].append(c)
        self._horizon, self._from = problem.horizon_s, problem.frozen_until_s
        self.of: dict[str, list[Downlink]] = defaultdict(list)
        self._users: dict[str, int] = defaultdict(int)
        self._open: dict[str, set[str]] = defaultdict(set)
        #: Contacts in which a part may be frozen while another contact has the antenna for the rest.
        self._partly = {d.contact for d in problem.frozen_downlinks}

    def take(self, downlink: Downlink) -> None:
        """Add a downlink."""
        c = self._by_id[downlink.contact]
        self.of[c.satellite].append(downlink)
        self._users[c.id] += 1
        self._open[c.station].add(c.id)

    def drop(self, downlink: Downlink) -> None:
        """Take it away again."""
        c = self._by_id[downlink.contact]
        self.of[c.satellite].remove(downlink)
        self._users[c.id] -= 1
        if not self._users[c.id]:
            self._open[c.station].discard(c.id)

    def place(self, slot: Slot, request: Request, acts: Iterable[Slot]) -> list[Downlink] | None:
        """Downlinks of an acquisition; [] where none are needed or found, None where they are missing."""
        o = slot.opportunity
        limit, needed = self._horizon, False
        if request.deliver_within_s is not None:
            limit, needed = min(limit, slot.end_s + request.deliver_within_s), True
        if request.deliver_by_s is not None:
            limit, needed = min(limit, request.deliver_by_s), True
        satellite = self._satellites[o.satellite]
        if o.bits <= 0 or not (needed or satellite.memory_bits is not None):
            return []
        left, found = o.bits, []
        barred, opened = self._barred(satellite, acts), set[str]()
        for c in self._contacts[satellite.id]:
            if left <= 0:
                break
            if c.end_s <= slot.end_s or c.start_s >= limit or not self._antenna(c, opened):
                continue
            span = max(c.start_s, slot.end_s, self._from), min(c.end_s, limit)
            for a, b in subtract(span, [*barred, *self._stations[c.station].busy]):
                seconds = min(b - a, left / c.rate_bps)
                if seconds < _LEAST_S and left > seconds * c.rate_bps:
                    continue
                whole = seconds * c.rate_bps >= left * (1 - 1e-12)
                bits = left if whole else seconds * c.rate_bps * (1 - 1e-12)
                found.append(
                    Downlink(
                        contact=c.id, start_s=a, end_s=a + seconds, loads=(Load(opportunity=o.id, bits=bits),)
                    )
                )
                barred.append((a, a + seconds))
                opened.add(c.id)
                left = 0.0 if whole else left - bits
                if whole:
                    break
        if left > 0:
            return None if needed else []
        return found

    def _barred(self, satellite: Satellite, acts: Iterable[Slot]) -> list[Span]:
        spans = [*satellite.busy, *((d.start_s, d.end_s) for d in self.of[satellite.id])]
        if not satellite.images_while_sending:
            gap = satellite.sending_gap_s
            spans += [(a.start_s - gap, a.end_s + gap) for a in acts]
        return spans

    def _antenna(self, c: Contact, opened: set[str]) -> bool:
        """Whether the station has an antenna left for all of the contact, besides those just ``opened``."""
        station = self._stations[c.station]
        if self._users[c.id] and c.id not in self._partly:
            return True
        setup = station.setup_s
        own = {id for id in opened if self._by_id[id].station == c.station}
        others = [self._by_id[id] for id in (self._open[c.station] | own) - {c.id}]
        rivals = sum(1 for x in others if x.start_s < c.end_s + setup and c.start_s < x.end_s + setup)
        return rivals < station.antennas

    def fits(self, satellite: Satellite, acts: Iterable[Slot]) -> bool:
        """Whether the memory holds at every start of an acquisition."""
        if satellite.memory_bits is None:
            return True
        level, sent = satellite.stored_bits, self.of[satellite.id]
        for act in acts:
            level += act.opportunity.bits
            gone = 0.0
            for d in sent:
                length = d.end_s - d.start_s
                part = (act.start_s - d.start_s) / length if length > 0 else math.inf
                gone += min(1.0, max(0.0, part)) * sum(load.bits for load in d.loads)
            if act.opportunity.bits > 0 and level - gone > satellite.memory_bits * (1 + 1e-12):
                return False
        return True
