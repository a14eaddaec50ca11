"""``comity tradespace``: many constellations compared by cost, revisit and GSD."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from comity.access.coverage.notation import numbers_of
from comity.access.tradespace import (
    EXAMPLE,
    RELATIVE,
    Outcome,
    Tradespace,
    check_study_output,
    explore,
    journal,
    load_study,
    rows,
    write_tradespace,
)
from comity.cli.common import Json, console, print_json
from comity.cli.output import check_writable
from comity.cli.trajectories import Eop, earth_orientation, tell
from comity.cli.work import Scheduler, Workers, executor_for, progress_with_time_left, short_time
from comity.core import InputError


def tradespace(
    spec: Annotated[str, typer.Argument(help=f"Study in TOML, or the example {EXAMPLE}.")],
    planes: Annotated[str | None, typer.Option(metavar="N,…", help="In place of the study's.")] = None,
    sats: Annotated[
        str | None, typer.Option(metavar="N,…", help="Satellites per plane, in place of the study's.")
    ] = None,
    altitude_km: Annotated[str | None, typer.Option(metavar="KM,…", help="In place of the study's.")] = None,
    inclination_deg: Annotated[
        str | None, typer.Option(metavar="DEG,…", help="In place of the study's.")
    ] = None,
    ltan: Annotated[str | None, typer.Option(metavar="HH:MM,…", help="In place of the study's.")] = None,
    country: Annotated[str | None, typer.Option(help="In place of the study's region.")] = None,
    grid: Annotated[str | None, typer.Option(help="In place of the study's.")] = None,
    days: Annotated[float | None, typer.Option(help="In place of the study's.")] = None,
    objective: Annotated[
        str | None,
        typer.Option(help="What counts as revisit: revisit_mean, revisit_p95, revisit_max, response_mean."),
    ] = None,
    out: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Write FILE.csv, .json, .nc (every design) or .png; repeatable."),
    ] = None,
    journal_file: Annotated[
        Path | None,
        typer.Option("--journal", help="Keep each outcome here as it comes; go on from it when run again."),
    ] = None,
    all_designs: Annotated[
        bool, typer.Option("--all", help="Show every design, not only the Pareto front.")
    ] = False,
    eop: Eop = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    as_json: Json = False,
) -> None:
    """Evaluate every design of a sweep and show the Pareto front: none is cheaper, sooner back and sharper.

    A study names region, span, light, what is varied and what everything costs; no cost is assumed.
    """
    for path in out or []:
        check_study_output(path)
        check_writable(path)
    study = load_study(
        spec,
        {
            "planes": _whole(planes, "--planes"),
            "satellites_per_plane": _whole(sats, "--sats"),
            "altitude_km": _numbers(altitude_km, "--altitude-km"),
            "inclination_deg": _numbers(inclination_deg, "--inclination-deg"),
            "ltan": None if ltan is None else [part.strip() for part in ltan.split(",") if part.strip()],
            "country": country,
            "grid": grid,
            "days": days,
            "objective": objective,
        },
    )
    orientation = earth_orientation(eop)
    orientation.check(study.interval)
    note = orientation.prediction_note(study.interval)
    if note:
        tell(f"note: {note}")
    with (
        journal(journal_file, study) as (known, add),
        executor_for(workers, scheduler) as executor,
        progress_with_time_left("designs") as progress,
    ):
        found = explore(
            study, known=known, eop=orientation, executor=executor, on_outcome=add, progress=progress
        )
    for path in out or []:
        write_tradespace(found, path)
    if as_json:
        print_json(
            {
                "title": study.title,
                "objective": study.objective,
                "designs": len(found.outcomes),
                "front": [row for row in rows(found) if row["front"] or all_designs],
                "files": [str(path) for path in out or []],
            }
        )
        return
    _print(found, all_designs, out or [])


def _numbers(text: str | None, option: str) -> list[float] | None:
    if text is None:
        return None
    return numbers_of(text, option, "NUMBER,NUMBER…") if text.strip() else []


def _whole(text: str | None, option: str) -> list[int] | None:
    values = _numbers(text, option)
    if values is None:
        return None
    if any(value != int(value) for value in values):
        raise InputError(f"{option} {text!r} is not whole numbers")
    return [int(value) for value in values]


def _print(found: Tradespace, all_designs: bool, files: Sequence[Path]) -> None:
    from rich.table import Table

    study, screen = found.study, console()
    days = study.interval.duration_s / 86_400.0
    region = study.region.partition(":")[2] or "the world"
    screen.print(
        f"{study.title}\n{region}, grid {study.grid}, {days:g} days from {study.interval.start.iso(0)}; "
        f"{len(found.outcomes)} designs, {sum(found.front)} on the front of cost, {study.objective} and "
        "GSD at the edge\n",
        soft_wrap=True,
    )
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", justify="right")
    table.add_column("planes × satellites each", no_wrap=True)
    costs = study.costs
    unit = "" if costs.currency == RELATIVE else f" ({costs.currency})"
    for name in (f"cost{unit}", "GSD nadir", "edge", "seen", "revisit mean", "p95", "max", "95 % seen in"):
        table.add_column(name, justify="right", no_wrap=True)
    pairs = sorted(zip(found.outcomes, found.front, strict=True), key=lambda pair: _order(found, pair[0]))
    digits = max(0, *(-int(one.cost.normalize().as_tuple().exponent) for one in found.outcomes))
    number = 0
    for one, front in pairs:
        if not (front or all_designs):
            continue
        number += front
        table.add_row(
            str(number) if front else "",
            one.design.label,
            f"{one.cost:,.{min(digits, 2)}f}",
            f"{one.gsd_nadir_m:.2f} m",
            f"{one.gsd_edge_m:.2f} m",
            f"{100.0 * one.seen_fraction:.4g} %",
            _time(one.revisit_mean_s),
            _time(one.revisit_p95_s),
            _time(one.revisit_max_s),
            _time(one.cover_s),
        )
    screen.print(table)
    if not any(found.front):
        screen.print(f"No design sees {100 * study.min_seen:g} % of the area twice: sweep more satellites.")
    for path in files:
        screen.print(f"written: {path}", soft_wrap=True)


def _order(found: Tradespace, one: Outcome) -> tuple[float, float, str]:
    """Cheapest first; the front so numbered as in the plot."""
    revisit = found.revisit_s(one)
    return float(one.cost), math.inf if revisit is None else revisit, one.design.label


def _time(seconds: float | None) -> str:
    return "–" if seconds is None else short_time(seconds)
