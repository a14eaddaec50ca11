"""The downlinks of a stored plan: whoever made it, and contacts held no longer than they are used."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from comity.planning.baseline.motion import Slot
from comity.planning.baseline.sending import Sending
from comity.planning.downlink import full_spans, subtract
from comity.planning.problem import Contact, Downlink, Load, PlanningProblem, Request, Satellite, Span

#: Shorter downlinks (s) are not made.
LEAST_S = 1e-3
#: Kept to other contacts of a station (s), so that rounding never makes them overlap.
_APART_S = 1e-6


def one_load_each(downlinks: Iterable[Downlink]) -> list[Downlink]:
    """The same sending with one load per downlink: loads follow each other at an even rate."""
    found = []
    for d in downlinks:
        total = math.fsum(load.bits for load in d.loads)
        if len(d.loads) <= 1 or total <= 0:
            found.append(d)
            continue
        clock = d.start_s
        for k, load in enumerate(d.loads):
            last = k + 1 == len(d.loads)
            end = d.end_s if last else min(d.end_s, clock + (d.end_s - d.start_s) * load.bits / total)
            found.append(Downlink(contact=d.contact, start_s=clock, end_s=end, loads=(load,)))
            clock = end
    return found


class Booked(Sending):
    """Downlinks by satellite and contact; an antenna is held from a contact's first to its last."""

    def __init__(self, problem: PlanningProblem) -> None:
        super().__init__(problem)
        self.of_contact: dict[str, list[Downlink]] = defaultdict(list)
        self._arrays: dict[str, tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]] = {}
        self._held: dict[str, Span] = {}
        self._regions: dict[str, list[Span]] = {}
        #: Contacts of the same station that can be in each other's way.
        self._beside: dict[str, list[Contact]] = defaultdict(list)
        of_station: dict[str, list[Contact]] = defaultdict(list)
        for c in sorted(problem.contacts, key=lambda c: (c.start_s, c.id)):
            of_station[c.station].append(c)
        for id, own in of_station.items():
            setup, longest = self._stations[id].setup_s, max(c.end_s - c.start_s for c in own)
            starts = [c.start_s for c in own]
            for c in own:
                low = bisect_left(starts, c.start_s - longest - setup)
                near = own[low : bisect_right(starts, c.end_s + setup)]
                self._beside[c.id] = [x for x in near if x.id != c.id and x.end_s + setup > c.start_s]

    def take(self, downlink: Downlink) -> None:
        """Add a downlink."""
        c = self._by_id[downlink.contact]
        self.of[c.satellite].append(downlink)
        self.of_contact[c.id].append(downlink)
        self._changed(c)

    def drop(self, downlink: Downlink) -> None:
        """Take it away again."""
        c = self._by_id[downlink.contact]
        _discard(self.of[c.satellite], downlink)
        _discard(self.of_contact[c.id], downlink)
        self._changed(c)

    def _changed(self, c: Contact) -> None:
        self._arrays.pop(c.satellite, None)
        own = self.of_contact[c.id]
        before = self._held.pop(c.id, None)
        if own:
            self._held[c.id] = min(d.start_s for d in own), max(d.end_s for d in own)
        if self._held.get(c.id) != before:
            self._regions.pop(c.id, None)
            for x in self._beside[c.id]:
                self._regions.pop(x.id, None)

    def satellite_of(self, contact: str) -> str:
        """Who sends in a contact."""
        return self._by_id[contact].satellite

    def contacts(self, satellite: str) -> Sequence[Contact]:
        """Its contacts, in order of time."""
        return self._contacts[satellite]

    def held(self, contact: str) -> Span | None:
        """From when to when a contact holds its antenna, without set-up; None while it is not used."""
        return self._held.get(contact)

    def rivals(self, c: Contact) -> list[tuple[Span, str]]:
        """Other contacts of its station that are in use around it: span with set-up, contact."""
        setup = self._stations[c.station].setup_s
        held = [(self._held[x.id], x.id) for x in self._beside[c.id] if x.id in self._held]
        return [((a, b + setup), id) for (a, b), id in held if a < c.end_s + setup and c.start_s < b + setup]

    def regions(self, c: Contact) -> list[Span]:
        """Spans in any one of which the contact may hold an antenna (one of them where it is in use)."""
        if c.id not in self._regions:
            self._regions[c.id] = self._find_regions(c)
        return self._regions[c.id]

    def _find_regions(self, c: Contact) -> list[Span]:
        station = self._stations[c.station]
        full = full_spans([span for span, _ in self.rivals(c)], station.antennas)
        setup = station.setup_s
        spans = subtract((c.start_s, c.end_s + setup), [(a - _APART_S, b + _APART_S) for a, b in full])
        found = [(a, min(b - setup, c.end_s)) for a, b in spans if b - setup > a]
        own = self.held(c.id)
        return (
            found if own is None else [(a, b) for a, b in found if a <= own[0] and own[1] <= b][:1] or [own]
        )

    def place(self, slot: Slot, request: Request, acts: Iterable[Slot]) -> list[Downlink] | None:
        """Downlinks of an acquisition; [] where none are needed or found, None where they are missing."""
        o = slot.opportunity
        limit, needed = self.limit(slot, request)
        satellite = self._satellites[o.satellite]
        if o.bits <= 0 or not (needed or satellite.memory_bits is not None):
            return []
        found = self._pieces(slot, satellite, limit, self._barred(satellite, acts))
        for d in found:
            self.drop(d)
        if math.fsum(x.bits for d in found for x in d.loads) < o.bits * (1 - 1e-12):
            return None if needed else []
        return found

    def _pieces(self, slot: Slot, satellite: Satellite, limit: float, barred: list[Span]) -> list[Downlink]:
        """Downlinks as early as they fit, taken at once: they keep each other's antennas."""
        o = slot.opportunity
        left, found = o.bits, list[Downlink]()
        for c in self._contacts[satellite.id]:
            if c.end_s <= slot.end_s or c.start_s >= limit:
                continue
            for region in self.regions(c):
                span = max(region[0], slot.end_s, self._from), min(region[1], limit)
                before = len(found)
                for a, b in subtract(span, [*barred, *self._stations[c.station].busy]):
                    seconds = min(b - a, left / c.rate_bps)
                    whole = seconds * c.rate_bps >= left * (1 - 1e-12)
                    if seconds < LEAST_S and not whole:
                        continue
                    bits = left if whole else seconds * c.rate_bps * (1 - 1e-12)
                    load = Load(opportunity=o.id, bits=bits)
                    found.append(Downlink(contact=c.id, start_s=a, end_s=a + seconds, loads=(load,)))
                    self.take(found[-1])
                    barred.append((a, a + seconds))
                    if whole:
                        return found
                    left -= bits
                if len(found) > before:
                    break
        return found

    def limit(self, slot: Slot, request: Request) -> tuple[float, bool]:
        """Until when (s) an acquisition may be sent, and whether it has to be."""
        limit = self._horizon
        if request.deliver_within_s is not None:
            limit = min(limit, slot.end_s + request.deliver_within_s)
        if request.deliver_by_s is not None:
            limit = min(limit, request.deliver_by_s)
        return limit, request.deliver_within_s is not None or request.deliver_by_s is not None

    def fits(self, satellite: Satellite, acts: Iterable[Slot]) -> bool:
        """Whether the memory holds at every start of an acquisition."""
        return satellite.memory_bits is None or self.fullest(satellite, acts) is None

    def fullest(self, satellite: Satellite, acts: Iterable[Slot]) -> tuple[float, float] | None:
        """When (s) the memory is fullest beyond what it holds, and with how much; None where it holds."""
        ordered = list(acts)
        if satellite.memory_bits is None or not ordered:
            return None
        starts = np.array([a.start_s for a in ordered])
        bits = np.array([a.opportunity.bits for a in ordered])
        level = satellite.stored_bits + np.cumsum(bits) - self._gone(satellite.id, starts)
        over = (bits > 0) & (level > satellite.memory_bits * (1 + 1e-12))
        if not over.any():
            return None
        k = int(np.argmax(np.where(over, level, -np.inf)))
        return float(starts[k]), float(level[k])

    def _gone(self, satellite: str, at: NDArray[np.float64]) -> NDArray[np.float64]:
        """Bits sent by instants (n,)."""
        if satellite not in self._arrays:
            own = self.of[satellite]
            self._arrays[satellite] = (
                np.array([d.start_s for d in own]),
                np.array([d.end_s for d in own]),
                np.array([math.fsum(load.bits for load in d.loads) for d in own]),
            )
        first, last, bits = self._arrays[satellite]
        if not len(first):
            return np.zeros(len(at))
        length = np.maximum(last - first, 1e-12)
        part = np.clip((at[:, None] - first[None, :]) / length[None, :], 0.0, 1.0)
        return np.asarray(part @ bits, dtype=np.float64)


def _discard(own: list[Downlink], downlink: Downlink) -> None:
    """Remove it; the same object where it is there, and that is the rule."""
    for k in range(len(own) - 1, -1, -1):
        if own[k] is downlink:
            del own[k]
            return
    own.remove(downlink)
