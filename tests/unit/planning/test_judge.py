"""The checker's figures, each against a sum done by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from comity.core import Epoch
from comity.planning.problem import (
    Activity,
    Battery,
    Contact,
    Downlink,
    Duty,
    Group,
    Load,
    Opportunity,
    Partner,
    PlanningProblem,
    Pointing,
    Request,
    Satellite,
    Slew,
    Station,
    judge_parts,
    worth_of,
)


def towards(degrees: float) -> tuple[float, float, float]:
    return (math.sin(math.radians(degrees)), 0.0, -math.cos(math.radians(degrees)))


def act(id: str, request: str, start_s: float, *, look: float | None = None, **more: object) -> Opportunity:
    pointing = None if look is None else Pointing(at_s=(0.0,), samples=(towards(look),))
    values = {"end_s": start_s + 10, "duration_s": 10.0, "pointing": pointing, "bits": 100.0, **more}
    return Opportunity(id=id, request=request, satellite="s", start_s=start_s, **values)  # type: ignore[arg-type]


def problem(
    *opportunities: Opportunity, satellite: Satellite | None = None, **more: object
) -> PlanningProblem:
    names = dict.fromkeys(o.request for o in opportunities)
    values: dict[str, object] = {"requests": tuple(Request(id=name, value=8.0) for name in names), **more}
    return PlanningProblem(
        start=Epoch.from_iso("2026-01-01T00:00:00Z"),
        horizon_s=1000.0,
        opportunities=opportunities,
        satellites=(satellite or Satellite(id="s"),),
        **values,  # type: ignore[arg-type]
    )


def take(task: PlanningProblem, *ids: str) -> tuple[Activity, ...]:
    starts = {o.id: o.start_s for o in task.opportunities}
    return tuple(Activity(opportunity=id, start_s=starts[id]) for id in ids)


def kinds(
    task: PlanningProblem, *ids: str, downlinks: tuple[Downlink, ...] = ()
) -> list[tuple[str, float, float]]:
    found = judge_parts(task, take(task, *ids), downlinks).violations
    return [(v.kind, round(v.found, 6), round(v.limit, 6)) for v in found]


def test_tries_cells_views_and_periods_are_worth_what_the_model_says() -> None:
    tries = problem(
        act("a", "r", 0, probability=0.5), act("b", "r", 50, probability=0.25), act("c", "r", 90),
        requests=(Request(id="r", value=8.0, tries=2),),
    )  # fmt: skip
    assert worth_of(tries, take(tries, "a", "b")).value == 8 * (1 - 0.5 * 0.75)
    assert kinds(tries, "a", "b", "c") == [("tries", 3, 2)]
    area = problem(
        act("a", "r", 0, cells=(0, 1), probability=0.5), act("b", "r", 50, cells=(1, 2)),
        requests=(Request(id="r", value=8.0, cells=(0.5, 0.25, 0.25)),),
    )  # fmt: skip
    assert worth_of(area, take(area, "a")).value == 8 * (0.25 + 0.125)
    assert worth_of(area, take(area, "a", "b")).value == 8 * (0.25 + 0.25 + 0.25)
    pair = problem(
        act("a", "r", 0, view="fore", pass_id="1", probability=0.5),
        act("b", "r", 50, view="aft", pass_id="1"),
        act("c", "r", 90, view="aft", pass_id="2"),
        requests=(Request(id="r", value=8.0, views=2, tries=2),),
    )  # fmt: skip
    assert worth_of(pair, take(pair, "a", "c")).value == 0
    assert worth_of(pair, take(pair, "a", "b")).value == 4
    daily = problem(
        act("a", "r", 0), act("b", "r", 50), act("c", "r", 600),
        requests=(Request(id="r", value=8.0, periods=((0, 40), (40, 500), (500, 700), (700, 800))),),
    )  # fmt: skip
    assert worth_of(daily, take(daily, "a", "c")).value == 4
    group = problem(
        act("a", "r", 0), act("b", "q", 50),
        requests=(Request(id="r", value=8.0, group="g"), Request(id="q", value=1.0, group="g")),
        groups=(Group(id="g", all_or_none=True),),
    )  # fmt: skip
    assert [worth_of(group, take(group, *ids)).value for ids in (("a",), ("a", "b"))] == [0, 9]
    again = replace(group, previous=take(group, "b"), churn_price=0.5)
    assert worth_of(again, take(again, "a")).value == -0.5


def test_a_turn_takes_its_time_by_every_rule_of_slewing() -> None:
    v, a = 0.02, 0.01
    theta = math.radians(40)
    need = v / a + theta / v + 3
    satellite = Satellite(id="s", slew=Slew(rate_rad_s=v, acceleration_rad_s2=a, settle_s=3.0))
    first, second = act("a", "r", 100, look=-10), act("b", "q", 110 + need - 0.01, look=30)
    task = problem(first, second, satellite=satellite)
    assert kinds(task, "a", "b") == [("turn", round(need - 0.01, 6), round(need, 6))]
    rest = Pointing(at_s=(0.0,), samples=(towards(-10.0),))
    early = problem(act("a", "r", 20, look=30), satellite=replace(satellite, rest=rest))
    assert kinds(early, "a") == [("turn", 20, round(need, 6))]
    # Interpolated: halfway between −10° and 30° is 10°, 20° from −10°.
    moving = Pointing(at_s=(100.0, 200.0), samples=(towards(-10.0), towards(30.0)))
    tight = problem(
        act("a", "r", 100, look=-10), act("b", "q", 150, pointing=moving),
        satellite=replace(satellite, slew=Slew(rate_rad_s=0.008, acceleration_rad_s2=1.0)),
    )  # fmt: skip
    (found,) = kinds(tight, "a", "b")
    assert found == ("turn", 40, round(0.008 + math.radians(20) / 0.008, 6))


@pytest.mark.parametrize(("step", "dark_s"), [(None, 6.0), (10.0, 10.0)])
def test_the_battery_is_integrated_exactly_or_by_samples(step: float | None, dark_s: float) -> None:
    """500 J, −10 W for 10 s of imaging, −2 W always; 5 W from 106 s on (sampled: from 110 s on)."""
    battery = Battery(
        capacity_j=500, initial_j=500, least_j=1, idle_w=2, imaging_w=10, charge_w=5,
        sunlit=((106.0, 1000.0),), sample_step_s=step,
    )  # fmt: skip
    low = problem(act("a", "r", 90), satellite=Satellite(id="s", battery=replace(battery, least_j=200)))
    (found,) = kinds(low, "a")
    assert found == ("energy", 500 - 2 * (100 + dark_s) - 10 * 10, 200)
    assert kinds(problem(act("a", "r", 90), satellite=Satellite(id="s", battery=battery)), "a") == []


def test_memory_is_taken_at_the_start_and_freed_as_data_are_sent() -> None:
    contact = Contact(id="k", satellite="s", station="st", start_s=100, end_s=200, rate_bps=2)
    task = problem(
        act("a", "r", 0), act("b", "q", 120),
        satellite=Satellite(id="s", memory_bits=150.0),
        stations=(Station(id="st"),), contacts=(contact,),
    )  # fmt: skip
    send = Downlink(contact="k", start_s=100, end_s=150, loads=(Load(opportunity="a", bits=100.0),))
    assert kinds(task, "a", "b") == [("memory", 200, 150)]
    assert kinds(task, "a", "b", downlinks=(send,)) == [("memory", 160, 150)]
    quick = replace(task, contacts=(replace(contact, rate_bps=5),))
    assert kinds(quick, "a", "b", downlinks=(replace(send, end_s=120),)) == []
    late = replace(quick, requests=(Request(id="r", value=1.0, deliver_within_s=100.0), task.requests[1]))
    assert kinds(late, "a", downlinks=(replace(send, end_s=120),)) == [("delivery", 120, 110)]
    assert kinds(late, "a") == [("delivery", 0, 100)]
    twice = replace(send, end_s=150, loads=(Load(opportunity="a", bits=130.0),))
    assert ("sending", 130, 100) in kinds(quick, "a", downlinks=(twice,))
    before = replace(send, start_s=100, end_s=120, loads=(Load(opportunity="b", bits=50.0),))
    assert ("sending", 100, 130) in kinds(quick, "b", downlinks=(before,))


def test_antennas_duty_and_fairness_are_counted() -> None:
    contacts = tuple(
        Contact(id=f"k{n}", satellite="s", station="st", start_s=100 * n, end_s=100 * n + 90, rate_bps=9)
        for n in (1, 2)
    )
    task = problem(
        act("a", "r", 0), act("b", "q", 50),
        satellite=Satellite(id="s", duty=(Duty(spans=((0.0, 55.0),), most_s=12.0, most_count=1),)),
        stations=(Station(id="st", setup_s=15.0),), contacts=contacts,
        partners=(Partner(id="p", fair_fraction=0.5, alone_value=20.0),),
        requests=(Request(id="r", value=8.0, partner="p"), Request(id="q", value=8.0)),
    )  # fmt: skip
    stored = (Load(opportunity=None, bits=0.0),)
    sends = (
        Downlink(contact="k1", start_s=110, end_s=190, loads=stored),
        Downlink(contact="k2", start_s=200, end_s=210, loads=stored),
    )
    assert sorted(kinds(task, "a", "b", downlinks=sends)) == [
        ("antennas", 2, 1), ("duty", 2, 1), ("duty", 15, 12), ("fairness", 8, 10),
    ]  # fmt: skip
