"""Who excludes whom on one spacecraft: as defined, pair by pair, and in bits, not in sets of numbers."""

from __future__ import annotations

import itertools
import math
import random
import tracemalloc

import numpy as np

from comity.core import Epoch
from comity.planning import CpSatSolver, Opportunity, Problem, SpacecraftLimits, Stop, Task, check
from comity.planning.cliques import rival_cliques
from comity.planning.instance import prepare
from comity.planning.slew import Turns
from comity.planning.solver import Deadline

LIMITS = SpacecraftLimits(
    id="a",
    slew_rate_rad_s=0.02,
    slew_acceleration_rad_s2=0.002,
    settle_s=5.0,
    memory_bits=1e12,
    stored_bits=0.0,
)


def crowd(count: int, span_s: float, seed: int = 0) -> list[Opportunity]:
    """Short and long acquisitions at random within ``span_s``, five a task, by start."""
    draw = random.Random(seed)
    ways = []
    for k in range(count):
        start = draw.uniform(0, span_s)
        angles = draw.uniform(-0.6, 0.6), draw.uniform(-0.6, 0.6)
        first, last = ((math.sin(x), 0.0, math.cos(x)) for x in angles)
        ways.append(
            Opportunity(
                id=f"o{k:05}", task=f"t{k // 5}", spacecraft="a", start_s=start,
                end_s=start + draw.choice([3.0, 8.0, 60.0]), from_direction=first, to_direction=last,
                bits=1.0, quality=draw.uniform(0.1, 1.0),
            )
        )  # fmt: skip
    return sorted(ways, key=lambda o: o.start_s)


def late(i: Opportunity, j: Opportunity) -> bool:
    angle = math.acos(min(1.0, float(np.dot(i.to_direction, j.from_direction))))
    v, a = LIMITS.slew_rate_rad_s, LIMITS.slew_acceleration_rad_s2
    turn = 2 * math.sqrt(angle / a) if angle <= v * v / a else v / a + angle / v
    return j.start_s < i.end_s + LIMITS.settle_s + turn


def crowded(count: int, span_s: float) -> Problem:
    ways = crowd(count, span_s)
    tasks = tuple(Task(id=id, order="o", value=1.0) for id in dict.fromkeys(o.task for o in ways))
    return Problem(
        start=Epoch.from_iso("2024-09-22T12:00:00Z"), horizon_s=span_s + 100, tasks=tasks,
        opportunities=tuple(ways), contacts=(), spacecraft=(LIMITS,), antennas={}, busy_spacecraft={},
        busy_stations={},
    )  # fmt: skip


def test_rivals_are_those_of_the_definition() -> None:
    ways = crowd(200, 900.0)
    turns = Turns(ways, LIMITS)
    pairs = {(i, j) for i, j in itertools.combinations(range(200), 2) if late(ways[i], ways[j])}
    assert 1000 < len(pairs) < 15_000
    for i, j in itertools.product(range(200), repeat=2):
        rivals = (min(i, j), max(i, j)) in pairs
        assert turns.excludes(i, j) == bool(turns.mask(i) >> j & 1) == rivals
        at = j - turns.low(i)
        assert bool(0 <= at < len(turns.row(i)) and turns.row(i)[at]) == rivals


def test_cliques_exclude_within_and_leave_no_pair_out() -> None:
    instance = prepare(crowded(200, 900.0))
    turns, ops = instance.turns["a"], instance.ops
    covered = set()
    for clique in rival_cliques(instance, Deadline(Stop())):
        for i, j in itertools.combinations(clique, 2):
            assert turns.excludes(i, j) or ops[i].task == ops[j].task
            covered.add((i, j))
    assert all(
        (i, j) in covered or not turns.excludes(i, j) for i, j in itertools.combinations(range(len(ops)), 2)
    )


def test_a_crowd_of_rivals_takes_bits() -> None:
    """1.5 million pairs, looked up both ways: a set of numbers takes some 30 to 60 bytes for each."""
    turns = Turns(crowd(2000, 100.0), LIMITS)
    tracemalloc.start()
    masks = sum(turns.mask(i).bit_count() for i in range(2000))
    held, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert masks > 2_000_000
    assert held < masks / 3
    assert most < 30e6


def test_out_of_time_before_the_model_is_whole_the_quick_plan_stands() -> None:
    problem = crowded(3000, 3000.0)
    solution = CpSatSolver().solve(problem, seed=0, stop=Stop(wall_s=0.05))
    assert check(problem, solution) == []
    assert solution.bound.upper >= solution.bound.value >= 0
    assert solution.bound.method == "sum of the best opportunities"
