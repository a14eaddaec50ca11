"""Plans of agile satellites hold, never exceed their bound, and are best where all can be tried."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comity.planning.paths import Agility, Battery, Contacts, PathProblem, Sending, Store, solve, violations

HORIZON_S = 1000.0


def tiny(seed: int, *, shared: bool, battery: bool) -> PathProblem:
    rng = np.random.default_rng(seed)
    satellites, requests, n, c = 2, 4, 8, 3
    satellite = np.sort(rng.integers(0, satellites, n))
    start = rng.uniform(0.0, 700.0, n).round(1)
    order = np.lexsort((start, satellite))
    satellite, start = satellite[order], start[order]
    end = start + rng.integers(10, 60, n)
    sight = rng.normal(size=(n, 3)) + np.array([0.0, 0.0, 2.0])
    sight /= np.linalg.norm(sight, axis=1)[:, None]
    opens = rng.uniform(100.0, 800.0, c).round(1)
    eclipse = rng.uniform(100.0, 700.0, satellites).round(1)
    return PathProblem(
        horizon_s=HORIZON_S,
        requests=requests,
        satellite=satellite.astype(np.int64),
        request=rng.integers(0, requests, n),
        start_s=start,
        end_s=end,
        value=rng.integers(1, 30, n).astype(np.float64),
        first=sight,
        last=sight,
        bits=rng.integers(1, 6, n).astype(np.float64),
        energy_j=rng.integers(100, 900, n).astype(np.float64),
        agility=Agility(
            rate_rad_s=np.full(satellites, 0.02),
            acceleration_rad_s2=np.full(satellites, 0.002),
            settle_s=np.full(satellites, 5.0),
        ),
        store=Store(capacity_bits=np.full(satellites, 8.0), initial_bits=np.zeros(satellites)),
        contacts=Contacts(
            satellite=rng.integers(0, satellites, c),
            antenna=np.zeros(c, np.int64),
            start_s=opens,
            end_s=opens + rng.integers(60, 200, c),
            bits=rng.integers(3, 12, c).astype(np.float64),
            shared=shared,
        ),
        battery=Battery(
            capacity_j=np.full(satellites, 2000.0),
            floor_j=np.full(satellites, 600.0),
            initial_j=np.full(satellites, 1900.0),
            load_w=np.full(satellites, 1.0),
            solar_w=np.full(satellites, 3.0),
            transmit_w=np.full(satellites, 1.0),
            eclipse_satellite=np.arange(satellites),
            eclipse_start_s=eclipse,
            eclipse_end_s=eclipse + 250.0,
        )
        if battery
        else None,
    )


def most_sent(problem: PathProblem, nodes: tuple[int, ...], used: tuple[int, ...]) -> list[Sending]:
    """Each of the ``used`` contacts sends all it can of what is on board."""
    assert problem.contacts is not None
    sendings: list[Sending] = []
    for c in sorted(used, key=lambda c: float(problem.contacts.start_s[c])):  # type: ignore[union-attr]
        s, at = problem.contacts.satellite[c], problem.contacts.start_s[c]
        held = sum(problem.bits[k] for k in nodes if problem.satellite[k] == s and problem.end_s[k] <= at)
        held -= sum(d.bits for d in sendings if problem.contacts.satellite[d.contact] == s)
        sendings.append(Sending(contact=c, bits=float(min(problem.contacts.bits[c], held))))
    return sendings


def best_by_trying_all(problem: PathProblem) -> float:
    def subsets(count: int) -> list[tuple[int, ...]]:
        return list(chain.from_iterable(combinations(range(count), k) for k in range(count + 1)))

    assert problem.contacts is not None
    best = 0.0
    for nodes in subsets(len(problem)):
        worth = float(problem.value[list(nodes)].sum())
        if worth <= best or len(set(problem.request[list(nodes)])) < len(nodes):
            continue
        for used in subsets(len(problem.contacts)):
            if not violations(problem, list(nodes), most_sent(problem, nodes, used)):
                best = worth
                break
    return best


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 100_000))
def test_without_a_battery_the_plan_is_the_best_there_is(seed: int) -> None:
    problem = tiny(seed, shared=False, battery=False)
    plan = solve(problem)
    assert violations(problem, list(plan.nodes), list(plan.sendings)) == []
    assert plan.value == pytest.approx(best_by_trying_all(problem))
    assert plan.bound == pytest.approx(plan.value, rel=1e-4)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 100_000))
def test_with_a_battery_the_best_plan_lies_between_value_and_bound(seed: int) -> None:
    problem = tiny(seed, shared=False, battery=True)
    plan = solve(problem)
    assert violations(problem, list(plan.nodes), list(plan.sendings)) == []
    assert plan.value - 1e-6 <= best_by_trying_all(problem) <= plan.bound + 1e-6


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 100_000), st.booleans())
def test_shared_contacts_hold_and_are_worth_no_less(seed: int, battery: bool) -> None:
    problem = tiny(seed, shared=True, battery=battery)
    plan = solve(problem, seed=1)
    assert violations(problem, list(plan.nodes), list(plan.sendings)) == []
    assert plan.value <= plan.bound + 1e-9
    assert problem.contacts is not None
    atomic = replace(problem, contacts=replace(problem.contacts, shared=False))
    assert best_by_trying_all(atomic) <= plan.bound + 1e-6
    again = solve(problem, seed=1, workers=1)
    assert again.nodes == plan.nodes
