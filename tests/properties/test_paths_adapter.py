"""The program of a planning problem: its plans hold, and nothing beats its bound."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

from hypothesis import HealthCheck, assume, given, settings

from comity.core import InputError, StateError
from comity.planning.baseline import BaselineSolver
from comity.planning.paths.stated.solver import ProgramSolver, beyond_program
from comity.planning.problem import (
    Activity,
    Opportunity,
    PlanningProblem,
    judge,
    judge_parts,
    validate_problem,
)
from comity.planning.solver import Stop
from unit.planning.small_problems import problems

FAST = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def starts(o: Opportunity) -> list[float]:
    slack = o.end_s - o.start_s - o.duration_s
    step = 10.0 if o.step_s is not None else 5.0
    return [o.start_s + step * k for k in range(round(slack / step) + 1)]


def best_by_trying_all(problem: PlanningProblem) -> float:
    """Greatest value of any choice of acquisitions that the checker accepts but for what is to be sent."""
    anything = replace(
        problem,
        requests=tuple(replace(r, deliver_within_s=None, deliver_by_s=None) for r in problem.requests),
        satellites=tuple(replace(s, memory_bits=None) for s in problem.satellites),
    )
    best = -math.inf
    for choice in product(*([None, *starts(o)] for o in problem.opportunities)):
        plan = [
            Activity(opportunity=o.id, start_s=at)
            for o, at in zip(problem.opportunities, choice, strict=True)
            if at is not None
        ]
        found = judge_parts(anything, plan)
        if not found.violations and found.worth.value > best:
            best = found.worth.value
    return best


def solved(problem: PlanningProblem) -> None:
    try:
        validate_problem(problem)
    except InputError:
        assume(False)
    assume(beyond_program(problem) is None)
    try:
        plan = ProgramSolver(patience=20).solve(problem, seed=1, stop=Stop(work=2.0))
    except StateError:
        assume(False)
    found = judge(problem, plan)
    assert found.violations == ()
    resources = any(s.memory_bits is not None for s in problem.satellites) or any(
        r.deliver_within_s is not None for r in problem.requests
    )
    best = best_by_trying_all(problem)
    if not resources:
        assert best <= plan.upper + 1e-6
    assert plan.value <= plan.upper
    # What is sent is in the plain solver's plans.
    assert BaselineSolver(patience=30).solve(problem, seed=1, stop=Stop(work=2.0)).value <= plan.upper + 1e-6
    assert ProgramSolver(patience=20).solve(problem, seed=1, stop=Stop(work=2.0)) == plan


@FAST
@given(problems(most=4))
def test_no_plan_on_the_grid_beats_the_bound(problem: PlanningProblem) -> None:
    solved(problem)


@FAST
@given(problems(most=4, continuous=True))
def test_no_plan_with_free_starts_beats_the_bound(problem: PlanningProblem) -> None:
    solved(problem)
