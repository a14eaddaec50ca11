"""AEOSSP ``test``: every case solved as ``comity plan solve`` does, beside the published best and greedy."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from comity.planning.baseline import BaselineSolver, PlanSolver
from comity.planning.dispatch import solver_for
from comity.planning.formats.aeossp import (
    aeossp_problem,
    aeossp_solution,
    observations_of,
    read_aeossp,
)
from comity.planning.formats.aeossp_case import AeosspCase
from comity.planning.formats.aeossp_rules import check_aeossp
from comity.planning.problem import PlanningProblem
from comity.planning.solver import Stop

Line = dict[str, Any]

#: Mean WCR over ``test``: AstroReason-Bench's own solvers, as its repository states them.
PUBLISHED_MEAN_WCR = 0.7582
PUBLISHED_BY = "AstroReason-Bench aeossp_standard, maximum-independent-set solver (greedy + LNS: 0.6816)"
REACH_MEAN_WCR, REACH_BOUND = 0.7660, 0.005


def rows(
    data: Path,
    *,
    cases: Sequence[str] | None = None,
    out: Path | None = None,
    seed: int = 0,
    wall_s: float = 120.0,
    peers: bool = True,
    peer_wall_s: float = 30.0,
) -> Iterator[Line]:
    """One line per case (folder) in ``data``, then one for all.

    ``cases``: names of folders, None for all. ``out``: where each solution is written as ``CASE.json`` in the
    set's public form. ``wall_s``: for reading, windows and solving together. ``peers``: also greedy alone and
    the plain solver (greedy, then local search; ``peer_wall_s``) on the same problem.
    """
    names = sorted(p.name for p in data.iterdir() if p.is_dir()) if cases is None else cases
    lines = []
    for name in names:
        began, cpu = time.monotonic(), time.process_time()
        case = read_aeossp(data / name)
        problem = aeossp_problem(case)
        left = max(1.0, wall_s - (time.monotonic() - began) - 2.0)
        line = _solved(case, problem, solver_for(problem), Stop(wall_s=left), seed, out, name)
        line |= {
            "case": name,
            "satellites": len(problem.satellites),
            "opportunities": len(problem.opportunities),
            "wall_s": round(time.monotonic() - began, 1),
            # HiGHS runs in a process of its own, which this does not count.
            "own_cpu_s": round(time.process_time() - cpu, 1),
        }
        if peers:
            # Without patience the plain solver ends after its greedy start.
            for peer, solver in (("greedy", BaselineSolver(patience=0)), ("plain", BaselineSolver())):
                started = time.monotonic()
                told = _solved(case, problem, solver, Stop(wall_s=peer_wall_s), seed, None, name)
                line |= {f"{peer}_wcr": told["wcr"], f"{peer}_wall_s": round(time.monotonic() - started, 1)}
        lines.append(line)
        yield line
    yield _summary(lines, wall_s)


def _solved(
    case: AeosspCase,
    problem: PlanningProblem,
    solver: PlanSolver,
    stop: Stop,
    seed: int,
    out: Path | None,
    name: str,
) -> Line:
    plan = solver.solve(problem, seed=seed, stop=stop)
    observations = observations_of(problem, plan)
    # By the set's own rules, which share nothing with the solver or the planning model.
    score = check_aeossp(case, observations)
    total = math.fsum(task.weight for task in case.tasks)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / f"{name}.json").write_text(aeossp_solution(case, observations), encoding="utf-8")
    return {
        "set": "aeossp",
        "solver": plan.solver,
        "wcr": score.wcr,
        "cr": score.cr,
        "bound_wcr": plan.upper / total,
        "gap": plan.gap,
        "bound_for": plan.upper_for,
        "valid": score.valid,
        "broken": list(score.broken[:3]),
        "stopped": plan.stopped,
        "work": round(plan.work, 3),
    }


def _summary(lines: Sequence[Line], wall_s: float) -> Line:
    mean = math.fsum(line["wcr"] for line in lines) / max(1, len(lines))
    return {
        "set": "aeossp",
        "case": "all",
        "cases": len(lines),
        "mean_wcr": mean,
        "mean_bound_wcr": math.fsum(line["bound_wcr"] for line in lines) / max(1, len(lines)),
        "worst_gap": max((line["gap"] for line in lines), default=None),
        "published_mean_wcr": PUBLISHED_MEAN_WCR,
        "published_by": PUBLISHED_BY,
        "reach": f"valid, mean WCR ≥ {REACH_MEAN_WCR}, bound within {REACH_BOUND:.1%}, {wall_s:g} s each",
        "met": bool(lines)
        and all(line["valid"] and line["gap"] <= REACH_BOUND and line["wall_s"] <= wall_s for line in lines)
        and mean >= REACH_MEAN_WCR,
    }
