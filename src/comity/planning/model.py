"""The planning problem and its answer, free of orbits: times are seconds from ``Problem.start``.

A *task* is one thing a customer wants once (a target, or one day of a monitoring request). An
*opportunity* is one concrete way to serve a task: a spacecraft, a fixed start and end, and a pointing
direction. A *contact* is a span in which a spacecraft may send to one antenna.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from comity.core import Epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is wanted, once.

    ``value``: worth of doing all of it (programme currency). ``cells``: None for a point, else the
    weights of the area's cells (sum 1); an area earns the value of the distinct cells acquired.
    ``order``: the order it belongs to.
    """

    id: str
    order: str
    value: float
    cells: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opportunity:
    """One way to serve a task: start and end are fixed (s).

    ``from_direction`` / ``to_direction``: unit line of sight in an inertial frame at start and end.
    ``quality``: factor 0…1 on the task's value (chance of a clear sky × how good the geometry is).
    ``bits``: what it records. ``cells``: indices into the task's cells that it covers (None: point).
    """

    id: str
    task: str
    spacecraft: str
    start_s: float
    end_s: float
    from_direction: tuple[float, float, float]
    to_direction: tuple[float, float, float]
    quality: float
    bits: float
    cells: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A span (s) in which ``spacecraft`` may send ``rate_bps`` to ``station``."""

    id: str
    spacecraft: str
    station: str
    start_s: float
    end_s: float
    rate_bps: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SpacecraftLimits:
    """Limits of one spacecraft: bang-coast-bang slew, memory, and what is stored at the start.

    ``stored_bits``: recorded before the problem starts and not yet sent.
    """

    id: str
    slew_rate_rad_s: float
    slew_acceleration_rad_s2: float
    settle_s: float
    memory_bits: float
    stored_bits: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Everything the solver may use; ids are unique within their kind.

    ``antennas``: station → how many contacts it can hold at once. ``busy``: spacecraft or station →
    spans (s) already committed, which nothing may overlap.
    """

    start: Epoch
    horizon_s: float
    tasks: tuple[Task, ...]
    opportunities: tuple[Opportunity, ...]
    contacts: tuple[Contact, ...]
    spacecraft: tuple[SpacecraftLimits, ...]
    antennas: dict[str, int]
    busy_spacecraft: dict[str, tuple[tuple[float, float], ...]]
    busy_stations: dict[str, tuple[tuple[float, float], ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedAcquisition:
    """An opportunity that the plan takes, and the downlinks that carry it (contact ids, in order)."""

    opportunity: str
    downlinks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedDownlink:
    """A contact that the plan uses, from ``start_s`` to ``end_s``, sending ``bits``."""

    contact: str
    start_s: float
    end_s: float
    bits: float


ReasonCode = Literal["no-window", "beaten", "memory", "downlink", "rule", "not-worth", "time-limit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a task is not (or not wholly) in the plan; ``by``: the tasks that took its place."""

    task: str
    code: ReasonCode
    text: str
    by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """``value`` ≤ the best possible ≤ ``upper``, both for the fixed-start problem as stated.

    ``gap``: (upper − value) / upper, 0 when proven optimal. ``method`` names what proved it.
    """

    value: float
    upper: float
    method: str

    @property
    def gap(self) -> float:
        """Relative distance to the bound."""
        return 0.0 if self.upper <= 0 else max(0.0, (self.upper - self.value) / self.upper)


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """What a solver returns: always a valid plan (perhaps empty), its bound and its reasons.

    ``task_values``: earned value by task (0 where left out). ``work``: what the solver spent.
    """

    acquisitions: tuple[PlannedAcquisition, ...]
    downlinks: tuple[PlannedDownlink, ...]
    task_values: dict[str, float]
    bound: Bound
    reasons: tuple[Reason, ...]
    solver: str
    work: float
    seed: int
