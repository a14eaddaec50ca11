"""How ``comity plan solve`` solves: fairness, replanning, and what its report says of partners."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.table import Table

from comity.cli.common import console
from comity.cli.work import executor_for
from comity.core import ComityError, InputError, Progress

if TYPE_CHECKING:  # slow to import: only the command that is called pays
    from comity.planning.answers import Alone
    from comity.planning.baseline import PlanSolver
    from comity.planning.paths.remote import Keeper
    from comity.planning.problem import Plan, PlanningProblem
    from comity.planning.solver import Stop

#: Part of the limits that goes to what partners would earn alone.
_ALONE_PART = 0.25


#: In place of a scheduler's address: processes of this machine, started and ended with the command.
LOCAL = "local"


@contextmanager
def keeper_of(scheduler: str | None) -> Iterator[Keeper | None]:
    """The workers that ``--scheduler`` names; None without it. Raises :class:`InputError` if none answer."""
    if scheduler is None:
        yield None
        return
    workers = os.cpu_count() if scheduler == LOCAL else None
    with executor_for(workers, None if scheduler == LOCAL else scheduler) as executor:
        from comity.stores import DaskExecutor

        assert isinstance(executor, DaskExecutor)
        yield executor


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """``plan`` of ``problem`` (the one asked for, with what was frozen and what is fair), and figures."""

    problem: PlanningProblem
    plan: Plan
    report: dict[str, object]


def solve_as_asked(
    problem: PlanningProblem,
    *,
    previous: Plan | None,
    same_problem: bool,
    frozen_until_s: float,
    churn_price: float,
    fair: float | None,
    basis: str,
    keeper: Keeper | None = None,
    seed: int,
    stop: Stop,
    progress: Progress,
) -> Solved:
    """Solve ``problem``: from the previous plan, fairly, or just so; paths on the workers of ``keeper``."""
    from comity.planning.answers import partner_rows, replan, replanning_problem
    from comity.planning.dispatch import Dispatch

    if basis not in ("plan", "bound"):
        raise InputError(f"--fair-basis {basis} must be plan or bound")
    report: dict[str, object] = {}
    task = problem
    solver = Dispatch(keeper=keeper)
    if previous is not None:
        task = replanning_problem(problem, previous, now_s=frozen_until_s, churn_price=churn_price)
        known = {o.id for o in problem.opportunities}
        gone = sum(1 for a in previous.activities if a.opportunity not in known)
        report["replanned"] = {
            "frozen": len(task.frozen),
            "frozen_until_s": task.frozen_until_s,
            "previous": len(previous.activities),
            "no_longer_possible": gone,
            "churn_price": churn_price,
        }
    try:
        if fair is not None or any(p.fair_fraction > 0 for p in task.partners):
            task, plan, figures = _solve_fairly(
                task, fair, basis, solver=solver, seed=seed, stop=stop, progress=progress
            )
            report["fairness"] = figures
        elif previous is not None:
            plan = replan(
                problem,
                previous,
                now_s=frozen_until_s,
                churn_price=churn_price,
                same_problem=same_problem,
                solver=solver,
                seed=seed,
                stop=stop,
                progress=progress,
            )
        else:
            plan = solver.solve(task, seed=seed, stop=stop, progress=progress)
    except ComityError:
        raise
    except (RuntimeError, ValueError, ArithmeticError, LookupError, MemoryError) as error:
        raise InputError(
            f"the solver failed ({type(error).__name__}: {error}); nothing is written, files of an earlier "
            "plan stand"
        ) from error
    if task.partners:
        report["partners"] = [
            {
                "partner": row.partner,
                "requests": row.requests,
                "served": row.served,
                "requested": row.requested,
                "earned": row.earned,
                "alone": row.alone,
                "least": row.least,
                "share": row.share,
            }
            for row in partner_rows(task, plan)
        ]
    return Solved(problem=task, plan=plan, report=report)


def _solve_fairly(
    problem: PlanningProblem,
    fair: float | None,
    basis: str,
    *,
    solver: PlanSolver,
    seed: int,
    stop: Stop,
    progress: Progress,
) -> tuple[PlanningProblem, Plan, dict[str, object]]:
    from comity.planning.answers import alone_values, solve_fair, with_fairness
    from comity.planning.solver import Stop

    def part(fraction: float) -> Stop:
        wall, work = stop.wall_s, stop.work
        return Stop(
            wall_s=None if wall is None else wall * fraction,
            work=None if work is None else work * fraction,
            gap=stop.gap,
        )

    if not problem.partners:
        raise InputError("--fair needs partners, and the problem has none")
    if fair is not None and not 0 <= fair <= 1:
        raise InputError(f"--fair {fair:g} must be from 0 to 1")
    wanted = [
        p.id for p in problem.partners if p.alone_value is None and (fair is not None or p.fair_fraction > 0)
    ]
    alone: tuple[Alone, ...] = alone_values(
        problem, wanted, solver=solver, seed=seed, stop=part(_ALONE_PART), progress=progress
    )
    task = with_fairness(problem, alone, fraction=fair, basis="bound" if basis == "bound" else "plan")
    found = solve_fair(
        task, alone=alone, solver=solver, seed=seed, stop=part(1 - _ALONE_PART), progress=progress
    )
    figures: dict[str, object] = {
        "alone_is": "as the problem states" if not wanted else f"the {basis} of each partner by itself",
        "alone": {a.partner: {"value": a.value, "upper": a.upper} for a in alone},
        "value_without": found.free.value,
        "upper_without": found.free.upper,
        "price": found.price,
        "price_least": found.price_least,
        "price_most": found.price_most,
    }
    return task, found.plan, figures


def show_extras(report: dict[str, object]) -> None:
    """What a report says of the plan replaced, of partners, and of the price of fairness."""
    rows, fairness, replanned = (report.get(key) for key in ("partners", "fairness", "replanned"))
    out = console()
    if isinstance(replanned, dict):
        gone = replanned["no_longer_possible"]
        out.print(
            f"replanned: {replanned['frozen']:,} of {replanned['previous']:,} acquisitions are frozen until "
            f"{replanned['frozen_until_s']:,.10g} s" + (f", {gone:,} are no longer possible" if gone else ""),
            soft_wrap=True,
        )
    if isinstance(rows, list):
        table = Table("partner", "served", "requested", "earned", "alone", "share", title="partners")
        for row in rows:
            alone, share = row["alone"], row["share"]
            table.add_row(
                row["partner"],
                f"{row['served']:,} of {row['requests']:,}",
                f"{row['requested']:,.6g}",
                f"{row['earned']:,.6g}",
                "" if alone is None else f"{alone:,.6g}",
                "" if share is None else f"{share:.1%}",
            )
        out.print(table)
    if isinstance(fairness, dict):
        out.print(
            f"price of fairness: {fairness['price']:,.6g} of {fairness['value_without']:,.6g} (the true "
            f"price lies from {fairness['price_least']:,.6g} to {fairness['price_most']:,.6g}); alone is "
            f"{fairness['alone_is']}",
            soft_wrap=True,
        )
