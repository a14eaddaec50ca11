"""``comity windows``: passes over sites, or imaging windows of a programme's spacecraft."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from comity.access import Direction, Light, Side, Site, StationWindow
from comity.cli.numbers import named_numbers
from comity.cli.output import output
from comity.cli.passes import check_size, expected_windows, stream_passes
from comity.cli.trajectories import (
    End,
    Eop,
    Out,
    Start,
    earth_orientation,
    elements_behind,
    interval_of,
    load_trajectories,
    tell,
    warn_of_age,
)
from comity.cli.window_output import (
    MAX_TABLE_ROWS,
    Format,
    too_long_for_a_table,
    write_imaging_windows,
    write_station_windows,
)
from comity.core import InputError, Interval, Progress, UnknownIdError, silent
from comity.orbits import EarthOrientation, PropagationError, Trajectory, sgp4_trajectories

if TYPE_CHECKING:  # only imaging windows need programmes, and they take time to import
    from comity.fleet import Programme, Spacecraft, Target

DEFAULT_MASK_DEG = 10.0


def windows(
    elements: Annotated[
        Path | None,
        typer.Option(
            help="Orbits to find passes over sites of: TLE, 3LE, CCSDS OMM (XML, KVN, JSON, CelesTrak CSV), "
            "CCSDS OEM (KVN, XML) or SP3."
        ),
    ] = None,
    programme: Annotated[
        str | None, typer.Option(help="Programme file, or the name of an embedded one: find imaging windows.")
    ] = None,
    only: Annotated[
        str | None, typer.Option(metavar="NAME_OR_NORAD,…", help="Only these objects or spacecraft.")
    ] = None,
    site: Annotated[
        list[str] | None,
        typer.Option(metavar="[NAME=]LON,LAT[,ALT_M]", help="Ground site (with --elements); repeatable."),
    ] = None,
    area: Annotated[
        list[Path] | None, typer.Option(help="GeoJSON of areas or points (with --programme); repeatable.")
    ] = None,
    country: Annotated[
        list[str] | None, typer.Option(help="A whole territory, e.g. DJI (with --programme); repeatable.")
    ] = None,
    point: Annotated[
        list[str] | None,
        typer.Option(metavar="[NAME=]LON,LAT", help="A point to image (with --programme); repeatable."),
    ] = None,
    start: Start = None,
    end: End = None,
    min_elevation_deg: Annotated[
        float | None,
        typer.Option(help="Mask of every site, geometric.", show_default=f"{DEFAULT_MASK_DEG:g}"),
    ] = None,
    max_off_nadir_deg: Annotated[
        float | None, typer.Option(help="Tightens the instruments' own limits.")
    ] = None,
    min_sun_elevation_deg: Annotated[float | None, typer.Option(help="Lowest sun at the target.")] = None,
    max_incidence_deg: Annotated[
        float | None, typer.Option(help="Largest angle from the vertical at the target.")
    ] = None,
    side: Annotated[Side | None, typer.Option(help="Side of the track the target lies on.")] = None,
    direction: Annotated[Direction | None, typer.Option(help="Way the spacecraft goes.")] = None,
    light: Annotated[Light | None, typer.Option(help="Sun above or below the target's horizon.")] = None,
    format: Annotated[Format, typer.Option(help="What to write.")] = "table",
    out: Out = None,
    eop: Eop = None,
    now: Annotated[
        str | None,
        typer.Option(
            metavar="ISO",
            help="The present.",
            show_default="the programme's epoch, else the clock",
        ),
    ] = None,
) -> None:
    """Find when spacecraft pass over sites (--elements) or can image places (--programme).

    Windows are clipped to [start, end], and csv and json are written as they are found. Exit codes: 0 fine; 2
    bad input or nothing usable; 3 some objects were skipped, each with its reason on standard error.
    """
    if (elements is None) == (programme is None):
        raise InputError(
            "give either --elements FILE (passes over sites) or --programme NAME (imaging windows)"
        )
    if elements is not None:
        _refuse(
            "--programme",
            {
                "--area": area,
                "--country": country,
                "--point": point,
                "--max-off-nadir-deg": max_off_nadir_deg,
                "--min-sun-elevation-deg": min_sun_elevation_deg,
                "--max-incidence-deg": max_incidence_deg,
                "--side": side,
                "--direction": direction,
                "--light": light,
            },
        )
        mask = DEFAULT_MASK_DEG if min_elevation_deg is None else min_elevation_deg
        sites = parse_sites(site or [], mask)
        interval = interval_of(start, end, now, None)
        skipped = _passes(elements, only, sites, interval, earth_orientation(eop), format, out)
    else:
        assert programme is not None
        from comity.cli.places import targets_of
        from comity.fleet import load_programme

        _refuse("--elements", {"--site": site, "--min-elevation-deg": min_elevation_deg})
        loaded = load_programme(programme)
        targets = targets_of(area or [], country or [], point or [])
        interval = interval_of(start, end, now, loaded.epoch)
        skipped = _imaging(
            loaded,
            only,
            targets,
            interval,
            {
                "max_off_nadir_deg": max_off_nadir_deg,
                "min_sun_elevation_deg": min_sun_elevation_deg,
                "max_incidence_deg": max_incidence_deg,
                "side": side,
                "direction": direction,
                "light": light,
            },
            earth_orientation(eop),
            format,
            out,
        )
    if skipped:
        raise typer.Exit(3)


def parse_sites(texts: Sequence[str], min_elevation_deg: float) -> list[Site]:
    """Sites of ``[NAME=]LON,LAT[,ALT_M]``; unnamed ones are ``site-1``, ``site-2`` … by their place.

    Raises :class:`InputError`: none given, one that is not of that form or not on Earth, a name used twice.
    """
    if not texts:
        raise InputError("no site given: add --site [NAME=]LON,LAT[,ALT_M]")
    sites: list[Site] = []
    for number, text in enumerate(texts, start=1):
        given, numbers = named_numbers(text, "site", "[NAME=]LON,LAT[,ALT_M]", (2, 3))
        name = given or f"site-{number}"
        if any(name == known.name for known in sites):
            raise InputError(f"two sites are called {name!r}: give each its own NAME=LON,LAT")
        altitude = numbers[2] if len(numbers) == 3 else 0.0
        sites.append(
            Site(
                name=name,
                lon_deg=numbers[0],
                lat_deg=numbers[1],
                altitude_m=altitude,
                min_elevation_deg=min_elevation_deg,
            )
        )
    return sites


def _refuse(belongs_to: str, options: dict[str, object]) -> None:
    for name, value in options.items():
        if value is not None and value != []:
            raise InputError(f"{name} goes with {belongs_to}")


def _passes(
    path: Path,
    only: str | None,
    sites: Sequence[Site],
    interval: Interval,
    eop: EarthOrientation,
    form: Format,
    out: Path | None,
) -> bool:
    """Write the passes; whether an object was skipped."""
    loaded = load_trajectories(path, only, interval, eop)
    objects = len(loaded.trajectories)
    check_size(objects, len(sites), interval)
    expected = expected_windows(objects, len(sites), interval)
    if form == "table" and expected > 10 * MAX_TABLE_ROWS:
        raise too_long_for_a_table(f"about {expected:,.0f}")
    for note in loaded.notes:
        tell(f"note: {note}")
    reasons = list(loaded.skipped)
    lost: set[int] = set()

    def on_error(trajectory: Trajectory, error: PropagationError) -> None:
        lost.add(id(trajectory))
        reasons.append(str(error))

    def found(progress: Progress) -> Iterator[StationWindow]:
        yield from stream_passes(loaded.trajectories, sites, interval, on_error=on_error, progress=progress)
        if len(lost) == objects:
            for reason in reasons:
                tell(f"skipped: {reason}")
            raise InputError(
                f"no object of {path} can be used from {interval.start.iso(0)} to {interval.end.iso(0)}"
            )

    with _progress("passes") as progress, output(out) as stream:
        write_station_windows(found(progress), stream, form)
    for reason in reasons:
        tell(f"skipped: {reason}")
    used = [one for one in loaded.trajectories if id(one) not in lost]
    warn_of_age(elements_behind(used), interval)
    return bool(reasons)


def _imaging(
    programme: Programme,
    only: str | None,
    targets: Sequence[Target],
    interval: Interval,
    limits: Mapping[str, Any],
    eop: EarthOrientation,
    form: Format,
    out: Path | None,
) -> bool:
    """Write the imaging windows within ``limits`` (as in the search); whether a spacecraft was skipped."""
    craft = _spacecraft(programme, only)
    used = [programme.elements[one.norad_id] for one in craft]
    eop.check(interval)
    trajectories, refused = sgp4_trajectories(used, eop)
    by_number = {one.norad_id: one for one in trajectories}
    fleet = [(one, by_number[one.norad_id]) for one in craft if one.norad_id in by_number]
    from comity.access import constellation_windows

    with _progress("imaging windows") as progress:
        found, lost = constellation_windows(
            fleet,
            targets,
            interval,
            eop=eop,
            progress=progress,
            **limits,
        )
    for error in (*refused, *lost):
        tell(f"skipped: {error}")
    if len(refused) + len(lost) == len(craft):
        raise InputError(f"no spacecraft of {programme.id} can be used from {interval.start.iso(0)}")
    warn_of_age(used, interval)
    note = eop.prediction_note(interval)
    if note:
        tell(f"note: {note}")
    with output(out) as stream:
        write_imaging_windows(found, stream, form)
    return bool(refused or lost)


def _spacecraft(programme: Programme, only: str | None) -> tuple[Spacecraft, ...]:
    if only is None:
        return programme.spacecraft
    chosen: list[Spacecraft] = []
    for part in only.split(","):
        key = part.strip().casefold()
        found = [
            one
            for one in programme.spacecraft
            if key in (one.id.casefold(), one.name.casefold(), str(one.norad_id))
        ]
        if not found:
            known = tuple(one.id for one in programme.spacecraft)
            raise UnknownIdError(f"spacecraft of {programme.id}", part.strip(), known)
        chosen += [one for one in found if one not in chosen]
    return tuple(chosen)


@contextmanager
def _progress(title: str) -> Iterator[Progress]:
    """A bar on standard error where that is a terminal."""
    if not sys.stderr.isatty():
        yield silent
        return
    from comity.cli.common import progress_bar

    with progress_bar(title) as progress:
        yield progress
