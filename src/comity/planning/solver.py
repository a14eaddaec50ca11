"""What every solver is given and gives back: one verb, a stop and a seed."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Protocol

from comity.core import InputError, Progress, silent
from comity.planning.model import Problem, Solution


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """When to stop looking for a better plan; whatever comes first.

    ``wall_s``: seconds of clock time, None for no limit. How good the plan is then depends on the
    machine. ``work``: CP-SAT's deterministic time, a count of its steps (1 takes some 5 to 10 s on two
    cores): the same problem, seed and work give the same plan, unless a wall limit comes first. ``gap``:
    relative gap that is good enough. With all left as they are the search goes on until the plan is
    proven best.
    """

    wall_s: float | None = None
    work: float | None = None
    gap: float = 0.0

    def __post_init__(self) -> None:
        for name, value in (("wall_s", self.wall_s), ("work", self.work)):
            if value is not None and not (math.isfinite(value) and value > 0):
                raise InputError(f"stop {name} is {value}: it must be above 0 (or None for no limit)")
        if not 0 <= self.gap < 1:
            raise InputError(f"stop gap is {self.gap}: it must be at least 0 and below 1")


class OutOfTimeError(Exception):
    """A step that is of no use half done was given up at its deadline."""


class Deadline:
    """Clock time that is left of a :class:`Stop`, counted from when it was made."""

    def __init__(self, stop: Stop) -> None:
        self._start = time.monotonic()
        self.wall_s = stop.wall_s

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._start

    @property
    def left_s(self) -> float:
        """Seconds left, infinite without a limit, never below 0."""
        return math.inf if self.wall_s is None else max(0.0, self.wall_s - self.elapsed_s)

    @property
    def passed(self) -> bool:
        """Whether nothing is left."""
        return self.left_s <= 0

    @property
    def used(self) -> float:
        """Part of the time that is gone, 0 without a limit."""
        return 0.0 if self.wall_s is None else self.elapsed_s / self.wall_s

    def check(self) -> None:
        """Raise :class:`OutOfTimeError` where it has passed."""
        if self.passed:
            raise OutOfTimeError


class Solver(Protocol):
    """Turns a problem into a valid plan with a bound."""

    def solve(self, problem: Problem, *, seed: int, stop: Stop, progress: Progress = silent) -> Solution:
        """The best plan found by the time ``stop`` says; never an invalid one.

        A KeyboardInterrupt stops the search like a time limit does: the best plan so far comes back.
        Raises :class:`InputError` for a problem that contradicts itself.
        """
        ...
