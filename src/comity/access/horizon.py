"""Passes over sites whose horizon depends on the azimuth: what of each window is above it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from comity.access.events import find_spans, maximise
from comity.access.margins import above_horizon, above_horizon_bound
from comity.access.motion import motion_of_cells
from comity.access.track import MAX_STEP_S
from comity.access.windows import WindowTable
from comity.core import Epoch
from comity.fleet.horizon import HorizonMask
from comity.orbits import Trajectory, geodetic_to_ecef, local_basis

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class Place(Protocol):
    """A site with a position and, it may be, a horizon."""

    @property
    def lon_deg(self) -> float: ...

    @property
    def lat_deg(self) -> float: ...

    @property
    def altitude_m(self) -> float: ...

    @property
    def horizon(self) -> HorizonMask | None: ...


def narrow_to_horizons(table: WindowTable, sites: Sequence[Place]) -> WindowTable:
    """The windows of ``table`` cut to what lies above the horizons of ``sites`` (those the table is of).

    Sites without a horizon keep their windows; one with may have several in a pass. No part above the horizon
    of a millisecond or more is missed (:func:`comity.access.events.find_spans`); edges are good to 0.1 ms.
    """
    masked = np.array([site.horizon is not None for site in sites], dtype=bool)
    if not masked.any() or not len(table):
        return table
    ground = _Ground(sites)
    affected = masked[table.site]
    rows = [np.flatnonzero(~affected)]
    columns = [table.start_s[rows[0]], table.end_s[rows[0]]]
    parts: list[tuple[IntArray, FloatArray, FloatArray]] = []
    for k in np.unique(table.spacecraft[affected]).tolist():
        here = np.flatnonzero(affected & (table.spacecraft == k))
        parts.append(_parts(table, here, table.trajectories[k], ground))
    row = np.concatenate([*rows, *(part[0] for part in parts)])
    start = np.concatenate([columns[0], *(part[1] for part in parts)])
    end = np.concatenate([columns[1], *(part[2] for part in parts)])
    order = np.lexsort((start, row))
    row, start, end = row[order], start[order], end[order]
    cut = replace(
        table,
        spacecraft=table.spacecraft[row],
        site=table.site[row],
        start_s=start,
        end_s=end,
        culmination_s=None if table.culmination_s is None else table.culmination_s[row],
        max_elevation_deg=None if table.max_elevation_deg is None else table.max_elevation_deg[row],
    )
    return _with_culminations(cut, ground)


class _Ground:
    """Sites as arrays (m, 3): positions (m) and local directions, with their horizons."""

    __slots__ = ("east", "ecef", "horizons", "north", "up")

    def __init__(self, sites: Sequence[Place]) -> None:
        lon, lat = np.array([s.lon_deg for s in sites]), np.array([s.lat_deg for s in sites])
        self.ecef = geodetic_to_ecef(lon, lat, np.array([s.altitude_m for s in sites]))
        self.east, self.north, self.up = local_basis(lon, lat)
        self.horizons = [site.horizon for site in sites]

    def tangent(self, line: FloatArray, site: IntArray) -> FloatArray:
        """Tangent (n,) of the horizon's elevation below lines (n, 3) from sites (n,)."""
        east = np.einsum("ij,ij->i", line, self.east[site])
        azimuth = np.degrees(np.arctan2(east, np.einsum("ij,ij->i", line, self.north[site])))
        elevation = np.zeros(len(site))
        for k in np.unique(site).tolist():
            horizon = self.horizons[k]
            if horizon is not None:
                elevation[site == k] = horizon.elevation_deg(azimuth[site == k])
        return np.tan(np.radians(elevation))


def _parts(
    table: WindowTable, rows: IntArray, trajectory: Trajectory, ground: _Ground
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Rows (p,), starts and ends (p,) s of the parts of one object's windows above the horizon."""
    epoch: Epoch = table.interval.start
    step = min(MAX_STEP_S, trajectory.max_step_s)
    start, end = table.start_s[rows], table.end_s[rows]
    cells = np.maximum(1, np.ceil((end - start) / step)).astype(np.int64)
    owner = np.repeat(np.arange(len(rows)), cells)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(cells) - cells, cells)
    width = ((end - start) / cells)[owner]
    low = start[owner] + number * width
    last = number == cells[owner] - 1
    high = np.where(last, end[owner], np.append(low[1:], math.inf))
    at_low, at_high = trajectory.itrf(epoch, low), trajectory.itrf(epoch, high)
    motion = motion_of_cells(*at_low, *at_high, width)
    steep = np.array([0.0 if h is None else h.steepness for h in ground.horizons])
    site = table.site[rows].astype(np.int64)

    def margins(seconds: FloatArray, which: IntArray) -> FloatArray:
        of = site[which]
        line = trajectory.itrf(epoch, seconds)[0] - ground.ecef[of]
        return above_horizon(line, ground.up[of], ground.tangent(line, of))[None]

    def bounds(low_s: FloatArray, high_s: FloatArray, which: IntArray) -> tuple[FloatArray, FloatArray]:
        first = np.searchsorted(owner, which)
        place = (0.5 * (low_s + high_s) - start[which]) / width[first]
        cell = first + np.clip(place.astype(np.int64), 0, cells[which] - 1)
        rate, curvature = above_horizon_bound(motion.at(cell), steep[site[which]])
        return rate[None], curvature[None]

    found = find_spans(margins, bounds, owner, low, high)
    kept = found.end - found.start >= 1e-3
    return rows[found.which[kept]], found.start[kept], found.end[kept]


def _with_culminations(table: WindowTable, ground: _Ground) -> WindowTable:
    """The same with the greatest elevation of each window that was cut off from it."""
    if table.culmination_s is None or table.max_elevation_deg is None:
        return table
    at, highest = table.culmination_s.copy(), table.max_elevation_deg.copy()
    lost = np.flatnonzero((at < table.start_s) | (at > table.end_s))
    for k in np.unique(table.spacecraft[lost]).tolist():
        rows = lost[table.spacecraft[lost] == k]
        trajectory, site = table.trajectories[k], table.site[rows]

        def sine(
            seconds: FloatArray, which: IntArray, mover: Trajectory = trajectory, of: IntArray = site
        ) -> FloatArray:
            line = mover.itrf(table.interval.start, seconds)[0] - ground.ecef[of[which]]
            height = np.einsum("ij,ij->i", line, ground.up[of[which]])
            return np.asarray(height / np.linalg.norm(line, axis=-1), dtype=np.float64)

        start, end = table.start_s[rows], table.end_s[rows]
        inside, _ = maximise(sine, start, end)
        choices = np.stack([inside, start, end])
        every = np.arange(len(rows))
        values = np.stack([sine(one, every) for one in choices])
        best = np.argmax(values, axis=0)
        at[rows] = choices[best, every]
        highest[rows] = np.degrees(np.arcsin(values[best, every]))
    return replace(table, culmination_s=at, max_elevation_deg=highest)
