"""Passes of spacecraft over ground sites: when each stands above the site's minimum elevation.

Elevation is geometric: above the plane normal to the WGS-84 ellipsoid's normal at the site, without
refraction or light time. Objects are sampled on an even grid of times, fine enough for the cubic through the
states to stay within a stated distance of the trajectory; a compiled search (:mod:`comity.access.kernels`)
finds every pass over that curve, however short. Blocks of objects are independent pieces of work, and long
spans are walked through piece by piece: what is held at once does not grow with them, but for the windows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from comity.access.windows import ElementsUsed, StationWindow, WindowTable
from comity.core import Executor, InputError, Interval, Progress, silent
from comity.fleet.assets import GroundStation
from comity.fleet.horizon import HorizonMask
from comity.orbits import (
    PropagationError,
    StateGrid,
    Trajectory,
    check_geodetic,
    geodetic_to_ecef,
    up_vector,
)

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
OnError = Callable[[Trajectory, PropagationError], None]

#: Masks a site may have, degrees: a station on a mountain sees a little below its horizon.
MIN_MASK_DEG = -10.0
MAX_MASK_DEG = 90.0

#: How far (m) the curve searched may lie from the trajectory: in a table, and in a list of windows.
TABLE_ERROR_M = 0.25
LIST_ERROR_M = 1e-3

_MAX_PIECE = 8_192  # steps walked through in one go
_LEAST_STEPS = 6  # seven states give good velocities
_MAX_BLOCK = 64  # objects
_PAIRS_PER_BLOCK = 4_000
_STEP_RATIO = 1.15  # between the steps that objects are grouped by
_LONGEST_STEP_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A place on the ground with an elevation mask.

    ``lon_deg`` −180 … 360 (wrapped to [−180, 180)), ``lat_deg`` −90 … 90, ``altitude_m`` above the WGS-84
    ellipsoid, −500 … 9000; ``min_elevation_deg`` −10 … 90. ``horizon``: by azimuth, where it stands higher
    than that (both count). Raises :class:`InputError` outside them.
    """

    name: str
    lon_deg: float
    lat_deg: float
    altitude_m: float = 0.0
    min_elevation_deg: float = 0.0
    horizon: HorizonMask | None = None

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
            horizon=station.horizon,
        )


def window_table(
    trajectories: Iterable[Trajectory],
    sites: Sequence[Site],
    interval: Interval,
    *,
    position_error_m: float = TABLE_ERROR_M,
    culminations: bool = False,
    on_error: OnError | None = None,
    executor: Executor | None = None,
    progress: Progress = silent,
) -> WindowTable:
    """Every window in which an object is above a site's mask, clipped to ``interval``, as a table.

    Parameters
    ----------
    position_error_m : how far the curve searched may lie from a trajectory (one that falls within the day may
        be somewhat farther off). Edges err by this over the speed at which the object crosses the mask: 0.25
        m is 0.1 ms for most passes of low orbits, and milliseconds for slow ones. Windows shorter than 1 ms
        are left out.
    culminations : find the greatest elevation in each window, too (a third more work).
    on_error : called with an object that has no position at some time of the interval, which is then left
        out altogether; without it the :class:`PropagationError` is raised.
    executor : runs blocks of objects side by side (None: one after another); results do not depend on it.
    progress : called with the number of objects done.

    Raises
    ------
    PropagationError : see ``on_error``.
    InputError : the interval leaves the validity of the Earth orientation; two sites share a name.
    """
    search = _Search(StateGrid(trajectories), sites, interval, position_error_m, culminations)
    blocks = search.blocks()
    found: list[_Found] = []
    done = 0
    for block, result in zip(blocks, _mapped(executor, search.passes, blocks), strict=True):
        for index, error in result.lost.items():
            if on_error is None:
                raise error
            on_error(search.grid.trajectories[index], error)
        found.append(result)
        done += len(block.which)
        progress(done, len(search.grid), "passes")
    table = _assembled(search, found)
    if any(site.horizon is not None for site in sites):
        from comity.access.horizon import narrow_to_horizons

        table = narrow_to_horizons(table, sites)
    return table


