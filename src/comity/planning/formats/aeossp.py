"""AEOSSP cases (AstroReason-Bench ``aeossp_standard``): agile satellites, point tasks, batteries.

A case is a folder with ``mission.yaml``, ``satellites.yaml`` and ``tasks.yaml``; a solution is JSON with a
list of observations. Satellites follow SGP4; frames are GCRF and ITRF with all Earth-orientation values zero;
targets lie on the WGS-84 ellipsoid; the shadow is a cylinder. :mod:`.aeossp_rules` checks solutions.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from comity.core import Epoch, InputError, Progress, silent
from comity.core.files import read_text
from comity.orbits import EarthOrientation, SGP4Trajectory, parse_tle
from comity.planning.formats.aeossp_case import (
    AeosspCase,
    AeosspSatellite,
    AeosspTask,
    Geometry,
    in_sight,
)
from comity.planning.problem import (
    Activity,
    Battery,
    Opportunity,
    Plan,
    PlanningProblem,
    Pointing,
    Request,
    Satellite,
    Slew,
    Span,
)

FloatArray = NDArray[np.float64]

_J_PER_WH = 3600.0
_SUN_STEP_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One action of a solution, in seconds from the case's start."""

    satellite: str
    task: str
    start_s: float
    end_s: float


def read_aeossp(folder: Path) -> AeosspCase:
    """The case in ``folder``. Raises :class:`InputError` naming the file and the key."""
    mission = _yaml(folder / "mission.yaml", "mission")
    start = Epoch.from_iso(_text(mission, "horizon_start", "mission"))
    return AeosspCase(
        id=str(mission.get("case_id", folder.name)),
        start=start,
        horizon_s=_seconds(start, mission, "horizon_end", "mission"),
        action_step_s=_amount(mission, "action_time_step_s", "mission"),
        geometry_step_s=_amount(mission, "geometry_sample_step_s", "mission"),
        resource_step_s=_amount(mission, "resource_sample_step_s", "mission"),
        satellites=tuple(map(_satellite, _yaml(folder / "satellites.yaml", "satellites"))),
        tasks=tuple(_task(task, start) for task in _yaml(folder / "tasks.yaml", "tasks")),
    )


def _yaml(path: Path, key: str) -> Any:
    yaml = import_module("yaml")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        data = yaml.load(read_text(path), Loader=loader)
    except yaml.YAMLError as error:
        raise InputError(f"{path} is not YAML: {error}") from error
    found = data.get(key) if isinstance(data, dict) else None
    if not isinstance(found, dict if key == "mission" else list):
        raise InputError(f"{path}: {key!r} is missing or of the wrong kind")
    return found


def _value(data: Any, key: str, name: str) -> Any:
    if not isinstance(data, dict) or data.get(key) is None:
        raise InputError(f"{name}: {key!r} is missing")
    return data[key]


def _text(data: Any, key: str, name: str) -> str:
    return str(_value(data, key, name))


def _number(data: Any, key: str, name: str) -> float:
    value = _value(data, key, name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"{name}: {key} must be a number, is {value!r}")
    return float(value)


def _amount(data: Any, key: str, name: str) -> float:
    value = _number(data, key, name)
    if value < 0 or (value == 0 and key.endswith("step_s")):
        raise InputError(f"{name}: {key} is {value:g}, it must not be negative (a step: above 0)")
    return value


def _seconds(start: Epoch, data: Any, key: str, name: str) -> float:
    return Epoch.from_iso(_text(data, key, name)) - start


def _satellite(data: Any) -> AeosspSatellite:
    name = _text(data, "satellite_id", "a satellite")
    attitude, power = _value(data, "attitude_model", name), _value(data, "resource_model", name)
    elements = parse_tle(_text(data, "tle_line1", name), _text(data, "tle_line2", name), name)
    return AeosspSatellite(
        id=name,
        sensor=_text(_value(data, "sensor", name), "sensor_type", name),
        trajectory=SGP4Trajectory(elements, EarthOrientation.constant()),
        rate_deg_s=_amount(attitude, "max_slew_velocity_deg_per_s", name),
        acceleration_deg_s2=_amount(attitude, "max_slew_acceleration_deg_per_s2", name),
        settle_s=_amount(attitude, "settling_time_s", name),
        max_off_nadir_deg=_amount(attitude, "max_off_nadir_deg", name),
        capacity_wh=_amount(power, "battery_capacity_wh", name),
        initial_wh=_amount(power, "initial_battery_wh", name),
        idle_w=_amount(power, "idle_power_w", name),
        imaging_w=_amount(power, "imaging_power_w", name),
        slew_w=_amount(power, "slew_power_w", name),
        charge_w=_amount(power, "sunlit_charge_power_w", name),
    )


