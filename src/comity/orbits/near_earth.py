"""SGP4 of near-Earth orbits as a table of coefficients, one row per object, for the compiled propagator.

Initialisation as in Vallado, Crawford, Hujsak, Kelso, "Revisiting Spacetrack Report #3", AIAA 2006-6753
(procedures ``initl`` and ``sgp4init``), WGS-72 constants. Names of the coefficients are the paper's.
Orbits with a period of 225 min or more are deep-space and not of this theory.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

RADIUS_KM = 6378.135
MU_KM3_S2 = 398_600.8
J2, J3, J4 = 0.001082616, -0.00000253881, -0.00000165597
#: Square root of μ in Earth radii and minutes.
XKE = 60.0 / math.sqrt(RADIUS_KM**3 / MU_KM3_S2)
#: From this period (minutes) on an orbit is deep-space.
DEEP_SPACE_MIN = 225.0

#: Columns of the table; angles rad, times min, lengths Earth radii.
COLUMNS = (
    "mo", "mdot", "argpo", "argpdot", "nodeo", "nodedot", "nodecf", "ecco", "sinio", "cosio",
    "no_unkozai", "a_unkozai", "cc1", "bstar_cc4", "bstar_cc5", "d2", "d3", "d4",
    "t2cof", "t3cof", "t4cof", "t5cof", "omgcof", "xmcof", "eta", "delmo", "sinmao",
    "aycof", "xlcof", "con41", "x1mth2", "x7thm1",
)  # fmt: skip


def near_earth_coefficients(
    no_kozai: FloatArray,
    ecco: FloatArray,
    inclo: FloatArray,
    nodeo: FloatArray,
    argpo: FloatArray,
    mo: FloatArray,
    bstar: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Coefficients (n, len(:data:`COLUMNS`)) and periods (n,) min of n element sets, each argument (n,).

    ``no_kozai`` rad/min, the angles rad, ``bstar`` per Earth radius. The period tells which rows are
    deep-space: those rows mean nothing.
    """
    j3oj2 = J3 / J2
    cosio, sinio = np.cos(inclo), np.sin(inclo)
    cosio2 = cosio**2
    cosio4 = cosio2**2
    eccsq = ecco**2
    omeosq = 1.0 - eccsq
    rteosq = np.sqrt(omeosq)
    # mean motion of Brouwer's theory from Kozai's
    ak = (XKE / no_kozai) ** (2.0 / 3.0)
    d1 = 0.75 * J2 * (3.0 * cosio2 - 1.0) / (rteosq * omeosq)
    delta = d1 / ak**2
    adel = ak * (1.0 - delta**2 - delta * (1.0 / 3.0 + 134.0 * delta**2 / 81.0))
    no = no_kozai / (1.0 + d1 / adel**2)
    ao = (XKE / no) ** (2.0 / 3.0)
    con42 = 1.0 - 5.0 * cosio2
    con41 = -con42 - 2.0 * cosio2
    pinvsq = 1.0 / (ao * omeosq) ** 2
    # density function: its lower edge sinks with the perigee
    perigee_km = (ao * (1.0 - ecco) - 1.0) * RADIUS_KM
    edge_km = np.where(perigee_km < 156.0, np.where(perigee_km < 98.0, 20.0, perigee_km - 78.0), 78.0)
    sfour = edge_km / RADIUS_KM + 1.0
    qzms24 = ((120.0 - edge_km) / RADIUS_KM) ** 4

    tsi = 1.0 / (ao - sfour)
    eta = ao * ecco * tsi
    etasq = eta**2
    eeta = ecco * eta
    psisq = np.abs(1.0 - etasq)
    coef = qzms24 * tsi**4
    coef1 = coef / psisq**3.5
    cc2 = coef1 * no * (
        ao * (1.0 + 1.5 * etasq + eeta * (4.0 + etasq))
        + 0.375 * J2 * tsi / psisq * con41 * (8.0 + 3.0 * etasq * (8.0 + etasq))
    )  # fmt: skip
    cc1 = bstar * cc2
    eccentric = ecco > 1e-4
    safe = np.where(eccentric, ecco, 1.0)
    cc3 = np.where(eccentric, -2.0 * coef * tsi * j3oj2 * no * sinio / safe, 0.0)
    x1mth2 = 1.0 - cosio2
    cc4 = 2.0 * no * coef1 * ao * omeosq * (
        eta * (2.0 + 0.5 * etasq)
        + ecco * (0.5 + 2.0 * etasq)
        - J2 * tsi / (ao * psisq) * (
            -3.0 * con41 * (1.0 - 2.0 * eeta + etasq * (1.5 - 0.5 * eeta))
            + 0.75 * x1mth2 * (2.0 * etasq - eeta * (1.0 + etasq)) * np.cos(2.0 * argpo)
        )
    )  # fmt: skip
    cc5 = 2.0 * coef1 * ao * omeosq * (1.0 + 2.75 * (etasq + eeta) + eeta * etasq)

    temp1 = 1.5 * J2 * pinvsq * no
    temp2 = 0.5 * temp1 * J2 * pinvsq
    temp3 = -0.46875 * J4 * pinvsq**2 * no
    mdot = (
        no + 0.5 * temp1 * rteosq * con41 + 0.0625 * temp2 * rteosq * (13.0 - 78.0 * cosio2 + 137.0 * cosio4)
    )
    argpdot = (
        -0.5 * temp1 * con42
        + 0.0625 * temp2 * (7.0 - 114.0 * cosio2 + 395.0 * cosio4)
        + temp3 * (3.0 - 36.0 * cosio2 + 49.0 * cosio4)
    )
    xhdot1 = -temp1 * cosio
    nodedot = xhdot1 + cosio * (0.5 * temp2 * (4.0 - 19.0 * cosio2) + 2.0 * temp3 * (3.0 - 7.0 * cosio2))

    xmcof = np.where(eccentric, -2.0 / 3.0 * coef * bstar / np.where(eccentric, eeta, 1.0), 0.0)
    polar = np.maximum(np.abs(1.0 + cosio), 1.5e-12)
    cc1sq = cc1**2
    d2 = 4.0 * ao * tsi * cc1sq
    temp = d2 * tsi * cc1 / 3.0
    d3 = (17.0 * ao + sfour) * temp
    d4 = 0.5 * temp * ao * tsi * (221.0 * ao + 31.0 * sfour) * cc1
    # Below 220 km of perigee height the theory drops the higher terms: zeros do the same.
    full = np.where(ao * (1.0 - ecco) >= 220.0 / RADIUS_KM + 1.0, 1.0, 0.0)
    columns = {
        "mo": mo, "mdot": mdot, "argpo": argpo, "argpdot": argpdot, "nodeo": nodeo, "nodedot": nodedot,
        "nodecf": 3.5 * omeosq * xhdot1 * cc1, "ecco": ecco, "sinio": sinio, "cosio": cosio,
        "no_unkozai": no, "a_unkozai": ao, "cc1": cc1, "bstar_cc4": bstar * cc4,
        "bstar_cc5": full * bstar * cc5, "d2": full * d2, "d3": full * d3, "d4": full * d4,
        "t2cof": 1.5 * cc1, "t3cof": full * (d2 + 2.0 * cc1sq),
        "t4cof": full * 0.25 * (3.0 * d3 + cc1 * (12.0 * d2 + 10.0 * cc1sq)),
        "t5cof": full * 0.2 * (
            3.0 * d4 + 12.0 * cc1 * d3 + 6.0 * d2**2 + 15.0 * cc1sq * (2.0 * d2 + cc1sq)
        ),
        "omgcof": full * bstar * cc3 * np.cos(argpo), "xmcof": full * xmcof, "eta": eta,
        "delmo": (1.0 + eta * np.cos(mo)) ** 3, "sinmao": np.sin(mo), "aycof": -0.5 * j3oj2 * sinio,
        "xlcof": -0.25 * j3oj2 * sinio * (3.0 + 5.0 * cosio) / polar, "con41": con41, "x1mth2": x1mth2,
        "x7thm1": 7.0 * cosio2 - 1.0,
    }  # fmt: skip
    return np.stack([columns[name] for name in COLUMNS], axis=-1), 2.0 * math.pi / no
