"""``comity coverage`` and ``comity tradespace`` as a user calls them."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import xarray as xr

from e2e.conftest import Comity

SPAN = ("--start", "2024-09-22", "--days", "2")
JOB = ("coverage", "--walker", "53:6/3/1", "--altitude-km", "600", "--max-off-nadir-deg", "35", *SPAN)
STUDY = (
    "tradespace",
    "djibouti-optical",
    "--planes",
    "1,2",
    "--sats",
    "1",
    "--altitude-km",
    "500",
    "--days",
    "3",
)


def test_a_walker_over_a_country(comity: Comity, tmp_path: Path) -> None:
    files = [tmp_path / f"out{suffix}" for suffix in (".nc", ".tif", ".png")]
    ran = comity(
        *JOB,
        "--country",
        "Djibouti",
        "--grid",
        "latlon:0.5",
        "--json",
        *(w for f in files for w in ("--out", f)),
    )
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert told["spacecraft"] == 6
    assert told["area_km2"] == pytest.approx(21_850, rel=0.02), "Djibouti's surface"
    with xr.open_dataset(files[0]) as dataset:
        dataset.load()
        cells = dataset.revisit_mean.values[~dataset.revisit_mean.isnull().values]
        weights = dataset.cell_area.values[~dataset.revisit_mean.isnull().values]
        over = {one["name"]: one for one in told["over_area"]}
        assert over["revisit_mean"]["mean_s"] == pytest.approx((cells * weights).sum() / weights.sum())
        assert "comity coverage --walker" in dataset.attrs["history"]
        assert dataset.attrs["earth_orientation"].startswith("IERS finals2000A")
        assert dataset.sizes["spacecraft"] == 6
    assert all(file.stat().st_size > 2_000 for file in files)
    # an inclined orbit sees no pole, and says so
    ran = comity(*JOB, "--grid", "latlon:10")
    assert ran.code == 0, ran.err
    assert "Worst latitudes: 90°S to 80°S, of which 0 % is seen." in ran.out


def test_sun_synchronous_orbits_look_at_their_hour(comity: Comity, tmp_path: Path) -> None:
    base = (
        "coverage",
        "--sso",
        "--altitude-km",
        "600",
        "--swath-km",
        "800",
        "--lat",
        "-10,10",
        "--grid",
        "healpix:8",
    )
    day = comity(*base, *SPAN, "--ltan", "10:30", "--daylight", "--json")
    both = comity(*base, *SPAN, "--ltan", "10:30", "--json")
    dusk = comity(*base, *SPAN, "--ltan", "10:30", "--min-sun-elevation-deg", "75", "--json")
    assert (day.code, both.code, dusk.code) == (0, 0, 0), day.err + both.err + dusk.err
    looks = [json.loads(ran.out)["looks_per_day"] for ran in (both, day, dusk)]
    assert looks[1] == pytest.approx(looks[0] / 2, rel=0.1), "half of the passes are at night"
    assert looks[2] == 0, "at 10:30 the sun stands at about 67° over the equator at most"


def test_workers_and_a_running_scheduler_give_the_same_file(comity: Comity, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    job = (*JOB, "--grid", "equal-area:1000km", "--daylight")
    assert comity(*job, "--out", tmp_path / "here.nc").code == 0
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, dashboard_address=None, scheduler_port=0
    ) as cluster:
        for words in (("--workers", "2"), ("--scheduler", cluster.scheduler_address)):
            ran = comity(*job, "--out", tmp_path / "there.nc", *words)
            assert ran.code == 0, ran.err
            with (
                xr.open_dataset(tmp_path / "here.nc") as one,
                xr.open_dataset(tmp_path / "there.nc") as other,
            ):
                one.attrs.pop("history"), other.attrs.pop("history")
                assert one.identical(other), words
            (tmp_path / "there.nc").unlink()


@pytest.mark.parametrize("workers", [(), ("--workers", "2")])
def test_ctrl_c_leaves_no_file_and_no_process(workers: tuple[str, ...], tmp_path: Path) -> None:
    if workers:
        pytest.importorskip("distributed")
    words = [
        "coverage",
        "--walker",
        "53:40/5/1",
        "--altitude-km",
        "600",
        "--max-off-nadir-deg",
        "45",
        "--grid",
    ]
    words += ["latlon:0.5", "--start", "2024-09-22", "--days", "30", "--out", "out.nc", *workers]
    running = subprocess.Popen(
        [sys.executable, "-m", "comity", *words],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        time.sleep(8.0 if workers else 4.0)
        assert running.poll() is None, "the job is long enough to be interrupted"
        os.killpg(running.pid, signal.SIGINT)  # as a terminal does: to every process of the group
        _, err = running.communicate(timeout=90)
        assert running.returncode not in (0, None)
        assert "Traceback" not in err
        assert list(tmp_path.iterdir()) == []
        with pytest.raises(ProcessLookupError):
            for _ in range(100):  # the workers have gone with it
                os.killpg(running.pid, 0)
                time.sleep(0.1)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((*JOB, "--country", "Atlantis"), "unknown country or territory 'Atlantis'"),
        ((*JOB[:-4], "--start", "2024-09-22", "--end", "2024-09-22"), "is not before end"),
        (
            (*JOB[:-4], "--start", "2014-09-22", "--days", "3652", "--grid", "latlon:0.1"),
            "looks would be found",
        ),
        ((*JOB, "--country", "DJI", "--lat", "0,10"), "give one region"),
        ((*JOB, "--grid", "latlon"), "is not latlon:DEGREES"),
        ((*JOB, "--swath-km", "100"), "say what the satellites see with one of"),
        ((*JOB, "--out", "x.tif", "--grid", "healpix:4"), "needs rows and columns"),
        ((*JOB, "--out", "/proc/x.nc"), "cannot write /proc/x.nc"),
        ((*JOB, "--figure", "looks"), "add --out FILE.png"),
        ((*JOB, "--percentiles", "50,101"), "percentiles 50, 101 are not all within 0 … 100"),
        ((*JOB, "--workers", "100000"), "--workers 100000 is outside 1 …"),
        ((*JOB, "--scheduler", "host"), "is no address such as tcp://HOST:8786"),
        (
            ("coverage", "--sso", "--ltan", "9", "--altitude-km", "600", "--swath-km", "9", "--sats", "0"),
            "--sats 0 is less than 1",
        ),
        ((*JOB, "--out", "x.hdf"), "no suffix that says what to write"),
        ((*JOB, "--sso"), "give one constellation"),
        (
            ("coverage", "--walker", "53:6/4/1", "--altitude-km", "600", "--swath-km", "9"),
            "do not fill 4 planes",
        ),
        (("coverage", "--walker", "53:6/3/1", "--swath-km", "9"), "needs --altitude-km"),
        (("coverage", "--programme", "joint-eo", "--instrument", "telescope"), "unknown instrument"),
        (("tradespace", "nosuch.toml"), "cannot read nosuch.toml"),
        ((*STUDY, "--sats", "1.5"), "is not whole numbers"),
        ((*STUDY, "--objective", "beauty"), "objective"),
    ],
)
def test_bad_input_is_told_in_a_line(words: tuple[str, ...], told: str, here: Comity) -> None:
    ran = here(*words)
    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err
    assert len(ran.err.splitlines()) <= 2


def test_a_trade_study_ends_in_a_front(comity: Comity, tmp_path: Path) -> None:
    table, journal = tmp_path / "t.csv", tmp_path / "journal.jsonl"
    ran = comity(*STUDY, "--out", table, "--out", tmp_path / "t.png", "--journal", journal)
    assert ran.code == 0, ran.err
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8
    assert len(journal.read_text().splitlines()) == 9
    front = [row for row in rows if row["front"] == "true"]
    assert f"{len(front)} on the front" in ran.out
    assert min(float(row["cost"]) for row in front) >= min(float(row["cost"]) for row in rows)
    again = comity(*STUDY, "--journal", journal, "--json")
    assert json.loads(again.out)["front"] == [
        {**row, "front": True} for row in json.loads(comity(*STUDY, "--json").out)["front"]
    ], "what the journal kept is what would be computed"
