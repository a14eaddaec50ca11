"""The programme's spacecraft in motion: trajectories, states kept at hand, and passes over its stations."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from comity.access import Site, StationWindow, sampled_fleet, station_windows
from comity.core import Epoch, Executor, Interval
from comity.fleet import Programme
from comity.orbits import EarthOrientation, SGP4Trajectory, Trajectory

#: NORAD id → trajectory of each of a programme's spacecraft, for what begins at an instant.
TrajectorySource = Callable[[Programme, Epoch], Mapping[int, Trajectory]]

_DAY_S = 86_400.0
#: States are kept for so long (s): what is asked of farther ahead is worked out as it comes. STAPI's open
#: intervals end after 14 days.
SPAN_S = 16.0 * _DAY_S
#: They begin so much earlier (s), for those who go on with what they asked a while ago.
_BEFORE_S = 2.0 * 3600.0
#: Renewed beside what is going on when they are so old (s); at this age whoever asks waits for new ones.
RENEW_S = 0.5 * _DAY_S
STALE_S = 1.5 * _DAY_S


def trajectories_of(programme: Programme, spacecraft: Sequence[str] = ()) -> dict[int, Trajectory]:
    """NORAD id → SGP4 trajectory of each spacecraft (all, or those named)."""
    eop = EarthOrientation.bundled()
    wanted = set(spacecraft)
    return {
        craft.norad_id: SGP4Trajectory(programme.elements[craft.norad_id], eop)
        for craft in programme.spacecraft
        if not wanted or craft.id in wanted
    }


def contact_windows(
    programme: Programme, spacecraft: Sequence[str], interval: Interval, executor: Executor
) -> list[StationWindow]:
    """Passes of the named spacecraft over every station, by spacecraft and station id, in time order."""
    if not spacecraft:
        return []
    ids = {craft.norad_id: craft.id for craft in programme.spacecraft}
    trajectories = trajectories_of(programme, spacecraft)
    sites = [Site.of_station(station) for station in programme.stations]
    found = station_windows(trajectories.values(), sites, interval, executor=executor)
    named = [replace(window, spacecraft=ids[window.norad_id]) for window in found]
    return sorted(named, key=lambda w: (w.interval.start, w.spacecraft, w.target))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fleet:
    """Trajectories whose states are kept over ``span``, of the element sets ``digest`` names."""

    digest: str
    span: Interval
    trajectories: Mapping[int, Trajectory]

    def serves(self, digest: str, now: Epoch, age_s: float) -> bool:
        return self.digest == digest and 0.0 <= now - self.span.start < age_s


class KeptFleet:
    """A programme's spacecraft with their states of the coming days at hand. Safe to share between threads.

    The states move on with time: :meth:`renew`, called now and then, works new ones out while the old ones
    serve. Where nobody calls it, and where the programme has new elements, the first to ask does.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._fleet: _Fleet | None = None

    def trajectories(self, programme: Programme, now: Epoch) -> Mapping[int, Trajectory]:
        """A :data:`TrajectorySource`."""
        return self._fleet_at(programme, now, STALE_S).trajectories

    def renew(self, programme: Programme, now: Epoch) -> None:
        """Have states at hand that will do for some time."""
        self._fleet_at(programme, now, RENEW_S)

    def _fleet_at(self, programme: Programme, now: Epoch, age_s: float) -> _Fleet:
        digest = elements_digest(programme)
        fleet = self._fleet
        if fleet is not None and fleet.serves(digest, now, age_s):
            return fleet
        with self._lock:
            fleet = self._fleet
            if fleet is None or not fleet.serves(digest, now, age_s):
                start = Epoch.from_iso(now.iso(0)) + -_BEFORE_S
                span = Interval(start, start + SPAN_S)
                sampled = sampled_fleet(trajectories_of(programme), span, EarthOrientation.bundled())
                ready = {number: one.prepare() for number, one in sampled.items()}
                self._fleet = fleet = _Fleet(digest=digest, span=span, trajectories=ready)
            return fleet


def elements_digest(programme: Programme) -> str:
    """Which element sets a programme has: other windows follow from other elements."""
    return "/".join(f"{n}@{e.epoch.iso(3)}" for n, e in sorted(programme.elements.items()))
