"""Events over trajectories: passes over stations and windows in which targets can be imaged."""

from comity.access.cells import Cells, cells
from comity.access.events import intervals_where_positive
from comity.access.imaging import constellation_windows, imaging_windows
from comity.access.stations import Site, station_windows
from comity.access.strips import Strip, cut_into_strips, strip_width_km
from comity.access.windows import ElementsUsed, ImagingWindow, Look, StationWindow

__all__ = [
    "Cells",
    "ElementsUsed",
    "ImagingWindow",
    "Look",
    "Site",
    "StationWindow",
    "Strip",
    "cells",
    "constellation_windows",
    "cut_into_strips",
    "imaging_windows",
    "intervals_where_positive",
    "station_windows",
    "strip_width_km",
]
