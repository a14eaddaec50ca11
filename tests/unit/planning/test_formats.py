"""Public sets through the general model and back: the model's checker and the set's own rules agree."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from comity.core import InputError
from comity.planning.baseline import BaselineSolver
from comity.planning.formats.aeossp import (
    activities_of,
    aeossp_problem,
    aeossp_solution,
    observations_of,
    read_aeossp,
    read_observations,
)
from comity.planning.formats.aeossp_case import AeosspCase
from comity.planning.formats.aeossp_rules import check_aeossp
from comity.planning.formats.spot5 import (
    check_spot5,
    parse_spot5,
    read_spot5,
    spot5_activities,
    spot5_choice,
    spot5_of_problem,
    spot5_problem,
    spot5_solution,
    spot5_text,
)
from comity.planning.problem import Plan, PlanningProblem, judge, judge_parts, parse_problem, problem_lines
from comity.planning.problem.resources import charge_trace
from comity.planning.solver import Stop

#: Optima of Bensana, Lemaître and Verfaillie (1999).
PROVEN = {"8": 10, "54": 70, "29": 12032, "404": 49, "503": 9096, "1502": 61158}

TINY = """3
0 5 2 1 0 13 900
1 4 1 2 450 451.15 42510 1
2 3 1 3 0
2
2 0 1 13 2
3 0 1 2 1 2 3
900
"""


@pytest.mark.parametrize("name", PROVEN)
def test_the_proven_optima_of_spot5_are_found_and_proven(shared_data: Path, name: str) -> None:
    instance = read_spot5(shared_data / "planning" / "spot5" / f"{name}.spot")
    problem = spot5_problem(instance, name=name)
    plan = BaselineSolver().solve(problem, seed=1, stop=Stop(work=20.0))
    assert (plan.value, plan.upper, plan.stopped) == (PROVEN[name], PROVEN[name], "proven")
    assert judge(problem, plan).violations == ()
    assert check_spot5(instance, spot5_choice(plan)).profit == PROVEN[name]
    assert set(spot5_activities(spot5_solution(plan))) == set(plan.activities)


def test_spot5_files_survive_the_model(shared_data: Path) -> None:
    for name in ("8", "42", "412", "1021", "1504"):
        instance = read_spot5(shared_data / "planning" / "spot5" / f"{name}.spot")
        assert spot5_of_problem(spot5_problem(instance, unit=None)) == instance
        again = parse_spot5(spot5_text(instance))
        assert (again.images, again.capacity) == (instance.images, instance.capacity)
        assert sorted(again.forbidden) == sorted(instance.forbidden)
    assert read_spot5(shared_data / "planning" / "spot5" / "1021.spot").capacity == 90_000


def test_both_checkers_of_spot5_see_the_same_faults() -> None:
    instance = parse_spot5(TINY)
    problem = spot5_problem(instance)
    for chosen, profit, faults in (
        ([("0", "1"), ("2", "3")], 8, 0),
        ([("0", "13"), ("1", "2")], 9, 2),  # forbidden, and 2 + 1 units of 2
        ([("0", "1"), ("1", "2"), ("2", "3")], 12, 1),
    ):
        activities = spot5_activities("".join(f"{id} {value}\n" for id, value in chosen))
        found, score = judge_parts(problem, activities), check_spot5(instance, chosen)
        assert (found.worth.value, score.profit) == (profit, profit)
        assert (len(found.violations), len(score.broken)) == (faults, faults)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("2\n0 1 1 1 0\n", "ends at line 2"),
        ("1\n0 -1 1 1 0\n0\n", "line 2: -1 must be"),
        ("1\n0 1 1 1 0\n1\n2 0 7 1 1\n", "line 4: unknown image 7"),
        ("1\n0 1 1 1 0\n2\n2 0 0 1 1\n", "2 constraints announced, 1 follow"),
        ("x\n", "line 1"),
    ],
)
def test_a_broken_spot_file_is_refused_by_line(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        parse_spot5(text)


@cache
def case_of(folder: Path) -> tuple[AeosspCase, PlanningProblem, Plan]:
    """Three satellites and 300 tasks of a real case, planned."""
    case = read_aeossp(folder)
    case = replace(case, satellites=case.satellites[:3], tasks=case.tasks[:300])
    problem = aeossp_problem(case)
    return case, problem, BaselineSolver(patience=20).solve(problem, seed=1, stop=Stop(work=0.3))


@pytest.fixture
def small_case(shared_data: Path) -> tuple[AeosspCase, PlanningProblem, Plan]:
    return case_of(shared_data / "planning" / "aeossp" / "test" / "case_0001")


Small = tuple[AeosspCase, PlanningProblem, Plan]


def test_an_aeossp_plan_is_valid_by_the_sets_own_rules_and_scores_the_same(small_case: Small) -> None:
    case, problem, plan = small_case
    observations = read_observations(case, aeossp_solution(case, observations_of(problem, plan)))
    score = check_aeossp(case, observations)
    assert score.broken == () and len(observations) > 40
    assert score.wcr == pytest.approx(plan.value / sum(t.weight for t in case.tasks), rel=1e-12)
    assert set(activities_of(problem, observations)) == set(plan.activities)
    assert parse_problem("".join(problem_lines(problem))) == problem


def test_slews_and_batteries_of_the_model_are_those_of_the_set(small_case: Small) -> None:
    """Each fault made on purpose is one to both checkers, and the charge is the same to 1e-6 Wh."""
    from comity.planning.problem.checker import _acts

    case, problem, plan = small_case
    known = {o.id: o for o in problem.opportunities}
    score = check_aeossp(case, observations_of(problem, plan))
    acts = _acts(problem, plan.activities, known, [])
    for satellite in problem.satellites:
        assert satellite.battery is not None
        trace = charge_trace(satellite.battery, problem.horizon_s, acts[satellite.id], ())
        assert min(p.charge_j for p in trace) / 3600 == pytest.approx(score.charge_wh[satellite.id], abs=1e-6)

    # All at their first chance: overlaps and slews too short, found alike.
    crowd = replace(plan, activities=tuple(
        replace(a, start_s=known[a.opportunity].start_s) for a in plan.activities
    ))  # fmt: skip
    turns = [v for v in judge_parts(problem, crowd.activities).violations if v.kind == "turn"]
    broken = check_aeossp(case, observations_of(problem, crowd)).broken
    assert len(turns) == sum("needed" in text for text in broken) > 0

    # A battery too small runs out for both.
    weak = tuple(replace(s, initial_wh=1.0) for s in case.satellites)
    small = replace(case, satellites=weak)
    empty = {v.who[0] for v in judge_parts(aeossp_problem(small), plan.activities).violations}
    assert empty == {t.partition(":")[0] for t in check_aeossp(small, observations_of(problem, plan)).broken}
    assert empty


def test_an_aeossp_observation_out_of_sight_is_refused(small_case: Small) -> None:
    case, problem, plan = small_case
    first = observations_of(problem, plan)[0]
    late = replace(first, start_s=first.start_s + 3600, end_s=first.end_s + 3600)
    assert any("out of sight" in text for text in check_aeossp(case, [late]).broken)
    assert check_aeossp(case, [late]).wcr == 0
    with pytest.raises(InputError, match="cannot observe"):
        activities_of(problem, [late])
