"""Running a solver that does not listen to Ctrl-C: in a thread, watched by the one that asked."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread

_LOOK_S = 0.1


def run_watched(solve: Callable[[], object], stop: Callable[[], object], look: Callable[[], None]) -> bool:
    """Run ``solve`` to its end, calling ``look`` now and then; whether a KeyboardInterrupt ended it early.

    ``stop``: asks the solver to end, repeated until it has. What ``solve`` or ``look`` raises is raised here.
    """
    failures: list[Exception] = []
    # Waited for by an event: an interrupted Thread.join may mark a running thread as stopped.
    done = Event()

    def work() -> None:
        try:
            solve()
        except Exception as error:  # noqa: BLE001 — raised again by the thread that asked
            failures.append(error)
        finally:
            done.set()

    interrupted = False
    Thread(target=work, name="solver", daemon=True).start()
    try:
        while not done.wait(_LOOK_S):
            look()
    except KeyboardInterrupt:
        interrupted = True
    finally:
        while not done.is_set():
            stop()
            done.wait(_LOOK_S)
    if failures:
        raise failures[0]
    return interrupted
