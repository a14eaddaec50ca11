"""Many instruments over the states of their spacecraft: every window they have on points and strips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from comity.access.footprints import scenes
from comity.access.looks import (
    Ground,
    Optics,
    azimuth_deg,
    ground_speed,
    half_field_rad,
    level_axes,
    looks,
    nadir_swath_m,
    skew_deg,
    swath_m,
    view,
)
from comity.access.passes import (
    Cameras,
    Limits,
    abeam_candidates,
    abeam_times,
    aimed_spans,
    every_pair,
    margins,
)
from comity.access.states import States
from comity.access.strips import SAMPLES, Strip, cut_into_strips, heading_class, strip_width_km
from comity.access.windows import ElementsUsed, ImagingWindow, Look
from comity.core import Interval
from comity.fleet import Area, Instrument, Spacecraft, Target
from comity.orbits import ecef_to_geodetic

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Shortest scene of a point (m along the track).
MIN_SCENE_M = 15_000.0
#: Longest scene of a point under an instrument that looks straight down.
MAX_NADIR_SCENE_M = 100_000.0
#: Further instants offered in an aimed window besides the best, one for every so many seconds.
MAX_LOOKS = 5
_LOOK_SPACING_S = 8.0
#: A pass may run at this angle (deg) to a strip and still scan it.
MAX_SKEW_DEG = 25.0
#: Under this ground speed (m/s) nothing is scanned: high orbits take no strips.
_MIN_SPEED = 1_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Targets, ready to look at: points with their ``ground`` and ``lon_lat`` (n, 2) degrees, and areas."""

    points: tuple[Target, ...]
    ground: Ground
    lon_lat: FloatArray
    areas: tuple[Area, ...]


