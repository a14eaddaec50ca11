"""Choices in conflict: valid plans, bounds that hold, the best value on small problems."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comity.planning.conflicts import ConflictProblem, Knapsack, broken_rules, solve_conflicts, value_of
from comity.planning.solver import Stop

#: Whole values of two sizes (as where urgent requests outweigh all others), and fractions.
VALUES = st.one_of(st.sampled_from([0.0, 1.0, 2.0, 3.0, 1000.0, 2000.0]), st.floats(0, 10))


@st.composite
def problems(draw: st.DrawFn, most_choices: int = 9) -> ConflictProblem:
    n = draw(st.integers(0, most_choices))
    ids = st.integers(0, n - 1) if n else st.nothing()
    sets = st.lists(ids, min_size=1, max_size=4).map(tuple)
    amounts = st.lists(st.sampled_from([0.0, 1.0, 2.0, 4.0, 2.5]), min_size=n, max_size=n)
    return ConflictProblem(
        values=tuple(draw(st.lists(VALUES, min_size=n, max_size=n))),
        owners=tuple(draw(st.lists(st.integers(0, max(1, n // 2)), min_size=n, max_size=n))),
        forbidden=tuple(draw(st.lists(sets, max_size=20))) if n else (),
        knapsacks=tuple(
            Knapsack(most=draw(st.sampled_from([0.0, 2.0, 5.0, 7.25])), choices=tuple(range(n)), amounts=each)
            for each in map(tuple, draw(st.lists(amounts, max_size=2)))
        ),
    )


def best_by_trying_all(problem: ConflictProblem) -> float:
    n = len(problem.values)
    return max(
        value_of(problem, taken)
        for size in range(n + 1)
        for taken in combinations(range(n), size)
        if fits(problem, taken)
    )


def fits(problem: ConflictProblem, taken: tuple[int, ...]) -> bool:
    """The rules once more, in the fewest words, so that the checker is checked too."""
    inside = set(taken)
    return (
        len({problem.owners[k] for k in taken}) == len(taken)
        and not any(set(each) <= inside for each in problem.forbidden)
        and all(
            sum(a for k, a in zip(s.choices, s.amounts, strict=True) if k in inside) <= s.most
            for s in problem.knapsacks
        )
    )


@settings(deadline=None, max_examples=80)
@given(problems())
def test_the_plan_is_the_best_there_is(problem: ConflictProblem) -> None:
    plan = solve_conflicts(problem)
    assert fits(problem, plan.taken)
    assert plan.stopped == "proven"
    assert plan.upper == plan.value
    assert plan.value == pytest.approx(best_by_trying_all(problem), rel=1e-8, abs=1e-9)


@settings(deadline=None, max_examples=15)
@given(problems(most_choices=30), st.integers(0, 5))
def test_a_plan_cut_short_is_valid_and_its_bound_holds(problem: ConflictProblem, seed: int) -> None:
    best = solve_conflicts(problem)
    assert broken_rules(problem, best.taken) == []
    short = solve_conflicts(problem, seed=seed, stop=Stop(work=1))
    assert broken_rules(problem, short.taken) == []
    assert short.value <= best.value * (1 + 1e-9)
    assert short.upper >= best.value * (1 - 1e-9)
    assert short.value == value_of(problem, short.taken)


@given(problems(), st.sets(st.integers(0, 8)))
def test_the_checker_agrees_with_the_rules(problem: ConflictProblem, some: set[int]) -> None:
    taken = tuple(sorted(k for k in some if k < len(problem.values)))
    assert (broken_rules(problem, taken) == []) == fits(problem, taken)
