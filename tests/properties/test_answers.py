"""Answers about plans hold what they say, by the independent checker, whoever made the plan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from comity.core import InputError
from comity.planning.answers import (
    Addition,
    Change,
    Reason,
    changed,
    moves,
    place_rush,
    reasons,
    replan,
    what_if,
)
from comity.planning.answers.obstacles import Trial
from comity.planning.baseline import BaselineSolver
from comity.planning.problem import (
    Activity,
    Plan,
    PlanningProblem,
    judge,
    judge_parts,
    validate_problem,
)
from comity.planning.solver import Stop
from unit.planning.small_problems import problems

FAST = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
QUICK = BaselineSolver(patience=20)


def some_plan(problem: PlanningProblem, rng: Random) -> Plan:
    """A valid plan that nobody has made better."""
    try:
        validate_problem(problem)
    except InputError:
        assume(False)
    trial = Trial(problem, (), ())
    chances = list(problem.opportunities)
    rng.shuffle(chances)
    for o in chances[: rng.randint(0, len(chances))]:
        trial.insert(o)
    worth = judge_parts(problem, trial.activities(), trial.downlinks()).worth
    return Plan(
        activities=trial.activities(),
        downlinks=trial.downlinks(),
        value=worth.value,
        tier_values=worth.tiers,
        upper=1e6,
        upper_for="the problem as stated",
        method="none",
        solver="none",
    )


def starts(problem: PlanningProblem) -> Iterator[Activity]:
    for o in problem.opportunities:
        count = round((o.end_s - o.start_s - o.duration_s) / 10)
        yield from (Activity(opportunity=o.id, start_s=o.start_s + 10 * k) for k in range(count + 1))


@FAST
@given(problems(most=8), st.randoms(use_true_random=False))
def test_what_a_reason_names_makes_the_request_fit(problem: PlanningProblem, rng: Random) -> None:
    plan = some_plan(problem, rng)
    before = judge_parts(problem, plan.activities, plan.downlinks)
    assert before.violations == ()
    grouped = any(g.all_or_none for g in problem.groups)
    for reason in reasons(problem, plan):
        if not reason.starts_s or not (reason.rivals or reason.code == "time-limit"):
            continue
        trial = Trial(problem, plan.activities, plan.downlinks)
        for rival in reason.rivals:
            trial.remove(rival.opportunity)
        for id, start in zip(reason.opportunities, reason.starts_s, strict=True):
            assert trial.insert(trial.opportunities[id], [start]), reason
        after = judge_parts(problem, trial.activities(), trial.downlinks())
        assert after.violations == (), reason
        if not grouped:
            assert abs(after.worth.value - before.worth.value - reason.gain + reason.loss) < 1e-6, reason


@FAST
@given(problems(most=8), st.randoms(use_true_random=False))
def test_nothing_that_would_simply_fit_is_said_to_be_kept_out(problem: PlanningProblem, rng: Random) -> None:
    """The checker alone adds acquisitions to the plan: where it finds nothing wrong, the reason says so."""
    plan = some_plan(problem, rng)
    worth = judge_parts(problem, plan.activities, plan.downlinks).worth
    told: dict[str, Reason] = {r.request: r for r in reasons(problem, plan)}
    owner = {o.id: o.request for o in problem.opportunities}
    views = {r.id: r.views for r in problem.requests}
    taken = {a.opportunity for a in plan.activities}
    for more in starts(problem):
        name = owner[more.opportunity]
        if more.opportunity in taken or views[name] > 1:
            continue
        found = judge_parts(problem, (*plan.activities, more), plan.downlinks)
        if not found.violations and found.worth.requests[name] > worth.requests[name] + 1e-6:
            assert told[name].code == "time-limit", (more, told[name])


@FAST
@given(problems(most=7), st.randoms(use_true_random=False), st.booleans(), st.sampled_from((0.0, 2.0)))
def test_a_rush_order_leaves_a_valid_plan(
    problem: PlanningProblem, rng: Random, must: bool, churn_price: float
) -> None:
    name = rng.choice([r.id for r in problem.requests])
    own = tuple(o for o in problem.opportunities if o.request == name)
    rest = changed(problem, Change(drop=(name,)))
    plan = some_plan(rest, rng)
    request = next(r for r in problem.requests if r.id == name)
    found = place_rush(
        rest, plan, Addition(request=request, opportunities=own), churn_price=churn_price, must=must
    )
    validate_problem(found.problem)
    assert judge(found.problem, found.plan).violations == ()
    kept = judge_parts(found.problem, plan.activities, plan.downlinks).worth
    if not must and problem.tiers == "sum":
        assert found.plan.value >= kept.value - 1e-9
    others = moves(found.problem, plan, found.problem, found.plan)
    assert tuple(m for m in others if m.request != name) == found.moved


@settings(FAST, max_examples=25)
@given(problems(most=5), st.data())
def test_what_if_is_the_difference_of_two_solutions(problem: PlanningProblem, data: st.DataObject) -> None:
    """Proven solutions differ by what is said; unproven ones by something in the interval."""
    try:
        validate_problem(problem)
        gone = data.draw(st.sampled_from([r.id for r in problem.requests]))
        less = changed(problem, Change(drop=(gone,)))
        validate_problem(less)
    except InputError:
        assume(False)
    stop = Stop(work=0.5)
    before = QUICK.solve(problem, seed=0, stop=stop)
    alone = QUICK.solve(less, seed=0, stop=stop)
    found = what_if(problem, Change(drop=(gone,)), plan=before, solver=QUICK, stop=stop)
    assert judge(found.problem, found.after).violations == ()
    assert found.difference == found.after.value - before.value
    if before.stopped == alone.stopped == "proven" and "every two" not in before.upper_for + alone.upper_for:
        assert abs(found.difference - (alone.value - before.value)) < 1e-6
        assert found.least - 1e-6 <= alone.value - before.value <= found.most + 1e-6


@settings(FAST, max_examples=25)
@given(problems(most=6), st.randoms(use_true_random=False), st.integers(0, 300))
def test_replanning_keeps_what_is_frozen_and_loses_nothing(
    problem: PlanningProblem, rng: Random, now_s: int
) -> None:
    plain = replace(problem, previous=(), tiers="sum")
    plan = some_plan(plain, rng)
    found = replan(plain, plan, now_s=now_s, churn_price=1.0, solver=QUICK, stop=Stop(work=0.2))
    assert judge_parts(plain, found.activities, found.downlinks).violations == ()
    assert {a for a in plan.activities if a.start_s < now_s} == {
        a for a in found.activities if a.start_s < now_s
    }
    assert found.value >= plan.value - 1e-9
