"""The WGS-84 ellipsoid: geodetic and Earth-fixed coordinates, local directions.

Conversions are ERFA's ``gd2gc`` and ``gc2gd`` (IAU SOFA; Fukushima 2006 for the inverse). Longitude comes
before latitude everywhere.
"""

from __future__ import annotations

import erfa
import numpy as np
from numpy.typing import ArrayLike, NDArray

from comity.core import InputError

#: Equatorial radius (m) and flattening of WGS-84 (NIMA TR8350.2).
EQUATORIAL_RADIUS_M = 6_378_137.0
FLATTENING = 1.0 / 298.257223563
POLAR_RADIUS_M = EQUATORIAL_RADIUS_M * (1.0 - FLATTENING)

#: Heights a ground site may have: below the Dead Sea's shore (−430 m) and above Everest (8 849 m).
MIN_ALTITUDE_M = -500.0
MAX_ALTITUDE_M = 9_000.0

_WGS84 = 1  # ERFA's number of the ellipsoid

FloatArray = NDArray[np.float64]


def check_geodetic(lon_deg: float, lat_deg: float, altitude_m: float = 0.0) -> tuple[float, float, float]:
    """The same site with its longitude wrapped to [−180, 180), once it is known to be on the ground.

    Parameters
    ----------
    lon_deg : geodetic longitude, −180 … 360 degrees (east positive; 0 … 360 is accepted too).
    lat_deg : geodetic latitude, −90 … 90 degrees.
    altitude_m : height above the ellipsoid, −500 … 9000 m.

    Raises
    ------
    InputError : naming the value and its limit; NaN and infinity are refused.
    """
    if not -90.0 <= lat_deg <= 90.0:
        raise InputError(f"latitude {lat_deg:g}° is outside −90 … 90 (coordinates are LON,LAT in that order)")
    if not -180.0 <= lon_deg <= 360.0:
        raise InputError(f"longitude {lon_deg:g}° is outside −180 … 360")
    if not MIN_ALTITUDE_M <= altitude_m <= MAX_ALTITUDE_M:
        raise InputError(
            f"altitude {altitude_m:g} m is outside {MIN_ALTITUDE_M:g} … {MAX_ALTITUDE_M:g} m (metres, not km)"
        )
    wrapped = lon_deg - 360.0 if lon_deg >= 180.0 else lon_deg
    return float(wrapped), float(lat_deg), float(altitude_m)


def geodetic_to_ecef(lon_deg: ArrayLike, lat_deg: ArrayLike, altitude_m: ArrayLike = 0.0) -> FloatArray:
    """Earth-fixed (ITRF) positions of geodetic coordinates.

    Arguments broadcast together; the result is (…, 3) m, so (n,) longitudes give (n, 3).
    """
    lon, lat, height = np.broadcast_arrays(
        np.radians(np.asarray(lon_deg, dtype=np.float64)),
        np.radians(np.asarray(lat_deg, dtype=np.float64)),
        np.asarray(altitude_m, dtype=np.float64),
    )
    return np.asarray(erfa.gd2gc(_WGS84, lon, lat, height), dtype=np.float64)


def ecef_to_geodetic(position: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Geodetic (longitude deg in [−180, 180], latitude deg, altitude m) of (…, 3) m Earth-fixed."""
    lon, lat, height = erfa.gc2gd(_WGS84, position)
    return np.degrees(lon), np.degrees(lat), np.asarray(height, dtype=np.float64)


def up_vector(lon_deg: ArrayLike, lat_deg: ArrayLike) -> FloatArray:
    """Outward normals of the ellipsoid, (…, 3) unit, Earth-fixed."""
    lon, lat = np.radians(lon_deg), np.radians(lat_deg)
    return np.stack(
        np.broadcast_arrays(np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)), axis=-1
    )


def local_basis(lon_deg: ArrayLike, lat_deg: ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Unit vectors east, north and up at geodetic points, each (…, 3), Earth-fixed.

    At a pole they are those of the meridian ``lon_deg``, so azimuths there count from it.
    """
    lon, lat = np.broadcast_arrays(np.radians(lon_deg), np.radians(lat_deg))
    zero = np.zeros_like(lon)
    east = np.stack([-np.sin(lon), np.cos(lon), zero], axis=-1)
    north = np.stack([-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)], axis=-1)
    return east, north, up_vector(lon_deg, lat_deg)


def elevation_azimuth_deg(
    lon_deg: ArrayLike, lat_deg: ArrayLike, direction: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Elevation and azimuth (clockwise from north, 0 … 360), degrees, of Earth-fixed directions.

    ``direction`` (…, 3) need not be of unit length; it broadcasts with the points.
    """
    east, north, up = local_basis(lon_deg, lat_deg)
    along_east = np.sum(direction * east, axis=-1)
    along_north = np.sum(direction * north, axis=-1)
    along_up = np.sum(direction * up, axis=-1)
    elevation = np.degrees(np.arctan2(along_up, np.hypot(along_east, along_north)))
    azimuth = np.degrees(np.arctan2(along_east, along_north)) % 360.0
    return elevation, azimuth
