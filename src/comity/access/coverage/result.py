"""What a coverage run gives: figures per cell, and what follows from them for regions and over time.

Definitions (Wertz, *Space Mission Analysis and Design*, 3rd ed., §7.2, "coverage figures of merit"). A
*look* is one access of one spacecraft to one cell, after everything that was asked of it (light, minimum
duration). Looks of all spacecraft that touch or overlap are one *access*; what lies between two
accesses is a *gap*.

The interval cuts the first and the last gap of a cell: how long they really are is not known. So revisit
figures count only whole gaps, from the end of an access to the start of the next (NaN where there is none).
Response is the wait until the next access from an instant drawn evenly from the interval's start to the
end of the cell's last access, zero during an access: every such wait is known, the first gap's included.
Its mean is Σ gap² / 2T over that time T. ``longest_gap_s`` counts all gaps, the cut ones too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from comity.access.coverage.grids import Grid
from comity.access.coverage.sensors import Sensor
from comity.access.windows import ElementsUsed
from comity.core import InputError, Interval

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

#: Percentiles of revisit and response kept unless others are asked for.
PERCENTILES = (50.0, 90.0, 95.0, 99.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What else counts.

    ``min_sun_elevation_deg``: only while the Sun's centre stands at least so high at the cell (geometric,
    no refraction), e.g. 10 for optical instruments; ``max_sun_elevation_deg``: only while it stands
    at most so high, e.g. −18 for night work. ``min_duration_s``: looks (after that cut) shorter than this
    do not count. ``percentiles``: of revisit and response, 0 … 100. ``starts``: how many start times, spread
    evenly over the first half of the interval, ``time_to_cover`` averages over (0: none are kept).

    Raises :class:`InputError` for values out of range.
    """

    min_sun_elevation_deg: float | None = None
    max_sun_elevation_deg: float | None = None
    min_duration_s: float = 0.0
    percentiles: tuple[float, ...] = PERCENTILES
    starts: int = 24

    def __post_init__(self) -> None:
        low, high = self.min_sun_elevation_deg, self.max_sun_elevation_deg
        for value in (low, high):
            if value is not None and not -90.0 <= value <= 90.0:
                raise InputError(f"sun elevation {value:g}° is outside −90 … 90")
        if low is not None and high is not None and low >= high:
            raise InputError(f"the least sun elevation, {low:g}°, is not below the greatest, {high:g}°")
        if not 0.0 <= self.min_duration_s < 86_400.0:
            raise InputError(f"minimum duration {self.min_duration_s:g} s is outside 0 … 86,400")
        if not all(0.0 <= p <= 100.0 for p in self.percentiles):
            given = ", ".join(f"{p:g}" for p in self.percentiles)
            raise InputError(f"percentiles {given} are not all within 0 … 100")
        if not 0 <= self.starts <= 1000:
            raise InputError(f"{self.starts:,} start times are outside 0 … 1,000")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """A spacecraft that took no part: its name and number, and why."""

    name: str
    norad_id: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Coverage:
    """Figures of each of the n cells of a grid. Times are seconds; instants count from ``interval.start``.

    Attributes
    ----------
    grid, interval, sensors, options : what was asked; one sensor per spacecraft.
    spacecraft : (names) in the order given, those of ``lost`` left out; ``elements`` likewise.
    looks : (n,) looks by any spacecraft, each counted.
    accesses : (n,) accesses, looks of several spacecraft merged.
    covered_s : (n,) total time of the accesses.
    first_s : (n,) start of the first access; NaN if never.
    revisit_mean_s, revisit_median_s, revisit_max_s : (n,) of the whole gaps; NaN if there is none.
    revisit_percentiles_s : (n, p) of the whole gaps, interpolated linearly between gaps in order of size.
    response_mean_s, response_max_s : (n,) of the wait for the next access; NaN if there is none.
    response_percentiles_s : (n, p) exact percentiles of that wait.
    longest_gap_s : (n,) longest time without access inside the interval, cut gaps included; the whole
        interval where a cell is never seen.
    starts_s : (k,) start times; ``wait_s`` (n, k): from each to the next moment of access, NaN if none comes
        (single precision).
    lost : spacecraft left out.
    model : how positions and Earth orientation were had.
    """

    grid: Grid
    interval: Interval
    sensors: tuple[Sensor, ...]
    options: Options
    spacecraft: tuple[str, ...]
    elements: tuple[ElementsUsed, ...]
    looks: IntArray
    accesses: IntArray
    covered_s: FloatArray
    first_s: FloatArray
    revisit_mean_s: FloatArray
    revisit_median_s: FloatArray
    revisit_max_s: FloatArray
    revisit_percentiles_s: FloatArray
    response_mean_s: FloatArray
    response_max_s: FloatArray
    response_percentiles_s: FloatArray
    longest_gap_s: FloatArray
    starts_s: FloatArray
    wait_s: NDArray[np.float32]
    lost: tuple[Lost, ...] = ()
    model: str = ""

    def __len__(self) -> int:
        return len(self.looks)

    @property
    def covered_fraction(self) -> FloatArray:
        """(n,) part of the interval during which a cell can be seen, 0 … 1."""
        return np.asarray(self.covered_s / self.interval.duration_s, dtype=np.float64)

    @property
    def mean_access_s(self) -> FloatArray:
        """(n,) mean length of an access; NaN where there is none."""
        mean = np.full(len(self), np.nan)
        np.divide(self.covered_s, self.accesses, out=mean, where=self.accesses > 0)
        return mean

    def area_mean(self, values: FloatArray, where: BoolArray | None = None) -> float:
        """Mean of a per-cell figure (n,) weighted by area, over ``where`` (n,) or all; NaN cells left out.

        NaN when no cell has a figure. Raises :class:`InputError` when ``where`` holds no cell.
        """
        kept = self._where(where) & np.isfinite(values)
        weight = self.grid.area_m2[kept]
        return float(np.average(values[kept], weights=weight)) if weight.sum() > 0.0 else float("nan")

    def cumulative_fraction(self, times_s: FloatArray, where: BoolArray | None = None) -> FloatArray:
        """Fraction (k,) of the area seen at least once by each of ``times_s`` (k,), from the start on.

        ``where`` (n,): cells of a region; None: all. Raises :class:`InputError` when it holds no cell.
        """
        kept = self._where(where)
        first, area = self.first_s[kept], self.grid.area_m2[kept]
        order = np.argsort(first, kind="stable")  # NaN last
        steps = np.concatenate([[0.0], np.cumsum(area[order])])
        seen = first[order][np.isfinite(first[order])]
        index = np.searchsorted(seen, np.asarray(times_s, dtype=np.float64), side="right")
        return np.asarray(steps[index] / steps[-1], dtype=np.float64)

    def covered_after_s(self, fraction: float) -> float:
        """Time from the interval's start until ``fraction`` of the area has been seen; NaN: not within it."""
        order = np.argsort(self.first_s, kind="stable")  # NaN last
        area = np.cumsum(self.grid.area_m2[order])
        index = int(np.searchsorted(area, fraction * area[-1] * (1.0 - 1e-12)))
        return float(self.first_s[order[min(index, len(order) - 1)]])

    def time_to_cover_s(self, fraction: float, where: BoolArray | None = None) -> FloatArray:
        """Time (k,) from each of ``starts_s`` until ``fraction`` of the area has been seen at least once.

        NaN where that does not happen before the interval ends: the mean over the others
        (``np.nanmean``) then is too low, and a longer interval the way out. ``where`` as above.

        Raises :class:`InputError` when ``fraction`` is outside 0 … 1, no start times were kept or
        ``where`` holds no cell.
        """
        if not 0.0 < fraction <= 1.0:
            raise InputError(f"fraction {fraction:g} is outside 0 … 1 (95 % is 0.95)")
        if not len(self.starts_s):
            raise InputError("no start times were kept: ask for coverage with starts of 1 or more")
        kept = self._where(where)
        wait, area = self.wait_s[kept], self.grid.area_m2[kept]
        goal = fraction * area.sum() * (1.0 - 1e-12)  # a sum of all cells may round to less than the total
        result = np.full(len(self.starts_s), np.nan)
        for k in range(len(self.starts_s)):
            order = np.argsort(wait[:, k], kind="stable")
            index = int(np.searchsorted(np.cumsum(area[order]), goal))
            result[k] = wait[order[min(index, len(order) - 1)], k]
        return result

    def _where(self, where: BoolArray | None) -> BoolArray:
        kept = np.ones(len(self), dtype=np.bool_) if where is None else np.asarray(where, dtype=np.bool_)
        if kept.shape != (len(self),):
            raise InputError(f"the region has {kept.shape} flags for {len(self)} cells")
        if not kept.any():
            raise InputError("the region holds no cell of the grid: take a finer grid")
        return kept
