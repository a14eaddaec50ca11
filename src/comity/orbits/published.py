"""What propagation, frames, the Sun and the Moon are held against: published tables and other programs.

The tables lie in this package's ``data`` folder; its README says where each is from.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from comity.core import Check, Comparison, Epoch, compared, reference_table
from comity.orbits.earth import EarthOrientation, gmst82, teme_to_itrf
from comity.orbits.frames import gcrf_to_itrf, itrf_to_gcrf, to_itrf
from comity.orbits.geodesy import ecef_to_geodetic
from comity.orbits.moon import moon_position_gcrf
from comity.orbits.published_sgp4 import through_the_compiled_propagator, through_trajectories
from comity.orbits.sun import sun_position_gcrf

FloatArray = NDArray[np.float64]

PACKAGE = "comity.orbits"

_ARCSEC = math.pi / 648_000.0
_LOW_M = 1e7
_AIAA = "Vallado, Crawford, Hujsak, Kelso, AIAA 2006-6753"


def checks() -> tuple[Check, ...]:
    """Every check of this package, in the order to run them."""
    return (
        Check(name="sgp4", run=through_trajectories),
        Check(name="sgp4-compiled", run=through_the_compiled_propagator),
        Check(name="frames", run=_frames),
        Check(name="vallado", run=_vallado),
        Check(name="sun-and-moon", run=_sun_and_moon),
    )


def _frames() -> list[Comparison]:
    table = reference_table(PACKAGE, "frames.csv.gz")
    eop = EarthOrientation.bundled()
    given = table.numbers("x", "y", "z", "vx", "vy", "vz")
    expected = table.numbers(*(f"itrf_{name}" for name in ("x", "y", "z", "vx", "vy", "vz")))
    frame, program, utc = table.text("frame"), table.text("program"), table.text("utc")
    found = np.empty_like(given)
    for k in range(len(given)):
        state = given[k : k + 1]
        found[k, :3], found[k, 3:] = (
            x[0]
            for x in to_itrf(str(frame[k]), state[:, :3], state[:, 3:], Epoch.from_iso(utc[k]), _NOW, eop)
        )
    position = np.linalg.norm(found[:, :3] - expected[:, :3], axis=1)
    velocity = np.linalg.norm(found[:, 3:] - expected[:, 3:], axis=1)
    low = np.linalg.norm(given[:, :3], axis=1) < _LOW_M
    settled = np.array([int(text[:4]) >= 1996 for text in utc])
    source = "{} on IERS finals2000A, 1976–2026"
    astropy, skyfield, orekit = (program == name for name in ("astropy", "skyfield", "orekit"))
    celestial, mean = frame == "GCRF", frame == "TEME"
    return [
        compared(
            "TEME to ITRF, positions at 7,000 and 42,164 km",
            source.format("astropy"),
            position[astropy & mean],
            1e-3,
            "m",
            "the same rotation, GMST (IAU 1982) and polar motion",
        ),
        compared(
            "GCRF to ITRF, positions at 7,000 km",
            source.format("Orekit (IERS 2010)"),
            position[orekit & celestial & low],
            0.1,
            "m",
            "Orekit adds the tidal changes of UT1 and pole within a day, which Comity leaves out",
        ),
        compared(
            "GCRF to ITRF, positions at 42,164 km",
            source.format("Orekit (IERS 2010)"),
            position[orekit & celestial & ~low],
            0.5,
            "m",
            "the same, six times as far out",
        ),
        compared(
            "GCRF to ITRF, positions at 7,000 km",
            source.format("astropy"),
            position[astropy & celestial & low],
            0.5,
            "m",
            "astropy leaves the celestial pole offsets out: 8 mas in the 1970s",
        ),
        compared(
            "GCRF to ITRF, positions at 7,000 km since 1996",
            "Skyfield on IERS finals2000A, 1996–2026",
            position[skyfield & celestial & low & settled],
            0.1,
            "m",
            "Skyfield takes Bulletin A's UT1 (2 ms off in the 1980s) and no pole offsets",
        ),
        compared(
            "TEME to ITRF, positions at 7,000 km, against the full IAU chain",
            source.format("Orekit (TEME by IAU 1980 nutation)"),
            position[orekit & mean & low],
            2.0,
            "m",
            "TEME's pole: true here, as in AIAA 2006-6753; in Orekit that of IAU 1980 nutation, 0.035″ off",
        ),
        compared(
            "GCRF and TEME to ITRF, velocities",
            source.format("astropy and Orekit"),
            velocity[(astropy | orekit) & low],
            2e-3,
            "m/s",
            "rotation rate held constant; the pole difference above",
        ),
    ]


def _vallado() -> list[Comparison]:
    """The worked examples of Vallado's book and paper, all of one state."""
    eop = EarthOrientation.constant(
        -0.4399619, -0.140682 * _ARCSEC, 0.333309 * _ARCSEC, -0.000205 * _ARCSEC, -0.000136 * _ARCSEC
    )
    epoch = Epoch.from_iso("2004-04-06T07:51:28.386009Z")
    itrf = 1e3 * np.array([[-1033.4793830, 7901.2952754, 6380.3565958]])
    itrf_rate = 1e3 * np.array([[-3.225636520, -2.872451450, 5.531924446]])
    gcrf = 1e3 * np.array([[5102.50895290, 6123.01139910, 6378.13693380]])
    gcrf_rate = 1e3 * np.array([[-4.7432201610, 0.7905364950, 5.5337557240]])
    teme = 1e3 * np.array([[5094.18016210, 6127.64465950, 6380.34453270]])
    teme_rate = 1e3 * np.array([[-4.746131487, 0.785818041, 5.531931288]])
    up = gcrf_to_itrf(gcrf, gcrf_rate, epoch, _NOW, eop)
    down = itrf_to_gcrf(itrf, itrf_rate, epoch, _NOW, eop)
    paper = teme_to_itrf(teme, teme_rate, epoch, _NOW, eop)
    book = "Vallado, Fundamentals of Astrodynamics, 4th ed., "
    lon, lat, height = ecef_to_geodetic(np.array([6_524_834.0, 6_862_875.0, 6_448_296.0]))
    return [
        compared(
            "GCRF to ITRF and back, one state",
            book + "example 3-14 and table 3-6 (IAU 2006/2000, CIO)",
            np.array([np.linalg.norm(up[0] - itrf), np.linalg.norm(down[0] - gcrf)]),
            0.05,
            "m",
            "the book rounds UT1 to a Julian date of 40 µs: 2 cm of Earth rotation",
        ),
        compared(
            "TEME to ITRF, one state",
            _AIAA + ", appendix C",
            np.array([np.linalg.norm(paper[0] - itrf)]),
            0.05,
            "m",
            "the paper rounds UT1 to a Julian date of 40 µs",
        ),
        compared(
            "GCRF and TEME to ITRF, velocity",
            "the same",
            np.array([np.linalg.norm(up[1] - itrf_rate), np.linalg.norm(paper[1] - itrf_rate)]),
            1e-3,
            "m/s",
            "the rotation rate's change with the length of day is left out",
        ),
        compared(
            "GMST (IAU 1982) of 1992-08-20 12:14 UT1",
            book + "example 3-5",
            np.array([math.degrees(float(gmst82(2_448_855.0, 0.009722222))) - 152.57878810]),
            1e-5,
            "°",
            "printed to 1e-8°, the Julian date to 1e-9 day",
        ),
        compared(
            "ITRF to longitude and latitude",
            book + "example 3-3",
            np.array([float(lon) - 46.4464, float(lat) - 34.352496]),
            1e-4,
            "°",
            "longitude is printed to 1e-4°",
        ),
        compared(
            "ITRF to height",
            book + "example 3-3",
            np.array([float(height) - 5_085_220.0]),
            10.0,
            "m",
            "printed to 10 m",
        ),
    ]


