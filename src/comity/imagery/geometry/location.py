"""Direct location on relief: where the line of sight of a pixel first meets the ground."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from comity.imagery.geometry.model import SensorModel

Floats = NDArray[np.float64]

_ITERATIONS = 60
#: Heights between the model's limits from which the ground is looked for.
_STARTS = 96
#: Metres of height to which the meeting is solved.
_SOLVED_M = 1e-3


class Relief(Protocol):
    """What gives heights above the ellipsoid (:class:`~comity.imagery.geometry.dem.Dem`)."""

    def heights(self, lon_deg: ArrayLike, lat_deg: ArrayLike) -> Floats:
        """Heights in metres, NaN where unknown."""


def locate_on(
    model: SensorModel, dem: Relief, column: ArrayLike, row: ArrayLike
) -> tuple[Floats, Floats, Floats]:
    """(lon, lat, height): degrees and metres above the ellipsoid where pixels see the relief.

    The line of sight is followed from the model's greatest height down (the sensor sees the highest meeting)
    in steps, then halved between the two that enclose the ground. NaN where the relief is unknown there, or
    the model says nothing. Where the relief leaves the model's heights, those are widened.
    """
    column, row = np.broadcast_arrays(np.asarray(column, np.float64), np.asarray(row, np.float64))
    shape = column.shape
    column, row = column.ravel(), row.ravel()
    low, high = _bracket(model, dem, column, row)
    lower, upper = low.copy(), high.copy()
    for _ in range(_ITERATIONS):
        middle = 0.5 * (lower + upper)
        over = ~(middle - dem.heights(*model.locate(column, row, middle)) <= 0.0)
        upper = np.where(over, middle, upper)
        lower = np.where(over, lower, middle)
        if not np.nanmax(upper - lower, initial=0.0) > _SOLVED_M:
            break
    height = 0.5 * (lower + upper)
    lon, lat = model.locate(column, row, height)
    known = np.isfinite(dem.heights(lon, lat)) & np.isfinite(lon)
    return tuple(np.where(known, value, np.nan).reshape(shape) for value in (lon, lat, height))  # type: ignore[return-value]


def _settled(
    model: SensorModel, dem: Relief, column: Floats, row: Floats, height: Floats
) -> tuple[Floats, NDArray[np.bool_]]:
    """The height of the ground seen, about, from a first guess of it; and where there is ground."""
    known = np.zeros(height.shape, bool)
    for _ in range(6):
        found = dem.heights(*model.locate(column, row, height))
        known = np.isfinite(found)
        height = np.where(known, found, height)
    return height, known


def _bracket(model: SensorModel, dem: Relief, column: Floats, row: Floats) -> tuple[Floats, Floats]:
    """Heights below and above the highest meeting with the ground of each line of sight."""
    # Fixed-point steps find about where it is, however wide the model's heights are …
    height, known = _settled(model, dem, column, row, np.full(column.shape, 0.5 * sum(model.heights_m)))
    for level in np.linspace(*model.heights_m, _STARTS):
        # … and where they begin beside a small relief, steps from other heights.
        lost = ~known
        if not lost.any():
            break
        start = np.full(int(lost.sum()), level)
        height[lost], known[lost] = _settled(model, dem, column[lost], row[lost], start)
    if not known.any():
        return np.full(column.shape, np.nan), np.full(column.shape, np.nan)
    # … and the relief of the whole set says how far up and down it may be.
    least, most = float(height[known].min()), float(height[known].max())
    spread = max(most - least, 50.0)
    levels = np.linspace(most + spread, least - spread, 33)
    low, high = np.full(column.shape, np.nan), np.full(column.shape, np.nan)
    before = np.full(column.shape, levels[0])
    open_ = np.ones(column.shape, bool)
    for level in levels:
        over = level - dem.heights(*model.locate(column, row, np.full(column.shape, level)))
        met = open_ & (
            over <= 0.0
        )  # where the ground is unknown it is not met: a line may come in from there
        low[met], high[met] = level, before[met]
        open_ &= ~met
        before = np.where(open_, level, before)
    return low, high
