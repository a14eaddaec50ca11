"""brahe: ``location_accesses`` (Rust) over all pairs."""

from __future__ import annotations

from typing import Any

import astropy_iers_data
import brahe as bh
import numpy as np

from access_bench.job import FloatArray, Job

NAME = "brahe"
STEP_S = 60.0
SETTINGS = (
    "location_accesses, grid 60 s (its default), tolerance 0.1 s, not parallel, IERS finals2000A interpolated"
)


def prepare(job: Job) -> Any:
    """Locations, propagators, span, constraint, configuration."""
    eop = bh.FileEOPProvider.from_standard_file(str(astropy_iers_data.IERS_A_FILE), True, "Hold")
    bh.set_global_eop_provider(eop)
    bh.set_num_threads(1)
    satellites = [
        bh.SGPPropagator.from_3le(f"s{k}", line1, line2, 60.0) for k, (line1, line2) in enumerate(job.lines)
    ]
    sites = [
        bh.PointLocation(lon, lat, height).with_name(f"p{k}")
        for k, (lon, lat, height) in enumerate(job.sites)
    ]
    begin = job.begin
    start = bh.Epoch.from_datetime(
        begin.year,
        begin.month,
        begin.day,
        begin.hour,
        begin.minute,
        float(begin.second),
        0.0,
        bh.TimeSystem.UTC,
    )
    config = bh.AccessSearchConfig(
        initial_time_step=STEP_S, adaptive_step=False, parallel=False, num_threads=1, time_tolerance=0.1
    )
    condition = bh.ElevationConstraint(min_elevation_deg=job.mask_deg)
    return sites, satellites, start, start + job.duration_s, condition, config


def run(prepared: Any) -> Any:
    """What is timed."""
    sites, satellites, start, end, condition, config = prepared
    return bh.location_accesses(sites, satellites, start, end, condition, config=config)


def arrays(prepared: Any, result: Any) -> FloatArray:
    """(n, 4): satellite, site, start, end."""
    start = prepared[2]
    return np.array(
        [
            (
                int(one.satellite_name[1:]),
                int(one.location_name[1:]),
                one.window_open - start,
                one.window_close - start,
            )
            for one in result
        ]
    )
