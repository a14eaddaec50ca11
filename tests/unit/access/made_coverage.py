"""A coverage result of made-up figures: what files and tables are tested with."""

from __future__ import annotations

import numpy as np

from comity.access import ElementsUsed
from comity.access.coverage import Coverage, Grid, Options, Sensor
from comity.core import Epoch, Interval

START = Epoch.from_iso("2024-09-22T00:00:00.123456789Z")


def made_coverage(grid: Grid, *, days: float = 3.7, seed: int = 5) -> Coverage:
    """Figures that differ from cell to cell, odd to the last bit; every seventh cell is never seen."""
    rng = np.random.default_rng(seed)
    count = len(grid)
    never = np.arange(count) % 7 == 3
    scale = 3600.0 * (6.0 + 5.0 * np.cos(np.radians(2.0 * grid.lat_deg)) + rng.random(count))

    def times(factor: float) -> np.ndarray:
        return np.where(never, np.nan, factor * scale * (1.0 + 1e-3 * rng.random(count)))

    looks = np.where(never, 0, rng.integers(5, 50, count))
    percentiles = (50.0, 95.0)
    return Coverage(
        grid=grid,
        interval=Interval(START, START + days * 86_400.0),
        sensors=(Sensor(max_off_nadir_deg=30.0),) * 2,
        options=Options(min_sun_elevation_deg=10.0, percentiles=percentiles),
        spacecraft=("ALPHA-1", "ALPHA-2"),
        elements=tuple(
            ElementsUsed(norad_id=n, source="made up", epoch=START, age_s=0.0) for n in (99_001, 99_002)
        ),
        looks=looks,
        accesses=np.maximum(looks - 3, 0),
        covered_s=np.where(never, 0.0, scale / 7.0),
        first_s=times(0.3),
        revisit_mean_s=times(1.0),
        revisit_median_s=times(0.9),
        revisit_max_s=times(2.5),
        revisit_percentiles_s=np.column_stack([times(0.9), times(2.2)]),
        response_mean_s=times(0.5),
        response_max_s=times(2.5),
        response_percentiles_s=np.column_stack([times(0.45), times(1.9)]),
        longest_gap_s=np.where(never, days * 86_400.0, times(2.6)),
        starts_s=np.array([0.0, 3600.1, 7200.2]),
        wait_s=np.column_stack([times(0.1), times(0.2), times(0.3)]),
        model="made up",
    )
