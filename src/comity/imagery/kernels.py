"""Compiled loops of the simulated scene: gradient noise, terrain, parcels, resampling, composition.

Noise is a function of ground coordinates (metres on a conformal world map) and of a seed, never of
the pixel grid, so that overlapping images show the same ground. Each octave is gradient noise after
Perlin (Improving Noise, SIGGRAPH 2002) on a hashed lattice, turned by its own angle so that no lattice
direction shows. All arrays are float32 unless stated; every function releases the GIL.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float32]
F = np.float32

#: Columns of an octave table, float64: one row per octave, coarse to fine.
#: turn (cos, sin), 1/spacing (1/m), lattice origin of (u, v) = (0, 0) as fractions and whole cells,
#: amplitude, kind (0 smooth, 1 ridged, 2 billowed), lattice seed.
COLUMNS = ("cos", "sin", "per_m", "x0", "y0", "cell_x", "cell_y", "amplitude", "kind", "seed")

_jit: Any = njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
_inline: Any = njit(cache=True, nogil=True, fastmath=True, error_model="numpy", inline="always")


@_inline
def _hash(ix, iy, seed):  # type: ignore[no-untyped-def]
    """32 well-mixed bits of a lattice point (the finaliser of MurmurHash3)."""
    h = np.uint32(np.uint32(ix) * np.uint32(0x9E3779B1)) ^ np.uint32(np.uint32(iy) * np.uint32(0x85EBCA77))
    h = np.uint32(h ^ seed)
    h = np.uint32(np.uint32(h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B))
    h = np.uint32(np.uint32(h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35))
    return np.uint32(h ^ (h >> np.uint32(16)))


@_inline
def _gradient(h):  # type: ignore[no-untyped-def]
    return (
        F(np.int32(h & np.uint32(0xFFFF))) * F(1.0 / 32768.0) - F(1.0),
        F(np.int32(h >> np.uint32(16))) * F(1.0 / 32768.0) - F(1.0),
    )


@_inline
def _noise(x, y, bx, by, seed):  # type: ignore[no-untyped-def]
    """Gradient noise and its two derivatives at lattice position (bx + x, by + y); about ±0.7."""
    fx = np.floor(x)
    fy = np.floor(y)
    ix = np.int32(fx) + bx
    iy = np.int32(fy) + by
    x = x - fx
    y = y - fy
    one = np.int32(1)
    ax, ay = _gradient(_hash(ix, iy, seed))
    cx, cy = _gradient(_hash(ix + one, iy, seed))
    ex, ey = _gradient(_hash(ix, iy + one, seed))
    gx, gy = _gradient(_hash(ix + one, iy + one, seed))
    x1 = x - F(1.0)
    y1 = y - F(1.0)
    va = ax * x + ay * y
    vb = cx * x1 + cy * y
    vc = ex * x + ey * y1
    vd = gx * x1 + gy * y1
    wx = x * x * x * (x * (x * F(6.0) - F(15.0)) + F(10.0))
    wy = y * y * y * (y * (y * F(6.0) - F(15.0)) + F(10.0))
    dwx = F(30.0) * x * x * x1 * x1
    dwy = F(30.0) * y * y * y1 * y1
    k1 = vb - va
    k2 = vc - va
    k3 = va - vb - vc + vd
    n = va + wx * k1 + wy * k2 + wx * wy * k3
    dx = ax + wx * (cx - ax) + wy * (ex - ax) + wx * wy * (ax - cx - ex + gx) + dwx * (k1 + wy * k3)
    dy = ay + wx * (cy - ay) + wy * (ey - ay) + wx * wy * (ay - cy - ey + gy) + dwy * (k2 + wx * k3)
    return n, dx, dy


@_jit
def fbm(u, v, octaves):  # type: ignore[no-untyped-def]
    """Sum of the octaves' amplitude × noise at (u, v) metres; shape of ``u``."""
    rows, cols = u.shape
    out = np.zeros((rows, cols), np.float32)
    for i in range(rows):
        for o in range(octaves.shape[0]):
            c, s, k, x0, y0 = F(octaves[o, 0]), F(octaves[o, 1]), F(octaves[o, 2]), F(octaves[o, 3]), F(octaves[o, 4])
            bx, by = np.int32(octaves[o, 5]), np.int32(octaves[o, 6])
            a, kind, seed = F(octaves[o, 7]), octaves[o, 8], np.uint32(octaves[o, 9])
            if kind == 0.0:
                for j in range(cols):
                    x = (c * u[i, j] - s * v[i, j]) * k + x0
                    y = (s * u[i, j] + c * v[i, j]) * k + y0
                    out[i, j] += a * _noise(x, y, bx, by, seed)[0]
            else:
                sign = F(1.0) if kind == 2.0 else F(-1.0)
                for j in range(cols):
                    x = (c * u[i, j] - s * v[i, j]) * k + x0
                    y = (s * u[i, j] + c * v[i, j]) * k + y0
                    out[i, j] += a * sign * (F(2.0) * abs(_noise(x, y, bx, by, seed)[0]) - F(0.45))
    return out


@_inline
def _sin_cos_turns(t):  # type: ignore[no-untyped-def]
    """Sine and cosine of ``t`` whole turns to 2e-4, as polynomials that vectorise."""
    t = t - np.floor(t + F(0.5))
    x = t * t
    c = F(1.0) + x * (F(-19.7391) + x * (F(64.9332) + x * (F(-85.2960) + x * (F(58.9126) + x * F(-21.2830)))))
    s = t * (F(6.28316) + x * (F(-41.3371) + x * (F(81.3407) + x * (F(-74.6707) + x * F(33.1681)))))
    return s, c


