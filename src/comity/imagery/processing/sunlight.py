"""The Sun over an image in sensor geometry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from comity.core import Epoch, InputError
from comity.imagery.geometry.location import Relief, locate_on
from comity.imagery.geometry.model import SensorModel
from comity.imagery.irradiance import sun_distance_au

Floats = NDArray[np.float64]

_NODES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Sunlight:
    """The Sun over an image: in its middle (degrees, azimuth from true north), its distance, and all over it.

    ``cosines`` (5, 5): of the zenith angle at even places from the first to the last pixel; ``shape``: rows
    and columns of the image.
    """

    elevation_deg: float
    azimuth_deg: float
    distance_au: float
    cosines: Floats
    shape: tuple[int, int]

    def cosine(self, column: int, row: int, columns: int, rows: int) -> Floats:
        """Cosine of the zenith angle (rows, columns) in a block of pixels."""
        along = _weights(row + np.arange(rows, dtype=np.float64), self.shape[0])
        across = _weights(column + np.arange(columns, dtype=np.float64), self.shape[1])
        found: Floats = along @ self.cosines @ across.T
        return found


def sunlight_on(
    model: SensorModel, start: Epoch, line_s: float, relief: Relief, *, needed: bool = True
) -> Sunlight:
    """The Sun over an image whose first row is taken at ``start``.

    Raises :class:`InputError` where it is ``needed`` and below 1°, or the image misses the ground.
    """
    from comity.orbits import EarthOrientation
    from comity.orbits.sun import sun_elevation_azimuth_deg

    rows, columns = model.shape
    row, column = np.meshgrid(
        np.linspace(0, rows - 1, _NODES), np.linspace(0, columns - 1, _NODES), indexing="ij"
    )
    lon, lat, _ = (one.ravel() for one in locate_on(model, relief, column, row))
    known = np.isfinite(lon)
    if not known.any():
        raise InputError("the image does not see the ground of this elevation model: check --dem")
    lon = np.where(known, lon, np.median(lon[known]))
    lat = np.where(known, lat, np.median(lat[known]))
    eop = EarthOrientation.bundled()
    elevation, azimuth = sun_elevation_azimuth_deg(lon, lat, start, row.ravel() * line_s, eop)
    if needed and elevation.min() <= 1.0:
        raise InputError(
            f"the Sun stands {elevation.min():.1f}° above the image's ground at {start.iso(0)}: "
            "it has no reflectance to tell, ask for radiance"
        )
    middle = len(elevation) // 2
    return Sunlight(
        elevation_deg=float(elevation[middle]),
        azimuth_deg=float(azimuth[middle]),
        distance_au=sun_distance_au(start + 0.5 * rows * line_s),
        cosines=np.sin(np.radians(elevation)).reshape(_NODES, _NODES),
        shape=(rows, columns),
    )


def _weights(at: Floats, size: int) -> Floats:
    place = at / max(size - 1, 1) * (_NODES - 1)
    left = np.clip(place.astype(int), 0, _NODES - 2)
    weights = np.zeros((len(at), _NODES))
    weights[np.arange(len(at)), left] = 1.0 - (place - left)
    weights[np.arange(len(at)), left + 1] = place - left
    return weights
