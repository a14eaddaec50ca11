"""Chunks of cells: how a grid is cut, and the work done on one piece in whichever process it lands."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from comity.access.coverage.grids import Grid
from comity.access.coverage.scene import SUN_STEP_S, Scene, block_of
from comity.core import InputError
from comity.orbits import Trajectory, geodetic_to_ecef, up_vector
from comity.orbits.geodesy import EQUATORIAL_RADIUS_M, FLATTENING, POLAR_RADIUS_M
from comity.orbits.trajectory import MU_WGS72

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: A chunk has at most this many cells, and about this many looks (32 bytes each).
_CHUNK_CELLS, _CHUNK_LOOKS = 8_192, 4_000_000
#: A run has at least so many chunks, so that several processes have something to do.
_MIN_CHUNKS = 16
#: More looks than this are refused: they would take some hours.
MAX_LOOKS = 20_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChunkJob:
    """Some cells of a run: plain data, to be given to :func:`cover_chunk` in any process.

    ``index`` (n,): which cells of the grid; ``places`` (n, 10) and ``tiles``: as the search takes them.
    """

    scene: Scene
    index: IntArray
    places: FloatArray
    tiles: IntArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChunkResult:
    """Figures of the cells ``index`` (n,): (n, 10), percentiles of gaps and of waits (n, p), waits (n, k)."""

    index: IntArray
    figures: FloatArray
    gap_percentiles: FloatArray
    wait_percentiles: FloatArray
    waits: NDArray[np.float32]


def cover_chunk(job: ChunkJob) -> ChunkResult:
    """Work through one chunk, wherever it lands: the states it needs are recomputed (and kept) there.

    Raises :class:`PropagationError` when a satellite has no state.
    """
    from comity.access.coverage.kernels import scan
    from comity.access.coverage.merge.kernels import digest

    scene = job.scene
    centres = tile_centres(job.places, job.tiles)
    found = []
    for number in range(scene.blocks):
        block = block_of(scene, number)
        found.append(
            scan(
                block.nodes, block.middles, block.steps, block.sensors, block.farthest, block.quickest,
                scene.step_s, block.first_step, job.places, job.tiles, centres,
            )
        )  # fmt: skip
        del block
    place, satellite, start, end = (np.concatenate([part[k] for part in found]) for k in range(4))
    del found
    options = scene.options
    low, high = scene.sun_sines
    figures, gap_percentiles, wait_percentiles, waits = digest(
        place, satellite, start, end, scene.blocks, job.places, scene.sun, SUN_STEP_S, low, high,
        options.min_duration_s, scene.interval.duration_s, np.array(options.percentiles, dtype=np.float64),
        start_times(scene),
    )  # fmt: skip
    return ChunkResult(
        index=job.index,
        figures=figures,
        gap_percentiles=gap_percentiles,
        wait_percentiles=wait_percentiles,
        waits=waits,
    )


def plan_chunks(scene: Scene, trajectories: Sequence[Trajectory], grid: Grid) -> list[ChunkJob]:
    """Cut a grid into chunks of neighbouring cells. Figures do not depend on how it is cut.

    Raises :class:`InputError` when the run would find more than 20 thousand million looks.
    """
    reach, per_cell = _expected(scene, trajectories)
    total = per_cell * len(grid)
    if total > MAX_LOOKS:
        raise InputError(
            f"about {total:.2g} looks would be found, the limit is {MAX_LOOKS:.0e}: take a coarser grid, "
            "fewer days or fewer satellites"
        )
    order, tiles = tile_order(grid, reach)
    places = place_rows(grid)[order]
    size = int(max(1, min(_CHUNK_CELLS, _CHUNK_LOOKS / per_cell, math.ceil(len(grid) / _MIN_CHUNKS))))
    jobs = []
    for begin in range(0, len(order), size):
        part = slice(begin, min(begin + size, len(order)))
        edges = np.flatnonzero(np.diff(tiles[part])) + 1
        jobs.append(
            ChunkJob(
                scene=scene,
                index=order[part],
                places=np.ascontiguousarray(places[part]),
                tiles=np.concatenate([[0], edges, [part.stop - part.start]]).astype(np.int64),
            )
        )
    return jobs


def tile_order(grid: Grid, reach_rad: float) -> tuple[IntArray, IntArray]:
    """An order (n,) of cells in which neighbours stand together, and the tile of each in that order.

    A tile is as wide as what a satellite reaches and somewhat more: small enough to tell which pass by, large
    enough to ask that once for many cells.
    """
    size = min(20.0, max(5.0, math.degrees(reach_rad) * 3.0))
    band = np.floor((grid.lat_deg + 90.0) / size)
    width = size / np.maximum(0.05, np.cos(np.radians((band + 0.5) * size - 90.0)))
    tile = (band * 1_000 + np.floor((grid.lon_deg + 180.0) / width)).astype(np.int64)
    order = np.argsort(tile, kind="stable").astype(np.int64)
    return order, tile[order]


def place_rows(grid: Grid) -> FloatArray:
    """Cells as the kernels take them, (n, 10): position (m), unit vector to it, up, Gaussian radius (m)."""
    position = geodetic_to_ecef(grid.lon_deg, grid.lat_deg)
    unit = position / np.linalg.norm(position, axis=-1, keepdims=True)
    e2 = FLATTENING * (2.0 - FLATTENING)
    radius = POLAR_RADIUS_M / (1.0 - e2 * np.sin(np.radians(grid.lat_deg)) ** 2)
    up = up_vector(grid.lon_deg, grid.lat_deg)
    return np.asarray(np.concatenate([position, unit, up, radius[:, None]], axis=-1), dtype=np.float64)


def start_times(scene: Scene) -> FloatArray:
    """Start times (k,) s that the time to cover is averaged over: evenly over the interval's first half."""
    many = scene.options.starts
    return np.asarray(np.arange(many) * (scene.interval.duration_s / 2.0 / max(1, many)), dtype=np.float64)