def _task(data: Any, start: Epoch) -> AeosspTask:
    name = _text(data, "task_id", "a task")
    return AeosspTask(
        id=name,
        sensor=_text(data, "required_sensor_type", name),
        lon_deg=_number(data, "longitude_deg", name),
        lat_deg=_number(data, "latitude_deg", name),
        altitude_m=_number(data, "altitude_m", name),
        release_s=_seconds(start, data, "release_time", name),
        due_s=_seconds(start, data, "due_time", name),
        duration_s=_amount(data, "required_duration_s", name),
        weight=_amount(data, "weight", name),
    )


def aeossp_problem(case: AeosspCase, *, progress: Progress = silent) -> PlanningProblem:
    """The case as a planning problem: an opportunity is a run of starts on the grid that all are in sight.

    Lines of sight are sampled at every instant at which an observation may start or end, so that slews are
    exact; sunlit spans are good to a millisecond.
    """
    geometry = Geometry(case)
    step = _common_step(case)
    seconds: FloatArray = np.asarray(np.arange(round(case.horizon_s / step) + 1) * step, dtype=np.float64)
    fixed = {task.id: geometry.target(task) for task in case.tasks}
    # One rotation matrix per instant turns every target.
    axes = np.stack([geometry.inertial(axis, seconds) for axis in np.eye(3)], axis=-1)
    opportunities: list[Opportunity] = []
    satellites: list[Satellite] = []
    for k, satellite in enumerate(case.satellites):
        progress(k, len(case.satellites), f"windows of {satellite.id}")
        place, inertial = geometry.satellite(satellite, seconds)
        starts: set[int] = set()
        for task in case.tasks:
            if task.sensor == satellite.sensor:
                for start, end in _runs(case, satellite, task, fixed[task.id], place, step):
                    span = slice(start, end + 1)
                    starts.update(range(start, end + 1))
                    line = axes[span] @ fixed[task.id] - inertial[span]
                    opportunities.append(
                        Opportunity(
                            id=f"{satellite.id}/{task.id}/{round(seconds[start])}",
                            request=task.id,
                            satellite=satellite.id,
                            start_s=float(seconds[start]),
                            end_s=float(seconds[end]),
                            duration_s=task.duration_s,
                            step_s=case.action_step_s,
                            pointing=_pointing(seconds[span], line),
                        )
                    )
        # Before its first observation a satellite points down, at whatever start that may have.
        at = np.array(sorted(starts) or [0])
        rest = _pointing(seconds[at], -inertial[at])
        satellites.append(_as_satellite(case, geometry, satellite, rest))
    requests = tuple(
        Request(id=t.id, value=t.weight, release_s=max(0.0, t.release_s), due_s=min(t.due_s, case.horizon_s))
        for t in case.tasks
        if t.due_s > 0 and t.release_s < case.horizon_s
    )
    served = {r.id for r in requests}
    return PlanningProblem(
        name=case.id,
        start=case.start,
        horizon_s=case.horizon_s,
        requests=requests,
        opportunities=tuple(o for o in opportunities if o.request in served),
        satellites=tuple(satellites),
    )


def _common_step(case: AeosspCase) -> float:
    """Largest step (s) on whose grid actions, geometry and durations all lie; to the millisecond."""
    lengths = {case.action_step_s, case.geometry_step_s, *(t.duration_s for t in case.tasks)} - {0.0}
    return math.gcd(*(round(1000 * length) for length in lengths)) / 1000


def _runs(
    case: AeosspCase,
    satellite: AeosspSatellite,
    task: AeosspTask,
    target: FloatArray,
    place: FloatArray,
    step: float,
) -> list[tuple[int, int]]:
    """Runs of starts on the action grid: first start and last end, as indices of the common grid."""
    every, length = round(case.action_step_s / step), round(task.duration_s / step)
    first = max(0, math.ceil((task.release_s - 1e-9) / step))
    last = min(len(place) - 1, math.floor((task.due_s + 1e-9) / step))
    if last - first < length:
        return []
    seen = in_sight(place[first : last + 1], target, satellite.max_off_nadir_deg)
    if not seen.any():
        return []
    index = np.arange(first, last + 1)
    blind = np.concatenate([[0], np.cumsum(~seen & (index % round(case.geometry_step_s / step) == 0))])
    starts = index[: len(index) - length]
    k = starts - first
    good = seen[k] & seen[k + length] & (blind[k + length + 1] == blind[k])
    usable = starts[good & (starts % every == 0)]
    if not len(usable):
        return []
    parts = np.split(usable, np.flatnonzero(np.diff(usable) > every) + 1)
    return [(int(part[0]), int(part[-1]) + length) for part in parts]


def _pointing(seconds: FloatArray, line: FloatArray) -> Pointing:
    unit = line / np.linalg.norm(line, axis=1)[:, None]
    return Pointing(at_s=tuple(seconds.tolist()), samples=tuple(map(tuple, unit.tolist())))


