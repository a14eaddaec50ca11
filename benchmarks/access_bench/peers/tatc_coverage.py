"""TAT-C's coverage: ``collect_observations``, then ``aggregate_observations`` and ``reduce_observations``."""

from __future__ import annotations

from typing import Any

import numpy as np
from shapely import Point
from tatc.analysis import aggregate_observations, collect_observations, reduce_observations
from tatc.schemas.instrument.simple import NadirReference

from access_bench.job import FloatArray, Job
from access_bench.peers.tatc import NAME, satellites_of

__all__ = ["NAME", "SETTINGS", "arrays", "prepare", "run"]

SETTINGS = (
    "collect_observations of all cells in one call per satellite, geodetic cone, target sunlit at the middle "
    "of the observation where daylight is asked, aggregate_observations, reduce_observations; defaults"
)


def prepare(job: Job) -> Any:
    """Points, satellites, span."""
    points = [Point(lon, lat, height) for lon, lat, height in job.sites]
    sunlit = {"req_target_sunlit": True} if job.daylight else {}
    satellites = satellites_of(job, nadir_reference=NadirReference.GEODETIC, **sunlit)
    return points, satellites, job.begin, job.end


def run(prepared: Any) -> Any:
    """What is timed."""
    looks = collect_observations(*prepared, omit_solar=True)
    return looks, reduce_observations(aggregate_observations(looks))


def arrays(prepared: Any, result: Any) -> FloatArray:
    """(cells, 3): looks, accesses, mean revisit (s; NaN without one)."""
    looks, reduced = result
    number = {(point.x, point.y): k for k, point in enumerate(prepared[0])}
    table = np.zeros((len(number), 3))
    table[:, 2] = np.nan
    np.add.at(table[:, 0], [number[point.x, point.y] for point in looks.geometry], 1.0)
    cell = [number[point.x, point.y] for point in reduced.geometry]
    table[cell, 1] = reduced["samples"]
    table[cell, 2] = reduced["revisit"].dt.total_seconds()
    return table
