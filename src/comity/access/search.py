"""One instrument over one track: every window it has on points and strips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from comity.access.footprints import scenes
from comity.access.looks import (
    Ground,
    View,
    angle_deg,
    azimuth_deg,
    half_field_rad,
    looks,
    nadir_swath_m,
    swath_m,
    view,
)
from comity.access.margins import dot
from comity.access.passes import Limits, abeam_candidates, abeam_times, aimed_spans, margins
from comity.access.strips import Strip, cut_into_strips, strip_width_km
from comity.access.track import Track
from comity.access.windows import ElementsUsed, ImagingWindow, Look
from comity.core import Interval
from comity.fleet import Area, Instrument, Spacecraft, Target
from comity.orbits import ecef_to_geodetic

FloatArray = NDArray[np.float64]

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


class InstrumentSearch:
    """One instrument of one spacecraft over one track."""

    def __init__(self, spacecraft: Spacecraft, instrument: Instrument, track: Track, limits: Limits) -> None:
        self.spacecraft = spacecraft
        self.instrument = instrument
        self.track = track
        self.limits = limits
        self.fixed = instrument.pointing == "nadir"

    def points(self, places: Places) -> list[ImagingWindow]:
        """Windows on the point targets."""
        if not places.points:
            return []
        return self._fixed_points(places) if self.fixed else self._aimed_points(places)

    def strips(self, area: Area) -> list[ImagingWindow]:
        """Windows on the strips of an area."""
        width = strip_width_km(self.instrument, self.track.mean_altitude_m)
        return [
            window
            for ascending in (True, False)
            for window in self._scans(
                cut_into_strips(area, width, self.track.inclination_deg, ascending), ascending
            )
        ]

    def _aimed_points(self, places: Places) -> list[ImagingWindow]:
        spans = aimed_spans(self.track, self.instrument, self.limits, places.ground)
        if not len(spans.which):
            return []
        instants = [
            _instants(float(a), float(b), float(c))
            for a, b, c in zip(spans.start, spans.best, spans.end, strict=True)
        ]
        counts = [len(one) for one in instants]
        times = np.concatenate(instants)
        pool = iter(looks(self.track, self.instrument, times, places.ground[np.repeat(spans.which, counts)]))
        ground = places.ground[spans.which]
        seen = view(self.track, spans.best, ground)
        width = swath_m(self.instrument, seen.range_m, seen.elevation_deg(ground))
        altitude = ecef_to_geodetic(seen.position)[2]
        length = np.maximum(nadir_swath_m(self.instrument, altitude), MIN_SCENE_M)
        lon_lat = places.lon_lat[spans.which]
        heading = azimuth_deg(seen.velocity, ground.east, ground.north)
        footprints = scenes(lon_lat[:, 0], lon_lat[:, 1], heading, width, length)
        windows = []
        for k, count in enumerate(counts):
            several = tuple(next(pool) for _ in range(count))
            windows.append(
                self._window(
                    target=places.points[int(spans.which[k])].id,
                    start=float(spans.start[k]),
                    end=float(spans.end[k]),
                    best=several[int(np.searchsorted(instants[k], spans.best[k]))],
                    several=several,
                    footprint=footprints[k],
                    ascending=bool(seen.velocity[k, 2] > 0.0),
                    whole=False,
                )
            )
        return windows

    def _fixed_points(self, places: Places) -> list[ImagingWindow]:
        which, times = abeam_candidates(self.track, places.ground, self.limits.max_off_nadir_deg)
        ground = places.ground[which]
        seen = view(self.track, times, ground)
        lon, lat, altitude = ecef_to_geodetic(seen.position)
        swath = nadir_swath_m(self.instrument, altitude)
        length = np.minimum(swath, MAX_NADIR_SCENE_M)
        speed = _ground_speed(seen, altitude)
        with np.errstate(divide="ignore"):
            half = np.where(speed > _MIN_SPEED, length / 2.0 / speed, np.inf)
        kept = self._acceptable(times, ground) & self._within(times - half, times + half)
        which, times, half, ground = which[kept], times[kept], half[kept], ground[kept]
        heading = azimuth_deg(seen.velocity, *_level(lon, lat))[kept]
        footprints = scenes(lon[kept], lat[kept], heading, swath[kept], length[kept])
        three = np.stack([times - half, times, times + half], axis=-1)
        pool = looks(
            self.track, self.instrument, three.ravel(), ground[np.repeat(np.arange(len(times)), 3)], True
        )
        return [
            self._window(
                target=places.points[int(which[k])].id,
                start=float(three[k, 0]),
                end=float(three[k, 2]),
                best=pool[3 * k + 1],
                several=tuple(pool[3 * k : 3 * k + 3]),
                footprint=footprints[k],
                ascending=bool(seen.velocity[kept][k, 2] > 0.0),
                whole=True,
            )
            for k in range(len(times))
        ]

    def _scans(self, strips: Sequence[Strip], ascending: bool) -> list[ImagingWindow]:
        lines = np.array([[one.centre, one.left, one.right] for one in strips])  # (strips, 3, samples, 2)
        ground = Ground.at(lines[..., 0], lines[..., 1])
        samples = lines.shape[2]
        which, middle = abeam_candidates(
            self.track, ground[:, 0, samples // 2], self.limits.max_off_nadir_deg
        )
        _, velocity = self.track.state(middle)
        kept = (velocity[:, 2] > 0.0) == ascending
        which, middle, velocity = which[kept], middle[kept], velocity[kept]
        seen = view(self.track, middle, ground[which, 0, samples // 2])
        speed = _ground_speed(seen, ecef_to_geodetic(seen.position)[2])
        along = ground.ecef[which, 0, -1] - ground.ecef[which, 0, 0]
        skew = _skew_deg(along, velocity, ground.up[which, 0, samples // 2])
        kept = (speed > _MIN_SPEED) & (skew <= MAX_SKEW_DEG)
        which, middle, speed, skew = which[kept], middle[kept], speed[kept], skew[kept]
        if not len(which):
            return []
        size = np.array([one.length_m + one.width_m for one in strips])[which]
        points = ground[which]
        flat = points.reshaped(len(which), 3 * samples)
        times, complete = abeam_times(self.track, flat, middle, 0.75 * size / speed + 5.0)
        times = times.reshape(len(which), 3, samples)
        which, times, skew, points = which[complete], times[complete], skew[complete], points[complete]
        return self._strip_windows(strips, which, times, skew, points)

    def _strip_windows(
        self,
        strips: Sequence[Strip],
        which: NDArray[np.int64],
        times: FloatArray,
        skew: FloatArray,
        points: Ground,
    ) -> list[ImagingWindow]:
        """Windows of passes (n) with abeam times (n, 3, samples) of the strips' centre and edges."""
        centre, at = points[:, 0], times[:, 0]
        seen = view(self.track, at, centre)
        kept = self._acceptable(at, centre).all(axis=1)
        if self.fixed:
            edges = view(self.track, times[:, 1:], points[:, 1:])
            kept &= (np.abs(edges.roll_deg) <= np.degrees(half_field_rad(self.instrument))).all(axis=(1, 2))
        else:
            need = np.array([one.width_m for one in strips])[which] / np.cos(np.radians(skew))
            has = swath_m(self.instrument, seen.range_m, seen.elevation_deg(centre)).min(axis=1)
            kept &= need <= has
        corners = times[:, 1:, [0, -1]].reshape(len(times), -1)
        start, end = corners.min(axis=1), corners.max(axis=1)
        kept &= self._within(start, end)
        picked = np.flatnonzero(kept)
        if not len(picked):
            return []
        best = np.argmin(seen.off_nadir_deg[picked], axis=1)
        rows = np.arange(len(picked))
        first, last = start[picked], end[picked]
        middle = np.clip(at[picked, best], first, last)
        spots = np.stack([np.zeros_like(best), best, np.full_like(best, at.shape[1] - 1)], axis=-1)
        ground = centre[picked[:, None], spots]
        pool = looks(
            self.track,
            self.instrument,
            np.stack([first, middle, last], axis=-1).ravel(),
            ground.reshaped(-1),
            self.fixed,
        )
        windows = []
        for k in rows:
            strip = strips[int(which[picked[k]])]
            three = pool[3 * k], pool[3 * k + 1], pool[3 * k + 2]
            windows.append(
                self._window(
                    target=strip.id,
                    start=float(first[k]),
                    end=float(last[k]),
                    best=three[1],
                    several=three if three[0].at < three[1].at < three[2].at else (three[0], three[2]),
                    footprint=strip.polygon,
                    ascending=strip.ascending,
                    whole=True,
                )
            )
        return windows

    def _acceptable(self, seconds: FloatArray, ground: Ground) -> NDArray[np.bool_]:
        """Whether looks (…) keep to every limit."""
        inside = margins(self.track, self.instrument, self.limits, seconds, ground)
        return np.asarray((inside >= 0.0).all(axis=0), dtype=np.bool_)

    def _within(self, start: FloatArray, end: FloatArray) -> NDArray[np.bool_]:
        return (start >= 0.0) & (end <= self.track.interval.duration_s)

    def _window(
        self,
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
        origin = self.track.interval.start
        interval = Interval(origin + start, origin + end)
        trajectory = self.track.trajectory
        return ImagingWindow(
            spacecraft=self.spacecraft.id,
            norad_id=self.spacecraft.norad_id,
            instrument=self.instrument.id,
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


def _instants(start: float, best: float, end: float) -> FloatArray:
    """The best instant of a span and up to five more, evenly spread inside it, in order (s)."""
    count = min(MAX_LOOKS, int((end - start) / _LOOK_SPACING_S))
    others = start + (np.arange(count) + 0.5) / max(1, count) * (end - start)
    others = others[np.abs(others - best) > 1.0]
    return np.sort(np.append(others, best))


def _ground_speed(seen: View, altitude_m: FloatArray) -> FloatArray:
    """Speed (m/s) of the point straight below."""
    level = np.abs(dot(seen.velocity, seen.forward))
    radius = np.linalg.norm(seen.position, axis=-1)
    return np.asarray(level * (radius - altitude_m) / radius, dtype=np.float64)


def _skew_deg(along: FloatArray, velocity: FloatArray, up: FloatArray) -> FloatArray:
    """Angle on the ground between strips and the motion over it."""
    level = velocity - dot(velocity, up)[..., None] * up
    flat = along - dot(along, up)[..., None] * up
    level /= np.linalg.norm(level, axis=-1, keepdims=True)
    flat /= np.linalg.norm(flat, axis=-1, keepdims=True)
    return angle_deg(flat, level)


def _level(lon_deg: FloatArray, lat_deg: FloatArray) -> tuple[FloatArray, FloatArray]:
    basis = Ground.at(lon_deg, lat_deg)
    return basis.east, basis.north
