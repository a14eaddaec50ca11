"""Problems brought to one program or to the paths' arrays: worth, rules and bounds come out as stated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from comity.core import Epoch
from comity.planning.baseline import BaselineSolver
from comity.planning.dispatch import solver_for
from comity.planning.paths.generate import generate_problem, standard
from comity.planning.paths.stated import FleetSolver, ProgramSolver, beyond_fleet, beyond_program
from comity.planning.problem import (
    Activity,
    Battery,
    Capacity,
    Contact,
    Duty,
    Forbidden,
    Group,
    Opportunity,
    Partner,
    Plan,
    PlanningProblem,
    Pointing,
    Request,
    Satellite,
    Share,
    Slew,
    SlewPiece,
    Station,
    Transition,
    judge,
)
from comity.planning.solver import Stop

START = Epoch.from_iso("2026-04-14T04:00:00Z")


def chance(id: str, request: str, start: float, *, satellite: str = "s", **more: Any) -> Opportunity:
    more.setdefault("duration_s", 10.0)
    more.setdefault("end_s", start + more["duration_s"])
    return Opportunity(id=id, request=request, satellite=satellite, start_s=start, **more)


def problem(
    requests: Sequence[Request], opportunities: Sequence[Opportunity], **more: Any
) -> PlanningProblem:
    more.setdefault("satellites", (Satellite(id="s"),))
    return PlanningProblem(
        start=START, horizon_s=1000, requests=tuple(requests), opportunities=tuple(opportunities), **more
    )


def solved(task: PlanningProblem) -> Plan:
    """The program's plan: it holds, and is proven the best."""
    assert beyond_program(task) is None
    plan = ProgramSolver(patience=5).solve(task, seed=0, stop=Stop(work=5.0))
    assert judge(task, plan).violations == ()
    assert plan.stopped == "proven"
    return plan


def ids(plan: Plan) -> set[str]:
    return {a.opportunity for a in plan.activities}


def test_several_tries_of_a_point_are_worth_their_chance_together() -> None:
    tries = [chance(f"o{k}", "r", 20.0 * k, probability=p) for k, p in enumerate((0.2, 0.5, 0.4, 0.5))]
    plan = solved(problem([Request(id="r", value=100, tries=3)], tries))
    assert plan.value == pytest.approx(100 * (1 - 0.5 * 0.5 * 0.6))
    assert ids(plan) == {"o1", "o2", "o3"}


def test_cells_of_an_area_earn_once() -> None:
    area = Request(id="r", value=100, cells=(0.5, 0.3, 0.2))
    strips = [
        chance("ab", "r", 0, cells=(0, 1)),
        chance("bc", "r", 20, cells=(1, 2), probability=0.5),
        chance("c", "r", 5, cells=(2,), probability=0.9),
    ]
    plan = solved(problem([area], strips))
    # c overlaps ab and is worth less
    assert plan.value == pytest.approx(100 * (0.8 + 0.2 * 0.5))


def test_a_stereo_pair_needs_both_views_of_one_pass() -> None:
    views = [
        chance("1f", "r", 0, view="fore", pass_id="1", probability=0.9),
        chance("1a", "r", 30, view="aft", pass_id="1", probability=0.6),
        chance("2f", "r", 100, view="fore", pass_id="2", probability=0.8),
        chance("2a", "r", 130, view="aft", pass_id="2", probability=0.7),
        chance("x", "q", 95),
    ]
    plan = solved(problem([Request(id="r", value=10, views=2), Request(id="q", value=2)], views))
    assert plan.value == pytest.approx(10 * 0.6 + 2)
    assert ids(plan) == {"1f", "1a", "x"}


def test_periods_spacing_and_groups() -> None:
    daily = Request(id="d", value=30, periods=((0, 300), (300, 600), (600, 900)), spacing_s=200)
    tries = [chance(f"d{k}", "d", t) for k, t in enumerate((290, 310, 350, 610))]
    pair = [Request(id="p", value=5, group="g"), Request(id="q", value=5, group="g")]
    alone = [chance("p", "p", 400), chance("q", "q", 405)]
    task = problem([daily, *pair], [*tries, *alone], groups=(Group(id="g", all_or_none=True),))
    # 290 and 610 with nothing between: 310 and 350 are too near to either; p and q overlap, so none counts.
    assert solved(task).value == pytest.approx(20)
    free = replace(task, groups=(Group(id="g", most=1),))
    assert solved(free).value == pytest.approx(25)


