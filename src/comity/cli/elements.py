"""``comity elements``: orbital elements from the outside, and the Earth orientation they are used with."""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import median
from typing import Annotated
from urllib.parse import urlsplit

import typer

from comity.cli.common import Json, console, print_json
from comity.cli.trajectories import Eop, earth_orientation
from comity.core import Epoch, SystemClock
from comity.fleet import load_programme
from comity.stores import CELESTRAK, ElementsUpdate, celestrak_urls, fetch_elements

app = typer.Typer(help="Fetch orbital elements; show the Earth orientation.", no_args_is_help=True)
_SUFFIXES = (".json", ".xml", ".kvn", ".csv", ".txt", ".tle", ".3le", ".2le", ".omm")


@app.callback()
def _group() -> None:
    """Fetch orbital elements; show the Earth orientation."""


@app.command()
def eop(eop: Eop = None, as_json: Json = False) -> None:
    """Show which Earth orientation is used and the dates it is valid for.

    It comes with the package astropy-iers-data. IERS publishes a newer finals2000A every week; every command
    that takes --eop (or the environment variable COMITY_EOP) uses such a file instead.
    """
    table = earth_orientation(eop)
    predicted = table.predicted_from
    if as_json:
        print_json(
            {
                "source": table.source,
                "valid_from": table.validity.start.iso(0),
                "valid_to": table.validity.end.iso(0),
                "predicted_from": None if predicted is None else predicted.iso(0),
            }
        )
        return
    lines = [
        f"Earth orientation: {table.source}",
        f"valid from {table.validity.start.iso(0)} to {table.validity.end.iso(0)}; other times are refused",
    ]
    if predicted is not None:
        lines.append(f"measured until {predicted.iso(0)}, predicted from then on")
    console().print("\n".join(lines), soft_wrap=True)


@app.command()
def update(
    source: Annotated[
        str | None,
        typer.Option(
            envvar="COMITY_ELEMENTS_SOURCE",
            help="Address of a TLE, 3LE or OMM file; or, with --group or --catnr, of a service that takes "
            "CelesTrak's queries.",
            show_default=CELESTRAK,
        ),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(help="CelesTrak's name of a group, e.g. resource, weather, active (the default)."),
    ] = None,
    catnr: Annotated[
        list[int] | None, typer.Option(help="NORAD catalogue number; repeat it for more objects.")
    ] = None,
    programme: Annotated[
        str | None, typer.Option(help="Keep only the spacecraft of this programme (a name or a file).")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="File to bring up to date.", show_default="elements.json"),
    ] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Longest time one try may take (s).")] = 60.0,
    retries: Annotated[int, typer.Option(min=0, max=20, help="Further tries after a passing failure.")] = 3,
    force: Annotated[bool, typer.Option("--force", help="Ask again even within two hours.")] = False,
    now: Annotated[
        str | None, typer.Option(help="Count the elements' age to this time (ISO 8601 UTC).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Fetch elements over HTTP and replace a file with them in one step.

    The file is what `comity windows --elements FILE` reads. CelesTrak updates every two hours and asks
    not to be called more often: within that time the file is left as it is. Exit code 3: some objects
    could not be read, or are not there; each is named.
    """
    at = Epoch.from_iso(now) if now else SystemClock().now()
    keep = {craft.norad_id for craft in load_programme(programme).spacecraft} if programme else None
    if source and not group and not catnr:
        urls: tuple[str, ...] = (source,)
    else:
        query_group = group if group or catnr else "active"
        urls = celestrak_urls(group=query_group, norad_ids=catnr or (), base=source or CELESTRAK)
    destination = out or Path(_file_name(urls) if keep is None else "elements.json")
    result = fetch_elements(
        urls, destination=destination, keep=keep, force=force, timeout_s=timeout, retries=retries
    )
    if as_json:
        print_json(_record(result, at))
    else:
        _tell(result, urls, at)
    for skipped in result.catalogue.skipped:
        sys.stderr.write(f"skipped: {skipped}\n")
    for norad_id in result.absent:
        sys.stderr.write(f"absent: {norad_id} is not in the answer\n")
    if result.catalogue.skipped or result.absent:
        raise typer.Exit(3)


def _file_name(urls: tuple[str, ...]) -> str:
    """Where a file of the address's own format goes by default."""
    suffix = Path(urls[0].partition("?")[0]).suffix.lower()
    return f"elements{suffix}" if suffix in _SUFFIXES else "elements.json"


def _ages_days(result: ElementsUpdate, at: Epoch) -> list[float]:
    return sorted(one.age_s(at) / 86_400 for one in result.catalogue.elements)


def _record(result: ElementsUpdate, at: Epoch) -> dict[str, object]:
    ages = _ages_days(result, at)
    return {
        "file": str(result.destination),
        "fetched": result.fetched,
        "note": result.note,
        "objects": len(ages),
        "added": result.added,
        "changed": result.changed,
        "removed": result.removed,
        "skipped": [str(skipped) for skipped in result.catalogue.skipped],
        "absent": list(result.absent),
        "age_days": {"newest": ages[0], "median": median(ages), "oldest": ages[-1], "at": at.iso()},
    }


def _tell(result: ElementsUpdate, urls: tuple[str, ...], at: Epoch) -> None:
    ages = _ages_days(result, at)
    held = "1 object" if len(ages) == 1 else f"{len(ages):,} objects"
    if result.fetched:
        news = f"{result.added:,} new, {result.changed:,} with newer elements, {result.removed:,} gone"
        line = f"{result.destination}: {held} from {urlsplit(urls[0]).hostname} — {news}"
    else:
        line = f"{result.destination}: {held}, unchanged — {result.note}"
    age = f"newest {ages[0]:.1f} d, median {median(ages):.1f} d, oldest {ages[-1]:.1f} d"
    console().print(f"{line}\nAge at {at.iso(0)}: {age}", soft_wrap=True)
