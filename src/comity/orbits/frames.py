"""Celestial frames: GCRF (and EME2000, TOD, TEME) to ITRF and back, by IAU 2006/2000A.

The chain is the CIO-based one of the IERS Conventions (2010), chapter 5: X, Y and s of the celestial pole,
the pole offsets that IERS measures, the Earth rotation angle of UT1, polar motion with s′, all through ERFA
(IAU SOFA). TEME is tied to ITRF as in :mod:`comity.orbits.earth`, so a state in it lands at the same place on
the ground whichever way it is taken.
"""

from __future__ import annotations

from functools import lru_cache

import erfa
import numpy as np
from numpy.typing import NDArray

from comity.core import Epoch, InputError
from comity.orbits.earth import ROTATION_RATE, EarthOrientation, OrientationAt, itrf_to_teme, teme_to_itrf

FloatArray = NDArray[np.float64]

#: Frames a state can be given in: one of these names, or one that :func:`frame_of` takes for one of them.
FRAMES = ("EME2000", "GCRF", "ITRF", "TEME", "TOD")

_ALIASES = {"J2000": "EME2000", "ICRF": "GCRF", "GCRS": "GCRF", "ICRS": "GCRF", "ITRS": "ITRF"}
_ITRF_LIKE = ("ITRF", "IGS", "IGB", "WGS84", "WGS-84", "SLR")

_JD_UNIX = 2_440_587.5
_TT_TAI_S = 32.184
_NODES_PER_DAY = 4
_STENCIL = 6
#: So few instants are worked out in full: nodes to interpolate between would cost more.
_FEW = 8


def frame_of(name: str) -> str:
    """The one of :data:`FRAMES` that ``name`` stands for (CCSDS and IGS names, any case).

    Every realisation of the terrestrial frame (``ITRF2014``, ``ITRF-97``, ``IGS20``, ``WGS84`` …) counts as
    ITRF: they agree to a few centimetres since 1997. ``ICRF`` counts as GCRF. Raises :class:`InputError`
    naming the frames there are.
    """
    key = name.strip().upper().replace(" ", "")
    key = _ALIASES.get(key, key)
    if key in FRAMES:
        return key
    if key.startswith(_ITRF_LIKE):
        return "ITRF"
    raise InputError(f"reference frame {name!r} is not supported: use {', '.join(FRAMES)} or an ITRF by year")


def tt_days(epoch: Epoch, seconds: FloatArray) -> tuple[float, FloatArray]:
    """TT Julian dates in two parts (days), the second (n,), at ``epoch + seconds`` (n,) s."""
    day, rest = divmod(epoch.tai_ns, 86_400_000_000_000)
    return _JD_UNIX + day, (rest / 1e9 + np.asarray(seconds, dtype=np.float64) + _TT_TAI_S) / 86_400.0


def gcrf_to_itrf_matrix(epoch: Epoch, seconds: FloatArray, eop: EarthOrientation) -> FloatArray:
    """Rotation matrices (n, 3, 3): ITRF vector = matrix @ GCRF vector, at ``epoch + seconds`` (n,) s.

    The pole's X, Y, s are interpolated between nodes a quarter of a day apart when there are more than a few
    instants: below 0.1 mm at the geostationary ring against ERFA's ``c2t06a`` at each instant. Raises
    :class:`InputError` outside ``eop``.
    """
    at = eop.at(epoch, seconds)
    return _celestial_to_terrestrial(tt_days(epoch, seconds), at)


def gcrf_to_itrf(
    position: FloatArray, velocity: FloatArray, epoch: Epoch, seconds: FloatArray, eop: EarthOrientation
) -> tuple[FloatArray, FloatArray]:
    """Positions (n, 3) m and velocities (n, 3) m/s from GCRF to ITRF at ``epoch + seconds`` (n,) s.

    The velocity is the one seen on the rotating Earth; precession and nutation (1e-4 m/s) play no part in it.
    Raises :class:`InputError` outside ``eop``.
    """
    turn, axis = _turn_and_axis("GCRF", epoch, seconds, eop)
    fixed = np.einsum("nij,nj->ni", turn, position)
    return fixed, np.einsum("nij,nj->ni", turn, velocity) - np.cross(axis, fixed)


def itrf_to_gcrf(
    position: FloatArray, velocity: FloatArray, epoch: Epoch, seconds: FloatArray, eop: EarthOrientation
) -> tuple[FloatArray, FloatArray]:
    """Inverse of :func:`gcrf_to_itrf`: (n, 3) m and m/s."""
    return from_itrf("GCRF", position, velocity, epoch, seconds, eop)


def gcrf_to_teme(
    position: FloatArray, velocity: FloatArray, epoch: Epoch, seconds: FloatArray, eop: EarthOrientation
) -> tuple[FloatArray, FloatArray]:
    """Positions (n, 3) m and velocities (n, 3) m/s from GCRF to TEME, through ITRF."""
    fixed = gcrf_to_itrf(position, velocity, epoch, seconds, eop)
    return itrf_to_teme(*fixed, epoch, seconds, eop)


