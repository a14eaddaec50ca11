"""One design at a time: the constellation built, its coverage computed, its figures and cost."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache, partial
from typing import TypeVar

import numpy as np

from comity import __version__
from comity.access.coverage import Grid, coverage
from comity.access.coverage.notation import grid_of, region_named
from comity.access.coverage.planes import sun_synchronous_planes
from comity.access.tradespace.designs import Design, Study
from comity.access.tradespace.pareto import pareto_front
from comity.core import Executor, InputError, Progress, ThreadExecutor, encode, silent
from comity.orbits import EarthOrientation, MeanElements, sgp4_trajectories
from comity.orbits.constellations import walker_delta

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A design's figures, means by area of the region; times in s, None where no cell has the figure.

    ``cost``: over its life, in the study's currency. ``gsd_nadir_m``, ``gsd_edge_m``: straight down, and at
    the edge of what counts as seen. ``seen_fraction``: of the area, within the interval;
    ``revisited_fraction``: of it, twice at least, which is where revisit is known. ``cover_s``: until 95 % of
    the area has been seen, from the start.
    """

    design: Design
    cost: Decimal
    gsd_nadir_m: float
    gsd_edge_m: float
    seen_fraction: float
    revisit_mean_s: float | None
    revisit_p95_s: float | None
    revisit_max_s: float | None
    response_mean_s: float | None
    cover_s: float | None
    revisited_fraction: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tradespace:
    """A study's outcomes in the order of its designs, and which of them are on the Pareto front."""

    study: Study
    outcomes: tuple[Outcome, ...]
    front: tuple[bool, ...]

    def revisit_s(self, outcome: Outcome) -> float | None:
        """The figure the study calls revisit."""
        value: float | None = getattr(outcome, f"{self.study.objective}_s")
        return value

    def sees_enough(self, outcome: Outcome) -> bool:
        """Whether that figure is known in as much of the area as the study asks for."""
        return _sees_enough(self.study, outcome)


#: The fraction of the area whose first coverage is timed.
COVER_FRACTION = 0.95


def explore(
    study: Study,
    *,
    known: Sequence[Outcome] = (),
    eop: EarthOrientation | None = None,
    executor: Executor | None = None,
    on_outcome: Callable[[Outcome], None] | None = None,
    progress: Progress = silent,
) -> Tradespace:
    """Evaluate every design of a study and find the front of cost, revisit and GSD at the edge.

    ``known``: outcomes of an earlier run of the same study, not computed again; ``on_outcome`` is told each
    new one as it comes. Raises :class:`InputError` for a grid or region that is none, or designs whose
    orbits cannot be.
    """
    designs = study.designs()
    _grid(study.grid, study.region)  # a mistake is told before any work
    done = {outcome.design: outcome for outcome in known}
    todo = [design for design in designs if design not in done]
    evaluate = partial(evaluate_design, study, eop or EarthOrientation.bundled())
    total = len(designs)
    progress(total - len(todo), total, f"{total - len(todo)} of {total} designs")
    for outcome in (executor or ThreadExecutor()).map(evaluate, todo):
        done[outcome.design] = outcome
        if on_outcome is not None:
            on_outcome(outcome)
        progress(len(done), total, f"{len(done)} of {total} designs")
    outcomes = tuple(done[design] for design in designs)
    return Tradespace(study=study, outcomes=outcomes, front=_front(study, outcomes))


def evaluate_design(study: Study, eop: EarthOrientation, design: Design) -> Outcome:
    """The outcome of one design; it depends on nothing else, so that it may be had in any process."""
    grid = _grid(study.grid, study.region)
    imager = study.imager(design.instrument)
    elements = constellation(design, study)
    trajectories, refused = sgp4_trajectories(elements, eop)
    if refused:
        raise InputError(f"{design.label}: {refused[0]}")
    found = coverage(
        trajectories,
        imager.sensor,
        grid,
        study.interval,
        options=study.options,
        eop=eop,
        executor=_Here(),
    )
    percent = study.options.percentiles.index(95.0)
    seen = found.area_mean(np.isfinite(found.first_s).astype(np.float64))
    return Outcome(
        design=design,
        cost=study.costs.of(design, imager),
        gsd_nadir_m=imager.gsd_nadir_m(design.altitude_m),
        gsd_edge_m=imager.gsd_edge_m(design.altitude_m),
        seen_fraction=seen,
        revisit_mean_s=_known(found.area_mean(found.revisit_mean_s)),
        revisit_p95_s=_known(found.area_mean(found.revisit_percentiles_s[:, percent])),
        revisit_max_s=_known(found.area_mean(found.revisit_max_s)),
        response_mean_s=_known(found.area_mean(found.response_mean_s)),
        cover_s=_known(found.covered_after_s(COVER_FRACTION)),
        revisited_fraction=found.area_mean((found.accesses > 1).astype(np.float64)),
    )


def constellation(design: Design, study: Study) -> tuple[MeanElements, ...]:
    """Mean elements of a design at the start of the study's interval.

    Raises :class:`InputError` for an orbit that cannot be.
    """
    if design.inclination_deg is None:
        return sun_synchronous_planes(
            design.satellites,
            design.planes,
            phasing=design.phasing,
            altitude_m=design.altitude_m,
            ltan_h=design.ltan_h or 0.0,
            epoch=study.interval.start,
        )
    return walker_delta(
        design.satellites,
        design.planes,
        design.phasing,
        inclination_deg=design.inclination_deg,
        altitude_m=design.altitude_m,
        epoch=study.interval.start,
    )


def study_key(study: Study) -> str:
    """A fingerprint of everything outcomes depend on: equal keys, equal outcomes."""
    # which designs there are does not change what each comes to
    varied = ("planes", "satellites_per_plane", "altitudes_m", "inclinations_deg", "ltans_h", "title")
    kept = {
        key: value for key, value in encode(study).items() if key not in (*varied, "objective", "min_seen")
    }
    text = json.dumps([__version__, kept], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


class _Here:
    """An executor of this thread: designs are what runs side by side."""

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        yield from map(function, items)


@lru_cache(maxsize=4)
def _grid(grid: str, region: str) -> Grid:
    return grid_of(grid, region_named(region))


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _sees_enough(study: Study, one: Outcome) -> bool:
    # the mean over the few cells seen twice in a short interval says nothing of the others
    known = one.revisited_fraction if study.objective.startswith("revisit") else one.seen_fraction
    return known >= study.min_seen - 1e-9


def _front(study: Study, outcomes: Sequence[Outcome]) -> tuple[bool, ...]:
    goals = np.full((len(outcomes), 3), np.nan)
    for row, one in enumerate(outcomes):
        revisit = getattr(one, f"{study.objective}_s")
        if revisit is not None and _sees_enough(study, one):
            goals[row] = float(one.cost), revisit, one.gsd_edge_m
    return tuple(bool(flag) for flag in pareto_front(goals))
