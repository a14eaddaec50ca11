"""The general planning model: files, the checker and the plain solver agree on problems of every kind."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import product

import jsonschema
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from comity.core import InputError, StateError
from comity.planning.baseline import BaselineSolver
from comity.planning.problem import (
    Activity,
    Opportunity,
    PlanningProblem,
    judge,
    judge_parts,
    parse_problem,
    problem_lines,
    shipped_schema,
    validate_problem,
)
from comity.planning.solver import Stop
from unit.planning.small_problems import problems

FAST = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SCHEMA = jsonschema.Draft202012Validator(json.loads(shipped_schema()))


@FAST
@given(problems())
def test_a_problem_survives_its_file_and_the_file_fits_the_schema(problem: PlanningProblem) -> None:
    text = "".join(problem_lines(problem))
    assert parse_problem(text) == problem
    assert "".join(problem_lines(parse_problem(text))) == text
    SCHEMA.validate(json.loads(text))


@FAST
@given(problems(), st.data())
def test_the_reader_refuses_what_the_schema_refuses(problem: PlanningProblem, data: st.DataObject) -> None:
    document = json.loads("".join(problem_lines(problem)))
    spot = document
    while isinstance(spot, dict | list) and spot:
        keys = list(spot) if isinstance(spot, dict) else list(range(len(spot)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(spot[key], dict | list) or data.draw(st.booleans()):
            change = data.draw(st.sampled_from(("x", -1, None, True, [], {}, 2.5, "drop", "add")))
            if change == "drop" and isinstance(spot, dict):
                del spot[key]
            elif change == "add" and isinstance(spot, dict):
                spot["surplus"] = 1
            else:
                spot[key] = change
            break
        spot = spot[key]
    try:
        parse_problem(json.dumps(document))
        read = True
    except InputError:
        read = False
    fits = SCHEMA.is_valid(document)
    # The schema cannot tell a time from a text.
    assume(isinstance(document.get("start"), str) and document["start"][:2] == "20")
    assert read == fits


def starts(problem: PlanningProblem, o: Opportunity) -> list[float]:
    count = round((o.end_s - o.start_s - o.duration_s) / 10)
    return [o.start_s + 10 * k for k in range(count + 1)]


def best_by_trying_all(problem: PlanningProblem) -> float:
    """Greatest value of any choice of acquisitions (nothing is sent) that the checker accepts."""
    best = -math.inf
    choices = [[None, *starts(problem, o)] for o in problem.opportunities]
    for choice in product(*choices):
        plan = [
            Activity(opportunity=o.id, start_s=at)
            for o, at in zip(problem.opportunities, choice, strict=True)
            if at is not None
        ]
        found = judge_parts(problem, plan)
        if not found.violations:
            best = max(best, found.worth.value)
    return best


@FAST
@given(problems(most=4))
def test_no_plan_beats_the_bound_and_every_plan_is_valid(problem: PlanningProblem) -> None:
    try:
        validate_problem(problem)
    except InputError:
        assume(False)
    best = best_by_trying_all(problem)
    plan = BaselineSolver(patience=30).solve(problem, seed=1, stop=Stop(work=2.0))
    found = judge(problem, plan)
    assert found.violations == ()
    assert plan.value == found.worth.value <= plan.upper
    if "every two" not in plan.upper_for:
        assert best <= plan.upper + 1e-6
    again = BaselineSolver(patience=30).solve(problem, seed=1, stop=Stop(work=2.0))
    # what CP-SAT spent on a proof varies with its threads; what it found does not
    assert replace(again, work=plan.work) == plan


@FAST
@given(problems(most=5))
def test_the_plain_solver_finds_the_best_of_simple_problems(problem: PlanningProblem) -> None:
    """Without resources and with every try for itself, CP-SAT's plan is the best there is."""
    plain = replace(
        problem,
        requests=tuple(
            replace(r, cells=None, views=1, tries=1, spacing_s=0.0, deliver_within_s=None, group=None)
            for r in problem.requests
        ),
        opportunities=tuple(replace(o, cells=None, view=None, pass_id=None) for o in problem.opportunities),
        satellites=tuple(replace(s, battery=None, memory_bits=None, rest=None) for s in problem.satellites),
        previous=(),
        tiers="sum",
    )
    try:
        plan = BaselineSolver().solve(plain, seed=2, stop=Stop(work=3.0))
    except StateError:
        assume(False)
    assert math.isclose(plan.value, best_by_trying_all(plain), abs_tol=1e-9)
    if "every two" not in plan.upper_for:
        assert plan.stopped == "proven"


@FAST
@given(problems(continuous=True))
def test_free_starts_are_planned_within_the_rules(problem: PlanningProblem) -> None:
    try:
        validate_problem(problem)
    except InputError:
        assume(False)
    plan = BaselineSolver(patience=30).solve(problem, seed=3, stop=Stop(work=1.0))
    assert judge(problem, plan).violations == ()
