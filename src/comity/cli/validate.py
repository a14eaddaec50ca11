"""``comity validate``: published figures and other programs' results, computed again here."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Annotated

import typer

from comity.cli.common import Json, console, print_json, progress_bar
from comity.core import Comparison, UnknownIdError

if TYPE_CHECKING:
    from comity.core import Check

#: Packages with a module ``published`` that offers ``checks()``.
PACKAGES = ("orbits", "access", "imagery")


def validate(
    package: Annotated[
        str | None, typer.Argument(help=f"One of {', '.join(PACKAGES)}; all without it.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Rerun the published tables and print figure, source, tolerance and difference.

    The tables come with Comity and need no network. Exit code 1: a difference is above its tolerance.
    """
    if package is not None and package not in PACKAGES:
        raise UnknownIdError("package with published figures", package, PACKAGES)
    found = list(_run(PACKAGES if package is None else (package,)))
    if as_json:
        print_json([_record(*row) for row in found])
    else:
        _tell(found)
    if not all(one.passed for _, _, one in found):
        raise typer.Exit(1)


def _run(packages: tuple[str, ...]) -> Iterator[tuple[str, str, Comparison]]:
    """Package, check and comparison, one after another."""
    checks: list[tuple[str, Check]] = []
    for package in packages:
        checks += [(package, check) for check in import_module(f"comity.{package}.published").checks()]
    with progress_bar("Validating") as progress:
        for done, (package, check) in enumerate(checks):
            progress(done, len(checks), f"{package}: {check.name}")
            for one in check.run():
                yield package, check.name, one


def _record(package: str, check: str, one: Comparison) -> dict[str, object]:
    return {
        "package": package,
        "check": check,
        "figure": one.figure,
        "source": one.source,
        "values": one.count,
        "difference": one.difference,
        "tolerance": one.tolerance,
        "unit": one.unit,
        "why": one.why,
        "passed": one.passed,
    }


def _tell(found: list[tuple[str, str, Comparison]]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("figure", "source"):
        table.add_column(title, overflow="fold")
    for title in ("tolerance", "difference", "values", ""):
        table.add_column(title, justify="right", no_wrap=True)
    section = ""
    for package, _, one in found:
        if package != section:
            table.add_row(package.upper())
            section = package
        table.add_row(
            one.figure,
            one.source,
            f"{one.tolerance:g} {one.unit}",
            f"{one.difference:.2g} {one.unit}",
            f"{one.count:,}",
            "pass" if one.passed else "FAIL",
        )
    failed = sum(not one.passed for _, _, one in found)
    screen = console()
    screen.print(table)
    outcome = f"{failed} outside their tolerance" if failed else "all within their tolerance"
    screen.print(f"{len(found)} figures, {outcome}")
