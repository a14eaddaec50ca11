"""Rows of the generated agile instances: Comity, greedy and plain CP-SAT, and whether every resource binds.

``python -m planning_bench.generated WHAT SATELLITES REQUESTS SEED WALL_S`` does one job in a process of its
own, so that its peak memory is its own, and prints one JSON object.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

Line = dict[str, Any]

#: Satellites, requests, gap to reach (%), in so many seconds.
SIZES = (
    (20, 2_000, 0.1, 10.0),
    (100, 6_000, 0.5, 60.0),
    (1_000, 12_000, 1.0, 180.0),
    (30, 20_000, 2.0, 240.0),
)
#: Those that one plain model can be built for.
CP_SAT_SIZES = ((20, 2_000), (100, 6_000), (30, 20_000))
PEAK_GB = 4.0
#: What a run may take beside its limit: the last step ends, the plan is checked.
GRACE = 1.05
BINDS_PERCENT, BINDS_CPU_S = 3.0, 120.0


def line(row: int, job: str, value: float | None, unit: str, **more: Any) -> Line:
    """One object of the output; fields that are not given are null."""
    told: Line = {"row": row, "job": job, "value": value, "unit": unit}
    told |= dict.fromkeys(("peer", "peer_value", "ratio", "reach", "met"))
    return told | more


def row_3(sizes: Sequence[str] = (), *, seed: int = 0) -> Iterator[Line]:
    """Value, bound and gap of each size within its time."""
    for satellites, requests, reach, wall_s in SIZES:
        job = f"{satellites}x{requests}"
        if sizes and job not in sizes:
            continue
        told = _child("comity", satellites, requests, seed, wall_s)
        words = f"gap <= {reach} % in {wall_s:g} s, <= {PEAK_GB:g} GB"
        if "skipped" in told:
            yield line(3, job, None, "% gap", reach=words, **told)
            continue
        met = (
            told["valid"]
            and told["gap_percent"] <= reach
            and told["wall_s"] <= GRACE * wall_s
            and told["peak_gb"] <= PEAK_GB
        )
        yield line(3, job, told.pop("gap_percent"), "% gap", reach=words, met=met, **told)


def row_4(sizes: Sequence[str] = (), *, seed: int = 0) -> Iterator[Line]:
    """Greedy and plain CP-SAT in the time that Comity has; ``ratio``: Comity's value over the peer's."""
    for satellites, requests, _, wall_s in SIZES:
        job = f"{satellites}x{requests}"
        if sizes and job not in sizes:
            continue
        own = _child("comity", satellites, requests, seed, wall_s)
        for peer in ("greedy", "plain CP-SAT"):
            if peer != "greedy" and (satellites, requests) not in CP_SAT_SIZES:
                yield line(4, job, own.get("plan"), "value", peer=peer, skipped="too large for one model")
                continue
            told = _child(peer, satellites, requests, seed, wall_s)
            theirs, ours = told.pop("value", None), own.get("plan")
            ratio = round(ours / theirs, 4) if ours and theirs else None
            about = {f"peer_{key}": value for key, value in told.items()}
            yield line(4, job, ours, "value", peer=peer, peer_value=theirs, ratio=ratio, **about)


def row_5(*, seed: int = 0) -> Iterator[Line]:
    """By how much the bound rises when a resource is taken away."""
    satellites, requests, _, _ = SIZES[0]
    told = _child("binding", satellites, requests, seed, BINDS_CPU_S)
    job, reach = f"{satellites}x{requests}", f"bound rises by >= {BINDS_PERCENT:g} %"
    if "skipped" in told:
        yield line(5, job, None, "% of the bound", reach=reach, **told)
        return
    shown = {key: told[key] for key in ("bound", "by_time_alone", "peak_gb")}
    for name, (percent, converged) in told["rises"].items():
        # Bounds that are still falling say nothing about each other.
        met = percent >= BINDS_PERCENT if converged else None
        about = {"reach": reach, "met": met, "converged": converged, **shown}
        yield line(5, f"{job} without {name}", percent, "% of the bound", **about)


def _child(what: str, satellites: int, requests: int, seed: int, wall_s: float) -> Line:
    from access_bench.worker import in_own_process

    arguments = (what, str(satellites), str(requests), str(seed), str(wall_s))
    return in_own_process("planning_bench.generated", *arguments, one_core=False)


def _comity(problem: Any, wall_s: float) -> Line:
    from comity.planning.paths import generate, solve, standard, violations

    # What is compiled on first use is compiled before the clock starts.
    solve(generate(replace(standard(2, 60), horizon_s=20_000.0)), steps=4)
    before, generated_gb = time.process_time(), _peak_gb()
    began = time.monotonic()
    plan = solve(problem, wall_s=wall_s)
    wall, cpu = time.monotonic() - began, time.process_time() - before
    return {
        "gap_percent": round(100.0 * plan.gap, 4),
        "plan": round(plan.value, 2),
        "bound": round(plan.bound, 2),
        "valid": not violations(problem, list(plan.nodes), list(plan.sendings)),
        "steps": plan.steps,
        "wall_s": round(wall, 1),
        "cpu_s": round(cpu, 1),
        "peak_gb": _peak_gb(),
        "generated_gb": generated_gb,
        "nodes": len(problem),
        "slots": len(problem.contacts),
    }


def _binding(problem: Any, cpu_s: float) -> Line:
    """Bounds of the relaxation alone, each to its last step, or as far as it comes in so many CPU-seconds."""
    from comity.planning.paths.bounding import bounds
    from comity.planning.paths.relaxation import Graph, Relaxation
    from comity.planning.paths.resources import couple

    def bound(task: Any) -> tuple[float, bool]:
        began = time.process_time()
        found, converged = 0.0, False
        relaxation = Relaxation(task, couple(task), Graph(task))
        for step in bounds(relaxation, over=lambda: time.process_time() - began > cpu_s):
            found, converged = step.bound, step.last
        return found, converged and time.process_time() - began <= cpu_s

    base, sure = bound(problem)
    rises = {}
    for name in ("memory", "energy", "downlink"):
        found, converged = bound(without(problem, name))
        rises[name] = (round(100.0 * (found / base - 1.0), 2), sure and converged)
    everything, _ = bound(without(without(without(problem, "memory"), "energy"), "downlink"))
    most = _dearest(problem)
    return {"bound": round(base, 2), "rises": rises, "by_time_alone": round(everything / most, 4)}


def _dearest(problem: Any) -> float:
    """Sum of the requests' best values."""
    import numpy as np

    top = np.zeros(problem.requests)
    np.maximum.at(top, problem.request, problem.value)
    return float(top.sum())


