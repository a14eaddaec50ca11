"""``comity events``: what scripts and people meet."""

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
DAY = ("--start", "2024-09-22T00:00:00Z", "--end", "2024-09-23T00:00:00Z")

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """``run(*words)`` → exit code, standard output, standard error of ``comity`` with these words."""

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["comity", *words])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        code = stop.value.code
        return (code if isinstance(code, int) else 0), out, err

    return call


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_pass_as_an_expression_is_the_pass_of_windows(run: Run) -> None:
    words = (
        "--elements",
        str(CATALOGUE),
        "--only",
        "43180",
        *DAY,
        "--site",
        "-70.9,-52.9",
        "--format",
        "csv",
    )
    code, out, err = run("events", *words, "--when", "pass: elevation(site) > 10")
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "spacecraft,norad_id,event,start_utc,end_utc,duration_s"
    _, passes, _ = run("windows", *words, "--min-elevation-deg", "10")
    times = [(row["start_utc"], row["end_utc"]) for row in rows(passes)]
    assert [(row["start_utc"], row["end_utc"]) for row in rows(out)] == times != []
    assert {row["event"] for row in rows(out)} == {"pass"}


def test_several_expressions_over_two_objects(run: Run) -> None:
    words = ("--elements", str(CATALOGUE), "--only", "43180,58266", *DAY, "--format", "json")
    code, out, _ = run(
        "events", *words, "--when", "umbra", "--when", "lit: sunlit", "--when", "part: penumbra"
    )
    records = json.loads(out)
    assert code == 0
    assert {record["norad_id"] for record in records} == {43180, 58266}
    assert sum(r["duration_s"] for r in records) == pytest.approx(2 * 86_400.0, abs=0.2)
    assert {record["event"] for record in records} == {"umbra", "lit", "part"}
    assert records[0]["elements"]["source"] == CATALOGUE.name


def test_another_object_by_name(run: Run) -> None:
    words = ("--elements", str(CATALOGUE), "--only", "43180", *DAY, "--format", "csv")
    code, out, _ = run("events", *words, "--when", "line_of_sight(58266) and range('58266') < 4000 km")
    assert code == 2  # a bare number is no name
    code, out, _ = run("events", *words, "--when", "line_of_sight('58266') and range('58266') < 4000 km")
    assert code == 0
    assert rows(out)


@pytest.mark.parametrize(
    ("when", "told"),
    [
        ("elevation(site) > 10", "--site NAME=LON,LAT"),
        ("line_of_sight('43180')", "cannot be compared with itself"),
        ("line_of_sight('KANOPUS-V 33')", "unknown object 'KANOPUS-V 33'"),
        ("sunny", "statements are"),
    ],
)
def test_mistakes_end_in_one_line(run: Run, when: str, told: str) -> None:
    code, out, err = run("events", "--elements", str(CATALOGUE), "--only", "43180", *DAY, "--when", when)
    assert (code, out) == (2, "")
    assert told in err
    assert len(err.splitlines()) == 1


def test_old_elements_are_warned_about(run: Run) -> None:
    words = ("--elements", str(CATALOGUE), "--only", "43180", "--format", "csv", "--when", "ascending")
    code, out, err = run("events", *words, "--start", "2024-12-22", "--end", "2024-12-23")
    assert code == 0
    assert rows(out)
    assert "91 days" in err
