"""Octaves of ground noise, the same for the same ground in every image.

Noise coordinates are metres on a conformal map of the world (Mercator to 75° from the equator, polar
stereographic beyond), so that patterns keep their shape everywhere. An image sees all octaves that its
pixels can show.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from comity.imagery.scenery import kernels

EARTH_RADIUS_M = 6_378_137.0
#: From this latitude of an image's centre on its noise lives on the polar map.
POLAR_FROM_DEG = 75.0
# Turning each octave by the golden angle keeps lattice directions from adding up.
_GOLDEN = math.pi * (3.0 - math.sqrt(5.0))


@dataclass(frozen=True, slots=True)
class NoiseFrame:
    """The noise map around one image: its origin (m) there, and map metres per metre of ground."""

    polar: bool
    south: bool
    u0: float
    v0: float
    stretch: float

    def position(
        self, lon: NDArray[np.float64], lat: NDArray[np.float64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Map metres from the frame's origin of lon, lat (degrees, continuous)."""
        u, v = _world(self.polar, self.south, np.radians(lon), np.radians(lat))
        return (u - self.u0).astype(np.float32), (v - self.v0).astype(np.float32)


def noise_frame(lon_deg: float, lat_deg: float) -> NoiseFrame:
    """The frame for an image centred there."""
    polar, south = abs(lat_deg) > POLAR_FROM_DEG, lat_deg < 0
    u0, v0 = _world(polar, south, np.radians(np.array(lon_deg)), np.radians(np.array(lat_deg)))
    phi = math.radians(lat_deg)
    stretch = 2.0 / (1.0 + math.sin(abs(phi))) if polar else 1.0 / math.cos(phi)
    return NoiseFrame(polar, south, float(u0), float(v0), stretch)


def _world(
    polar: bool, south: bool, lon: NDArray[np.float64], lat: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if polar:
        sign = -1.0 if south else 1.0
        r = 2.0 * EARTH_RADIUS_M * np.tan(np.pi / 4 - sign * lat / 2)
        return r * np.sin(lon), -sign * r * np.cos(lon)
    phi = np.clip(lat, -1.54, 1.54)
    return EARTH_RADIUS_M * lon, EARTH_RADIUS_M * np.arctanh(np.sin(phi))


def octaves(
    frame: NoiseFrame,
    key: str,
    *,
    coarsest_m: float,
    finest_m: float,
    gain: float,
    amplitude: float = 1.0,
) -> NDArray[np.float64]:
    """An octave table for :mod:`comity.imagery.scenery.kernels`, coarse to fine, spacing halved each time.

    ``key`` names the lattice (it carries the seed). ``coarsest_m``: spacing of the first octave, map
    metres. Octaves end at ``finest_m`` (map metres, what the grid can show); the last fades in so that
    nothing flickers between pixel sizes. Octave n has amplitude ``amplitude · gain^n``.
    """
    rows = []
    for n in range(40):
        spacing = coarsest_m / 2.0**n
        fade = min(1.0, spacing / finest_m - 1.0)
        if fade <= 0.0:
            break
        digest = hashlib.sha256(f"{key}/{n}".encode()).digest()
        words = np.frombuffer(digest[:12], "<u4").astype(np.int64)
        turn = 0.5 + n * _GOLDEN
        c, s = math.cos(turn), math.sin(turn)
        x = (c * frame.u0 - s * frame.v0) / spacing + float(words[1]) / 2**20
        y = (s * frame.u0 + c * frame.v0) / spacing + float(words[2]) / 2**20
        rows.append(
            (
                c,
                s,
                1.0 / spacing,
                x - math.floor(x),
                y - math.floor(y),
                math.floor(x),
                math.floor(y),
                amplitude * gain**n * fade,
                float(words[0]),
            )
        )
    return np.array(rows, np.float64).reshape(-1, len(kernels.COLUMNS))
