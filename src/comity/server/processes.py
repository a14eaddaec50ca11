"""Several server processes on one port: started, replaced when one dies, stopped together."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog
from prometheus_client.multiprocess import mark_process_dead

#: Where a process finds the number of the listening socket that it was handed.
SOCKET = "COMITY_SERVE_SOCKET"
#: Where the figures of all processes lie while they run, as Prometheus' client looks for it.
FIGURES = "PROMETHEUS_MULTIPROC_DIR"
#: What a process has for its graceful end (its requests 30 s, its jobs 12 s) before it is killed.
STOP_S = 45.0
#: A process that dies sooner than this after its start is started again later and later.
_SOON_S = 10.0
_LONGEST_PAUSE_S = 30.0
_LOOK_S = 0.1


def inherited() -> socket.socket | None:
    """The listening socket of the process that started this one; with it gone, this one ends too."""
    number = os.environ.pop(SOCKET, None)
    if number is None:
        return None
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
    return socket.socket(fileno=int(number))


@dataclass(slots=True)
class _Place:
    """One of the processes, and those that stood in its place before."""

    process: subprocess.Popen[str]
    started: float
    ready: threading.Event = field(default_factory=threading.Event)
    line: str = ""
    deaths: int = 0
    due: float = 0.0


class Processes:
    """Keeps ``count`` processes of ``argv`` on one socket alive until :meth:`stop` or a signal.

    Each is told the socket, and says on its standard output in one line that it is ready. The first is waited
    for before the others are begun: it makes what there must be one of.
    """

    def __init__(self, argv: Sequence[str], listening: socket.socket, count: int) -> None:
        self._argv = list(argv)
        self._socket = listening
        self._count = count
        self._stopping = threading.Event()
        self._places: list[_Place] = []
        self._figures = ""
        self._log = structlog.get_logger("comity.server")

    def run(self, tell: Callable[[str], None]) -> int:
        """Until asked to stop; ``tell`` is given the first one's line once all are ready. The exit code."""
        for wanted in (signal.SIGTERM, signal.SIGINT):
            signal.signal(wanted, lambda *_: self._stopping.set())
        self._figures = tempfile.mkdtemp(prefix="comity-figures-")
        try:
            for _ in range(self._count):
                place = self._start()
                self._places.append(place)
                if len(self._places) == 1 and not self._wait(place):
                    return place.process.poll() or 0
            for place in self._places[1:]:
                self._wait(place)
            tell(self._places[0].line)  # also when asked to stop: it may hold a secret that is told once
            while not self._stopping.wait(_LOOK_S):
                for number, place in enumerate(self._places):
                    self._places[number] = self._looked_after(place)
            return 0
        finally:
            self.stop()
            shutil.rmtree(self._figures, ignore_errors=True)

    def stop(self) -> None:
        """Ask all to end, and kill what has not within :data:`STOP_S`."""
        alive = [place.process for place in self._places if place.process.poll() is None]
        for process in alive:
            process.terminate()
        deadline = time.monotonic() + STOP_S
        for process in alive:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self, deaths: int = 0) -> _Place:
        number = self._socket.fileno()
        process = subprocess.Popen(
            self._argv,
            env={**os.environ, SOCKET: str(number), FIGURES: self._figures},
            pass_fds=(number,),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        place = _Place(process, time.monotonic(), deaths=deaths)
        threading.Thread(target=_listen, args=(place,), daemon=True).start()
        return place

    def _wait(self, place: _Place) -> bool:
        """Whether it became ready, before it ended or all are to stop."""
        while not place.ready.wait(_LOOK_S):
            if self._stopping.is_set() or place.process.poll() is not None:
                return place.ready.is_set()
        return True

    def _looked_after(self, place: _Place) -> _Place:
        """The process, or where it has died another in its place."""
        code = place.process.poll()
        now = time.monotonic()
        if code is None:
            return place
        if not place.due:
            soon = now - place.started < _SOON_S
            place.deaths = place.deaths + 1 if soon else 0
            place.due = now + (min(2.0 ** (place.deaths - 1), _LONGEST_PAUSE_S) if soon else 0.0)
            mark_process_dead(place.process.pid, self._figures)  # type: ignore[no-untyped-call]
            self._log.warning("process-died", process=place.process.pid, code=code)
        return self._start(place.deaths) if now >= place.due else place


def _listen(place: _Place) -> None:
    """Take in what a process says: its first line means that it is ready."""
    assert place.process.stdout is not None
    with place.process.stdout as said:
        for line in said:
            if not place.ready.is_set():
                place.line = line
                place.ready.set()
