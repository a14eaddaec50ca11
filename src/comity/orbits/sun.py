"""Where the Sun stands, to better than 0.01°.

Earth's place from ERFA's ``epv00`` (abridged VSOP2000), annual aberration (20.5″) from its velocity, IAU
2006/2000A orientation. Refraction is left out. Directions are seen from the geocentre; elevations from the
ground point itself, so with the Sun's parallax (8.8″ at the horizon).
"""

from __future__ import annotations

import erfa
import numpy as np
from numpy.typing import ArrayLike, NDArray

from comity.core import Epoch
from comity.orbits.earth import EarthOrientation, teme_to_itrf_matrix
from comity.orbits.frames import gcrf_to_itrf_matrix, tt_days
from comity.orbits.geodesy import elevation_azimuth_deg, geodetic_to_ecef

FloatArray = NDArray[np.float64]

#: Astronomical unit (m; IAU 2012 resolution B2) and the Sun's nominal radius (m; IAU 2015 resolution B3).
ASTRONOMICAL_UNIT_M = 149_597_870_700.0
SUN_RADIUS_M = 695_700_000.0

_AU_PER_DAY_IN_C = ASTRONOMICAL_UNIT_M / 86_400.0 / 299_792_458.0
#: Between nodes this far apart the position is a straight line to 2e-7 rad.
_NODE_S = 7_200.0


def sun_position_gcrf(epoch: Epoch, seconds: FloatArray) -> FloatArray:
    """Apparent place of the Sun from the geocentre, (n, 3) m, GCRF, at ``epoch + seconds`` (n,) s."""
    seconds = np.asarray(seconds, dtype=np.float64)
    if len(seconds) <= 3:
        return _exact(epoch, seconds)
    first, last = float(seconds.min()), float(seconds.max())
    nodes = np.linspace(first, last, max(2, int(np.ceil((last - first) / _NODE_S)) + 1))
    if len(nodes) >= len(seconds):
        return _exact(epoch, seconds)
    known = _exact(epoch, nodes)
    return np.stack([np.interp(seconds, nodes, known[:, k]) for k in range(3)], axis=-1)


def sun_position_itrf(epoch: Epoch, seconds: FloatArray, eop: EarthOrientation) -> FloatArray:
    """The same (n, 3) m in ITRF. Raises :class:`comity.core.InputError` outside the validity of ``eop``."""
    seconds = np.asarray(seconds, dtype=np.float64)
    turn = gcrf_to_itrf_matrix(epoch, seconds, eop)
    return np.asarray(np.einsum("nij,nj->ni", turn, sun_position_gcrf(epoch, seconds)), dtype=np.float64)


def sun_direction_itrf(epoch: Epoch, seconds: FloatArray, eop: EarthOrientation) -> FloatArray:
    """Unit vectors (n, 3) from the geocentre to the Sun, ITRF, at ``epoch + seconds`` (n,) s.

    Raises :class:`comity.core.InputError` outside the validity of ``eop``.
    """
    position = sun_position_itrf(epoch, seconds, eop)
    return np.asarray(position / np.linalg.norm(position, axis=-1, keepdims=True), dtype=np.float64)


def sun_direction_teme(epoch: Epoch, seconds: FloatArray, eop: EarthOrientation) -> FloatArray:
    """The same in TEME, by way of the Earth, so that TEME's equinox need not be modelled a second time."""
    seconds = np.asarray(seconds, dtype=np.float64)
    turn = teme_to_itrf_matrix(epoch, seconds, eop)
    fixed = sun_direction_itrf(epoch, seconds, eop)
    return np.asarray(np.einsum("nji,nj->ni", turn, fixed), dtype=np.float64)


def sun_elevation_azimuth_deg(
    lon_deg: ArrayLike, lat_deg: ArrayLike, epoch: Epoch, seconds: FloatArray, eop: EarthOrientation
) -> tuple[FloatArray, FloatArray]:
    """Geometric elevation and azimuth (from north, clockwise) of the Sun's centre, degrees.

    ``lon_deg``, ``lat_deg``: one ground point, or n points for the n instants ``epoch + seconds``; both
    results are (n,). Seen from the ground point (with parallax), without refraction.
    """
    line = sun_position_itrf(epoch, seconds, eop) - geodetic_to_ecef(lon_deg, lat_deg)
    return elevation_azimuth_deg(lon_deg, lat_deg, line)


def _exact(epoch: Epoch, seconds: FloatArray) -> FloatArray:
    heliocentric, barycentric = erfa.epv00(*tt_days(epoch, seconds))
    sun = -heliocentric["p"]
    distance = np.linalg.norm(sun, axis=-1, keepdims=True)
    direction = sun / distance + barycentric["v"] * _AU_PER_DAY_IN_C
    direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
    return np.asarray(direction * distance * ASTRONOMICAL_UNIT_M, dtype=np.float64)
