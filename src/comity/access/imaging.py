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
from dataclasses import replace
from typing import get_args

import numpy as np
import shapely

from comity.access.looks import Ground, half_field_rad
from comity.access.passes import Limits
from comity.access.sampled import SampledTrajectory
from comity.access.search import InstrumentSearch, Places
from comity.access.sky import Sky
from comity.access.track import sample, sky_over
from comity.access.windows import Direction, ImagingWindow, Light, Side
from comity.core import Executor, InputError, Interval, Progress, ThreadExecutor, UnknownIdError, silent
from comity.fleet import Area, Instrument, Spacecraft, Target, area_from_geometry
from comity.orbits import EarthOrientation, PropagationError, Trajectory


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
    chosen = None if instruments is None else frozenset(instruments)
    eop = eop or EarthOrientation.bundled()
    sky = sky_over(interval, eop)
    return _search(spacecraft, trajectory, _places(targets), interval, asked, chosen, sky, progress)


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
    eop = eop or EarthOrientation.bundled()
    sky = sky_over(interval, eop)

    def one(member: tuple[Spacecraft, Trajectory]) -> list[ImagingWindow] | PropagationError:
        craft, trajectory = member
        here = None if instruments is None else {i.id for i in craft.instruments} & set(instruments)
        if here is not None and not here:
            return []
        try:
            return _search(craft, trajectory, places, interval, asked, here, sky)
        except PropagationError as error:
            return error

    windows: list[ImagingWindow] = []
    refused: list[PropagationError] = []
    results = (executor or ThreadExecutor()).map(one, members)
    for done, ((craft, _), result) in enumerate(zip(members, results, strict=True), start=1):
        if isinstance(result, PropagationError):
            refused.append(result)
        else:
            windows += result
        progress(done, len(members), craft.name)
    windows.sort(key=lambda w: (w.interval.start, w.spacecraft, w.target, w.instrument))
    return windows, refused


def _search(
    spacecraft: Spacecraft,
    trajectory: Trajectory,
    places: Places,
    interval: Interval,
    asked: Limits,
    instruments: Collection[str] | None,
    sky: Sky,
    progress: Progress = silent,
) -> list[ImagingWindow]:
    """Windows of one spacecraft with the instruments of these ids (None: all), in order of time."""
    track = (
        trajectory.track(interval, sky)
        if isinstance(trajectory, SampledTrajectory)
        else sample(trajectory, interval, sky.eop, sky=sky)
    )
    chosen = [one for one in spacecraft.instruments if instruments is None or one.id in instruments]
    found: list[ImagingWindow] = []
    for done, instrument in enumerate(chosen):
        progress(done, len(chosen), f"{spacecraft.name}: {instrument.name}")
        limits = replace(asked, max_off_nadir_deg=_off_nadir_limit(instrument, asked.max_off_nadir_deg))
        search = InstrumentSearch(spacecraft, instrument, track, limits)
        found += search.points(places)
        for area in places.areas:
            found += search.strips(area)
    progress(len(chosen), len(chosen), spacecraft.name)
    return sorted(found, key=lambda w: (w.interval.start, w.target, w.instrument))


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


def _off_nadir_limit(instrument: Instrument, asked_deg: float) -> float:
    fixed = instrument.pointing == "nadir"
    own = float(np.degrees(half_field_rad(instrument))) if fixed else instrument.max_off_nadir_deg
    return min(own, asked_deg)
