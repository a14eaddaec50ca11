"""Passes of spacecraft over ground sites: when each stands above the site's minimum elevation.

Elevation is geometric: above the plane normal to the WGS-84 ellipsoid's normal at the site, without
refraction or light time. A compiled scan finds the grid steps that may hold an event
(:mod:`comity.access.kernels`); every edge and culmination is then refined on the trajectory itself,
without interpolation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from comity.access.events import maximise, refine_roots
from comity.access.windows import ElementsUsed, StationWindow
from comity.core import Executor, InputError, Interval, Progress, silent
from comity.fleet.assets import GroundStation
from comity.orbits import PropagationError, Trajectory, check_geodetic, geodetic_to_ecef, up_vector

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Masks a site may have, degrees: a station on a mountain sees a little below its horizon.
MIN_MASK_DEG = -10.0
MAX_MASK_DEG = 90.0

_EDGE_TOLERANCE_S = 1e-4
_SHORTEST_S = 1e-3
_MARGIN_M = 2_000.0
_EVENTS_PER_SITE_DAY = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A place on the ground with an elevation mask.

    ``lon_deg`` −180 … 360 (wrapped to [−180, 180)), ``lat_deg`` −90 … 90, ``altitude_m`` above the WGS-84
    ellipsoid, −500 … 9000; ``min_elevation_deg`` −10 … 90. Raises :class:`InputError` outside them.
    """

    name: str
    lon_deg: float
    lat_deg: float
    altitude_m: float = 0.0
    min_elevation_deg: float = 0.0

    def __post_init__(self) -> None:
        try:
            lon, lat, altitude = check_geodetic(self.lon_deg, self.lat_deg, self.altitude_m)
        except InputError as error:
            raise InputError(f"site {self.name!r}: {error}") from error
        object.__setattr__(self, "lon_deg", lon)
        object.__setattr__(self, "lat_deg", lat)
        object.__setattr__(self, "altitude_m", altitude)
        if not MIN_MASK_DEG <= self.min_elevation_deg <= MAX_MASK_DEG:
            raise InputError(
                f"site {self.name!r}: minimum elevation {self.min_elevation_deg:g}° is outside "
                f"{MIN_MASK_DEG:g} … {MAX_MASK_DEG:g}"
            )

    @classmethod
    def of_station(cls, station: GroundStation) -> Site:
        """The site of a ground station, under its id, with its own mask."""
        return cls(
            name=station.id,
            lon_deg=station.lon_deg,
            lat_deg=station.lat_deg,
            altitude_m=station.altitude_m,
            min_elevation_deg=station.min_elevation_deg,
        )


def station_windows(
    trajectories: Iterable[Trajectory],
    sites: Sequence[Site],
    interval: Interval,
    *,
    on_error: Callable[[Trajectory, PropagationError], None] | None = None,
    executor: Executor | None = None,
    progress: Progress = silent,
) -> list[StationWindow]:
    """Every window in which an object is above a site's mask, clipped to ``interval``.

    In the order of objects, of sites, then of time. Edges are within 1 ms of the trajectory's own; only
    windows shorter than 1 ms are left out.

    Parameters
    ----------
    on_error : called with an object that has no position at some time of the interval, which is then left
        out altogether; without it the :class:`PropagationError` is raised.
    executor : runs objects side by side (None: one after another); results do not depend on it.
    progress : called after each object.

    Raises
    ------
    PropagationError : see ``on_error``.
    InputError : the interval leaves the validity of the Earth orientation; two sites share a name.
    """
    names = [site.name for site in sites]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two sites are called {name!r}: give each its own NAME=LON,LAT")
    everything = list(trajectories)
    ground = _Ground(sites)

    def one(trajectory: Trajectory) -> list[StationWindow] | PropagationError:
        try:
            return _windows_of(trajectory, ground, interval)
        except PropagationError as error:
            return error

    found: list[StationWindow] = []
    results = map(one, everything) if executor is None else executor.map(one, everything)
    for done, (trajectory, result) in enumerate(zip(everything, results, strict=True), start=1):
        if isinstance(result, PropagationError):
            if on_error is None:
                raise result
            on_error(trajectory, result)
        else:
            found += result
        progress(done, len(everything), f"passes of {trajectory.name}")
    return found


