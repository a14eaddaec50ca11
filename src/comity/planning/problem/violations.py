"""What the checker reports, and how exact it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: How far times (s), and bits, energy and worth (relative to the limit) may be off.
TIME_TOLERANCE_S = 1e-6
TOLERANCE = 1e-9

ViolationKind = Literal[
    "unknown", "repeated", "window", "step", "horizon", "busy", "overlap", "turn", "transition", "tries",
    "spacing", "group", "forbidden", "capacity", "duty", "energy", "memory", "delivery", "contact", "sending",
    "antennas", "veto", "exclusive", "share", "fairness", "frozen", "value", "bound",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanViolation:
    """One rule that a plan breaks.

    ``who``: ids that break it. ``found`` against ``limit``, in the unit that ``text`` names.
    """

    kind: ViolationKind
    who: tuple[str, ...]
    found: float
    limit: float
    text: str


def broken(kind: ViolationKind, who: tuple[str, ...], found: float, limit: float, text: str) -> PlanViolation:
    """A violation in short."""
    return PlanViolation(kind=kind, who=who, found=found, limit=limit, text=text)


def overlapping(a: tuple[float, float], b: tuple[float, float]) -> bool:
    """Whether two spans share more than an end; an instant overlaps what it lies within."""
    return a[0] < b[1] - TIME_TOLERANCE_S and b[0] < a[1] - TIME_TOLERANCE_S


def above(found: float, limit: float) -> bool:
    """Whether ``found`` exceeds ``limit`` by more than rounding."""
    return found > limit + TOLERANCE * max(1.0, abs(limit))
