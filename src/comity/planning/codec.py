"""Problems and solutions as plain dicts for JSON, and back without losing a bit.

Python's ``json`` writes the shortest text that reads back as the same float, so a round trip is exact. A
problem and its solution stored so can be checked and explained years later.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from comity.core import Epoch, InputError
from comity.planning.model import (
    Bound,
    Contact,
    Opportunity,
    PlannedAcquisition,
    PlannedDownlink,
    Problem,
    Reason,
    Solution,
    SpacecraftLimits,
    Task,
)

PROBLEM_FORMAT = "comity-planning-problem/1"
SOLUTION_FORMAT = "comity-planning-solution/1"

T = TypeVar("T")


def problem_to_dict(problem: Problem) -> dict[str, Any]:
    """``problem`` in lists, dicts, texts and numbers only."""
    return {
        "format": PROBLEM_FORMAT,
        "start": {"iso": problem.start.iso(9), "tai_ns": problem.start.tai_ns},
        "horizon_s": problem.horizon_s,
        "tasks": [
            {"id": t.id, "order": t.order, "value": t.value, "cells": _optional_list(t.cells)}
            for t in problem.tasks
        ],
        "opportunities": [
            {
                "id": o.id,
                "task": o.task,
                "spacecraft": o.spacecraft,
                "start_s": o.start_s,
                "end_s": o.end_s,
                "from_direction": list(o.from_direction),
                "to_direction": list(o.to_direction),
                "quality": o.quality,
                "bits": o.bits,
                "cells": _optional_list(o.cells),
            }
            for o in problem.opportunities
        ],
        "contacts": [
            {
                "id": c.id,
                "spacecraft": c.spacecraft,
                "station": c.station,
                "start_s": c.start_s,
                "end_s": c.end_s,
                "rate_bps": c.rate_bps,
            }
            for c in problem.contacts
        ],
        "spacecraft": [
            {
                "id": s.id,
                "slew_rate_rad_s": s.slew_rate_rad_s,
                "slew_acceleration_rad_s2": s.slew_acceleration_rad_s2,
                "settle_s": s.settle_s,
                "memory_bits": s.memory_bits,
                "stored_bits": s.stored_bits,
            }
            for s in problem.spacecraft
        ],
        "antennas": dict(problem.antennas),
        "busy_spacecraft": _spans_out(problem.busy_spacecraft),
        "busy_stations": _spans_out(problem.busy_stations),
    }


def problem_from_dict(data: dict[str, Any]) -> Problem:
    """The problem that :func:`problem_to_dict` wrote; raises InputError for anything else."""

    def build() -> Problem:
        return Problem(
            start=Epoch(int(data["start"]["tai_ns"])),
            horizon_s=data["horizon_s"],
            tasks=tuple(Task(**{**t, "cells": _optional_tuple(t["cells"])}) for t in data["tasks"]),
            opportunities=tuple(
                Opportunity(
                    **{
                        **o,
                        "from_direction": tuple(o["from_direction"]),
                        "to_direction": tuple(o["to_direction"]),
                        "cells": _optional_tuple(o["cells"]),
                    }
                )
                for o in data["opportunities"]
            ),
            contacts=tuple(Contact(**c) for c in data["contacts"]),
            spacecraft=tuple(SpacecraftLimits(**s) for s in data["spacecraft"]),
            antennas=dict(data["antennas"]),
            busy_spacecraft=_spans_in(data["busy_spacecraft"]),
            busy_stations=_spans_in(data["busy_stations"]),
        )

    return _read(data, PROBLEM_FORMAT, build)


def solution_to_dict(solution: Solution) -> dict[str, Any]:
    """``solution`` in lists, dicts, texts and numbers only."""
    return {
        "format": SOLUTION_FORMAT,
        "acquisitions": [
            {"opportunity": a.opportunity, "downlinks": list(a.downlinks)} for a in solution.acquisitions
        ],
        "downlinks": [
            {"contact": d.contact, "start_s": d.start_s, "end_s": d.end_s, "bits": d.bits}
            for d in solution.downlinks
        ],
        "task_values": dict(solution.task_values),
        "bound": {
            "value": solution.bound.value,
            "upper": solution.bound.upper,
            "method": solution.bound.method,
        },
        "reasons": [
            {"task": r.task, "code": r.code, "text": r.text, "by": list(r.by)} for r in solution.reasons
        ],
        "solver": solution.solver,
        "work": solution.work,
        "seed": solution.seed,
    }


def solution_from_dict(data: dict[str, Any]) -> Solution:
    """The solution that :func:`solution_to_dict` wrote; raises InputError for anything else."""

    def build() -> Solution:
        return Solution(
            acquisitions=tuple(
                PlannedAcquisition(opportunity=a["opportunity"], downlinks=tuple(a["downlinks"]))
                for a in data["acquisitions"]
            ),
            downlinks=tuple(PlannedDownlink(**d) for d in data["downlinks"]),
            task_values=dict(data["task_values"]),
            bound=Bound(**data["bound"]),
            reasons=tuple(Reason(**{**r, "by": tuple(r["by"])}) for r in data["reasons"]),
            solver=data["solver"],
            work=data["work"],
            seed=data["seed"],
        )

    return _read(data, SOLUTION_FORMAT, build)


def _read(data: dict[str, Any], format: str, build: Callable[[], T]) -> T:
    if not isinstance(data, dict) or data.get("format") != format:
        found = data.get("format") if isinstance(data, dict) else type(data).__name__
        raise InputError(f"not a {format} record: its format is {found!r}")
    try:
        return build()
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{format} record is damaged: {error!r}") from error


def _optional_list(values: tuple[T, ...] | None) -> list[T] | None:
    return None if values is None else list(values)


def _optional_tuple(values: list[T] | None) -> tuple[T, ...] | None:
    return None if values is None else tuple(values)


def _spans_out(busy: dict[str, tuple[tuple[float, float], ...]]) -> dict[str, list[list[float]]]:
    return {id: [[a, b] for a, b in spans] for id, spans in busy.items()}


def _spans_in(busy: dict[str, list[list[float]]]) -> dict[str, tuple[tuple[float, float], ...]]:
    return {id: tuple((a, b) for a, b in spans) for id, spans in busy.items()}
