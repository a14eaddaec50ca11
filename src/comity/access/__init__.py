"""Events over trajectories: passes over stations and windows in which targets can be imaged."""

from comity.access.areas import Area, area_from_geojson, area_from_geometry, read_area, surface_m2
from comity.access.cells import Cells, cells
from comity.access.events import intervals_where_positive
from comity.access.imaging import constellation_windows, imaging_windows
from comity.access.stations import Site, station_windows
from comity.access.strips import Strip, cut_into_strips, strip_width_km
from comity.access.windows import ElementsUsed, ImagingWindow, Look, StationWindow

__all__ = [
    "Area",
    "Cells",
    "ElementsUsed",
    "ImagingWindow",
    "Look",
    "Site",
    "StationWindow",
    "Strip",
    "area_from_geojson",
    "area_from_geometry",
    "cells",
    "constellation_windows",
    "cut_into_strips",
    "imaging_windows",
    "intervals_where_positive",
    "read_area",
    "station_windows",
    "strip_width_km",
    "surface_m2",
]
