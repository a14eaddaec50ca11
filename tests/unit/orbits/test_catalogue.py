"""Reading elements: every format, every fault, none of it silent."""

from __future__ import annotations

from pathlib import Path

import pytest

from comity.core import Epoch, InputError, UnknownIdError
from comity.orbits import (
    elements_to_omm_csv,
    elements_to_omm_json,
    elements_to_omm_kvn,
    elements_to_omm_xml,
    nearest_in_time,
    parse_elements,
    parse_tle,
    read_elements,
    select,
    to_tle,
)

ISS = """\
ISS (ZARYA)
1 25544U 98067A   24266.17886574  .00022354  00000+0  39762-3 0  9993
2 25544  51.6375 204.5113 0007504  18.1936 341.9317 15.49916427473519
"""
KANOPUS = """\
0 KANOPUS-V 1
1 38707U 12039A   24266.17345537  .00004187  00000+0  18951-3 0  9995
2 38707  97.4422 240.2498 0002109 103.8513 256.2931 15.19870231673415
"""


def checked(text: str) -> str:
    """The same TLE text with right checksums."""
    lines = []
    for line in text.splitlines():
        if line[:2] in ("1 ", "2 "):
            total = sum(int(c) if c.isdigit() else c == "-" for c in line[:68])
            line = line[:68] + str(total % 10)
        lines.append(line)
    return "\n".join(lines) + "\n"


ISS, KANOPUS = checked(ISS), checked(KANOPUS)
BOTH = ISS + KANOPUS


def test_fields_of_a_tle() -> None:
    one = read_of(ISS).elements[0]
    assert (one.name, one.norad_id, one.cospar_id) == ("ISS (ZARYA)", 25544, "1998-067A")
    assert one.epoch.iso(6) == "2024-09-22T04:17:33.999936Z"
    assert (one.mean_motion, one.eccentricity, one.inclination_deg) == (15.49916427, 0.0007504, 51.6375)
    assert (one.raan_deg, one.arg_of_perigee_deg, one.mean_anomaly_deg) == (204.5113, 18.1936, 341.9317)
    assert (one.bstar, one.mean_motion_dot, one.mean_motion_ddot) == (0.39762e-3, 0.00022354, 0.0)
    assert (one.rev_at_epoch, one.element_set_no, one.source) == (47351, 999, "test")


def read_of(text: str):  # type: ignore[no-untyped-def]
    return parse_elements(text, "test")


def test_names_with_and_without_the_zero_and_bare_pairs() -> None:
    assert [e.name for e in read_of(BOTH).elements] == ["ISS (ZARYA)", "KANOPUS-V 1"]
    bare = "\r\n".join(line for line in BOTH.splitlines() if line[:2] in ("1 ", "2 "))
    assert [e.name for e in read_of(bare).elements] == ["NORAD 25544", "NORAD 38707"]


@pytest.mark.parametrize(
    "write", [elements_to_omm_json, elements_to_omm_csv, elements_to_omm_kvn, elements_to_omm_xml]
)
def test_every_omm_form_gives_the_elements_of_the_tle(write, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    elements = read_of(BOTH).elements
    assert read_of(write(elements)).elements == elements
    path = tmp_path / "elements"
    path.write_bytes(b"\xef\xbb\xbf" + write(elements).encode())  # a byte-order mark, as some tools add
    assert [e.name for e in read_elements(path).elements] == ["ISS (ZARYA)", "KANOPUS-V 1"]


def test_the_example_of_the_omm_standard() -> None:
    """CCSDS 502.0-B-2, figure 4-1 (GOES 9): day-of-year epoch, units in brackets as in figure 4-3."""
    text = """\
CCSDS_OMM_VERS = 2.0
COMMENT An example
CREATION_DATE = 2007-065T16:00:00
ORIGINATOR = NOAA/USA

OBJECT_NAME = GOES 9
OBJECT_ID = 1995-025A
CENTER_NAME = EARTH
REF_FRAME = TEME
TIME_SYSTEM = UTC
MEAN_ELEMENT_THEORY = SGP/SGP4

EPOCH = 2007-064T10:34:41.4264
MEAN_MOTION = 1.00273272 [rev/day]
ECCENTRICITY = 0.0005013
INCLINATION = 3.0539 [deg]
RA_OF_ASC_NODE = 81.7939 [deg]
ARG_OF_PERICENTER = 249.2363 [deg]
MEAN_ANOMALY = 150.1602 [deg]
GM = 398600.8 [km**3/s**2]

EPHEMERIS_TYPE = 0
CLASSIFICATION_TYPE = U
NORAD_CAT_ID = 23581
ELEMENT_SET_NO = 0925
REV_AT_EPOCH = 4316
BSTAR = 0.0001
MEAN_MOTION_DOT = -0.00000113
MEAN_MOTION_DDOT = 0.0
"""
    one = read_of(text).elements[0]
    assert (one.name, one.norad_id, one.epoch.iso(4)) == ("GOES 9", 23581, "2007-03-05T10:34:41.4264Z")
    assert (one.mean_motion, one.bstar, one.mean_motion_dot) == (1.00273272, 1e-4, -1.13e-6)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("39762-3 0  999", "39762-3 0  998", "line 1 has checksum"),
        ("4735", "473", "line 2 has 68 characters, not 69: truncated?"),
        ("0007504", "00O7504", "column 27: eccentricity"),
        ("24266.17", "24466.17", "day of year 466.17886574 is outside 1 … 366"),
        ("1 25544U", "1 2554xU", "catalogue number '2554x'"),
        ("2 25544  51", "2 25545  51", "line 1 is of object 25544, line 2 of 25545"),
        (" 51.6375", "251.6375", "inclination 251.637"),
        ("15.49916427", " 0.00000000", "mean motion 0 rev/day"),
    ],
)
def test_a_bad_object_is_skipped_with_its_reason_and_line(old: str, new: str, reason: str) -> None:
    bad = ISS.replace(old, new)
    if "checksum" not in reason and "truncated" not in reason:
        bad = checked(bad)
    catalogue = read_of(bad + KANOPUS)
    assert [e.norad_id for e in catalogue.elements] == [38707]
    assert [s.where for s in catalogue.skipped] == ["line 2"]
    assert catalogue.skipped[0].name == "ISS (ZARYA)"
    assert reason in str(catalogue.skipped[0])


