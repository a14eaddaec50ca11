"""``comity plan solve``, ``convert``, ``check``: planning problems in files, with no operator behind them."""

from __future__ import annotations

import json as json_text
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from comity.cli.common import Json, console, print_json, progress_bar
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
    out: Annotated[Path | None, typer.Option("--out", help="Folder for the plan and its report.")] = None,
    json: Json = False,
) -> None:
    """Solve a planning problem; Ctrl-C stops the search and gives the best plan so far."""
    from comity.planning.dispatch import solver_for
    from comity.planning.problem import judge
    from comity.planning.solver import Stop

    if work_limit is None and wall_s is None:
        wall_s = DEFAULT_WALL_S
    stop = Stop(wall_s=wall_s, work=work_limit, gap=gap)
    with progress_bar("planning") as progress:
        task, public = _read(problem, progress)
        plan = solver_for(task).solve(task, seed=seed, stop=stop, progress=progress)
        judgement = judge(task, plan)
    if judgement.violations:
        raise InputError(
            f"the solver's plan breaks a rule: {judgement.violations[0].text}; it is not written"
        )
    report = _report(task, plan, judgement)
    written = [] if out is None else _write(out, plan, report, public)
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
        task, _ = _read(problem, progress)
    console().print(str(write_problem(out, task)), soft_wrap=True)


def judge_plan(
    problem: Source,
    plan: Annotated[Path, typer.Argument(metavar="PLAN.json", help="The plan.json that solve wrote.")],
    json: Json = False,
) -> None:
    """Check a plan against its problem; exit code 2 and every violation if it breaks a rule."""
    from comity.planning.problem import judge

    with progress_bar("checking") as progress:
        task, _ = _read(problem, progress)
    found = judge(task, read_plan(plan))
    if json:
        print_json({"value": found.worth.value, "violations": found.violations})
    else:
        console().print(f"value {found.worth.value:,.6g}, {len(found.violations)} violations")
        for each in found.violations:
            console().print(f"{each.kind}: {each.text} ({', '.join(each.who)})", soft_wrap=True)
    if found.violations:
        raise typer.Exit(2)


def read_plan(path: Path) -> Plan:
    """The plan in a file; raises :class:`InputError` naming it."""
    from comity.planning.problem import Plan

    try:
        data = json_text.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON: {error}") from error
    if not isinstance(data, dict) or data.get("format") != PLAN_FORMAT or data.get("version") != 1:
        raise InputError(f'{path} is not a plan: "format" must be "{PLAN_FORMAT}", "version" 1')
    return decode(Plan, data.get("plan"))


def _read(path: Path, progress: Progress) -> tuple[PlanningProblem, PublicForm]:
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


def _write(folder: Path, plan: Plan, report: dict[str, object], public: PublicForm) -> list[Path]:
    """Each file whole or not at all."""
    files = {
        "plan.json": _pretty({"format": PLAN_FORMAT, "version": 1, "plan": encode(plan)}),
        "report.json": _pretty(report),
        **public(plan),
    }
    return [write_text(folder / name, text) for name, text in files.items()]


def _pretty(data: object) -> str:
    return json_text.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _show(report: dict[str, object]) -> None:
    number = {key: float(str(report[key])) for key in ("value", "upper", "gap", "work")}
    requests = report["requests"]
    table = Table(title=f"plan of {report['problem'] or 'the problem'}", show_header=False)
    table.add_row("value", f"{number['value']:,.10g}")
    table.add_row("upper bound", f"{number['upper']:,.10g}, by {report['method']}")
    table.add_row("bound holds for", str(report["upper_for"]))
    table.add_row("gap", f"{number['gap']:.3%}" if math.isfinite(number["gap"]) else "unknown")
    if isinstance(requests, dict):
        table.add_row("requests", f"{requests['served']:,} of {requests['all']:,} served")
    table.add_row("activities", f"{report['activities']:,}, {report['downlinks']:,} downlinks")
    seed, stopped = report["seed"], report["stopped"]
    table.add_row("solver", f"{report['solver']}, work {number['work']:.3f}, seed {seed}, {stopped}")
    console().print(table)
