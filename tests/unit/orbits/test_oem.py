"""CCSDS OEM and IGS SP3, read and written."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from comity.core import Epoch, InputError
from comity.orbits import (
    EarthOrientation,
    Ephemeris,
    EphemerisTrajectory,
    PropagationError,
    Skipped,
    ephemeris_to_oem,
    parse_elements,
    read_elements,
    read_oem_kvn,
    read_oem_xml,
    read_orbits,
    read_sp3,
    select,
)

EOP = EarthOrientation.bundled()

#: With all that CCSDS 502.0-B lets a message hold: comments, both forms of time, accelerations, covariances.
KVN = """CCSDS_OEM_VERS = 2.0
COMMENT a made-up orbit
CREATION_DATE = 2024-09-21T11:00:00
ORIGINATOR = TESTERS

META_START
COMMENT  two stretches with a manoeuvre between
OBJECT_NAME          = SENTRY 1
OBJECT_ID            = 2024-001A
CENTER_NAME          = EARTH
REF_FRAME            = EME2000
TIME_SYSTEM          = {system}
START_TIME           = 2024-09-22T12:00:00.000
USEABLE_START_TIME   = 2024-09-22T12:01:00.000
USEABLE_STOP_TIME    = 2024-09-22T12:04:00.000
STOP_TIME            = 2024-09-22T12:05:00.000
INTERPOLATION        = HERMITE
INTERPOLATION_DEGREE = 5
META_STOP

COMMENT states
2024-09-22T12:00:00.000  7000.0   0.0 0.0 0.0 7.5 0.5
2024-266T12:01:00.000    6985.2 449.7 30.0 -0.49 7.48 0.5
2024-09-22T12:02:00      6940.8 897.4 59.9 -0.98 7.43 0.49
2024-09-22T12:03:00Z     6867.2 1341.3 89.5 -1.47 7.35 0.49
2024-09-22T12:04:00.000  6764.5 1779.6 118.7 -1.95 7.24 0.48
2024-09-22T12:05:00.000  6633.1 2210.4 147.5 -2.42 7.11 0.47 0.001 0.002 0.003

COVARIANCE_START
EPOCH = 2024-09-22T12:00:00
COV_REF_FRAME = EME2000
3.331349e-04
4.618927e-04 6.782421e-04
COVARIANCE_STOP

