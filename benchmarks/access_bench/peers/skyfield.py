"""Skyfield: ``EarthSatellite.find_events`` of each pair."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import numpy as np
from skyfield.api import EarthSatellite, load, wgs84

from access_bench.job import FloatArray, Job

NAME = "skyfield"
SETTINGS = "find_events of each pair, defaults, the timescale it carries"


def prepare(job: Job) -> Any:
    """Satellites, sites, span, mask."""
    scale = load.timescale(builtin=True)
    satellites = [EarthSatellite(*lines, f"s{k}", scale) for k, lines in enumerate(job.lines)]
    sites = [wgs84.latlon(lat, lon, height) for lon, lat, height in job.sites]
    span = scale.from_datetime(job.begin.astimezone(UTC)), scale.from_datetime(job.end.astimezone(UTC))
    return satellites, sites, span, job.mask_deg, job.duration_s


def run(prepared: Any) -> Any:
    """What is timed."""
    satellites, sites, (start, end), mask, _ = prepared
    return [
        [one.find_events(site, start, end, altitude_degrees=mask) for site in sites] for one in satellites
    ]


def arrays(prepared: Any, result: Any) -> FloatArray:
    """(n, 4): satellite, site, start, end; a pass under way at either end of the span is cut there.

    Rise and set of one pass are found as its events, in their order: 0 rise, 1 culmination, 2 set.
    """
    start, duration = prepared[2][0], prepared[4]
    rows: list[tuple[int, int, float, float]] = []
    for i, of_sites in enumerate(result):
        for j, (times, events) in enumerate(of_sites):
            seconds = ((times.whole - start.whole) + (times.tt_fraction - start.tt_fraction)) * 86_400.0
            rise: float | None = 0.0 if len(events) and events[0] == 2 else None
            if len(events) > 1 and events[0] == 1 and events[1] == 2:
                rise = 0.0
            for second, event in zip(np.atleast_1d(seconds), events, strict=True):
                if event == 0:
                    rise = float(second)
                elif event == 2 and rise is not None:
                    rows.append((i, j, rise, float(second)))
                    rise = None
            if rise is not None:
                rows.append((i, j, rise, duration))
    return np.array(rows)
