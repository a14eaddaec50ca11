"""Compiled SGP4 for near-Earth orbits: many states of many objects, Earth-fixed.

One object's coefficients (:mod:`comity.orbits.near_earth`) are constants of a loop over instants that has no
branch and calls no library function, so the compiler makes wide vector instructions of it. Numba compiles on
first use and caches on disk; every function frees the interpreter lock.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from comity.orbits.near_earth import J2, RADIUS_KM, XKE

FloatArray = NDArray[np.float64]

#: Only what keeps NaN and infinity: fused multiply-add, reciprocals, signed zeros.
_FAST = {"contract", "arcp", "nsz"}
#: Instants handled in one go, so that what one loop leaves for the next stays in the first cache.
_CHUNK = 256
#: Sixty times the weights of f′ at the first three of seven even nodes.
_ONE_SIDED = np.array(
    [
        [-147.0, 360.0, -450.0, 400.0, -225.0, 72.0, -10.0],
        [-10.0, -77.0, 150.0, -100.0, 50.0, -15.0, 2.0],
        [2.0, -24.0, -35.0, 80.0, -30.0, 8.0, -1.0],
    ]
)
_M_PER_RADIUS = RADIUS_KM * 1000.0
_M_S_PER_UNIT = RADIUS_KM * 1000.0 * XKE / 60.0


@numba.njit(fastmath=_FAST, error_model="numpy", inline="always")
def sincos(x: float) -> Any:
    """Sine and cosine of an angle (rad), to about one unit in the last place for |x| < 1e5.

    Reduced by multiples of π/2 in two parts (Cody & Waite), then the minimax polynomials of Cephes
    (Moshier) on ±π/4; free of branches.
    """
    quarter = np.floor(x * 0.6366197723675814 + 0.5)
    r = x - quarter * 1.5707963267341256
    r = r - quarter * 6.077100506506192e-11
    z = r * r
    sine = r + r * z * (
        -1.66666666666666307295e-1 + z * (8.33333333332211858878e-3 + z * (-1.98412698295895385996e-4
        + z * (2.75573136213857245213e-6 + z * (-2.50507477628578072866e-8 + z *
        1.58962301576546568060e-10))))
    )  # fmt: skip
    cosine = 1.0 - 0.5 * z + z * z * (
        4.16666666666665929218e-2 + z * (-1.38888888888730564116e-3 + z * (2.48015872888517045348e-5
        + z * (-2.75573141792967388112e-7 + z * (2.08757008419747316778e-9 - z *
        1.13585365213876817300e-11))))
    )  # fmt: skip
    turn = quarter - 4.0 * np.floor(quarter * 0.25)
    odd = (turn == 1.0) | (turn == 3.0)
    s = cosine if odd else sine
    c = sine if odd else cosine
    s = -s if turn >= 2.0 else s
    c = -c if (turn == 1.0) | (turn == 2.0) else c
    return s, c


@numba.njit(fastmath=_FAST, error_model="numpy")
def _secular(p: FloatArray, first_min: float, step_min: float, count: int, w: FloatArray) -> None:
    """Secular and long-period terms at ``count`` instants.

    Fills rows of the flat scratch ``w``: 0 node, 1 a, 2 axnl, 3 aynl, 4 u (rad; argument of Kepler's
    equation).
    """
    mo, mdot, argpo, argpdot, nodeo, nodedot, nodecf = p[0], p[1], p[2], p[3], p[4], p[5], p[6]
    ecco, no, ao, cc1, bcc4, bcc5, d2, d3, d4 = p[7], p[10], p[11], p[12], p[13], p[14], p[15], p[16], p[17]
    t2cof, t3cof, t4cof, t5cof = p[18], p[19], p[20], p[21]
    omgcof, xmcof, eta, delmo, sinmao, aycof, xlcof = p[22], p[23], p[24], p[25], p[26], p[27], p[28]
    for k in range(count):
        t = first_min + step_min * k
        t2 = t * t
        xmdf = mo + mdot * t
        node = nodeo + nodedot * t + nodecf * t2
        _, cosm = sincos(xmdf)
        delm = 1.0 + eta * cosm
        shift = omgcof * t + xmcof * (delm * delm * delm - delmo)
        mm = xmdf + shift
        argp = argpo + argpdot * t - shift
        sinm, _ = sincos(mm)
        tempa = 1.0 - t * (cc1 + t * (d2 + t * (d3 + t * d4)))
        tempe = bcc4 * t + bcc5 * (sinm - sinmao)
        templ = t2 * (t2cof + t * (t3cof + t * (t4cof + t * t5cof)))
        a = ao * tempa * tempa
        em = ecco - tempe
        # Outside its range there is no state: NaN goes on to the result.
        em = math.nan if (em >= 1.0) | (em < -0.001) else em
        em = 1e-6 if em < 1e-6 else em
        sina, cosa = sincos(argp)
        axnl = em * cosa
        temp = 1.0 / (a * (1.0 - em * em))
        w[k] = node
        w[_CHUNK + k] = a
        w[2 * _CHUNK + k] = axnl
        w[3 * _CHUNK + k] = em * sina + temp * aycof
        w[4 * _CHUNK + k] = mm + no * templ + argp + temp * xlcof * axnl


@numba.njit(fastmath=_FAST, error_model="numpy")
def _kepler_small(count: int, w: FloatArray) -> None:
    """Kepler's equation where e ≤ 0.06: E = u + x, x by three Newton steps on series of sin x and cos x.

    Fills rows 5 and 6: sine and cosine of E.
    """
    for k in range(count):
        axnl, aynl = w[2 * _CHUNK + k], w[3 * _CHUNK + k]
        s, c = sincos(w[4 * _CHUNK + k])
        esine = axnl * s - aynl * c  # e·sin and e·cos of the argument u itself
        ecose = axnl * c + aynl * s
        x = esine / (1.0 - ecose)
        sx, cx = 0.0, 1.0
        for _ in range(3):
            z = x * x
            sx = x * (1.0 - z * (1.0 / 6.0 - z * (1.0 / 120.0 - z * (1.0 / 5040.0 - z * (1.0 / 362880.0)))))
            cx = 1.0 - z * (0.5 - z * (1.0 / 24.0 - z * (1.0 / 720.0 - z * (1.0 / 40320.0))))
            x = x - (x - esine * cx - ecose * sx) / (1.0 - ecose * cx + esine * sx)
        z = x * x
        sx = x * (1.0 - z * (1.0 / 6.0 - z * (1.0 / 120.0 - z * (1.0 / 5040.0 - z * (1.0 / 362880.0)))))
        cx = 1.0 - z * (0.5 - z * (1.0 / 24.0 - z * (1.0 / 720.0 - z * (1.0 / 40320.0))))
        w[5 * _CHUNK + k] = s * cx + c * sx
        w[6 * _CHUNK + k] = c * cx - s * sx


@numba.njit(fastmath=_FAST, error_model="numpy")
def _kepler(count: int, w: FloatArray) -> None:
    """Kepler's equation for any eccentricity: at most ten clamped Newton steps, as the paper does.

    Fills rows 5 and 6: sine and cosine of E; row 7 is scratch.
    """
    for k in range(count):
        w[7 * _CHUNK + k] = w[4 * _CHUNK + k]
    for _ in range(10):
        for k in range(count):
            axnl, aynl, e = w[2 * _CHUNK + k], w[3 * _CHUNK + k], w[7 * _CHUNK + k]
            s, c = sincos(e)
            step = (w[4 * _CHUNK + k] - aynl * c + axnl * s - e) / (1.0 - c * axnl - s * aynl)
            step = 0.95 if step > 0.95 else step
            step = -0.95 if step < -0.95 else step
            w[7 * _CHUNK + k] = e + step
            w[5 * _CHUNK + k] = step
        furthest = 0.0
        for k in range(count):
            furthest = max(furthest, abs(w[5 * _CHUNK + k]))
        if furthest < 1e-12:
            break
    for k in range(count):
        s, c = sincos(w[7 * _CHUNK + k])
        w[5 * _CHUNK + k] = s
        w[6 * _CHUNK + k] = c


@numba.njit(fastmath=_FAST, error_model="numpy")
def _short_period(p: FloatArray, count: int, w: FloatArray) -> None:
    """Short-period terms and the state: rows 8 … 13, position (m) and velocity (m/s), TEME.

    The argument of latitude and the node differ from their mean values by small angles, which turn the known
    sines and cosines: no arc tangent is needed.
    """
    sinio, cosio, con41, x1mth2, x7thm1 = p[8], p[9], p[29], p[30], p[31]
    for k in range(count):
        a, axnl, aynl = w[_CHUNK + k], w[2 * _CHUNK + k], w[3 * _CHUNK + k]
        s, c = w[5 * _CHUNK + k], w[6 * _CHUNK + k]
        ecose = axnl * c + aynl * s
        esine = axnl * s - aynl * c
        el2 = axnl * axnl + aynl * aynl
        pl = a * (1.0 - el2)
        rl = a * (1.0 - ecose)
        inverse = 1.0 / rl
        betal = np.sqrt(1.0 - el2)
        rdotl = np.sqrt(a) * esine * inverse
        rvdotl = np.sqrt(pl) * inverse
        temp = esine / (1.0 + betal)
        sinu = a * inverse * (s - aynl - axnl * temp)
        cosu = a * inverse * (c - axnl + aynl * temp)
        sin2u = 2.0 * cosu * sinu
        cos2u = 1.0 - 2.0 * sinu * sinu
        per = 1.0 / pl
        temp1 = 0.5 * J2 * per
        temp2 = temp1 * per
        mrt = rl * (1.0 - 1.5 * temp2 * betal * con41) + 0.5 * temp1 * x1mth2 * cos2u
        n_xke = 1.0 / (a * np.sqrt(a))  # mean motion / xke
        mvt = rdotl - n_xke * temp1 * x1mth2 * sin2u
        rvdot = rvdotl + n_xke * temp1 * (x1mth2 * cos2u + 1.5 * con41)
        # below an Earth's radius the object has decayed, and a negative p has no orbit
        mrt = math.nan if mrt < 1.0 else mrt
        # small turns: u by du, inclination by di, node by its own
        du = -0.25 * temp2 * x7thm1 * sin2u
        di = 1.5 * temp2 * cosio * sinio * cos2u
        du2, di2 = du * du, di * di
        sdu = du * (1.0 - du2 * (1.0 / 6.0 - du2 * (1.0 / 120.0)))
        cdu = 1.0 - du2 * (0.5 - du2 * (1.0 / 24.0 - du2 * (1.0 / 720.0)))
        sdi = di * (1.0 - di2 * (1.0 / 6.0 - di2 * (1.0 / 120.0)))
        cdi = 1.0 - di2 * (0.5 - di2 * (1.0 / 24.0 - di2 * (1.0 / 720.0)))
        # the paper takes u from an arc tangent, which normalises
        unit = 1.0 / np.sqrt(sinu * sinu + cosu * cosu)
        sinsu = (sinu * cdu + cosu * sdu) * unit
        cossu = (cosu * cdu - sinu * sdu) * unit
        sini = sinio * cdi + cosio * sdi
        cosi = cosio * cdi - sinio * sdi
        snod, cnod = sincos(w[k] + 1.5 * temp2 * cosio * sin2u)
        xmx = -snod * cosi
        xmy = cnod * cosi
        ux = xmx * sinsu + cnod * cossu
        uy = xmy * sinsu + snod * cossu
        uz = sini * sinsu
        vx = xmx * cossu - cnod * sinsu
        vy = xmy * cossu - snod * sinsu
        vz = sini * cossu
        mrt = mrt * _M_PER_RADIUS
        mvt = mvt * _M_S_PER_UNIT
        rvdot = rvdot * _M_S_PER_UNIT
        w[8 * _CHUNK + k] = mrt * ux
        w[9 * _CHUNK + k] = mrt * uy
        w[10 * _CHUNK + k] = mrt * uz
        w[11 * _CHUNK + k] = mvt * ux + rvdot * vx
        w[12 * _CHUNK + k] = mvt * uy + rvdot * vy
        w[13 * _CHUNK + k] = mvt * uz + rvdot * vz


@numba.njit(fastmath=_FAST, error_model="numpy")
def _turned(turns: FloatArray, rate: float, first: int, count: int, w: FloatArray) -> None:
    """TEME states of rows 8 … 13 turned to Earth-fixed ones in place by ``turns`` (9, nodes)."""
    for k in range(count):
        j = first + k
        xx, xy, xz = turns[0, j], turns[1, j], turns[2, j]
        yx, yy, yz = turns[3, j], turns[4, j], turns[5, j]
        zx, zy, zz = turns[6, j], turns[7, j], turns[8, j]
        x, y, z = w[8 * _CHUNK + k], w[9 * _CHUNK + k], w[10 * _CHUNK + k]
        vx, vy, vz = w[11 * _CHUNK + k], w[12 * _CHUNK + k], w[13 * _CHUNK + k]
        fx = xx * x + xy * y + xz * z
        fy = yx * x + yy * y + yz * z
        fz = zx * x + zy * y + zz * z
        # the Earth turns about PEF's z axis, which stands in the third column
        ax, ay, az = rate * xz, rate * yz, rate * zz
        w[8 * _CHUNK + k] = fx
        w[9 * _CHUNK + k] = fy
        w[10 * _CHUNK + k] = fz
        w[11 * _CHUNK + k] = xx * vx + xy * vy + xz * vz - (ay * fz - az * fy)
        w[12 * _CHUNK + k] = yx * vx + yy * vy + yz * vz - (az * fx - ax * fz)
        w[13 * _CHUNK + k] = zx * vx + zy * vy + zz * vz - (ax * fy - ay * fx)


@numba.njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def near_earth_states(
    coefficients: FloatArray,
    first_min: FloatArray,
    step_min: FloatArray,
    farthest_m: FloatArray,
    turns: FloatArray,
    rate: float,
    states: FloatArray,
) -> Any:
    """SGP4 states of n objects at even instants.

    ``coefficients`` (n, 32); ``first_min``, ``step_min`` (n,): minutes from each object's epoch to the first
    instant, and between instants; ``farthest_m`` (n,): beyond it a state is none; ``turns`` (9, nodes): rows
    of the matrices TEME → ITRF, or (9, 0) to leave the states in TEME; ``rate`` (rad/s) of the Earth's
    rotation. Fills ``states`` (n, nodes, 6), m and m/s. Returns a flag (n,) per object, true where some of
    its states are none (NaN or too far).
    """
    objects, nodes = states.shape[0], states.shape[1]
    bad = np.zeros(objects, dtype=np.bool_)
    w = np.empty(14 * _CHUNK)
    for i in range(objects):
        p = coefficients[i]
        limit = farthest_m[i] ** 2
        for first in range(0, nodes, _CHUNK):
            count = min(_CHUNK, nodes - first)
            _secular(p, first_min[i] + step_min[i] * first, step_min[i], count, w)
            most = 0.0
            for k in range(count):
                most = max(most, w[2 * _CHUNK + k] ** 2 + w[3 * _CHUNK + k] ** 2)
            if most < 0.0036:
                _kepler_small(count, w)
            else:
                _kepler(count, w)
            _short_period(p, count, w)
            if turns.shape[1]:
                _turned(turns, rate, first, count, w)
            for k in range(count):
                for c in range(6):
                    states[i, first + k, c] = w[(8 + c) * _CHUNK + k]
                square = w[8 * _CHUNK + k] ** 2 + w[9 * _CHUNK + k] ** 2 + w[10 * _CHUNK + k] ** 2
                if not square <= limit:  # so written, NaN counts
                    bad[i] = True
    return bad


@numba.njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")
def differentiate(states: FloatArray, step_s: float) -> None:
    """Make the velocities of ``states`` (n, nodes, 6) the derivatives of the positions, in place.

    By differences of seven neighbours (Fornberg, "Generation of finite difference formulas on arbitrarily
    spaced grids", Math. Comp. 51, 1988), one-sided at the ends; with fewer than seven nodes nothing is done.
    """
    nodes = states.shape[1]
    if nodes < 7:
        return
    scale = 1.0 / (60.0 * step_s)
    for i in range(states.shape[0]):
        for k in range(3, nodes - 3):
            for c in range(3):
                states[i, k, c + 3] = scale * (
                    states[i, k + 3, c] - states[i, k - 3, c]
                    - 9.0 * (states[i, k + 2, c] - states[i, k - 2, c])
                    + 45.0 * (states[i, k + 1, c] - states[i, k - 1, c])
                )  # fmt: skip
        for k in range(3):
            for c in range(3):
                begin, end = 0.0, 0.0
                for m in range(7):
                    begin += _ONE_SIDED[k, m] * states[i, m, c]
                    end -= _ONE_SIDED[k, m] * states[i, nodes - 1 - m, c]
                states[i, k, c + 3] = scale * begin
                states[i, nodes - 1 - k, c + 3] = scale * end
