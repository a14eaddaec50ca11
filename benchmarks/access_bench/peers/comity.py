"""Comity: ``access.window_table``."""

from __future__ import annotations

from typing import Any

import numpy as np

from access_bench.job import FloatArray, Job
from comity.access import Site, window_table
from comity.core import Epoch, Interval
from comity.orbits import EarthOrientation, parse_tle, sgp4_trajectories

NAME = "comity"
SETTINGS = "window_table, one thread, its defaults"


def trajectories_of(job: Job) -> list[Any]:
    """Trajectories of the job's satellites."""
    elements = [parse_tle(line1, line2, name=f"s{k}") for k, (line1, line2) in enumerate(job.lines)]
    trajectories, refused = sgp4_trajectories(elements, EarthOrientation.bundled())
    if refused:
        raise RuntimeError(str(refused[0]))
    return list(trajectories)


def sites_of(job: Job) -> list[Site]:
    """The job's sites."""
    return [
        Site(name=f"p{k}", lon_deg=lon, lat_deg=lat, altitude_m=height, min_elevation_deg=job.mask_deg)
        for k, (lon, lat, height) in enumerate(job.sites)
    ]


def prepare(job: Job) -> tuple[list[Any], list[Site], Interval]:
    """Trajectories, sites, interval."""
    begin = Epoch.from_datetime(job.begin)
    return trajectories_of(job), sites_of(job), Interval(begin, begin + job.duration_s)


def run(prepared: tuple[list[Any], list[Site], Interval]) -> Any:
    """What is timed."""
    return window_table(*prepared)


def arrays(prepared: Any, table: Any) -> FloatArray:
    """(n, 4): satellite, site, start, end."""
    columns = table.spacecraft, table.site, table.start_s, table.end_s
    return np.column_stack([np.asarray(column, dtype=np.float64) for column in columns])
