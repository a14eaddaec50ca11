"""``comity windows``: the public contract that scripts read."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

import comity.orbits
from comity.cli.main import main

CATALOGUE = Path(comity.orbits.__file__).with_name("data") / "catalogue-300.3le"
STATION_HEADER = "spacecraft,norad_id,target,start_utc,end_utc,duration_s,max_elevation_deg,max_elevation_utc"
IMAGING_HEADER = (
    "spacecraft,norad_id,instrument,target,start_utc,end_utc,duration_s,min_off_nadir_deg,gsd_m,"
    "sun_elevation_deg"
)
DAY = ("--start", "2024-09-22T00:00:00Z", "--end", "2024-09-23T00:00:00Z")

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """``run(*words)`` → exit code, standard output, standard error of ``comity windows``."""

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["comity", "windows", *words])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        code = stop.value.code
        return (code if isinstance(code, int) else 0), out, err

    return call


def of(*names: str) -> str:
    """Lines of the named objects."""
    lines = CATALOGUE.read_text().splitlines()
    return "".join(
        "\n".join(lines[k : k + 3]) + "\n" for k in range(0, len(lines), 3) if lines[k].strip() in names
    )


def test_csv_of_passes(run: Run) -> None:
    code, out, err = run(
        *("--elements", str(CATALOGUE), "--only", "KANOPUS-V 3,58266", *DAY, "--format", "csv"),
        *("--site", "-70.9,-52.9", "--site", "Lac Assal=42.416,11.652,-155"),
        *("--min-elevation-deg", "10"),
    )
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == STATION_HEADER
    # from the independent reference of tests/validation
    expected = (
        "KANOPUS-V 3,43180,site-1,2024-09-22T02:31:22.671Z,2024-09-22T02:37:46.421Z,383.75,26.7515,"
        "2024-09-22T02:34:33.5"  # the elevation is flat there: its milliseconds are noise
    )
    assert any(line.startswith(expected) for line in lines)
    rows = list(csv.DictReader(io.StringIO(out)))
    assert {row["target"] for row in rows} == {"site-1", "Lac Assal"}
    assert {row["norad_id"] for row in rows} == {"43180", "58266"}


def test_json_says_which_elements(run: Run) -> None:
    words = ("--elements", str(CATALOGUE), "--only", "43180", "--site", "x=42.4,11.6", *DAY)
    code, out, _ = run(*words, "--format", "json")
    assert code == 0
    first = json.loads(out)[0]
    assert list(first) == [*STATION_HEADER.split(","), "elements"]
    assert first["elements"]["source"] == "catalogue-300.3le"
    assert first["elements"]["epoch"].startswith("2024-09-2")
    code, out, _ = run(*words)
    assert code == 0
    assert out.splitlines()[0].split() == STATION_HEADER.split(",")


def test_skipped_objects_are_named_and_the_others_go_on(run: Run, tmp_path: Path) -> None:
    bad = of("RESURS-P 4").splitlines()
    bad[1] = bad[1][:68] + str((int(bad[1][68]) + 1) % 10)
    path = tmp_path / "some.3le"
    path.write_text("\n".join(bad) + "\n" + of("KANOPUS-V 3", "UNKNOWN"))
    words = ("--elements", str(path), "--site", "x=42.4,11.6", *DAY, "--format", "csv")
    code, out, err = run(*words)
    assert code == 3
    assert "KANOPUS-V 3" in out
    assert "RESURS-P 4 (line 2): line 1 has checksum" in err
    assert "UNKNOWN (81696): SGP4 has no position" in err
    assert "decayed" in err
    # of no concern to who asks for another object, but to who asks for this one
    assert run(*words, "--only", "KANOPUS-V 3")[0] == 0
    code, _, err = run(*words, "--only", "RESURS-P 4")
    assert (code, "RESURS-P 4 (line 2): line 1 has checksum" in err) == (2, True)
    assert run(*words, "--only", "81696")[0] == 2


def test_old_elements_are_warned_about(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "kanopus.3le"
    path.write_text(of("KANOPUS-V 3"))
    span = ("--start", "2024-11-22", "--end", "2024-11-22T06:00:00Z")
    code, _, err = run("--elements", str(path), "--site", "x=42.4,11.6", *span, "--format", "csv")
    assert code == 0
    # 15 % of what drag does in 61 days to elements with ṅ/2 = 5.8e-5 rev/day²
    assert "warning: the elements of KANOPUS-V 3 (43180) are 61 days from the interval: it may be 1,3" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--site", "43,91"), "site 'site-1': latitude 91° is outside −90 … 90"),
        (("--site", "here=43"), "site 'here=43' is not [NAME=]LON,LAT[,ALT_M]"),
        (("--site", "=43,11"), "has an empty name"),
        (("--site", "a=43,11", "--site", "a=44,11"), "two sites are called 'a'"),
        (("--site", "43,11", "--min-elevation-deg", "91"), "minimum elevation 91°"),
        (("--site", "43,11", "--only", "KANOPUS-V 99"), "unknown object 'KANOPUS-V 99'"),
        (("--site", "43,11", "--country", "DJI"), "--country goes with --programme"),
        (("--site", "43,11", "--end", "2024-09-21"), "is not before end"),
        (("--site", "43,11", "--start", "yesterday"), "'yesterday' is not an ISO 8601 time"),
        (("--site", "43,11", "--start", "2034-01-01", "--end", "2034-01-02"), "update astropy-iers-data"),
        ((), "no site given"),
        (("--programme", "joint-eo"), "give either --elements FILE"),
    ],
)
def test_bad_input_is_refused_in_a_line(run: Run, words: tuple[str, ...], message: str) -> None:
    code, out, err = run("--elements", str(CATALOGUE), *DAY, *words)
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) <= 2


def test_imaging_windows_of_the_embedded_programme(run: Run) -> None:
    words = ("--programme", "joint-eo", *DAY, "--format", "csv")
    code, out, err = run(*words, "--country", "DJI", "--point", "mast=43.14,11.59", "--only", "gaofen-6")
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == IMAGING_HEADER
    rows = list(csv.DictReader(io.StringIO(out)))
    assert {row["spacecraft"] for row in rows} == {"gaofen-6"}
    assert {row["target"].partition("/strip-")[0] for row in rows} == {"DJI", "mast"}
    limits = ("--max-off-nadir-deg", "20", "--min-sun-elevation-deg", "10")
    code, out, _ = run(*words, "--point", "43.14,11.59", *limits)
    rows = list(csv.DictReader(io.StringIO(out)))
    assert {row["target"] for row in rows} == {"point-1"}
    assert all(float(row["min_off_nadir_deg"]) <= 20 for row in rows)
    assert all(float(row["sun_elevation_deg"]) >= 10 for row in rows)
    for bad, message in [
        (("--country", "XYZ"), "unknown"),
        (("--point", "43,91"), "91"),
        ((), "no place given"),
        (("--country", "DJI", "--site", "43,11"), "--site goes with --elements"),
        (("--country", "DJI", "--only", "sputnik"), "unknown spacecraft of joint-eo 'sputnik'"),
    ]:
        code, out, err = run(*words, *bad)
        assert (code, out, message in err) == (2, "", True), err


def test_help_keeps_what_stands_in_brackets(run: Run) -> None:
    code, out, _ = run("windows", "--help")
    assert code == 0
    told = " ".join(out.replace("│", " ").split())
    assert "clipped to [start, end]" in told
    assert "start + 1" in told, "the default of --end"
