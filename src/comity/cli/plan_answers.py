"""``comity plan explain``, ``whatif`` and ``rush`` on plans of problem files."""

from __future__ import annotations

import math
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from comity.cli.plan_problem import (
    DEFAULT_WALL_S,
    Source,
    read_plan,
    read_source,
    write_plan,
)
from comity.core import InputError

if TYPE_CHECKING:  # slow to import: only the command that is called pays
    from comity.operations import PlanWhatIf
    from comity.planning.answers import Moved, Rush, WhatIf
    from comity.planning.problem import Activity, Plan, PlanningProblem

#: Lines of a table that are shown; ``--json`` has all.
_SHOWN = 40
#: Seconds for each plan of the operator's own state, without any limit: as of ``plan make``.
_OWN_WALL_S = 30.0

PlanFile = Annotated[Path, typer.Argument(metavar="PLAN", help="The plan.json that solve wrote.")]


def explain_plan(problem: Path, plan: Path, requests: list[str], *, json: bool) -> None:
    """Why each request of a planning problem, or each of ``requests``, is not wholly in its plan."""
    from comity.planning.answers import reasons

    with progress_bar("explaining") as progress:
        task, _ = read_source(problem, progress)
        stored = read_plan(plan, task)
        found = reasons(task, stored, requests=requests or None, progress=progress)
    if json:
        print_json({"problem": task.name, "value": stored.value, "upper": stored.upper, "reasons": found})
        return
    out = console()
    if not found:
        out.print("nothing is left out" if not requests else f"{', '.join(requests)}: wholly in the plan")
        return
    table = Table("request", "code", "why", title=f"{len(found):,} requests not wholly planned")
    for reason in found[: None if requests else _SHOWN]:
        table.add_row(reason.request, reason.code, reason.text)
    out.print(table)
    counts = Counter(reason.code for reason in found).most_common()
    out.print(", ".join(f"{code} {count:,}" for code, count in counts), soft_wrap=True)
    if len(found) > _SHOWN and not requests:
        out.print(f"{_SHOWN} are shown: --json has all, --request ID one", style="dim")


