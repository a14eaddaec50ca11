"""Row 6: how Comity's cost grows, and where its time goes. Run as ``python -m access_bench.scaling``."""

from __future__ import annotations

import inspect
import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from access_bench.job import Job, leo_job
from access_bench.worker import in_own_process, stay_on_one_core

#: What is varied, with its steps; the other two stay at 100 satellites, 100 sites, 1 day.
STEPS: dict[str, tuple[int, ...]] = {
    "satellites": (10, 30, 100, 300, 1000),
    "sites": (10, 30, 100, 300, 1000),
    "days": (1, 2, 4, 8, 16),
}
FIXED = {"satellites": "100 LEO", "sites": "100 sites", "days": "1 day"}
REPEATS = 5
PROFILED = (1000, 100)


def costs() -> dict[str, Any]:
    """CPU-seconds on one core of every step, and the profile."""
    stay_on_one_core()
    run(leo_job(10, 10))
    grown: dict[str, list[tuple[int, float, int]]] = {}
    for name, steps in STEPS.items():
        grown[name] = []
        for step in steps:
            size = {"satellites": 100, "sites": 100, "days": 1.0, name: step}
            job = leo_job(int(size["satellites"]), int(size["sites"]), float(size["days"]))
            spent, windows = run(job)
            grown[name].append((step, spent, windows))
    return {"costs": grown, "profile": profile(leo_job(*PROFILED))}


def run(job: Job) -> tuple[float, int]:
    """Median CPU-seconds of a job after a first call, and its windows."""
    from access_bench.peers import comity

    prepared = comity.prepare(job)
    comity.run(prepared)
    spent = []
    for _ in range(REPEATS):
        began = time.process_time()
        table = comity.run(prepared)
        spent.append(time.process_time() - began)
    return statistics.median(spent), len(table.start_s)


class Timers:
    """CPU-seconds spent in compiled functions.

    ``propagation_s``: what the calls that propagate and rotate in one take without the rotation, had by doing
    them again on the spot; ``aside_s``: spent on that, no part of the job.
    """

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self.propagation_s = 0.0
        self.aside_s = 0.0

    def around(self, name: str, function: Any) -> Callable[..., Any]:
        """The function, timed."""
        parameters = list(inspect.signature(function.py_func).parameters)
        turns = parameters.index("turns") if "turns" in parameters else None

        def timed(*arguments: Any) -> Any:
            began = time.process_time()
            result = function(*arguments)
            ended = time.process_time()
            self.spent[name] = self.spent.get(name, 0.0) + ended - began
            if turns is not None:
                self._without_rotation(function, arguments, turns)
                self.aside_s += time.process_time() - ended
            return result

        return timed

    def _without_rotation(self, function: Any, arguments: tuple[Any, ...], turns: int) -> None:
        plain = list(arguments)
        plain[turns] = np.empty((9, 0))
        out = arguments[-1]
        kept = out.copy()
        began = time.process_time()
        function(*plain)
        self.propagation_s += time.process_time() - began
        out[...] = kept


@contextmanager
def timed_kernels() -> Iterator[Timers]:
    """Every public compiled function that a search for passes goes through, timed."""
    from numba.core.registry import CPUDispatcher

    from comity.access import kernels as search
    from comity.access.crossings import kernels as crossings
    from comity.orbits import kernels as states

    timers, replaced = Timers(), []
    for module in (states, crossings, search):
        for name, value in list(vars(module).items()):
            if isinstance(value, CPUDispatcher) and not name.startswith("_"):
                replaced.append((module, name, value))
                setattr(module, name, timers.around(name, value))
    try:
        yield timers
    finally:
        for module, name, value in replaced:
            setattr(module, name, value)


def profile(job: Job) -> dict[str, Any]:
    """CPU-seconds of the parts of one job on one core."""
    from access_bench.peers import comity

    prepared = comity.prepare(job)
    comity.run(prepared)
    with timed_kernels() as timers:
        comity.run(prepared)  # compiles what the timers ask for beyond the job
        timers.spent.clear()
        timers.propagation_s = timers.aside_s = 0.0
        began = time.process_time()
        comity.run(prepared)
        total = time.process_time() - began - timers.aside_s
    states, scan, roots = (
        timers.spent.get(name, 0.0) for name in ("near_earth_states", "find_crossings", "find_passes")
    )
    parts = {
        "propagation": timers.propagation_s,
        "rotation": max(0.0, states - timers.propagation_s),
        "scan": scan,
        "roots": roots,
        "table_and_rest": total - states - scan - roots,
    }
    return {
        "job": f"{len(job.lines)} LEO × {len(job.sites)} sites × 1 day, one core",
        "total_s": round(total, 4),
        **{f"{name}_s": round(value, 4) for name, value in parts.items()},
        "compiled_s": {name: round(value, 4) for name, value in timers.spent.items()},
    }


def row_6(plot: Path | None) -> Iterator[dict[str, Any]]:
    """A line per quantity varied, and one with the profile; a plot if asked."""
    answer = in_own_process("access_bench.scaling")
    if "skipped" in answer:
        yield {"row": 6, "job": "how cost grows", "reach": "reported", "met": None, **answer}
        return
    for name, steps in answer["costs"].items():
        last = steps[-1]
        fixed = [text for part, text in FIXED.items() if part != name]
        yield {
            "row": 6,
            "job": f"cost against {name}; at {' × '.join(fixed)}, one core",
            "value": round(last[1], 4),
            "unit": "CPU-s at the last step",
            "peer": None,
            "peer_value": None,
            "ratio": None,
            "reach": "reported",
            "met": None,
            "exponent": round(_exponent(steps), 3),
            "exponent_of_last_two": round(_exponent(steps[-2:]), 3),
            "steps": [{name: a, "cpu_s": round(b, 5), "windows": c} for a, b, c in steps],
            "windows_per_cpu_s": round(last[2] / last[1]),
        }
    told = answer["profile"]
    yield {
        "row": 6,
        "job": f"where the time goes: {told.pop('job')}",
        "value": told["total_s"],
        "unit": "CPU-s",
        "peer": None,
        "peer_value": None,
        "ratio": None,
        "reach": "reported",
        "met": None,
        **told,
    }
    if plot is not None:
        draw(answer["costs"], plot)


def _exponent(steps: list[list[float]]) -> float:
    """Slope of log cost against log size, by least squares."""
    x = np.log([a for a, _, _ in steps])
    y = np.log([b for _, b, _ in steps])
    return float(np.polyfit(x, y, 1)[0])


def draw(grown: dict[str, list[list[float]]], path: Path) -> None:
    """Cost against size, doubly logarithmic, as PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6.4, 4.8), layout="constrained")
    for name, steps in grown.items():
        sizes, spent, _ = zip(*steps, strict=True)
        base = 1.0 if name == "days" else 100.0
        slope = _exponent(steps)
        axes.loglog(np.array(sizes) / base, spent, "o-", label=f"{name}: exponent {slope:.2f}")
    low, high = 0.1, 16.0
    unit = next(spent for size, spent, _ in grown["days"] if size == 1)
    axes.loglog([low, high], [unit * low, unit * high], ":", color="grey", label="linear")
    axes.set_xlabel("size, in units of 100 satellites, 100 sites or 1 day (the other two at 1)")
    axes.set_ylabel("CPU-seconds on one core")
    axes.set_title("Passes over sites: how cost grows")
    axes.grid(True, which="both", alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=150)
    plt.close(figure)


if __name__ == "__main__":
    print(json.dumps(costs()))