def station_windows(
    trajectories: Iterable[Trajectory],
    sites: Sequence[Site],
    interval: Interval,
    *,
    on_error: OnError | None = None,
    executor: Executor | None = None,
    progress: Progress = silent,
) -> list[StationWindow]:
    """Every window in which an object is above a site's mask, clipped to ``interval``.

    In the order of objects, of sites, then of time: :func:`window_table` with culminations, on a curve within
    1 mm of the trajectories, so that edges are good to microseconds but where an object only just clears the
    mask. Arguments and errors as there.
    """
    table = window_table(
        trajectories,
        sites,
        interval,
        position_error_m=LIST_ERROR_M,
        culminations=True,
        on_error=on_error,
        executor=executor,
        progress=progress,
    )
    windows = []
    for spacecraft, site, start, end, culmination, elevation in table.rows():
        trajectory = table.trajectories[spacecraft]
        span = Interval(interval.start + start, interval.start + end)
        windows.append(
            StationWindow(
                spacecraft=trajectory.name,
                norad_id=trajectory.norad_id,
                target=table.sites[site],
                interval=span,
                max_elevation_deg=elevation,
                max_elevation_at=interval.start + culmination,
                elements=ElementsUsed(
                    norad_id=trajectory.norad_id,
                    source=trajectory.source,
                    epoch=trajectory.epoch,
                    age_s=span.middle - trajectory.epoch,
                ),
            )
        )
    return windows


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """Objects ``which`` on the grid of ``steps`` steps over the interval."""

    which: IntArray
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """Passes of a block by object, site and time: indices (w,) and ``spans`` (w, 2 or 4), the kernel's."""

    spacecraft: NDArray[np.int32]
    site: NDArray[np.int32]
    spans: FloatArray
    lost: dict[int, PropagationError]


