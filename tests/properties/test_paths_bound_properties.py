"""Bounds of agile satellites' plans hold at any prices, and good prices come down to the best plan."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from comity.planning.paths import Agility, Battery, Contacts, PathProblem, Store, generate, standard
from comity.planning.paths.alone import Alone, turns_add_up
from comity.planning.paths.bounding import bounds
from comity.planning.paths.kernels import slew_s
from comity.planning.paths.problem import FloatArray
from comity.planning.paths.relaxation import Graph, Prices, Relaxation
from comity.planning.paths.resources import Coupling, couple
from comity.planning.paths.smoothing import soft_paths, transposed


def tiny(seed: int, *, resources: bool) -> PathProblem:
    rng = np.random.default_rng(seed)
    satellites, requests, n, c = 2, 4, 9, 3
    satellite = np.sort(rng.integers(0, satellites, n))
    start = rng.uniform(0.0, 700.0, n).round(1)
    order = np.lexsort((start, satellite))
    satellite, start = satellite[order], start[order]
    sight = rng.normal(size=(n, 3)) + np.array([0.0, 0.0, 2.0])
    sight /= np.linalg.norm(sight, axis=1)[:, None]
    opens = rng.uniform(100.0, 800.0, c).round(1)
    two = np.ones(satellites)
    return PathProblem(
        horizon_s=1000.0,
        requests=requests,
        satellite=satellite.astype(np.int64),
        request=rng.integers(0, requests, n),
        start_s=start,
        end_s=start + rng.integers(10, 60, n),
        value=rng.integers(1, 30, n).astype(np.float64),
        first=sight,
        last=sight,
        bits=rng.integers(1, 6, n).astype(np.float64),
        energy_j=rng.integers(100, 900, n).astype(np.float64),
        agility=Agility(rate_rad_s=0.02 * two, acceleration_rad_s2=0.002 * two, settle_s=5.0 * two),
        store=Store(capacity_bits=8.0 * two, initial_bits=0.0 * two, deliver=False) if resources else None,
        contacts=Contacts(
            satellite=rng.integers(0, satellites, c),
            antenna=np.zeros(c, np.int64),
            start_s=opens,
            end_s=opens + rng.integers(60, 200, c),
            bits=rng.integers(3, 12, c).astype(np.float64),
        )
        if resources
        else None,
        battery=Battery(
            capacity_j=2000.0 * two,
            floor_j=600.0 * two,
            initial_j=1900.0 * two,
            load_w=two,
            solar_w=3.0 * two,
            transmit_w=two,
            eclipse_satellite=np.arange(satellites),
            eclipse_start_s=np.array([200.0, 300.0]),
            eclipse_end_s=np.array([500.0, 600.0]),
        )
        if resources
        else None,
    )


def paths_of(problem: PathProblem) -> list[list[int]]:
    """Every set of nodes that the satellites' turning and the requests allow."""

    def follows(u: int, v: int) -> bool:
        s = problem.satellite[u]
        a = problem.agility
        angle = math.acos(min(1.0, max(-1.0, float(problem.last[u] @ problem.first[v]))))
        least = a.settle_s[s] + slew_s(angle, a.rate_rad_s[s], a.acceleration_rad_s2[s])
        return bool(problem.start_s[v] - problem.end_s[u] >= least - 1e-9)

    found: list[list[int]] = [[]]
    for v in range(len(problem)):
        for plan in list(found):
            mates = [u for u in plan if problem.satellite[u] == problem.satellite[v]]
            if all(problem.request[u] != problem.request[v] for u in plan) and all(
                follows(u, v) for u in mates
            ):
                found.append([*plan, v])
    return found


def best_without_resources(problem: PathProblem) -> float:
    return max(float(problem.value[plan].sum()) for plan in paths_of(problem))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 100_000), st.floats(0.0, 40.0))
def test_any_prices_bound_the_best_plan(seed: int, size: float) -> None:
    problem = tiny(seed, resources=False)
    relaxation = Relaxation(problem, couple(problem), Graph(problem))
    rng = np.random.default_rng(seed)
    prices = Prices(requests=rng.uniform(0.0, size, problem.requests), rows=np.zeros(0))
    best = best_without_resources(problem)
    bound = relaxation.price(prices).bound
    assert bound >= best - 1e-9
    # A plan with a node in it is worth no more than the bound less the node's slack.
    slack = relaxation.slack(prices)
    for plan in paths_of(problem):
        worth = float(problem.value[plan].sum())
        assert all(worth <= bound - slack[v] + 1e-6 for v in plan)


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 100_000), st.booleans())
def test_steps_fall_and_end_at_the_best_plan_or_above(seed: int, resources: bool) -> None:
    problem = tiny(seed, resources=resources)
    relaxation = Relaxation(problem, couple(problem), Graph(problem))
    steps = list(bounds(relaxation))
    values = [step.bound for step in steps]
    assert values == sorted(values, reverse=True)
    assert steps[-1].last
    assert relaxation.price(steps[-1].prices).bound == pytest.approx(values[-1])
    again = Relaxation(problem, couple(problem), Graph(problem, workers=1))
    assert [step.bound for step in bounds(again)] == values
    if resources:
        assert values[-1] <= best_without_resources(problem) * 1.3 + 1e-6
    else:
        best = best_without_resources(problem)
        assert best - 1e-6 <= values[-1]
        # Few of these have a gap between whole and fractional plans, and none a wide one.
        assert values[-1] <= best * 1.3


