"""Orbits from outside on the command line: ephemerides, newer Earth orientation, what nobody should send."""

from __future__ import annotations

import csv
import gzip
import io
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import astropy_iers_data
import pytest

from comity.orbits import parse_tle

KANOPUS = (
    "1 43180U 18014A   24266.19573193  .00005778  00000+0  25421-3 0  9991",
    "2 43180  97.3867 172.3278 0001890  78.1503 281.9945 15.22250606368396",
)
DAY = ("--start", "2024-09-22T12:00:00Z", "--end", "2024-09-23T12:00:00Z")
SITE = ("--site", "Assal=42.41,11.65,-155")


@pytest.fixture
def tle(tmp_path: Path) -> Path:
    path = tmp_path / "kanopus.3le"
    path.write_text("\n".join(("KANOPUS-V 3", *KANOPUS)) + "\n")
    return path


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("frame", ["EME2000", "ITRF2014"])
def test_passes_of_an_oem_are_those_of_the_elements_it_was_made_of(here, tle: Path, frame: str) -> None:
    made = here("ephemeris", "--elements", tle, *DAY, "--frame", frame, "--out", "kanopus.oem")
    assert (made.code, made.out, made.err) == (0, "", "")
    expected = here("windows", "--elements", tle, *SITE, *DAY, "--format", "csv")
    found = here("windows", "--elements", "kanopus.oem", *SITE, *DAY, "--format", "csv")
    assert (found.code, found.err) == (0, "")
    assert len(rows(found.out)) == 3
    for ours, theirs in zip(rows(found.out), rows(expected.out), strict=True):
        assert (ours["spacecraft"], ours["norad_id"]) == ("KANOPUS-V 3", "43180")
        assert ours["start_utc"][:22] == theirs["start_utc"][:22]
        assert float(ours["duration_s"]) == pytest.approx(float(theirs["duration_s"]), abs=0.005)
        assert float(ours["max_elevation_deg"]) == pytest.approx(float(theirs["max_elevation_deg"]), abs=2e-4)
    which = json.loads(here("windows", "--elements", "kanopus.oem", *SITE, *DAY, "--format", "json").out)
    assert which[0]["elements"] == {
        "epoch": "2024-09-22T12:00:00.000Z",
        "age_s": which[0]["elements"]["age_s"],
        "source": "kanopus.oem",
    }


def test_an_interval_an_ephemeris_does_not_cover(here, tle: Path) -> None:
    assert here("ephemeris", "--elements", tle, *DAY, "--out", "kanopus.oem").code == 0
    late = ("--start", "2024-09-23T06:00:00Z", "--end", "2024-09-23T18:00:00Z")
    ran = here("windows", "--elements", "kanopus.oem", *SITE, *late)
    assert (ran.code, ran.out) == (2, "")
    assert "KANOPUS-V 3: its ephemeris covers 2024-09-22T12:00:00Z to 2024-09-23T12:00:00Z" in ran.err
    assert (
        "not all of 2024-09-23T06:00:00Z to 2024-09-23T18:00:00Z: choose --start and --end within it"
        in ran.err
    )


