"""Fleets with a frozen part and a plan to be replaced: plans hold, and nothing beats the bound."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from comity.core import Epoch
from comity.planning.answers import replanning_problem
from comity.planning.answers.carrying import carried, fill_all
from comity.planning.baseline import BaselineSolver, PlanSolver
from comity.planning.paths.stated import FleetSolver, RuledFleetSolver, beyond_fleet
from comity.planning.problem import (
    Activity,
    Battery,
    Contact,
    Duty,
    Group,
    Opportunity,
    PlanningProblem,
    Pointing,
    Request,
    Satellite,
    Slew,
    Station,
    judge,
    judge_parts,
)
from comity.planning.solver import Stop

START = Epoch.from_iso("2026-04-14T04:00:00Z")
FAST = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def towards(degrees: float) -> tuple[float, float, float]:
    a = math.radians(degrees)
    return (math.sin(a), 0.0, -math.cos(a))


@st.composite
def fleets(draw: st.DrawFn, *, sending: bool, rules: bool = False) -> PlanningProblem:
    """Two satellites, up to five requests and six opportunities with up to three starts each."""
    slew = Slew(rate_rad_s=0.02, acceleration_rad_s2=0.01, settle_s=2.0)
    battery = Battery(
        capacity_j=1000, initial_j=700, least_j=100, idle_w=1, imaging_w=10, slew_w=3, sending_w=2,
        charge_w=3, sunlit=((100.0, 300.0),),
    )  # fmt: skip
    limited = Duty(spans=((0.0, 150.0), (150.0, 400.0)), most_s=draw(st.sampled_from((15.0, 25.0))))
    counted = Duty(spans=((0.0, 400.0),), most_count=2)
    satellites = tuple(
        Satellite(
            id=f"s{k}",
            slew=slew,
            rest=draw(st.sampled_from((None, Pointing(at_s=(0.0,), samples=(towards(0.0),))))),
            memory_bits=draw(st.sampled_from((None, 250.0))) if sending else None,
            stored_bits=draw(st.sampled_from((0.0, 100.0))) if sending else 0.0,
            battery=draw(st.sampled_from((None, battery))),
            duty=draw(st.sampled_from(((), (limited,), (counted,)))) if rules else (),
        )
        for k in range(2)
    )
    wanted = st.sampled_from((None, 150.0)) if rules and sending else st.none()
    requests = tuple(
        Request(
            id=f"r{k}",
            value=float(draw(st.integers(0, 20))),
            group=draw(st.sampled_from((None, "g"))) if rules else None,
            deliver_within_s=draw(wanted),
        )
        for k in range(draw(st.integers(2, 5)))
    )
    opportunities = []
    for k in range(draw(st.integers(2, 6))):
        start = 10.0 * draw(st.integers(0, 34))
        opportunities.append(
            Opportunity(
                id=f"o{k}",
                request=draw(st.sampled_from(requests)).id,
                satellite=draw(st.sampled_from(satellites)).id,
                start_s=start,
                end_s=start + 10.0 + draw(st.sampled_from((0.0, 20.0))),
                duration_s=10.0,
                step_s=10.0,
                pointing=Pointing(
                    at_s=(start,), samples=(towards(draw(st.sampled_from((-25.0, 0.0, 25.0)))),)
                ),
                bits=100.0,
                probability=draw(st.sampled_from((1.0, 0.5))),
            )
        )
    contacts = (
        Contact(id="k0", satellite="s0", station="st", start_s=120, end_s=180, rate_bps=4),
        Contact(id="k1", satellite="s0", station="st", start_s=300, end_s=390, rate_bps=4),
        Contact(id="k2", satellite="s1", station="st", start_s=150, end_s=230, rate_bps=4),
    )
    return PlanningProblem(
        start=START,
        horizon_s=400.0,
        requests=requests,
        opportunities=tuple(opportunities),
        satellites=satellites,
        stations=(Station(id="st", setup_s=draw(st.sampled_from((0.0, 3.0)))),) if sending else (),
        contacts=contacts if sending else (),
        groups=(Group(id="g", most=draw(st.sampled_from((1, 2)))),) if rules else (),
    )


def best_by_trying_all(problem: PlanningProblem) -> float:
    """Greatest value of any choice of acquisitions with the frozen downlinks alone."""
    grids = []
    for o in problem.opportunities:
        count = round((o.end_s - o.start_s - o.duration_s) / 10.0) + 1
        grids.append([None, *(o.start_s + 10.0 * k for k in range(count))])
    best = -math.inf
    for choice in product(*grids):
        plan = [
            Activity(opportunity=o.id, start_s=at)
            for o, at in zip(problem.opportunities, choice, strict=True)
            if at is not None
        ]
        found = judge_parts(problem, plan, problem.frozen_downlinks)
        if not found.violations:
            best = max(best, found.worth.value)
    return best


def replanned(problem: PlanningProblem, now_s: float, price: float, add: int) -> PlanningProblem:
    """A plan made without some requests' worth is frozen up to now, and replaced by one that counts it."""
    before = replace(
        problem,
        requests=tuple(replace(r, value=1.0 if k < add else r.value) for k, r in enumerate(problem.requests)),
    )
    plan = BaselineSolver(patience=3).solve(before, seed=0, stop=Stop(work=0.05))
    return replanning_problem(problem, plan, now_s=now_s, churn_price=price)


def bounded(task: PlanningProblem, solver: PlanSolver | None = None) -> None:
    assert beyond_fleet(task, rules=solver is not None) is None
    solver = solver or FleetSolver()
    plan = solver.solve(task, seed=1, stop=Stop(work=1.0))
    assert judge(task, plan).violations == ()
    assert best_by_trying_all(task) <= plan.upper + 1e-6
    on = carried(task, task.previous, task.frozen_downlinks)
    fill_all(on)
    for value in (on.worth()[0], BaselineSolver(patience=10).solve(task, seed=0, stop=Stop(work=0.2)).value):
        assert value <= plan.upper + 1e-6
    assert solver.solve(task, seed=1, stop=Stop(work=1.0)) == plan


MOMENTS = st.sampled_from((0.0, 100.0, 135.0, 165.0, 200.0, 310.0, 400.0))


@FAST
@given(fleets(sending=False), MOMENTS, st.sampled_from((0.0, 3.0)), st.integers(0, 2))
def test_no_plan_beside_what_is_frozen_beats_the_bound(
    problem: PlanningProblem, now_s: float, price: float, add: int
) -> None:
    bounded(replanned(problem, now_s, price, add))


@FAST
@given(fleets(sending=True), MOMENTS, st.sampled_from((0.0, 3.0)), st.integers(0, 2))
def test_nor_where_frozen_downlinks_hold_contacts_and_memory(
    problem: PlanningProblem, now_s: float, price: float, add: int
) -> None:
    bounded(replanned(problem, now_s, price, add))


@settings(FAST, max_examples=30)
@given(fleets(sending=False, rules=True), MOMENTS, st.sampled_from((0.0, 3.0)), st.integers(0, 2))
def test_nor_where_duty_and_groups_are_rows(
    problem: PlanningProblem, now_s: float, price: float, add: int
) -> None:
    bounded(replanned(problem, now_s, price, add), RuledFleetSolver(patience=3))


@settings(FAST, max_examples=30)
@given(fleets(sending=True, rules=True), MOMENTS, st.sampled_from((0.0, 3.0)), st.integers(0, 2))
def test_nor_where_the_age_of_data_is_too(
    problem: PlanningProblem, now_s: float, price: float, add: int
) -> None:
    bounded(replanned(problem, now_s, price, add), RuledFleetSolver(patience=3))
