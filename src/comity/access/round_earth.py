"""Places as directions from the middle of a round Earth."""

from __future__ import annotations

import math

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

FloatArray = NDArray[np.float64]


def middle(part: BaseGeometry) -> FloatArray:
    """Unit vector to the middle of the box around the points (nought where they surround the Earth)."""
    points = vectors(shapely.get_coordinates(part))
    centre = (points.min(axis=0) + points.max(axis=0)) / 2.0
    length = float(np.linalg.norm(centre))
    return np.asarray(centre / length if length > 1e-6 else np.zeros(3), dtype=np.float64)


def vectors(lonlat: FloatArray) -> FloatArray:
    """Unit vectors (n, 3) to places (n, 2) degrees."""
    lon, lat = np.radians(lonlat[:, 0]), np.radians(lonlat[:, 1])
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)


def lon_lat(vector: FloatArray) -> tuple[float, float]:
    """The place (degrees) a vector points to."""
    x, y, z = (float(v) for v in vector)
    # rounded, so that noise in the last place cannot move a cut
    return round(math.degrees(math.atan2(y, x)), 6), round(math.degrees(math.atan2(z, math.hypot(x, y))), 6)
