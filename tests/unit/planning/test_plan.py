"""Small cases with known answers, for both solvers."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest

from comity.core import ComityError, InputError, UnknownIdError
from comity.planning import (
    CpSatSolver,
    GreedySolver,
    Problem,
    Solution,
    Solver,
    Stop,
    Task,
    check,
    explain,
)
from unit.planning.tiny import contact, craft, look, point, problem

both = pytest.mark.parametrize("solver", [CpSatSolver(), GreedySolver()], ids=["cp-sat", "greedy"])
ALL_DAY = [contact("c", "sat-a", "north", 500.0, 900.0)]


def plan(solver: Solver, given: Problem) -> Solution:
    """Solve to the end, and let the checker look at it."""
    solution = solver.solve(given, seed=0, stop=Stop())
    assert check(given, solution) == []
    return solution


def taken(solution: Solution) -> set[str]:
    """Ids of the opportunities in the plan."""
    return {a.opportunity for a in solution.acquisitions}


@both
@pytest.mark.parametrize(("pause_s", "possible"), [(12.95, True), (12.94, False)])
def test_two_images_need_the_time_to_turn_and_settle(solver: Solver, pause_s: float, possible: bool) -> None:
    # v = 2°/s, a = 0.5°/s²: v²/a = 8° < 15°, so the turn takes v/a + θ/v = 4 + 7.5 = 11.5 s; then 1.45 s.
    given = problem(
        [point("p"), point("q", 90.0)],
        [look("a", "p", "sat-a", 100, 110), look("b", "q", "sat-a", 110 + pause_s, 130, angle_deg=15)],
        ALL_DAY,
        [craft("sat-a", settle_s=1.45), craft("sat-b")],
    )
    assert taken(plan(solver, given)) == ({"a", "b"} if possible else {"a"})


def test_two_small_images_beat_one_large_one_that_greed_would_take() -> None:
    given = problem(
        [point("large", 100.0), point("left", 60.0), point("right", 60.0)],
        [
            look("l", "large", "sat-a", 100, 140),
            look("a", "left", "sat-a", 95, 105),
            look("b", "right", "sat-a", 130, 145),
        ],
        ALL_DAY,
    )
    best, quick = plan(CpSatSolver(), given), plan(GreedySolver(), given)
    assert taken(best) == {"a", "b"}
    assert best.bound.value == 120.0
    assert best.bound.gap < 1e-6
    assert taken(quick) == {"l"}
    assert quick.bound.upper >= 120.0
    (reason,) = best.reasons
    assert (reason.code, reason.by) == ("beaten", ("left", "right"))
    assert reason.text == (
        "The only chance, sat-a at 2024-09-22T00:01:40Z, is lost to 2 other images that the spacecraft "
        "takes around then, from 2024-09-22T00:01:35Z, which earns more."
    )


@both
def test_memory_that_holds_one_image_needs_a_downlink_between_two(solver: Solver) -> None:
    images = [look("a", "p", "sat-a", 100, 110, bits=60), look("b", "q", "sat-a", 300, 310, bits=60)]
    later = contact("later", "sat-a", "north", 400, 600)
    given = problem([point("p"), point("q", 50.0)], images, [later])
    short = plan(solver, given)
    assert taken(short) == {"a"}
    (reason,) = short.reasons
    assert (reason.task, reason.code, reason.by) == ("q", "memory", ("p",))
    between = replace(given, contacts=(contact("between", "sat-a", "south", 150, 250), later))
    whole = plan(solver, between)
    assert taken(whole) == {"a", "b"}
    assert [(d.contact, d.start_s, d.end_s, d.bits) for d in whole.downlinks] == [
        ("between", 150.0, 210.0, 60.0),
        ("later", 400.0, 460.0, 60.0),
    ]
    assert [a.downlinks for a in whole.acquisitions] == [("between",), ("later",)]


@both
def test_what_was_stored_goes_first_and_an_image_may_spread_over_contacts(solver: Solver) -> None:
    given = problem(
        [point("p")],
        [look("a", "p", "sat-a", 100, 110, bits=60)],
        [contact("c1", "sat-a", "north", 0, 50), contact("c2", "sat-a", "north", 200, 240),
         contact("c3", "sat-a", "south", 300, 500)],
        [craft("sat-a", memory_bits=120.0, stored_bits=80.0)],
    )  # fmt: skip
    solution = plan(solver, given)
    assert [(d.contact, d.bits) for d in solution.downlinks] == [("c1", 50.0), ("c2", 40.0), ("c3", 50.0)]
    # 30 of the 40 bits in c2 are old: the image has 10 there and 50 in c3.
    assert solution.acquisitions[0].downlinks == ("c2", "c3")


@both
def test_one_antenna_serves_one_spacecraft_and_two_serve_both(solver: Solver) -> None:
    given = problem(
        [point("p"), point("q", 50.0)],
        [look("a", "p", "sat-a", 100, 110, bits=60), look("b", "q", "sat-b", 100, 110, bits=60)],
        [contact("ca", "sat-a", "north", 200, 260), contact("cb", "sat-b", "north", 230, 300)],
        antennas={"north": 1},
    )
    one = plan(solver, given)
    assert taken(one) == {"a"}
    (reason,) = one.reasons
    assert (reason.task, reason.code) == ("q", "downlink")
    assert "contacts left before 2024-09-22T00:16:40Z are taken up" in reason.text
    assert taken(plan(solver, replace(given, antennas={"north": 2}))) == {"a", "b"}


@both
def test_committed_time_is_left_alone(solver: Solver) -> None:
    given = problem(
        [point("p")],
        [look("a", "p", "sat-a", 100, 110), look("later", "p", "sat-a", 200, 210, quality=0.5)],
        [contact("c", "sat-a", "north", 300, 400)],
        busy_spacecraft={"sat-a": ((105.0, 106.0),)},
        busy_stations={"north": ((290.0, 350.0),)},
    )
    solution = plan(solver, given)
    assert taken(solution) == {"later"}
    assert solution.downlinks[0].start_s == 350.0


def test_an_area_earns_each_cell_once_at_its_best_quality() -> None:
    task = Task(id="area", order="o", value=1000.0, cells=(0.4, 0.3, 0.2, 0.1))
    given = problem(
        [task],
        [
            look("west", "area", "sat-a", 100, 110, quality=0.5, cells=(0, 1)),
            look("middle", "area", "sat-a", 200, 210, quality=0.9, cells=(1, 2)),
            look("poorer", "area", "sat-a", 300, 310, quality=0.4, cells=(2,)),
        ],
        ALL_DAY,
    )
    solution = plan(CpSatSolver(), given)
    assert taken(solution) == {"west", "middle"}
    assert solution.task_values["area"] == pytest.approx(1000 * (0.4 * 0.5 + 0.5 * 0.9))
    (reason,) = solution.reasons
    assert reason.code == "no-window"
    assert reason.text.startswith(
        "90% of the area is planned; for the rest, no spacecraft has a suitable view"
    )


def test_each_kind_of_reason_names_spacecraft_and_time() -> None:
    given = problem(
        [point("none"), point("free", 0.0), point("big"), point("late"), point("gone")],
        [
            look("f", "free", "sat-a", 50, 60),
            look("b", "big", "sat-a", 100, 110, bits=1e3),
            look("l", "late", "sat-a", 950, 960),
            look("g", "gone", "sat-b", 100, 110),
        ],
        ALL_DAY,
        busy_spacecraft={"sat-b": ((0.0, 900.0),)},
    )
    reasons = {r.task: r for r in plan(CpSatSolver(), given).reasons}
    assert {task: r.code for task, r in reasons.items()} == {
        "none": "no-window", "free": "not-worth", "big": "memory", "late": "downlink", "gone": "beaten",
    }  # fmt: skip
    assert reasons["none"].text == (
        "No spacecraft has a suitable view between 2024-09-22T00:00:00Z and 2024-09-22T00:16:40Z."
    )
    assert "already committed" in reasons["gone"].text
    assert reasons["late"].text == (
        "The only chance, sat-a at 2024-09-22T00:15:50Z, could not be sent: no station contact for it is "
        "left before 2024-09-22T00:16:40Z."
    )


def test_an_empty_problem_has_an_empty_proven_plan() -> None:
    solution = plan(CpSatSolver(), problem([], [], []))
    assert (solution.acquisitions, solution.bound.value, solution.bound.gap) == ((), 0.0, 0.0)


P, A = point("p"), Task(id="a", order="o", value=1.0, cells=(0.5, 0.5))
BAD = {
    "two of kind task": problem([P, P], [], []),
    "sum to 0.9": problem([replace(A, cells=(0.5, 0.4))], [], []),
    "value is -1": problem([point("p", -1.0)], [], []),
    "value is nan": problem([point("p", math.nan)], [], []),
    "unknown task of opportunity 'o': 'q'; known: p": problem([P], [look("o", "q", "sat-a", 1, 2)], []),
    "unknown spacecraft of opportunity": problem([P], [look("o", "p", "sat-z", 1, 2)], []),
    "start 2 s is not before end 2 s": problem([P], [look("o", "p", "sat-a", 2, 2)], []),
    "outside the horizon": problem([P], [look("o", "p", "sat-a", 999, 1001)], []),
    "start_s is nan": problem([P], [look("o", "p", "sat-a", math.nan, 2)], []),
    "not a unit vector": problem([P], [replace(look("o", "p", "sat-a", 1, 2), to_direction=(1, 1, 0))], []),
    "quality is 1.5": problem([P], [look("o", "p", "sat-a", 1, 2, quality=1.5)], []),
    "cell 2 is not one of the task's 0 … 1": problem([A], [look("o", "a", "sat-a", 1, 2, cells=(2,))], []),
    "a cell is named twice": problem([A], [look("o", "a", "sat-a", 1, 2, cells=(1, 1))], []),
    "the task has cells but the opportunity has none": problem([A], [look("o", "a", "sat-a", 1, 2)], []),
    "the opportunity has cells but the task has none": problem(
        [P], [look("o", "p", "sat-a", 1, 2, cells=(0,))], []
    ),
    "unknown station": problem([P], [], [contact("c", "sat-a", "east", 1, 2)]),
    "rate_bps is 0.0": problem([P], [], [contact("c", "sat-a", "north", 1, 2, 0.0)]),
    "its memory holds 100": problem([P], [], [], [craft("sat-a", stored_bits=101.0)]),
    "slew_rate_rad_s is 0.0": problem([P], [], [], [craft("sat-a", slew_rate_rad_s=0.0)]),
    "-1 antennas": problem([P], [], [], antennas={"north": -1}),
    "horizon_s is inf": problem([P], [], [], horizon_s=math.inf),
    "busy span of spacecraft 'sat-a': start 5.0 s": problem(
        [P], [], [], busy_spacecraft={"sat-a": ((5.0, 4.0),)}
    ),
}  # fmt: skip


@pytest.mark.parametrize("message", BAD)
def test_a_problem_that_contradicts_itself_is_refused_by_name(message: str) -> None:
    with pytest.raises(ComityError, match=re.escape(message)):
        CpSatSolver().solve(BAD[message], seed=0, stop=Stop())


@pytest.mark.parametrize("figures", [{"wall_s": 0.0}, {"work": math.nan}, {"gap": 1.0}])
def test_a_stop_that_cannot_be_is_refused(figures: dict[str, float]) -> None:
    with pytest.raises(InputError):
        Stop(**figures)


def test_an_unknown_task_cannot_be_explained() -> None:
    given = problem([P], [], [])
    with pytest.raises(UnknownIdError, match="unknown task 'zzz'; known: p"):
        explain(given, plan(GreedySolver(), given), "zzz")
