"""Ground coordinates, Earth orientation, frames and the Sun against published values."""

from __future__ import annotations

import math

import erfa
import numpy as np
import pytest

from comity.core import Epoch, InputError
from comity.orbits import (
    EarthOrientation,
    check_geodetic,
    ecef_to_geodetic,
    elevation_azimuth_deg,
    geodetic_to_ecef,
    gmst82,
    itrf_to_teme,
    sun_direction_itrf,
    sun_direction_teme,
    sun_elevation_azimuth_deg,
    teme_to_itrf,
    up_vector,
)

ARCSEC = math.pi / 648_000
NOW = np.zeros(1)


def test_geodetic_coordinates_of_known_places() -> None:
    # NIMA TR8350.2: semi-axes of WGS-84; a site 155 m under the ellipsoid lies on the normal inwards.
    assert geodetic_to_ecef(0.0, 0.0) == pytest.approx([6_378_137.0, 0.0, 0.0])
    assert geodetic_to_ecef(45.0, -90.0) == pytest.approx([0.0, 0.0, -6_356_752.3142], abs=1e-4)
    assal, above = geodetic_to_ecef(42.416, 11.652, -155.0), geodetic_to_ecef(42.416, 11.652)
    assert above - assal == pytest.approx(155.0 * up_vector(42.416, 11.652))
    # Vallado, Fundamentals of Astrodynamics, 4th ed., example 3-3
    lon, lat, height = ecef_to_geodetic(np.array([6_524_834.0, 6_862_875.0, 6_448_296.0]))
    assert (lon, lat, height) == (
        pytest.approx(46.4464, abs=1e-4),
        pytest.approx(34.352496, abs=1e-6),
        pytest.approx(5_085_220, abs=10),
    )


def test_directions_seen_from_the_ground() -> None:
    elevation, azimuth = elevation_azimuth_deg(0.0, 0.0, np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0]]))
    assert elevation == pytest.approx([0.0, 45.0])
    assert azimuth == pytest.approx([90.0, 0.0])


