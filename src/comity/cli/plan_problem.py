"""``comity plan solve``, ``convert``, ``check``: planning problems in files, with no operator behind them."""

from __future__ import annotations

import json as json_text
import math
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from comity.cli.common import Json, console, print_json, progress_bar
from comity.cli.plan_solving import Solved, keeper_of, show_extras, solve_as_asked
from comity.core import InputError, Progress, decode, encode
from comity.core.files import read_text, write_text

if TYPE_CHECKING:  # slow to import: only the command that is called pays
    from comity.planning.problem import Judgement, Plan, PlanningProblem

_SOURCE = "Problem: a JSON file, a SPOT5 .spot file, or the folder of an AEOSSP case."
Source = Annotated[Path, typer.Argument(metavar="PROBLEM", help=_SOURCE)]

#: Without any limit the search stops after this time.
DEFAULT_WALL_S = 60.0

#: What a plan file says of itself.
PLAN_FORMAT = "comity-plan"

#: Files of a plan in a public set's own form: name → text.
PublicForm = Callable[["Plan"], dict[str, str]]


def solve(
    problem: Source,
    work_limit: Annotated[
        float | None, typer.Option("--work-limit", help="Work units that the solver may spend.")
    ] = None,
    wall_s: Annotated[
        float | None,
        typer.Option("--wall-s", help="Seconds that the solver may take (60 if no limit is given)."),
    ] = None,
    gap: Annotated[float, typer.Option(help="Stop at this relative gap, e.g. 0.001.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Seed of the solver.")] = 0,
    fair: Annotated[
        float | None,
        typer.Option("--fair", help="What each partner gets at least: part of what it would earn alone."),
    ] = None,
    fair_basis: Annotated[
        str, typer.Option("--fair-basis", help="plan: alone is the value found; bound: its upper bound.")
    ] = "plan",
    previous: Annotated[
        Path | None,
        typer.Option("--previous", help="The plan.json that is replaced."),
    ] = None,
    frozen_until: Annotated[
        float | None,
        typer.Option("--frozen-until", help="Seconds from the start until which the previous plan stays."),
    ] = None,
    churn_price: Annotated[
        float | None,
        typer.Option("--churn-price", help="What each activity of it that is dropped or moved costs."),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS|local",
            help="Hold the satellites of a fleet at the workers of this Dask scheduler, or (local) in "
            "processes of this machine (needs the extra dask).",
            show_default=False,
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for the plan and its report.")] = None,
    json: Json = False,
) -> None:
    """Solve a planning problem; Ctrl-C stops the search and gives the best plan so far."""
    from comity.planning.problem import judge
    from comity.planning.solver import Stop

    if previous is None and (frozen_until is not None or churn_price is not None):
        raise InputError("--frozen-until and --churn-price need --previous, the plan that they are about")

    if work_limit is None and wall_s is None:
        wall_s = DEFAULT_WALL_S
    stop = Stop(wall_s=wall_s, work=work_limit, gap=gap)
    if out is not None:
        _can_be_written(out)
    with ExitStack() as workers, progress_bar("planning") as progress:
        source, public = read_source(problem, progress)
        before, of = (None, None) if previous is None else _plan_and_hash(previous)
        keeper = workers.enter_context(keeper_of(scheduler))
        solved = solve_as_asked(
            source,
            keeper=keeper,
            previous=before,
            same_problem=of is not None and of == _hash(source),
            frozen_until_s=frozen_until or 0.0,
            churn_price=churn_price or 0.0,
            fair=fair,
            basis=fair_basis,
            seed=seed,
            stop=stop,
            progress=progress,
        )
        task, plan = solved.problem, solved.plan
        judgement = judge(task, plan)
    if scheduler is not None and "paths" not in plan.solver:
        sys.stderr.write(f"note: the solver {plan.solver} has no use for a scheduler: all was done here\n")
    if judgement.violations:
        raise InputError(
            f"the solver's plan breaks a rule: {judgement.violations[0].text}; it is not written"
        )
    report = _report(task, plan, judgement) | solved.report
    written = [] if out is None else _write(out, solved, report, public, as_read=task is source)
    if json:
        print_json({"report": report, "plan": plan})
        return
    _show(report)
    for path in written:
        console().print(str(path), soft_wrap=True)


def convert(
    problem: Source,
    out: Annotated[Path, typer.Argument(metavar="OUT.json", help="File to write.")],
) -> None:
    """Write a public set's problem as a planning problem in JSON (a JSON one in its canonical form)."""
    from comity.planning.problem import write_problem

    with progress_bar("reading") as progress:
        task, _ = read_source(problem, progress)
    console().print(str(write_problem(out, task)), soft_wrap=True)


def judge_plan(
    problem: Source,
    plan: Annotated[Path, typer.Argument(metavar="PLAN.json", help="The plan.json that solve wrote.")],
    json: Json = False,
) -> None:
    """Check a plan against its problem; exit code 2 and every violation if it breaks a rule."""
    from comity.planning.problem import judge

    with progress_bar("checking") as progress:
        task, _ = read_source(problem, progress)
    stored, of = _plan_and_hash(plan)
    found = judge(task, stored)
    same = of is None or of == _hash(task)
    if json:
        print_json(
            {"value": found.worth.value, "violations": found.violations, "of_this_problem": of and same}
        )
    else:
        console().print(f"value {found.worth.value:,.6g}, {len(found.violations)} violations")
        if not same:
            console().print("the plan was made for another problem (or another version of this one)")
        for each in found.violations:
            console().print(f"{each.kind}: {each.text} ({', '.join(each.who)})", soft_wrap=True)
    if found.violations:
        raise typer.Exit(2)


def read_plan(path: Path, problem: PlanningProblem | None = None) -> Plan:
    """The plan in a file; raises :class:`InputError` naming it, also if it is of another than ``problem``."""
    plan, of = _plan_and_hash(path)
    if problem is not None and of is not None and of != (mine := _hash(problem)):
        raise InputError(
            f"{path} is the plan of another problem (SHA-256 {of[:12]}…, this one is {mine[:12]}…): "
            "solve this problem, or give the one that the plan is of"
        )
    return plan


def _plan_and_hash(path: Path) -> tuple[Plan, str | None]:
    """The plan in a file, and which problem it says it is of."""
    from comity.planning.problem import Plan

    try:
        data = json_text.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON: {error}") from error
    if not isinstance(data, dict) or data.get("format") != PLAN_FORMAT or data.get("version") != 1:
        raise InputError(f'{path} is not a plan: "format" must be "{PLAN_FORMAT}", "version" 1')
    of = data.get("problem_sha256")
    if of is not None and not isinstance(of, str):
        raise InputError(f'{path}: "problem_sha256" must be text')
    try:
        return decode(Plan, data.get("plan")), of
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _hash(problem: PlanningProblem) -> str:
    from comity.planning.answers import problem_hash

    return problem_hash(problem)


def write_plan(path: Path, problem: PlanningProblem, plan: Plan) -> Path:
    """Write a plan with the hash of its problem, whole or not at all."""
    return write_text(path, _plan_text(problem, plan))


def _plan_text(problem: PlanningProblem, plan: Plan) -> str:
    head = {"format": PLAN_FORMAT, "version": 1, "problem_sha256": _hash(problem)}
    return _pretty({**head, "plan": encode(plan)})


def read_source(path: Path, progress: Progress) -> tuple[PlanningProblem, PublicForm]:
    """The problem, and how its set writes plans."""
    if path.is_dir():
        from comity.planning.formats.aeossp import (
            aeossp_problem,
            aeossp_solution,
            observations_of,
            read_aeossp,
        )

        case = read_aeossp(path)
        task = aeossp_problem(case, progress=progress)
        return task, lambda plan: {"solution.json": aeossp_solution(case, observations_of(task, plan))}
    if path.suffix == ".spot":
        from comity.planning.formats.spot5 import read_spot5, spot5_problem, spot5_solution

        return spot5_problem(read_spot5(path), name=path.stem), lambda plan: {
            "solution.txt": spot5_solution(plan)
        }
    from comity.planning.problem import read_problem

    return read_problem(path, progress=progress), lambda plan: {}


def _report(problem: PlanningProblem, plan: Plan, judgement: Judgement) -> dict[str, object]:
    """What came out, in figures; ``requests`` only those that earn something."""
    earned = {id: value for id, value in judgement.worth.requests.items() if value > 0}
    return {
        "problem": problem.name,
        "solver": plan.solver,
        "value": plan.value,
        "upper": plan.upper,
        "gap": plan.gap,
        "upper_for": plan.upper_for,
        "method": plan.method,
        "stopped": plan.stopped,
        "work": plan.work,
        "seed": plan.seed,
        "tiers": {str(tier): value for tier, value in plan.tier_values.items()},
        "churn": judgement.worth.churn,
        "requests": {"all": len(problem.requests), "served": len(earned)},
        "activities": len(plan.activities),
        "downlinks": len(plan.downlinks),
        "earned": earned,
        "valid": not judgement.violations,
    }


def _write(
    folder: Path, solved: Solved, report: dict[str, object], public: PublicForm, *, as_read: bool
) -> list[Path]:
    """Each file whole or not at all; the problem too where it is not the one that was read."""
    from comity.planning.problem import problem_lines

    plan = solved.plan
    files = {
        **({} if as_read else {"problem.json": "".join(problem_lines(solved.problem))}),
        "plan.json": _plan_text(solved.problem, plan),
        "report.json": _pretty(report),
        **public(plan),
    }
    return [write_text(folder / name, text) for name, text in files.items()]


def _can_be_written(folder: Path) -> None:
    """Refuse now what could not be written after a long search."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not there.is_dir():
        raise InputError(f"cannot write to {folder}: {there} is a file, --out takes a folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise InputError(f"cannot write to {folder}: no permission in {there}; give another --out")


def _pretty(data: object) -> str:
    return json_text.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _show(report: dict[str, object]) -> None:
    number = {key: float(str(report[key])) for key in ("value", "upper", "gap", "work")}
    requests = report["requests"]
    table = Table(title=f"plan of {report['problem'] or 'the problem'}", show_header=False)
    table.add_row("value", f"{number['value']:,.10g}")
    table.add_row("upper bound", f"{number['upper']:,.9g}, by {report['method']}")
    table.add_row("bound holds for", str(report["upper_for"]))
    table.add_row("gap", f"{number['gap']:.3%}" if math.isfinite(number["gap"]) else "unknown")
    if isinstance(requests, dict):
        table.add_row("requests", f"{requests['served']:,} of {requests['all']:,} served")
    table.add_row("activities", f"{report['activities']:,}, {report['downlinks']:,} downlinks")
    seed, stopped = report["seed"], report["stopped"]
    table.add_row("solver", f"{report['solver']}, work {number['work']:.3f}, seed {seed}, {stopped}")
    console().print(table)
    show_extras(report)
