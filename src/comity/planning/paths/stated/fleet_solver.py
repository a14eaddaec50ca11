"""The paths' solver behind the Protocol: the bound for the problem as stated, the plan by its arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from comity.core import InputError, Progress, silent
from comity.planning.baseline import BaselineSolver
from comity.planning.baseline.worth import simple_bound
from comity.planning.paths.remote import Keeper
from comity.planning.paths.simulate import Sending
from comity.planning.paths.solver import solve
from comity.planning.paths.stated.fleet import Fleet, activities_of, downlinks_of, fleet_of
from comity.planning.paths.stated.nodes import IntArray
from comity.planning.problem import (
    Activity,
    Downlink,
    Judgement,
    Plan,
    PlanningProblem,
    judge_parts,
    validate_problem,
)
from comity.planning.solver import Deadline, Stop

#: Steps of the plan's search that make one unit of work.
STEPS_PER_UNIT = 10
_MOST_REPAIRS = 500
_PROVEN = 1e-8

METHOD = "Lagrangian prices of requests and resources, longest paths (Geoffrion 1974)"
ALONE = "each request with every satellite to itself"
AS_STATED = "the problem as stated"


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSolver:
    """See the module, and :func:`.fleet.beyond_fleet` for what it takes.

    ``workers``: threads; ``keeper``: workers elsewhere, for the passes over the satellites' paths.
    """

    name: ClassVar[str] = "paths"
    workers: int = 2
    keeper: Keeper | None = None

    def solve(self, problem: PlanningProblem, *, seed: int, stop: Stop, progress: Progress = silent) -> Plan:
        """See :class:`comity.planning.baseline.PlanSolver`."""
        validate_problem(problem)
        deadline = Deadline(stop)
        upper, method = simple_bound(problem), ALONE
        try:
            fleet = fleet_of(problem)
        except KeyboardInterrupt:
            return self._frozen(problem, upper, seed)
        if not len(fleet.paths):
            upper = min(upper, fleet.constant)
        nodes: IntArray = np.empty(0, np.int64)
        sendings: tuple[Sending, ...] = ()
        steps, stopped = 0, "search ended"
        if len(fleet.paths):
            left = deadline.left_s

            def tell(value: float, bound: float, _: str) -> None:
                done, total = deadline.elapsed_s, stop.wall_s or 0.0
                most = min(bound + fleet.constant, upper)
                progress(
                    min(done, total) if total else done, total or 1.0, told(value + fleet.constant, most)
                )

            try:
                found = solve(
                    fleet.paths,
                    seed=seed,
                    steps=None if stop.work is None else max(1, math.ceil(STEPS_PER_UNIT * stop.work)),
                    wall_s=None if math.isinf(left) else max(0.1, 0.97 * left),
                    gap=max(stop.gap, _PROVEN),
                    workers=self.workers,
                    progress=tell,
                    start=fleet.previous,
                    frozen=fleet.nodes.frozen if fleet.nodes.frozen.any() else None,
                    outer=fleet.outer,
                    keeper=self.keeper,
                )
            except KeyboardInterrupt:
                return self._frozen(problem, upper, seed)
            except InputError:
                # Not even an empty plan holds by the arrays' stricter rules.
                return BaselineSolver().solve(
                    problem, seed=seed, stop=_rest(stop, deadline), progress=progress
                )
            nodes, sendings, steps = np.array(found.nodes, dtype=np.int64), found.sendings, found.steps
            bound = found.bound * (1 + 1e-12) + fleet.constant  # rounding of sums over many nodes
            if bound < upper:
                upper, method = bound, METHOD
            stopped = "search ended" if found.stopped == "proven" else found.stopped
        return self._plan(fleet, nodes, sendings, (upper, method), seed, steps, stopped)

    def _frozen(self, problem: PlanningProblem, upper: float, seed: int) -> Plan:
        """What is there before anything is planned."""
        found = judge_parts(problem, problem.frozen, problem.frozen_downlinks)
        return Plan(
            activities=problem.frozen,
            downlinks=problem.frozen_downlinks,
            value=found.worth.value,
            tier_values=found.worth.tiers,
            upper=max(upper, found.worth.value),
            upper_for=AS_STATED,
            method=ALONE,
            solver=self.name,
            seed=seed,
            stopped="interrupted",
        )

    def _plan(
        self,
        fleet: Fleet,
        nodes: IntArray,
        sendings: Sequence[Sending],
        bound: tuple[float, str],
        seed: int,
        steps: int,
        stopped: str,
    ) -> Plan:
        problem = fleet.problem
        held = holding(fleet, nodes, sendings)
        if held is None:
            return BaselineSolver().solve(problem, seed=seed, stop=Stop(work=1e-3))
        activities, downlinks, found = held
        value = found.worth.value
        upper = max(bound[0], value)
        if upper - value <= _PROVEN * upper and stopped != "interrupted":
            stopped = "proven"
        return Plan(
            activities=activities,
            downlinks=downlinks,
            value=value,
            tier_values=found.worth.tiers,
            upper=upper,
            upper_for=AS_STATED,
            method=bound[1],
            solver=self.name,
            seed=seed,
            work=steps / STEPS_PER_UNIT,
            stopped=stopped,
        )


def told(value: float, upper: float) -> str:
    """A line of progress."""
    gap = max(0.0, upper - value) / max(upper, 1e-300)
    return f"value {value:,.6g}, at most {upper:,.6g} (gap {gap:.2%})"


def _rest(stop: Stop, deadline: Deadline) -> Stop:
    left = deadline.left_s
    return Stop(wall_s=None if math.isinf(left) else max(0.1, left), work=stop.work, gap=stop.gap)


def holding(
    fleet: Fleet, nodes: IntArray, sendings: Sequence[Sending]
) -> tuple[tuple[Activity, ...], tuple[Downlink, ...], Judgement] | None:
    """The plan of ``nodes`` less what breaks a rule as stated; None where even nothing does."""
    for _ in range(_MOST_REPAIRS):
        activities = activities_of(fleet, nodes)
        downlinks = downlinks_of(fleet, nodes, tuple(sendings))
        found = judge_parts(fleet.problem, activities, downlinks)
        if not found.violations:
            return activities, downlinks, found
        if fleet.nodes.frozen[nodes].all():
            return None
        nodes = _without(fleet, nodes, found)
    return None


def _without(fleet: Fleet, nodes: IntArray, found: Judgement) -> IntArray:
    """Less what breaks a rule: the acquisition named, or the least worth of the satellite named."""
    problem = fleet.problem
    free = nodes[~fleet.nodes.frozen[nodes]]
    name = {problem.opportunities[fleet.nodes.opportunity[v]].id: v for v in free.tolist()}
    satellites = {s.id: k for k, s in enumerate(problem.satellites)}
    gone: set[int] = set()
    for violation in found.violations:
        named = [name[w] for w in violation.who if w in name]
        if named:
            gone.add(named[-1])
        elif who := [satellites[w] for w in violation.who if w in satellites]:
            own = free[fleet.nodes.satellite[free] == who[0]]
            if len(own):
                gone.add(int(own[np.argmin(fleet.paths.value[own])]))
    if not gone:
        gone.add(int(free[-1]))
    return np.array([v for v in nodes.tolist() if v not in gone], dtype=np.int64)
