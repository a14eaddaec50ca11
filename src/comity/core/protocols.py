"""What everything long or timed is given: a clock, an executor, a progress callback."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from comity.core.time import Epoch

T = TypeVar("T")
R = TypeVar("R")


class Clock(Protocol):
    """Tells what time it is for the operator."""

    def now(self) -> Epoch:
        """The present instant."""
        ...


class Executor(Protocol):
    """Runs independent pieces of work, here in threads and elsewhere on a cluster."""

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Results in the order of ``items``."""
        ...


class Progress(Protocol):
    """Called as work goes on, from the thread that asked for the work."""

    def __call__(self, done: float, total: float, message: str, /) -> None:
        """``done`` of ``total`` units are finished; ``message`` says what is under way."""
        ...


def silent(done: float, total: float, message: str, /) -> None:
    """A :class:`Progress` that says nothing."""


@dataclass(frozen=True, slots=True)
class FixedClock:
    """A clock that stands still: what ``--now`` gives."""

    epoch: Epoch

    def now(self) -> Epoch:
        """The instant it was set to."""
        return self.epoch


class SystemClock:
    """The machine's clock."""

    def now(self) -> Epoch:
        """The present instant."""
        return Epoch.from_datetime(datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class ThreadExecutor:
    """Threads of this process; ``workers`` of them (None: one per core)."""

    workers: int | None = None

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Results in the order of ``items``."""
        with ThreadPoolExecutor(self.workers) as pool:
            yield from pool.map(function, items)
