"""Compiled: lines of sight of a moving camera, and the ground they meet.

A camera is a row of numbers (see :data:`CAMERA`): focal-plane coordinates divided by the focal length and
time, each linear in row or column, so that a pushbroom, a frame and a rolling shutter are one formula. The
platform is a piecewise cubic in position and quaternion, Earth-fixed.

Light is followed along axes that coincide with the Earth's at the row's time but do not turn: aberration by
the camera's velocity over these, and the ground as it lay when the light left it.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

from comity.orbits.earth import ROTATION_RATE

Floats = NDArray[np.float64]

#: What the numbers of a camera are. Focal plane x (along +X of the camera) = x0 + x_row · row, y (along +Y) =
#: y0 + y_column · column, both over the focal length; time (s) = t0 + t_row · row. ``k*``, ``p*``: lens.
#: ``per_c``: 1/c for lines of sight with aberration, else 0. ``m*``: camera → body, row by row. The
#: limits are those of columns and rows that are told; outside is NaN.
CAMERA = (
    *("x0", "x_row", "y0", "y_column", "t0", "t_row"),
    *("k1", "k2", "k3", "p1", "p2", "per_c"),
    *("m00", "m01", "m02", "m10", "m11", "m12", "m20", "m21", "m22"),
    *("column_low", "column_high", "row_low", "row_high"),
)

_A = 6_378_137.0
_F = 1.0 / 298.257223563
_B = _A * (1.0 - _F)
_E2 = _F * (2.0 - _F)
_EP2 = _E2 / (1.0 - _E2)
_MOST_STEPS = 30


@numba.njit(cache=True, nogil=True)
def _ideal(x: float, y: float, camera: Floats) -> tuple[float, float]:
    """Undistorted focal-plane coordinates of measured ones (Brown 1966)."""
    k1, k2, k3, p1, p2 = camera[6], camera[7], camera[8], camera[9], camera[10]
    if k1 == 0.0 and k2 == 0.0 and k3 == 0.0 and p1 == 0.0 and p2 == 0.0:
        return x, y
    r2 = x * x + y * y
    radial = r2 * (k1 + r2 * (k2 + r2 * k3))
    return (
        x + x * radial + p1 * (r2 + 2.0 * x * x) + 2.0 * p2 * x * y,
        y + y * radial + p2 * (r2 + 2.0 * y * y) + 2.0 * p1 * x * y,
    )


@numba.njit(cache=True, nogil=True)
def _measured(x: float, y: float, camera: Floats) -> tuple[float, float]:
    """Inverse of :func:`_ideal`, by repeated correction; NaN where that does not settle."""
    u, v = x, y
    for _ in range(60):
        xi, yi = _ideal(u, v, camera)
        du, dv = x - xi, y - yi
        u += du
        v += dv
        if abs(du) + abs(dv) < 1e-13:
            return u, v
    return math.nan, math.nan


@numba.njit(cache=True, nogil=True)
def _pose(
    t: float, knots: Floats, cubics: Floats
) -> tuple[float, float, float, float, float, float, float, float, float, float]:
    """Position (m), velocity (m/s) and unit quaternion (x, y, z, w) at t; ``cubics``: highest power first."""
    low, high = 0, knots.size - 1
    while high - low > 1:
        middle = (low + high) // 2
        if knots[middle] <= t:
            low = middle
        else:
            high = middle
    s = t - knots[low]
    c = cubics[low]
    px = ((c[0, 0] * s + c[1, 0]) * s + c[2, 0]) * s + c[3, 0]
    py = ((c[0, 1] * s + c[1, 1]) * s + c[2, 1]) * s + c[3, 1]
    pz = ((c[0, 2] * s + c[1, 2]) * s + c[2, 2]) * s + c[3, 2]
    vx = (3.0 * c[0, 0] * s + 2.0 * c[1, 0]) * s + c[2, 0]
    vy = (3.0 * c[0, 1] * s + 2.0 * c[1, 1]) * s + c[2, 1]
    vz = (3.0 * c[0, 2] * s + 2.0 * c[1, 2]) * s + c[2, 2]
    qx = ((c[0, 3] * s + c[1, 3]) * s + c[2, 3]) * s + c[3, 3]
    qy = ((c[0, 4] * s + c[1, 4]) * s + c[2, 4]) * s + c[3, 4]
    qz = ((c[0, 5] * s + c[1, 5]) * s + c[2, 5]) * s + c[3, 5]
    qw = ((c[0, 6] * s + c[1, 6]) * s + c[2, 6]) * s + c[3, 6]
    n = 1.0 / math.sqrt(qx * qx + qy * qy + qz * qz + qw * qw)
    return px, py, pz, vx, vy, vz, qx * n, qy * n, qz * n, qw * n


@numba.njit(cache=True, nogil=True)
def _turn(
    qx: float, qy: float, qz: float, qw: float, x: float, y: float, z: float
) -> tuple[float, float, float]:
    """The vector turned by a unit quaternion."""
    tx = 2.0 * (qy * z - qz * y)
    ty = 2.0 * (qz * x - qx * z)
    tz = 2.0 * (qx * y - qy * x)
    return (
        x + qw * tx + qy * tz - qz * ty,
        y + qw * ty + qz * tx - qx * tz,
        z + qw * tz + qx * ty - qy * tx,
    )


@numba.njit(cache=True, nogil=True)
def _geodetic(x: float, y: float, z: float) -> tuple[float, float, float]:
    """Longitude, latitude (rad), height (m): Bowring 1976, twice (below 1e-8 m up to 10 km)."""
    p = math.sqrt(x * x + y * y)
    beta = math.atan2(_A * z, _B * p)
    lat = 0.0
    for _ in range(2):
        s, c = math.sin(beta), math.cos(beta)
        lat = math.atan2(z + _EP2 * _B * s * s * s, p - _E2 * _A * c * c * c)
        beta = math.atan2(_B * math.sin(lat), _A * math.cos(lat))
    s, c = math.sin(lat), math.cos(lat)
    n = _A / math.sqrt(1.0 - _E2 * s * s)
    return math.atan2(y, x), lat, p * c + z * s - _A * _A / n


@numba.njit(cache=True, nogil=True)
def _sight(
    column: float, row: float, knots: Floats, cubics: Floats, camera: Floats
) -> tuple[float, float, float, float, float, float]:
    """Where the camera is (m) and the way light came (unit), Earth-fixed; NaN outside its limits."""
    nan = math.nan
    if not (camera[21] <= column <= camera[22] and camera[23] <= row <= camera[24]):
        return nan, nan, nan, nan, nan, nan
    t = camera[4] + camera[5] * row
    px, py, pz, vx, vy, vz, qx, qy, qz, qw = _pose(t, knots, cubics)
    x, y = _ideal(camera[0] + camera[1] * row, camera[2] + camera[3] * column, camera)
    ux, uy, uz = _turn(
        qx,
        qy,
        qz,
        qw,
        camera[12] * x + camera[13] * y + camera[14],
        camera[15] * x + camera[16] * y + camera[17],
        camera[18] * x + camera[19] * y + camera[20],
    )
    n = 1.0 / math.sqrt(ux * ux + uy * uy + uz * uz)
    ux = ux * n - (vx - ROTATION_RATE * py) * camera[11]
    uy = uy * n - (vy + ROTATION_RATE * px) * camera[11]
    uz = uz * n - vz * camera[11]
    n = 1.0 / math.sqrt(ux * ux + uy * uy + uz * uz)
    return px, py, pz, ux * n, uy * n, uz * n


@numba.njit(cache=True, nogil=True)
def sight_lines(
    column: Floats, row: Floats, knots: Floats, cubics: Floats, camera: Floats, out: Floats
) -> None:
    """Lines of sight of (n,) pixels into ``out`` (n, 6): position (m), direction (unit)."""
    for i in range(column.size):
        px, py, pz, ux, uy, uz = _sight(column[i], row[i], knots, cubics, camera)
        out[i, 0], out[i, 1], out[i, 2] = px, py, pz
        out[i, 3], out[i, 4], out[i, 5] = ux, uy, uz


@numba.njit(cache=True, nogil=True)
def _meet(
    px: float, py: float, pz: float, ux: float, uy: float, uz: float, height: float
) -> tuple[float, float, float]:
    """Longitude, latitude (rad) where a line first meets a height, and how far along it (m), else NaN."""
    nan = math.nan
    a, b = 1.0 / (_A + height), 1.0 / (_B + height)
    sx, sy, sz = px * a, py * a, pz * b
    dx, dy, dz = ux * a, uy * a, uz * b
    dd = dx * dx + dy * dy + dz * dz
    half = sx * dx + sy * dy + sz * dz
    root = half * half - dd * (sx * sx + sy * sy + sz * sz - 1.0)
    if not (root >= 0.0 and half < 0.0):
        return nan, nan, nan
    along = (-half - math.sqrt(root)) / dd
    # surfaces of one height are ellipsoids only nearly: a step or two along the line is left
    for _ in range(8):
        x, y, z = px + along * ux, py + along * uy, pz + along * uz
        lon, lat, h = _geodetic(x, y, z)
        c = math.cos(lat)
        falling = c * (math.cos(lon) * ux + math.sin(lon) * uy) + math.sin(lat) * uz
        if falling >= -1e-6:
            return nan, nan, nan
        step = (height - h) / falling
        along += step
        if abs(step) < 1e-6:
            x, y, z = px + along * ux, py + along * uy, pz + along * uz
            lon, lat, h = _geodetic(x, y, z)
            return lon, lat, along
    return nan, nan, nan


@numba.njit(cache=True, nogil=True)
def locate_points(
    column: Floats,
    row: Floats,
    height: Floats,
    knots: Floats,
    cubics: Floats,
    camera: Floats,
    lon: Floats,
    lat: Floats,
) -> None:
    """Longitude, latitude (deg) of (n,) pixels at their heights (m), into ``lon``, ``lat``."""
    degree = 180.0 / math.pi
    for i in range(column.size):
        px, py, pz, ux, uy, uz = _sight(column[i], row[i], knots, cubics, camera)
        if math.isnan(px) or not math.isfinite(height[i]):
            lon[i] = lat[i] = math.nan
            continue
        x, y, far = _meet(px, py, pz, ux, uy, uz, height[i])
        x += ROTATION_RATE * far * camera[11]  # the Earth has turned since the light left it
        if x > math.pi:
            x -= 2.0 * math.pi
        lon[i], lat[i] = x * degree, y * degree


@numba.njit(cache=True, nogil=True)
def _seen(
    t: float, gx: float, gy: float, gz: float, knots: Floats, cubics: Floats, camera: Floats
) -> tuple[float, float, float]:
    """Measured focal-plane coordinates of an Earth-fixed point at t, and cosine of its angle to the axis."""
    px, py, pz, vx, vy, vz, qx, qy, qz, qw = _pose(t, knots, cubics)
    dx, dy, dz = gx - px, gy - py, gz - pz
    far = math.sqrt(dx * dx + dy * dy + dz * dz)
    if camera[11] > 0.0:
        for _ in range(2):  # the ground as it lay when the light left it
            turn = ROTATION_RATE * far * camera[11]
            dx = gx + turn * gy - 0.5 * turn * turn * gx - px
            dy = gy - turn * gx - 0.5 * turn * turn * gy - py
            far = math.sqrt(dx * dx + dy * dy + dz * dz)
    ux, uy, uz = dx / far, dy / far, dz / far
    if camera[11] > 0.0:
        # u ∝ apparent − v/c is what _sight makes: apparent = s·u + v/c with s so that it is of unit length
        wx, wy = (vx - ROTATION_RATE * py) * camera[11], (vy + ROTATION_RATE * px) * camera[11]
        wz = vz * camera[11]
        uw = ux * wx + uy * wy + uz * wz
        s = -uw + math.sqrt(uw * uw + 1.0 - (wx * wx + wy * wy + wz * wz))
        ux, uy, uz = s * ux + wx, s * uy + wy, s * uz + wz
    bx, by, bz = _turn(-qx, -qy, -qz, qw, ux, uy, uz)
    x = camera[12] * bx + camera[15] * by + camera[18] * bz
    y = camera[13] * bx + camera[16] * by + camera[19] * bz
    z = camera[14] * bx + camera[17] * by + camera[20] * bz
    if z < 1e-3:
        return math.nan, math.nan, z
    x, y = _measured(x / z, y / z, camera)
    return x, y, z


@numba.njit(cache=True, nogil=True)
def _project(
    gx: float,
    gy: float,
    gz: float,
    start: float,
    knots: Floats,
    cubics: Floats,
    camera: Floats,
) -> tuple[float, float]:
    """Column and row of an Earth-fixed point (m), by the secant method over time from ``start`` (s)."""
    x0, x_row, y0, y_column, t0, t_row = camera[0], camera[1], camera[2], camera[3], camera[4], camera[5]
    if t_row == 0.0:
        x, y, _ = _seen(t0, gx, gy, gz, knots, cubics, camera)
        return (y - y0) / y_column, (x - x0) / x_row
    slope_of_line = x_row / t_row
    low = t0 + t_row * camera[23]
    high = t0 + t_row * camera[24]
    reach = 0.5 * (high - low)
    t = start
    x, y, _ = _seen(t, gx, gy, gz, knots, cubics, camera)
    miss = x - x0 - slope_of_line * (t - t0)
    before = t + 1e-3 * reach
    x, y, _ = _seen(before, gx, gy, gz, knots, cubics, camera)
    miss_before = x - x0 - slope_of_line * (before - t0)
    for _ in range(_MOST_STEPS):
        change = miss - miss_before
        if not abs(change) > 0.0:
            return math.nan, math.nan
        step = -miss * (t - before) / change
        if not abs(step) < 50.0 * (high - low):
            return math.nan, math.nan
        before, miss_before = t, miss
        t = min(max(t + step, low - reach), high + reach)
        x, y, _ = _seen(t, gx, gy, gz, knots, cubics, camera)
        miss = x - x0 - slope_of_line * (t - t0)
        if abs(step) < 1e-7 * t_row or miss == 0.0:
            return (y - y0) / y_column, (t - t0) / t_row
        if t == before:
            return math.nan, math.nan  # held at the end of what is known
    return math.nan, math.nan


@numba.njit(cache=True, nogil=True)
def project_points(
    lon: Floats,
    lat: Floats,
    height: Floats,
    knots: Floats,
    cubics: Floats,
    camera: Floats,
    column: Floats,
    row: Floats,
) -> None:
    """Columns and rows of (n,) ground points (deg, deg, m), into ``column``, ``row``; NaN where not seen."""
    radian = math.pi / 180.0
    low, high = camera[4] + camera[5] * camera[23], camera[4] + camera[5] * camera[24]
    middle = 0.5 * (low + high)
    start = middle
    mx, my, mz, _, _, _, _, _, _, _ = _pose(middle, knots, cubics)
    for i in range(lon.size):
        column[i] = row[i] = math.nan
        if not (math.isfinite(lon[i]) and math.isfinite(lat[i]) and math.isfinite(height[i])):
            continue
        s, c = math.sin(lat[i] * radian), math.cos(lat[i] * radian)
        ex, ey = c * math.cos(lon[i] * radian), c * math.sin(lon[i] * radian)
        n = _A / math.sqrt(1.0 - _E2 * s * s)
        gx, gy = (n + height[i]) * ex, (n + height[i]) * ey
        gz = (n * (1.0 - _E2) + height[i]) * s
        # only points that look up at the camera can be seen by it
        if (mx - gx) * ex + (my - gy) * ey + (mz - gz) * s <= 0.0:
            continue
        u, v = _project(gx, gy, gz, start, knots, cubics, camera)
        if math.isnan(v) and start != middle:
            u, v = _project(gx, gy, gz, middle, knots, cubics, camera)
        if camera[21] <= u <= camera[22] and camera[23] <= v <= camera[24]:
            column[i], row[i] = u, v
            start = camera[4] + camera[5] * v  # neighbours in the list are mostly neighbours in the image


@numba.njit(cache=True, nogil=True)
def triangle(matrix: Floats) -> None:
    """Turn (m, n) m ≥ n into the R of its QR decomposition, in place in its first n rows (Householder).

    A tall matrix goes through LAPACK's threads, which on a busy machine wait for each other for seconds.
    """
    rows, columns = matrix.shape
    for k in range(columns):
        norm = 0.0
        for i in range(k, rows):
            norm += matrix[i, k] * matrix[i, k]
        norm = math.sqrt(norm)
        if norm == 0.0:
            continue
        if matrix[k, k] > 0.0:
            norm = -norm
        head = matrix[k, k] - norm
        # the reflection's vector is (head, what stands below), its length² −2 · norm · head
        scale = -1.0 / (norm * head)
        for j in range(k + 1, columns):
            along = head * matrix[k, j]
            for i in range(k + 1, rows):
                along += matrix[i, k] * matrix[i, j]
            along *= scale
            matrix[k, j] -= along * head
            for i in range(k + 1, rows):
                matrix[i, j] -= along * matrix[i, k]
        matrix[k, k] = norm
        for i in range(k + 1, rows):
            matrix[i, k] = 0.0
