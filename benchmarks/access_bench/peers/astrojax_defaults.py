"""astrojax as its documentation calls it: edges to 1 ms, polar motion from the table it carries."""

from __future__ import annotations

from typing import Any

import astrojax
import jax.numpy as jnp
from astrojax.eop import load_default_eop

from access_bench.job import Job
from access_bench.peers.astrojax import NAME, arrays, prepare_with, run

__all__ = ["NAME", "SETTINGS", "arrays", "prepare", "run"]

SETTINGS = (
    "find_access_windows_jit, vmap over sites, float64, its defaults (grid 60 s, tolerance 1 ms), "
    "polar motion of load_default_eop, UT1 taken as UTC as it always does"
)


def prepare(job: Job) -> Any:
    """The compiled function, the satellites' SGP4 parameters, the sites."""
    astrojax.set_dtype(jnp.float64)
    return prepare_with(job, 1e-3, load_default_eop())