def without(problem: Any, name: str) -> Any:
    """The problem with memory without end, no battery, or contacts of which each carries all, at once."""
    import numpy as np

    if name == "memory":
        return replace(problem, store=replace(problem.store, capacity_bits=1e3 * problem.store.capacity_bits))
    if name == "energy":
        return replace(problem, battery=None)
    contacts = problem.contacts
    return replace(
        problem, contacts=replace(contacts, bits=1e3 * contacts.bits, antenna=np.arange(len(contacts)))
    )


def _peak_gb() -> float:
    unit = 1e9 if sys.platform == "darwin" else 1e6
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit, 2)


def main() -> None:
    """One job."""
    from comity.planning.paths import generate, standard
    from planning_bench import peers

    what, satellites, requests, seed, wall_s = sys.argv[1:]
    problem = generate(standard(int(satellites), int(requests), seed=int(seed)))
    if what == "comity":
        told = _comity(problem, float(wall_s))
    elif what == "binding":
        told = _binding(problem, float(wall_s))
    else:
        told = (
            peers.greedy(problem)
            if what == "greedy"
            else peers.plain_cp_sat(problem, float(wall_s), seed=int(seed))
        )
    print(json.dumps({**told, "peak_gb": _peak_gb()}))


if __name__ == "__main__":
    main()
