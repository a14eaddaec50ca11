"""Public SPOT5 instances, proven best.

Reference: best published values (Bensana, Lemaître, Verfaillie 1999; Vasquez, Hao 2001; Wei, Hao), of which
those below are known to be best. Tolerance: none, values are whole numbers. 1502 and 1504 limit the memory.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from comity.planning.conflicts import conflict_problem, plan_of_conflicts, solve_conflicts
from comity.planning.formats.spot5 import check_spot5, read_spot5, spot5_choice, spot5_problem
from comity.planning.problem import judge

PROVEN = {
    "8": 10,
    "54": 70,
    "29": 12032,
    "42": 108067,
    "404": 49,
    "408": 3082,
    "412": 16102,
    "11": 22120,
    "503": 9096,
    "505": 13100,
    "507": 15137,
    "509": 19125,
    "1502": 61158,
    "1504": 124243,
}


@pytest.mark.parametrize("name", PROVEN)
def test_a_public_instance_is_solved_to_its_proven_best(name: str, shared_data: Path) -> None:
    instance = read_spot5(shared_data / "planning" / "spot5" / f"{name}.spot")
    problem = spot5_problem(instance, name=name)
    plan = plan_of_conflicts(problem, solve_conflicts(conflict_problem(problem)))
    score = check_spot5(instance, spot5_choice(plan))
    assert score.broken == ()
    assert score.profit == plan.value == PROVEN[name]
    assert plan.upper == PROVEN[name]
    assert judge(problem, plan).violations == ()
