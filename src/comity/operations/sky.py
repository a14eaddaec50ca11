"""The programme's spacecraft in motion: trajectories, and passes over its stations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from comity.access import Site, StationWindow, station_windows
from comity.core import Executor, Interval
from comity.fleet import Programme
from comity.orbits import EarthOrientation, SGP4Trajectory, Trajectory


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
