"""The checker sees every kind of broken plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from comity.planning import (
    GreedySolver,
    PlannedAcquisition,
    PlannedDownlink,
    Problem,
    Solution,
    Stop,
    Task,
    check,
)
from unit.planning.tiny import contact, craft, look, point, problem

GIVEN = problem(
    [point("p"), point("q"), Task(id="area", order="o", value=10.0, cells=(0.5, 0.5))],
    [
        look("a", "p", "sat-a", 100, 110, bits=60),
        look("a2", "p", "sat-b", 100, 110, bits=0),
        look("b", "q", "sat-a", 300, 310, bits=60),
        look("soon", "q", "sat-a", 113, 120, angle_deg=15, bits=0),
        look("strip", "area", "sat-b", 700, 710, bits=0, cells=(0,)),
    ],
    [
        contact("c1", "sat-a", "north", 150, 250),
        contact("c2", "sat-a", "north", 400, 500),
        contact("other", "sat-b", "north", 150, 500),
    ],
)


def acquire(opportunity: str, *downlinks: str) -> PlannedAcquisition:
    return PlannedAcquisition(opportunity=opportunity, downlinks=downlinks)


def send(contact: str, start_s: float, end_s: float, bits: float) -> PlannedDownlink:
    return PlannedDownlink(contact=contact, start_s=start_s, end_s=end_s, bits=bits)


GOOD = GreedySolver().solve(GIVEN, seed=0, stop=Stop())


def kinds(solution: Solution, given: Problem = GIVEN) -> set[str]:
    return {violation.kind for violation in check(given, solution)}


def test_the_plan_that_is_then_broken_is_good() -> None:
    assert [a.opportunity for a in GOOD.acquisitions] == ["a", "b", "strip"]
    assert [(d.contact, d.start_s, d.end_s) for d in GOOD.downlinks] == [("c1", 150, 210), ("c2", 400, 460)]
    assert check(GIVEN, GOOD) == []


def with_acquisition(new: PlannedAcquisition) -> Callable[[Solution], Solution]:
    return lambda s: replace(s, acquisitions=(*s.acquisitions, new))


def with_downlinks(*new: PlannedDownlink) -> Callable[[Solution], Solution]:
    return lambda s: replace(s, downlinks=new)


FIRST, SECOND = GOOD.downlinks
BROKEN: dict[str, tuple[str, Callable[[Solution], Solution]]] = {
    "unknown opportunity": ("unknown", with_acquisition(acquire("zzz"))),
    "unknown contact": ("unknown", with_downlinks(FIRST, SECOND, send("zzz", 1, 2, 0))),
    "a point twice": ("repeated", with_acquisition(acquire("a2"))),
    "an opportunity twice": ("repeated", with_acquisition(acquire("strip"))),
    "no time to turn": ("slew", with_acquisition(acquire("soon"))),
    "sending before settled": ("settle", with_downlinks(send("c1", 111, 210, 60), SECOND)),
    "sending twice at once": ("settle", with_downlinks(FIRST, send("c1", 200, 240, 0), SECOND)),
    "outside the contact": ("contact", with_downlinks(FIRST, send("c2", 450, 510, 60))),
    "faster than the link": ("contact", with_downlinks(FIRST, send("c2", 400, 430, 60))),
    "one antenna, two spacecraft": ("antennas", with_downlinks(FIRST, send("other", 200, 220, 0), SECOND)),
    "memory overflows": ("memory", with_downlinks(send("c1", 150, 160, 10), send("c2", 400, 500, 110))),
    "never sent": ("unsent", with_downlinks(FIRST)),
    "sent before recorded": ("unsent", with_downlinks(send("c1", 150, 250, 90), send("c2", 400, 430, 30))),
    "carried by another": (
        "carriage",
        lambda s: replace(s, acquisitions=(acquire("a", "c2"), *s.acquisitions[1:])),
    ),
    "claims too much": ("worth", lambda s: replace(s, task_values=s.task_values | {"area": 10.0})),
    "leaves a task out": ("worth", lambda s: replace(s, task_values={})),
    "wrong total": ("bound", lambda s: replace(s, bound=replace(s.bound, value=206.0))),
    "bound below value": ("bound", lambda s: replace(s, bound=replace(s.bound, upper=204.0))),
}


@pytest.mark.parametrize("case", BROKEN)
def test_each_rule_is_watched(case: str) -> None:
    kind, break_it = BROKEN[case]
    assert kind in kinds(break_it(GOOD))


def test_committed_time_and_horizon_are_watched() -> None:
    assert "committed" in kinds(GOOD, replace(GIVEN, busy_spacecraft={"sat-a": ((105.0, 106.0),)}))
    assert "committed" in kinds(GOOD, replace(GIVEN, busy_stations={"north": ((150.0, 151.0),)}))
    assert "horizon" in kinds(GOOD, replace(GIVEN, horizon_s=705.0))


def test_what_was_stored_counts() -> None:
    crafts = (craft("sat-a", stored_bits=50.0), craft("sat-b"))
    assert {"memory", "unsent"} <= kinds(GOOD, replace(GIVEN, spacecraft=crafts))
