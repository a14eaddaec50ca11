"""One clock of the programme for all processes, restarts and speeds."""

from __future__ import annotations

from comity.core import Epoch
from comity.stores import SqlStore
from comity.stores.clock import STOPPED_S, ProgrammeClock

START = Epoch.from_iso("2024-09-22T12:00:00Z")
MACHINE = Epoch.from_iso("2026-06-01T00:00:00Z")


class Machine:
    at = MACHINE

    def __call__(self) -> Epoch:
        return self.at


def test_processes_and_restarts_tell_the_same_time(database_url: str) -> None:
    store, machine = SqlStore(database_url), Machine()

    def process(least: Epoch = START, speed: float = 600.0, programme: str = "joint-eo") -> ProgrammeClock:
        return ProgrammeClock(store.engine, programme, least, speed, machine=machine, beats=False)

    first = process()
    assert first.now() == START
    machine.at = MACHINE + 10.0
    second = process()
    assert first.now() == second.now() == START + 6_000.0
    machine.at = MACHINE + 20.0
    first.beat()
    machine.at = MACHINE + (19.0 + STOPPED_S)
    assert process().now() == first.now(), "one was killed, and is back at once"
    machine.at = MACHINE + 86_400.0
    third = process()
    assert third.now() == START + 600.0 * (20.0 + STOPPED_S - 1.0), "the night did not count"
    slower = process(speed=1.0)
    machine.at = machine.at + 10.0
    third.beat()
    assert third.now() == slower.now() == START + 600.0 * (20.0 + STOPPED_S - 1.0) + 10.0
    later = START + 40 * 86_400.0
    assert process(least=later, speed=1.0).now() == later, "never behind what has happened"
    assert process(programme="other", speed=1.0).now() == START
    store.close()