class _Ground:
    """Sites as arrays: positions (m, 3) m and normals (m, 3), Earth-fixed; sines of the masks (m,)."""

    __slots__ = ("position", "sines", "sites", "up")

    def __init__(self, sites: Sequence[Site]) -> None:
        lon = np.array([site.lon_deg for site in sites], dtype=np.float64)
        lat = np.array([site.lat_deg for site in sites], dtype=np.float64)
        altitude = np.array([site.altitude_m for site in sites], dtype=np.float64)
        self.sites = tuple(sites)
        self.position = geodetic_to_ecef(lon, lat, altitude).reshape(-1, 3)
        self.up = np.ascontiguousarray(up_vector(lon, lat).reshape(-1, 3))
        self.sines = np.array([math.sin(math.radians(site.min_elevation_deg)) for site in sites])

    def clearance(self, position: FloatArray) -> FloatArray:
        """d·u − sin(mask)·|d| (m) of one position (3,) m over every site (m,)."""
        d = position - self.position
        height = np.einsum("ij,ij->i", d, self.up)
        return np.asarray(height - self.sines * np.linalg.norm(d, axis=1), dtype=np.float64)


class _Pass:
    """One object over the interval: exact values of its elevation functions at any times."""

    __slots__ = ("ground", "interval", "trajectory")

    def __init__(self, trajectory: Trajectory, ground: _Ground, interval: Interval) -> None:
        self.trajectory = trajectory
        self.ground = ground
        self.interval = interval

    def _relative(self, seconds: FloatArray, site: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        position, velocity = self.trajectory.itrf(self.interval.start, seconds)
        return position - self.ground.position[site], velocity, self.ground.up[site]

    def clearance(self, seconds: FloatArray, site: IntArray) -> FloatArray:
        """d·u − sin(mask)·|d| (m) at ``seconds`` (n,) over ``site`` (n,): positive above the mask."""
        d, _, up = self._relative(seconds, site)
        height = np.einsum("ij,ij->i", d, up)
        return np.asarray(height - self.ground.sines[site] * np.linalg.norm(d, axis=1), dtype=np.float64)

    def sine(self, seconds: FloatArray, site: IntArray) -> FloatArray:
        """Sine of the elevation."""
        d, _, up = self._relative(seconds, site)
        return np.asarray(np.einsum("ij,ij->i", d, up) / np.linalg.norm(d, axis=1), dtype=np.float64)

    def sine_rate(self, seconds: FloatArray, site: IntArray) -> FloatArray:
        """Rate of the sine of the elevation (1/s)."""
        d, v, up = self._relative(seconds, site)
        distance = np.linalg.norm(d, axis=1)
        climb = np.einsum("ij,ij->i", v, up) / distance
        away = np.einsum("ij,ij->i", d, up) * np.einsum("ij,ij->i", d, v) / distance**3
        return np.asarray(climb - away, dtype=np.float64)


def _windows_of(trajectory: Trajectory, ground: _Ground, interval: Interval) -> list[StationWindow]:
    # Numba takes most of a second to import: only those who look for passes pay for it.
    from comity.access import kernels

    duration = interval.duration_s
    nodes = np.linspace(0.0, duration, max(2, math.ceil(duration / trajectory.max_step_s) + 1))
    position, velocity = trajectory.itrf(interval.start, nodes)
    position, velocity = np.ascontiguousarray(position), np.ascontiguousarray(velocity)
    step = float(nodes[1] - nodes[0])
    room = 16 + len(ground.sites) * math.ceil(_EVENTS_PER_SITE_DAY * (1.0 + duration / 86_400.0))
    while True:
        events = np.empty((room, 3), dtype=np.int64)
        count = kernels.scan_elevation(
            position, velocity, step, ground.position, ground.up, ground.sines, _MARGIN_M, events
        )
        if count <= room:
            break
        room = count
    exact = _Pass(trajectory, ground, interval)
    site, start, end = _spans(exact, nodes, position, events[:count])
    if not len(site):
        return []
    best = kernels.highest_nodes(
        position,
        ground.position,
        ground.up,
        site,
        np.searchsorted(nodes, start, side="left"),
        np.searchsorted(nodes, end, side="right") - 1,
    )
    culmination, sine = _culminations(exact, nodes, best, site, start, end)
    elevation = np.degrees(np.arcsin(np.clip(sine, -1.0, 1.0)))
    windows = []
    for k, j in enumerate(site):
        span = Interval(interval.start + float(start[k]), interval.start + float(end[k]))
        windows.append(
            StationWindow(
                spacecraft=trajectory.name,
                norad_id=trajectory.norad_id,
                target=ground.sites[j].name,
                interval=span,
                max_elevation_deg=float(elevation[k]),
                max_elevation_at=interval.start + float(culmination[k]),
                elements=ElementsUsed(
                    norad_id=trajectory.norad_id,
                    source=trajectory.source,
                    epoch=trajectory.epoch,
                    age_s=span.middle - trajectory.epoch,
                ),
            )
        )
    return windows


def _spans(
    exact: _Pass, nodes: FloatArray, position: FloatArray, events: IntArray
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Site (w,), start (w,) s and end (w,) s of every window, by site then time."""
    from comity.access.kernels import HIDDEN_DIP, HIDDEN_RISE, RISE

    site, node, kind = events[:, 0], events[:, 1], events[:, 2]
    hidden = (kind == HIDDEN_RISE) | (kind == HIDDEN_DIP)
    plain = ~hidden
    # One step that hides a rise and a set (or a set and a rise) becomes two, cut at its extremum.
    sign = np.where(kind[hidden] == HIDDEN_RISE, 1.0, -1.0)
    there = site[hidden]
    turn, peak = maximise(
        lambda seconds, which: sign[which] * exact.clearance(seconds, there[which]),
        nodes[node[hidden]],
        nodes[node[hidden] + 1],
        _SHORTEST_S / 2.0,
        enough=0.0,
    )
    real = peak > 0.0
    cut, upward, there, first = turn[real], sign[real] > 0.0, there[real], node[hidden][real]
    low = np.concatenate([nodes[node[plain]], nodes[first], cut])
    high = np.concatenate([nodes[node[plain] + 1], cut, nodes[first + 1]])
    where = np.concatenate([site[plain], there, there])
    rises = np.concatenate([kind[plain] == RISE, upward, ~upward])
    # The scan decided the signs; a value that rounds to the other side of zero must not undo that.
    tiny = 1e-9
    towards = np.where(rises, 1.0, -1.0)
    value_low = towards * np.minimum(towards * exact.clearance(low, where), -tiny)
    value_high = towards * np.maximum(towards * exact.clearance(high, where), tiny)
    edge = refine_roots(
        lambda seconds, which: exact.clearance(seconds, where[which]),
        low,
        high,
        value_low,
        value_high,
        _EDGE_TOLERANCE_S,
    )
    every = np.arange(len(exact.ground.sites), dtype=np.int64)
    at_start = every[exact.ground.clearance(position[0]) > 0.0]
    at_end = every[exact.ground.clearance(position[-1]) > 0.0]
    start_site = np.concatenate([at_start, where[rises]])
    start = np.concatenate([np.zeros(len(at_start)), edge[rises]])
    end_site = np.concatenate([where[~rises], at_end])
    end = np.concatenate([edge[~rises], np.full(len(at_end), nodes[-1])])
    by_start, by_end = np.lexsort((start, start_site)), np.lexsort((end, end_site))
    start_site, start, end = start_site[by_start], start[by_start], end[by_end]
    kept = end - start >= _SHORTEST_S
    return start_site[kept], start[kept], end[kept]


def _culminations(
    exact: _Pass, nodes: FloatArray, best: IntArray, site: IntArray, start: FloatArray, end: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Time (w,) s and sine (w,) of the greatest elevation inside each window.

    ``best`` (w,): the highest node inside the window, −1 where it holds none.
    """
    inside = best >= 0
    low = np.where(inside, np.maximum(start, nodes[np.maximum(best - 1, 0)]), start)
    high = np.where(inside, np.minimum(end, nodes[np.minimum(best + 1, len(nodes) - 1)]), end)
    rate_low, rate_high = exact.sine_rate(low, site), exact.sine_rate(high, site)
    peaks = (rate_low > 0.0) & (rate_high <= 0.0)
    summit = low.copy()
    summit[peaks] = refine_roots(
        lambda seconds, which: exact.sine_rate(seconds, site[peaks][which]),
        low[peaks],
        high[peaks],
        rate_low[peaks],
        rate_high[peaks],
        _EDGE_TOLERANCE_S,
    )
    candidates = np.stack([summit, low, high])
    sines = np.stack([exact.sine(row, site) for row in candidates])
    chosen = np.argmax(sines, axis=0), np.arange(len(site))
    return candidates[chosen], sines[chosen]