@pytest.mark.parametrize(
    ("site", "message"),
    [
        ((43.0, 91.0, 0.0), "latitude 91° is outside −90 … 90"),
        ((-181.0, 0.0, 0.0), "longitude -181° is outside −180 … 360"),
        ((43.0, 11.0, -501.0), "altitude -501 m is outside -500"),
        ((43.0, 11.0, 400_000.0), "metres, not km"),
        ((math.nan, 0.0, 0.0), "longitude nan"),
    ],
)
def test_places_off_the_ground_are_refused(site: tuple[float, float, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_geodetic(*site)


def test_longitudes_wrap() -> None:
    assert check_geodetic(359.0, 0.0)[0] == -1.0
    assert check_geodetic(180.0, 0.0)[0] == -180.0


def test_teme_to_itrf_of_the_published_example() -> None:
    # Vallado et al., AIAA 2006-6753, appendix C. The paper rounds UT1 to its Julian date (40 µs): 2 cm here.
    eop = EarthOrientation.constant(-0.439961, -0.140682 * ARCSEC, 0.333309 * ARCSEC)
    epoch = Epoch.from_iso("2004-04-06T07:51:28.386009Z")
    r = 1e3 * np.array([[5094.18016210, 6127.64465950, 6380.34453270]])
    v = 1e3 * np.array([[-4.746131487, 0.785818041, 5.531931288]])
    position, velocity = teme_to_itrf(r, v, epoch, NOW, eop)
    assert position == pytest.approx(
        1e3 * np.array([[-1033.47938300, 7901.29527540, 6380.35659580]]), abs=0.02
    )
    assert velocity == pytest.approx(1e3 * np.array([[-3.225636520, -2.872451450, 5.531924446]]), abs=2e-5)
    back, back_velocity = itrf_to_teme(position, velocity, epoch, NOW, eop)
    assert back == pytest.approx(r, abs=1e-8)
    assert back_velocity == pytest.approx(v, abs=1e-8)


def test_teme_agrees_with_the_iau_2006_chain() -> None:
    """GCRS → ITRF by IAU 2006/2000A, against GCRS → TEME by IAU 1976/1980, then ours.

    The older models are off by some 0.1″, which is 3.4 m at 7 000 km; a wrong sign anywhere is kilometres.
    """
    eop = EarthOrientation.bundled()
    epoch = Epoch.from_iso("2024-09-22T00:00:00Z")
    seconds = np.linspace(0.0, 86_400.0, 25)
    at = eop.at(epoch, seconds)
    tt = (2_440_587.5, (epoch.tai_ns / 1e9 + seconds + 32.184) / 86_400)
    gcrs = np.array([4.1e6, -3.2e6, 4.7e6])
    expected = erfa.c2t06a(*tt, *at.ut1_jd, at.xp, at.yp) @ gcrs
    dpsi, _ = erfa.nut80(*tt)
    equinoxes = erfa.rz(dpsi * np.cos(erfa.obl80(*tt)), np.eye(3))
    teme = np.einsum("nij,njk,k->ni", equinoxes, erfa.pnm80(*tt), gcrs)
    position, _ = teme_to_itrf(teme, np.zeros_like(teme), epoch, seconds, eop)
    assert np.linalg.norm(position - expected, axis=1).max() < 5.0


def test_velocity_is_the_rate_of_position() -> None:
    eop = EarthOrientation.bundled()
    epoch = Epoch.from_iso("2024-09-22T06:00:00Z")
    seconds = np.array([-0.5, 0.0, 0.5])
    v = np.array([-4746.0, 785.0, 5531.0])
    r = np.array([5.0e6, 6.1e6, 6.3e6]) + seconds[:, None] * v
    position, velocity = teme_to_itrf(r, np.tile(v, (3, 1)), epoch, seconds, eop)
    assert position[2] - position[0] == pytest.approx(velocity[1], abs=1e-3)


def test_earth_orientation_is_what_iers_published() -> None:
    # IERS Bulletin A final values of 2024-09-22 0h UTC (MJD 60575)
    eop = EarthOrientation.bundled()
    epoch = Epoch.from_iso("2024-09-22T00:00:00Z")
    at = eop.at(epoch, NOW)
    tai_utc = 37.0
    assert at.ut1_tai_s[0] + tai_utc == pytest.approx(0.05674, abs=1e-4)
    assert at.xp[0] / ARCSEC == pytest.approx(0.22317, abs=5e-4)
    assert at.yp[0] / ARCSEC == pytest.approx(0.42013, abs=5e-4)
    assert "finals2000A" in eop.source
    assert eop.predicted_from is not None
    assert epoch < eop.predicted_from


def test_ut1_does_not_jump_at_a_leap_second() -> None:
    eop = EarthOrientation.bundled()
    before = Epoch.from_iso("2016-12-31T23:59:59Z")
    ut1_tai = eop.at(before, np.array([0.0, 1.0, 2.0, 3.0])).ut1_tai_s
    assert np.ptp(ut1_tai) < 1e-4
    whole_day = Epoch.from_iso("2017-01-01T12:00:00Z") - Epoch.from_iso("2016-12-31T12:00:00Z")
    assert whole_day == 86_401.0


def test_times_without_earth_orientation_are_refused() -> None:
    with pytest.raises(InputError, match=r"known from 1973-01-02.*update astropy-iers-data"):
        EarthOrientation.bundled().at(Epoch.from_iso("2150-01-01"), NOW)


def test_gmst_of_vallado_example_3_5() -> None:
    # Vallado, Fundamentals of Astrodynamics, 4th ed., example 3-5: 1992-08-20 12:14 UT1
    assert math.degrees(gmst82(2_448_855.009722)) == pytest.approx(152.578788, abs=1e-4)


def test_sun_of_the_nrel_example() -> None:
    """Reda & Andreas, NREL/TP-560-34302, table A5.1: 2003-10-17 19:30:30 UT at 105.1786° W, 39.742476° N.

    Its elevation e₀, from the ground and without refraction, is 39.872046°.
    """
    elevation, azimuth = sun_elevation_azimuth_deg(
        -105.1786, 39.742476, Epoch.from_iso("2003-10-17T19:30:30Z"), NOW, EarthOrientation.constant()
    )
    assert elevation[0] == pytest.approx(39.872046, abs=1e-4)
    assert azimuth[0] == pytest.approx(194.340241, abs=1e-3)


def test_sun_between_nodes_is_the_sun() -> None:
    eop = EarthOrientation.bundled()
    epoch = Epoch.from_iso("2024-09-22T00:00:00Z")
    many = np.linspace(0.0, 3 * 86_400.0, 4001)
    few = many[[7, 1234, 3999]]
    assert sun_direction_teme(epoch, many, eop)[[7, 1234, 3999]] == pytest.approx(
        sun_direction_teme(epoch, few, eop), abs=3e-7
    )
    assert np.linalg.norm(sun_direction_itrf(epoch, many, eop), axis=1) == pytest.approx(1.0)
