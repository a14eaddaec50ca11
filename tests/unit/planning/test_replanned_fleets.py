"""A fleet's plan replaced, cut off, or priced elsewhere: bounds stay true and answers the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from comity.core import ComityError
from comity.planning.answers import replan, replanning_problem
from comity.planning.baseline import BaselineSolver
from comity.planning.dispatch import solver_for
from comity.planning.paths import PathProblem, solve
from comity.planning.paths.bounding import bounds
from comity.planning.paths.relaxation import Graph, Relaxation
from comity.planning.paths.remote import block_paths
from comity.planning.paths.resources import couple
from comity.planning.paths.stated import FleetSolver, RuledFleetSolver, beyond_fleet
from comity.planning.paths.stated.fleet import fleet_of
from comity.planning.problem import Duty, Group, Plan, PlanningProblem, judge
from comity.planning.solver import Stop
from unit.planning.fleet_problems import fleet_problem

WORK = Stop(work=0.8)


@pytest.fixture(scope="module")
def day() -> PlanningProblem:
    whole = fleet_problem(3, 120, 3, day_s=22_800.0)
    return replace(whole, requests=tuple(replace(r, deliver_within_s=None) for r in whole.requests))


@pytest.fixture(scope="module")
def planned(day: PlanningProblem) -> Plan:
    return FleetSolver().solve(day, seed=0, stop=WORK)


@pytest.mark.parametrize("now_s", [8_800.0, 15_000.0])
def test_what_has_begun_stays_and_the_rest_has_a_bound_of_its_own(
    day: PlanningProblem, planned: Plan, now_s: float
) -> None:
    """New wishes come in at ``now_s``: the bound is far below each request alone, and no peer beats it."""
    later = replace(
        day,
        requests=tuple(
            replace(r, value=3 * r.value) if k % 7 == 0 else r for k, r in enumerate(day.requests)
        ),
    )
    task = replanning_problem(later, planned, now_s=now_s, churn_price=2.0)
    assert task.frozen and any(d.end_s > now_s for d in task.frozen_downlinks)
    assert beyond_fleet(task) is None
    plan = replan(later, planned, now_s=now_s, churn_price=2.0, solver=FleetSolver(), stop=WORK)
    assert judge(task, plan).violations == ()
    assert set(task.frozen) <= set(plan.activities)
    peer = BaselineSolver(patience=5).solve(task, seed=0, stop=Stop(work=0.2))
    assert peer.value <= plan.upper * (1 + 1e-9)
    assert plan.upper < 0.97 * peer.upper
    assert plan.gap < 0.1
    assert replan(later, planned, now_s=now_s, churn_price=2.0, solver=FleetSolver(), stop=WORK) == plan


def test_a_price_keeps_what_is_not_worth_changing(day: PlanningProblem, planned: Plan) -> None:
    def changed(price: float) -> int:
        plan = replan(
            day, planned, now_s=0.0, churn_price=price, solver=FleetSolver(), seed=5, stop=Stop(work=0.2)
        )
        return len(set(planned.activities) - set(plan.activities))

    assert changed(1e6) == 0


def test_duty_and_groups_are_rows_of_a_fleets_bound(day: PlanningProblem) -> None:
    orbits = tuple((5_700.0 * k, 5_700.0 * (k + 1)) for k in range(4))
    task = replace(
        day,
        satellites=tuple(replace(s, duty=(Duty(spans=orbits, most_count=4),)) for s in day.satellites),
        requests=tuple(replace(r, group="g") if k < 20 else r for k, r in enumerate(day.requests)),
        groups=(Group(id="g", most=5),),
    )
    assert beyond_fleet(task) is not None
    assert beyond_fleet(task, rules=True) is None
    plan = RuledFleetSolver(patience=5).solve(task, seed=0, stop=WORK)
    assert judge(task, plan).violations == ()
    peer = BaselineSolver(patience=5).solve(task, seed=0, stop=WORK)
    assert peer.stopped == "proven"
    assert peer.value <= plan.upper < 1.05 * peer.value
    assert plan.value >= 0.93 * peer.value


@pytest.fixture(scope="module")
def fleet(day: PlanningProblem) -> PathProblem:
    return fleet_of(day).paths


class Here:
    """A keeper that keeps everything in this process, and may be lost after so many questions."""

    slots = 3

    def __init__(self, lasts: int = 10**9) -> None:
        self.left = lasts

    def keep(self, make: Callable[..., Any], items: Sequence[tuple[Any, ...]]) -> list[Any]:
        return [make(*item) for item in items]

    def ask(self, function: Callable[..., Any], items: Sequence[tuple[Any, ...]]) -> list[Any]:
        self.left -= 1
        if self.left < 0:
            raise ComityError("gone")
        return [function(*item) for item in items]


def test_an_interrupt_amid_a_round_leaves_the_bound_it_had(fleet: PathProblem) -> None:
    class Interrupting(Here):
        calls = 0

        def ask(self, function: Callable[..., Any], items: Sequence[tuple[Any, ...]]) -> list[Any]:
            self.calls += function is block_paths
            if self.calls == 30:
                raise KeyboardInterrupt
            return super().ask(function, items)

    cut = solve(fleet, keeper=Interrupting())
    assert cut.stopped == "interrupted"
    last_whole_round = cut.history[-1][2]
    assert cut.value <= cut.bound < last_whole_round
    known: list[float] = []
    for _ in zip(
        range(cut.steps + 1),
        bounds(Relaxation(fleet, couple(fleet), Graph(fleet)), tell=known.append),
        strict=False,
    ):
        pass
    assert cut.bound in known


@pytest.mark.parametrize("lasts", [10**9, 100, 0])
def test_passes_elsewhere_are_those_of_threads_to_the_bit(fleet: PathProblem, lasts: int) -> None:
    here, keeper = solve(fleet, steps=7), Here(lasts)
    there = solve(fleet, steps=7, keeper=keeper)
    assert (there.nodes, there.sendings) == (here.nodes, here.sendings)
    assert (there.value, there.bound) == (here.value, here.bound)
    assert (keeper.left < 0) == (lasts < 10**9)


def test_a_solver_is_chosen_for_frozen_fleets_too(day: PlanningProblem, planned: Plan) -> None:
    task = replanning_problem(day, planned, now_s=4_000.0, churn_price=1.0)
    assert solver_for(task).name == solver_for(day).name
