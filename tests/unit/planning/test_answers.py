"""Reasons, what if, rush orders, replanning and fairness where the answer is known by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from comity.core import Epoch, InputError, Progress, StateError, UnknownIdError, silent
from comity.planning.answers import (
    Addition,
    Alone,
    Change,
    Reason,
    alone_values,
    changed,
    partner_rows,
    place_rush,
    problem_hash,
    reasons,
    replan,
    replanning_problem,
    solve_fair,
    what_if,
    with_fairness,
)
from comity.planning.baseline import BaselineSolver
from comity.planning.problem import (
    Activity,
    Battery,
    Capacity,
    Contact,
    Downlink,
    Duty,
    Exclusive,
    Forbidden,
    Group,
    Load,
    Opportunity,
    Partner,
    Plan,
    PlanningProblem,
    Pointing,
    Request,
    Satellite,
    Share,
    Slew,
    Station,
    Veto,
    judge,
    judge_parts,
    validate_problem,
)
from comity.planning.solver import Stop

SOON = Stop(work=1.0)
SLEW = Slew(rate_rad_s=0.1, acceleration_rad_s2=0.1, settle_s=5.0)
AHEAD = Pointing(at_s=(0.0,), samples=((0.0, 0.0, -1.0),))
ASIDE = Pointing(at_s=(0.0,), samples=((0.6, 0.0, -0.8),))


def chance(id: str, request: str, start_s: float, satellite: str = "s", **more: object) -> Opportunity:
    values = {"end_s": start_s + 10, "duration_s": 10.0, **more}
    return Opportunity(id=id, request=request, satellite=satellite, start_s=start_s, **values)  # type: ignore[arg-type]


def problem(values: dict[str, float], *chances: Opportunity, **more: object) -> PlanningProblem:
    given: dict[str, object] = {
        "requests": tuple(Request(id=id, value=value) for id, value in values.items()),
        "satellites": (Satellite(id="s"),),
        **more,
    }
    return PlanningProblem(
        start=Epoch.from_iso("2026-01-01T00:00:00Z"),
        horizon_s=1000.0,
        opportunities=chances,
        **given,  # type: ignore[arg-type]
    )


def plan_of(task: PlanningProblem, *ids: str, links: tuple[Downlink, ...] = (), upper: float = 1e3) -> Plan:
    starts = {o.id: o.start_s for o in task.opportunities}
    acts = tuple(Activity(opportunity=id, start_s=starts[id]) for id in ids)
    found = judge_parts(task, acts, links)
    assert found.violations == ()
    return Plan(
        activities=acts,
        downlinks=links,
        value=found.worth.value,
        tier_values=found.worth.tiers,
        upper=upper,
        upper_for="the problem as stated",
        method="by hand",
        solver="by hand",
    )


def only(task: PlanningProblem, plan: Plan) -> Reason:
    (reason,) = reasons(task, plan)
    return reason


def test_beaten_names_the_cheapest_rivals_with_turns_over_all_starts() -> None:
    """Between two rivals, for want of turning time, one chance needs both gone, the late one only one."""
    task = problem(
        {"a": 9.0, "b": 4.0, "c": 8.0, "x": 5.0},
        chance("a1", "a", 100, pointing=AHEAD),
        chance("b1", "b", 130, pointing=AHEAD),
        chance("c1", "c", 300, pointing=AHEAD),
        chance("x1", "x", 115, pointing=ASIDE),
        chance("x2", "x", 295, pointing=ASIDE, end_s=320, step_s=5),
        satellites=(Satellite(id="s", slew=SLEW),),
    )
    reason = only(task, plan_of(task, "a1", "b1", "c1"))
    assert (reason.code, reason.by, reason.opportunities) == ("beaten", ("c",), ("x2",))
    assert (reason.gain, reason.loss) == (5.0, 8.0)
    assert "c would lose 8, it would earn 5, 3 less" in reason.text
    poor = replace(task, requests=(replace(task.requests[0], value=1.0), *task.requests[1:]))
    reason = only(poor, plan_of(poor, "a1", "b1", "c1"))
    assert (reason.by, reason.loss, reason.opportunities) == (("a", "b"), 5.0, ("x1",))
    assert [(r.opportunity, r.start_s, r.loss) for r in reason.rivals] == [("a1", 100, 1.0), ("b1", 130, 4.0)]


def test_what_is_open_is_told_with_its_gain() -> None:
    task = problem({"a": 3.0, "x": 5.0}, chance("a1", "a", 100), chance("x1", "x", 105, end_s=130, step_s=5))
    reason = only(task, plan_of(task, "a1"))
    assert (reason.code, reason.gain, reason.starts_s, reason.rivals) == ("time-limit", 5.0, (110.0,), ())


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"vetoes": (Veto(satellite="s", request="x"),)}, "vetoed: s must not serve x"),
        ({"exclusives": (Exclusive(satellite="s", partner="p", span=(400, 600)),)}, "p's alone"),
        ({"satellites": (Satellite(id="s", busy=((505.0, 506.0),)),)}, "already committed"),
        ({"frozen_until_s": 600.0}, "plan is frozen, until 2026-01-01T00:10:00Z"),
        ({"requests": (Request(id="x", value=5.0, due_s=505.0),)}, "x is due by 2026-01-01T00:08:25Z"),
        ({"requests": (Request(id="x", value=5.0, release_s=505.0),)}, "x is released at"),
    ],
)
def test_not_allowed_says_by_what(more: dict[str, object], says: str) -> None:
    task = problem({"x": 5.0}, chance("x1", "x", 500), partners=(Partner(id="p"),), **more)
    reason = only(task, plan_of(task))
    assert reason.code == "not-allowed" and says in reason.text


def test_no_window_and_not_worth() -> None:
    task = problem({"x": 5.0, "y": 0.0, "z": 7.0}, chance("y1", "y", 5), chance("z1", "z", 50, probability=0))
    found = {r.request: r for r in reasons(task, plan_of(task))}
    assert {id: r.code for id, r in found.items()} == {"x": "no-window", "y": "not-worth", "z": "not-worth"}
    assert found["x"].text == (
        "No satellite has a suitable view between 2026-01-01T00:00:00Z and 2026-01-01T00:16:40Z."
    )


BATTERY = Battery(capacity_j=1000, initial_j=1000, least_j=800, imaging_w=15)
FULL: list[tuple[str, dict[str, object], str]] = [
    ("memory", {"satellites": (Satellite(id="s", memory_bits=150.0),)}, "memory of s"),
    ("energy", {"satellites": (Satellite(id="s", battery=BATTERY),)}, "battery of s to 700 J, 800 J"),
    (
        "duty",
        {"satellites": (Satellite(id="s", duty=(Duty(spans=((0, 900),), most_s=15.0),)),)},
        "10 of 15 s",
    ),
    (
        "capacity",
        {"capacities": (Capacity(id="k", most=1, opportunities=("a1", "x1"), amounts=(1, 1)),)},
        "k",
    ),
    ("forbidden", {"forbidden": (Forbidden(opportunities=("a1", "x1")),)}, "together with a1"),
]


@pytest.mark.parametrize(("code", "more", "says"), FULL, ids=[code for code, _, _ in FULL])
def test_a_full_resource_names_itself_and_who_holds_it(code: str, more: dict[str, object], says: str) -> None:
    chances = chance("a1", "a", 100, bits=100), chance("x1", "x", 500, bits=100)
    task = problem({"a": 9.0, "x": 5.0}, *chances, **more)
    reason = only(task, plan_of(task, "a1"))
    assert (reason.code, reason.by, reason.loss) == (code, ("a",), 9.0)
    assert says in reason.text


def test_group_and_share_are_told_and_a_broken_group_says_who_is_missing() -> None:
    names = (
        Request(id="a", value=9.0, group="g", partner="p"),
        Request(id="x", value=5.0, group="g", partner="p"),
    )
    task = problem(
        {}, chance("a1", "a", 100), chance("x1", "x", 500), requests=names, partners=(Partner(id="p"),)
    )
    most = replace(task, groups=(Group(id="g", most=1),))
    assert (only(most, plan_of(most, "a1")).code, only(most, plan_of(most, "a1")).by) == ("group", ("a",))
    share = replace(
        task, groups=(Group(id="g"),), shares=(Share(partner="p", satellites=("s",), most_count=1),)
    )
    assert only(share, plan_of(share, "a1")).code == "share"
    whole = replace(task, groups=(Group(id="g", all_or_none=True),))
    broken, missing = reasons(whole, plan_of(whole, "a1"))
    assert broken.code == "group" and "x are missing" in broken.text
    assert missing.code == "time-limit"


def test_a_downlink_taken_by_another_satellite_is_told() -> None:
    """One antenna, two satellites: what x would send is kept out by what a sends then."""
    task = problem(
        {},
        chance("a1", "a", 100, "s", bits=100), chance("x1", "x", 100, "t", bits=100),
        requests=(
            Request(id="a", value=9.0, deliver_within_s=500), Request(id="x", value=5.0, deliver_within_s=500)
        ),
        satellites=(Satellite(id="s"), Satellite(id="t")),
        stations=(Station(id="g", setup_s=30),),
        contacts=(
            Contact(id="cs", satellite="s", station="g", start_s=300, end_s=400, rate_bps=2),
            Contact(id="ct", satellite="t", station="g", start_s=330, end_s=380, rate_bps=2),
        ),
    )  # fmt: skip
    late = Downlink(contact="cs", start_s=320, end_s=370, loads=(Load(opportunity="a1", bits=100),))
    reason = only(task, plan_of(task, "a1", links=(late,)))
    assert (reason.code, reason.by) == ("downlink", ("a",))
    alone = replace(task, contacts=task.contacts[:1])
    reason = only(alone, plan_of(alone, "a1", links=(late,)))
    assert (reason.code, reason.rivals) == ("downlink", ())
    assert "no station contact for it is left before" in reason.text


def test_a_plan_of_another_problem_and_an_unknown_request_are_refused() -> None:
    task = problem({"a": 3.0, "x": 5.0}, chance("a1", "a", 100), chance("x1", "x", 105))
    plan = plan_of(task, "a1")
    with pytest.raises(InputError, match=r"unknown: no opportunity 'a1'.*another problem"):
        reasons(changed(task, Change(drop=("a",))), plan)
    with pytest.raises(UnknownIdError, match="unknown request 'zz'; known: a, x"):
        reasons(task, plan, requests=["zz"])
    assert problem_hash(task) != problem_hash(replace(task, horizon_s=1001.0))


def test_a_rush_order_displaces_what_is_worth_less_and_moves_it_on() -> None:
    task = problem(
        {"a": 5.0, "b": 4.0},
        chance("a1", "a", 100), chance("a2", "a", 300, probability=0.9), chance("b1", "b", 200),
    )  # fmt: skip
    plan = plan_of(task, "a1", "b1", upper=9.0)
    rush = Addition(
        request=Request(id="x", value=3.0), opportunities=(chance("x1", "x", 105), chance("x2", "x", 205))
    )
    found = place_rush(task, plan, rush)
    assert [(m.request, m.how, m.after[0].opportunity) for m in found.moved] == [("a", "less", "a2")]
    assert (found.plan.value, found.plan.upper, found.reason) == (4.5 + 4 + 3, 12.0, None)
    assert judge(found.problem, found.plan).violations == ()
    dear = place_rush(task, plan, rush, churn_price=3.0)
    assert dear.placed == () and dear.plan.activities == plan.activities
    assert dear.reason is not None and dear.reason.code == "beaten"
    forced = place_rush(task, plan, rush, churn_price=3.0, must=True)
    assert [a.opportunity for a in forced.placed] == ["x1"] and forced.plan.value == 4.5 + 4 + 3 - 3
    frozen = replace(task, frozen=plan.activities, frozen_until_s=250.0)
    kept = place_rush(frozen, plan, rush, must=True)
    assert kept.placed == () and kept.plan.activities == plan.activities


def test_what_if_tells_who_loses_and_how_sure_it_is() -> None:
    task = problem(
        {"a": 5.0, "b": 4.0},
        chance("a1", "a", 100), chance("b1", "b", 105), chance("b2", "b", 105, "t"),
        satellites=(Satellite(id="s"), Satellite(id="t")),
    )  # fmt: skip
    found = what_if(task, Change(without_satellites=("t",)), stop=SOON)
    assert (found.difference, found.least, found.most, found.certain) == (-4, -4, -4, True)
    assert [(m.request, m.how) for m in found.moved] == [("b", "lost")]
    loose = what_if(
        task, Change(without_satellites=("t",)), plan=plan_of(task, "a1", "b2", upper=20.0), stop=SOON
    )
    assert (loose.difference, loose.least, loose.most, loose.certain) == (-4, -15, -4, True)
    more = Addition(request=Request(id="x", value=1.0), opportunities=(chance("x1", "x", 500),))
    grown = what_if(task, Change(add=(more,)), plan=plan_of(task, "a1", "b2", upper=20.0), stop=SOON)
    assert (grown.difference, grown.least, grown.most, grown.certain) == (1, 0, 1, False)
    for change, kind in (
        (Change(without_satellites=("q",)), "satellite"),
        (Change(without_stations=("q",)), "station"),
        (Change(without_partners=("q",)), "partner"),
        (Change(drop=("q",)), "request"),
    ):
        with pytest.raises(UnknownIdError, match=f"unknown {kind} 'q'"):
            what_if(task, change, stop=SOON)
    with pytest.raises(InputError, match="cannot add request 'a'"):
        changed(task, Change(add=(replace(more, request=replace(more.request, id="a")),)))


class Dying:
    """A solver that breaks down."""

    name = "dying"

    def solve(self, problem: PlanningProblem, *, seed: int, stop: Stop, progress: Progress = silent) -> Plan:
        raise RuntimeError("out of luck")


def test_replanning_freezes_what_has_begun_and_survives_a_dying_solver() -> None:
    task = problem(
        {"a": 5.0, "b": 4.0, "c": 9.0},
        chance("a1", "a", 100, bits=10), chance("b1", "b", 300),
        chance("c1", "c", 305), chance("c2", "c", 105),
        contacts=(Contact(id="k", satellite="s", station="g", start_s=400, end_s=500, rate_bps=1),),
        stations=(Station(id="g"),),
    )  # fmt: skip
    sent = Downlink(contact="k", start_s=400, end_s=410, loads=(Load(opportunity="a1", bits=10),))
    plan = plan_of(task, "a1", "b1", links=(sent,))
    rest = replanning_problem(task, plan, now_s=80, lock_s=30, churn_price=2.0)
    assert (rest.frozen, rest.frozen_downlinks, rest.frozen_until_s) == (plan.activities[:1], (sent,), 110)
    cheap = replan(task, plan, now_s=110, churn_price=2.0, stop=SOON)
    assert [a.opportunity for a in cheap.activities] == ["a1", "c1"] and cheap.value == 5 + 9 - 2
    dear = replan(task, plan, now_s=110, churn_price=6.0, stop=SOON)
    assert [a.opportunity for a in dear.activities] == ["a1", "b1"]
    known = replan(task, replace(plan, upper=15.0), now_s=110, churn_price=6.0, same_problem=True, stop=SOON)
    assert known.value <= known.upper <= 15
    left = replan(task, plan, now_s=110, churn_price=2.0, solver=Dying(), stop=SOON)
    assert left.activities == plan.activities
    assert left.stopped == "the solver failed: out of luck" and left.upper >= 12
    with pytest.raises(InputError, match=r"acquisition 'a1' at 100 s is frozen .* no such opportunity"):
        replanning_problem(changed(task, Change(drop=("a",))), plan, now_s=200, churn_price=1.0)
    with pytest.raises(InputError, match="now must lie within the horizon"):
        replanning_problem(task, plan, now_s=2000, churn_price=1.0)
    clash = replace(task, satellites=(Satellite(id="s", busy=((100.0, 110.0),)),))
    with pytest.raises(InputError, match="the frozen part of the plan breaks a rule: busy"):
        validate_problem(replanning_problem(clash, plan, now_s=200, churn_price=1.0))


def pool() -> PlanningProblem:
    """North's request on South's satellite pays best; alone each earns 10 or 6 on its own satellite."""
    return problem(
        {},
        chance("n1", "n", 100, "s"), chance("big1", "big", 100, "t"), chance("x1", "x", 105, "t"),
        requests=(
            Request(id="n", value=10.0, partner="north"), Request(id="big", value=9.0, partner="north"),
            Request(id="x", value=6.0, partner="south"),
        ),
        satellites=(Satellite(id="s", partner="north"), Satellite(id="t", partner="south")),
        partners=(Partner(id="north"), Partner(id="south")),
    )  # fmt: skip


def test_a_fair_plan_costs_what_it_costs() -> None:
    task = pool()
    alone = alone_values(task, ["north", "south"], stop=SOON)
    assert [(a.partner, a.value, a.upper) for a in alone] == [("north", 10, 10), ("south", 6, 6)]
    found = solve_fair(with_fairness(task, alone, fraction=0.9), alone=alone, stop=SOON)
    assert (found.free.value, found.plan.value, found.price) == (19, 16, 3)
    assert found.price_least <= 3 <= found.price_most
    assert judge(found.problem, found.plan).violations == ()
    rows = partner_rows(found.problem, found.plan)
    assert [(r.partner, r.served, r.requested, r.earned, r.share) for r in rows] == [
        ("north", 1, 19, 10, 1), ("south", 1, 6, 6, 1)
    ]  # fmt: skip
    free = solve_fair(with_fairness(task, alone, fraction=0.0), alone=alone, stop=SOON)
    assert (free.plan.value, free.price) == (19, 0)
    loose = solve_fair(with_fairness(task, alone, fraction=0.9), stop=SOON, solver=BaselineSolver(patience=1))
    assert loose.plan.value == 16  # found without the plans of each partner alone


def test_of_a_large_problem_weights_alone_find_the_fair_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("comity.planning.answers.fairness._MOST_REPAIRED", 0)
    task = pool()
    alone = alone_values(task, ["north", "south"], stop=SOON)
    found = solve_fair(with_fairness(task, alone, fraction=0.9), stop=SOON)
    assert (found.free.value, found.plan.value) == (19, 16)
    assert judge(found.problem, found.plan).violations == ()
    assert 16 <= found.plan.upper < 19


def test_an_impossible_fair_part_is_told() -> None:
    task = replace(
        pool(), partners=(Partner(id="north"), Partner(id="south", fair_fraction=1.0, alone_value=7.0))
    )
    with pytest.raises(StateError, match="requests of south can earn 6 at most, and 7 is its fair part"):
        solve_fair(task, stop=SOON)
    both = replace(
        pool(),
        partners=(
            Partner(id="north", fair_fraction=1.0, alone_value=19.0),
            Partner(id="south", fair_fraction=1.0, alone_value=6.0),
        ),
    )
    with pytest.raises(StateError, match="the fair parts sum to 25, and no fair plan can earn more than"):
        solve_fair(both, stop=SOON)
    with pytest.raises(InputError, match=r"fair fraction 1\.5"):
        with_fairness(pool(), list[Alone](), fraction=1.5)


def test_all_that_several_rules_forbid_is_named() -> None:
    """Two combinations and a full sack keep a request out: who makes room for all of them are rivals."""
    task = problem(
        {"a": 5, "b": 4, "c": 3, "out": 6},
        *(chance(id, id, start) for id, start in (("a", 0), ("b", 100), ("c", 200), ("out", 300))),
        forbidden=(Forbidden(opportunities=("a", "out")), Forbidden(opportunities=("b", "out"))),
        capacities=(Capacity(id="k", most=1, opportunities=("c", "out"), amounts=(1, 1)),),
    )
    acts = tuple(Activity(opportunity=id, start_s=at) for id, at in (("a", 0.0), ("b", 100.0), ("c", 200.0)))
    plan = Plan(
        activities=acts, value=12.0, tier_values={1: 12.0}, upper=18.0, upper_for="", method="", solver=""
    )
    (reason,) = reasons(task, plan)
    assert (reason.code, {r.opportunity for r in reason.rivals}) == ("forbidden", {"a", "b", "c"})
    assert (reason.gain, reason.loss) == (6, 12)


def test_an_interrupt_of_a_fair_search_ends_all_of_it() -> None:
    """Solutions still to come are given a second each, not their part of the time."""
    asked: list[float | None] = []

    class Interrupted(BaselineSolver):
        def solve(
            self, problem: PlanningProblem, *, seed: int, stop: Stop, progress: Progress = silent
        ) -> Plan:
            asked.append(stop.wall_s)
            plan = BaselineSolver.solve(self, problem, seed=seed, stop=SOON, progress=progress)
            return replace(plan, stopped="interrupted")

    task = problem(
        {},
        chance("x", "a", 0, "p"),
        chance("y", "b", 0, "q"),
        requests=(Request(id="a", value=5, partner="n"), Request(id="b", value=4, partner="m")),
        satellites=(Satellite(id="p", partner="n"), Satellite(id="q", partner="m")),
        partners=(Partner(id="n"), Partner(id="m")),
    )
    stop = Stop(wall_s=1000.0)
    alone = alone_values(task, ["n", "m"], solver=Interrupted(), stop=stop)
    found = solve_fair(with_fairness(task, alone, fraction=1.0), alone=alone, solver=Interrupted(), stop=stop)
    assert asked == [500.0, 1.0, 1.0]
    assert (found.plan.value, found.plan.stopped) == (9, "interrupted")