class FleetSearch:
    """Instruments of many spacecraft at once. ``aboard``: object of ``states``, spacecraft, instrument."""

    def __init__(
        self, states: States, aboard: Sequence[tuple[int, Spacecraft, Instrument]], limits: Limits
    ) -> None:
        self.states = states
        self.aboard = aboard
        self.limits = limits
        self.cameras = Cameras(
            member=np.array([member for member, _, _ in aboard], dtype=np.int64),
            optics=Optics.of([instrument for _, _, instrument in aboard]),
            max_off_nadir_deg=np.array(
                [_off_nadir_limit(instrument, limits.max_off_nadir_deg) for _, _, instrument in aboard]
            ),
        )
        self.fixed = np.array([one.pointing == "nadir" for _, _, one in aboard], dtype=np.bool_)

    def windows(self, places: Places) -> list[ImagingWindow]:
        """Windows on all of the targets."""
        aimed, fixed = np.flatnonzero(~self.fixed), np.flatnonzero(self.fixed)
        found: list[ImagingWindow] = []
        if places.points and len(aimed):
            found += self._aimed_points(aimed, places)
        if places.points and len(fixed):
            found += self._fixed_points(fixed, places)
        if places.areas:
            altitude_m, inclination_deg = self.states.mean_altitude_m(), self.states.inclination_deg()
            for area in places.areas:
                found += self._scans(area, altitude_m, inclination_deg)
        return found

    def _aimed_points(self, chosen: IntArray, places: Places) -> list[ImagingWindow]:
        spans = aimed_spans(self.states, self.cameras[chosen], self.limits, places.ground)
        if not len(spans.which):
            return []
        instants = [
            _instants(a, b, c)
            for a, b, c in zip(spans.start.tolist(), spans.best.tolist(), spans.end.tolist(), strict=True)
        ]
        counts = [len(one) for one in instants]
        several = np.repeat(np.arange(len(counts)), counts)
        index = chosen[spans.camera]
        cameras, ground = self.cameras[index], places.ground[spans.which]
        pool = looks(
            self.states,
            cameras.member[several],
            cameras.optics[several],
            np.concatenate(instants),
            ground[several],
        )
        seen = view(self.states, cameras.member, spans.best, ground)
        width = swath_m(cameras.optics, seen.range_m, seen.elevation_deg(ground))
        altitude = ecef_to_geodetic(seen.position)[2]
        length = np.maximum(nadir_swath_m(cameras.optics, altitude), MIN_SCENE_M)
        lon_lat = places.lon_lat[spans.which]
        heading = azimuth_deg(seen.velocity, ground.east, ground.north)
        footprints = scenes(lon_lat[:, 0], lon_lat[:, 1], heading, width, length)
        ascending = (seen.velocity[:, 2] > 0.0).tolist()
        windows = []
        first = 0
        for k, count in enumerate(counts):
            mine = tuple(pool[first : first + count])
            first += count
            windows.append(
                self._window(
                    int(index[k]),
                    target=places.points[int(spans.which[k])].id,
                    start=float(spans.start[k]),
                    end=float(spans.end[k]),
                    best=mine[int(np.searchsorted(instants[k], spans.best[k]))],
                    several=mine,
                    footprint=footprints[k],
                    ascending=ascending[k],
                    whole=False,
                )
            )
        return windows

    def _fixed_points(self, chosen: IntArray, places: Places) -> list[ImagingWindow]:
        number, target = every_pair(len(chosen), len(places.points))
        index, which, times = abeam_candidates(
            self.states, self.cameras, chosen[number], target, places.ground
        )
        cameras, ground = self.cameras[index], places.ground[which]
        seen = view(self.states, cameras.member, times, ground)
        lon, lat, altitude = ecef_to_geodetic(seen.position)
        swath = nadir_swath_m(cameras.optics, altitude)
        length = np.minimum(swath, MAX_NADIR_SCENE_M)
        speed = ground_speed(seen, altitude)
        with np.errstate(divide="ignore"):
            half = np.where(speed > _MIN_SPEED, length / 2.0 / speed, np.inf)
        kept = self._acceptable(cameras, times, ground) & self._within(times - half, times + half)
        which, index, times, half, ground = which[kept], index[kept], times[kept], half[kept], ground[kept]
        heading = azimuth_deg(seen.velocity, *level_axes(lon, lat))[kept]
        footprints = scenes(lon[kept], lat[kept], heading, swath[kept], length[kept])
        ascending = (seen.velocity[kept, 2] > 0.0).tolist()
        three = np.stack([times - half, times, times + half], axis=-1)
        several = np.repeat(np.arange(len(times)), 3)
        cameras = self.cameras[index][several]
        pool = looks(self.states, cameras.member, cameras.optics, three.ravel(), ground[several], True)
        return [
            self._window(
                int(index[k]),
                target=places.points[int(which[k])].id,
                start=float(three[k, 0]),
                end=float(three[k, 2]),
                best=pool[3 * k + 1],
                several=tuple(pool[3 * k : 3 * k + 3]),
                footprint=footprints[k],
                ascending=ascending[k],
                whole=True,
            )
            for k in range(len(times))
        ]

    def _scans(self, area: Area, altitude_m: FloatArray, inclination_deg: FloatArray) -> list[ImagingWindow]:
        strips, camera, targets = self._cuts(area, altitude_m, inclination_deg)
        lines = np.array([[one.centre, one.left, one.right] for one in strips])  # (strips, 3, samples, 2)
        ground = Ground.at(lines[..., 0], lines[..., 1])
        ascending = np.array([one.ascending for one in strips])
        width = np.array([one.width_m for one in strips])
        length = np.array([one.length_m for one in strips])
        centres = ground[:, 0, SAMPLES // 2]
        index, which, middle = abeam_candidates(self.states, self.cameras, camera, targets, centres)
        # What holds along a strip holds in its middle: few passes are left to look at more closely.
        seen = view(self.states, self.cameras.member[index], middle, centres[which])
        along = ground.ecef[which, 0, -1] - ground.ecef[which, 0, 0]
        skew = skew_deg(along, seen.velocity, centres.up[which])
        speed = ground_speed(seen, ecef_to_geodetic(seen.position)[2])
        kept = (
            ((seen.velocity[:, 2] > 0.0) == ascending[which]) & (speed > _MIN_SPEED) & (skew <= MAX_SKEW_DEG)
        )
        kept &= self._acceptable(self.cameras[index], middle, centres[which])
        which, index, middle, speed, skew = which[kept], index[kept], middle[kept], speed[kept], skew[kept]
        points = ground[which]
        times, complete = abeam_times(
            self.states,
            self.cameras.member[index],
            points.reshaped(len(which), 3 * SAMPLES),
            middle,
            0.75 * (length + width)[which] / speed + 5.0,
        )
        times = times.reshape(len(which), 3, SAMPLES)
        return self._strip_windows(
            strips, which[complete], index[complete], times[complete], skew[complete], points[complete], width
        )

    def _cuts(
        self, area: Area, altitude_m: FloatArray, inclination_deg: FloatArray
    ) -> tuple[list[Strip], IntArray, list[IntArray]]:
        """Every strip of an area that some instrument has; instruments, and which strips each of them has."""
        strips: list[Strip] = []
        known: dict[tuple[int, int], IntArray] = {}
        camera: list[int] = []
        targets: list[IntArray] = []
        for k, (member, _, instrument) in enumerate(self.aboard):
            width, inclination = (
                strip_width_km(instrument, float(altitude_m[member])),
                inclination_deg[member],
            )
            for ascending in (True, False):
                key = width, heading_class(float(inclination), ascending)
                if key not in known:
                    cut = cut_into_strips(area, width, float(inclination), ascending)
                    known[key] = np.arange(len(strips), len(strips) + len(cut), dtype=np.int64)
                    strips += cut
                camera.append(k)
                targets.append(known[key])
        return strips, np.array(camera, dtype=np.int64), targets

    def _strip_windows(
        self,
        strips: Sequence[Strip],
        which: IntArray,
        index: IntArray,
        times: FloatArray,
        skew: FloatArray,
        points: Ground,
        width_m: FloatArray,
    ) -> list[ImagingWindow]:
        """Windows of passes (n) with abeam times (n, 3, samples) of the strips' centre and edges."""
        cameras, fixed = self.cameras[index], self.fixed[index]
        centre, at = points[:, 0], times[:, 0]
        kept = self._acceptable(cameras, at, centre).all(axis=1)
        seen = view(self.states, cameras.member[:, None], at, centre)
        need = width_m[which] / np.cos(np.radians(skew))
        has = swath_m(cameras.optics[:, None], seen.range_m, seen.elevation_deg(centre)).min(axis=1)
        kept &= fixed | (need <= has)
        held = kept & fixed
        edges = view(self.states, cameras.member[held, None, None], times[held, 1:], points[held, 1:])
        half = np.degrees(half_field_rad(cameras.optics[held]))
        kept[held] = (np.abs(edges.roll_deg) <= half[:, None, None]).all(axis=(1, 2))
        corners = times[:, 1:, [0, -1]].reshape(len(times), 4)
        start, end = corners.min(axis=1), corners.max(axis=1)
        kept &= self._within(start, end)
        best = np.argmin(seen.off_nadir_deg, axis=1)
        return [
            window
            for down in (False, True)
            for window in self._scanned(
                strips,
                which,
                index,
                at,
                centre,
                start,
                end,
                best,
                np.flatnonzero(kept & (fixed == down)),
                down,
            )
        ]

    def _scanned(
        self,
        strips: Sequence[Strip],
        which: IntArray,
        index: IntArray,
        at: FloatArray,
        centre: Ground,
        start: FloatArray,
        end: FloatArray,
        best: IntArray,
        picked: IntArray,
        boresight_down: bool,
    ) -> list[ImagingWindow]:
        which, index, best = which[picked], index[picked], best[picked]
        first, last = start[picked], end[picked]
        middle = np.clip(at[picked, best], first, last)
        spots = np.stack([np.zeros_like(best), best, np.full_like(best, SAMPLES - 1)], axis=-1)
        cameras = self.cameras[np.repeat(index, 3)]
        pool = looks(
            self.states,
            cameras.member,
            cameras.optics,
            np.stack([first, middle, last], axis=-1).ravel(),
            centre[picked[:, None], spots].reshaped(-1),
            boresight_down,
        )
        windows = []
        for k, (strip, begin, finish) in enumerate(
            zip((strips[i] for i in which.tolist()), first.tolist(), last.tolist(), strict=True)
        ):
            three = pool[3 * k], pool[3 * k + 1], pool[3 * k + 2]
            windows.append(
                self._window(
                    int(index[k]),
                    target=strip.id,
                    start=begin,
                    end=finish,
                    best=three[1],
                    several=three if three[0].at < three[1].at < three[2].at else (three[0], three[2]),
                    footprint=strip.polygon,
                    ascending=strip.ascending,
                    whole=True,
                )
            )
        return windows

    def _acceptable(self, cameras: Cameras, seconds: FloatArray, ground: Ground) -> NDArray[np.bool_]:
        """Whether looks (n, …) of cameras (n) keep to every limit."""
        inside = margins(self.states, cameras, self.limits, seconds, ground)
        return np.asarray((inside >= 0.0).all(axis=0), dtype=np.bool_)

    def _within(self, start: FloatArray, end: FloatArray) -> NDArray[np.bool_]:
        return (start >= 0.0) & (end <= self.states.interval.duration_s)

    def _window(
        self,
        camera: int,
        *,
        target: str,
        start: float,
        end: float,
        best: Look,
        several: tuple[Look, ...],
        footprint: BaseGeometry,
        ascending: bool,
        whole: bool,
    ) -> ImagingWindow:
        member, spacecraft, instrument = self.aboard[camera]
        origin = self.states.interval.start
        interval = Interval(origin + start, origin + end)
        trajectory = self.states.trajectories[member]
        return ImagingWindow(
            spacecraft=spacecraft.id,
            norad_id=spacecraft.norad_id,
            instrument=instrument.id,
            target=target,
            interval=interval,
            best=best,
            looks=several,
            footprint=footprint,
            ascending=ascending,
            whole=whole,
            elements=ElementsUsed(
                norad_id=trajectory.norad_id,
                source=trajectory.source,
                epoch=trajectory.epoch,
                age_s=interval.middle - trajectory.epoch,
            ),
        )


def _off_nadir_limit(instrument: Instrument, asked_deg: float) -> float:
    fixed = instrument.pointing == "nadir"
    own = float(np.degrees(half_field_rad(instrument))) if fixed else instrument.max_off_nadir_deg
    return min(own, asked_deg)


def _instants(start: float, best: float, end: float) -> FloatArray:
    """The best instant of a span and up to five more, evenly spread inside it, in order (s)."""
    count = min(MAX_LOOKS, int((end - start) / _LOOK_SPACING_S))
    others = start + (np.arange(count) + 0.5) / max(1, count) * (end - start)
    others = others[np.abs(others - best) > 1.0]
    return np.sort(np.append(others, best))
