"""Designed constellations as mean elements: Walker patterns, Sun-synchronous planes, repeating ground tracks.

``altitude_m`` is everywhere the mean (Brouwer) semi-major axis of SGP4's theory less the WGS-84 equatorial
radius. The height over the ellipsoid swings about it, by some ten kilometres over low orbits. The mean
motion of the elements is Kozai's, as SGP4 takes it (Hoots & Roehrich, *Spacetrack Report No. 3*, §6).

Patterns: Walker, "Satellite constellations", JBIS 37 (1984) 559. Secular rates: Vallado, *Fundamentals of
Astrodynamics and Applications*, 4th ed., §9.6, by J2 to first order, mended until SGP4's own rates agree.
"""

from __future__ import annotations

import math
from dataclasses import replace

from comity.core import Epoch, InputError
from comity.orbits.earth import ROTATION_RATE, gmst82
from comity.orbits.elements import MeanElements
from comity.orbits.geodesy import EQUATORIAL_RADIUS_M
from comity.orbits.trajectory import MU_WGS72, satrec

#: WGS-72, the constants SGP4 works with.
_RADIUS_M = 6_378_135.0
_J2 = 0.001082616
#: The Sun's mean motion among the stars (rad/s): once in a tropical year.
_SUN_RATE = 2.0 * math.pi / (365.242190 * 86_400.0)
_MIN_ALTITUDE_M, _MAX_ALTITUDE_M = 150_000.0, 100_000_000.0
_MAX_SATELLITES = 100_000
_ANGULAR_DIGITS = 10


def walker_delta(
    satellites: int,
    planes: int,
    phasing: int,
    *,
    inclination_deg: float,
    altitude_m: float,
    epoch: Epoch,
    raan_deg: float = 0.0,
    name: str = "walker",
    first_id: int = 1,
) -> tuple[MeanElements, ...]:
    """Walker's delta pattern i:T/P/F: planes spread evenly over 360° of node, on circular orbits.

    ``satellites`` T in all, ``planes`` P, ``phasing`` F from 0 to P − 1: a satellite passes its node F·360°/T
    of its own orbit after its neighbour in the plane to the west. ``raan_deg``: of the first plane.
    Satellites are called ``NAME-plane-place`` from 1 on, and numbered from ``first_id``.

    Raises :class:`InputError` when T is no multiple of P, F or another value is out of range.
    """
    return _walker(
        360.0, satellites, planes, phasing, inclination_deg, altitude_m, epoch, raan_deg, name, first_id
    )


def walker_star(
    satellites: int,
    planes: int,
    phasing: int,
    *,
    inclination_deg: float,
    altitude_m: float,
    epoch: Epoch,
    raan_deg: float = 0.0,
    name: str = "star",
    first_id: int = 1,
) -> tuple[MeanElements, ...]:
    """Walker's star pattern: as :func:`walker_delta`, its nodes spread over 180° (for near-polar orbits)."""
    return _walker(
        180.0, satellites, planes, phasing, inclination_deg, altitude_m, epoch, raan_deg, name, first_id
    )


