"""TAT-C: ``collect_observations`` of all sites at once, per satellite, within a cone about nadir."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from shapely import Point
from tatc.analysis import collect_observations
from tatc.schemas import Instrument, Satellite, TwoLineElements
from tatc.schemas.instrument.simple import NadirReference

from access_bench.job import FloatArray, Job

NAME = "tatc"
SETTINGS = (
    "collect_observations, all sites in one call per satellite, geocentric cone, no sun angles, defaults "
    "(periods to 1 ms)"
)


def satellites_of(job: Job, **conditions: Any) -> list[Satellite]:
    """Satellites, each with one instrument that sees the job's cone, under further conditions of TAT-C's."""
    assert job.half_cone_deg is not None
    instrument = Instrument(name="cone", field_of_regard=2.0 * job.half_cone_deg, **conditions)
    return [
        Satellite(name=f"s{k}", orbit=TwoLineElements(tle=lines), instruments=[instrument])
        for k, lines in enumerate(job.lines)
    ]


def prepare(job: Job) -> Any:
    """Points, satellites, span."""
    points = [Point(lon, lat, height) for lon, lat, height in job.sites]
    return points, satellites_of(job, nadir_reference=NadirReference.GEOCENTRIC), job.begin, job.end


def run(prepared: Any) -> Any:
    """What is timed."""
    return collect_observations(*prepared, omit_solar=True)


def arrays(prepared: Any, frame: Any) -> FloatArray:
    """(n, 4): satellite, site, start, end."""
    points, _, begin, _ = prepared
    number = {(point.x, point.y): k for k, point in enumerate(points)}
    site = [number[point.x, point.y] for point in frame.geometry]
    satellite = frame["satellite"].str[1:].astype(int)
    zero = pd.Timestamp(begin)
    span = [(frame[name] - zero).dt.total_seconds() for name in ("start", "end")]
    return np.column_stack([satellite, site, *span]).astype(np.float64)