def test_several_satellites_of_which_some_do_not_cover_it(here, shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "gnss" / "ESA0MGNFIN_20213460000_01D_05M_ORB.SP3.gz"
    day = ("--start", "2021-12-12", "--end", "2021-12-12T23:59:00Z", "--format", "csv")
    ran = here("windows", "--elements", path, "--only", "G13,E14", *SITE, *day)
    assert (ran.code, ran.err) == (0, "")
    assert {row["spacecraft"] for row in rows(ran.out)} == {"G13", "E14"}
    text = gzip.decompress(path.read_bytes()).decode()
    lines = text.splitlines()
    noon = next(k for k, line in enumerate(lines) if line.startswith("*  2021 12 12 12 "))
    cut = [line for k, line in enumerate(lines) if k < noon or not line.startswith("PG13")]
    (tmp_path / "cut.sp3").write_text("\n".join(cut) + "\n")
    ran = here("windows", "--elements", "cut.sp3", "--only", "G13,E14", *SITE, *day)
    assert ran.code == 3
    assert {row["spacecraft"] for row in rows(ran.out)} == {"E14"}
    assert "skipped: G13: its ephemeris covers 2021-12-11T23:59:42Z to 2021-12-12T11:54:42Z" in ran.err


def test_a_newer_earth_orientation_is_used_and_shown(here, tle: Path, tmp_path: Path, monkeypatch) -> None:
    lines = Path(astropy_iers_data.IERS_A_FILE).read_text().splitlines()
    at = next(k for k, line in enumerate(lines) if line[7:15] == "60577.00")
    # as if the measurements had ended on the 23rd
    mine = [*lines[:at], *(line[:16] + "P" + line[17:57] + "P" + line[58:] for line in lines[at : at + 30])]
    (tmp_path / "finals2000A.daily").write_text("\n".join(mine) + "\n")
    shown = here("elements", "eop", "--eop", "finals2000A.daily")
    assert shown.code == 0
    assert "IERS finals2000A (finals2000A.daily)" in shown.out
    assert "to 2024-10-23T00:00:00Z; other times are refused" in shown.out
    assert "predicted from then on" in shown.out
    words = ("windows", "--elements", tle, *SITE, *DAY, "--format", "csv")
    ran = here(*words, "--eop", "finals2000A.daily")
    assert ran.code == 0
    assert "note: Earth orientation is predicted from 2024-09-24T00:00:00Z" not in ran.err  # not yet
    later = ("--start", "2024-09-22T12:00:00Z", "--end", "2024-09-25")
    monkeypatch.setenv("COMITY_EOP", "finals2000A.daily")
    ran = here("windows", "--elements", tle, *SITE, *later, "--format", "csv")
    assert "note: Earth orientation is predicted from 2024-09-24T00:00:00Z on, valid to 2024-10-23" in ran.err
    ran = here("windows", "--elements", tle, *SITE, "--start", "2024-10-22", "--end", "2024-10-24")
    assert (ran.code, ran.out) == (2, "")
    assert "known from 1973-01-02T00:00:00Z to 2024-10-23T00:00:00Z" in ran.err
    ran = here(*words, "--eop", "kanopus.3le")
    assert (ran.code, "kanopus.3le is not in the finals2000A layout" in ran.err) == (
        2,
        True,
    )


def test_a_file_to_write_appears_whole_or_not_at_all(here, tle: Path, tmp_path: Path) -> None:
    words = ("windows", "--elements", tle, *SITE, *DAY, "--format", "csv")
    printed = here(*words).out
    ran = here(*words, "--out", "out/passes.csv")
    assert (ran.code, ran.out) == (0, "")
    passes = tmp_path / "out" / "passes.csv"
    assert passes.read_text() == printed
    # this one decays, which is found out while the file is open
    (tmp_path / "sinking.json").write_text(omm(ECCENTRICITY=0.5))
    ran = here("windows", "--elements", "sinking.json", *SITE, *DAY, "--out", "out/passes.csv")
    assert (ran.code, "it has decayed" in ran.err) == (2, True)
    assert passes.read_text() == printed
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["passes.csv"]


def omm(**changed: float) -> str:
    one = parse_tle(*KANOPUS, "KANOPUS-V 3")
    fields = {
        "OBJECT_NAME": one.name,
        "NORAD_CAT_ID": 43180,
        "EPOCH": "2024-09-22T04:41:51.238752",
        "MEAN_MOTION": one.mean_motion,
        "ECCENTRICITY": one.eccentricity,
        "INCLINATION": one.inclination_deg,
        "RA_OF_ASC_NODE": one.raan_deg,
        "ARG_OF_PERICENTER": one.arg_of_perigee_deg,
        "MEAN_ANOMALY": one.mean_anomaly_deg,
        "BSTAR": one.bstar,
        **changed,
    }
    return json.dumps([fields])


@pytest.mark.parametrize(
    ("content", "words", "named"),
    [
        (omm(ECCENTRICITY=1.2), (), "eccentricity 1.2 is outside [0, 1): the orbit is not closed"),
        (omm(MEAN_MOTION=0.0), (), "mean motion 0 rev/day is outside 0 … 18"),
        (omm(MEAN_MOTION=-3.0), (), "mean motion -3 rev/day is outside 0 … 18"),
        (omm(ECCENTRICITY=0.5), (), "SGP4 has no position at 2024-09-23T"),
        (omm(INCLINATION="steep"), (), "INCLINATION is 'steep', not a number"),
        ("\x00\x01\x02", (), "is a binary file"),
        ("0123 garbage\nmore garbage\n", (), "no usable elements"),
        (omm(), ("--site", "43,91"), "latitude 91° is outside −90 … 90"),
        (omm(), ("--site", "43,11,9001"), "altitude 9001 m is outside -500 … 9000 m"),
        (omm(), ("--site", "43,11,-501"), "altitude -501 m is outside -500 … 9000 m"),
        (omm(), ("--end", DAY[1]), "an interval of no length holds nothing"),
        (omm(), ("--start", "2024-09-24"), "is not before end"),
        ("CCSDS_OEM_VERS = 2.0\n", (), "no usable ephemeris"),
        ("#dP2021 12 12\n", (), "has no EOF line"),
    ],
)
def test_bad_input_is_refused_in_a_line_or_two(here, tmp_path: Path, content: str, words, named: str) -> None:
    (tmp_path / "bad.txt").write_text(content)
    ran = here("windows", "--elements", "bad.txt", "--site", "0,0", *DAY, *words)
    assert (ran.code, ran.out) == (2, "")
    assert named in ran.err.replace("\n", " ")
    assert len(ran.err.splitlines()) <= 2


def test_ten_years_at_a_second_are_refused_or_streamed(here, tle: Path, tmp_path: Path) -> None:
    ten = ("--start", "2014-09-24", "--end", "2024-09-24")
    ran = here("ephemeris", "--elements", tle, *ten, "--step-s", "1", "--out", "ten.oem")
    assert (ran.code, ran.out) == (2, "")
    assert "315,619,203 states (3,653.0 days at 1 s) are more than 1,000,000" in ran.err
    assert not (tmp_path / "ten.oem").exists()
    ran = here("ephemeris", "--elements", tle, *DAY, "--step-s", "0")
    assert (ran.code, "a step of 0 s does not lead through time" in ran.err) == (2, True)
    many = [word for k in range(100) for word in ("--site", f"s{k}={k},{k / 2}")]
    ran = here("windows", "--elements", tle, *many, *ten)
    assert (ran.code, ran.out) == (2, "")
    assert "windows are too many for a table: use --format csv" in ran.err


def test_ctrl_c_leaves_no_half_written_file(tle: Path, tmp_path: Path) -> None:
    """A search of years over many sites, stopped once its file has begun to fill."""
    out = tmp_path / "out" / "passes.csv"
    out.parent.mkdir()
    out.write_text("as it was\n")
    many = [word for k in range(100) for word in ("--site", f"s{k}={k},{k / 2}")]
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "comity", "windows", "--elements", tle, *many, "--format", "csv"),
            *("--start", "2014-09-24", "--end", "2024-09-24", "--out", out),
        ],
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 120.0
        while not any(path.stat().st_size for path in out.parent.glob(".passes.csv.*.part")):
            assert process.poll() is None, "it was done before it could be stopped"
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) != 0
    finally:
        process.kill()
        process.wait()
    assert [path.name for path in out.parent.iterdir()] == ["passes.csv"]
    assert out.read_text() == "as it was\n"
