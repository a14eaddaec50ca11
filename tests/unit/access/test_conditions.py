"""Conditions as their users meet them: eclipses by hand, sight of each other, expressions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from comity.access import (
    Site,
    all_of,
    any_of,
    conditions,
    eclipses,
    find_all_events,
    find_events,
    line_of_sight,
    sunlit,
    umbra,
)
from comity.access.conditions import Condition, Surroundings, condition_from_text
from comity.access.conditions import base as search
from comity.core import Epoch, InputError, Interval, UnknownIdError
from comity.orbits import EarthOrientation, itrf_to_teme, sun_direction_itrf, teme_to_itrf
from comity.orbits.geodesy import EQUATORIAL_RADIUS_M
from comity.orbits.sun import SUN_RADIUS_M, sun_position_itrf

FloatArray = NDArray[np.float64]

START = Epoch.from_iso("2024-09-22T00:00:00Z")
DAY = Interval(START, START + 86_400.0)
EOP = EarthOrientation.constant()
STRETCH = np.array([1.0, 1.0, 1.0 / (1.0 - 1.0 / 298.257223563)])


@dataclass(frozen=True, kw_only=True)
class Circle:
    """A circular orbit about a point mass, in TEME: what can be worked out by hand."""

    radius_m: float
    inclination: float = 0.0
    phase: float = 0.0
    name: str = "CIRCLE"
    norad_id: int = 7
    source: str = "made"
    epoch: Epoch = START
    max_step_s: float = 60.0

    @property
    def rate(self) -> float:
        return math.sqrt(3.986004418e14 / self.radius_m**3)

    def teme(self, epoch: Epoch, seconds: FloatArray) -> tuple[FloatArray, FloatArray]:
        u = self.phase + self.rate * (seconds + (epoch - START))
        c, s = math.cos(self.inclination), math.sin(self.inclination)
        place = np.stack([np.cos(u), np.sin(u) * c, np.sin(u) * s], axis=-1)
        going = np.stack([-np.sin(u), np.cos(u) * c, np.cos(u) * s], axis=-1)
        return self.radius_m * place, self.radius_m * self.rate * going

    def itrf(self, epoch: Epoch, seconds: FloatArray) -> tuple[FloatArray, FloatArray]:
        return teme_to_itrf(*self.teme(epoch, seconds), epoch, seconds, EOP)


@dataclass(frozen=True, kw_only=True)
class AgainstTheSun(Circle):
    """Always so far behind the Earth as seen from the Sun."""

    def itrf(self, epoch: Epoch, seconds: FloatArray) -> tuple[FloatArray, FloatArray]:
        def place(t: FloatArray) -> FloatArray:
            return -self.radius_m * sun_direction_itrf(epoch, t, EOP)

        return place(seconds), (place(seconds + 0.5) - place(seconds - 0.5)) / 1.0

    def teme(self, epoch: Epoch, seconds: FloatArray) -> tuple[FloatArray, FloatArray]:
        return itrf_to_teme(*self.itrf(epoch, seconds), epoch, seconds, EOP)


@pytest.mark.parametrize("altitude_km", [400.0, 20_200.0, 35_786.0])
def test_eclipse_edges_of_an_equatorial_circle(altitude_km: float) -> None:
    """By hand: a cone of half angle a about the Earth meets a circle of radius r at asin(R/r) ∓ a off axis.

    Montenbruck & Gill §3.4; in the equator's plane the ellipsoid's shadow is that of the stretched sphere.
    """
    orbit = Circle(radius_m=EQUATORIAL_RADIUS_M + altitude_km * 1e3, phase=math.pi)
    found = eclipses(orbit, DAY, eop=EOP)
    assert [event.what for event in found[:3]] == ["penumbra", "umbra", "penumbra"]
    errors = []
    for event in found:
        for edge in {event.interval.start, event.interval.end} - {DAY.start, DAY.end}:
            t = np.array([edge - START])
            sun = sun_position_itrf(START, t, EOP)[0] * STRETCH
            place = orbit.itrf(START, t)[0][0] * STRETCH
            distance = np.linalg.norm(sun)
            off_axis = math.acos(-place @ sun / np.linalg.norm(place) / distance)
            wide = math.asin((SUN_RADIUS_M + EQUATORIAL_RADIUS_M) / distance)
            narrow = -math.asin((SUN_RADIUS_M - EQUATORIAL_RADIUS_M) / distance)
            middle = math.asin(EQUATORIAL_RADIUS_M / orbit.radius_m)
            errors.append(min(abs(off_axis - middle - a) for a in (wide, narrow)) / orbit.rate)
    assert max(errors) < 2e-3  # s; the Sun between its nodes is good to 2e-7 rad


def test_phases_follow_each_other_and_share_their_edges() -> None:
    orbit = Circle(radius_m=7.0e6, inclination=1.0)
    kinds = [event.what for event in eclipses(orbit, DAY, eop=EOP)]
    assert set(kinds) == {"penumbra", "umbra"}
    dark = find_events(umbra(orbit), DAY, eop=EOP)
    light = find_events(sunlit(orbit), DAY, eop=EOP)
    partial = find_events(conditions.penumbra(orbit), DAY, eop=EOP)
    total = sum(event.interval.duration_s for event in (*dark, *light, *partial))
    assert total == pytest.approx(86_400.0, abs=1e-6)
    assert all(5.0 < event.interval.duration_s < 20.0 for event in partial)


def test_beyond_its_tip_the_shadow_is_a_ring() -> None:
    """The umbra ends R·D/(Rₛ − R) behind the Earth: 1.38 million km."""
    near, far = AgainstTheSun(radius_m=1.30e9), AgainstTheSun(radius_m=1.45e9)
    hour = Interval(START, START + 3_600.0)
    assert [e.what for e in eclipses(near, hour, eop=EOP)] == ["umbra"]
    assert [e.what for e in eclipses(far, hour, eop=EOP)] == ["annular"]
    assert find_events(sunlit(far), hour, eop=EOP) == []


def test_two_objects_see_each_other_over_the_limb() -> None:
    """On one equatorial circle half the angle between two must be less than acos((R + h)/r)."""
    radius, limb = 7.4e6, 100e3
    least = 2.0 * math.acos((EQUATORIAL_RADIUS_M + limb) / radius)
    one = Circle(radius_m=radius)
    for extra, sees in ((-1e-6, True), (1e-6, False)):
        other = Circle(radius_m=radius, phase=least + extra)
        assert bool(find_events(line_of_sight(one, other, limb), DAY, eop=EOP)) is sees
    below = Circle(radius_m=EQUATORIAL_RADIUS_M + 99e3, phase=0.01)
    assert find_events(line_of_sight(one, below, limb), DAY, eop=EOP) == []


def test_range_between_circles_of_two_heights() -> None:
    """The law of cosines gives the angle at which a range is reached, twice a synodic period."""
    low, high, limit = Circle(radius_m=7.0e6), Circle(radius_m=7.2e6, phase=0.3), 1.0e6
    half = math.acos((7.0e6**2 + 7.2e6**2 - limit**2) / (2.0 * 7.0e6 * 7.2e6)) / (low.rate - high.rate)
    meet = 0.3 / (low.rate - high.rate)
    first = find_events(conditions.range_between(low, high, limit), DAY, eop=EOP)[0].interval
    assert (first.start - START, first.end - START) == pytest.approx((meet - half, meet + half), abs=2e-3)


def test_a_new_condition_is_a_function_and_its_bound() -> None:
    """Ten minutes in every hour, by a sine, with nothing more said."""
    rate = 2.0 * math.pi / 3_600.0
    level = math.cos(rate * 300.0)
    hourly = Condition(
        name="top of the hour",
        movers=(),
        margin=lambda scene, t: np.cos(rate * t) - level,
        bound=lambda scene, low, high: (rate, rate**2),
    )
    found = find_events(hourly & ~umbra(AgainstTheSun(radius_m=3e9)), DAY, eop=EOP)
    assert len(found) == 25
    assert found[1].interval.duration_s == pytest.approx(600.0, abs=1e-3)
    assert found[1].what == "top of the hour and not umbra"


def test_a_long_interval_is_searched_in_pieces_that_leave_no_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    orbit, site = Circle(radius_m=7.0e6, inclination=1.2), Site(name="s", lon_deg=180.0, lat_deg=50.0)
    condition = any_of(all_of(conditions.elevation(orbit, site, 5.0), sunlit(orbit)), umbra(orbit))
    whole = find_events(condition, DAY, eop=EOP)
    monkeypatch.setattr(search, "_MAX_NODES", 100)
    pieces = find_events(condition, DAY, eop=EOP)
    assert len(whole) == len(pieces) > 15
    for one, other in zip(whole, pieces, strict=True):
        assert abs(one.interval.start - other.interval.start) < 1e-3
        assert abs(one.interval.end - other.interval.end) < 1e-3


def test_a_mask_by_azimuth_goes_on_round_north() -> None:
    """A wall in the north, low ground in the south; a flat table is a plain elevation."""
    orbit, site = Circle(radius_m=7.0e6, inclination=1.2), Site(name="s", lon_deg=10.0, lat_deg=50.0)
    flat = find_all_events({"": conditions.above_mask(orbit, site, [(123.0, 7.0)])}, DAY, eop=EOP)
    plain = find_all_events({"": conditions.elevation(orbit, site, 7.0)}, DAY, eop=EOP)
    assert len(flat) == len(plain) > 3
    assert all(abs(a.interval.start - b.interval.start) < 1e-3 for a, b in zip(flat, plain, strict=True))
    mask = conditions.above_mask(orbit, site, [(10.0, 89.0), (60.0, 0.0), (300.0, 0.0), (350.0, 89.0)])
    north = conditions.azimuth(orbit, site, 350.0, 10.0)
    assert find_events(mask & north & ~conditions.elevation(orbit, site, 88.9), DAY, eop=EOP) == []
    assert find_events(mask & ~north, DAY, eop=EOP)
    for bad in ([], [(10.0, 5.0), (10.0, 6.0)], [(0.0, 1.0), (360.0, 2.0)], [(0.0, 90.0)], [(-1.0, 0.0)]):
        with pytest.raises(InputError, match="mask"):
            conditions.above_mask(orbit, site, bad)


CIRCLE = Circle(radius_m=7.0e6, inclination=1.2)


def find(name: str) -> Circle:
    if name != "OTHER ONE":
        raise UnknownIdError("object", name, ("OTHER ONE",))
    return Circle(radius_m=7.2e6, name=name)


AROUND = Surroundings(sites={"here": Site(name="here", lon_deg=10.0, lat_deg=50.0)}, find=find)


def events_of(text: str) -> list[Interval]:
    condition = condition_from_text(text, CIRCLE, AROUND)
    return [event.interval for event in find_events(condition, DAY, eop=EOP)]


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("elevation(here) > 10", "10 < elevation(here)"),
        ("elevation(site) >= 10 deg", "not elevation(here) < 600 arcmin"),
        ("10 <= elevation(site) < 30", "elevation(here) > 10 and elevation(here) < 30"),
        ("30 > elevation(site) > 10", "10 < elevation(site) < 30"),
        ('range("OTHER ONE") < 5000', "5000e3 m > range('OTHER ONE')"),
        ("incidence(here) < 80", "elevation(here) > 10"),
        ("night(here)", "not day(here) and sun_elevation(here) < 0.0"),
        ("sunlit or penumbra or umbra", "latitude > -90 or latitude <= -90"),
        ("sunlit and ascending or umbra", "(sunlit and not descending) or umbra"),
        ("azimuth_between(here, 350, 370)", "azimuth_between(here, -10, 10)"),
        ("moon_illumination > 40 %", "moon_illumination > 0.4"),
        ("left(here)", "not right(here)"),
        ("sun_separation(nadir) < 100", "not sun_separation(nadir) > 100"),
        ("box(170, -20, -170, 20)", "longitude_between(170, 190) and -20 < latitude < 20"),
    ],
)
def test_expressions_that_say_the_same(text: str, same: str) -> None:
    assert events_of(text) == events_of(same) != []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("elevatoin(here) > 1", r"character 1: 'elevatoin' is not known: quantities.*elevation.*statements"),
        ("elevation(there) > 1", r"no site is called 'there': sites: 'here'"),
        ("elevation(here) > 1 km", r"elevation is an angle in deg: 'km'.*deg, °, rad"),
        ("elevation(here)", r"needs a comparison, as in elevation\(site\) > 10"),
        ("elevation > 3", r"too few arguments: elevation\(site\)"),
        ("umbra < 3", r"umbra holds or does not"),
        ("umbra umbra", r"character 7.*join conditions with and"),
        ("(umbra", r"bracket is not closed"),
        ("", r"a condition must stand here"),
        ("umbra and", r"character 10: a condition must stand here, not 'the end'"),
        ("elevation(here) == 3", r"compared with <, <="),
        ("moon_separation(nowhere) > 3", r"known: OTHER ONE; sites: 'here'; boresights: nadir"),
        ("line_of_sight(here)", r"unknown object 'here'"),
        ("latitude > 91", r"latitude 91° is outside"),
        ("umbra; import os", r"';' means nothing"),
        ("__import__('os')", r"'__import__' is not known"),
        ("5 < elevation(here) and", r"a condition must stand here"),
        ("5 < elevation(here) < 8 < 9", r"does not belong here"),
        ("(" * 51 + "umbra" + ")" * 51, r"character 51: brackets and not stand more than 50 deep"),
        ("not " * 900 + "umbra", r"more than 50 deep"),
        (" or ".join(["umbra"] * 2000), r"has 17,996 characters, the limit is 10,000"),
    ],
)
def test_a_wrong_expression_is_told_what_there_is(text: str, told: str) -> None:
    with pytest.raises((InputError, UnknownIdError), match=told):
        condition_from_text(text, CIRCLE, AROUND)
