"""Linear and whole-numbered programs: right, given up at once, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix, random

from comity.planning.paths import linear, processes
from comity.planning.paths.linear import Program, optimum, whole

#: Seconds that a program of 60,000 columns takes are many more than a test waits.
LARGE = 60_000


def program(columns: int, rows: int, *, integers: bool = False) -> Program:
    rng = np.random.default_rng(1)
    matrix = csr_matrix(random(rows, columns, density=6 / rows, random_state=rng, format="csr"))
    matrix.data[:] = np.ceil(9 * matrix.data)
    return Program(
        gain=rng.integers(1, 99, columns).astype(np.float64),
        rows=matrix,
        below=np.full(rows, -np.inf),
        above=np.full(rows, 9.0),
        low=np.zeros(columns),
        high=np.ones(columns),
        whole=np.ones(columns, np.bool_) if integers else None,
    )


def test_a_process_finds_what_a_thread_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    task, integers = program(60, 20), program(60, 20, integers=True)
    near = (optimum(task), whole(integers, gap=0.0))
    monkeypatch.setattr(linear, "SMALL", 0)
    far = (optimum(task), whole(integers, gap=0.0))
    assert near[0] is not None
    assert far[0] is not None
    assert far[0].value == pytest.approx(near[0].value)
    # The price of what rows allow, and what columns earn beyond it: no less than the optimum.
    prices = far[0].duals
    most = prices @ task.above + np.maximum(task.gain - task.rows.T @ prices, 0.0).sum()
    assert most == pytest.approx(far[0].value)
    assert near[1].optimal
    assert far[1].optimal
    assert far[1].value == pytest.approx(near[1].value)
    assert far[1].bound == pytest.approx(far[1].value)


def test_the_same_limit_of_nodes_gives_the_same_solution(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "SMALL", 0)
    task = program(80, 30, integers=True)
    first, again = (whole(task, nodes=2, seed=3) for _ in range(2))
    assert first.x is not None
    assert again.x is not None
    assert (first.x == again.x).all()
    assert (first.nodes, first.iterations) == (again.nodes, again.iterations)


def test_a_program_that_is_given_up_leaves_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[processes._Process] = []
    ask = processes._Process.ask

    def noted(self: processes._Process, task: linear.Task) -> linear.Reply:
        started.append(self)
        return ask(self, task)

    monkeypatch.setattr(processes._Process, "ask", noted)
    begun = time.monotonic()
    assert optimum(program(LARGE, 20_000), over=lambda: time.monotonic() > begun + 0.5) is None
    assert [each.child.returncode is None for each in started] == [False]
    assert optimum(program(LARGE // 20, 500)) is not None


def test_a_limit_of_time_is_over_by_the_callers_clock_too() -> None:
    task = program(1000, 300, integers=True)
    begun = time.monotonic()
    assert not whole(task, limit_s=0.3, gap=0.0).optimal
    assert time.monotonic() > begun + 0.3
    assert whole(task, gap=0.0, over=lambda: time.monotonic() > begun + 0.8).x is None


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_ctrl_c_is_heard_while_a_program_runs() -> None:
    task = program(LARGE, 20_000)
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        optimum(task)


def test_a_solver_that_dies_is_followed_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "SMALL", 0)
    asked = []

    def dies(self: processes._Process, task: linear.Task) -> linear.Reply:
        asked.append(task["solver"])
        if task["solver"] == "HIGHS":
            self.child.kill()
        return tell(self, task)

    tell = processes._Process.ask
    monkeypatch.setattr(processes._Process, "ask", dies)
    assert optimum(program(30, 10)) is not None
    assert whole(program(30, 10, integers=True)).optimal
    assert asked == ["HIGHS", "GLOP", "HIGHS", "GSCIP"]


LEFT_RUNNING = """
import threading, time
from test_linear import LARGE, program
from comity.planning.paths.linear import optimum
threading.Thread(target=optimum, args=(program(LARGE, 20_000),), daemon=True).start()
time.sleep(1.0)
"""


def test_an_interpreter_that_ends_meanwhile_ends_quietly() -> None:
    folder = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LEFT_RUNNING],
        env={**os.environ, "PYTHONPATH": folder},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
