"""Centres of HEALPix pixels in ring order.

Górski et al., "HEALPix: A framework for high-resolution discretization", ApJ 622 (2005) 759, §5.1,
equations 2 to 9 and their mirror in the south.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from comity.core import InputError

FloatArray = NDArray[np.float64]

#: Finest resolution: 8192 has 805 million pixels, more than any run here can hold.
MAX_NSIDE = 8192


def pixel_centres(nside: int) -> tuple[FloatArray, FloatArray]:
    """z = sin(latitude on the sphere) and longitude (rad, 0 … 2π), each (12·nside²,).

    Raises :class:`InputError` when ``nside`` is not a whole number from 1 to 8192 (any, not only powers
    of two: ring order needs no hierarchy).
    """
    if not 1 <= nside <= MAX_NSIDE or int(nside) != nside:
        raise InputError(f"HEALPix nside {nside} is not a whole number from 1 to {MAX_NSIDE}")
    n = int(nside)
    cap = np.arange(1, n, dtype=np.int64)  # rings of the north polar cap: 4i pixels each
    ring = np.repeat(cap, 4 * cap)
    j = np.arange(len(ring)) - 2 * ring * (ring - 1) + 1
    z_cap = 1.0 - ring * ring / (3.0 * n * n)
    lon_cap = np.pi / 2.0 * (j - 0.5) / ring
    belt = np.repeat(np.arange(n, 3 * n + 1, dtype=np.int64), 4 * n)
    k = np.tile(np.arange(1, 4 * n + 1, dtype=np.int64), 2 * n + 1)
    # Equation 9 has j − s/2; the library and every map made with it have the even rings one pixel on.
    shift = np.where((belt - n) % 2 == 1, 1.0, 0.5)
    z_belt = (4 * n - 2 * belt) / (3.0 * n)
    lon_belt = np.pi / 2.0 * (k - shift) / n
    south = np.repeat(cap[::-1], 4 * cap[::-1])
    # The last rings: the same as the first, seen in a mirror; pixels run eastward in both.
    first = np.cumsum(np.concatenate([[0], 4 * cap[::-1]]))[:-1]
    j = np.arange(len(south)) - np.repeat(first, 4 * cap[::-1]) + 1
    z_south = -(1.0 - south * south / (3.0 * n * n))
    lon_south = np.pi / 2.0 * (j - 0.5) / south
    return (
        np.concatenate([z_cap, z_belt, z_south]),
        np.concatenate([lon_cap, lon_belt, lon_south]),
    )
