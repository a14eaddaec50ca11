"""Where long work runs and how it shows: ``--workers``, ``--scheduler``, progress with the time left."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from comity.core import Executor, InputError, Progress, ThreadExecutor

Workers = Annotated[
    int | None,
    typer.Option(
        help="Run on this many processes of this machine (needs the extra dask).",
        show_default="threads of this process",
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="tcp://HOST:PORT",
        help="Run on the workers of this Dask scheduler (needs the extra dask).",
        show_default=False,
    ),
]
#: Without a terminal, work that will take longer than this (s) says so once.
_LONG_S = 60.0
_LEAST_S = 2.0
#: More processes than this for each processor only cost memory, some 200 MB each.
_MOST_PER_PROCESSOR = 8
_ADDRESS = re.compile(r"(tcp|tls|ws|wss|ucx)://[^\s/:]+:\d{1,5}|tcp://\[[0-9a-fA-F:]+\]:\d{1,5}")


@contextmanager
def executor_for(workers: int | None, scheduler: str | None) -> Iterator[Executor]:
    """Threads, processes of this machine or the workers of a scheduler; ended at the end.

    Raises :class:`InputError` for both at once, more workers than a machine can bear, or what is no address.
    """
    if workers is not None and scheduler is not None:
        raise InputError("give --workers (processes of this machine) or --scheduler, not both")
    if workers is None and scheduler is None:
        yield ThreadExecutor()
        return
    most = _MOST_PER_PROCESSOR * (os.cpu_count() or 1)
    if workers is not None and not 1 <= workers <= most:
        raise InputError(
            f"--workers {workers} is outside 1 … {most}, {_MOST_PER_PROCESSOR} a processor of this machine"
        )
    if scheduler is not None and not _ADDRESS.fullmatch(scheduler):
        raise InputError(f"--scheduler {scheduler!r} is no address such as tcp://HOST:8786")
    from comity.stores import dask_executor  # slow to import: only who asks pays

    with dask_executor(workers=workers, scheduler=scheduler) as executor:
        yield executor


@contextmanager
def progress_with_time_left(title: str) -> Iterator[Progress]:
    """A bar on standard error with an estimate of the time left; elsewhere one line if it will be long."""
    first: tuple[float, float] | None = None

    def left(done: float, total: float) -> float | None:
        nonlocal first
        if first is None:  # what comes before it (loading, first pieces of every worker) tells nothing
            first = (time.monotonic(), done) if done > 0.0 else None
            return None
        spent, more = time.monotonic() - first[0], done - first[1]
        return spent * (total - done) / more if more > 0.0 and spent > _LEAST_S else None

    if not sys.stderr.isatty():
        told = False

        def once(done: float, total: float, message: str, /) -> None:
            nonlocal told
            seconds = left(done, total)
            if not told and seconds is not None and seconds > _LONG_S:
                told = True
                sys.stderr.write(f"note: about {short_time(seconds)} to go ({message})\n")
                sys.stderr.flush()

        yield once
        return
    from comity.cli.common import progress_bar

    with progress_bar(title) as bar:

        def update(done: float, total: float, message: str, /) -> None:
            seconds = left(done, total)
            bar(done, total, message if seconds is None else f"{message}, about {short_time(seconds)} left")

        yield update


def short_time(seconds: float) -> str:
    """A duration in one unit that suits it: ``42 s``, ``3.5 min``, ``6.1 h``, ``4.2 days``."""
    for limit, divisor, unit in ((120.0, 1.0, "s"), (7_200.0, 60.0, "min"), (4 * 86_400.0, 3_600.0, "h")):
        if seconds < limit:
            value = seconds / divisor
            return f"{value:.0f} {unit}" if unit == "s" or value >= 100 else f"{value:.1f} {unit}"
    return f"{seconds / 86_400.0:.1f} days"
