"""Changes near a plan: better or none, within the rules, what is denied or frozen left alone."""

import numpy as np
import pytest

from comity.planning.paths.bounding import BoundStep, bounds
from comity.planning.paths.generate import generate, standard
from comity.planning.paths.insertion.plan import InsertionPlan
from comity.planning.paths.proximity import solve_near
from comity.planning.paths.relaxation import Graph, Relaxation
from comity.planning.paths.resources import couple
from comity.planning.paths.search import Search


@pytest.fixture(scope="module")
def greedy() -> tuple[Relaxation, InsertionPlan, BoundStep]:
    problem = generate(standard(6, 200, seed=1))
    plan = InsertionPlan(problem)
    plan.fill(np.argsort(-problem.value, kind="stable"))
    relaxation = Relaxation(problem, couple(problem), Graph(problem))
    *_, guide = bounds(relaxation)
    return relaxation, plan, guide


@pytest.mark.parametrize("premium", [0.5, 1e6])
def test_moves_only_what_gains_more_than_the_premium(
    greedy: tuple[Relaxation, InsertionPlan, BoundStep], premium: float
) -> None:
    relaxation, plan, guide = greedy
    problem = relaxation.problem
    search = Search(relaxation)
    search.read(plan)
    before, value = search.taken.copy(), search.value
    frozen = before & (np.arange(len(problem)) % 3 == 0)
    denied = np.zeros(problem.requests, np.bool_)
    denied[np.setdiff1d(np.arange(problem.requests), problem.request[before])[::2]] = True
    found = solve_near(
        search, np.arange(problem.satellites), denied, useful=guide.slack <= problem.value.mean(),
        free=~frozen, portion=1.0, premium=premium, nodes=50, gap=1e-6, seed=0, over=lambda: False,
    )  # fmt: skip
    gained = 0.0 if found is None else search.accept(*found)
    assert search.violations() == []
    assert search.value == pytest.approx(value + gained)
    assert search.taken[frozen].all()
    assert not denied[problem.request[search.taken & ~before]].any()
    if premium == 0.5:
        assert gained > 0.0
    else:
        assert search.taken[before].all()