def whatif(
    problem: Annotated[
        Path | None,
        typer.Argument(metavar="[PROBLEM]", help="Problem file (None: the operator's own state, --db)."),
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Argument(metavar="[PLAN]", help="The plan.json to start from (None: solve first)."),
    ] = None,
    without: Annotated[list[str], typer.Option("--without", help="Satellite that is not there.")] = [],  # noqa: B006
    without_station: Annotated[
        list[str],
        typer.Option("--without-station", help="Station that is not there."),
    ] = [],  # noqa: B006
    without_partner: Annotated[
        list[str],
        typer.Option("--without-partner", help="Partner that is not there, nor its requests and satellites."),
    ] = [],  # noqa: B006
    add: Annotated[
        list[str],
        typer.Option(
            "--add",
            help='File with a request to add: {"request": {…}, "opportunities": […]}; of the own state, '
            "the id of a request that is not ordered.",
        ),
    ] = [],  # noqa: B006
    drop: Annotated[
        list[str], typer.Option("--drop", help="Request (of the own state: order) that nobody wants.")
    ] = [],  # noqa: B006
    work_limit: Annotated[
        float | None, typer.Option("--work-limit", help="Work units that each solution may take.")
    ] = None,
    wall_s: Annotated[
        float | None,
        typer.Option("--wall-s", help="Seconds that each solution may take (else 60, of the own state 30)."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the solver.")] = 0,
    db: Db = DEFAULT_DB,
    now: Now = None,
    json: Json = False,
) -> None:
    """Plan with something added or taken away; say what that changes and who is hit. Nothing is stored.

    With PROBLEM: a planning problem. Without: the operator's own open orders, as ``plan make`` plans them.
    """
    for option, limit in (("--work-limit", work_limit), ("--wall-s", wall_s)):
        if limit is not None and not 0 < limit < math.inf:
            raise InputError(f"{option} {limit:g} must be above 0 and finite")
    from comity.planning.solver import Stop

    if problem is None:
        if without_partner:
            raise InputError("--without-partner is for problem files: name its satellites with --without")
        from comity.operations import what_if_planned

        if not (without or without_station or add or drop):
            raise InputError("nothing is changed: give --without, --without-station, --add or --drop")
        with open_store(db) as store, progress_bar("planning") as progress:
            made = what_if_planned(
                store,
                now=time_of(store, now),
                without=without,
                without_stations=without_station,
                add=add,
                drop=drop,
                seed=seed,
                stop=Stop(
                    wall_s=_OWN_WALL_S if wall_s is None and work_limit is None else wall_s, work=work_limit
                ),
                progress=progress,
            )
        if json:
            print_json(made)
            return
        show_plan_what_if(made)
        return
    from comity.planning.answers import Change, read_addition, what_if

    change = Change(
        without_satellites=tuple(without),
        without_stations=tuple(without_station),
        without_partners=tuple(without_partner),
        drop=tuple(drop),
        add=tuple(read_addition(Path(path)) for path in add),
    )
    if change == Change():
        raise InputError(
            "nothing is changed: give --without, --without-station, --without-partner, --add or --drop"
        )
    stop = Stop(wall_s=DEFAULT_WALL_S if work_limit is None and wall_s is None else wall_s, work=work_limit)
    with progress_bar("planning") as progress:
        task, _ = read_source(problem, progress)
        stored = None if plan is None else read_plan(plan, task)
        found = what_if(task, change, plan=stored, seed=seed, stop=stop, progress=progress)
    if json:
        print_json(
            {
                "before": _figures(found.before),
                "after": _figures(found.after),
                "difference": found.difference,
                "true_difference": {"least": found.least, "most": found.most, "certain": found.certain},
                "moved": found.moved,
                "plan": found.after,
            }
        )
        return
    _show_what_if(found)


def show_plan_what_if(found: PlanWhatIf) -> None:
    """Print both values, what of the difference is proven, and who is hit."""
    out, before, after = console(), found.before.bound, found.after.bound
    table = Table("", "before", "after", "difference", title="what if, with the operator's own orders")
    table.add_row(
        f"value ({found.currency})",
        f"{before.value:,.0f}",
        f"{after.value:,.0f}",
        f"{found.difference:+,.0f}",
    )
    table.add_row("upper bound", f"{before.upper:,.0f}", f"{after.upper:,.0f}", "")
    table.add_row("gap", f"{before.gap:.2%}", f"{after.gap:.2%}", "")
    out.print(table)
    _show_span(found.least, found.most, before.value)
    if found.orders:
        hit = Table(
            "order", "customer", "product", "tasks", "served", "earned", "difference", title="who is hit"
        )
        for each in found.orders[:_SHOWN]:
            hit.add_row(
                each.order + (" (tried out)" if each.added else ""),
                each.customer,
                each.product,
                str(each.tasks),
                f"{each.served_before} → {each.served_after}",
                f"{each.earned_before:,.0f} → {each.earned_after:,.0f}",
                f"{each.difference:+,.0f}",
            )
        out.print(hit)
        if len(found.orders) > _SHOWN:
            out.print(f"{_SHOWN} are shown: --json has all", style="dim")
    out.print(f"{found.unchanged:,} orders earn the same; nothing is stored", soft_wrap=True)


def _figures(plan: Plan) -> dict[str, object]:
    return {
        "value": plan.value,
        "upper": plan.upper,
        "gap": plan.gap,
        "upper_for": plan.upper_for,
        "stopped": plan.stopped,
    }


def _show_what_if(found: WhatIf) -> None:
    table = Table("", "before", "after", "difference", title="what if")
    before, after = found.before, found.after
    table.add_row("value", f"{before.value:,.10g}", f"{after.value:,.10g}", f"{found.difference:+,.10g}")
    table.add_row("upper bound", f"{before.upper:,.10g}", f"{after.upper:,.10g}", "")
    table.add_row("gap", f"{before.gap:.3%}", f"{after.gap:.3%}", "")
    out = console()
    out.print(table)
    for plan in dict.fromkeys((before.upper_for, after.upper_for)):
        out.print(f"bound holds for {plan}", soft_wrap=True)
    _show_span(found.least, found.most, before.value)
    show_moved(found.moved)


def _show_span(least: float, most: float, value: float) -> None:
    """What is proven of the difference of the best plans."""
    out, slack = console(), 1e-7 * max(1.0, abs(value))
    span = f"from {least:+,.6g} to {most:+,.6g}"
    if most - least <= slack:
        out.print("both plans are proven best: this is the true difference", soft_wrap=True)
    elif least > slack or most < -slack:
        out.print(f"the true difference lies {span}: its sign is proven", soft_wrap=True)
    else:
        out.print(
            f"the true difference lies {span}: what was found is within the gaps and proves nothing; "
            "give more time for closer bounds",
            soft_wrap=True,
        )


def show_moved(moved: tuple[Moved, ...]) -> None:
    """Table of requests that are served differently."""
    if not moved:
        console().print("no request is served differently")
        return
    table = Table("request", "how", "earned before", "after", "from", "to", title=f"{len(moved):,} requests")
    for m in moved[:_SHOWN]:
        table.add_row(
            m.request,
            m.how,
            f"{m.earned_before:,.6g}",
            f"{m.earned_after:,.6g}",
            _acts(m.before),
            _acts(m.after),
        )
    console().print(table)
    if len(moved) > _SHOWN:
        console().print(f"{_SHOWN} are shown: --json has all", style="dim")


def _acts(activities: tuple[Activity, ...]) -> str:
    shown = "\n".join(f"{a.opportunity} at {a.start_s:,.10g} s" for a in activities[:4])
    return shown + (f"\n… {len(activities) - 4} more" if len(activities) > 4 else "")


def rush(
    problem: Source,
    plan: PlanFile,
    add: Annotated[
        Path,
        typer.Option("--add", help='File with the request: {"request": {…}, "opportunities": […]}.'),
    ],
    must: Annotated[
        bool, typer.Option("--must", help="Place it whatever it costs; else only if the plan is worth more.")
    ] = False,
    churn_price: Annotated[
        float, typer.Option("--churn-price", help="What each activity dropped or moved costs.")
    ] = 0.0,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for the new problem.json and plan.json.")
    ] = None,
    json: Json = False,
) -> None:
    """Put one more request into a plan, at once and with as little change as pays."""
    from comity.planning.answers import Change, changed, place_rush, read_addition
    from comity.planning.problem import validate_problem

    with progress_bar("placing") as progress:
        task, _ = read_source(problem, progress)
        stored = read_plan(plan, task)
        addition = read_addition(add)
        validate_problem(changed(task, Change(add=(addition,))))
        clock = time.perf_counter()
        found = place_rush(task, stored, addition, churn_price=churn_price, must=must)
        took = time.perf_counter() - clock
    written = [] if out is None else write_rush(out, found.problem, found.plan)
    if json:
        print_json(
            {
                "placed": found.placed,
                "moved": found.moved,
                "reason": found.reason,
                "before": _figures(stored),
                "after": _figures(found.plan),
                "seconds": took,
                "plan": found.plan,
            }
        )
        return
    _show_rush(found, stored, took)
    for path in written:
        console().print(str(path), soft_wrap=True)


def write_rush(folder: Path, problem: PlanningProblem, plan: Plan) -> list[Path]:
    """The problem with the request and its plan."""
    from comity.planning.problem import write_problem

    return [write_problem(folder / "problem.json", problem), write_plan(folder / "plan.json", problem, plan)]


def _show_rush(found: Rush, before: Plan, took: float) -> None:
    out, plan = console(), found.plan
    request = found.problem.requests[-1].id
    for a in found.placed:
        satellite = next(o.satellite for o in found.problem.opportunities if o.id == a.opportunity)
        when = (found.problem.start + a.start_s).iso(0)
        out.print(f"{request}: {a.opportunity} on {satellite} at {when}", soft_wrap=True)
    if found.reason is not None:
        what = "the rest" if found.placed else request
        out.print(f"{what} is not placed: {found.reason.code}: {found.reason.text}", soft_wrap=True)
    out.print(
        f"value {before.value:,.10g} before, {plan.value:,.10g} after; at most {plan.upper:,.10g} "
        f"(gap {plan.gap:.3%}); found in {took:.2f} s",
        soft_wrap=True,
    )
    show_moved(found.moved)
