"""Ground polygons of scenes."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from comity.fleet.antimeridian import polygon_on_earth

FloatArray = NDArray[np.float64]

#: Points along each side that lies across the track.
_ACROSS = 9


def scenes(
    lon_deg: FloatArray,
    lat_deg: FloatArray,
    heading_deg: FloatArray,
    across_m: FloatArray,
    along_m: FloatArray,
) -> list[BaseGeometry]:
    """Rectangles on the ellipsoid about points (n), as lon, lat polygons cut at the antimeridian.

    ``along_m`` long in the direction ``heading_deg`` (clockwise from north) and ``across_m`` wide, all (n,).
    Sides are geodesics; those across have nine points, so that wide swaths keep their bend.
    """
    from pyproj import Geod  # here: loading PROJ takes time that few commands need

    wgs84 = Geod(ellps="WGS84")
    count = len(lon_deg)
    if not count:
        return []
    offsets = np.linspace(-0.5, 0.5, _ACROSS)
    sides = []
    for forward, order in ((0.5, offsets), (-0.5, offsets[::-1])):
        lon, lat, back = wgs84.fwd(lon_deg, lat_deg, heading_deg, forward * along_m)
        ahead = np.asarray(back) + 180.0  # it looks back along the geodesic, whichever way that was gone
        right = np.repeat(ahead + 90.0, _ACROSS)
        far = (across_m[:, None] * order).ravel()
        lon, lat, _ = wgs84.fwd(np.repeat(lon, _ACROSS), np.repeat(lat, _ACROSS), right, far)
        sides.append(np.stack([lon, lat], axis=-1).reshape(count, _ACROSS, 2))
    ring = np.concatenate(sides, axis=1)[:, ::-1]  # anticlockwise
    ring = np.concatenate([ring, ring[:, :1]], axis=1)
    plain = (np.abs(np.diff(ring[:, :, 0], axis=1)) < 180.0).all(axis=1)
    polygons = np.empty(count, dtype=object)
    polygons[plain] = shapely.polygons(ring[plain])
    for k in np.flatnonzero(~plain):
        polygons[k] = polygon_on_earth(ring[k], (), "footprint")
    return list(polygons)
