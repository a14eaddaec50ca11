"""A search may stop at any time: the plan is valid, its bound true, and the same work gives the same plan."""

from __future__ import annotations

import os
import signal
from threading import Timer

import pytest

from comity.planning import CpSatSolver, Problem, Stop, check
from unit.planning.synthetic import constellation


@pytest.fixture(scope="module")
def week() -> Problem:
    """Too hard to settle in a minute: large areas, few spacecraft, small memories."""
    return constellation(spacecraft=3, days=7, points=100, areas=6, cells=400, memory_bits=3e10, step_s=20)


@pytest.fixture(scope="module")
def best_bound(week: Problem) -> float:
    """A true upper bound, from a search of some seconds."""
    bound = CpSatSolver().solve(week, seed=0, stop=Stop(work=0.3)).bound
    assert 0 < bound.gap < 0.1
    return bound.upper


@pytest.mark.parametrize("wall_s", [0.001, 0.05, 0.5])
def test_a_short_time_gives_a_valid_plan_with_a_true_bound(
    week: Problem, best_bound: float, wall_s: float
) -> None:
    solution = CpSatSolver().solve(week, seed=0, stop=Stop(wall_s=wall_s))
    assert check(week, solution) == []
    assert 0 <= solution.bound.value <= best_bound
    assert solution.bound.upper >= solution.bound.value


def test_same_seed_and_work_give_the_same_plan(week: Problem) -> None:
    one, two = (CpSatSolver().solve(week, seed=3, stop=Stop(work=0.05)) for _ in range(2))
    assert one == two
    assert check(week, one) == []
    assert one.work >= 0.05


@pytest.mark.parametrize("call", [1, 2, 3])
def test_an_interrupt_at_any_report_returns_the_best_so_far(week: Problem, call: int) -> None:
    calls = 0

    def interrupt(done: float, total: float, message: str, /) -> None:
        nonlocal calls
        calls += 1
        if calls == call:
            raise KeyboardInterrupt

    solution = CpSatSolver().solve(week, seed=0, stop=Stop(), progress=interrupt)
    assert check(week, solution) == []
    assert solution.bound.method.endswith("interrupted")
    assert (solution.bound.value > 0) == (call > 1)


def test_ctrl_c_returns_the_best_so_far(week: Problem) -> None:
    timer = Timer(0.4, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    solution = CpSatSolver().solve(week, seed=0, stop=Stop(wall_s=60))
    timer.join()
    assert check(week, solution) == []
    assert solution.bound.method.endswith("interrupted")
    assert 0 < solution.bound.value <= solution.bound.upper


def test_an_error_in_the_progress_report_is_not_swallowed(week: Problem) -> None:
    def fail(done: float, total: float, message: str, /) -> None:
        if done > 0:
            raise OSError("the terminal is gone")

    with pytest.raises(OSError, match="terminal"):
        CpSatSolver().solve(week, seed=0, stop=Stop(wall_s=30), progress=fail)


def test_progress_tells_value_and_bound(week: Problem) -> None:
    said: list[str] = []
    CpSatSolver().solve(
        week, seed=0, stop=Stop(wall_s=1.5), progress=lambda done, total, message: said.append(message)
    )
    assert any(m.startswith("value ") and "at most" in m and "gap" in m for m in said)
