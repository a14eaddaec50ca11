"""Compiled preparation of states: how far a sensor reaches in every step, and what bounds the search there.

Between nodes position and nadir are cubic Hermite polynomials, so second derivatives are linear in time
and lie between their values at the two ends: every bound here is one of those polynomials, not an estimate.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

#: Columns of a node: position (m), velocity (m/s), nadir (unit) and its rate (1/s).
NODE = 12
#: Columns of a step: cosine of the reach from the middle; then, for the main limit, the inner cone and the
#: horizon, whether it counts (1 or 0) and bounds of its second derivative (lowest, highest; per s²).
STEP = 10
#: Columns of a sensor: kind; what it is compared with; squared cosine of the inner cone, or −1.
SENSOR = 3
CONE, ELEVATION, SWATH = 0.0, 1.0, 2.0

#: More than the angle between geodetic and geocentric vertical anywhere above ground (rad; 0.1924°).
TILT = 0.0035
_EQUATORIAL = 6_378_137.0
_POLAR = 6_356_752.314245179
_E2 = 0.0066943799901413165
_EP2 = 0.006739496742276434


@numba.njit(cache=True, nogil=True)
def hermite(first: FloatArray, second: FloatArray, step_s: float, out: FloatArray) -> None:
    """Coefficients (4, 6) in u = 0 … 1 of position and nadir between two nodes (12,)."""
    for k in range(3):
        for part in range(2):
            at = 6 * part + k
            v0, v1 = first[at + 3] * step_s, second[at + 3] * step_s
            a, b = second[at] - first[at] - v0, v1 - v0
            out[0, 3 * part + k] = first[at]
            out[1, 3 * part + k] = v0
            out[2, 3 * part + k] = 3.0 * a - b
            out[3, 3 * part + k] = b - 2.0 * a


@numba.njit(cache=True, nogil=True)
def _nadir(node: FloatArray) -> None:
    """Fill in the geodetic nadir and its rate (Bowring 1985, three rounds: 1e-13 rad from any height)."""
    x, y, z = node[0], node[1], node[2]
    p = math.sqrt(x * x + y * y)
    cos_lon, sin_lon = (x / p, y / p) if p > 0.0 else (1.0, 0.0)
    r = math.sqrt(p * p + z * z)
    t = z * (1.0 - _E2) ** 0.5 * (1.0 + _EP2 * _POLAR / r)
    norm = math.sqrt(p * p + t * t)
    sb, cb = t / norm, p / norm
    s, c = 0.0, 1.0
    for _ in range(3):
        up, out = z + _EP2 * _POLAR * sb**3, p - _E2 * _EQUATORIAL * cb**3
        norm = math.sqrt(up * up + out * out)
        s, c = up / norm, out / norm
        t = (1.0 - _E2) ** 0.5 * s
        norm = math.sqrt(t * t + c * c)
        sb, cb = t / norm, c / norm
    w = math.sqrt(1.0 - _E2 * s * s)
    normal = _EQUATORIAL / w
    meridian = normal * (1.0 - _E2) / (w * w)
    height = p * c + z * s - _EQUATORIAL * w
    east = -sin_lon * node[3] + cos_lon * node[4]
    north = -s * cos_lon * node[3] - s * sin_lon * node[4] + c * node[5]
    de, dn = east / (normal + height), north / (meridian + height)
    node[6], node[7], node[8] = -c * cos_lon, -c * sin_lon, -s
    node[9] = sin_lon * de + s * cos_lon * dn
    node[10] = -cos_lon * de + s * sin_lon * dn
    node[11] = -c * dn


@numba.njit(cache=True, nogil=True)
def _norm(x: float, y: float, z: float) -> float:
    return math.sqrt(x * x + y * y + z * z)


@numba.njit(cache=True, nogil=True)
def _along(w: FloatArray, at: int, middle: FloatArray, angle: float) -> tuple[float, float]:
    """Range of w·u over unit vectors u within ``angle`` of ``middle``."""
    length = _norm(w[at], w[at + 1], w[at + 2])
    if length == 0.0:
        return 0.0, 0.0
    cosine = (w[at] * middle[0] + w[at + 1] * middle[1] + w[at + 2] * middle[2]) / length
    between = math.acos(min(1.0, max(-1.0, cosine)))
    return (
        length * math.cos(min(math.pi, between + angle)),
        length * math.cos(max(0.0, between - angle)),
    )


@numba.njit(cache=True, nogil=True)
def _reach(sensor: FloatArray, highest: float) -> float:
    """Central angle (rad) at most between a satellite and a place it sees from ``highest`` m or below."""
    elevation = -TILT
    if sensor[0] == ELEVATION:
        elevation += math.asin(sensor[1])
    horizon = math.acos(min(1.0, _POLAR * math.cos(elevation) / highest)) - elevation
    if sensor[0] == CONE:
        cone = math.acos(math.sqrt(sensor[1])) + TILT
        sine = highest * math.sin(min(cone, 0.5 * math.pi)) / _POLAR
        if sine < 1.0:
            return min(horizon, math.asin(sine) - cone)
    elif sensor[0] == SWATH:
        return min(horizon, float(sensor[1]) / _POLAR + 2.0 * TILT)
    return horizon


@numba.njit(cache=True, nogil=True)
def prepare(
    states: FloatArray, step_s: float, sensor: FloatArray, nodes: FloatArray, middles: FloatArray,
    steps: FloatArray,
) -> tuple[float, float]:  # fmt: skip
    """Make one satellite's states ready; returns its greatest reach (rad) and angular acceleration (rad/s²).

    ``states`` (m, 6) m and m/s, ITRF. Fills ``nodes`` (m, 12), ``middles`` (m − 1, 6): unit vector to the
    satellite half-way through each step and its rate (1/s), and ``steps`` (m − 1, 10); see the columns above.
    A place within the angle whose cosine stands first from that unit vector may be seen during
    the step, no other. The acceleration is of that unit vector, with a quarter to spare.
    """
    count = states.shape[0]
    for k in range(count):
        for j in range(6):
            nodes[k, j] = states[k, j]
        _nadir(nodes[k])
    poly = np.empty((4, 6))
    ends = np.empty((2, 6))
    n0, n1, middle = np.empty(12), np.empty(12), np.empty(3)
    farthest, quickest = 0.0, 0.0
    h = step_s
    for k in range(count - 1):
        hermite(nodes[k], nodes[k + 1], h, poly)
        for j in range(6):
            ends[0, j] = 2.0 * poly[2, j] / (h * h)
            ends[1, j] = (2.0 * poly[2, j] + 6.0 * poly[3, j]) / (h * h)
        mid, rate = n0, n1
        for j in range(6):
            mid[j] = poly[0, j] + 0.5 * (poly[1, j] + 0.5 * (poly[2, j] + 0.5 * poly[3, j]))
            rate[j] = (poly[1, j] + poly[2, j] + 0.75 * poly[3, j]) / h
        r = _norm(mid[0], mid[1], mid[2])
        climb = (mid[0] * rate[0] + mid[1] * rate[1] + mid[2] * rate[2]) / r
        bend = 0.0
        speed2 = rate[0] ** 2 + rate[1] ** 2 + rate[2] ** 2
        fall = 0.0
        for j in range(3):
            middle[j] = mid[j] / r
            fall += middle[j] * 0.5 * (ends[0, j] + ends[1, j])
            middles[k, j] = middle[j]
            middles[k, 3 + j] = (rate[j] - climb * middle[j]) / r
        swing = (speed2 - climb * climb) / r
        for j in range(3):
            # second derivative of r/|r|, with |r|'' = swing + r̂·r''
            bend += (
                (
                    0.5 * (ends[0, j] + ends[1, j])
                    - 2.0 * climb * middles[k, 3 + j]
                    - (swing + fall) * middle[j]
                )
                / r
            ) ** 2
        quickest = max(quickest, math.sqrt(bend))

        a = max(_norm(ends[0, 0], ends[0, 1], ends[0, 2]), _norm(ends[1, 0], ends[1, 1], ends[1, 2]))
        w2 = max(_norm(ends[0, 3], ends[0, 4], ends[0, 5]), _norm(ends[1, 3], ends[1, 4], ends[1, 5]))
        jerk = _norm(ends[1, 0] - ends[0, 0], ends[1, 1] - ends[0, 1], ends[1, 2] - ends[0, 2]) / h
        va = _norm(nodes[k, 3], nodes[k, 4], nodes[k, 5])
        vb = _norm(nodes[k + 1, 3], nodes[k + 1, 4], nodes[k + 1, 5])
        fast, slow = max(va, vb) + 0.5 * a * h, max(0.0, min(va, vb) - 0.5 * a * h)
        w = 0.5 * w2 * h + max(
            _norm(nodes[k, 9], nodes[k, 10], nodes[k, 11]),
            _norm(nodes[k + 1, 9], nodes[k + 1, 10], nodes[k + 1, 11]),
        )
        ra, rb = _norm(nodes[k, 0], nodes[k, 1], nodes[k, 2]), _norm(
            nodes[k + 1, 0], nodes[k + 1, 1], nodes[k + 1, 2]
        )  # fmt: skip
        high, low = max(ra, rb) + a * h * h / 8.0, max(1.0, min(ra, rb) - a * h * h / 8.0)
        half = fast * h / 2.0 / low
        reach = _reach(sensor, high)
        angle = min(math.pi, reach + half + 1e-6)
        farthest = max(farthest, angle)
        steps[k, 0] = math.cos(angle)

        # How far any place in reach is from the satellite, at most and at least (m).
        cosine = math.cos(min(math.pi, angle + half))
        earth = _POLAR if cosine > 0.0 else _EQUATORIAL
        d = math.sqrt(high * high + _EQUATORIAL**2 - 2.0 * high * earth * cosine)
        near = max(1_000.0, low - _EQUATORIAL)
        wide = min(math.pi, angle + TILT)

        # Rates that do not depend on the place: v·n, and −a·n − 2 v·n'.
        drop, turn_lo, turn_hi = 0.0, math.inf, -math.inf
        for i in range(3):
            u = 0.5 * i
            vn, g = 0.0, 0.0
            for j in range(3):
                v = (poly[1, j] + u * (2.0 * poly[2, j] + 3.0 * u * poly[3, j])) / h
                dn = (poly[1, 3 + j] + u * (2.0 * poly[2, 3 + j] + 3.0 * u * poly[3, 3 + j])) / h
                n = poly[0, 3 + j] + u * (poly[1, 3 + j] + u * (poly[2, 3 + j] + u * poly[3, 3 + j]))
                acc = (1.0 - u) * ends[0, j] + u * ends[1, j]
                vn += v * n
                g -= acc * n + 2.0 * v * dn
            drop = max(drop, abs(vn))
            turn_lo, turn_hi = min(turn_lo, g), max(turn_hi, g)
        drop += (a + fast * w) * h / 4.0
        slack = (jerk + 3.0 * a * w + 2.0 * fast * w2) * h / 4.0 + d * w2
        turn_lo, turn_hi = turn_lo - slack, turn_hi + slack

        for j in range(1, STEP):
            steps[k, j] = 0.0
        horizon = True
        if sensor[0] == CONE:
            cone = math.acos(math.sqrt(sensor[1]))
            if cone < math.asin(min(1.0, _EQUATORIAL / low)) + 2.0 * TILT:
                steps[k, 1] = 1.0
                steps[k, 2], steps[k, 3] = _cone_bounds(
                    sensor[1], a, fast, slow, d, drop + d * w, turn_lo, turn_hi
                )
            sine = high * math.sin(min(0.5 * math.pi, cone + TILT)) / _POLAR
            # A line of sight cuts the Earth twice; a cone this far inside the horizon cannot mix them up.
            horizon = not (sine < 1.0 and math.pi - 2.0 * math.asin(sine) > 4.0 * (half + TILT) + 0.02)
        elif sensor[0] == SWATH:
            steps[k, 1] = 1.0
            lo0, hi0 = _along(ends[0], 3, middle, wide)
            lo1, hi1 = _along(ends[1], 3, middle, wide)
            steps[k, 2], steps[k, 3] = -max(hi0, hi1), -min(lo0, lo1)
            limit = math.acos(min(1.0, _EQUATORIAL / low)) - 2.0 * TILT
            horizon = sensor[1] / _POLAR + 2.0 * TILT + 2.0 * half > limit
        if sensor[2] >= 0.0:
            steps[k, 4] = 1.0
            lo, hi = _cone_bounds(sensor[2], a, fast, slow, d, drop + d * w, turn_lo, turn_hi)
            steps[k, 5], steps[k, 6] = -hi, -lo
        if horizon:
            sine = sensor[1] if sensor[0] == ELEVATION else 0.0
            lo0, hi0 = _along(ends[0], 0, middle, wide)
            lo1, hi1 = _along(ends[1], 0, middle, wide)
            steps[k, 7] = 1.0
            steps[k, 8] = min(lo0, lo1) - sine * (a + fast * fast / near)
            steps[k, 9] = max(hi0, hi1) + sine * a
    return farthest, 1.25 * quickest


@numba.njit(cache=True, nogil=True)
def _cone_bounds(
    cos2: float, a: float, fast: float, slow: float, d: float, s1: float, turn_lo: float, turn_hi: float
) -> tuple[float, float]:
    """Bounds of the second derivative of (d·n)² − cos²θ d², the cone's clearance.

    It is 2 s'² + 2 s s'' − 2 cos²θ (v² − d·a), with s = d·n between 0 and the distance.
    """
    lowest = 2.0 * d * min(0.0, turn_lo) - 2.0 * cos2 * (fast * fast + d * a)
    highest = 2.0 * s1 * s1 + 2.0 * d * max(0.0, turn_hi) - 2.0 * cos2 * (slow * slow - d * a)
    return lowest, highest
