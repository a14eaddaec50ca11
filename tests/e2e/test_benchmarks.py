"""The benchmark's own instruments: its reference, its comparison, and what it says of what is not there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from comity.access import Site, station_windows
from comity.core import Epoch, Interval
from comity.orbits import EarthOrientation, parse_tle, sgp4_trajectories

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, ModuleType]]:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from access_bench import job, reference, worker

    yield {"job": job, "reference": reference, "worker": worker}


def test_the_reference_and_comity_find_the_same_passes(bench: dict[str, ModuleType]) -> None:
    job = bench["job"].leo_job(2, 40, days=0.5)
    truth = bench["reference"].windows_of(job)
    trajectories, refused = sgp4_trajectories(
        [parse_tle(a, b, name=f"{k}") for k, (a, b) in enumerate(job.lines)], EarthOrientation.bundled()
    )
    assert not refused
    sites = [
        Site(name=f"{k}", lon_deg=lon, lat_deg=lat, altitude_m=height, min_elevation_deg=job.mask_deg)
        for k, (lon, lat, height) in enumerate(job.sites)
    ]
    begin = Epoch.from_datetime(job.begin)
    windows = station_windows(trajectories, sites, Interval(begin, begin + job.duration_s))
    ours = np.array(
        [
            (float(w.spacecraft), float(w.target), w.interval.start - begin, w.interval.end - begin)
            for w in windows
        ]
    )
    agreement = bench["reference"].compare(truth, ours, job.duration_s)
    assert len(truth) > 100
    assert (agreement.missed, agreement.invented, agreement.joined) == (0, 0, 0)
    assert agreement.edge_max_s < 2e-3


def test_the_comparison_counts_what_differs(bench: dict[str, ModuleType]) -> None:
    truth = np.array(
        [(0, 0, 0.0, 50.0), (0, 0, 100.0, 200.0), (0, 1, 10.0, 20.0), (1, 0, 10.0, 20.0), (1, 0, 30.0, 40.0)]
    )
    found = np.array(
        [(0, 0, 0.0, 50.25), (0, 0, 100.5, 200.0), (1, 0, 12.0, 38.0), (1, 1, 10.0, 20.0)]
    )  # the first starts at the span's beginning, one is missed, two are joined, one is invented
    agreement = bench["reference"].compare(truth, found, 1000.0)
    assert (agreement.missed, agreement.longest_missed_s) == (1, 10.0)
    assert (agreement.invented, agreement.joined) == (1, 1)
    assert agreement.edge_max_s == 0.5
    assert agreement.edge_p50_s == 0.25


def test_a_peer_that_is_not_installed_is_skipped_by_name(bench: dict[str, ModuleType]) -> None:
    answer, windows = bench["worker"].measure("no_such_program", bench["job"].leo_job(1, 1), 1)
    assert windows is None
    assert "no_such_program" in answer["skipped"]


def test_a_catalogue_that_is_not_there_is_skipped_by_name(tmp_path: Path) -> None:
    missing = tmp_path / "none.3le"
    command = [sys.executable, str(BENCHMARKS / "access.py"), "--row", "3", "--catalogue", str(missing)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    line = json.loads(done.stdout)
    assert (done.returncode, line["row"], line["met"]) == (0, 3, None)
    assert str(missing) in line["skipped"]
