"""Bad input: a line or two that name the value, exit code 2, no traceback, nothing written."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import pytest

TLE = (
    "KANOPUS-V 3\n"
    "1 43180U 18014A   24266.19573193  .00005778  00000+0  25421-3 0  9991\n"
    "2 43180  97.3867 172.3278 0001890  78.1503 281.9945 15.22250606368396\n"
)
SPAN = ("--start", "2024-09-22T12:00:00Z", "--end", "2024-09-23T12:00:00Z")
AREA = ("windows", "--programme", "joint-eo", *SPAN)
SITE = ("windows", "--site", "Assal=42.41,11.65,-155", *SPAN)


def polygon(*ring: tuple[float, float]) -> str:
    return json.dumps({"type": "Polygon", "coordinates": [[*ring, ring[0]]]})


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """A folder of files nobody should send."""
    (tmp_path / "empty.tle").write_text("")
    (tmp_path / "truncated.tle").write_text(TLE[:100])
    (tmp_path / "checksums.tle").write_text(TLE.replace("9991\n", "9992\n").replace("8396\n", "8395\n"))
    (tmp_path / "good.tle").write_text(TLE)
    (tmp_path / "bow.geojson").write_text(polygon((42, 11), (43, 12), (43, 11), (42, 12)))
    (tmp_path / "north.geojson").write_text(polygon((42, 89), (43, 91), (44, 89)))
    (tmp_path / "empty.geojson").write_text("")
    (tmp_path / "text.geojson").write_text("not json")
    (tmp_path / "deep.geojson").write_text("[" * 100_000)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ((*SITE, "--elements", "nowhere.tle"), "nowhere.tle"),
        ((*SITE, "--elements", "empty.tle"), "empty"),
        ((*SITE, "--elements", "truncated.tle"), "truncated.tle"),
        ((*SITE, "--elements", "checksums.tle"), "checksum"),
        (("windows", "--elements", "good.tle", "--site", "X=43,91", *SPAN), "91"),
        (("windows", "--elements", "good.tle", "--site", "X=43", *SPAN), "X=43"),
        (("windows", "--elements", "good.tle", "--site", "43,11,99000", *SPAN), "99000"),
        ((*SITE, "--elements", "good.tle", "--only", "SOYUZ"), "SOYUZ"),
        ((*AREA, "--area", "bow.geojson"), "cross"),
        ((*AREA, "--area", "north.geojson"), "91"),
        ((*AREA, "--area", "empty.geojson"), "empty"),
        ((*AREA, "--area", "text.geojson"), "JSON"),
        ((*AREA, "--area", "nowhere.geojson"), "nowhere.geojson"),
        (
            (
                "coverage",
                "--walker",
                "53:6/3/1",
                "--altitude-km",
                "600",
                "--swath-km",
                "9",
                "--area",
                "deep.geojson",
            ),
            "deep.geojson is not GeoJSON",
        ),
        ((*AREA, "--country", "XYZ"), "XYZ"),
        ((*AREA, "--point", "43,-91"), "-91"),
        (
            ("windows", "--programme", "joint-eo", "--country", "DJI", "--start", SPAN[3], "--end", SPAN[1]),
            "2024-09-23",
        ),
        (("windows", "--programme", "nobody", "--country", "DJI", *SPAN), "nobody"),
        (("programme", "check", "nowhere.toml"), "nowhere.toml"),
        (("quote", "request-0001"), "request-0001"),
        (("order", "quote-0001", "--now", "tomorrow"), "tomorrow"),
        (("plan", "make", "--time-limit", "-1"), "-1"),
        (("plan", "explain", "order-0042"), "order-0042"),
        (("execute", "--report", "nowhere.csv"), "nowhere.csv"),
        (("deliver", "--max-pixels", "7"), "7"),
        (("accept",), "--all"),
        (("windows", "--elements", "good.tle", "--site", "1,2", *SPAN, "--format", "pdf"), "pdf"),
    ],
)
def test_is_refused_in_a_line_or_two_that_name_it(
    here, bad: Path, words: tuple[str, ...], named: str
) -> None:
    if words[0] in ("quote", "order", "plan", "execute", "deliver", "accept"):
        assert here("programme", "use", "joint-eo").code == 0
    before = {path: path.read_bytes() for path in bad.iterdir() if path.name != "comity.db"}
    ran = here(*words)
    assert ran.code == 2
    assert ran.out == ""
    assert named in ran.err.replace("\n", " ")
    after = {path: path.read_bytes() for path in bad.iterdir() if path.name != "comity.db"}
    assert after == before


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('owner = "sputnix"', 'owner = "nobody"', "nobody"),
        ("share = 0.36", "share = 0.35", "0.99"),
        ('currency = "EUR"', 'currency = "XYZ"', "XYZ"),
    ],
)
def test_a_programme_with_a_mistake_is_refused_with_key_and_value(
    here, tmp_path: Path, old: str, new: str, named: str
) -> None:
    data = files("comity.fleet") / "data"
    text = (data / "joint-eo.toml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "joint-eo.3le").write_bytes((data / "joint-eo.3le").read_bytes())
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    assert here("programme", "check", "mine.toml").code == 0
    (tmp_path / "mine.toml").write_text(text.replace(old, new), encoding="utf-8")
    ran = here("programme", "check", "mine.toml")
    assert ran.code == 2
    assert named in ran.err
    assert "mine.toml" in ran.err


def test_a_database_that_is_not_there_is_not_made_up(here, tmp_path: Path) -> None:
    ran = here("status", "--db", "typo.db")
    assert ran.code == 2
    assert "typo.db" in ran.err
    assert list(tmp_path.iterdir()) == []


def test_some_objects_skipped_is_exit_code_3_and_the_others_go_on(here, bad: Path) -> None:
    (bad / "mixed.tle").write_text(TLE + TLE.replace("43180", "43181"))
    ran = here(*SITE, "--elements", "mixed.tle", "--format", "csv")
    assert ran.code == 3
    assert "checksum" in ran.err
    rows = ran.out.splitlines()
    assert rows[0] == (
        "spacecraft,norad_id,target,start_utc,end_utc,duration_s,max_elevation_deg,max_elevation_utc"
    )
    assert len(rows) == 4
    assert all(row.startswith("KANOPUS-V 3,43180,Assal,2024-09-2") for row in rows[1:])
