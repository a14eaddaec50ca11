"""astrojax: its fully compiled finder, all sites of a satellite in one call."""

from __future__ import annotations

from typing import Any

import jax

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_platforms", "cpu")

import astrojax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from astrojax.access import elevation_constraint, find_access_windows_jit, ground_location  # noqa: E402
from astrojax.eop import zero_eop  # noqa: E402
from astrojax.epoch import Epoch  # noqa: E402
from astrojax.frames.teme import rotation_teme_to_itrf  # noqa: E402
from astrojax.sgp4 import TLE, sgp4_propagate  # noqa: E402

from access_bench.job import FloatArray, Job  # noqa: E402

NAME = "astrojax"
STEP_S = 60.0
#: Most windows of a pair within a day that the compiled buffers hold; checked after the run.
ROOM = 10
SETTINGS = (
    "find_access_windows_jit, vmap over sites, float64, grid 60 s (its default), tolerance 0.05 s, "
    "no polar motion, UT1 taken as UTC as it always does"
)


def prepare(job: Job) -> Any:
    """The compiled function, the satellites' SGP4 parameters, the sites."""
    astrojax.set_dtype(jnp.float64)
    return prepare_with(job, 0.05, zero_eop())


def prepare_with(job: Job, tolerance_s: float, eop: Any) -> Any:
    """The same, for a tolerance of edges and a table of Earth orientation."""
    satellites = [TLE(*lines) for lines in job.lines]
    begin = job.begin
    epoch = Epoch(begin.year, begin.month, begin.day, begin.hour, begin.minute, float(begin.second))
    ahead = [float(epoch - one.epoch) for one in satellites]
    places = [ground_location(lon, lat, height) for lon, lat, height in job.sites]
    ecef = jnp.stack([place.ecef for place in places])
    turn = jnp.stack([place.rot_enz for place in places])
    condition = elevation_constraint(float(np.radians(job.mask_deg)))
    steps = int(np.ceil(job.duration_s / STEP_S)) + 1
    room = int(np.ceil(ROOM * max(1.0, job.duration_s / 86_400.0)))

    def position(parameters: Any, since: Any, t: Any) -> Any:
        r_km, _ = sgp4_propagate(parameters, (t + since) / 60.0, "n")
        return rotation_teme_to_itrf(eop, epoch + t) @ (r_km * 1e3)

    @jax.jit
    def of_one(parameters: Any, since: Any) -> Any:
        def over(place: Any, frame: Any) -> Any:
            return find_access_windows_jit(
                lambda t: position(parameters, since, t),
                place,
                frame,
                0.0,
                job.duration_s,
                room,
                steps,
                tolerance_s,
                condition,
            )

        found = jax.vmap(over)(ecef, turn)
        return found.t_rise, found.t_set, found.valid, found.n_windows

    return of_one, [one.params for one in satellites], ahead, room


def run(prepared: Any) -> Any:
    """What is timed: satellites one after another."""
    of_one, parameters, ahead, _ = prepared
    return [[np.asarray(a) for a in of_one(one, since)] for one, since in zip(parameters, ahead, strict=True)]


def arrays(prepared: Any, result: Any) -> FloatArray:
    """(n, 4): satellite, site, start, end."""
    rows = []
    for k, (rise, fall, valid, count) in enumerate(result):
        if count.max() > prepared[3]:
            raise RuntimeError(f"{count.max()} windows of one pair do not fit {prepared[3]}")
        site, slot = np.nonzero(valid)
        rows.append(np.column_stack([np.full(len(site), k), site, rise[site, slot], fall[site, slot]]))
    return np.concatenate(rows)