def _as_satellite(
    case: AeosspCase, geometry: Geometry, satellite: AeosspSatellite, rest: Pointing
) -> Satellite:
    return Satellite(
        id=satellite.id,
        slew=Slew(
            rate_rad_s=math.radians(satellite.rate_deg_s),
            acceleration_rad_s2=math.radians(satellite.acceleration_deg_s2),
            settle_s=satellite.settle_s,
        ),
        rest=rest,
        battery=Battery(
            capacity_j=satellite.capacity_wh * _J_PER_WH,
            initial_j=satellite.initial_wh * _J_PER_WH,
            idle_w=satellite.idle_w,
            imaging_w=satellite.imaging_w,
            slew_w=satellite.slew_w,
            charge_w=satellite.charge_w,
            sunlit=_sunlit(case, geometry, satellite),
            sample_step_s=case.resource_step_s,
        ),
    )


def _sunlit(case: AeosspCase, geometry: Geometry, satellite: AeosspSatellite) -> tuple[Span, ...]:
    """Sunlit spans within the horizon, their ends bisected."""

    def lit(seconds: FloatArray) -> NDArray[np.bool_]:
        return geometry.sunlit(geometry.satellite(satellite, seconds)[1], seconds)

    nodes = np.linspace(0.0, case.horizon_s, math.ceil(case.horizon_s / _SUN_STEP_S) + 1)
    state = lit(nodes)
    turns = np.flatnonzero(state[1:] != state[:-1])
    low, high = nodes[turns], nodes[turns + 1]
    for _ in range(14):  # 10 s to 0.6 ms
        if len(turns):
            middle = (low + high) / 2
            before = lit(middle) == state[turns]
            low, high = np.where(before, middle, low), np.where(before, high, middle)
    edges = [0.0, *((low + high) / 2).tolist(), case.horizon_s]
    return tuple((a, b) for k, (a, b) in enumerate(pairwise(edges)) if state[0] == (k % 2 == 0))


def observations_of(problem: PlanningProblem, plan: Plan) -> tuple[Observation, ...]:
    """The plan's observations, in order of time."""
    known = {o.id: o for o in problem.opportunities}
    found = []
    for a in plan.activities:
        o = known[a.opportunity]
        found.append(
            Observation(
                satellite=o.satellite, task=o.request, start_s=a.start_s, end_s=a.start_s + o.duration_s
            )
        )
    return tuple(sorted(found, key=lambda x: (x.start_s, x.satellite)))


def activities_of(problem: PlanningProblem, observations: Sequence[Observation]) -> tuple[Activity, ...]:
    """The way back; raises :class:`InputError` for an observation that no opportunity allows."""
    by_pair: dict[tuple[str, str], list[Opportunity]] = {}
    for o in problem.opportunities:
        by_pair.setdefault((o.satellite, o.request), []).append(o)
    found = []
    for x in observations:
        for o in by_pair.get((x.satellite, x.task), ()):
            if o.start_s - 1e-6 <= x.start_s and x.end_s <= o.end_s + 1e-6:
                found.append(Activity(opportunity=o.id, start_s=x.start_s))
                break
        else:
            raise InputError(f"{x.satellite} cannot observe {x.task} from {x.start_s:g} to {x.end_s:g} s")
    return tuple(found)


def aeossp_solution(case: AeosspCase, observations: Sequence[Observation]) -> str:
    """Observations in the set's public JSON form."""
    actions = [
        {
            "type": "observation",
            "satellite_id": x.satellite,
            "task_id": x.task,
            "start_time": _iso(case.start + x.start_s),
            "end_time": _iso(case.start + x.end_s),
        }
        for x in observations
    ]
    return json.dumps({"actions": actions}, indent=1) + "\n"


def _iso(epoch: Epoch) -> str:
    text = epoch.iso(3)
    return text.replace(".000Z", "Z")


def read_observations(case: AeosspCase, text: str) -> tuple[Observation, ...]:
    """The observations of a solution in JSON. Raises :class:`InputError` naming the action."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the solution is not JSON: {error}") from error
    actions = data.get("actions") if isinstance(data, dict) else None
    if not isinstance(actions, list):
        raise InputError("the solution has no list of actions")
    found = []
    for k, action in enumerate(actions):
        name = f"action {k}"
        if _text(action, "type", name) != "observation":
            raise InputError(f"{name}: its type is {action['type']!r}, only observation is known")
        found.append(
            Observation(
                satellite=_text(action, "satellite_id", name),
                task=_text(action, "task_id", name),
                start_s=_seconds(case.start, action, "start_time", name),
                end_s=_seconds(case.start, action, "end_time", name),
            )
        )
    return tuple(found)
