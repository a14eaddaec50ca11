"""Choices in conflict: how a search ends, what is refused, and the way from and to planning problems."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from random import Random

import pytest
from ortools.sat.python import cp_model

from comity.core import Epoch, InputError
from comity.planning.conflicts import (
    ConflictProblem,
    Knapsack,
    beyond_conflicts,
    broken_rules,
    conflict_problem,
    plan_of_conflicts,
    solve_conflicts,
)
from comity.planning.dispatch import solver_for
from comity.planning.problem import (
    Capacity,
    Forbidden,
    Opportunity,
    PlanningProblem,
    Request,
    Satellite,
    Slew,
    Veto,
    judge,
)
from comity.planning.solver import Stop


def crowded(seed: int, owners: int = 60, reach: int = 5) -> ConflictProblem:
    """Owners in a row, three choices each; near ones exclude each other by twos and by threes."""
    random = Random(seed)
    owner_of = tuple(k // 3 for k in range(3 * owners))
    forbidden: list[tuple[int, ...]] = []
    for first in range(owners):
        near = range(3 * first, min(3 * (first + reach), 3 * owners))
        for a, b in combinations(near, 2):
            if owner_of[a] == first and owner_of[b] > first and random.random() < 0.12:
                forbidden.append((a, b))
        for a, b, c in combinations(near, 3):
            if owner_of[a] == first < owner_of[b] < owner_of[c] and random.random() < 0.5:
                forbidden.append((a, b, c))
    worth = [float(random.choice((1, 2, 3, 1000, 2000))) for _ in range(owners)]
    amounts = tuple(float(random.choice((0, 1, 1, 2, 4))) for _ in owner_of)
    return ConflictProblem(
        values=tuple(worth[owner] for owner in owner_of),
        owners=owner_of,
        forbidden=tuple(forbidden),
        knapsacks=(Knapsack(most=owners * 0.3, choices=tuple(range(len(owner_of))), amounts=amounts),),
    )


def best_of_plain_model(problem: ConflictProblem) -> float:
    """The best value by CP-SAT on the problem as stated: no cliques, nothing left out."""
    model = cp_model.CpModel()
    x = [model.new_bool_var("") for _ in problem.values]
    for owner in set(problem.owners):
        model.add_at_most_one(x[k] for k, each in enumerate(problem.owners) if each == owner)
    for each in problem.forbidden:
        model.add_bool_or(x[k].negated() for k in each)
    for sack in problem.knapsacks:
        used = sum(int(a) * x[k] for k, a in zip(sack.choices, sack.amounts, strict=True))
        model.add(used <= int(sack.most))
    model.maximize(sum(int(v) * x[k] for k, v in enumerate(problem.values)))
    solver = cp_model.CpSolver()
    solver.parameters.catch_sigint_signal = False  # it would leave Ctrl-C to the system afterwards
    solver.parameters.num_workers = 2
    assert solver.solve(model) == cp_model.OPTIMAL
    return solver.objective_value


@pytest.mark.parametrize("seed", range(4))
def test_the_tight_rows_cut_no_good_plan_off(seed: int) -> None:
    problem = crowded(seed, owners=30)
    plan = solve_conflicts(problem)
    assert broken_rules(problem, plan.taken) == []
    assert plan.stopped == "proven"
    assert plan.value == plan.upper == best_of_plain_model(problem)


def test_of_two_ways_to_the_same_value_the_one_that_leaves_room_is_kept() -> None:
    sack = Knapsack(most=4, choices=(0, 1, 2), amounts=(1, 4, 3))
    plan = solve_conflicts(ConflictProblem(values=(5, 5, 3), owners=(0, 0, 1), knapsacks=(sack,)))
    assert (plan.taken, plan.value, plan.upper) == ((0, 2), 8, 8)


def test_several_capacities_hold_together() -> None:
    """What is put out for one of them must not count twice for the next."""
    for seed in range(60):
        draw = Random(seed)
        sacks = tuple(
            Knapsack(
                most=draw.randint(2, 6),
                choices=tuple(range(30)),
                amounts=tuple(draw.choice((0, 1, 1, 2)) for _ in range(30)),
            )
            for _ in range(3)
        )
        values = tuple(draw.choice((0, 1, 1, 2, 3)) for _ in range(30))
        problem = ConflictProblem(
            values=values, owners=tuple(draw.randrange(8) for _ in range(30)), knapsacks=sacks
        )
        assert broken_rules(problem, solve_conflicts(problem).taken) == [], seed


def test_the_same_seed_and_work_give_the_same_plan() -> None:
    problem = crowded(7)
    first = solve_conflicts(problem, seed=3, stop=Stop(work=1))
    assert solve_conflicts(problem, seed=3, stop=Stop(work=1)) == first
    assert first.work <= 1
    assert first.upper >= first.value


def test_ctrl_c_keeps_the_plan_and_the_bound_found_so_far() -> None:
    problem = crowded(5, owners=100, reach=6)
    calls = []

    def impatient(done: float, total: float, message: str, /) -> None:
        calls.append(message)
        if len(calls) == 2:
            raise KeyboardInterrupt

    plan = solve_conflicts(problem, progress=impatient)
    assert plan.stopped == "interrupted"
    assert broken_rules(problem, plan.taken) == []
    assert plan.value > 0
    assert plan.value < plan.upper < sum(problem.values)
    assert "at most" in calls[-1]


def test_a_wall_limit_keeps_the_plan_and_the_bound_found_so_far() -> None:
    problem = crowded(5, owners=100, reach=6)
    plan = solve_conflicts(problem, stop=Stop(wall_s=0.001))
    assert plan.stopped == "wall"
    assert broken_rules(problem, plan.taken) == []
    assert 0 < plan.value < plan.upper < sum(problem.values)


def test_good_enough_is_where_the_gap_says() -> None:
    problem = crowded(5, owners=60)
    plan = solve_conflicts(problem, stop=Stop(gap=0.5))
    assert plan.stopped in ("gap", "proven")
    assert plan.gap <= 0.5


def test_more_choices_than_fit_in_memory_are_refused_at_once() -> None:
    many = 1_000_000
    with pytest.raises(InputError, match="1,000,000 choices in conflict: this method takes 20,000 at most"):
        solve_conflicts(ConflictProblem(values=(1.0,) * many, owners=tuple(range(many))))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"values": (1.0, -2.0)}, "value of a choice is -2.0"),
        ({"values": (1.0, float("inf"))}, "value of a choice is inf"),
        ({"owners": (0,)}, "2 values but 1 owners"),
        ({"forbidden": ((0, 2),)}, "choice 2 is not one of the 2"),
        ({"forbidden": ((),)}, "a forbidden set is empty"),
        ({"knapsacks": (Knapsack(most=-1, choices=(0,), amounts=(1,)),)}, "capacity of a knapsack is -1"),
        ({"knapsacks": (Knapsack(most=1, choices=(0, 0), amounts=(1, 1)),)}, "names a choice twice"),
        ({"knapsacks": (Knapsack(most=1, choices=(0,), amounts=()),)}, "1 choices but 0 amounts"),
    ],
)
def test_contradictory_problems_are_refused(change: dict[str, tuple[object, ...]], words: str) -> None:
    sound = ConflictProblem(values=(1.0, 2.0), owners=(0, 1))
    with pytest.raises(InputError, match=words):
        replace(sound, **change)  # type: ignore[arg-type]


def small_planning_problem() -> PlanningProblem:
    """Two satellites; ``a`` can be had by each, ``b`` overlaps ``a`` on s1, ``c`` is vetoed on s2."""

    def chance(id: str, request: str, satellite: str, start_s: float, p: float = 1.0) -> Opportunity:
        return Opportunity(
            id=id,
            request=request,
            satellite=satellite,
            start_s=start_s,
            end_s=start_s + 10,
            duration_s=10,
            probability=p,
        )

    return PlanningProblem(
        start=Epoch.from_iso("2026-01-01T00:00:00Z"),
        horizon_s=1000,
        requests=(
            Request(id="a", value=5),
            Request(id="b", value=4, tier=2),
            Request(id="c", value=9),
            Request(id="d", value=3, due_s=50),
        ),
        satellites=(Satellite(id="s1"), Satellite(id="s2")),
        opportunities=(
            chance("a1", "a", "s1", 100),
            chance("a2", "a", "s2", 300, 0.9),
            chance("b1", "b", "s1", 105),
            chance("c2", "c", "s2", 500),
            chance("d1", "d", "s1", 45),
            chance("d2", "d", "s2", 20),
        ),
        vetoes=(Veto(satellite="s2", request="c"),),
        forbidden=(Forbidden(opportunities=("a2", "b1", "d2")),),
        capacities=(Capacity(id="m", most=2, opportunities=("a1", "a2", "b1"), amounts=(1, 2, 1)),),
    )


def test_a_planning_problem_of_conflicts_alone_is_planned_and_judged_valid() -> None:
    problem = small_planning_problem()
    found = solve_conflicts(conflict_problem(problem))
    plan = plan_of_conflicts(problem, found)
    # a on s1 and d on s2 (8); b besides overlaps a, a2 and b exceed the capacity, d1 is late, c2 vetoed.
    assert [a.opportunity for a in plan.activities] == ["d2", "a1"]
    assert (plan.value, plan.upper, plan.stopped) == (8.0, 8.0, "proven")
    assert plan.tier_values == {1: 8.0}
    assert judge(problem, plan).violations == ()


def test_each_problem_goes_to_the_solver_that_proves_most() -> None:
    problem = small_planning_problem()
    plan = solver_for(problem).solve(problem, seed=0, stop=Stop())
    assert (plan.value, plan.upper, plan.upper_for) == (8.0, 8.0, "the problem as stated")
    agile = replace(problem, satellites=(Satellite(id="s1", memory_bits=1e12), Satellite(id="s2")))
    turning = solver_for(agile).solve(agile, seed=0, stop=Stop())
    assert judge(agile, turning).violations == ()
    assert turning.upper >= turning.value == 8.0
    assert turning.solver != plan.solver


def test_what_the_compact_form_cannot_say_is_named() -> None:
    problem = small_planning_problem()
    assert beyond_conflicts(problem) is None
    agile = replace(problem, satellites=(Satellite(id="s1", slew=Slew(rate_rad_s=0.1)), Satellite(id="s2")))
    assert beyond_conflicts(agile) == "satellite s1: turning, memory or energy"
    free = replace(problem, opportunities=(replace(problem.opportunities[0], end_s=500.0),))
    assert beyond_conflicts(free) == "opportunity a1: a start that is free"
    with pytest.raises(InputError, match="more than choices in conflict: opportunity a1"):
        conflict_problem(free)
