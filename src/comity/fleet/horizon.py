"""The horizon of a ground station by azimuth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from comity.core import InputError

FloatArray = NDArray[np.float64]

#: Elevations a horizon may have, degrees.
MIN_HORIZON_DEG = -10.0
MAX_HORIZON_DEG = 89.0


@dataclass(frozen=True, slots=True)
class HorizonMask:
    """Elevation of the horizon (degrees) at azimuths (degrees from north, clockwise), rows of both.

    Linear between rows, and on from the last to the first. Azimuths 0 … 360, each greater than the one
    before; elevations −10 … 89. Raises :class:`InputError` saying which row breaks that.
    """

    rows: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        if not self.rows:
            raise InputError("a horizon mask needs one row of azimuth and elevation at least")
        before = -1.0
        for number, (azimuth, elevation) in enumerate(self.rows, start=1):
            what = f"horizon mask, row {number}"
            if not 0.0 <= azimuth <= 360.0:
                raise InputError(f"{what}: azimuth {azimuth:g}° is outside 0 … 360")
            if azimuth <= before:
                raise InputError(f"{what}: azimuth {azimuth:g}° does not come after {before:g}°")
            if not MIN_HORIZON_DEG <= elevation <= MAX_HORIZON_DEG:
                raise InputError(
                    f"{what}: elevation {elevation:g}° is outside {MIN_HORIZON_DEG:g} … {MAX_HORIZON_DEG:g}"
                )
            before = azimuth
        (first, low), (last, high) = self.rows[0], self.rows[-1]
        if last - first == 360.0 and low != high:
            raise InputError(f"horizon mask: elevation {low:g}° at 0° is not the {high:g}° at 360°")

    def elevation_deg(self, azimuth_deg: FloatArray) -> FloatArray:
        """Elevation of the horizon at azimuths (…), degrees."""
        azimuths, elevations = self._circle()
        return np.asarray(np.interp(np.mod(azimuth_deg, 360.0), azimuths, elevations), dtype=np.float64)

    @property
    def steepness(self) -> float:
        """Greatest slope of the cone over the horizon: metres of height by metre of way over the ground.

        Of ρ·tan(elevation(azimuth)), ρ the distance over the ground: the longest gradient.
        """
        azimuths, elevations = (np.radians(one) for one in self._circle())
        slope = np.abs(np.diff(elevations) / np.diff(azimuths))
        top = np.maximum(np.abs(elevations[1:]), np.abs(elevations[:-1]))
        return float(np.hypot(np.tan(top), slope / np.cos(top) ** 2).max())

    def _circle(self) -> tuple[FloatArray, FloatArray]:
        """The rows with their neighbours across north."""
        rows = self.rows
        if math.isclose(rows[-1][0] - rows[0][0], 360.0):
            rows = rows[:-1]
        (first, low), (last, high) = rows[0], rows[-1]
        table = np.array([(last - 360.0, high), *rows, (first + 360.0, low)])
        return table[:, 0], table[:, 1]
