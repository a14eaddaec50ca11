"""Events over trajectories: passes over stations and windows in which targets can be imaged."""

from comity.access.cells import Cells, cells
from comity.access.conditions import (
    Condition,
    Event,
    all_of,
    annular,
    any_of,
    eclipses,
    find_all_events,
    find_events,
    line_of_sight,
    negation,
    penumbra,
    sunlit,
    umbra,
)
from comity.access.events import intervals_where_positive
from comity.access.imaging import constellation_windows, imaging_windows
from comity.access.sampled import SampledTrajectory, sampled_fleet
from comity.access.stations import Site, station_windows, window_table
from comity.access.strips import Strip, cut_into_strips, strip_width_km
from comity.access.windows import (
    Direction,
    ElementsUsed,
    ImagingWindow,
    Light,
    Look,
    Side,
    StationWindow,
    WindowTable,
)

__all__ = [
    "Cells",
    "Condition",
    "Direction",
    "ElementsUsed",
    "Event",
    "ImagingWindow",
    "Light",
    "Look",
    "SampledTrajectory",
    "Side",
    "Site",
    "StationWindow",
    "Strip",
    "WindowTable",
    "all_of",
    "annular",
    "any_of",
    "cells",
    "constellation_windows",
    "cut_into_strips",
    "eclipses",
    "find_all_events",
    "find_events",
    "imaging_windows",
    "intervals_where_positive",
    "line_of_sight",
    "negation",
    "penumbra",
    "sampled_fleet",
    "station_windows",
    "strip_width_km",
    "sunlit",
    "umbra",
    "window_table",
]
