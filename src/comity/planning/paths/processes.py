"""Solvers that do not listen, in processes of their own: one that is given up, or dies, ends alone.

A process that has answered waits for the next task; the last one is ended at exit.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import subprocess
import sys
from collections.abc import Callable
from threading import Event, Lock, Thread

from comity.planning.paths import mathopt_process
from comity.planning.paths.mathopt_process import Reply, Task, failure

_LOOK_S = 0.05
#: Processes that wait for tasks, at most: a round of the bound and two parts of a plan run side by side.
_MOST_IDLE = 3
_SCRIPT = mathopt_process.__file__


class _Process:
    def __init__(self) -> None:
        self.of = os.getpid()
        # Ctrl-C in a terminal goes to the whole session: not to this process.
        self.child = subprocess.Popen(
            [sys.executable, "-P", _SCRIPT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def ask(self, task: Task) -> Reply:
        """Raises OSError or EOFError where the process has ended."""
        assert self.child.stdin is not None and self.child.stdout is not None
        mathopt_process.write(self.child.stdin, task)
        reply: Reply = mathopt_process.read(self.child.stdout)
        return reply

    def end(self) -> None:
        self.child.kill()
        self.child.wait()

    def close(self) -> None:
        """After :meth:`end`, when nobody asks any more."""
        assert self.child.stdin is not None and self.child.stdout is not None
        self.child.stdout.close()
        with contextlib.suppress(OSError):  # what was not sent any more
            self.child.stdin.close()


_idle: list[_Process] = []
_lock = Lock()


def _take() -> _Process:
    with _lock:
        # After a fork, those of the other process are not ours.
        for process in _idle:
            if process.of == os.getpid():
                _idle.remove(process)
                return process
    return _Process()


def _give_back(process: _Process) -> None:
    with _lock:
        if len(_idle) < _MOST_IDLE and process.child.poll() is None:
            _idle.append(process)
            return
    process.end()
    process.close()


@atexit.register
def _end_all() -> None:
    while _idle:
        process = _idle.pop()
        if process.of == os.getpid():
            process.end()
            process.close()


def ask_process(task: Task, over: Callable[[], bool]) -> Reply | None:
    """The answer to ``task``; None where ``over()``, which is asked often, came first.

    Ctrl-C ends the process and passes through. One that dies says so in ``failed``.
    """
    try:
        process = _take()
    except OSError as error:
        return failure(f"no process for the solver: {error}")
    replies: list[Reply] = []
    done = Event()

    def talk() -> None:
        with contextlib.suppress(OSError, EOFError):
            replies.append(process.ask(task))
        done.set()

    given_up = True
    Thread(target=talk, name="solver", daemon=True).start()
    try:
        while not done.wait(_LOOK_S):
            if over():
                return None
        given_up = False
    finally:
        if given_up or not replies:
            process.end()
            done.wait()
            process.close()
        else:
            _give_back(process)
    return replies[0] if replies else failure(f"the solver died (exit code {process.child.returncode})")
