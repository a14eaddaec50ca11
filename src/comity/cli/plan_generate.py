"""``comity plan generate``: a seeded planning problem of real orbits, to try a solver on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from comity.cli.common import console, progress_bar


def generate(
    out: Annotated[Path, typer.Option("--out", metavar="PROBLEM.json", help="File to write.")],
    satellites: Annotated[int, typer.Option(help="Satellites of the fleet, at most 2,000.")] = 20,
    requests: Annotated[int, typer.Option(help="Places on land that are asked for, at most 100,000.")] = 2000,
    seed: Annotated[int, typer.Option(help="Another seed gives another problem.")] = 0,
    hours: Annotated[
        float | None,
        typer.Option(help="How long it lasts; else a day, or 105 minutes from 400 satellites on."),
    ] = None,
) -> None:
    """Write a planning problem of real orbits over land, in which memory, energy and contacts are short."""
    from comity.planning.paths import generate_problem, standard
    from comity.planning.problem import write_problem

    recipe = standard(satellites, requests, seed=seed, hours=hours)
    with progress_bar("generating") as progress:
        problem = generate_problem(recipe, progress=progress)
    path = write_problem(out, problem)
    console().print(
        f"{len(problem.requests):,} requests, {len(problem.opportunities):,} opportunities, "
        f"{len(problem.contacts):,} contacts of {len(problem.satellites):,} satellites"
    )
    console().print(str(path), soft_wrap=True)
