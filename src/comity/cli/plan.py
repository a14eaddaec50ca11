"""``comity plan``: make a plan, say why, write what an operator would send."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from comity.cli.common import (
    DEFAULT_DB,
    Db,
    Json,
    Now,
    console,
    open_store,
    print_json,
    progress_bar,
    time_of,
)
from comity.cli.plan_answers import explain_plan, rush, whatif
from comity.cli.plan_generate import generate
from comity.cli.plan_problem import convert, judge_plan, solve
from comity.core import Epoch, InputError
from comity.operations import OrderAccount, PlanRecord, explain_order, export_plan, make_plan
from comity.planning import Stop

app = typer.Typer(help="Make, explain and export plans.", no_args_is_help=True)
app.command("solve")(solve)
app.command("convert")(convert)
app.command("check")(judge_plan)
app.command("generate")(generate)
app.command("whatif")(whatif)
app.command("rush")(rush)


@app.command("make")
def make(
    time_limit: Annotated[float, typer.Option("--time-limit", help="Seconds the solver may take.")] = 30.0,
    work_limit: Annotated[
        float | None,
        typer.Option("--work-limit", help="Deterministic work units instead: the same plan again."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the solver.")] = 0,
    lead: Annotated[
        float,
        typer.Option("--lead", metavar="HOURS", help="What is approved and begins within that time stays."),
    ] = 6.0,
    db: Db = DEFAULT_DB,
    now: Now = None,
    json: Json = False,
) -> None:
    """Plan every open task; prints value, upper bound, gap and counts."""
    if not 0 <= lead < math.inf:
        raise InputError(f"lead {lead} h must be at least 0 and finite")
    if not 0 < time_limit < math.inf:
        raise InputError(f"time limit {time_limit} s must be above 0 and finite")
    if work_limit is not None and not 0 < work_limit < math.inf:
        raise InputError(f"work limit {work_limit} must be above 0 and finite")
    stop = Stop(wall_s=time_limit) if work_limit is None else Stop(work=work_limit)
    with open_store(db) as store, progress_bar("planning") as progress:
        plan = make_plan(
            store, now=time_of(store, now), seed=seed, stop=stop, lead_s=lead * 3600.0, progress=progress
        )
        with store.read() as work:
            currency = work.programme().currency
    if json:
        print_json({"id": plan.id, "created": plan.created, "solution": plan.solution})
        return
    show_plan(plan, currency)


def show_plan(plan: PlanRecord, currency: str) -> None:
    """Print a plan's figures and the reasons it gives; values count clear skies and good geometry."""
    out, solution = console(), plan.solution
    bound = solution.bound
    table = Table(title=f"{plan.id} from {plan.created}", show_header=False)
    table.add_row("value", f"{bound.value:,.0f} {currency}, weighted by the chance of a clear sky")
    table.add_row("upper bound", f"{bound.upper:,.0f} ({bound.method})")
    table.add_row("gap", f"{bound.gap:.2%}")
    planned = sum(1 for value in solution.task_values.values() if value > 0)
    table.add_row("tasks", f"{planned} of {len(plan.problem.tasks)} planned")
    table.add_row(
        "acquisitions", f"{len(solution.acquisitions)} of {len(plan.problem.opportunities):,} opportunities"
    )
    table.add_row("downlinks", f"{len(solution.downlinks)} of {len(plan.problem.contacts):,} contacts")
    table.add_row("solver", f"{solution.solver}, work {solution.work:.2f}, seed {solution.seed}")
    out.print(table)
    left_out = [r for r in solution.reasons if solution.task_values.get(r.task, 0.0) == 0]
    if left_out:
        why = Table("task", "code", "why", title=f"{len(left_out)} tasks not planned")
        for reason in left_out:
            why.add_row(reason.task, reason.code, reason.text)
        out.print(why)
    out.print("next: comity plan export, comity execute", style="dim")


@app.command("explain")
def explain(
    subject: Annotated[str, typer.Argument(metavar="ORDER|PROBLEM", help="Order's id, or a problem file.")],
    plan: Annotated[
        Path | None, typer.Argument(metavar="[PLAN]", help="With a problem file: the plan.json to explain.")
    ] = None,
    request: Annotated[
        list[str], typer.Option("--request", help="With a problem file: this request only.")
    ] = [],  # noqa: B006
    db: Db = DEFAULT_DB,
    now: Now = None,
    json: Json = False,
) -> None:
    """Say of each task of an order what is planned, what was done, and why not the rest.

    With PROBLEM and PLAN: why each request of a planning problem is not, or not wholly, in its plan.
    """
    if plan is not None:
        explain_plan(Path(subject), plan, request, json=json)
        return
    if request:
        raise InputError("--request is for a problem file and its plan: comity plan explain PROBLEM PLAN")
    with open_store(db) as store:
        account = explain_order(store, subject, Epoch.from_iso(now) if now else None)
    if json:
        print_json({"order": account.order, "tasks": account.tasks})
        return
    _show_account(account)


def _show_account(account: OrderAccount) -> None:
    table = Table("task", "state", "activities", "why", title=f"{account.order.id}: {account.order.status}")
    for each in account.tasks:
        lines = [
            f"{a.interval.start.iso(0)} {a.spacecraft} {a.state}"
            + ("" if a.received_by is None else f" ⇣ {a.received_by}")
            for a in each.activities
        ]
        shown = "\n".join(lines[:6]) + (f"\n… {len(lines) - 6} more" if len(lines) > 6 else "")
        why = f"{each.reason_code}: {each.reason_text}" if each.reason_code else ""
        table.add_row(each.task.id, each.task.state, shown, why)
    console().print(table)


@app.command("export")
def export(
    folder: Annotated[Path, typer.Option("--out", help="Folder to write to.")] = Path("export"),
    db: Db = DEFAULT_DB,
    now: Now = None,
) -> None:
    """Write tasking per spacecraft and schedules per station, as CSV and JSON."""
    with open_store(db) as store:
        files = export_plan(store, folder, now=time_of(store, now))
    out = console()
    for path in files:
        out.print(str(path), soft_wrap=True)