def sun_synchronous(
    *,
    altitude_m: float,
    epoch: Epoch,
    ltan_h: float | None = None,
    ltdn_h: float | None = None,
    satellites: int = 1,
    anomaly_deg: float = 0.0,
    name: str = "sso",
    first_id: int = 1,
) -> tuple[MeanElements, ...]:
    """Satellites evenly spread along one Sun-synchronous circular orbit.

    ``ltan_h`` or ``ltdn_h``: local mean solar time (hours, 0 … 24) of the ascending or the descending node;
    one of them. ``anomaly_deg``: of the first satellite from its node. The node is set against the mean Sun
    of ``epoch`` in UTC (within a second of UT1).

    Raises :class:`InputError` when neither or both times are given, a value is out of range, or no orbit so
    high can follow the Sun (above about 5,970 km).
    """
    if (ltan_h is None) == (ltdn_h is None):
        raise InputError("give either ltan_h or ltdn_h, the local time of one node")
    hours = ltan_h if ltan_h is not None else (ltdn_h or 0.0) + 12.0
    given = ltan_h if ltan_h is not None else ltdn_h
    if given is None or not 0.0 <= given < 24.0:
        raise InputError(f"local time {given} h is outside 0 … 24")
    if not 1 <= satellites <= _MAX_SATELLITES:
        raise InputError(f"{satellites} satellites are outside 1 … {_MAX_SATELLITES:,}")
    inclination = sun_synchronous_inclination_deg(altitude_m)
    day, fraction = epoch.utc_jd()
    # GMST less the mean Sun's hour angle at Greenwich is the mean Sun's right ascension.
    sun_deg = math.degrees(float(gmst82(day, fraction))) - 360.0 * fraction + 180.0
    raan = (sun_deg + 15.0 * (hours - 12.0)) % 360.0
    kind = (
        f"Sun-synchronous, {'LTAN' if ltan_h is not None else 'LTDN'} {given:g} h, {altitude_m / 1000.0:g} km"
    )
    return tuple(
        _circular(
            f"{name}-{k + 1}" if satellites > 1 else name,
            first_id + k,
            epoch,
            altitude_m,
            inclination,
            raan,
            (anomaly_deg + 360.0 * k / satellites) % 360.0,
            kind,
        )
        for k in range(satellites)
    )


def sun_synchronous_inclination_deg(altitude_m: float) -> float:
    """Inclination (deg) at which a circular orbit's node keeps pace with the mean Sun.

    Raises :class:`InputError` above about 5,970 km, where none does.
    """
    _check_altitude(altitude_m)
    axis = EQUATORIAL_RADIUS_M + altitude_m
    rate = math.sqrt(MU_WGS72 / axis**3)
    wanted = _SUN_RATE
    inclination = math.nan
    for _ in range(6):
        cosine = -wanted / (1.5 * rate * _J2 * (_RADIUS_M / axis) ** 2)
        if cosine < -1.0:
            raise InputError(
                f"no orbit {altitude_m / 1000.0:,.0f} km high is Sun-synchronous: the limit is about 5,970 km"
            )
        inclination = math.degrees(math.acos(cosine))
        if 2.0 * math.pi / rate > _PERIOD_LIMIT_S:
            return inclination  # deep-space theory: its node also feels Sun and Moon
        wanted += _SUN_RATE - _rates(altitude_m, inclination)[1]
    return inclination


def repeating_altitude_m(revolutions: int, days: int, *, inclination_deg: float | None = None) -> float:
    """Altitude (m) at which the ground track closes after ``revolutions`` in ``days`` nodal days.

    A nodal day is one turn of the Earth under the orbit's plane; for a Sun-synchronous orbit
    (``inclination_deg`` None) it is a mean solar day.

    Raises :class:`InputError` when there is no such orbit between 150 km and 30,000 km, or both numbers share
    a factor.
    """
    if days < 1 or revolutions < 1 or math.gcd(revolutions, days) != 1:
        raise InputError(
            f"{revolutions} revolutions in {days} days: give whole numbers without common factor"
        )
    low, high = _MIN_ALTITUDE_M, 5_900_000.0 if inclination_deg is None else 30_000_000.0

    def excess(altitude_m: float) -> float:
        inclination = (
            sun_synchronous_inclination_deg(altitude_m) if inclination_deg is None else inclination_deg
        )
        along, node = _rates(altitude_m, inclination)
        return along / (ROTATION_RATE - node) - revolutions / days

    if excess(low) < 0.0 or excess(high) > 0.0:
        raise InputError(
            f"no orbit between {low / 1000.0:,.0f} and {high / 1000.0:,.0f} km "
            f"makes {revolutions} revolutions in {days} days"
        )
    for _ in range(60):
        middle = (low + high) / 2.0
        low, high = (middle, high) if excess(middle) > 0.0 else (low, middle)
    return (low + high) / 2.0


