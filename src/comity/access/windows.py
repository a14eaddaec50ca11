"""What access finds: windows in which a spacecraft sees a station or can image a target."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry  # at run time too: stored windows are read by their hints

from comity.core import Epoch, Interval
from comity.orbits import Trajectory

FloatArray = NDArray[np.float64]
Int32Array = NDArray[np.int32]

#: On which side of the motion over the ground a target lies; which way a pass goes; the Sun at the target.
Side = Literal["left", "right"]
Direction = Literal["ascending", "descending"]
Light = Literal["day", "night"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementsUsed:
    """Which mean elements a window came from: ``age_s`` is counted at the window's middle."""

    norad_id: int
    source: str
    epoch: Epoch
    age_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StationWindow:
    """A pass of a spacecraft over a site, above the site's minimum elevation (geometric)."""

    spacecraft: str
    norad_id: int
    target: str
    interval: Interval
    max_elevation_deg: float
    max_elevation_at: Epoch
    elements: ElementsUsed


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WindowTable:
    """Passes of many objects over many sites, one per row, in the order of objects, sites and time.

    ``spacecraft`` (w,) and ``site`` (w,): indices into ``trajectories`` and ``sites`` (names); ``start_s``,
    ``end_s`` (w,) seconds from ``interval.start``; where culminations were asked for, ``culmination_s`` (w,)
    s and ``max_elevation_deg`` (w,), else None.
    """

    trajectories: tuple[Trajectory, ...]
    sites: tuple[str, ...]
    interval: Interval
    spacecraft: Int32Array
    site: Int32Array
    start_s: FloatArray
    end_s: FloatArray
    culmination_s: FloatArray | None
    max_elevation_deg: FloatArray | None

    def __len__(self) -> int:
        return len(self.spacecraft)

    def rows(self) -> Iterator[tuple[int, int, float, float, float, float]]:
        """Spacecraft, site, start (s), end (s), culmination (s) and greatest elevation (deg), row by row.

        The last two are NaN where they were not asked for.
        """
        nothing = np.full(len(self), np.nan)
        return zip(
            self.spacecraft.tolist(),
            self.site.tolist(),
            self.start_s.tolist(),
            self.end_s.tolist(),
            (nothing if self.culmination_s is None else self.culmination_s).tolist(),
            (nothing if self.max_elevation_deg is None else self.max_elevation_deg).tolist(),
            strict=True,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Geometry of one instant of a window at the target (for a strip: its centre line).

    ``off_nadir_deg``: angle at the spacecraft between the geodetic nadir direction and the target.
    ``roll_deg`` / ``pitch_deg``: the same direction as rotation about the velocity direction (positive
    to the right of motion) and forward of it; ``incidence_deg``: angle at the target between the
    ellipsoid's normal and the spacecraft. ``gsd_m``: geometric mean of across and along track at that
    angle and range. ``view_azimuth_deg``: from the point below the spacecraft to the target, clockwise
    from north (STAC ``view:azimuth``). ``direction``: unit vector (3,) from the spacecraft to the target in
    ITRF, and ``inertial`` the same in TEME, for slews (of an instrument that cannot be aimed: the nadir).
    """

    at: Epoch
    off_nadir_deg: float
    roll_deg: float
    pitch_deg: float
    incidence_deg: float
    range_m: float
    gsd_m: float
    sun_elevation_deg: float
    sun_azimuth_deg: float
    view_azimuth_deg: float
    direction: tuple[float, float, float]
    inertial: tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagingWindow:
    """A span in which one instrument can image one target.

    Agile instruments on a point: any instant of ``interval`` will do. A strip, or an instrument that
    looks straight down: the whole interval *is* the pass of the scan line from one end to the other.
    ``best``: the look at the smallest off-nadir angle; ``looks``: that and a few more across the
    interval in time order (a scan: at its start, best and end). ``footprint``: the ground imaged (lon, lat)
    at ``best``.
    ``ascending``: whether the spacecraft moves north.
    """

    spacecraft: str
    norad_id: int
    instrument: str
    target: str
    interval: Interval
    best: Look
    looks: tuple[Look, ...]
    footprint: BaseGeometry
    ascending: bool
    whole: bool
    elements: ElementsUsed
