"""Passes against an independent reference: 300 real objects, 10 sites, a day, 10°.

The reference (``make_reference_windows.py``, committed with its output) shares no code with Comity: dense
``sgp4`` states, IERS polar motion and UT1, bisection. Windows and edges are compared by ``comity validate``
(``test_published.py``); here are culminations, decayed objects, and the reference itself.
"""

from __future__ import annotations

import importlib.util
import sys
from collections import defaultdict
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from comity.access import Site, StationWindow, station_windows
from comity.core import Epoch, Interval, reference_table
from comity.orbits import EarthOrientation, read_elements, sgp4_trajectories

Spans = dict[tuple[int, str], list[tuple[float, float, float]]]

DAY = Interval.from_iso("2024-09-22T00:00:00Z/2024-09-23T00:00:00Z")


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    path = Path(__file__).with_name("make_reference_windows.py")
    spec = importlib.util.spec_from_file_location("make_reference_windows", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))  # for what the makers of tables share
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module


@pytest.fixture(scope="module")
def expected() -> tuple[Spans, set[int]]:
    """Reference windows by object and site, and the objects that have decayed."""
    table = reference_table("comity.access", "windows-sgp4.csv.gz")
    windows: Spans = defaultdict(list)
    decayed = set()
    spans = table.numbers("start_s", "end_s", "max_elevation_deg").tolist()
    for norad_id, site, span in zip(table.text("norad_id"), table.text("site"), spans, strict=True):
        if site:
            windows[int(norad_id), str(site)].append(tuple(span))
        else:
            decayed.add(int(norad_id))
    return windows, decayed


@pytest.fixture(scope="module")
def found(reference: ModuleType) -> tuple[list[StationWindow], set[int]]:
    catalogue = read_elements(reference.CATALOGUE)
    assert len(catalogue.elements) == 300
    assert not catalogue.skipped
    trajectories, refused = sgp4_trajectories(catalogue.elements, EarthOrientation.bundled())
    lost = {error.norad_id for error in refused}
    sites = [
        Site(name=name, lon_deg=lon, lat_deg=lat, altitude_m=altitude, min_elevation_deg=reference.MASK_DEG)
        for name, (lon, lat, altitude) in reference.SITES.items()
    ]
    windows = station_windows(
        trajectories, sites, DAY, on_error=lambda of, error: lost.add(of.norad_id)
    )  # fmt: skip
    return windows, lost


def test_objects_that_decay_are_named_and_windows_reach_their_culmination(
    expected: tuple[Spans, set[int]], found: tuple[list[StationWindow], set[int]]
) -> None:
    reference_windows, decayed = expected
    windows, lost = found
    assert lost == decayed
    assert len(windows) > 9_000
    for w in windows:
        start, end = w.interval.start - DAY.start, w.interval.end - DAY.start
        tops = [top for a, b, top in reference_windows[w.norad_id, w.target] if a < end and start < b]
        assert len(tops) == 1, f"{w.spacecraft} over {w.target} at {w.interval}"
        assert w.max_elevation_deg >= tops[0] - 1e-3
        assert w.interval.start <= w.max_elevation_at <= w.interval.end


def test_the_committed_reference_is_what_its_script_makes(
    reference: ModuleType, expected: tuple[Spans, set[int]]
) -> None:
    """A few objects, picked at random, are computed anew."""
    windows, _ = expected
    objects = reference.objects(reference.CATALOGUE.read_text())
    for k in np.random.default_rng().choice(len(objects), 6, replace=False):
        name, line1, line2 = objects[k]
        rows = reference.passes(line1, line2)
        for site in reference.SITES:
            again = [(start, end) for where, start, end, _ in rows or [] if where == site]
            stored = [span[:2] for span in windows.get((int(line1[2:7]), site), [])]
            assert np.allclose(again, stored, atol=1e-3) if stored else not again, (name, site)


def test_the_subset_holds_every_kind_of_orbit(reference: ModuleType) -> None:
    elements = read_elements(reference.CATALOGUE).elements
    day = Epoch.from_iso("2024-09-22")
    kinds = {
        "geostationary": sum(0.99 < e.mean_motion < 1.01 and e.inclination_deg < 1 for e in elements),
        "molniya": sum(e.eccentricity > 0.5 and 1.9 < e.mean_motion < 2.1 for e in elements),
        "low": sum(e.mean_motion > 11 for e in elements),
        "falling": sum(e.mean_motion > 15.9 for e in elements),
        "retrograde": sum(e.inclination_deg > 101 for e in elements),
        "old": sum(e.age_s(day) > 60 * 86_400 for e in elements),
        "arktika": sum(e.name.startswith("ARKTIKA") for e in elements),
    }
    assert all(count >= 2 for count in kinds.values()), kinds
