"""Whatever the problem: the plan keeps every rule, and the bound holds."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from comity.core import decode, encode
from comity.planning import (
    CpSatSolver,
    GreedySolver,
    Problem,
    Solution,
    Stop,
    check,
    explain,
)
from unit.planning.tiny import best_by_trying, problems

calm = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@calm
@given(problems())
def test_the_exact_plan_is_valid_and_as_good_as_trying_everything(problem: Problem) -> None:
    solution = CpSatSolver().solve(problem, seed=0, stop=Stop())
    assert check(problem, solution) == []
    best = best_by_trying(problem)
    assert solution.bound.value == pytest.approx(best, rel=1e-6, abs=1e-6)
    assert solution.bound.upper >= best - 1e-9
    assert solution.bound.gap < 1e-5


@calm
@given(problems(), st.integers(1, 9))
def test_rounded_areas_are_refined_until_the_plan_is_proven(problem: Problem, most_steps: int) -> None:
    solution = CpSatSolver(most_steps=most_steps).solve(problem, seed=1, stop=Stop())
    assert check(problem, solution) == []
    assert solution.bound.upper >= best_by_trying(problem) - 1e-9
    assert solution.bound.gap < 1e-5


@calm
@given(problems())
def test_the_greedy_plan_is_valid_and_its_bound_holds(problem: Problem) -> None:
    solution = GreedySolver().solve(problem, seed=0, stop=Stop())
    assert check(problem, solution) == []
    best = best_by_trying(problem)
    assert solution.bound.value <= best + 1e-9
    assert solution.bound.upper >= best - 1e-9


@calm
@given(problems())
def test_every_task_left_out_has_a_reason_that_can_be_found_again(problem: Problem) -> None:
    solution = GreedySolver().solve(problem, seed=0, stop=Stop())
    told = {reason.task: reason for reason in solution.reasons}
    for task in problem.tasks:
        assert explain(problem, solution, task.id) == told.get(task.id)
        if solution.task_values[task.id] == 0:
            assert told[task.id].text.endswith(".")
        # The greedy plan takes all that fits, so no reason may say that something was still open.
        assert task.id not in told or told[task.id].code != "time-limit"


@calm
@given(problems())
def test_problems_and_solutions_survive_json(problem: Problem) -> None:
    solution = GreedySolver().solve(problem, seed=7, stop=Stop())
    assert decode(Problem, json.loads(json.dumps(encode(problem)))) == problem
    assert decode(Solution, json.loads(json.dumps(encode(solution)))) == solution
