"""One program doing one job in a process of its own: ``python -m access_bench.worker PEER JOB OUT REPEATS``.

Prints one JSON object: CPU-seconds of this process (all its threads) of each repeat after a first, uncounted
one; OUT receives the arrays it found. It stays on one core where the system allows that. A program that
cannot be imported or started is reported by name under ``skipped``.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from access_bench.job import FloatArray, Job

PARTS = Path(__file__).resolve().parents[1]
#: Numerical libraries that would start a thread per core.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)
ONE_CORE = "COMITY_BENCH_ONE_CORE"
WORDS_MAX = 300


def in_own_process(
    module: str, *arguments: str, one_core: bool = True, timeout_s: float = 1800.0
) -> dict[str, Any]:
    """Run ``python -m module`` with the parts of this benchmark on its path; the last line it prints, read.

    A failure comes back as ``{"skipped": why}``.
    """
    paths = [str(PARTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONWARNINGS": "ignore"}
    if one_core:
        environment |= ONE_THREAD | {ONE_CORE: "1"}
    try:
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired:
        return {"skipped": f"not done after {timeout_s:g} s"}
    if done.returncode:
        return {"skipped": last_words(done)}
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


def last_words(done: subprocess.CompletedProcess[str]) -> str:
    """Why a process ended badly: its code and the last line it wrote on standard error."""
    last = (done.stderr.strip().splitlines() or ["no message"])[-1]
    return f"ended with code {done.returncode}: {last[:WORDS_MAX]}"


def measure(
    peer: str, job: Job, repeats: int, one_core: bool = True
) -> tuple[dict[str, Any], FloatArray | None]:
    """What a program of :mod:`access_bench.peers` takes for a job, and its arrays (None when skipped)."""
    with tempfile.TemporaryDirectory() as folder:
        asked, out = Path(folder) / "job.json", Path(folder) / "arrays.npy"
        job.write(asked)
        answer = in_own_process(
            "access_bench.worker", peer, str(asked), str(out), str(repeats), one_core=one_core
        )
        return answer, np.load(out) if out.exists() else None


def stay_on_one_core() -> None:
    """Keep this process on the last of its cores, if it was started to."""
    if os.environ.get(ONE_CORE) and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def peak_bytes() -> int:
    """Greatest resident memory of this process so far."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if platform.system() == "Darwin" else most * 1024


def main(peer: str, asked: str, out: str, repeats: str) -> dict[str, Any]:
    """Do the job; the answer to print."""
    stay_on_one_core()
    try:
        module = importlib.import_module(f"access_bench.peers.{peer}")
    except (ImportError, OSError) as error:
        return {"skipped": f"{type(error).__name__}: {error}"[:WORDS_MAX]}
    answer = {"version": f"{module.NAME} {metadata.version(module.NAME)}", "settings": module.SETTINGS}
    try:
        prepared = module.prepare(Job.read(Path(asked)))
    except RuntimeError as error:
        return {**answer, "skipped": str(error)[:WORDS_MAX]}
    result = module.run(prepared)
    cpu, wall = [], []
    for _ in range(int(repeats)):
        began, at = time.process_time(), time.perf_counter()
        result = module.run(prepared)
        cpu.append(time.process_time() - began)
        wall.append(time.perf_counter() - at)
    np.save(out, module.arrays(prepared, result))
    return {**answer, "cpu_s": cpu, "wall_s": wall, "peak_bytes": peak_bytes()}


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):  # some peers talk
        told = main(*sys.argv[1:5])
    print(json.dumps(told))