def test_missing_lines_do_not_take_their_neighbours_along() -> None:
    name, line1, line2 = ISS.splitlines()
    catalogue = read_of("\n".join([name, line1, *KANOPUS.splitlines(), line2, "LONE NAME"]))
    assert [e.norad_id for e in catalogue.elements] == [38707]
    assert [s.reason for s in catalogue.skipped] == [
        "line 1 has no line 2 after it",
        "line 2 has no line 1 before it",
        "no element lines follow this name",
    ]


def test_alpha_5_numbers_both_ways() -> None:
    line1, line2 = checked(ISS.replace(" 25544", " T0002")).splitlines()[1:]
    one = parse_tle(line1, line2)
    assert one.norad_id == 270_002  # Space-Track's own example of the scheme: T is 27
    assert to_tle(one) == (line1, line2)
    beyond = select(read_of(elements_to_omm_json([one]).replace("270002", "799501234")).elements, "799501234")
    with pytest.raises(InputError, match="799501234 does not fit in a TLE"):
        to_tle(beyond[0])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"\x00\x01PNG", "is a binary file"),
        (b"No GP data found", "no usable elements; No GP data found .line 1.: no element lines follow"),
        (b"<html><body>503</body></html>", "root <html> holds no <omm>"),
        (b"<ndm><omm>", "not XML that can be read"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><ndm><omm>&a;</omm></ndm>', "not XML that can be read"),
        (b'[{"OBJECT_NAME": "X"', "not valid JSON"),
        (b"[1, 2]", "is not an object of OMM keywords"),
        (b"[]", "holds no elements"),
        (b'[{"OBJECT_NAME": "X", "REF_FRAME": "GCRF"}]', "REF_FRAME is GCRF: only TEME"),
        (b'[{"OBJECT_NAME": "X", "NORAD_CAT_ID": 7}]', "EPOCH is missing"),
        (b"OBJECT_NAME,NORAD_CAT_ID\nX\n", "has fewer fields than the header"),
        (ISS.replace("39762-3", "39763-3").encode(), "no usable elements; ISS"),
    ],
)
def test_a_file_with_nothing_usable_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "elements.txt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        read_elements(path)
    assert str(path) in str(error.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read elements from .*: No such file"):
        read_elements(tmp_path / "none.tle")


def test_selecting_by_name_and_number() -> None:
    elements = read_of(BOTH).elements
    assert [e.norad_id for e in select(elements, "kanopus-v 1, 25544,38707")] == [38707, 25544]
    with pytest.raises(UnknownIdError, match="unknown object 'KANOPUS-V 2'; known: KANOPUS-V 1"):
        select(elements, "KANOPUS-V 2")
    with pytest.raises(InputError, match="empty name"):
        select(elements, "25544,")


def test_the_set_nearest_in_time_is_the_one_used() -> None:
    later = checked(ISS.replace("24266.17886574", "24268.17886574"))
    elements = read_of(BOTH + later).elements
    chosen = nearest_in_time(elements, Epoch.from_iso("2024-09-25"))
    assert [(e.norad_id, e.epoch.iso(0)[:10]) for e in chosen] == [
        (25544, "2024-09-24"),
        (38707, "2024-09-22"),
    ]
