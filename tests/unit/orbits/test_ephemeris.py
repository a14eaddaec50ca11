"""Tabulated ephemerides: interpolation against known motion, and no state beyond what is covered."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from comity.core import Epoch, InputError, Interval
from comity.orbits import (
    EarthOrientation,
    Ephemeris,
    EphemerisSegment,
    EphemerisTrajectory,
    PropagationError,
    SGP4Trajectory,
    parse_tle,
    sample_ephemeris,
)

EOP = EarthOrientation.bundled()
START = Epoch.from_iso("2024-09-22T12:00:00Z")
KANOPUS = parse_tle(
    "1 43180U 18014A   24266.19573193  .00005778  00000+0  25421-3 0  9991",
    "2 43180  97.3867 172.3278 0001890  78.1503 281.9945 15.22250606368396",
    "KANOPUS-V 3",
)
RATE = 2 * math.pi / 5700.0  # of a circular orbit


def circle(seconds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    u, zero = RATE * np.asarray(seconds), np.zeros(len(seconds))
    c, s = np.cos(u), np.sin(u)
    return 6.9e6 * np.stack([c, s, zero], -1), 6.9e6 * RATE * np.stack([-s, c, zero], -1)


def segment(first: float = 0.0, last: float = 7_200.0, step: float = 120.0, **more) -> EphemerisSegment:
    seconds = np.arange(first, last + 1e-6, step)
    position, velocity = circle(seconds)
    given = {"velocity": velocity, "ref_frame": "ITRF", **more}
    return EphemerisSegment(epoch=START, seconds=seconds, position=position, **given)


def trajectory(*segments: EphemerisSegment, name: str = "X") -> EphemerisTrajectory:
    return EphemerisTrajectory(
        Ephemeris(name=name, object_id="2024-001A", segments=segments, source="x.oem"), EOP
    )


@pytest.mark.parametrize(
    ("more", "metres", "per_second"),
    [
        # h⁴·r·ω⁴/384 of a cubic with h = 120 s: 5 m; degree 7 and 9 leave what doubles leave
        ({"interpolation": "HERMITE", "degree": 3}, (1.0, 6.0), 0.2),
        ({"interpolation": "HERMITE", "degree": 7}, (0.0, 5e-5), 1e-6),
        ({}, (0.0, 5e-5), 1e-6),
        ({"interpolation": "LAGRANGE", "degree": 9}, (0.0, 2e-3), 1e-4),
        ({"interpolation": "LAGRANGE", "degree": 9, "velocity": None}, (0.0, 2e-3), 1e-4),
        # h²·r·ω²/8: 15 km
        ({"interpolation": "LINEAR"}, (10e3, 16e3), 20.0),
    ],
)
def test_the_polynomial_asked_for_is_laid(more, metres: tuple[float, float], per_second: float) -> None:
    at = np.sort(np.random.default_rng(3).uniform(0.0, 7_200.0, 500))
    position, velocity = trajectory(segment(**more)).itrf(START, at)
    expected, moving = circle(at)
    away = np.linalg.norm(position - expected, axis=1).max()
    assert metres[0] <= away <= metres[1]
    assert np.linalg.norm(velocity - moving, axis=1).max() <= per_second


def test_states_of_the_table_are_given_back_as_they_are() -> None:
    for more in ({}, {"interpolation": "LAGRANGE"}, {"interpolation": "LINEAR"}):
        one = segment(**more)
        position, velocity = one.at(one.seconds)
        assert position == pytest.approx(one.position, abs=1e-6)
        assert velocity == pytest.approx(one.velocity, abs=1e-9)


def test_uneven_steps_are_fine() -> None:
    seconds = np.cumsum(np.random.default_rng(5).uniform(20.0, 150.0, 60))
    position, velocity = circle(seconds)
    one = EphemerisSegment(
        epoch=START, seconds=seconds, position=position, velocity=velocity, ref_frame="ITRF", degree=9
    )
    at = np.linspace(seconds[0], seconds[-1], 777)
    assert np.linalg.norm(one.at(at)[0] - circle(at)[0], axis=1).max() < 1e-5


def test_nothing_is_extrapolated_and_the_error_names_span_and_time() -> None:
    one = trajectory(segment(), name="SENTRY 1")
    one.itrf(START, np.array([0.0, 7_200.0]))  # both ends belong to it
    for at in (-1.0, 7_201.0):
        with pytest.raises(PropagationError) as error:
            one.teme(START, np.array([100.0, at]))
        said = str(error.value)
        assert "SENTRY 1" in said
        assert "covers 2024-09-22T12:00:00Z to 2024-09-22T14:00:00Z" in said
        assert f"no state at {(START + at).iso(0)}" in said
    useable = Interval(START + 600, START + 6_600)
    with pytest.raises(PropagationError, match=r"covers 2024-09-22T12:10:00Z to 2024-09-22T13:50:00Z"):
        trajectory(segment(useable=useable)).itrf(START, np.array([599.0]))


def test_gaps_between_segments_have_no_state() -> None:
    one = trajectory(segment(3_600.0, 7_200.0), segment(0.0, 2_400.0))
    assert [s.iso() for s in one.ephemeris.spans] == [
        "2024-09-22T12:00:00.000Z/2024-09-22T12:40:00.000Z",
        "2024-09-22T13:00:00.000Z/2024-09-22T14:00:00.000Z",
    ]
    at = np.array([6_000.0, 100.0, 4_000.0])  # in any order, over both
    assert one.itrf(START, at)[0] == pytest.approx(circle(at)[0], abs=1e-4)
    with pytest.raises(PropagationError, match="no state at 2024-09-22T12:50:00Z"):
        one.itrf(START, np.array([100.0, 3_000.0]))
    assert not one.ephemeris.covers(Interval(START, START + 7_200))
    assert one.ephemeris.covers(Interval(START + 3_600, START + 7_200))


def test_where_segments_meet_the_later_one_holds() -> None:
    """As after a manoeuvre: two segments share an instant, but not its velocity."""
    after = segment(3_600.0, 7_200.0)
    kicked = replace(after, velocity=after.velocity + np.array([0.0, 0.0, 10.0]))
    one = trajectory(segment(0.0, 3_600.0), kicked)
    _, velocity = one.itrf(START, np.array([3_599.999, 3_600.0]))
    assert velocity[:, 2] == pytest.approx([0.0, 10.0], abs=0.1)
    assert len(one.ephemeris.spans) == 1


@pytest.mark.parametrize("frame", ["TEME", "EME2000", "GCRF", "TOD", "ITRF"])
def test_an_ephemeris_of_sgp4_is_sgp4(frame: str) -> None:
    orbit = SGP4Trajectory(KANOPUS, EOP)
    day = Interval(START, START + 86_400)
    table = sample_ephemeris(orbit, day, 60.0, ref_frame=frame, eop=EOP)
    assert len(table.segments[0].seconds) == 1441
    one = EphemerisTrajectory(table, EOP)
    assert (one.name, one.norad_id, one.epoch) == ("KANOPUS-V 3", 43180, START)
    assert one.max_step_s == pytest.approx(orbit.max_step_s, rel=0.01)
    at = np.random.default_rng(7).uniform(0.0, 86_400.0, 400)
    for ours, theirs in zip(one.itrf(START, at), orbit.itrf(START, at), strict=True):
        assert np.linalg.norm(ours - theirs, axis=1).max() < 1e-3
    for ours, theirs in zip(one.teme(START, at), orbit.teme(START, at), strict=True):
        assert np.linalg.norm(ours - theirs, axis=1).max() < 1e-3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"interpolation": "CUBIC"}, "interpolation 'CUBIC' is not supported: use HERMITE, LAGRANGE, LINEAR"),
        ({"degree": 200}, "degree 200 is outside 1 … 27"),
        ({"last": 240.0, "degree": 7}, "degree 7 needs 4 states, the segment has 3"),
        ({"last": 0.0}, "a segment of 1 state has nothing to interpolate"),
        ({"velocity": None, "interpolation": "HERMITE"}, "HERMITE needs velocities"),
        ({"ref_frame": "MCI"}, "reference frame 'MCI' is not supported"),
        ({"useable": Interval(START + 9_000, START + 9_100)}, "has no states"),
    ],
)
def test_segments_that_cannot_be_interpolated_are_refused(change, message: str) -> None:
    with pytest.raises(InputError, match=message):
        segment(**change)


def test_times_must_rise_and_the_centre_be_the_earth() -> None:
    one = segment()
    seconds = one.seconds.copy()
    seconds[5] = seconds[4]
    with pytest.raises(InputError, match=r"times do not rise at 2024-09-22T12:08:00"):
        replace(one, seconds=seconds, useable=None)
    with pytest.raises(InputError, match="about MOON: only EARTH"):
        Ephemeris(name="LRO", object_id="", segments=(one,), center="MOON")


def test_a_table_too_long_to_hold_is_refused_before_it_is_made() -> None:
    ten_years = Interval(START, START + 3_652 * 86_400)
    with pytest.raises(
        InputError, match=r"315,532,801 states \(3,652\.0 days at 1 s\) are more than 1,000,000"
    ):
        sample_ephemeris(SGP4Trajectory(KANOPUS, EOP), ten_years, 1.0, eop=EOP)
