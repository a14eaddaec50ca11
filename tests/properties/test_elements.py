"""Mean elements and frames: there and back."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comity.core import Epoch, InputError
from comity.orbits import (
    EarthOrientation,
    MeanElements,
    ecef_to_geodetic,
    elements_to_omm_csv,
    elements_to_omm_json,
    elements_to_omm_kvn,
    elements_to_omm_xml,
    geodetic_to_ecef,
    itrf_to_teme,
    parse_elements,
    parse_tle,
    teme_to_itrf,
    to_tle,
)

EOP = EarthOrientation.bundled()
ANGLES = st.floats(0.0, 360.0, exclude_max=True)
EPOCHS = st.datetimes(datetime(1973, 1, 2), datetime(2056, 12, 31, 23, 59, 59), timezones=st.just(UTC)).map(
    Epoch.from_datetime
)
SMALL = st.floats(-0.9, 0.9)
ELEMENTS = st.builds(
    MeanElements,
    name=st.from_regex(r"[A-Z][A-Z0-9 ()\-/\[\]]{0,18}[A-Z0-9)]", fullmatch=True),
    norad_id=st.integers(1, 339_999),
    cospar_id=st.from_regex(r"(19[6-9][0-9]|20[0-4][0-9])-[0-9]{3}[A-Z]{1,3}", fullmatch=True),
    epoch=EPOCHS,
    mean_motion=st.floats(0.01, 17.0),
    eccentricity=st.floats(0.0, 0.9999999),
    inclination_deg=st.floats(0.0, 180.0),
    raan_deg=ANGLES,
    arg_of_perigee_deg=ANGLES,
    mean_anomaly_deg=ANGLES,
    bstar=SMALL,
    mean_motion_dot=SMALL,
    mean_motion_ddot=SMALL,
    element_set_no=st.integers(0, 9_999),
    rev_at_epoch=st.integers(0, 99_999),
    source=st.just("x"),
)


@given(st.lists(ELEMENTS, min_size=1, max_size=4))
@pytest.mark.parametrize(
    "write", [elements_to_omm_json, elements_to_omm_csv, elements_to_omm_kvn, elements_to_omm_xml]
)
def test_omm_loses_nothing(write, elements: list[MeanElements]) -> None:  # type: ignore[no-untyped-def]
    catalogue = parse_elements(write(elements), "x")
    assert catalogue.elements == tuple(elements)
    assert catalogue.skipped == ()


@given(ELEMENTS)
def test_a_tle_keeps_what_it_can_print(elements: MeanElements) -> None:
    line1, line2 = to_tle(elements)
    read = parse_tle(line1, line2, elements.name, "x")
    assert to_tle(read) == (line1, line2)
    assert (read.norad_id, read.cospar_id) == (elements.norad_id, elements.cospar_id)
    assert abs(read.epoch - elements.epoch) <= 0.5e-8 * 86_400 + 1e-9
    assert read.mean_motion == pytest.approx(elements.mean_motion, abs=0.51e-8)
    assert read.eccentricity == pytest.approx(elements.eccentricity, abs=0.51e-7)
    turned = (read.mean_anomaly_deg - elements.mean_anomaly_deg + 180.0) % 360.0 - 180.0
    assert abs(turned) < 0.51e-4
    assert read.bstar == pytest.approx(elements.bstar, rel=0.51e-4, abs=1e-14)


@given(st.text(max_size=300))
@settings(max_examples=200)
def test_no_text_breaks_the_reader(text: str) -> None:
    """Whatever a file holds, it is read, skipped with reasons or refused."""
    try:
        catalogue = parse_elements(text, "x")
    except InputError:
        return
    assert catalogue.elements


@given(
    st.floats(-180.0, 180.0, exclude_max=True), st.floats(-89.9999, 89.9999), st.floats(-10_000.0, 40_000e3)
)
def test_geodetic_coordinates_there_and_back(lon: float, lat: float, height: float) -> None:
    back = ecef_to_geodetic(geodetic_to_ecef(lon, lat, height))
    assert back[0] == pytest.approx(lon, abs=1e-8)
    assert back[1] == pytest.approx(lat, abs=1e-8)
    assert back[2] == pytest.approx(height, abs=1e-5)


VECTORS = st.lists(st.floats(-5e7, 5e7), min_size=3, max_size=3)


@given(VECTORS, VECTORS, st.floats(0.0, 50 * 365 * 86_400.0))
def test_frames_there_and_back(position: list[float], velocity: list[float], seconds: float) -> None:
    epoch, at = Epoch.from_iso("1973-06-01"), np.array([seconds])
    r, v = np.array([position]), np.array([velocity]) / 5e3
    fixed, moving = teme_to_itrf(r, v, epoch, at, EOP)
    assert np.linalg.norm(fixed) == pytest.approx(np.linalg.norm(r), abs=1e-6)
    r2, v2 = itrf_to_teme(fixed, moving, epoch, at, EOP)
    assert r2 == pytest.approx(r, abs=1e-6)
    assert v2 == pytest.approx(v, abs=1e-9)
