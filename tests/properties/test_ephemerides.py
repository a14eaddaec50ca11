"""Tabulated ephemerides and celestial frames: there and back, and true to the orbit they are made from."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from comity.core import Epoch, InputError, Interval
from comity.orbits import (
    FRAMES,
    EarthOrientation,
    Ephemeris,
    EphemerisSegment,
    EphemerisTrajectory,
    MeanElements,
    PropagationError,
    SGP4Trajectory,
    ephemeris_to_oem,
    from_itrf,
    read_oem_kvn,
    sample_ephemeris,
    to_itrf,
)

EOP = EarthOrientation.bundled()
EPOCHS = st.datetimes(datetime(1974, 1, 1), datetime(2026, 12, 1), timezones=st.just(UTC)).map(
    Epoch.from_datetime
)
NAMES = st.from_regex(r"[A-Z][A-Z0-9 ()\-/]{0,18}[A-Z0-9)]", fullmatch=True)


@st.composite
def segments(draw: st.DrawFn) -> EphemerisSegment:
    count = draw(st.integers(2, 14))
    gaps_ms = draw(st.lists(st.integers(1, 600_000), min_size=count - 1, max_size=count - 1))
    numbers = st.floats(-5e7, 5e7).map(lambda x: round(x, 6))
    states = np.array(
        draw(st.lists(st.lists(numbers, min_size=6, max_size=6), min_size=count, max_size=count))
    )
    return EphemerisSegment(
        epoch=draw(EPOCHS),
        seconds=np.concatenate([[0.0], np.cumsum(gaps_ms) / 1e3]),
        position=states[:, :3],
        velocity=np.round(states[:, 3:] / 5e3, 9),
        ref_frame=draw(st.sampled_from(FRAMES)),
        interpolation=draw(st.sampled_from([None, "HERMITE", "LAGRANGE", "LINEAR"])),
    )


@given(NAMES, st.integers(0, 999_999), st.lists(segments(), min_size=1, max_size=3))
@settings(max_examples=50)
def test_an_oem_loses_nothing(name: str, norad_id: int, made: list[EphemerisSegment]) -> None:
    ephemeris = Ephemeris(name=name, object_id="2024-001A", segments=tuple(made), norad_id=norad_id)
    (read,) = read_oem_kvn(ephemeris_to_oem(ephemeris), "x", EOP)
    assert isinstance(read, Ephemeris)
    assert (read.name, read.object_id, read.norad_id) == (name, "2024-001A", norad_id)
    for ours, theirs in zip(read.segments, ephemeris.segments, strict=True):
        assert abs(ours.epoch - theirs.epoch) <= 1e-9
        assert ours.seconds == pytest.approx(theirs.seconds, abs=2e-9)
        assert ours.position == pytest.approx(theirs.position, abs=1e-6)
        assert ours.velocity == pytest.approx(theirs.velocity, abs=1e-9)
        assert (ours.ref_frame, ours.interpolation, ours.degree) == (
            *(theirs.ref_frame, theirs.interpolation, theirs.degree),
        )
        assert abs(ours.span.start - theirs.span.start) + abs(ours.span.end - theirs.span.end) <= 4e-9


@given(
    st.lists(
        st.one_of(
            st.sampled_from(
                [
                    *("META_START", "META_STOP", "COVARIANCE_START", "COVARIANCE_STOP", "COMMENT x", ""),
                    *("OBJECT_NAME = X", "CENTER_NAME = EARTH", "REF_FRAME = TEME", "TIME_SYSTEM = UTC"),
                    *("START_TIME = 2024-01-01", "INTERPOLATION_DEGREE = 7", "INTERPOLATION = LAGRANGE"),
                    *("2024-01-01T00:00:00 1 2 3 4 5 6", "2024-01-01T00:01:00 1 2 3 4 5 6"),
                ]
            ),
            st.text(max_size=40),
        ),
        max_size=25,
    )
)
@settings(max_examples=200)
def test_no_text_breaks_the_reader(lines: list[str]) -> None:
    """Whatever a file holds, it is read, skipped with reasons or refused."""
    try:
        list(read_oem_kvn("\n".join(["CCSDS_OEM_VERS = 2.0", *lines]), "x", EOP))
    except InputError:
        return


@given(
    st.floats(12.0, 15.9),
    st.floats(0.0, 0.02),
    st.floats(0.0, 180.0),
    st.floats(0.0, 359.0),
    st.floats(10.0, 90.0),
    st.sampled_from(FRAMES),
    st.floats(0.0, 1.0),
)
@settings(max_examples=60)
def test_a_sampled_low_orbit_is_that_orbit_to_a_millimetre(
    motion: float, e: float, inclination: float, angle: float, step: float, frame: str, where: float
) -> None:
    start = Epoch.from_iso("2024-09-22T12:00:00Z")
    elements = MeanElements(
        name="X",
        norad_id=1,
        cospar_id="",
        epoch=start,
        mean_motion=motion,
        eccentricity=e,
        inclination_deg=inclination,
        raan_deg=angle,
        arg_of_perigee_deg=angle / 2.0,
        mean_anomaly_deg=359.0 - angle,
        bstar=1e-5,
        mean_motion_dot=0.0,
        mean_motion_ddot=0.0,
    )
    orbit = SGP4Trajectory(elements, EOP)
    span = Interval(start, start + 7_200)
    try:
        table = sample_ephemeris(orbit, span, step, ref_frame=frame, eop=EOP)
    except PropagationError:
        assume(False)
    at = np.array([0.0, where * 7_200.0, 7_200.0])
    for ours, theirs in zip(
        EphemerisTrajectory(table, EOP).itrf(start, at), orbit.itrf(start, at), strict=True
    ):
        assert np.abs(ours - theirs).max() < 1e-3


VECTORS = st.lists(st.floats(-5e7, 5e7), min_size=3, max_size=3)


@given(st.sampled_from(FRAMES), VECTORS, VECTORS, EPOCHS, st.floats(0.0, 3e7), st.integers(1, 12))
def test_celestial_frames_there_and_back(
    frame: str, position: list[float], velocity: list[float], epoch: Epoch, span: float, count: int
) -> None:
    """Few instants are worked out in full and many between nodes: both are rotations."""
    seconds = np.linspace(0.0, min(span, EOP.validity.end - epoch), count)
    r, v = np.tile(position, (count, 1)), np.tile(velocity, (count, 1)) / 5e3
    fixed = to_itrf(frame, r, v, epoch, seconds, EOP)
    assert np.linalg.norm(fixed[0], axis=1) == pytest.approx(np.linalg.norm(r, axis=1), abs=1e-6)
    back = from_itrf(frame, *fixed, epoch, seconds, EOP)
    assert back[0] == pytest.approx(r, abs=1e-6)
    assert back[1] == pytest.approx(v, abs=1e-9)
