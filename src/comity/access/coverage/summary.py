"""What a coverage run comes to: a few figures of the whole region, each saying what it is the mean of."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from comity.access.coverage.result import Coverage

FloatArray = NDArray[np.float64]

#: Fractions of the region whose time to cover is told.
FRACTIONS = (0.5, 0.9, 0.95, 1.0)
BAND_DEG = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OverArea:
    """A figure per cell (s) over the region: mean by area, least, greatest, where; None: in no cell."""

    name: str
    mean_s: float | None
    least_s: float | None
    greatest_s: float | None
    greatest_lon_deg: float | None
    greatest_lat_deg: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeToCover:
    """Time (s) until ``fraction`` of the area has been seen: from the start, and the mean over start times.

    None where the interval ends before; ``starts_reached`` of ``starts`` times reached it, and the mean is
    told only if all did.
    """

    fraction: float
    from_start_s: float | None
    mean_s: float | None
    starts_reached: int
    starts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A band of latitude: its mean revisit (s, by area; None without one) and the fraction of it seen."""

    south_deg: float
    north_deg: float
    revisit_mean_s: float | None
    seen_fraction: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Figures of a whole run.

    ``area_km2`` is 0 for points, where every point counts the same. ``seen_fraction``: of the area, at
    least once; ``covered_fraction``: of the time, mean by area; ``looks_per_day``: per cell, mean by area.
    ``worst_band``: that of ``BAND_DEG`` with the longest mean revisit, one not wholly seen before all others.
    """

    cells: int
    area_km2: float
    spacecraft: int
    seen_fraction: float
    covered_fraction: float
    looks_per_day: float
    over_area: tuple[OverArea, ...]
    time_to_cover: tuple[TimeToCover, ...]
    worst_band: Band


def summarise(coverage: Coverage) -> Summary:
    """The figures of a coverage run in short."""
    columns = [
        ("revisit_mean", coverage.revisit_mean_s),
        ("revisit_median", coverage.revisit_median_s),
        *_percentiles(coverage, "revisit", coverage.revisit_percentiles_s),
        ("revisit_max", coverage.revisit_max_s),
        ("response_mean", coverage.response_mean_s),
        *_percentiles(coverage, "response", coverage.response_percentiles_s),
        ("response_max", coverage.response_max_s),
        ("longest_gap", coverage.longest_gap_s),
    ]
    days = coverage.interval.duration_s / 86_400.0
    seen = np.isfinite(coverage.first_s).astype(np.float64)
    return Summary(
        cells=len(coverage),
        area_km2=0.0 if coverage.grid.kind == "points" else float(coverage.grid.area_m2.sum()) / 1e6,
        spacecraft=len(coverage.spacecraft),
        seen_fraction=coverage.area_mean(seen),
        covered_fraction=coverage.area_mean(coverage.covered_fraction),
        looks_per_day=coverage.area_mean(coverage.looks.astype(np.float64)) / days,
        over_area=tuple(_over_area(coverage, name, values) for name, values in columns),
        time_to_cover=tuple(_time_to_cover(coverage, fraction) for fraction in FRACTIONS),
        worst_band=max(_bands(coverage, seen), key=lambda pair: pair[0])[1],
    )


def _percentiles(coverage: Coverage, name: str, values: FloatArray) -> list[tuple[str, FloatArray]]:
    return [
        (f"{name}_p{percent:g}", values[:, k])
        for k, percent in enumerate(coverage.options.percentiles)
        if percent != 50.0 or name != "revisit"  # that is the median
    ]


def _over_area(coverage: Coverage, name: str, values: FloatArray) -> OverArea:
    known = np.isfinite(values)
    if not known.any():
        return OverArea(
            name=name,
            mean_s=None,
            least_s=None,
            greatest_s=None,
            greatest_lon_deg=None,
            greatest_lat_deg=None,
        )
    worst = int(np.nanargmax(values))
    return OverArea(
        name=name,
        mean_s=coverage.area_mean(values),
        least_s=float(values[known].min()),
        greatest_s=float(values[worst]),
        greatest_lon_deg=float(coverage.grid.lon_deg[worst]),
        greatest_lat_deg=float(coverage.grid.lat_deg[worst]),
    )


def _time_to_cover(coverage: Coverage, fraction: float) -> TimeToCover:
    first = coverage.covered_after_s(fraction)
    waits = coverage.time_to_cover_s(fraction) if len(coverage.starts_s) else np.array([])
    reached = int(np.isfinite(waits).sum())
    return TimeToCover(
        fraction=fraction,
        from_start_s=first if math.isfinite(first) else None,
        mean_s=float(waits.mean()) if reached and reached == len(waits) else None,
        starts_reached=reached,
        starts=len(waits),
    )


def _bands(coverage: Coverage, seen: FloatArray) -> list[tuple[tuple[float, float], Band]]:
    """Each band after how bad it is: less of it seen, then a longer revisit.

    Without a revisit the longest gap counts: none where a band is always in view, long where it is seen once.
    """
    found: list[tuple[tuple[float, float], Band]] = []
    number = np.minimum(np.floor((coverage.grid.lat_deg + 90.0) / BAND_DEG), 180.0 / BAND_DEG - 1.0)
    for band in np.unique(number):
        where = number == band
        revisit = coverage.area_mean(coverage.revisit_mean_s, where)
        known = math.isfinite(revisit)
        one = Band(
            south_deg=float(band * BAND_DEG - 90.0),
            north_deg=float((band + 1) * BAND_DEG - 90.0),
            revisit_mean_s=revisit if known else None,
            seen_fraction=coverage.area_mean(seen, where),
        )
        length = revisit if known else coverage.area_mean(coverage.longest_gap_s, where)
        found.append(((-round(one.seen_fraction, 9), round(length, 3)), one))
    return found
