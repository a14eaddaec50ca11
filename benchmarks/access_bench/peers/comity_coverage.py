"""Comity's coverage: ``access.coverage.coverage`` on a grid of latitude and longitude."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from access_bench.job import FloatArray, Job
from access_bench.peers.comity import NAME, trajectories_of
from comity.access.coverage import Options, Sensor, coverage, lat_lon_grid
from comity.core import Epoch, Interval, ThreadExecutor

__all__ = ["NAME", "SETTINGS", "arrays", "prepare", "run"]

SETTINGS = "coverage, a thread per core given, defaults; the part of a look in daylight where that is asked"


def prepare(job: Job) -> Any:
    """Trajectories, sensor, grid, interval, options, executor."""
    rows = len({lat for _, lat, _ in job.sites})
    grid = lat_lon_grid(180.0 / rows)
    if not np.allclose(np.column_stack([grid.lon_deg, grid.lat_deg]), np.array(job.sites)[:, :2]):
        raise RuntimeError("the grid's cells are not those of the job")
    begin = Epoch.from_datetime(job.begin)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        trajectories_of(job),
        Sensor(max_off_nadir_deg=job.half_cone_deg),
        grid,
        Interval(begin, begin + job.duration_s),
        Options(min_sun_elevation_deg=0.0 if job.daylight else None),
        ThreadExecutor(cores),
    )


def run(prepared: Any) -> Any:
    """What is timed."""
    trajectories, sensor, grid, interval, options, executor = prepared
    return coverage(trajectories, sensor, grid, interval, options=options, executor=executor)


def arrays(prepared: Any, result: Any) -> FloatArray:
    """(cells, 3): looks, accesses, mean revisit (s; NaN without one)."""
    return np.column_stack([result.looks, result.accesses, result.revisit_mean_s])