def test_duty_knapsacks_shares_and_combinations() -> None:
    requests = [Request(id=f"r{k}", value=10 + k, partner="north") for k in range(4)]
    chances = [chance(f"o{k}", f"r{k}", 50.0 * k) for k in range(4)]
    task = problem(requests, chances, partners=(Partner(id="north"),))
    rules: tuple[tuple[dict[str, Any], float], ...] = (
        ({"satellites": (Satellite(id="s", duty=(Duty(spans=((0, 1000),), most_s=25),)),)}, 25),
        ({"satellites": (Satellite(id="s", duty=(Duty(spans=((100, 1000),), most_count=1),)),)}, 34),
        ({"capacities": (Capacity(id="c", most=3, opportunities=("o2", "o3"), amounts=(2, 2)),)}, 34),
        ({"forbidden": (Forbidden(opportunities=("o1", "o2", "o3")),)}, 35),
        ({"shares": (Share(partner="north", satellites=("s",), most_count=1),)}, 13),
    )
    for rule, best in rules:
        assert solved(replace(task, **rule)).value == pytest.approx(best)


def test_fairness_costs_what_it_costs() -> None:
    requests = [
        Request(id="a", value=10, partner="north"),
        Request(id="b", value=6, partner="south"),
    ]
    task = problem(requests, [chance("a", "a", 0), chance("b", "b", 5)], partners=(Partner(id="south"),))
    assert solved(replace(task, requests=(replace(requests[0], partner=None), requests[1]))).value == 10
    fair = replace(
        task,
        requests=(replace(requests[0], partner=None), requests[1]),
        partners=(Partner(id="south", fair_fraction=0.5, alone_value=6),),
    )
    assert solved(fair).value == 6


def test_every_way_of_turning() -> None:
    def looks(a: float, b: float, *more: float) -> tuple[Pointing, Pointing]:
        return (
            Pointing(at_s=(0,), samples=((a, *more),)),
            Pointing(at_s=(0,), samples=((b, *more),)),
        )

    pieces = (SlewPiece(upto_rad=0.2, base_s=5, s_per_rad=10), SlewPiece(upto_rad=2, base_s=3, s_per_rad=20))
    half = math.sin(0.5), math.cos(0.5)
    cases = (
        (Slew(metric="axes-sum", pieces=pieces, settle_s=1), looks(0.0, 0.5), 3 + 10 + 1),
        (Slew(metric="axes-max", rate_rad_s=0.1, acceleration_rad_s2=0.1), looks(0.0, 1.0, 0.0), 11),
        (
            Slew(metric="attitude", rate_rad_s=0.1, acceleration_rad_s2=0.1),
            (
                Pointing(at_s=(0,), samples=((0, 0, 0, 1),)),
                Pointing(at_s=(0,), samples=((0, 0, half[0], half[1]),)),
            ),
            11,
        ),
    )
    for slew, (first, second), seconds in cases:
        for gap, value in ((seconds - 0.01, 2), (seconds + 0.01, 3)):
            pair = [
                chance("a", "a", 0, pointing=first),
                chance("b", "b", 10 + gap, pointing=second),
            ]
            task = problem(
                [Request(id="a", value=1), Request(id="b", value=2)],
                pair,
                satellites=(Satellite(id="s", slew=slew),),
            )
            assert solved(task).value == value, slew
    # A stated transition replaces the turn, also where another lies between.
    three = [chance("a", "a", 0), chance("b", "b", 15), chance("c", "c", 30)]
    task = problem([Request(id=x, value=1) for x in "abc"], three)
    assert solved(task).value == 3
    assert solved(replace(task, transitions=(Transition(first="a", second="c", least_s=21),))).value == 2


def test_free_starts_are_bounded_by_buckets() -> None:
    look = Pointing(at_s=(0, 200), samples=((0, 0, -1), (math.sin(0.5), 0, -math.cos(0.5))))
    both = [
        chance("a", "a", 0, end_s=60, pointing=look),
        chance("b", "b", 0, end_s=60, pointing=look),
        chance("c", "c", 0, end_s=60, pointing=look),
    ]
    task = problem(
        [Request(id="a", value=1), Request(id="b", value=1), Request(id="c", value=1)],
        both,
        satellites=(Satellite(id="s", slew=Slew(rate_rad_s=0.02, acceleration_rad_s2=0.01, settle_s=14)),),
    )
    plan = ProgramSolver(patience=5).solve(task, seed=0, stop=Stop(work=5.0))
    assert judge(task, plan).violations == ()
    assert plan.value == 2 <= plan.upper
    assert plan.upper_for == "the problem as stated"


