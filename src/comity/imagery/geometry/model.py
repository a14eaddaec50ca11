"""What every sensor geometry can say, be it rigorous or rational."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


class SensorModel(Protocol):
    """The geometry of one image in sensor geometry.

    Image coordinates are (column, row) with (0, 0) the *centre* of the first pixel of the raster at
    hand: for an extract, of the extract. Ground is WGS-84 lon, lat in degrees and height above the
    ellipsoid in metres. Arguments broadcast; what a model cannot say (behind the horizon, no
    convergence) is NaN, never a wrong number.
    """

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the raster."""

    @property
    def heights_m(self) -> tuple[float, float]:
        """Ellipsoidal heights between which the model is valid."""

    def project(self, lon_deg: ArrayLike, lat_deg: ArrayLike, height_m: ArrayLike) -> tuple[Floats, Floats]:
        """(column, row) in which ground points are seen: the inverse location."""

    def locate(self, column: ArrayLike, row: ArrayLike, height_m: ArrayLike) -> tuple[Floats, Floats]:
        """(lon, lat) degrees where the lines of sight of pixels meet a height: the direct location."""