#: SGP4's near-Earth theory ends here.
_PERIOD_LIMIT_S = 225.0 * 60.0


def _walker(
    spread_deg: float, satellites: int, planes: int, phasing: int, inclination_deg: float,
    altitude_m: float, epoch: Epoch, raan_deg: float, name: str, first_id: int,
) -> tuple[MeanElements, ...]:  # fmt: skip
    if not 1 <= satellites <= _MAX_SATELLITES:
        raise InputError(f"{satellites} satellites are outside 1 … {_MAX_SATELLITES:,}")
    if not 1 <= planes <= satellites or satellites % planes:
        raise InputError(f"{satellites} satellites do not fill {planes} planes evenly")
    if not 0 <= phasing < planes:
        raise InputError(f"phasing {phasing} is outside 0 … {planes - 1} (planes less one)")
    if not 0.0 <= inclination_deg <= 180.0:
        raise InputError(f"inclination {inclination_deg:g}° is outside 0 … 180")
    if not math.isfinite(raan_deg):
        raise InputError(f"right ascension {raan_deg} of the first plane is not a finite number")
    _check_altitude(altitude_m)
    each = satellites // planes
    pattern = "delta" if spread_deg == 360.0 else "star"
    source = (
        f"Walker {pattern} {inclination_deg:g}:{satellites}/{planes}/{phasing}, {altitude_m / 1000.0:g} km"
    )
    model = _circular(name, first_id, epoch, altitude_m, inclination_deg, 0.0, 0.0, source)
    return tuple(
        replace(
            model,
            name=f"{name}-{plane + 1}-{place + 1}",
            norad_id=first_id + plane * each + place,
            raan_deg=round((raan_deg + spread_deg * plane / planes) % 360.0, _ANGULAR_DIGITS) % 360.0,
            mean_anomaly_deg=round(
                (360.0 * place / each + 360.0 * phasing * plane / satellites) % 360.0, _ANGULAR_DIGITS
            )
            % 360.0,
        )
        for plane in range(planes)
        for place in range(each)
    )


def _circular(
    name: str, number: int, epoch: Epoch, altitude_m: float, inclination_deg: float, raan_deg: float,
    anomaly_deg: float, source: str,
) -> MeanElements:  # fmt: skip
    axis = EQUATORIAL_RADIUS_M + altitude_m
    brouwer = math.sqrt(MU_WGS72 / axis**3)
    cosine = math.cos(math.radians(inclination_deg))
    # Spacetrack Report No. 3: n″ = n / (1 + δ₀)
    kozai = brouwer * (1.0 + 0.75 * _J2 * (_RADIUS_M / axis) ** 2 * (3.0 * cosine * cosine - 1.0))
    return MeanElements(
        name=name,
        norad_id=number,
        cospar_id="",
        epoch=epoch,
        mean_motion=kozai * 86_400.0 / (2.0 * math.pi),
        eccentricity=0.0,
        inclination_deg=inclination_deg,
        raan_deg=raan_deg,
        arg_of_perigee_deg=0.0,
        mean_anomaly_deg=anomaly_deg,
        bstar=0.0,
        mean_motion_dot=0.0,
        mean_motion_ddot=0.0,
        source=source,
    )


def _rates(altitude_m: float, inclination_deg: float) -> tuple[float, float]:
    """SGP4's secular rates (rad/s) of a circular orbit: from node to node, and of the node."""
    elements = _circular("x", 0, Epoch.from_iso("2000-01-01"), altitude_m, inclination_deg, 0.0, 0.0, "")
    record = satrec(elements)
    return (record.mdot + record.argpdot) / 60.0, record.nodedot / 60.0


def _check_altitude(altitude_m: float) -> None:
    if not _MIN_ALTITUDE_M <= altitude_m <= _MAX_ALTITUDE_M:
        raise InputError(
            f"altitude {altitude_m:g} m is outside {_MIN_ALTITUDE_M:,.0f} … {_MAX_ALTITUDE_M:,.0f} m "
            "(metres, not km)"
        )