def test_a_battery_that_lasts_for_one_of_two() -> None:
    battery = Battery(capacity_j=1000, initial_j=1000, imaging_w=60, least_j=0, idle_w=0)
    task = problem(
        [Request(id="a", value=1), Request(id="b", value=2)],
        [chance("a", "a", 0), chance("b", "b", 100)],
        satellites=(Satellite(id="s", battery=battery),),
    )
    plan = solved(task)
    assert (plan.value, ids(plan)) == (2, {"b"})


def test_a_fleet_is_planned_by_its_paths_and_bounded_as_stated() -> None:
    task = generate_problem(standard(3, 120, hours=6))
    assert beyond_fleet(task) is None
    plan = FleetSolver().solve(task, seed=0, stop=Stop(work=1.0))
    found = judge(task, plan)
    assert found.violations == ()
    assert 0 < plan.value <= plan.upper
    peer = BaselineSolver(patience=5).solve(task, seed=0, stop=Stop(work=1.0))
    assert peer.value <= plan.upper * (1 + 1e-9)
    assert plan.upper <= peer.upper * (1 + 1e-9)
    assert FleetSolver().solve(task, seed=0, stop=Stop(work=1.0)) == plan


def test_each_problem_goes_to_the_solver_that_can_say_it() -> None:
    simple = problem([Request(id="a", value=1)], [chance("a", "a", 0)])
    assert solver_for(simple).name == "conflicts"
    slewing = replace(simple, satellites=(Satellite(id="s", slew=Slew(rate_rad_s=1, acceleration_rad_s2=1)),))
    assert solver_for(slewing).name == "program"
    strict = replace(
        slewing,
        tiers="strict",
        requests=(Request(id="a", value=1), Request(id="b", value=1, tier=2)),
    )
    assert solver_for(strict).name == "baseline"


def test_a_pass_counts_for_the_period_of_its_first_view() -> None:
    """Its second view starts outside all periods: bounds and plans of both solvers count it all the same."""
    request = Request(id="r", value=20, views=2, periods=((0, 100), (500, 600)))
    views = [
        chance("a", "r", 90, view="fore", pass_id="p", probability=0.5),
        chance("b", "r", 200, view="aft", pass_id="p", probability=0.5),
    ]
    task = problem([request], views)
    assert solved(task).value == pytest.approx(5)
    plain = BaselineSolver(patience=5).solve(task, seed=0, stop=Stop(work=1.0))
    assert plain.value == pytest.approx(5)
    assert plain.upper >= 5


def test_a_previous_activity_that_serves_nobody_is_still_worth_its_churn_price() -> None:
    useless = chance("old", "r", 300, probability=0.0)
    task = problem(
        [Request(id="r", value=1, periods=((0, 100),)), Request(id="q", value=7)],
        [useless, chance("q", "q", 20)],
        previous=(Activity(opportunity="old", start_s=300.0),),
        churn_price=5.0,
    )
    plan = solved(task)
    assert (ids(plan), plan.value) == ({"old", "q"}, pytest.approx(7))
    assert plan.upper >= 7


def test_what_need_not_be_sent_is_not_sent_where_the_battery_would_not_last() -> None:
    """The memory holds all of it; sending it would cost 50 J that are not there, keeping it just fits."""
    battery = Battery(capacity_j=200, initial_j=150, least_j=50, imaging_w=10, sending_w=10)
    task = problem(
        [Request(id="r", value=3)],
        [chance("o", "r", 100, bits=50.0)],
        satellites=(Satellite(id="s", memory_bits=100, battery=battery),),
        stations=(Station(id="st"),),
        contacts=(Contact(id="c", satellite="s", station="st", start_s=200, end_s=300, rate_bps=10),),
    )
    for solver in (BaselineSolver(patience=5), ProgramSolver(patience=5)):
        plan = solver.solve(task, seed=0, stop=Stop(work=1.0))
        assert judge(task, plan).violations == ()
        assert (plan.value, plan.downlinks) == (3, ())
