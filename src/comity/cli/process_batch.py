"""``comity process batch``: many scenes through the same steps."""

from __future__ import annotations

import json as json_text
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from comity.cli.common import Json, console, print_json
from comity.cli.output import check_writable
from comity.cli.work import Scheduler, Workers, executor_for, progress_with_time_left, short_time
from comity.core import encode, write_text


def batch(
    jobs: Annotated[Path, typer.Argument(metavar="JOBS.toml", help="Steps and scenes; TOML or JSON.")],
    workers: Workers = None,
    scheduler: Scheduler = None,
    report: Annotated[Path | None, typer.Option(metavar="FILE.json", help="Also write the result.")] = None,
    json: Json = False,
) -> None:
    """Take many scenes through the same steps: ortho, product … A scene that fails stops no other.

    Killed or failed, called again it goes on: finished scenes and steps are kept, a broken one goes on at its
    last block. Exit codes: 0 fine; 2 bad input; 3 some scenes failed, each with its reason.
    """
    from comity.imagery.processing.batch import read_jobs, run_batch

    scenes = read_jobs(jobs)
    if report is not None:
        check_writable(report)
    with executor_for(workers, scheduler) as executor, progress_with_time_left("scenes") as progress:
        results = run_batch(scenes, executor=executor, progress=progress)
    if report is not None:
        write_text(report, json_text.dumps(encode(results), indent=1, ensure_ascii=False) + "\n")
    failed = [one for one in results if one.state == "failed"]
    if json:
        print_json(results)
    else:
        table = Table("scene", "state", "steps", "time", "last file or reason")
        for one in results:
            names = ", ".join(f"{step.step}{' (kept)' * step.kept}" for step in one.steps)
            last = one.error or (one.steps[-1].out if one.steps else "")
            table.add_row(one.id, one.state, names, short_time(sum(s.seconds for s in one.steps)), last)
        console().print(table)
        console().print(f"{len(results) - len(failed)} of {len(results)} scenes are done")
    if failed:
        raise typer.Exit(3)
