"""Mean elements that come with a programme, from three-line text."""

from __future__ import annotations

from sgp4.api import Satrec

from comity.core import Epoch, InputError
from comity.orbits import MeanElements


def elements_from_text(text: str, source: str) -> dict[int, MeanElements]:
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    found = {}
    for name, one, two in zip(lines[0::3], lines[1::3], lines[2::3], strict=True):
        if not (one.startswith("1 ") and two.startswith("2 ")):
            raise InputError(f"{source}: not a three-line element set at {name!r}")
        sat = Satrec.twoline2rv(one, two)
        deg = 57.29577951308232
        found[sat.satnum] = MeanElements(
            name=name.removeprefix("0 "),
            norad_id=sat.satnum,
            cospar_id=sat.intldesg,
            epoch=Epoch.from_utc_jd(sat.jdsatepoch, sat.jdsatepochF),
            mean_motion=float(two[52:63]),
            eccentricity=sat.ecco,
            inclination_deg=float(two[8:16]),
            raan_deg=float(two[17:25]),
            arg_of_perigee_deg=float(two[34:42]),
            mean_anomaly_deg=float(two[43:51]),
            bstar=sat.bstar,
            mean_motion_dot=float(one[33:43]),
            mean_motion_ddot=sat.nddot * 0.0,
            source=source,
        )
        _ = deg
    return found