def teme_to_gcrf(
    position: FloatArray, velocity: FloatArray, epoch: Epoch, seconds: FloatArray, eop: EarthOrientation
) -> tuple[FloatArray, FloatArray]:
    """Inverse of :func:`gcrf_to_teme`."""
    fixed = teme_to_itrf(position, velocity, epoch, seconds, eop)
    return itrf_to_gcrf(*fixed, epoch, seconds, eop)


def to_itrf(
    frame: str,
    position: FloatArray,
    velocity: FloatArray,
    epoch: Epoch,
    seconds: FloatArray,
    eop: EarthOrientation,
) -> tuple[FloatArray, FloatArray]:
    """Positions (n, 3) m and velocities (n, 3) m/s of any of :data:`FRAMES` in ITRF.

    Raises :class:`InputError` for an unknown frame or outside ``eop`` (which ITRF itself does not need).
    """
    frame = frame_of(frame)
    if frame == "ITRF":
        return position, velocity
    if frame == "TEME":
        return teme_to_itrf(position, velocity, epoch, seconds, eop)
    turn, axis = _turn_and_axis(frame, epoch, seconds, eop)
    fixed = np.einsum("nij,nj->ni", turn, position)
    return fixed, np.einsum("nij,nj->ni", turn, velocity) - np.cross(axis, fixed)


def from_itrf(
    frame: str,
    position: FloatArray,
    velocity: FloatArray,
    epoch: Epoch,
    seconds: FloatArray,
    eop: EarthOrientation,
) -> tuple[FloatArray, FloatArray]:
    """Inverse of :func:`to_itrf`."""
    frame = frame_of(frame)
    if frame == "ITRF":
        return position, velocity
    if frame == "TEME":
        return itrf_to_teme(position, velocity, epoch, seconds, eop)
    turn, axis = _turn_and_axis(frame, epoch, seconds, eop)
    return (
        np.einsum("nji,nj->ni", turn, position),
        np.einsum("nji,nj->ni", turn, velocity + np.cross(axis, position)),
    )


def _turn_and_axis(
    frame: str, epoch: Epoch, seconds: FloatArray, eop: EarthOrientation
) -> tuple[FloatArray, FloatArray]:
    """Matrices (n, 3, 3) from ``frame`` to ITRF, and the Earth's rotation vector (n, 3) rad/s in ITRF."""
    at = eop.at(epoch, seconds)
    tt = tt_days(epoch, seconds)
    turn = _celestial_to_terrestrial(tt, at)
    if frame == "EME2000":
        turn = turn @ _eme2000_to_gcrf()
    elif frame == "TOD":
        # GCRF → true equator and equinox of date, the same models; its transpose comes first
        turn = turn @ np.swapaxes(erfa.pnm06a(*tt), -1, -2)
    pole = _polar_motion(tt, at)[:, :, 2]
    return turn, ROTATION_RATE * pole


def _celestial_to_terrestrial(tt: tuple[float, FloatArray], at: OrientationAt) -> FloatArray:
    x, y, s = _pole_xys(tt)
    celestial = erfa.c2ixys(x + at.dx, y + at.dy, s)
    turn = erfa.c2tcio(celestial, erfa.era00(*at.ut1_jd), _polar_motion(tt, at))
    return np.asarray(turn, dtype=np.float64)


def _polar_motion(tt: tuple[float, FloatArray], at: OrientationAt) -> FloatArray:
    return np.asarray(erfa.pom00(at.xp, at.yp, erfa.sp00(*tt)), dtype=np.float64)


def _pole_xys(tt: tuple[float, FloatArray]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """X, Y of the celestial intermediate pole and the CIO locator s (rad), each (n,)."""
    base, fraction = tt
    if len(fraction) <= _FEW:
        x, y, s = erfa.xys06a(base, fraction)
        return np.asarray(x), np.asarray(y), np.asarray(s)
    # Nodes lie at whole quarters of TT days, so that those of one epoch can be kept between calls.
    node = fraction * _NODES_PER_DAY
    first = np.floor(node).astype(np.int64) - (_STENCIL // 2 - 1)
    needed = np.unique(np.unique(first)[:, None] + np.arange(_STENCIL))
    table = np.array([_node(base, int(k)) for k in needed])
    row = np.searchsorted(needed, first)
    within = node - first
    values = np.zeros((3, len(fraction)))
    for j in range(_STENCIL):
        weight = np.ones(len(fraction))
        for k in range(_STENCIL):
            if k != j:
                weight *= (within - k) / (j - k)
        values += weight * table[row + j].T
    return values[0], values[1], values[2]


@lru_cache(maxsize=65_536)
def _node(base: float, quarter: int) -> tuple[float, float, float]:
    x, y, s = erfa.xys06a(base, quarter / _NODES_PER_DAY)
    return float(x), float(y), float(s)


@lru_cache(maxsize=1)
def _eme2000_to_gcrf() -> FloatArray:
    """The frame bias: mean equator and equinox of J2000 → GCRS (IAU 2006), transposed."""
    bias, _, _ = erfa.bp06(2_451_545.0, 0.0)
    return np.ascontiguousarray(np.asarray(bias, dtype=np.float64).T)
