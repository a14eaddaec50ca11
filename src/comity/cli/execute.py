"""``comity execute``: what really happened."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from comity.cli.common import DEFAULT_DB, Db, Json, Now, console, open_store, print_json, time_of
from comity.core import Epoch, InputError
from comity.operations import execute as take_in
from comity.operations import expire_tasks, read_report


def execute(
    report: Annotated[
        Path | None,
        typer.Option(help="CSV or JSON of activity_id, state (done or failed), cloud (0…1), text."),
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="Simulate up to this time; default: the end of the plan.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the simulation.")] = 0,
    db: Db = DEFAULT_DB,
    now: Now = None,
    json: Json = False,
) -> None:
    """Take in a report of planned activities; without one their outcomes are simulated, and marked so."""
    if report is not None and until is not None:
        raise InputError("--until is for simulation: a report says itself what happened")
    outcomes = read_report(report) if report is not None else None
    with open_store(db) as store:
        at = time_of(store, now)
        end = Epoch.from_iso(until) if until else None
        summary = take_in(store, now=at, until=end, report=outcomes, seed=seed)
        if end is not None:
            expire_tasks(store, now=end)
    if json:
        print_json(summary)
        return
    out = console()
    kind = "simulated" if report is None else "reported"
    out.print(f"{summary.done} done, {summary.failed} failed, {summary.received} received ({kind})")
    for task in summary.retried:
        out.print(f"  {task}: failed, to be tried again by the next plan")
    for task in summary.cloudy:
        out.print(f"  {task}: over the cloud limit, a clearer one to be tried by the next plan")
    for task in summary.over_limit:
        out.print(f"  {task}: over the cloud limit and its time is over, the customer decides")
    for task in summary.expired:
        out.print(f"  {task}: failed, and its time is over")
    out.print("next: comity deliver", style="dim")
