"""Coverage runs: the same answer however they are cut, figures by hand, sizes and inputs refused."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from comity.access.coverage import (
    ChunkJob,
    Coverage,
    Options,
    Sensor,
    chunks,
    country,
    cover_chunk,
    coverage,
    equal_area_grid,
    lat_lon_grid,
    points_grid,
    scene,
)
from comity.access.coverage.merge.kernels import digest
from comity.core import Epoch, InputError, Interval, ThreadExecutor
from comity.orbits import (
    EarthOrientation,
    EphemerisTrajectory,
    PropagationError,
    SGP4Trajectory,
    sample_ephemeris,
)
from comity.orbits.constellations import walker_delta

START = Epoch.from_iso("2024-09-22T00:00:00Z")
DAY = Interval(START, START + 86_400)
EOP = EarthOrientation.bundled()
PATTERN = walker_delta(12, 3, 1, inclination_deg=53.0, altitude_m=600_000.0, epoch=START)
SATELLITES = [SGP4Trajectory(one, EOP) for one in PATTERN]
CONE = Sensor(max_off_nadir_deg=35.0)
LIT = Options(min_sun_elevation_deg=10.0)


class Elsewhere:
    """An executor whose workers share nothing with us: work and results travel as bytes, out of order."""

    def map(self, function: Callable[[ChunkJob], Any], items: Iterable[ChunkJob]) -> Iterator[Any]:
        for item in list(items)[::-1]:
            there = pickle.loads(pickle.dumps(item))
            there = replace(there, scene=replace(there.scene, key="another process"))
            yield pickle.loads(pickle.dumps(function(there)))
        scene.forget(there.scene)


def same(one: Coverage, other: Coverage) -> bool:
    arrays = [f.name for f in fields(one) if isinstance(getattr(one, f.name), np.ndarray)]
    assert len(arrays) > 10
    return all(getattr(one, n).tobytes() == getattr(other, n).tobytes() for n in arrays)


def test_the_result_does_not_depend_on_where_and_how_it_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    grid = lat_lon_grid(10.0)
    whole = coverage(SATELLITES, CONE, grid, DAY, options=LIT)
    assert whole.looks.sum() > 1_000
    assert same(whole, coverage(SATELLITES, CONE, grid, DAY, options=LIT, executor=Elsewhere()))
    monkeypatch.setattr(chunks, "_CHUNK_CELLS", 7)
    done: list[float] = []
    small = coverage(
        SATELLITES, CONE, grid, DAY, options=LIT, executor=ThreadExecutor(3),
        progress=lambda d, t, m: done.append(d / t),
    )  # fmt: skip
    assert same(whole, small)
    assert len(done) == -(-len(grid) // 7) and done == sorted(done) and done[-1] == 1.0


def test_long_spans_are_worked_through_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    places = points_grid([(0.0, 0.0), (-180.0, 51.0), (12.0, 90.0), (100.0, -40.0)])
    low = Sensor(min_elevation_deg=5.0)
    whole = coverage(SATELLITES, low, places, DAY)
    monkeypatch.setattr(scene, "_BLOCK_NODES", 12 * 50)  # passes are cut at every 50th minute, and joined
    parts = coverage(SATELLITES, low, places, DAY)
    assert np.array_equal(whole.looks, parts.looks)
    for name in ("covered_s", "first_s", "revisit_mean_s", "response_mean_s", "longest_gap_s"):
        assert np.allclose(getattr(whole, name), getattr(parts, name), rtol=0, atol=1e-4, equal_nan=True)


def test_an_ephemeris_need_not_reach_beyond_the_interval() -> None:
    short = Interval(START, START + 7_101.5)
    places = points_grid([(lon, lat) for lon in range(-180, 180, 40) for lat in (-40.0, 0.0, 40.0)])
    table = sample_ephemeris(SATELLITES[0], short, 60.0, eop=EOP)
    found = coverage([EphemerisTrajectory(table, EOP)], CONE, places, short)
    known = coverage(SATELLITES[:1], CONE, places, short)
    assert known.looks.sum() > 0 and np.array_equal(found.looks, known.looks)
    assert np.allclose(found.covered_s, known.covered_s, rtol=0, atol=1e-2)


def test_figures_by_hand() -> None:
    looks = np.array([(0, 100, 200), (0, 500, 600), (1, 150, 250), (1, 900, 1_000)], dtype=np.float64)
    rows = chunks.place_rows(points_grid([(0.0, 0.0), (1.0, 1.0)]))
    figures, gaps, waits, starts = digest(
        np.zeros(4, dtype=np.int64), looks[:, 0].astype(np.int64), looks[:, 1].copy(), looks[:, 2].copy(), 1,
        rows, np.empty((0, 6)), 600.0, -2.0, 2.0, 0.0, 1_200.0, np.array([25.0, 50.0, 90.0]),
        np.array([0.0, 300.0, 950.0, 1_100.0]),
    )  # fmt: skip
    # accesses 100–250, 500–600, 900–1000; gaps 250 and 300; cut ones 100 and 200
    assert figures[0, :7].tolist() == [4, 3, 350, 100, 275, 275, 300]
    assert figures[0, 7] == (100**2 + 250**2 + 300**2) / (2 * 1_000)
    assert figures[0, 8:].tolist() == [300, 300]
    assert gaps[0].tolist() == [262.5, 275.0, 295.0]
    # of the 1000 s, 350 have no wait; a wait of up to 50 s: 3·50 more; up to 225 s: 100 + 2·225
    assert waits[0].tolist() == [0.0, 50.0, 225.0]
    assert starts[0, :3].tolist() == [100.0, 200.0, 0.0] and np.isnan(starts[0, 3])
    assert (
        figures[1, :3].tolist() == [0, 0, 0] and figures[1, 9] == 1_200.0 and np.isnan(figures[1, 3:9]).all()
    )


def test_looks_cut_by_nightfall_and_too_short_ones_do_not_count() -> None:
    places = equal_area_grid(2_000_000.0)
    day = coverage(SATELLITES, CONE, places, DAY, options=Options(min_sun_elevation_deg=0.0))
    night = coverage(SATELLITES, CONE, places, DAY, options=Options(max_sun_elevation_deg=0.0))
    both = coverage(SATELLITES, CONE, places, DAY)
    split = day.looks + night.looks - both.looks  # a look in which the Sun rises or sets counts on both sides
    assert np.all(split >= 0) and 0 < split.sum() < 0.02 * both.looks.sum()
    assert np.all(day.covered_s + night.covered_s >= both.covered_s - 1e-6)
    long = coverage(SATELLITES, CONE, places, DAY, options=Options(min_duration_s=90.0))
    assert 0 < long.looks.sum() < both.looks.sum()
    seen = long.looks > 0
    assert np.all(long.covered_s[seen] >= 90.0)


def test_cumulative_coverage_and_time_to_cover_a_country() -> None:
    grid = lat_lon_grid(1.0, country("ETH"))
    two_days = Interval(START, START + 2 * 86_400)
    result = coverage(SATELLITES, CONE, grid, two_days, options=Options(starts=8))
    curve = result.cumulative_fraction(np.linspace(0.0, 2 * 86_400.0, 97))
    assert curve[0] == pytest.approx(0.0, abs=0.1) and curve[-1] == 1.0 and np.all(np.diff(curve) >= 0.0)
    half, most = result.time_to_cover_s(0.5), result.time_to_cover_s(0.95)
    assert len(half) == 8 and np.all(half <= most)
    at = result.cumulative_fraction(np.array([half[0] - 1.0, half[0] + 1.0]))
    assert at[0] < 0.5 <= at[1]
    with pytest.raises(InputError, match=r"95 % is 0\.95"):
        result.time_to_cover_s(95.0)
    nowhere = np.zeros(len(grid), dtype=np.bool_)
    with pytest.raises(InputError, match="finer grid"):
        result.area_mean(result.revisit_mean_s, nowhere)


def test_a_satellite_that_decays_ends_the_run_or_is_named() -> None:
    falling = SGP4Trajectory(replace(PATTERN[0], name="FALLING", mean_motion=16.4, bstar=0.05), EOP)
    week = Interval(START, START + 7 * 86_400)
    grid = points_grid([(0.0, 0.0)])
    with pytest.raises(PropagationError, match="FALLING"):
        coverage([SATELLITES[0], falling], CONE, grid, week)
    result = coverage([falling, SATELLITES[0]], CONE, grid, week, on_error="skip")
    assert [one.name for one in result.lost] == ["FALLING"] and result.spacecraft == ("walker-1-1",)
    assert np.array_equal(result.covered_s, coverage(SATELLITES[:1], CONE, grid, week).covered_s)


def test_what_a_run_cannot_hold_is_refused_with_the_way_out() -> None:
    grid = points_grid([(0.0, 0.0)])
    with pytest.raises(InputError, match="no satellites"):
        coverage([], CONE, grid, DAY)
    with pytest.raises(InputError, match="2 sensors for 12 satellites"):
        coverage(SATELLITES, [CONE, CONE], grid, DAY)
    with pytest.raises(InputError, match="exactly one of"):
        Sensor(max_off_nadir_deg=30.0, min_elevation_deg=10.0)
    with pytest.raises(InputError, match="metres, not km"):
        Sensor(swath_m=2e8)
    with pytest.raises(InputError, match="is not below"):
        Options(min_sun_elevation_deg=10.0, max_sun_elevation_deg=-5.0)
    fine = lat_lon_grid(0.25)
    with pytest.raises(InputError, match="coarser grid"):
        coverage(SATELLITES, CONE, fine, DAY, options=Options(starts=1000))
    decade = Interval(START, START + 10 * 365 * 86_400)
    many = SATELLITES * 20
    with pytest.raises(InputError, match="fewer days"):
        chunks.plan_chunks(scene.make_scene(many, (CONE,) * 240, decade, Options(), EOP), many, fine)


def test_one_sensor_per_satellite() -> None:
    grid = points_grid([(10.0, 45.0), (-70.0, -20.0)])
    blind = Sensor(max_off_nadir_deg=0.001)
    first = coverage(SATELLITES[:1], CONE, grid, DAY)
    mixed = coverage(SATELLITES, [CONE, *[blind] * 11], grid, DAY)
    assert np.array_equal(first.covered_s, mixed.covered_s) and first.looks.sum() > 0
    job = chunks.plan_chunks(scene.make_scene(SATELLITES, (CONE,) * 12, DAY, LIT, EOP), SATELLITES, grid)[0]
    assert len(cover_chunk(job).figures) == 1  # a chunk runs alone, as a worker would have it
