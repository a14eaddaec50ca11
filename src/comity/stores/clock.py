"""A programme's own time, kept in the database: every process on it, and every restart, tells the same."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, insert, select, update

from comity.core import Epoch, SystemClock
from comity.operations.ports import StoreError
from comity.stores.database import locking_rows, transaction
from comity.stores.schema import programme_clock

#: How often a process says that it is there, and looks whether the clock was set anew (s).
BEAT_S = 5.0
#: After so long without any process (s) the programme's time stood still meanwhile.
STOPPED_S = 30.0


@dataclass(frozen=True, slots=True)
class _Setting:
    """At ``machine`` it was ``programme``, and runs ``speed`` times as fast from then on."""

    machine: Epoch
    programme: Epoch
    speed: float

    def at(self, machine: Epoch) -> Epoch:
        return self.programme + (machine - self.machine) * self.speed


class ProgrammeClock:
    """The time of ``programme``, ``speed`` times as fast as the machine's and never behind ``least``.

    The first process sets it; others go by what it has set, also with a new ``speed``, which all take up
    within :data:`BEAT_S`. It runs while any process does: after :data:`STOPPED_S` without one it goes on from
    where it was. ``machine`` gives the machine's time. Safe to use from several threads.
    """

    def __init__(
        self,
        engine: Engine,
        programme: str,
        least: Epoch,
        speed: float = 1.0,
        *,
        machine: Callable[[], Epoch] | None = None,
        beats: bool = True,
    ) -> None:
        self._engine = engine
        self._machine = machine or SystemClock().now
        with transaction(engine) as connection:
            self._setting = _set(connection, programme, least, speed, self._machine())
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="programme-clock", daemon=True)
        if beats:
            self._thread.start()

    def now(self) -> Epoch:
        """The present instant of the programme."""
        return self._setting.at(self._machine())

    def beat(self) -> None:
        """Say that a process is there, and take up how the clock is set."""
        table = programme_clock
        with transaction(locking_rows(self._engine)) as connection:
            connection.execute(update(table).values(seen_ns=self._machine().tai_ns))
            row = connection.execute(select(table)).one()
        self._setting = _Setting(Epoch(row.machine_ns), Epoch(row.programme_ns), row.speed)

    def close(self) -> None:
        """Stop saying so."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(BEAT_S):
            try:
                self.beat()
            except StoreError:
                continue  # away: it goes on as it was set


def _set(connection: Connection, programme: str, least: Epoch, speed: float, machine: Epoch) -> _Setting:
    """How the clock goes from now on; kept where that is new."""
    table = programme_clock
    row = connection.execute(select(table)).first()
    if row is None or row.programme != programme:
        setting = _Setting(machine, least, speed)
    else:
        setting = _Setting(Epoch(row.machine_ns), Epoch(row.programme_ns), row.speed)
        seen = Epoch(row.seen_ns)
        until = seen if machine - seen > STOPPED_S else machine
        present = max(setting.at(until), least)
        if until != machine or present != setting.at(machine) or speed != setting.speed:
            setting = _Setting(machine, present, speed)
    values = {
        "programme": programme,
        "machine_ns": setting.machine.tai_ns,
        "programme_ns": setting.programme.tai_ns,
        "speed": setting.speed,
        "seen_ns": machine.tai_ns,
    }
    kept = insert(table).values(id=1, **values) if row is None else update(table).values(**values)
    connection.execute(kept)
    return setting
