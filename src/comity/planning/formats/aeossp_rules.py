"""Scores an AEOSSP solution by the set's own rules, instant by instant, without the planning model."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from comity.planning.formats.aeossp import Observation
from comity.planning.formats.aeossp_case import (
    AeosspCase,
    AeosspSatellite,
    AeosspTask,
    Geometry,
    in_sight,
)

FloatArray = NDArray[np.float64]

_SLACK_S = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class AeosspScore:
    """``wcr``: weight of tasks done ÷ weight of all; ``cr``: their number; both 0 if a rule is broken.

    ``charge_wh``: least charge of each satellite that observes.
    """

    wcr: float
    cr: float
    broken: tuple[str, ...]
    charge_wh: dict[str, float]

    @property
    def valid(self) -> bool:
        """Whether no rule is broken."""
        return not self.broken


@dataclass(frozen=True, slots=True)
class _Done:
    """An observation that exists, with the inertial line of sight at both ends and the turn before it."""

    action: Observation
    first: FloatArray
    last: FloatArray
    need_s: float = 0.0


def check_aeossp(case: AeosspCase, observations: Sequence[Observation]) -> AeosspScore:
    """Every rule of the set on ``observations``."""
    broken: list[str] = []
    geometry = Geometry(case)
    satellites = {s.id: s for s in case.satellites}
    tasks = {t.id: t for t in case.tasks}
    own: dict[str, list[Observation]] = defaultdict(list)
    for x in observations:
        if x.satellite not in satellites or x.task not in tasks:
            broken.append(f"unknown satellite or task: {x.satellite}, {x.task}")
        else:
            own[x.satellite].append(x)
    charge = {}
    for id, actions in own.items():
        actions.sort(key=lambda x: (x.start_s, x.end_s))
        done = []
        for x in actions:
            broken += _alone(case, geometry, satellites[id], tasks[x.task], x)
            done.append(_lines(geometry, satellites[id], tasks[x.task], x))
        turned = _turns(geometry, satellites[id], done, broken)
        charge[id] = _least_charge(case, geometry, satellites[id], turned)
        if charge[id] < -1e-9:
            broken.append(f"{id}: the battery falls to {charge[id]:.3f} Wh")
    # A satellite that does nothing still idles.
    for id in satellites.keys() - own.keys():
        if (least := _least_charge(case, geometry, satellites[id], [])) < -1e-9:
            broken.append(f"{id}: the battery falls to {least:.3f} Wh")
    seen = {x.task for actions in own.values() for x in actions}
    total = math.fsum(t.weight for t in case.tasks)
    weight = math.fsum(tasks[id].weight for id in seen)
    valid = not broken
    return AeosspScore(
        wcr=weight / total if valid and total else 0.0,
        cr=len(seen) / len(tasks) if valid and tasks else 0.0,
        broken=tuple(broken),
        charge_wh=charge,
    )


def _alone(
    case: AeosspCase, geometry: Geometry, satellite: AeosspSatellite, task: AeosspTask, x: Observation
) -> list[str]:
    """What one observation breaks by itself."""
    name = f"{x.satellite} observing {x.task} at {x.start_s:g} s"
    found = [
        f"{name}: {at:g} s is off the grid of {case.action_step_s:g} s"
        for at in (x.start_s, x.end_s)
        if abs(math.remainder(at, case.action_step_s)) > _SLACK_S
    ]
    first, last = max(0.0, task.release_s), min(case.horizon_s, task.due_s)
    if x.start_s < first - _SLACK_S or x.end_s > last + _SLACK_S:
        found.append(f"{name}: outside {first:g} … {last:g} s")
    if abs(x.end_s - x.start_s - task.duration_s) > _SLACK_S:
        found.append(f"{name}: lasts {x.end_s - x.start_s:g} s, not {task.duration_s:g} s")
    if satellite.sensor != task.sensor:
        found.append(f"{name}: its sensor is {satellite.sensor}, wanted is {task.sensor}")
    step = case.geometry_step_s
    inside = np.arange(math.ceil(x.start_s / step), math.floor(x.end_s / step) + 1) * step
    instants = np.unique(np.concatenate([[x.start_s, x.end_s], inside]))
    place, _ = geometry.satellite(satellite, instants)
    if not in_sight(place, geometry.target(task), satellite.max_off_nadir_deg).all():
        found.append(f"{name}: out of sight or beyond {satellite.max_off_nadir_deg:g}° off nadir")
    return found


def _lines(geometry: Geometry, satellite: AeosspSatellite, task: AeosspTask, x: Observation) -> _Done:
    ends = np.array([x.start_s, x.end_s])
    _, place = geometry.satellite(satellite, ends)
    lines = geometry.inertial(geometry.target(task), ends) - place
    return _Done(x, lines[0], lines[1])


def _turns(
    geometry: Geometry, satellite: AeosspSatellite, done: Sequence[_Done], broken: list[str]
) -> list[_Done]:
    """The same with the time each turn needs; what does not fit its gap is noted."""
    turned = []
    for k, each in enumerate(done):
        if k == 0:
            _, place = geometry.satellite(satellite, np.array([each.action.start_s]))
            origin, free_from = -place[0], 0.0
        else:
            origin, free_from = done[k - 1].last, done[k - 1].action.end_s
        cosine = origin @ each.first / (np.linalg.norm(origin) * np.linalg.norm(each.first))
        degrees = math.degrees(math.acos(max(-1.0, min(1.0, float(cosine)))))
        need = _slew_s(satellite, degrees) + satellite.settle_s
        gap = each.action.start_s - free_from
        if gap < need - _SLACK_S:
            name = f"{satellite.id} before {each.action.task} at {each.action.start_s:g} s"
            broken.append(f"{name}: {gap:g} s for a turn by {degrees:.3f}°, {need:.3f} s needed")
        turned.append(_Done(each.action, each.first, each.last, need))
    return turned


def _slew_s(satellite: AeosspSatellite, degrees: float) -> float:
    v, a = satellite.rate_deg_s, satellite.acceleration_deg_s2
    if degrees <= v * v / a:
        return 2 * math.sqrt(degrees / a)
    return 2 * v / a + (degrees - v * v / a) / v


def _least_charge(
    case: AeosspCase, geometry: Geometry, satellite: AeosspSatellite, done: Sequence[_Done]
) -> float:
    """Least charge (Wh) over the horizon."""
    starts = np.array([d.action.start_s for d in done])
    ends = np.array([d.action.end_s for d in done])
    needs = np.array([d.need_s for d in done])
    grid = np.arange(math.floor(case.horizon_s / case.resource_step_s) + 1) * case.resource_step_s
    cuts = np.unique(np.concatenate([grid, starts, ends, [case.horizon_s]]))
    cuts = cuts[(cuts >= 0) & (cuts <= case.horizon_s)]
    middle, length = (cuts[1:] + cuts[:-1]) / 2, np.diff(cuts)
    _, place = geometry.satellite(satellite, middle)
    power = np.where(geometry.sunlit(place, middle), satellite.charge_w, 0.0) - satellite.idle_w
    imaging, turning = np.zeros(len(middle), dtype=bool), np.zeros(len(middle), dtype=bool)
    for start, end, need in zip(starts, ends, needs, strict=True):
        imaging |= (start <= middle) & (middle < end)
        turning |= (start - need <= middle) & (middle < start)
    power -= satellite.imaging_w * imaging + satellite.slew_w * turning
    charge = least = satellite.initial_wh
    for change in (power * length / 3600.0).tolist():
        charge = min(satellite.capacity_wh, charge + change)
        least = min(least, charge)
    return least
