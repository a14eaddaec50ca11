"""The large jobs of Comity, each in a process of its own so that its peak memory is its own.

``python -m access_bench.large walker SATELLITES SITES DAYS`` or ``… catalogue FILE SITES DAYS``; prints one
JSON object. Reading the elements is not timed; compiling neither.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from access_bench.job import leo_job
from access_bench.peers.comity import sites_of, trajectories_of
from access_bench.worker import peak_bytes
from comity.access import window_table
from comity.core import Epoch, Interval, ThreadExecutor
from comity.orbits import EarthOrientation, PropagationError, Trajectory, read_elements, sgp4_trajectories

WORKERS = 2
_DAY_S = 86_400.0


def of_catalogue(path: Path) -> tuple[list[Trajectory], Epoch, Counter[str], int]:
    """Trajectories, 0h of the day most epochs fall on, reasons of those refused, how many objects it has."""
    catalogue = read_elements(path)
    good, refused = sgp4_trajectories(catalogue.elements, EarthOrientation.bundled())
    reasons = Counter(_reason(str(one)) for one in refused)
    reasons.update(_reason(str(one)) for one in catalogue.skipped)
    days = Counter(one.epoch.iso(0)[:10] for one in catalogue.elements)
    objects = len(catalogue.elements) + len(catalogue.skipped)
    return list(good), Epoch.from_iso(days.most_common(1)[0][0]), reasons, objects


def _reason(message: str) -> str:
    """What is common to all messages of a kind: without the object's name, its times and its epoch."""
    return message.rsplit(" (elements of", 1)[0].rsplit(": ", 1)[-1]


def main(kind: str, which: str, site_count: str, days: str) -> dict[str, Any]:
    """Do the job; the answer to print."""
    job = leo_job(int(which) if kind == "walker" else 1, int(site_count))
    sites = sites_of(job)
    reasons: Counter[str] = Counter()
    if kind == "walker":
        trajectories: list[Trajectory] = trajectories_of(job)
        start, objects = Epoch.from_datetime(job.begin), len(trajectories)
    else:
        trajectories, start, reasons, objects = of_catalogue(Path(which))
    interval = Interval(start, start + float(days) * _DAY_S)

    def lost(trajectory: Trajectory, error: PropagationError) -> None:
        reasons[_reason(str(error))] += 1

    executor = ThreadExecutor(WORKERS)
    # compiles, and fills what a first call fills, on a small part of the job
    window_table(trajectories[:64], sites[:2], interval, executor=executor, on_error=lambda *_: None)
    walls, cpu = [], []
    for _ in range(5 if kind == "walker" else 1):
        began, at = time.process_time(), time.perf_counter()
        table = window_table(trajectories, sites, interval, executor=executor, on_error=lost)
        walls.append(time.perf_counter() - at)
        cpu.append(time.process_time() - began)
    return {
        "wall_s": walls,
        "cpu_s": round(sorted(cpu)[len(cpu) // 2], 3),
        "peak_bytes": peak_bytes(),
        "windows": len(table.start_s),
        "table_mb": round(
            sum(a.nbytes for a in (table.spacecraft, table.site, table.start_s, table.end_s)) / 1e6, 1
        ),
        "objects": objects,
        "objects_skipped": sum(reasons.values()),
        "skipped_because": dict(reasons.most_common()),
        "interval": f"{interval.start.iso(0)}/{interval.end.iso(0)}",
    }


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:5]), ensure_ascii=False))
