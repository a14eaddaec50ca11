"""Ground tracks of the passes in which something was acquired or sent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from shapely.geometry.base import BaseGeometry

from comity.core import Epoch, InputError, Interval
from comity.fleet import Programme
from comity.operations.records import Activity
from comity.orbits import EarthOrientation, PropagationError, SGP4Trajectory, ecef_to_geodetic
from comity.server.report.projection import line_on_earth

#: A track is drawn this long (s) before and after what was acquired, with a point every so often.
AROUND_S = 240.0
STEP_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One pass of a spacecraft: its sub-satellite line (degrees) over ``interval``."""

    spacecraft: str
    interval: Interval
    line: BaseGeometry


def pass_tracks(programme: Programme, activities: Iterable[Activity]) -> list[Track]:
    """One track per pass with an acquisition; passes less than twice ``AROUND_S`` apart join.

    A spacecraft without elements, elements without a position then, or a time outside the Earth
    orientation data leave no track: the plan's own figures do not hang on the drawing.
    """
    eop = EarthOrientation.bundled()
    norad_ids = {craft.id: craft.norad_id for craft in programme.spacecraft}
    tracks = []
    for spacecraft, spans in _passes(activities).items():
        elements = programme.elements.get(norad_ids.get(spacecraft, 0))
        if elements is None:
            continue
        for interval in spans:
            seconds = np.append(np.arange(0.0, interval.duration_s, STEP_S), interval.duration_s)
            try:
                position, _ = SGP4Trajectory(elements, eop).itrf(interval.start, seconds)
            except (PropagationError, InputError):
                continue
            lon, lat, _ = ecef_to_geodetic(position)
            line = line_on_earth(lon, lat)
            tracks.append(Track(spacecraft=spacecraft, interval=interval, line=line))
    return tracks


def _passes(activities: Iterable[Activity]) -> dict[str, list[Interval]]:
    """Spans to draw per spacecraft, in time order."""
    spans: dict[str, list[Interval]] = {}
    chosen = (a for a in activities if a.kind == "acquisition" and a.state != "dropped")
    for activity in sorted(chosen, key=lambda a: a.interval.start):
        start, end = activity.interval.start + -AROUND_S, activity.interval.end + AROUND_S
        mine = spans.setdefault(activity.spacecraft, [])
        if mine and start <= mine[-1].end:
            mine[-1] = Interval(mine[-1].start, _later(mine[-1].end, end))
        else:
            mine.append(Interval(start, end))
    return spans


def _later(a: Epoch, b: Epoch) -> Epoch:
    return b if a < b else a
