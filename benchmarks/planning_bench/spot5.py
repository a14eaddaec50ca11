"""SPOT5: every public instance to proof, beside the best published value, greedy and plain CP-SAT."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ortools.sat.python import cp_model

from comity.planning.conflicts import (
    ConflictProblem,
    broken_rules,
    conflict_problem,
    plan_of_conflicts,
    solve_conflicts,
    value_of,
)
from comity.planning.formats.spot5 import (
    MEMORY_UNIT,
    Spot5Instance,
    check_spot5,
    read_spot5,
    spot5_choice,
    spot5_problem,
    spot5_solution,
)
from comity.planning.problem import Plan
from comity.planning.solver import Stop

Line = dict[str, Any]

#: Best published values; those in PROVEN_PUBLISHED were published as optimal.
PUBLISHED = {
    "8": 10,
    "54": 70,
    "29": 12032,
    "42": 108067,
    "28": 56053,
    "5": 115,
    "404": 49,
    "408": 3082,
    "412": 16102,
    "11": 22120,
    "503": 9096,
    "505": 13100,
    "507": 15137,
    "509": 19125,
    "1401": 176056,
    "1403": 176137,
    "1405": 176179,
    "1021": 176246,
    "1502": 61158,
    "1504": 124243,
    "1506": 168247,
}
#: To be improved on or proven, at least three of them.
OPEN = frozenset({"1401", "1403", "1405", "1021", "1506"})
PROVEN_PUBLISHED = frozenset(PUBLISHED) - OPEN - {"1504"}


def rows(
    data: Path,
    *,
    instances: Sequence[str] = tuple(PUBLISHED),
    out: Path | None = None,
    seed: int = 0,
    work: float | None = None,
    wall_s: float | None = 300.0,
    raw: bool = True,
    peers: bool = True,
    peer_wall_s: float = 30.0,
) -> Iterator[Line]:
    """One line per instance, then one for the whole set.

    ``data``: folder of the ``.spot`` files. ``out``: where each solution is written as ``NAME.sol``
    (``id value`` lines). ``raw``: also with memory counted in raw units. ``peers``: also greedy and plain
    CP-SAT (the problem as stated, two workers, ``peer_wall_s``).
    """
    lines = []
    for name in instances:
        instance = read_spot5(data / f"{name}.spot")
        line = _solved(name, instance, MEMORY_UNIT, seed=seed, stop=Stop(work=work, wall_s=wall_s), out=out)
        line |= {
            "published": PUBLISHED[name],
            "published_proven": name in PROVEN_PUBLISHED,
            "met": line["valid"]
            and line["value"] >= PUBLISHED[name]
            and (name in OPEN or line["value"] == line["upper"]),
        }
        if raw and instance.capacity is not None:
            told = _solved(name, instance, None, seed=seed, stop=Stop(work=work, wall_s=wall_s), out=None)
            line |= {
                f"raw_memory_{key}": told[key]
                for key in ("value", "upper", "memory", "valid", "cpu_s", "stopped")
            }
        if peers:
            line |= _peers(conflict_problem(spot5_problem(instance)), peer_wall_s, seed)
        lines.append(line)
        yield line
    yield _summary(lines)


def _solved(
    name: str, instance: Spot5Instance, unit: float | None, *, seed: int, stop: Stop, out: Path | None
) -> Line:
    problem = spot5_problem(instance, unit=unit, name=name)
    cpu, wall = time.process_time(), time.monotonic()
    plan = plan_of_conflicts(problem, solve_conflicts(conflict_problem(problem), seed=seed, stop=stop))
    cpu, wall = time.process_time() - cpu, time.monotonic() - wall
    # By the set's own rules, which share nothing with the solver.
    score = check_spot5(instance, spot5_choice(plan), unit=unit)
    if out is not None:
        _write(out / f"{name}.sol", plan)
    return {
        "set": "spot5",
        "instance": name,
        "choices": len(problem.opportunities),
        "value": score.profit,
        "upper": plan.upper,
        "gap": plan.gap,
        "memory": score.memory,
        "valid": not score.broken and score.profit == plan.value,
        "stopped": plan.stopped,
        "work": plan.work,
        "cpu_s": round(cpu, 2),
        "wall_s": round(wall, 2),
    }


def _write(path: Path, plan: Plan) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(spot5_solution(plan), encoding="utf-8")


def _summary(lines: Sequence[Line]) -> Line:
    names = {line["instance"] for line in lines}
    proven = {line["instance"] for line in lines if line["valid"] and line["value"] == line["upper"]}
    better = {line["instance"] for line in lines if line["valid"] and line["value"] > line["published"]}
    enough = len(OPEN & (proven | better)) >= min(3, len(OPEN & names))
    return {
        "set": "spot5",
        "instance": "all",
        "instances": len(lines),
        "proven": len(proven),
        "better_than_published": sorted(better),
        "cpu_s": round(sum(line["cpu_s"] for line in lines), 1),
        "reach": "proven but for the open five; none below published; three of the five proven or better",
        "met": all(line["met"] for line in lines) and enough if names == set(PUBLISHED) else None,
    }


def _peers(problem: ConflictProblem, wall_s: float, seed: int) -> Line:
    start = time.process_time()
    greedy = _greedy(problem)
    greedy_s = time.process_time() - start
    cpu = time.process_time()
    value, bound = _plain_cp_sat(problem, wall_s, seed)
    return {
        "greedy": greedy,
        "greedy_cpu_s": round(greedy_s, 2),
        "plain_cp_sat": value,
        "plain_cp_sat_upper": bound,
        "plain_cp_sat_cpu_s": round(time.process_time() - cpu, 2),
    }


def _greedy(problem: ConflictProblem) -> float:
    """Dearest first, if it still fits."""
    sets: dict[int, list[tuple[int, ...]]] = {}
    for each in problem.forbidden:
        for k in each:
            sets.setdefault(k, []).append(each)
    amounts = [dict(zip(s.choices, s.amounts, strict=True)) for s in problem.knapsacks]
    left = [s.most for s in problem.knapsacks]
    taken: set[int] = set()
    owners: set[int] = set()
    for k in sorted(range(len(problem.values)), key=lambda k: -problem.values[k]):
        fits = problem.owners[k] not in owners and all(
            a.get(k, 0) <= r for a, r in zip(amounts, left, strict=True)
        )
        if fits and not any(taken.issuperset(set(each) - {k}) for each in sets.get(k, ())):
            taken.add(k)
            owners.add(problem.owners[k])
            left = [r - a.get(k, 0) for a, r in zip(amounts, left, strict=True)]
    if broken_rules(problem, taken):
        raise AssertionError("the greedy peer's plan is not valid")
    return value_of(problem, taken)


def _plain_cp_sat(problem: ConflictProblem, wall_s: float, seed: int) -> tuple[float | None, float | None]:
    """The problem as stated: one clause per forbidden set. Values and amounts are whole numbers here."""
    model = cp_model.CpModel()
    x = [model.new_bool_var("") for _ in problem.values]
    owned: dict[int, list[int]] = {}
    for k, owner in enumerate(problem.owners):
        owned.setdefault(owner, []).append(k)
    for own in owned.values():
        model.add_at_most_one(x[k] for k in own)
    for each in problem.forbidden:
        model.add_bool_or([x[k].negated() for k in each])
    for sack in problem.knapsacks:
        used = sum(int(a) * x[k] for k, a in zip(sack.choices, sack.amounts, strict=True))
        model.add(used <= int(sack.most))
    model.maximize(sum(int(v) * x[k] for k, v in enumerate(problem.values)))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 2
    solver.parameters.random_seed = seed
    solver.parameters.max_time_in_seconds = wall_s
    if solver.solve(model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None, None
    return solver.objective_value, solver.best_objective_bound
