"""Conditions over trajectories that compose, and the typed intervals in which they hold.

>>> found = find_events(all_of(elevation(craft, site, 10.0), sunlit(craft)), interval)  # doctest: +SKIP
"""

from comity.access.conditions.base import (
    Composable,
    Condition,
    Event,
    Scene,
    all_of,
    any_of,
    find_all_events,
    find_events,
    negation,
)
from comity.access.conditions.eclipse import annular, eclipsed, eclipses, penumbra, sunlit, umbra
from comity.access.conditions.expression import Surroundings, condition_from_text
from comity.access.conditions.ground import (
    above_mask,
    azimuth,
    daylight,
    elevation,
    gsd,
    incidence,
    left_of_track,
    off_nadir,
    range_to_site,
    right_of_track,
    sun_elevation,
)
from comity.access.conditions.objects import line_of_sight, moon_illumination, range_between, separation
from comity.access.conditions.place import altitude, ascending, box, descending, latitude, longitude

__all__ = [
    "Composable",
    "Condition",
    "Event",
    "Scene",
    "Surroundings",
    "above_mask",
    "all_of",
    "altitude",
    "annular",
    "any_of",
    "ascending",
    "azimuth",
    "box",
    "condition_from_text",
    "daylight",
    "descending",
    "eclipsed",
    "eclipses",
    "elevation",
    "find_all_events",
    "find_events",
    "gsd",
    "incidence",
    "latitude",
    "left_of_track",
    "line_of_sight",
    "longitude",
    "moon_illumination",
    "negation",
    "off_nadir",
    "penumbra",
    "range_between",
    "range_to_site",
    "right_of_track",
    "separation",
    "sun_elevation",
    "sunlit",
    "umbra",
]
