"""Whether a problem makes sense, said before any solver starts."""

from __future__ import annotations

import math
from collections.abc import Iterable

from comity.core import InputError, UnknownIdError
from comity.planning.model import Contact, Opportunity, Problem, SpacecraftLimits, Task

#: How far (relative) unit vectors and cell weights may be off 1.
_UNIT_TOLERANCE = 1e-6
#: How far (s) an opportunity may stand over the edge of the horizon.
_EDGE_S = 1e-6


def validate(problem: Problem) -> None:
    """Raise :class:`InputError` (or :class:`UnknownIdError`) at the first thing that cannot be right."""
    _finite("horizon_s", problem.horizon_s, above=0.0)
    _unique("task", problem.tasks)
    _unique("opportunity", problem.opportunities)
    _unique("contact", problem.contacts)
    _unique("spacecraft", problem.spacecraft)
    tasks = {task.id: task for task in problem.tasks}
    crafts = {limits.id for limits in problem.spacecraft}
    for task in problem.tasks:
        _task(task)
    for limits in problem.spacecraft:
        _limits(limits)
    for station, antennas in problem.antennas.items():
        if antennas < 0:
            raise InputError(f"station {station!r} has {antennas} antennas: give 0 or more")
    for opportunity in problem.opportunities:
        if opportunity.task not in tasks:
            raise UnknownIdError(f"task of opportunity {opportunity.id!r}:", opportunity.task, tuple(tasks))
        if opportunity.spacecraft not in crafts:
            raise UnknownIdError(
                f"spacecraft of opportunity {opportunity.id!r}:", opportunity.spacecraft, tuple(crafts)
            )
        _opportunity(opportunity, tasks[opportunity.task], problem.horizon_s)
    for contact in problem.contacts:
        _contact(contact, crafts, problem.antennas)
    _busy("spacecraft", problem.busy_spacecraft, crafts)
    _busy("station", problem.busy_stations, problem.antennas)


def _finite(name: str, value: float, *, least: float = -math.inf, above: float = -math.inf) -> None:
    if not math.isfinite(value):
        raise InputError(f"{name} is {value}: a finite number is needed")
    if value < least:
        raise InputError(f"{name} is {value}: it must be at least {least:g}")
    if value <= above:
        raise InputError(f"{name} is {value}: it must be above {above:g}")


def _unique(kind: str, items: Iterable[Task | Opportunity | Contact | SpacecraftLimits]) -> None:
    seen: set[str] = set()
    for item in items:
        if item.id in seen:
            raise InputError(f"two of kind {kind} have the id {item.id!r}: ids must be unique")
        seen.add(item.id)


def _span(name: str, start_s: float, end_s: float) -> None:
    _finite(f"{name}: start_s", start_s)
    _finite(f"{name}: end_s", end_s)
    if start_s >= end_s:
        raise InputError(f"{name}: start {start_s} s is not before end {end_s} s")


def _task(task: Task) -> None:
    _finite(f"task {task.id!r}: value", task.value, least=0.0)
    if task.cells is None:
        return
    for weight in task.cells:
        _finite(f"task {task.id!r}: weight of a cell", weight, least=0.0)
    total = math.fsum(task.cells)
    if abs(total - 1) > _UNIT_TOLERANCE:
        raise InputError(f"task {task.id!r}: weights of its {len(task.cells)} cells sum to {total}, not 1")


def _limits(limits: SpacecraftLimits) -> None:
    name = f"spacecraft {limits.id!r}"
    _finite(f"{name}: slew_rate_rad_s", limits.slew_rate_rad_s, above=0.0)
    _finite(f"{name}: slew_acceleration_rad_s2", limits.slew_acceleration_rad_s2, above=0.0)
    _finite(f"{name}: settle_s", limits.settle_s, least=0.0)
    _finite(f"{name}: memory_bits", limits.memory_bits, above=0.0)
    _finite(f"{name}: stored_bits", limits.stored_bits, least=0.0)
    if limits.stored_bits > limits.memory_bits:
        raise InputError(
            f"{name}: {limits.stored_bits:g} bits stored, but its memory holds {limits.memory_bits:g}"
        )


def _opportunity(opportunity: Opportunity, task: Task, horizon_s: float) -> None:
    name = f"opportunity {opportunity.id!r}"
    _span(name, opportunity.start_s, opportunity.end_s)
    if opportunity.start_s < -_EDGE_S or opportunity.end_s > horizon_s + _EDGE_S:
        span = f"{opportunity.start_s} to {opportunity.end_s} s"
        raise InputError(f"{name}: {span} is outside the horizon 0 to {horizon_s} s")
    for direction in (opportunity.from_direction, opportunity.to_direction):
        if not abs(math.hypot(*direction) - 1) <= _UNIT_TOLERANCE:
            raise InputError(f"{name}: direction {direction} is not a unit vector")
    _finite(f"{name}: quality", opportunity.quality, least=0.0)
    if opportunity.quality > 1:
        raise InputError(f"{name}: quality is {opportunity.quality}: it must be at most 1")
    _finite(f"{name}: bits", opportunity.bits, least=0.0)
    if (opportunity.cells is None) != (task.cells is None):
        point, area = ("opportunity", "task") if opportunity.cells is None else ("task", "opportunity")
        raise InputError(f"{name}: the {area} has cells but the {point} has none")
    if opportunity.cells is not None and task.cells is not None:
        if len(set(opportunity.cells)) != len(opportunity.cells):
            raise InputError(f"{name}: a cell is named twice")
        for cell in opportunity.cells:
            if not 0 <= cell < len(task.cells):
                raise InputError(f"{name}: cell {cell} is not one of the task's 0 … {len(task.cells) - 1}")


def _contact(contact: Contact, crafts: set[str], antennas: dict[str, int]) -> None:
    name = f"contact {contact.id!r}"
    if contact.spacecraft not in crafts:
        raise UnknownIdError(f"spacecraft of {name}:", contact.spacecraft, tuple(crafts))
    if contact.station not in antennas:
        raise UnknownIdError(f"station of {name}:", contact.station, tuple(antennas))
    _span(name, contact.start_s, contact.end_s)
    _finite(f"{name}: rate_bps", contact.rate_bps, above=0.0)


def _busy(
    kind: str, busy: dict[str, tuple[tuple[float, float], ...]], known: set[str] | dict[str, int]
) -> None:
    for id, spans in busy.items():
        if id not in known:
            raise UnknownIdError(f"busy {kind}", id, tuple(known))
        for start_s, end_s in spans:
            _span(f"busy span of {kind} {id!r}", start_s, end_s)