META_START
OBJECT_NAME = SENTRY 1
OBJECT_ID = 2024-001A
CENTER_NAME = Earth
REF_FRAME = ICRF
TIME_SYSTEM = {system}
START_TIME = 2024-09-22T13:00:00
STOP_TIME = 2024-09-22T13:02:00
META_STOP
2024-09-22T13:00:00 7000.0 0.0 0.0 0.0 7.5 0.5
2024-09-22T13:02:00 6940.8 897.4 59.9 -0.98 7.43 0.49
"""
UTC = KVN.format(system="UTC")


def one(text: str) -> Ephemeris:
    (found,) = read_oem_kvn(text, "x.oem", EOP)
    assert isinstance(found, Ephemeris), found
    return found


def test_an_oem_is_read_with_all_it_says() -> None:
    ephemeris = one(UTC)
    assert (ephemeris.name, ephemeris.object_id, ephemeris.norad_id) == ("SENTRY 1", "2024-001A", 0)
    assert (ephemeris.originator, ephemeris.source) == ("TESTERS", "x.oem")
    first, second = ephemeris.segments
    assert (first.ref_frame, first.interpolation, first.degree) == ("EME2000", "HERMITE", 5)
    assert first.span.iso() == "2024-09-22T12:01:00.000Z/2024-09-22T12:04:00.000Z"
    assert first.seconds.tolist() == [0.0, 60.0, 120.0, 180.0, 240.0, 300.0]
    assert first.position[5].tolist() == [6633.1e3, 2210.4e3, 147.5e3]
    assert first.velocity is not None
    assert first.velocity[5].tolist() == [-2.42e3, 7.11e3, 0.47e3]
    assert (second.ref_frame, second.interpolation) == ("GCRF", "HERMITE")
    trajectory = EphemerisTrajectory(ephemeris, EOP)
    with pytest.raises(PropagationError, match="no state at 2024-09-22T12:00:30Z"):
        trajectory.itrf(Epoch.from_iso("2024-09-22T12:00:30Z"), np.zeros(1))


@pytest.mark.parametrize(
    ("system", "utc_minus_s"),
    # TAI−UTC is 37 s, GPS−UTC 18 s, TT−TAI 32.184 s; UT1−UTC was 57 ms; TDB−TT some −1.7 … 1.7 ms
    [("UTC", 0.0), ("TAI", 37.0), ("GPS", 18.0), ("TT", 69.184), ("TDB", 69.184), ("UT1", 0.0569)],
)
def test_time_systems(system: str, utc_minus_s: float) -> None:
    start = one(KVN.format(system=system)).segments[0].epoch
    late = Epoch.from_iso("2024-09-22T12:00:00Z") - start
    assert late == pytest.approx(utc_minus_s, abs={"TDB": 1.8e-3, "UT1": 2e-4}.get(system, 1e-9))
    assert system != "TDB" or late != utc_minus_s


def test_a_leap_second_is_read_where_it_exists() -> None:
    head = UTC.partition("COVARIANCE_START")[0].replace("2024-09-22T12:0", "2016-12-31T23:5")
    text = "\n".join(
        row
        for row in head.replace("2024-266T12:01:00.000", "2016-12-31T23:51:00").splitlines()
        if "USEABLE" not in row
    )
    text = text.replace("2016-12-31T23:55:00.000", "2016-12-31T23:59:60.000")
    assert one(text).segments[0].seconds[-1] == 600.0
    (skipped,) = read_oem_kvn(text.replace("= UTC", "= TAI"), "x", EOP)
    assert isinstance(skipped, Skipped)
    assert "'2016-12-31T23:59:60.000' is not a time of the day in TAI" in skipped.reason
    (skipped,) = read_oem_kvn(text.replace("2016-12-31", "2018-12-31"), "x", EOP)
    assert isinstance(skipped, Skipped)
    assert "no leap second is known there" in skipped.reason


def test_xml_says_the_same_as_kvn() -> None:
    kvn = one(UTC)

    def state(at: str, *numbers: str) -> str:
        keys = ("X", "Y", "Z", "X_DOT", "Y_DOT", "Z_DOT")
        fields = "".join(f"<{k}>{v}</{k}>" for k, v in zip(keys, numbers, strict=True))
        return f"<stateVector><EPOCH>{at}</EPOCH>{fields}</stateVector>"

    segments = []
    for block in UTC.split("META_START")[1:]:
        meta, _, data = block.partition("META_STOP")
        pairs = [row.split(" = ") for row in meta.splitlines() if " = " in row]
        rows = [row.split()[:7] for row in data.splitlines() if row.startswith("2024")]
        segments.append(
            "<segment><metadata><COMMENT>words</COMMENT>"
            + "".join(f"<{k.strip()}>{v.strip()}</{k.strip()}>" for k, v in pairs)
            + "</metadata><data>"
            + "".join(state(*row) for row in rows)
            + "<covarianceMatrix><EPOCH>2024-09-22T12:00:00</EPOCH><CX_X>1</CX_X></covarianceMatrix>"
            + "</data></segment>"
        )
    message = (
        '<oem id="CCSDS_OEM_VERS" version="2.0"><header><ORIGINATOR>TESTERS</ORIGINATOR></header>'
        f"<body>{''.join(segments)}</body></oem>"
    )
    for text in (f'<?xml version="1.0"?>{message}', f'<ndm xmlns="urn:ccsds:schema">{message}</ndm>'):
        (xml,) = read_oem_xml(text, "x.oem", EOP)
        assert isinstance(xml, Ephemeris)
        assert (xml.name, xml.object_id, xml.originator) == (kvn.name, kvn.object_id, kvn.originator)
        for a, b in zip(xml.segments, kvn.segments, strict=True):
            assert (a.span, a.ref_frame, a.interpolation, a.degree) == (
                *(b.span, b.ref_frame, b.interpolation, b.degree),
            )
            assert (a.position == b.position).all()
            assert (a.velocity == b.velocity).all()
    bomb = '<!DOCTYPE x [<!ENTITY a "b">]><oem version="2.0">&a;</oem>'
    with pytest.raises(InputError, match="not XML that can be read"):
        list(read_oem_xml(bomb, "x"))


def test_an_ephemeris_written_is_read_again() -> None:
    ephemeris = one(UTC)
    text = ephemeris_to_oem(ephemeris)
    again = one(text)
    assert (again.name, again.object_id, again.spans) == (
        ephemeris.name,
        ephemeris.object_id,
        ephemeris.spans,
    )
    for a, b in zip(again.segments, ephemeris.segments, strict=True):
        assert a.position == pytest.approx(b.position, abs=1e-6)
        assert (a.interpolation, a.degree, a.frame_name) == (b.interpolation, b.degree, b.frame_name)
    assert ephemeris_to_oem(again) == text


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "REF_FRAME            = EME2000",
            "REF_FRAME = MOON_ME",
            "reference frame 'MOON_ME' is not supported",
        ),
        ("CENTER_NAME          = EARTH", "CENTER_NAME = MOON", "about MOON: only EARTH is supported"),
        (
            "TIME_SYSTEM          = UTC",
            "TIME_SYSTEM = MRT",
            "time system 'MRT' is not supported: use GPS, TAI",
        ),
        ("= HERMITE", "= PROPAGATE", "interpolation 'PROPAGATE' is not supported"),
        ("DEGREE = 5", "DEGREE = 15", "degree 15 needs 8 states, the segment has 6"),
        ("OBJECT_NAME          = SENTRY 1\nOBJECT_ID            = 2024-001A\n", "", "OBJECT_NAME is missing"),
        ("897.4 59.9 -0.98", "8x7.4 59.9 -0.98", "line 24: '8x7.4' is not a number"),
        ("6940.8 897.4", "nan 897.4", "not of finite numbers"),
        ("2024-09-22T12:02:00 ", "2024-09-31T12:02:00 ", "line 24: '2024-09-31T12:02:00' is not a date"),
        ("2024-09-22T12:02:00 ", "2024-09-22T12:01:00 ", "times do not rise at 2024-09-22T12:01:00"),
        ("2024-266T", "2024-367T", "day of year 367 is outside 1 … 366"),
    ],
)
def test_what_cannot_be_used_is_skipped_with_its_reason(old: str, new: str, message: str) -> None:
    assert old in UTC
    skipped = [r for r in read_oem_kvn(UTC.replace(old, new, 1), "x", EOP) if isinstance(r, Skipped)]
    assert len(skipped) == 1
    assert message in skipped[0].reason


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (UTC.replace("VERS = 2.0", "VERS = 4.0"), "OEM version '4.0' is not one of"),
        (UTC.partition("META_STOP")[0], "ends within a META block: is it cut short?"),
        (UTC.replace("6940.8 897.4", "6940.8"), "line 24 is not a state, EPOCH X Y Z X_DOT Y_DOT Z_DOT"),
        (UTC.replace("CENTER_NAME          = EARTH", "CENTER_NAME EARTH"), "line 10 is not KEYWORD = VALUE"),
        (UTC.replace("CENTER_NAME          =", "OBJECT_ID ="), "line 10 gives OBJECT_ID a second time"),
    ],
)
def test_a_text_that_is_no_oem_is_refused_with_the_line(text: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        list(read_oem_kvn(text, "x", EOP))
    assert message in str(error.value)


# ------------------------------------------------------------------ SP3


def sp3(satellites: dict[str, dict[int, tuple[float, ...]]], count: int = 30, moves: bool = False) -> str:
    """An SP3-c of so many epochs 300 s apart; positions km, then velocities dm/s."""
    lines = [
        f"#c{'V' if moves else 'P'}2021 12 12  0  0  0.00000000 {count:7d} ORBIT IGS14 FIT  TST",
        "## 2188      0.00000000   300.00000000 59560 0.0000000000000",
        "+    2   G01E24" + "  0" * 15,
        "%c M  cc GPS ccc cccc cccc cccc cccc ccccc ccccc ccccc ccccc",
        "/* a comment",
    ]
    for k in range(count):
        lines.append(f"*  2021 12 12 {k // 12:2d} {k % 12 * 5:2d}  0.00000000")
        for name, states in satellites.items():
            state = states.get(k)
            if state is not None:
                lines.append(f"P{name}" + "".join(f"{v:14.6f}" for v in (*state[:3], 999999.999999)))
                if moves:
                    lines.append(f"V{name}" + "".join(f"{v:14.6f}" for v in (*state[3:], 999999.999999)))
    return "\n".join([*lines, "EOF"]) + "\n"


def gps(k: int) -> tuple[float, ...]:
    """Something on a circle of 26,560 km, turning twice a day: km and dm/s."""
    rate = 2 * np.pi / 43_082
    c, s = np.cos(rate * 300 * k), np.sin(rate * 300 * k)
    speed = 26_560 * rate * 1e4
    return 26_560 * c, 26_560 * s, 1_000.0, -speed * s, speed * c, 0.0


def test_sp3_gives_a_trajectory_each_in_gps_time() -> None:
    states = {k: gps(k) for k in range(30)}
    missing = {**states, 14: (0.0, 0.0, 0.0), 15: (0.0, 0.0, 0.0)}
    few = {k: gps(k) for k in range(9)}
    found = list(read_sp3(sp3({"G01": states, "E24": missing, "R05": few}), "x.sp3"))
    whole, broken, skipped = found
    assert isinstance(whole, Ephemeris)
    assert isinstance(broken, Ephemeris)
    assert isinstance(skipped, Skipped)
    assert (whole.name, whole.norad_id, whole.originator) == ("G01", 0, "TST")
    # GPS time was 18 s ahead of UTC
    assert whole.span.iso() == "2021-12-11T23:59:42.000Z/2021-12-12T02:24:42.000Z"
    assert (whole.segments[0].ref_frame, whole.segments[0].frame_name) == ("ITRF", "IGS14")
    trajectory = EphemerisTrajectory(whole, EOP)
    at = np.linspace(0.0, 29 * 300.0, 200)
    position, velocity = trajectory.itrf(whole.span.start, at)
    expected = np.array([gps(t / 300) for t in at])
    assert np.linalg.norm(position - 1e3 * expected[:, :3], axis=1).max() < 0.01
    assert np.linalg.norm(velocity - 0.1 * expected[:, 3:], axis=1).max() < 1e-4
    # no state between the last before the hole and the first after it
    assert [s.iso() for s in broken.spans] == [
        "2021-12-11T23:59:42.000Z/2021-12-12T01:04:42.000Z",
        "2021-12-12T01:19:42.000Z/2021-12-12T02:24:42.000Z",
    ]
    assert "nowhere has it 10 states in a row, which interpolation needs (9 in all)" in skipped.reason


def test_velocities_of_sp3_are_decimetres_per_second() -> None:
    (found,) = read_sp3(sp3({"G01": {k: gps(k) for k in range(12)}}, 12, moves=True), "x.sp3")
    assert isinstance(found, Ephemeris)
    segment = found.segments[0]
    assert segment.velocity is not None
    assert segment.interpolation == "HERMITE"
    assert np.linalg.norm(segment.velocity, axis=1) == pytest.approx(26_560e3 * 2 * np.pi / 43_082, abs=1e-3)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("EOF", "", "has no EOF line: is it cut short?"),
        ("GPS ccc", "XXX ccc", "time system 'XXX' is not supported"),
        ("*  2021 12 12  0  5", "*  2021 13 12  0  5", "line 8 is not a time of SP3"),
        ("*  2021 12 12  0  5", "*  2021 12 11  0  5", "line 8: its time does not follow"),
        ("PG01  26560.000000", "PG01  26560.0x0000", "line 7:"),
        ("/* a comment", "hello", "line 5 is not of an SP3 file"),
    ],
)
def test_sp3_that_is_not_one_is_refused_with_the_line(old: str, new: str, message: str) -> None:
    text = sp3({"G01": {k: gps(k) for k in range(12)}}, 12)
    assert old in text
    with pytest.raises(InputError) as error:
        list(read_sp3(text.replace(old, new, 1), "x"))
    assert message in str(error.value)


def test_esa_final_orbits_of_116_satellites(shared_data: Path) -> None:
    """Every other state left out and interpolated from the rest, 10 minutes apart: centimetres."""
    path = shared_data / "gnss" / "ESA0MGNFIN_20213460000_01D_05M_ORB.SP3.gz"
    orbits = read_orbits(path)
    assert len(orbits.ephemerides) == 116
    assert not orbits.skipped
    worst = {}
    for ephemeris in orbits.ephemerides:
        text = ephemeris_to_oem(ephemeris)
        (segment,) = ephemeris.segments
        # through our own OEM, thinned out
        head, _, rows = text.partition("META_STOP\n")
        thin = head + "META_STOP\n" + "\n".join(rows.splitlines()[::2]) + "\n"
        (again,) = read_oem_kvn(thin, "x")
        assert isinstance(again, Ephemeris)
        left_out = segment.seconds[1:-1:2]
        away = again.segments[0].at(left_out)[0] - segment.position[1:-1:2]
        worst[ephemeris.name] = float(np.linalg.norm(away, axis=1).max())
    assert len(worst) == 116
    assert np.median(list(worst.values())) < 0.005
    assert max(worst.values()) < 0.03  # E14, in an eccentric orbit


# ------------------------------------------------------------------ files


def test_a_file_is_told_by_its_content(tmp_path: Path) -> None:
    paths = {name: tmp_path / name for name in ("a.txt", "b.txt", "c.gz", "d.txt")}
    paths["a.txt"].write_text(UTC)
    paths["b.txt"].write_text(sp3({"G01": {k: gps(k) for k in range(30)}}))
    with gzip.open(paths["c.gz"], "wb") as packed:
        packed.write(paths["b.txt"].read_bytes())
    assert [one.name for one in read_orbits(paths["a.txt"]).ephemerides] == ["SENTRY 1"]
    assert [one.name for one in read_orbits(paths["b.txt"]).ephemerides] == ["G01"]
    packed_one = read_orbits(paths["c.gz"]).ephemerides[0]
    assert packed_one.source == "c.gz"
    assert select(read_orbits(paths["c.gz"]).ephemerides, "g01")[0].name == "G01"
    for path in (paths["a.txt"], paths["b.txt"]):
        with pytest.raises(InputError, match=r"holds an ephemeris \(OEM or SP3\), not elements"):
            read_elements(path)
    with pytest.raises(InputError, match="not elements"):
        parse_elements(UTC, "x")
    paths["d.txt"].write_bytes(paths["c.gz"].read_bytes()[:200])
    with pytest.raises(InputError, match=r"cannot read .*d\.txt"):
        read_orbits(paths["d.txt"])
    paths["d.txt"].write_text(UTC.replace("EARTH", "MARS"))
    with pytest.raises(InputError, match=r"d\.txt: no usable ephemeris; SENTRY 1 .*MARS"):
        read_orbits(paths["d.txt"])
