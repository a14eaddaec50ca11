"""Where the Sun stands, to better than 0.01°.

Earth's place from ERFA's ``epv00`` (abridged VSOP2000), annual aberration (20.5″) from its velocity, IAU
2006/2000A orientation. Refraction and the Sun's parallax (at most 8.8″) are left out.
"""

from __future__ import annotations

import erfa
import numpy as np
from numpy.typing import ArrayLike, NDArray

from comity.core import Epoch
from comity.orbits.earth import EarthOrientation, teme_to_itrf_matrix
from comity.orbits.geodesy import elevation_azimuth_deg

FloatArray = NDArray[np.float64]

_TT_TAI_S = 32.184
_JD_TAI_UNIX = 2_440_587.5
_NS_PER_DAY = 86_400_000_000_000
_AU_PER_DAY_IN_C = 149_597_870_700.0 / 86_400.0 / 299_792_458.0
#: Between nodes this far apart the direction in TEME is a straight line to 2e-7 rad.
_NODE_S = 7_200.0


def sun_direction_teme(epoch: Epoch, seconds: FloatArray, eop: EarthOrientation) -> FloatArray:
    """Unit vectors (n, 3) from the geocentre to the Sun, TEME, at ``epoch + seconds`` (n,) s.

    Raises :class:`comity.core.InputError` outside the validity of ``eop``.
    """
    seconds = np.asarray(seconds, dtype=np.float64)
    if len(seconds) <= 3:
        return _exact_teme(epoch, seconds, eop)
    first, last = float(seconds.min()), float(seconds.max())
    nodes = np.linspace(first, last, max(2, int(np.ceil((last - first) / _NODE_S)) + 1))
    if len(nodes) >= len(seconds):
        return _exact_teme(epoch, seconds, eop)
    known = _exact_teme(epoch, nodes, eop)
    direction = np.stack([np.interp(seconds, nodes, known[:, k]) for k in range(3)], axis=-1)
    return np.asarray(direction / np.linalg.norm(direction, axis=-1, keepdims=True), dtype=np.float64)


def sun_direction_itrf(epoch: Epoch, seconds: FloatArray, eop: EarthOrientation) -> FloatArray:
    """Unit vectors (n, 3) from the geocentre to the Sun, ITRF, at ``epoch + seconds`` (n,) s.

    Raises :class:`comity.core.InputError` outside the validity of ``eop``.
    """
    seconds = np.asarray(seconds, dtype=np.float64)
    turn = teme_to_itrf_matrix(epoch, seconds, eop)
    return np.asarray(
        np.einsum("nij,nj->ni", turn, sun_direction_teme(epoch, seconds, eop)), dtype=np.float64
    )


def sun_elevation_azimuth_deg(
    lon_deg: ArrayLike, lat_deg: ArrayLike, epoch: Epoch, seconds: FloatArray, eop: EarthOrientation
) -> tuple[FloatArray, FloatArray]:
    """Geometric elevation and azimuth (from north, clockwise) of the Sun's centre, degrees.

    ``lon_deg``, ``lat_deg``: one ground point, or n points for the n instants ``epoch + seconds``; both
    results are (n,).
    """
    return elevation_azimuth_deg(lon_deg, lat_deg, sun_direction_itrf(epoch, seconds, eop))


def _exact_teme(epoch: Epoch, seconds: FloatArray, eop: EarthOrientation) -> FloatArray:
    day, rest = divmod(epoch.tai_ns, _NS_PER_DAY)
    tt = (_JD_TAI_UNIX + day, rest / _NS_PER_DAY + (seconds + _TT_TAI_S) / 86_400.0)
    heliocentric, barycentric = erfa.epv00(*tt)
    sun = -heliocentric["p"]
    sun = sun / np.linalg.norm(sun, axis=-1, keepdims=True) + barycentric["v"] * _AU_PER_DAY_IN_C
    sun /= np.linalg.norm(sun, axis=-1, keepdims=True)
    orientation = eop.at(epoch, seconds)
    celestial_to_itrf = erfa.c2t06a(*tt, *orientation.ut1_jd, orientation.xp, orientation.yp)
    itrf = np.einsum("nij,nj->ni", celestial_to_itrf, sun)
    # By way of the Earth, so that TEME's equinox need not be modelled a second time.
    return np.asarray(
        np.einsum("nji,nj->ni", teme_to_itrf_matrix(epoch, seconds, eop), itrf), dtype=np.float64
    )