def tile_centres(places: FloatArray, tiles: IntArray) -> FloatArray:
    """Unit vector to the middle of each tile and the angle (rad) all its cells lie within, (t, 4)."""
    unit = places[:, 3:6]
    rows = []
    for begin, end in pairwise(tiles.tolist()):
        middle = unit[begin:end].sum(axis=0)
        length = float(np.linalg.norm(middle))
        middle = middle / length if length > 1e-9 else np.array([0.0, 0.0, 1.0])
        away = np.linalg.norm(unit[begin:end] - middle, axis=-1).max()
        rows.append([*middle, 2.0 * math.asin(min(1.0, away / 2.0)) + 1e-6])
    return np.array(rows)


def _expected(scene: Scene, trajectories: Sequence[Trajectory]) -> tuple[float, float]:
    """Smallest reach of a satellite (rad), and looks at one cell by all, about."""
    smallest, looks = math.pi, 0.0
    for trajectory, sensor in zip(trajectories, scene.sensors, strict=True):
        position, velocity = trajectory.teme(scene.interval.start, np.zeros(1))
        r = float(np.linalg.norm(position[0]))
        energy = float(np.sum(velocity[0] ** 2)) / 2.0 - MU_WGS72 / r
        axis = -MU_WGS72 / (2.0 * min(energy, -1e5))
        horizon = math.acos(min(1.0, EQUATORIAL_RADIUS_M / max(r, axis)))
        reach = horizon
        if sensor.max_off_nadir_deg is not None:
            off = math.radians(sensor.max_off_nadir_deg)
            sine = r * math.sin(off) / EQUATORIAL_RADIUS_M
            reach = min(horizon, math.asin(sine) - off) if sine < 1.0 else horizon
        elif sensor.swath_m is not None:
            reach = min(horizon, sensor.swath_m / 2.0 / EQUATORIAL_RADIUS_M)
        smallest = min(smallest, reach)
        period = 2.0 * math.pi * math.sqrt(axis**3 / MU_WGS72)
        looks += 1.0 + 1.5 * math.sin(min(reach, math.pi / 2.0)) * scene.interval.duration_s / period
    return smallest, looks