class _Search:
    """The job: what to search, cut into blocks of objects."""

    def __init__(
        self,
        grid: StateGrid,
        sites: Sequence[Site],
        interval: Interval,
        position_error_m: float,
        culminations: bool,
    ) -> None:
        names = [site.name for site in sites]
        if len(set(names)) < len(names):
            twice = next(name for k, name in enumerate(names) if name in names[:k])
            raise InputError(f"two sites are called {twice!r}: give each its own NAME=LON,LAT")
        self.grid = grid
        self.names = tuple(names)
        self.interval = interval
        self.culminations = culminations
        self.finer = position_error_m**0.25  # a cubic's error grows with the fourth power of the step
        lon = np.array([site.lon_deg for site in sites], dtype=np.float64)
        lat = np.array([site.lat_deg for site in sites], dtype=np.float64)
        altitude = np.array([site.altitude_m for site in sites], dtype=np.float64)
        sines = np.sin(np.radians([site.min_elevation_deg for site in sites]))
        self.ground = np.column_stack(
            [geodetic_to_ecef(lon, lat, altitude).reshape(-1, 3), up_vector(lon, lat).reshape(-1, 3), sines]
        )

    def blocks(self) -> list[_Block]:
        """Objects that can share a grid, in blocks of a good size."""
        duration = self.interval.duration_s
        by_steps: dict[int, list[int]] = {}
        for k, trajectory in enumerate(self.grid.trajectories):
            step = min(trajectory.max_step_s * self.finer, _LONGEST_STEP_S)
            rung = math.ceil(math.log(_LONGEST_STEP_S / step) / math.log(_STEP_RATIO) - 1e-9)
            steps = max(_LEAST_STEPS, math.ceil(duration / _LONGEST_STEP_S * _STEP_RATIO**rung))
            by_steps.setdefault(steps, []).append(k)
        size = max(4, min(_MAX_BLOCK, _PAIRS_PER_BLOCK // max(1, len(self.names))))
        return [
            _Block(which=np.array(group[first : first + size]), steps=steps)
            for steps, group in by_steps.items()
            for first in range(0, len(group), size)
        ]

    def passes(self, block: _Block) -> _Found:
        """Passes of one block."""
        # Numba takes most of a second to import: only those who look for passes pay for it.
        from comity.access.crossings.kernels import find_crossings
        from comity.access.kernels import find_passes

        objects, sites = len(block.which), len(self.names)
        step_s = self.interval.duration_s / block.steps
        since = np.full((objects, sites), np.nan)
        peaks = np.full((objects, sites, 2), -2.0)
        until, bends = np.zeros((objects, sites + 1), dtype=np.int64), np.zeros((objects, sites))
        lost: dict[int, PropagationError] = {}
        pieces: list[tuple[NDArray[np.int32], NDArray[np.int32], FloatArray]] = []
        piece = math.ceil(block.steps / math.ceil(block.steps / _MAX_PIECE))  # all of about one size
        span_days = piece * step_s / 86_400.0
        room = 64 + math.ceil(objects * sites * (1.0 + 16.0 * span_days))
        for first in range(0, block.steps, piece):
            count = min(piece, block.steps - first)
            states, refused = self.grid.states(
                block.which,
                self.interval.start,
                first * step_s,
                step_s,
                count + 1,
                differentiated=True,
            )
            lost |= refused
            last = first + count == block.steps
            while True:
                events = np.empty((3 * room, 2), dtype=np.int64)
                spacecraft, site = np.empty(room, dtype=np.int32), np.empty(room, dtype=np.int32)
                spans = np.empty((room, 4 if self.culminations else 2))
                before = since.copy(), peaks.copy()
                n = find_crossings(states, step_s, self.ground, since, events, until, bends)
                if n >= 0:
                    n = find_passes(
                        states, step_s, first * step_s, last, self.ground, self.culminations,
                        events[:n], until, bends, since, peaks, spacecraft, site, spans,
                    )  # fmt: skip
                if n >= 0:
                    break
                room *= 2
                since, peaks = before
            pieces.append((spacecraft[:n].copy(), site[:n].copy(), spans[:n].copy()))
        spacecraft, site, spans = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
        if len(pieces) > 1:
            order = np.argsort(spacecraft.astype(np.int64) * sites + site, kind="stable")
            spacecraft, site, spans = spacecraft[order], site[order], spans[order]
        if lost:
            kept = ~np.isin(block.which[spacecraft], list(lost))
            spacecraft, site, spans = spacecraft[kept], site[kept], spans[kept]
        return _Found(spacecraft=block.which.astype(np.int32)[spacecraft], site=site, spans=spans, lost=lost)


def _mapped(
    executor: Executor | None, function: Callable[[_Block], _Found], blocks: Sequence[_Block]
) -> Iterator[_Found]:
    return map(function, blocks) if executor is None else executor.map(function, blocks)


def _assembled(search: _Search, found: list[_Found]) -> WindowTable:
    """One table in the order of objects; what is found is let go of as it is copied."""
    counts = np.zeros(len(search.grid), dtype=np.int64)
    for one in found:
        counts += np.bincount(one.spacecraft, minlength=len(counts))
    first = np.concatenate([[0], np.cumsum(counts)])
    total = int(first[-1])
    spacecraft = np.repeat(np.arange(len(search.grid), dtype=np.int32), counts)
    site = np.empty(total, dtype=np.int32)
    columns = [np.empty(total) for _ in range(4 if search.culminations else 2)]
    while found:
        one = found.pop()
        of, begin, length = np.unique(one.spacecraft, return_index=True, return_counts=True)
        for k, source, n in zip(of.tolist(), begin.tolist(), length.tolist(), strict=True):
            to, rows = slice(first[k], first[k] + n), slice(source, source + n)
            site[to] = one.site[rows]
            for c, column in enumerate(columns):
                column[to] = one.spans[rows, c]
    return WindowTable(
        trajectories=search.grid.trajectories,
        sites=search.names,
        interval=search.interval,
        spacecraft=spacecraft,
        site=site,
        start_s=columns[0],
        end_s=columns[1],
        culmination_s=columns[2] if search.culminations else None,
        max_elevation_deg=(
            np.degrees(np.arcsin(np.clip(columns[3], -1.0, 1.0))) if search.culminations else None
        ),
    )