@_jit
def terrain(u, v, ground, gx, gy, rough, octaves, gullies, depth):  # type: ignore[no-untyped-def]
    """Relief at (u, v): the known ground with hills and gullies that run down its slopes.

    ``ground`` (m) is the measured relief with its gradients ``gx``, ``gy`` (per map metre), ``rough``
    (m) the scatter of real heights nearby, which scales the hills (``octaves``). Gullies: in each
    lattice cell waves run across the slope, so that their troughs lead downhill; finer ones follow
    the slopes of coarser ones, which gives branching valleys (the erosion noise of C. John and
    R. S. Johansen, in our own form). ``depth`` is a gully's side slope as a part of the slope it cuts.

    Returns height (m), the slope's two components before the two finest scales, and channel, 0…1 in
    the bed of a gully. All have the shape of ``u``.
    """
    rows, cols = u.shape
    height = np.empty((rows, cols), np.float32)
    channel = np.empty((rows, cols), np.float32)
    sx = np.empty(cols, np.float32)
    sy = np.empty(cols, np.float32)
    two_pi = F(6.2831853)
    for i in range(rows):
        for j in range(cols):
            sx[j] = gx[i, j]
            sy[j] = gy[i, j]
            height[i, j] = ground[i, j]
            channel[i, j] = F(0.0)
        for o in range(octaves.shape[0]):
            c, s, k = F(octaves[o, 0]), F(octaves[o, 1]), F(octaves[o, 2])
            x0, y0 = F(octaves[o, 3]), F(octaves[o, 4])
            bx, by = np.int32(octaves[o, 5]), np.int32(octaves[o, 6])
            a, seed = F(octaves[o, 7]), np.uint32(octaves[o, 9])
            for j in range(cols):
                x = (c * u[i, j] - s * v[i, j]) * k + x0
                y = (s * u[i, j] + c * v[i, j]) * k + y0
                n, dx, dy = _noise(x, y, bx, by, seed)
                w = a * rough[i, j]
                height[i, j] += w * n
                sx[j] += w * k * (c * dx + s * dy)
                sy[j] += w * k * (c * dy - s * dx)
        for o in range(gullies.shape[0]):
            c, s, k = F(gullies[o, 0]), F(gullies[o, 1]), F(gullies[o, 2])
            x0, y0 = F(gullies[o, 3]), F(gullies[o, 4])
            bx, by = np.int32(gullies[o, 5]), np.int32(gullies[o, 6])
            a, seed = F(gullies[o, 7]), np.uint32(gullies[o, 9])
            for j in range(cols):
                x = (c * u[i, j] - s * v[i, j]) * k + x0
                y = (s * u[i, j] + c * v[i, j]) * k + y0
                # Direction across the slope, in the turned frame of the lattice.
                steep = np.sqrt(sx[j] * sx[j] + sy[j] * sy[j]) + F(1e-6)
                ex = -(s * sx[j] + c * sy[j]) / steep
                ey = (c * sx[j] - s * sy[j]) / steep
                fx = np.floor(x)
                fy = np.floor(y)
                ix = np.int32(fx) + bx
                iy = np.int32(fy) + by
                x = x - fx
                y = y - fy
                wave = F(0.0)
                slope = F(0.0)
                total = F(1e-6)
                for p in range(-1, 2):
                    for q in range(-1, 2):
                        jx, jy = _gradient(_hash(ix + np.int32(q), iy + np.int32(p), seed))
                        ax = x - F(q) - F(0.5) - F(0.4) * jx
                        ay = y - F(p) - F(0.5) - F(0.4) * jy
                        w = max(F(1.0) - (ax * ax + ay * ay) * F(0.82), F(0.0))
                        w = w * w
                        si, co = _sin_cos_turns(ax * ex + ay * ey)
                        wave += w * co
                        slope -= w * si
                        total += w
                wave = wave / total
                slope = slope / total * two_pi
                # Depth follows the slope it cuts, so that plains stay plain and crests stay sharp.
                lean = min(steep, F(0.6))
                w = a * depth * lean / k
                height[i, j] += w * wave / two_pi
                sx[j] += w * k / two_pi * slope * (c * ex + s * ey)
                sy[j] += w * k / two_pi * slope * (c * ey - s * ex)
                bed = max(F(-0.35) - wave, F(0.0)) * F(1.55) * min(lean * F(12.0), F(1.0))
                channel[i, j] = max(channel[i, j], bed * a)
    return height, channel


@_jit
def enlarge(coarse, step, row0, col0, rows, cols, pitch):  # type: ignore[no-untyped-def]
    """Bilinear samples of a grid whose node (i, j) stands at pixel corner (i·step, j·step).

    The result has one value per ``pitch`` pixels from (row0, col0), at pixel (or cell) centres for
    pitch 1 and at the corners themselves for larger pitches.
    """
    out = np.empty((rows, cols), np.float32)
    half = F(0.5) if pitch == 1 else F(0.0)
    last_i, last_j = coarse.shape[0] - 2, coarse.shape[1] - 2
    for i in range(rows):
        y = (F(row0 + i * pitch) + half) / F(step)
        iy = min(max(int(y), 0), last_i)
        ty = y - F(iy)
        for j in range(cols):
            x = (F(col0 + j * pitch) + half) / F(step)
            ix = min(max(int(x), 0), last_j)
            tx = x - F(ix)
            top = coarse[iy, ix] + tx * (coarse[iy, ix + 1] - coarse[iy, ix])
            low = coarse[iy + 1, ix] + tx * (coarse[iy + 1, ix + 1] - coarse[iy + 1, ix])
            out[i, j] = top + ty * (low - top)
    return out