def test_prices_of_stores_are_reached_where_they_are_far_above_a_request() -> None:
    # Six times as many requests as the satellites have power and memory for.
    problem = generate(standard(4, 3000, hours=12.0))
    relaxation = Relaxation(problem, couple(problem), Graph(problem))
    steps = list(bounds(relaxation))
    descended = [step.bound for step in steps if not step.core_value][-1]
    assert descended <= 1.02 * steps[-1].bound


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 100_000), st.floats(0.001, 20.0))
def test_soft_paths_sum_over_all_paths(seed: int, heat: float) -> None:
    problem = tiny(seed, resources=False)
    graph = Graph(problem)
    n = len(problem)
    weight = (problem.value - 10.0) / heat
    later_pointer, later_index = transposed(n, graph.pointer, graph.index)
    share, total = np.zeros(n), np.zeros(problem.satellites)
    soft_paths(
        0, problem.satellites, graph.offsets, graph.start, graph.end, graph.longest, graph.pointer,
        graph.index, later_pointer, later_index, graph.by_end, np.maximum(weight, -500.0), np.zeros((3, n)),
        np.zeros((3, n), np.int32), share, total,
    )  # fmt: skip
    top, used = graph.paths(weight * 1.0)
    # Never below the best path, and above it by no more than the logarithm of how many there are.
    assert total.sum() >= top - 1e-6 * abs(top) - 1e-9
    assert total.sum() <= top + n * math.log(2.0) + 1e-6 * abs(top) + 1e-9
    assert np.all((share >= 0.0) & (share <= 1.0 + 1e-9))
    if heat < 0.01:
        assert share @ weight == pytest.approx(float(used @ weight), abs=5.0 + 1e-6 * abs(top))


def carried_out(problem: PathProblem, coupling: Coupling, plan: list[int]) -> FloatArray | None:
    """The resources' variables that let ``plan`` hold, None where nothing does."""
    taken = np.zeros(len(problem))
    taken[plan] = 1.0
    limit = coupling.limit - coupling.nodes @ taken
    equal = coupling.equal
    found = linprog(
        np.zeros(len(coupling.low)),
        A_ub=coupling.extra[~equal],
        b_ub=limit[~equal],
        A_eq=coupling.extra[equal],
        b_eq=limit[equal],
        bounds=np.stack((coupling.low, coupling.high), axis=1),
    )
    return found.x if found.success else None


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 100_000), st.floats(0.0, 15.0), st.floats(0.0, 40.0))
def test_alone_bounds_the_best_plan(seed: int, dear: float, scarce: float) -> None:
    problem = tiny(seed, resources=True)
    coupling = couple(problem)
    relaxation = Relaxation(problem, coupling, Graph(problem))
    rng = np.random.default_rng(seed)
    prices = relaxation.proper(
        Prices(
            requests=rng.uniform(0.0, dear, problem.requests),
            rows=rng.uniform(0.0, 1.0, len(coupling.limit)) * scarce,
        )
    )
    plans = sorted(paths_of(problem), key=lambda plan: -float(problem.value[plan].sum()))
    for plan in plans:
        extra = carried_out(problem, coupling, plan)
        if extra is not None:
            break
    best = float(problem.value[plan].sum())
    taken = np.zeros(len(problem))
    taken[plan] = 1.0
    assert turns_add_up(problem)
    alone = Alone(relaxation, prices)
    before = relaxation.price(prices).bound
    assert alone.bound == pytest.approx(before)
    known = alone.values(taken, extra)
    assert np.all(known <= alone.tops + 1e-6)
    for satellite in range(problem.satellites):
        bound = alone.bound_of(satellite, float(known[satellite]), seed=0, over=lambda: False)
        assert bound >= known[satellite] - 1e-5
        alone.put(satellite, bound)
        assert best - 1e-5 <= alone.bound <= before + 1e-6


def test_alone_is_better_where_whole_acquisitions_do_not_fill_the_memory() -> None:
    better = 0
    for seed in range(6):
        problem = tiny(seed, resources=True)
        relaxation = Relaxation(problem, couple(problem), Graph(problem))
        alone = Alone(relaxation, relaxation.zero())
        before = alone.bound
        for satellite in range(problem.satellites):
            alone.put(satellite, alone.bound_of(satellite, 0.0, seed=0, over=lambda: False))
        better += alone.bound < before - 0.5
    assert better >= 3