def _sun_and_moon() -> list[Comparison]:
    found = []
    for name in ("de440", "de421"):
        table = reference_table(PACKAGE, f"sun-moon-{name}.csv.gz")
        tai_s = table.numbers("tai_s")
        epoch = Epoch(int(tai_s[0]) * 1_000_000_000)
        seconds = tai_s - tai_s[0]
        source = f"JPL {name.upper()} through Skyfield, apparent, 1980–2050"
        for body, place, limit, why in (
            ("sun", sun_position_gcrf, 0.001, "ERFA's abridged VSOP2000 (epv00)"),
            ("moon", moon_position_gcrf, 0.01, "18″ is the most that ERFA's moon98 promises"),
        ):
            position = place(epoch, seconds)
            expected = table.numbers(f"{body}_x", f"{body}_y", f"{body}_z")
            found.append(
                compared(
                    f"direction of the {body.title()}",
                    source,
                    _angle_deg(position, expected),
                    limit,
                    "°",
                    why,
                )
            )
            if body == "moon":
                distance = np.linalg.norm(position, axis=1) / 1e3 - table.numbers("moon_km")
                found.append(
                    compared("distance of the Moon", source, distance, 50.0, "km", "moon98 promises 32 km")
                )
    return found


_NOW = np.zeros(1)


def _angle_deg(a: FloatArray, b: FloatArray) -> FloatArray:
    """Angles (n,) between vectors (n, 3), also where they are tiny."""
    across = np.linalg.norm(np.cross(a, b), axis=1)
    return np.asarray(np.degrees(np.arctan2(across, np.einsum("ij,ij->i", a, b))), dtype=np.float64)
