"""The search for plans keeps every rule at every change, and says the same again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comity.core import InputError
from comity.planning.paths import Agility, Battery, Contacts, PathProblem, Store, solve, violations
from comity.planning.paths.insertion.plan import InsertionPlan


def crowded(seed: int, *, shared: bool = True, deliver: bool = False, n: int = 90) -> PathProblem:
    """Three satellites over clustered targets, with too little time, memory, contact and energy for all."""
    rng = np.random.default_rng(seed)
    satellites, requests, c, horizon = 3, n // 3, 12, 3000.0
    satellite = np.sort(rng.integers(0, satellites, n))
    start = (rng.choice([300.0, 900.0, 1600.0, 2200.0], n) + rng.uniform(0.0, 250.0, n)).round(1)
    order = np.lexsort((start, satellite))
    start = start[order]
    sight = rng.normal(size=(n, 3)) * 0.4 + np.array([0.0, 0.0, 1.5])
    sight /= np.linalg.norm(sight, axis=1)[:, None]
    opens = rng.uniform(100.0, 2600.0, c // 3).round(0).repeat(3)
    return PathProblem(
        horizon_s=horizon,
        requests=requests,
        satellite=satellite.astype(np.int64),
        request=rng.integers(0, requests, n),
        start_s=start,
        end_s=start + rng.integers(5, 30, n),
        value=rng.integers(1, 50, n).astype(np.float64),
        first=sight,
        last=sight,
        bits=rng.integers(1, 6, n).astype(np.float64),
        energy_j=rng.integers(100, 900, n).astype(np.float64),
        agility=Agility(
            rate_rad_s=np.full(satellites, 0.03),
            acceleration_rad_s2=np.full(satellites, 0.004),
            settle_s=np.full(satellites, 3.0),
        ),
        store=Store(
            capacity_bits=np.full(satellites, 12.0), initial_bits=np.array([0.0, 2.0, 0.0]), deliver=deliver
        ),
        contacts=Contacts(
            satellite=np.arange(c) % satellites,
            antenna=rng.integers(0, 2, c // 3).repeat(3),
            start_s=opens,
            end_s=opens + 90.0,
            bits=rng.integers(6, 20, c).astype(np.float64),
            shared=shared,
        ),
        battery=Battery(
            capacity_j=np.full(satellites, 2500.0),
            floor_j=np.full(satellites, 700.0),
            initial_j=np.full(satellites, 2200.0),
            load_w=np.full(satellites, 1.0),
            solar_w=np.full(satellites, 2.6),
            transmit_w=np.full(satellites, 1.5),
            eclipse_satellite=np.arange(satellites).repeat(2),
            eclipse_start_s=np.tile([400.0, 1900.0], satellites),
            eclipse_end_s=np.tile([900.0, 2500.0], satellites),
        ),
    )


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 100_000), st.booleans(), st.floats(0.0, 1.0), st.floats(0.5, 20.0))
def test_every_change_of_a_plan_keeps_every_rule(
    seed: int, shared: bool, reserve: float, heat: float
) -> None:
    problem = crowded(seed, shared=shared)
    plan = InsertionPlan(problem)
    plan.state.reserve[:] = reserve
    rng = np.random.default_rng(seed)
    everything = plan.candidates(np.arange(len(problem)))
    price, cost = rng.uniform(0.0, 20.0, problem.requests), rng.uniform(0.0, 5.0, len(problem))

    def check() -> None:
        assert violations(problem, plan.nodes.tolist(), plan.sendings()) == []

    plan.fill(rng.permutation(len(problem)))
    check()
    kept, value = plan.keep(), plan.value
    for k in range(4):
        gained = plan.rethread(everything, price, cost, 25, heat, heat / 2, 400.0, seed + k)
        check()
        gained += plan.anneal(everything, 100, heat, heat / 2, seed + k)
        check()
        assert plan.value == pytest.approx(value + gained)
        value = plan.value
    plan.restore(kept)
    check()


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 100_000))
def test_so_many_steps_give_the_plan_again_whatever_the_threads(seed: int) -> None:
    problem = crowded(seed)
    plan = solve(problem, seed=seed, steps=9)
    again = solve(problem, seed=seed, steps=plan.steps, workers=1)
    assert (plan.nodes, plan.steps) == (again.nodes, again.steps)
    assert violations(problem, list(plan.nodes), list(plan.sendings)) == []


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 100_000))
def test_what_is_frozen_stays_and_a_start_is_not_made_worse(seed: int) -> None:
    problem = crowded(seed)
    first = InsertionPlan(problem)
    first.fill(np.random.default_rng(seed).permutation(len(problem)))
    frozen = np.zeros(len(problem), np.bool_)
    frozen[first.nodes[:4]] = True
    plan = solve(problem, start=first.nodes, frozen=frozen, steps=12)
    assert set(first.nodes[:4].tolist()) <= set(plan.nodes)
    assert plan.value >= first.value
    free = solve(problem, steps=12)
    assert plan.bound <= free.bound * 1.01
    assert plan.value <= free.bound


def test_a_bonus_holds_on_to_what_was_planned() -> None:
    problem = crowded(7)
    before = solve(crowded(7, n=90), steps=12)
    bonus = np.zeros(len(problem))
    kept = np.array(before.nodes)[::2]
    bonus[kept] = 1000.0
    after = solve(problem, bonus=bonus, steps=12)
    assert set(kept.tolist()) <= set(after.nodes)
    assert after.value == pytest.approx(problem.value[list(after.nodes)].sum() + 1000.0 * len(kept))


def test_what_is_frozen_must_hold() -> None:
    problem = crowded(3)
    everything = np.ones(len(problem), np.bool_)
    with pytest.raises(InputError, match="frozen does not hold"):
        solve(problem, frozen=everything)
