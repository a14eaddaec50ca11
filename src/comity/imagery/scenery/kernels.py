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
#: amplitude, lattice seed.
COLUMNS = ("cos", "sin", "per_m", "x0", "y0", "cell_x", "cell_y", "amplitude", "seed")

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
            c, s, k = F(octaves[o, 0]), F(octaves[o, 1]), F(octaves[o, 2])
            x0, y0 = F(octaves[o, 3]), F(octaves[o, 4])
            bx, by = np.int32(octaves[o, 5]), np.int32(octaves[o, 6])
            a, seed = F(octaves[o, 7]), np.uint32(octaves[o, 8])
            for j in range(cols):
                x = (c * u[i, j] - s * v[i, j]) * k + x0
                y = (s * u[i, j] + c * v[i, j]) * k + y0
                out[i, j] += a * _noise(x, y, bx, by, seed)[0]
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
            a, seed = F(octaves[o, 7]), np.uint32(octaves[o, 8])
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
            a, seed = F(gullies[o, 7]), np.uint32(gullies[o, 8])
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
                bed = max(F(-0.35) - wave, F(0.0)) * F(1.55) * min(lean * F(25.0), F(1.0))
                channel[i, j] = max(channel[i, j], bed * a)
    return height, channel


@_jit
def enlarge(coarse, step, row0, col0, rows, cols, pitch):  # type: ignore[no-untyped-def]
    """Bilinear samples, (rows, cols), of a grid whose node (i, j) stands at (i·step, j·step) pixels.

    Sample (i, j) is taken at (row0 + i·pitch, col0 + j·pitch) pixels, all as fractions of a pixel from
    the corner of node (0, 0); outside the grid its edge goes on.
    """
    out = np.empty((rows, cols), np.float32)
    last_i, last_j = coarse.shape[0] - 2, coarse.shape[1] - 2
    where = np.empty(cols, np.int32)
    part = np.empty(cols, np.float32)
    for j in range(cols):
        x = min(max((col0 + j * pitch) / step, 0.0), last_j + 1.0)
        where[j] = min(int(x), last_j)
        part[j] = F(x - where[j])
    line = np.empty(coarse.shape[1], np.float32)
    for i in range(rows):
        y = min(max((row0 + i * pitch) / step, 0.0), last_i + 1.0)
        iy = min(int(y), last_i)
        ty = F(y - iy)
        for j in range(coarse.shape[1]):
            line[j] = coarse[iy, j] + ty * (coarse[iy + 1, j] - coarse[iy, j])
        for j in range(cols):
            left = line[where[j]]
            out[i, j] = left + part[j] * (line[where[j] + 1] - left)
    return out


@_jit
def smoothstep(low, per_unit, x):  # type: ignore[no-untyped-def]
    """3t² − 2t³ of t = (x − low)·per_unit cut to 0…1; ``x`` (rows, cols)."""
    rows, cols = x.shape
    out = np.empty((rows, cols), np.float32)
    for i in range(rows):
        for j in range(cols):
            t = min(max((x[i, j] - low) * per_unit, F(0.0)), F(1.0))
            out[i, j] = t * t * (F(3.0) - F(2.0) * t)
    return out


@_jit
def patchwork(u, v, u0, v0, weight, pixel, district, length, width, border, seed):  # type: ignore[no-untyped-def]
    """Parcels of land at (u0 + u, v0 + v): districts, each with its own grid of rectangles.

    Districts are the Voronoi cells of jittered points ``district`` metres apart; inside, rectangles
    about ``length`` × ``width`` lie at the district's own angle, rows shifted against each other.
    Computed only where ``weight`` ≥ 0.02. Returns two tones of the parcel (0…1, even) and the part of a
    pixel ``pixel`` metres wide that a border strip ``border`` metres wide covers (0…1).
    """
    rows, cols = u.shape
    first = np.zeros((rows, cols), np.float32)
    second = np.zeros((rows, cols), np.float32)
    edge = np.zeros((rows, cols), np.float32)
    per_u16 = 1.0 / 65535.0
    thin = min(border / pixel, 1.0)
    for i in range(rows):
        for j in range(cols):
            if weight[i, j] < F(0.02):
                continue
            east = u0 + u[i, j]
            north = v0 + v[i, j]
            x = east / district
            y = north / district
            cell_x = np.int32(np.floor(x))
            cell_y = np.int32(np.floor(y))
            best = 1e9
            next_best = 1e9
            mark = np.uint32(0)
            for p in range(-1, 2):
                for q in range(-1, 2):
                    h = _hash(cell_x + np.int32(q), cell_y + np.int32(p), seed)
                    jx, jy = _gradient(h)
                    ax = x - (cell_x + q) - 0.5 - 0.45 * jx
                    ay = y - (cell_y + p) - 0.5 - 0.45 * jy
                    d = ax * ax + ay * ay
                    if d < best:
                        next_best = best
                        best = d
                        mark = h
                    elif d < next_best:
                        next_best = d
            angle = np.int32(mark & np.uint32(0xFFFF)) * per_u16 * 3.1415927
            stretch = 0.7 + 0.6 * np.int32(mark >> np.uint32(16)) * per_u16
            c, s = np.cos(angle), np.sin(angle)
            a = (c * east - s * north) / (width * stretch)
            row = np.floor(a)
            shift = _hash(np.int32(row), np.int32(7), mark)
            b = (s * east + c * north) / (length * stretch) + np.int32(shift & np.uint32(0xFFFF)) * per_u16
            piece = np.floor(b)
            tone = _hash(np.int32(row), np.int32(piece), mark)
            first[i, j] = np.int32(tone & np.uint32(0xFFFF)) * per_u16
            second[i, j] = np.int32(tone >> np.uint32(16)) * per_u16
            da = (0.5 - abs(a - row - 0.5)) * width * stretch
            db = (0.5 - abs(b - piece - 0.5)) * length * stretch
            # Districts meet at a broader strip.
            dd = (np.sqrt(next_best) - np.sqrt(best)) * district * 0.3
            cover = (border * 0.5 - min(min(da, db), dd)) / pixel + 0.5
            edge[i, j] = min(max(cover, 0.0), 1.0) * thin
    return first, second, edge
