"""Trade studies: the front, what a look is worth, what a constellation costs, a run that goes on."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from comity.access.coverage import Sensor
from comity.access.tradespace import (
    EXAMPLE,
    Imager,
    Outcome,
    Tradespace,
    explore,
    journal,
    load_study,
    pareto_front,
    study_from_text,
    write_tradespace,
)
from comity.core import Epoch, InputError

SMALL = {
    "planes": [1, 2],
    "satellites_per_plane": [1, 2],
    "altitude_km": [500],
    "days": 4,
    "grid": "latlon:1",
}


@pytest.fixture(scope="module")
def found() -> Tradespace:
    """The example study, cut to a few designs and days."""
    return explore(load_study(EXAMPLE, SMALL))


@given(
    arrays(
        np.float64,
        st.tuples(st.integers(1, 25), st.just(3)),
        elements=st.sampled_from([0, 1, 2, 3, math.nan]),
    )
)
def test_the_front_is_what_nothing_dominates(goals: np.ndarray) -> None:
    front = pareto_front(goals)
    able = np.isfinite(goals).all(axis=1)

    def dominated(k: int) -> bool:
        return any(
            (goals[j] <= goals[k]).all() and (goals[j] < goals[k]).any() for j in range(len(goals)) if able[j]
        )

    assert not (front & ~able).any()
    for k in np.flatnonzero(able):
        assert front[k] != dominated(k)


def test_the_front_of_a_study_is_one(found: Tradespace) -> None:
    assert len(found.outcomes) == 16
    goals = {
        k: (float(one.cost), found.revisit_s(one), one.gsd_edge_m)
        for k, one in enumerate(found.outcomes)
        if found.revisit_s(one) is not None and one.seen_fraction >= found.study.min_seen
    }

    def beats(a: tuple, b: tuple) -> bool:
        return all(x <= y for x, y in zip(a, b, strict=True)) and a != b

    members = {k for k, flag in enumerate(found.front) if flag}
    assert members
    assert members <= set(goals)
    for k, goal in goals.items():
        assert (k in members) != any(beats(other, goal) for other in goals.values())


def test_more_satellites_are_back_sooner_and_cost_more(found: Tradespace) -> None:
    one, four = (
        next(
            o
            for o in found.outcomes
            if (o.design.planes, o.design.satellites_per_plane, o.design.instrument) == (n, n, "pss-mss")
            and o.design.inclination_deg == 25
        )
        for n in (1, 2)
    )
    assert four.response_mean_s < one.response_mean_s  # type: ignore[operator]
    # by hand: (1 + 0.6 + 5 × 0.05) per satellite, 1.5 per plane
    assert (one.cost, four.cost) == (Decimal("3.35"), Decimal("10.40"))


def test_gsd_is_that_of_the_edge_of_the_field() -> None:
    imager = Imager(
        id="x", gsd_m=1.0, reference_altitude_m=500e3, sensor=Sensor(max_off_nadir_deg=30.0), cost=Decimal(0)
    )
    assert imager.gsd_nadir_m(600e3) == pytest.approx(1.2)
    # sine rule in the triangle Earth's centre, target, spacecraft; R = 6371.0088 km, 30° from 600 km
    incidence = math.asin((6371.0088 + 600.0) / 6371.0088 * 0.5)
    slant = 6371.0088 * math.sin(incidence - math.radians(30.0)) / 0.5
    assert imager.gsd_edge_m(600e3) == pytest.approx(slant / 500.0 / math.sqrt(math.cos(incidence)))
    same = Imager(
        id="y",
        gsd_m=1.0,
        reference_altitude_m=500e3,
        sensor=Sensor(min_elevation_deg=90.0 - math.degrees(incidence)),
        cost=Decimal(0),
    )
    assert same.gsd_edge_m(600e3) == pytest.approx(imager.gsd_edge_m(600e3))


@pytest.mark.parametrize("sensor", [Sensor(max_off_nadir_deg=90.0), Sensor(swath_m=1e7)])
def test_gsd_at_the_horizon_is_infinite_from_any_height(sensor: Sensor) -> None:
    imager = Imager(id="x", gsd_m=1.0, reference_altitude_m=500e3, sensor=sensor, cost=Decimal(0))
    assert {imager.gsd_edge_m(1e3 * km) for km in range(250, 2_000, 10)} == {math.inf}


def test_a_mean_over_the_few_cells_seen_twice_is_not_on_the_front() -> None:
    """In a day one satellite sees 85 % of Ethiopia, a third of it twice: mean revisit comes out 4 h short."""
    text = 'country = "ETH"\n' + BASE.replace("max_off_nadir_deg = 30", "max_off_nadir_deg = 35") + COSTS
    study = study_from_text(text.replace("satellites_per_plane = [1]", "satellites_per_plane = [1, 4]"))
    few = explore(replace(study, min_seen=0.8))
    one, four = few.outcomes
    assert one.seen_fraction > 0.8 > 0.5 > one.revisited_fraction and four.revisited_fraction == 1.0
    assert few.front == (False, True)
    assert explore(replace(study, min_seen=0.8, objective="response_mean")).front == (True, True)


def test_a_field_that_reaches_the_horizon_is_written(tmp_path: Path) -> None:
    text = 'country = "DJI"\n' + BASE.replace("max_off_nadir_deg = 30", "min_elevation_deg = 0") + COSTS
    found = explore(study_from_text(text))
    assert found.outcomes[0].gsd_edge_m == math.inf
    document = json.loads(write_tradespace(found, tmp_path / "t.json").read_text())
    assert document["designs"][0]["gsd_edge_m"] is None
    assert write_tradespace(found, tmp_path / "t.png").stat().st_size > 10_000


def test_a_region_keeps_all_its_digits() -> None:
    study = study_from_text("bbox = [143.456789, -11.5883215, 144.0, 1e-5]\n" + BASE + COSTS)
    assert study.region == "bbox:143.456789,-11.5883215,144,0.00001"
    assert study.interval.start == Epoch.from_iso("2024-09-22")  # no zone: UTC, as everywhere


def test_a_study_goes_on_from_its_journal(found: Tradespace, tmp_path: Path) -> None:
    study, path = found.study, tmp_path / "journal.jsonl"
    with pytest.raises(KeyboardInterrupt), journal(path, study) as (known, add):
        assert known == []
        for one in found.outcomes[:5]:
            add(one)
        raise KeyboardInterrupt
    with path.open("ab") as file:
        file.write(b'{"design": {"planes": 1, "satel')  # cut by a power failure
    fresh: list[Outcome] = []
    with journal(path, study) as (known, add):
        again = explore(study, known=known, on_outcome=lambda one: (fresh.append(one), add(one))[0])
    assert len(fresh) == len(found.outcomes) - 5
    assert again == found, "the same to the last digit"
    with journal(path, study) as (known, _):
        assert len(known) == len(found.outcomes)
    other = load_study(EXAMPLE, {**SMALL, "days": 5})
    with pytest.raises(InputError, match="not the journal of this study"), journal(path, other):
        pass


def test_files_hold_every_design(found: Tradespace, tmp_path: Path) -> None:
    with write_tradespace(found, tmp_path / "t.csv").open() as file:
        table = list(csv.DictReader(file))
    document = json.loads(write_tradespace(found, tmp_path / "t.json").read_text())
    with xr.open_dataset(write_tradespace(found, tmp_path / "t.nc")) as dataset:
        dataset.load()
    for k, one in enumerate(found.outcomes):
        assert float(table[k]["gsd_edge_m"]) == document["designs"][k]["gsd_edge_m"] == one.gsd_edge_m
        assert table[k]["cost"] == str(one.cost)
        assert float(dataset.seen_fraction[k]) == one.seen_fraction
    assert [row["front"] == "true" for row in table] == list(found.front)
    assert dataset.front.values.astype(bool).tolist() == list(found.front)
    assert write_tradespace(found, tmp_path / "t.png").stat().st_size > 20_000


BASE = """
title = "t"
grid = "latlon:1"
start = 2024-09-22
days = 1
[sweep]
planes = [1]
satellites_per_plane = [1]
altitude_km = [500]
inclination_deg = [25]
[[instruments]]
id = "a"
gsd_m = 1
reference_altitude_km = 500
max_off_nadir_deg = 30
cost = 1
"""
COSTS = """
[costs]
currency = "EUR"
satellite = 1
launch_per_plane = 1
operations_per_satellite_year = 1
years = 1
"""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (BASE, "Comity assumes none"),
        (BASE.replace("cost = 1", "") + COSTS, "instruments.*cost.*is missing"),
        (BASE + COSTS.replace("launch_per_plane = 1", ""), "launch has no cost"),
        (BASE + COSTS.replace("launch_per_plane", "launch_per_kg"), "satellite_mass_kg: missing"),
        (BASE + COSTS.replace("EUR", "XXX"), "unknown currency"),
        (BASE.replace("inclination_deg = [25]", "") + COSTS, "has no orbit"),
        (BASE.replace("inclination_deg", "inclinaton_deg") + COSTS, "did you mean 'inclination_deg'"),
        (
            BASE.replace("max_off_nadir_deg", "min_elevation_deg = 5\nmax_off_nadir_deg") + COSTS,
            "exactly one of",
        ),
        (BASE.replace("[500]", "[50]") + COSTS, "at least 250"),
    ],
)
def test_nothing_is_assumed_for_what_is_missing(text: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        study_from_text(text)
