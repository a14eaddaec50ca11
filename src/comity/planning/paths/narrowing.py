"""Problems with fewer nodes: those beside what is frozen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from comity.planning.paths import kernels
from comity.planning.paths.problem import IntArray, PathProblem
from comity.planning.paths.relaxation import BoolArray


def beside(problem: PathProblem, fixed: BoolArray) -> BoolArray:
    """The nodes that can be in a plan with the ``fixed`` ones, (n,)."""
    taken = np.zeros(problem.requests, np.bool_)
    taken[problem.request[fixed]] = True
    allowed = fixed | ~taken[problem.request]
    agility = problem.agility
    kernels.beside(
        allowed, fixed, problem.offsets, problem.start_s, problem.end_s, problem.first, problem.last,
        agility.rate_rad_s, agility.acceleration_rad_s2, agility.settle_s,
    )  # fmt: skip
    return allowed | fixed


def only(problem: PathProblem, nodes: IntArray) -> PathProblem:
    """The problem with these nodes alone."""
    names = ("satellite", "request", "start_s", "end_s", "value", "first", "last", "bits", "energy_j")
    return replace(problem, **{name: getattr(problem, name)[nodes] for name in names})
