"""Where the Moon stands, to about 0.005°, and how much of its disk is lit.

ERFA's ``moon98`` (Meeus, *Astronomical Algorithms*, chapter 47): 2.9″ and 6 km rms, 18″ and 32 km at worst
against ELP/MPP02. It is seen where it stood one light time (1.3 s) ago; as light time and aberration come
from the same relative motion, that is its apparent place from the geocentre.
"""

from __future__ import annotations

import erfa
import numpy as np
from numpy.typing import NDArray

from comity.core import Epoch
from comity.orbits.earth import EarthOrientation
from comity.orbits.frames import gcrf_to_itrf_matrix, tt_days
from comity.orbits.sun import ASTRONOMICAL_UNIT_M, sun_position_gcrf

FloatArray = NDArray[np.float64]

#: Mean radius of the Moon, m (IAU working group on cartographic coordinates, 2015).
MOON_RADIUS_M = 1_737_400.0

_LIGHT_TIME_S = 1.282
#: Between nodes this far apart a cubic stays within 1e-8 rad.
_NODE_S = 10_800.0


def moon_position_gcrf(epoch: Epoch, seconds: FloatArray) -> FloatArray:
    """Apparent place of the Moon from the geocentre, (n, 3) m, GCRF, at ``epoch + seconds`` (n,) s."""
    seconds = np.asarray(seconds, dtype=np.float64)
    if len(seconds) <= 3:
        return _exact(epoch, seconds)[0]
    first, last = float(seconds.min()), float(seconds.max())
    nodes = np.linspace(first, last, max(2, int(np.ceil((last - first) / _NODE_S)) + 1))
    if len(nodes) >= len(seconds):
        return _exact(epoch, seconds)[0]
    step = float(nodes[1] - nodes[0])
    position, velocity = _exact(epoch, nodes)
    place = (seconds - first) / max(step, 1e-9)
    k = np.clip(place.astype(np.intp), 0, len(nodes) - 2)
    u = (place - k)[:, None]
    r0, r1, v0, v1 = position[k], position[k + 1], velocity[k] * step, velocity[k + 1] * step
    a, b = r1 - r0 - v0, v1 - v0
    return np.asarray(r0 + u * (v0 + u * (3.0 * a - b + u * (b - 2.0 * a))), dtype=np.float64)


def moon_position_itrf(epoch: Epoch, seconds: FloatArray, eop: EarthOrientation) -> FloatArray:
    """The same (n, 3) m in ITRF. Raises :class:`comity.core.InputError` outside the validity of ``eop``."""
    seconds = np.asarray(seconds, dtype=np.float64)
    turn = gcrf_to_itrf_matrix(epoch, seconds, eop)
    return np.asarray(np.einsum("nij,nj->ni", turn, moon_position_gcrf(epoch, seconds)), dtype=np.float64)


def moon_illumination(epoch: Epoch, seconds: FloatArray) -> FloatArray:
    """Lit fraction (n,) of the Moon's disk, 0 … 1, from the geocentre (Meeus, chapter 48)."""
    seconds = np.asarray(seconds, dtype=np.float64)
    return lit_fraction(moon_position_gcrf(epoch, seconds), sun_position_gcrf(epoch, seconds))


def lit_fraction(moon: FloatArray, sun: FloatArray) -> FloatArray:
    """Lit fraction (n,) of a disk at ``moon`` (n, 3) under a Sun at ``sun`` (n, 3), seen from the origin."""
    to_sun = sun - moon
    cosine = -np.einsum("...i,...i->...", moon, to_sun)
    cosine /= np.linalg.norm(moon, axis=-1) * np.linalg.norm(to_sun, axis=-1)
    return np.asarray((1.0 + cosine) / 2.0, dtype=np.float64)


def _exact(epoch: Epoch, seconds: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Positions (n, 3) m and velocities (n, 3) m/s."""
    state = erfa.moon98(*tt_days(epoch, seconds - _LIGHT_TIME_S))
    velocity = np.asarray(state["v"], dtype=np.float64) * (ASTRONOMICAL_UNIT_M / 86_400.0)
    return np.asarray(state["p"], dtype=np.float64) * ASTRONOMICAL_UNIT_M, velocity
