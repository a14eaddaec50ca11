"""Other programs run beside ours: as processes, with their time and memory."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Any


def run(command: Sequence[str], env: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Run a command to its end: wall and processor seconds, greatest resident memory in MB.

    Raises ``RuntimeError`` with what it said when it fails.
    """
    start = time.monotonic()
    process = subprocess.Popen(
        list(command),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, **(env or {})},
    )
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - start
    if process.returncode != 0:
        raise RuntimeError(
            f"{command[0]} ended with {process.returncode}: {said.decode(errors='replace')[-500:]}"
        )
    unit = 1024.0  # Linux counts kB
    return {
        "wall_s": round(wall, 2),
        "cpu_s": round(used.ru_utime + used.ru_stime, 2),
        "peak_mb": round(used.ru_maxrss / unit),
    }
