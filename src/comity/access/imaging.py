"""Imaging windows: when which instrument can image which place, and how it will look.

Angles are at the spacecraft from the geodetic nadir; the target must be above the horizon, lit, and seen at a
fine enough GSD (:mod:`comity.access.looks`).

- A point, and an instrument that can be aimed: the window is the whole span in which all of that holds, and
  any instant in it will do. The scene is one swath wide at that angle and as long as the nadir swath (15 km
  at least).
- An area: it is cut into strips (:mod:`comity.access.strips`), and a window is the pass of the scan line
  (square to the motion over the ground) from the strip's first corner to its last. The limits hold at
  five points along the centre line; the field of view must be as wide as the strip there.
- A point, and an instrument that looks straight down: a short scene (one swath long, 100 km at most) with
  the point in its middle row, where the field of view holds the point.

The last two must lie in the interval as a whole: half a strip is not the strip.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
import shapely

from comity.access.looks import Ground
from comity.access.passes import Limits
from comity.access.sampled import SampledTrajectory, states_over
from comity.access.search import FleetSearch, Places
from comity.access.sky import sky_over
from comity.access.states import MARGIN_S
from comity.access.track import MAX_STEP_S
from comity.access.windows import Direction, ImagingWindow, Light, Side
from comity.core import Executor, InputError, Interval, Progress, ThreadExecutor, UnknownIdError, silent
from comity.fleet import Area, Spacecraft, Target, area_from_geometry
from comity.orbits import EarthOrientation, PropagationError, Trajectory

#: States, and pairs of a state and a point, that are searched in one go: memory grows with them.
_MAX_STATES = 400_000
_MAX_PAIRS = 40_000_000


def imaging_windows(
    spacecraft: Spacecraft,
    trajectory: Trajectory,
    targets: Sequence[Target],
    interval: Interval,
    *,
    max_off_nadir_deg: float | None = None,
    min_sun_elevation_deg: float | None = None,
    max_gsd_m: float | None = None,
    max_incidence_deg: float | None = None,
    side: Side | None = None,
    direction: Direction | None = None,
    light: Light | None = None,
    instruments: Collection[str] | None = None,
    eop: EarthOrientation | None = None,
    progress: Progress = silent,
) -> list[ImagingWindow]:
    """Every window in which ``spacecraft`` can image one of ``targets``, in order of time.

    Parameters
    ----------
    targets : Points (a third coordinate is height above the ellipsoid, m) and (Multi)Polygons, which are
        imaged strip by strip: those windows' targets are ``TARGET/strip-N``.
    interval : windows are clipped to it (aimed points) or lie wholly inside it (scans).
    max_off_nadir_deg : tightens the instruments' own limits; None leaves them.
    min_sun_elevation_deg, max_gsd_m, max_incidence_deg : None: no limit.
    side : only places to the ``left`` or to the ``right`` of the motion over the ground.
    direction : only while the spacecraft moves north (``ascending``) or south (``descending``).
    light : only with the Sun's centre above (``day``) or below (``night``) the target's horizon.
    instruments : ids to use, None for all the spacecraft has.
    eop : Earth orientation, by default the bundled table.

    Raises
    ------
    InputError : a limit out of range, a target that is no place, an interval outside the Earth orientation.
    UnknownIdError : an instrument that the spacecraft does not carry.
    PropagationError : the trajectory has no answer somewhere in the interval.
    """
    asked = Limits(
        max_off_nadir_deg=90.0 if max_off_nadir_deg is None else max_off_nadir_deg,
        min_sun_elevation_deg=min_sun_elevation_deg,
        max_gsd_m=max_gsd_m,
        max_incidence_deg=max_incidence_deg,
        side=side,
        direction=direction,
        light=light,
    )
    _check_limits(asked)
    for wanted in instruments or ():
        if all(one.id != wanted for one in spacecraft.instruments):
            raise UnknownIdError(
                f"instrument of {spacecraft.id}", wanted, tuple(one.id for one in spacecraft.instruments)
            )
    eop = eop or EarthOrientation.bundled()
    search = _Search(_places(targets), interval, asked, instruments, eop)
    windows, refused = search.over([(spacecraft, trajectory)])
    progress(1, 1, spacecraft.name)
    if refused:
        raise refused[0]
    return sorted(windows, key=lambda w: (w.interval.start.tai_ns, w.target, w.instrument))


def constellation_windows(
    fleet: Iterable[tuple[Spacecraft, Trajectory]],
    targets: Sequence[Target],
    interval: Interval,
    *,
    max_off_nadir_deg: float | None = None,
    min_sun_elevation_deg: float | None = None,
    max_gsd_m: float | None = None,
    max_incidence_deg: float | None = None,
    side: Side | None = None,
    direction: Direction | None = None,
    light: Light | None = None,
    instruments: Collection[str] | None = None,
    eop: EarthOrientation | None = None,
    executor: Executor | None = None,
    progress: Progress = silent,
) -> tuple[list[ImagingWindow], list[PropagationError]]:
    """:func:`imaging_windows` over many spacecraft, in parallel; and why some have none, one error each.

    ``instruments``: ids wherever they are carried; spacecraft with none of them take no part. One that
    nobody carries raises :class:`UnknownIdError`. Windows are in order of time, then spacecraft.
    """
    members = list(fleet)
    asked = Limits(
        max_off_nadir_deg=90.0 if max_off_nadir_deg is None else max_off_nadir_deg,
        min_sun_elevation_deg=min_sun_elevation_deg,
        max_gsd_m=max_gsd_m,
        max_incidence_deg=max_incidence_deg,
        side=side,
        direction=direction,
        light=light,
    )
    _check_limits(asked)
    carried = {one.id for craft, _ in members for one in craft.instruments}
    for wanted in instruments or ():
        if wanted not in carried:
            raise UnknownIdError("instrument", wanted, tuple(sorted(carried)))
    places = _places(targets)  # a bad target is told before any work
    search = _Search(places, interval, asked, instruments, eop or EarthOrientation.bundled())
    groups = _groups(members, interval, len(places.points))
    windows: list[ImagingWindow] = []
    refused: list[PropagationError] = []
    done = 0
    for group, (found, lost) in zip(
        groups, (executor or ThreadExecutor()).map(search.over, groups), strict=True
    ):
        windows += found
        refused += lost
        for craft, _ in group:
            done += 1
            progress(done, len(members), craft.name)
    windows.sort(key=lambda w: (w.interval.start.tai_ns, w.spacecraft, w.target, w.instrument))
    return windows, refused


@dataclass(frozen=True, slots=True, kw_only=False)
class _Search:
    """What is searched for: any spacecraft can be asked. ``instruments``: their ids, None for all."""

    places: Places
    interval: Interval
    asked: Limits
    instruments: Collection[str] | None
    eop: EarthOrientation

    def over(
        self, members: Sequence[tuple[Spacecraft, Trajectory]]
    ) -> tuple[list[ImagingWindow], list[PropagationError]]:
        """Windows of spacecraft, in no order, and why some have none."""
        aboard = [
            (
                craft,
                [one for one in craft.instruments if self.instruments is None or one.id in self.instruments],
            )
            for craft, _ in members
        ]
        taking = [k for k, (_, chosen) in enumerate(aboard) if chosen]
        states, lost = states_over(
            [members[k][1] for k in taking],
            self.interval,
            self.eop,
            sky_over(self.interval, self.eop, MARGIN_S),
        )
        good = [k for number, k in enumerate(taking) if number not in lost]
        cameras = [
            (member, aboard[k][0], instrument) for member, k in enumerate(good) for instrument in aboard[k][1]
        ]
        windows = FleetSearch(states, cameras, self.asked).windows(self.places) if cameras else []
        return windows, [lost[number] for number in sorted(lost)]


def _groups(
    members: Sequence[tuple[Spacecraft, Trajectory]], interval: Interval, points: int
) -> list[list[tuple[Spacecraft, Trajectory]]]:
    """Spacecraft that are searched together: as many as memory allows, those with kept states apart."""
    states = interval.duration_s / MAX_STEP_S + 1.0
    size = max(1, int(min(_MAX_STATES / states, _MAX_PAIRS / (states * max(1, points)))))
    kept = [one for one in members if isinstance(one[1], SampledTrajectory)]
    rest = [one for one in members if not isinstance(one[1], SampledTrajectory)]
    return [some[k : k + size] for some in (kept, rest) for k in range(0, len(some), size)]


def _places(targets: Sequence[Target]) -> Places:
    points: list[Target] = []
    areas: list[Area] = []
    positions: list[tuple[float, float, float]] = []
    for target in targets:
        area = area_from_geometry(target.geometry, target.id)
        if not area.is_point:
            areas.append(area)
            continue
        points.append(target)
        lon, lat, height = shapely.get_coordinates(area.geometry, include_z=True)[0]
        positions.append((float(lon), float(lat), 0.0 if np.isnan(height) else float(height)))
    array = np.array(positions, dtype=np.float64).reshape(-1, 3)
    return Places(
        points=tuple(points),
        ground=Ground.at(array[:, 0], array[:, 1], array[:, 2]),
        lon_lat=array[:, :2],
        areas=tuple(areas),
    )


def _check_limits(asked: Limits) -> None:
    off_nadir, sun, incidence = asked.max_off_nadir_deg, asked.min_sun_elevation_deg, asked.max_incidence_deg
    if not 0.0 <= off_nadir <= 90.0:
        raise InputError(f"off-nadir limit {off_nadir:g}° is outside 0 … 90")
    if sun is not None and not -90.0 <= sun <= 90.0:
        raise InputError(f"Sun elevation limit {sun:g}° is outside −90 … 90")
    if asked.max_gsd_m is not None and not asked.max_gsd_m > 0.0:
        raise InputError(f"GSD limit {asked.max_gsd_m:g} m is not positive")
    if incidence is not None and not 0.0 < incidence <= 90.0:
        raise InputError(f"incidence limit {incidence:g}° is outside 0 … 90")
    for what, value, known in (
        ("look side", asked.side, get_args(Side)),
        ("pass direction", asked.direction, get_args(Direction)),
        ("light", asked.light, get_args(Light)),
    ):
        if value is not None and value not in known:
            raise InputError(f"{what} {value!r} is none of {', '.join(known)}")
