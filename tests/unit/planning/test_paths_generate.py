"""Generated instances: the same every time, in two forms that say the same, with figures of real fleets."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from comity.cli.plan import app
from comity.core import InputError
from comity.planning.baseline import BaselineSolver
from comity.planning.paths import PathProblem, Recipe, generate, generate_problem, standard
from comity.planning.problem import PlanningProblem, judge, parse_problem, problem_lines, read_problem
from comity.planning.problem.turning import pointing_at
from comity.planning.solver import Stop

SMALL = replace(standard(4, 150, seed=4), horizon_s=30_600.0)


@pytest.fixture(scope="module")
def small() -> PathProblem:
    return generate(SMALL)


@pytest.fixture(scope="module")
def stated() -> PlanningProblem:
    return generate_problem(SMALL)


def test_a_recipe_gives_the_same_instance_every_time(small: PathProblem) -> None:
    assert small.contacts is not None and small.battery is not None and small.store is not None
    columns = (small.satellite, small.request, small.start_s, small.value, small.first, small.last)
    limits = (small.contacts.start_s, small.contacts.bits, small.battery.solar_w, small.store.capacity_bits)
    # Rounded: to 0.1 s, 1e-3 of a value, 1e-5 rad, and what a file holds of the rest.
    digits = (0, 0, 1, 3, 5, 5, 0, -6, 0, -8)
    found = hashlib.sha256()
    for each, kept in zip((*columns, *limits), digits, strict=True):
        found.update(np.rint(each.astype(np.float64) * 10.0**kept).astype(np.int64).tobytes())
    assert found.hexdigest()[:16] == "4b2cc7feafcff77f"


def test_the_figures_are_those_of_small_agile_satellites(small: PathProblem) -> None:
    fleet = generate(replace(standard(20, 200), horizon_s=86_400.0))
    contacts, store, battery = fleet.contacts, fleet.store, fleet.battery
    assert contacts is not None and store is not None and battery is not None
    _within(fleet.bits, 3e9, 18e9)
    _within(store.capacity_bits / fleet.bits.mean(), 12, 160)  # acquisitions
    _within(contacts.bits / (contacts.end_s - contacts.start_s), 1.2e8, 1.5e9)
    assert np.all(contacts.end_s - contacts.start_s == 90.0)
    # Energy for dozens of acquisitions between full and empty, and never too little to do nothing.
    _within((battery.capacity_j - battery.floor_j) / fleet.energy_j.mean(), 20, 100)
    assert np.all(battery.initial_j > battery.floor_j)


def _within(figures: NDArray[np.float64], least: float, most: float) -> None:
    assert figures.min() >= least
    assert figures.max() <= most


def test_the_file_says_what_the_arrays_say(small: PathProblem, stated: PlanningProblem) -> None:
    assert parse_problem("".join(problem_lines(stated))) == stated
    satellites = {s.id: k for k, s in enumerate(stated.satellites)}
    values = {r.id: r.value for r in stated.requests}
    rows = set()
    for o in stated.opportunities:
        assert o.pointing is not None and o.step_s is not None and o.power_w is not None
        count = int((o.end_s - o.start_s - o.duration_s) / o.step_s + 1e-9) + 1
        assert count == SMALL.starts
        for k in range(count):
            start = o.start_s + k * o.step_s
            sights = [pointing_at(o.pointing, round(t, 1), "line") for t in (start, start + o.duration_s)]
            numbers = (
                values[o.request] * o.probability,
                o.bits,
                o.power_w * o.duration_s,
                *sights[0],
                *sights[1],
            )
            rows.add((satellites[o.satellite], int(o.request[1:]), round(start, 3), *np.round(numbers, 4)))
    table = (small.value, small.bits, small.energy_j, *small.first.T, *small.last.T)
    numbers_of = np.round(np.stack(table, axis=1), 4).tolist()
    keys = zip(
        small.satellite.tolist(), small.request.tolist(), np.round(small.start_s, 3).tolist(), strict=True
    )
    wanted = {(*key, *numbers) for key, numbers in zip(keys, numbers_of, strict=True)}
    assert {r[:3] for r in rows} == {w[:3] for w in wanted}
    for row, want in zip(sorted(rows), sorted(wanted), strict=True):
        assert row == pytest.approx(want, rel=1e-6, abs=2e-4)
    assert small.contacts is not None
    slots = [
        (satellites[c.satellite], c.start_s, c.rate_bps * (c.end_s - c.start_s)) for c in stated.contacts
    ]
    own = np.stack((small.contacts.satellite, small.contacts.start_s, small.contacts.bits), axis=1)
    assert np.allclose(np.array(sorted(slots)), np.array(sorted(own.tolist())))


def test_a_generated_problem_is_planned_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "p.json"
    asked = ["generate", "--satellites", "3", "--requests", "200", "--hours", "12", "--out", str(file)]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    problem = read_problem(file)
    assert len(problem.opportunities) > 10
    plan = BaselineSolver().solve(problem, seed=0, stop=Stop(work=0.5))
    assert plan.value > 0 and not judge(problem, plan).violations


def test_an_instance_that_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match="0 satellites"):
        standard(0, 10)
    with pytest.raises(InputError, match="hours"):
        standard(1, 10, hours=1e4)
    with pytest.raises(InputError, match="stations"):
        Recipe(satellites=1, requests=10, polar=99)
    with pytest.raises(InputError, match="two slots"):
        Recipe(satellites=1, requests=10, horizon_s=100.0)
