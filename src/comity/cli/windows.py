"""``comity windows``: passes over sites, or imaging windows of a programme's spacecraft."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from comity.access import Site, constellation_windows, station_windows
from comity.cli.places import named_numbers, targets_of
from comity.cli.window_output import Format, write_imaging_windows, write_station_windows
from comity.core import Epoch, InputError, Interval, Progress, SystemClock, UnknownIdError, silent
from comity.fleet import Programme, Spacecraft, Target, load_programme
from comity.orbits import (
    Catalogue,
    EarthOrientation,
    MeanElements,
    PropagationError,
    Skipped,
    Trajectory,
    nearest_in_time,
    read_elements,
    select,
    sgp4_trajectories,
)

#: Elements older than this (days) at the middle of the interval are warned about.
OLD_DAYS = 14.0
DEFAULT_MASK_DEG = 10.0
_DAY_S = 86_400.0
_SHOWN_WARNINGS = 3
_LOW_ORBIT = 11.0  # rev/day


def windows(
    elements: Annotated[
        Path | None,
        typer.Option(help="TLE, 3LE or CCSDS OMM (XML, KVN, JSON, CelesTrak CSV): find passes over sites."),
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
    start: Annotated[
        str | None,
        typer.Option(metavar="ISO", help="First instant, UTC.  [default: now]", show_default=False),
    ] = None,
    end: Annotated[
        str | None,
        typer.Option(metavar="ISO", help="Last instant, UTC.  [default: start + 1 day]", show_default=False),
    ] = None,
    min_elevation_deg: Annotated[
        float | None,
        typer.Option(
            help=f"Mask of every site, geometric.  [default: {DEFAULT_MASK_DEG:g}]", show_default=False
        ),
    ] = None,
    max_off_nadir_deg: Annotated[
        float | None, typer.Option(help="Tightens the instruments' own limits.")
    ] = None,
    min_sun_elevation_deg: Annotated[float | None, typer.Option(help="Lowest sun at the target.")] = None,
    format: Annotated[Format, typer.Option(help="What to write on standard output.")] = "table",
    now: Annotated[
        str | None,
        typer.Option(
            metavar="ISO",
            help="The present.  [default: the programme's epoch, else the clock]",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Find when spacecraft pass over sites (--elements) or can image places (--programme).

    Windows are clipped to [start, end]. Exit codes: 0 fine; 2 bad input or nothing usable; 3 some objects
    were skipped, each with its reason on standard error.
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
            },
        )
        mask = DEFAULT_MASK_DEG if min_elevation_deg is None else min_elevation_deg
        sites = parse_sites(site or [], mask)
        interval = _interval(start, end, now, None)
        skipped = _passes(elements, only, sites, interval, format)
    else:
        assert programme is not None
        _refuse("--elements", {"--site": site, "--min-elevation-deg": min_elevation_deg})
        loaded = load_programme(programme)
        targets = targets_of(area or [], country or [], point or [])
        interval = _interval(start, end, now, loaded.epoch)
        skipped = _imaging(loaded, only, targets, interval, max_off_nadir_deg, min_sun_elevation_deg, format)
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


def _interval(start: str | None, end: str | None, now: str | None, epoch: Epoch | None) -> Interval:
    if start is not None:
        first = Epoch.from_iso(start)
    elif now is not None:
        first = Epoch.from_iso(now)
    else:
        first = epoch or SystemClock().now()
    return Interval(first, Epoch.from_iso(end) if end is not None else first + _DAY_S)


def _passes(path: Path, only: str | None, sites: Sequence[Site], interval: Interval, form: Format) -> bool:
    """Write the passes; whether an object was skipped."""
    chosen, skipped = _chosen(read_elements(path), only)
    current = nearest_in_time(chosen, interval.middle)
    if len(current) < len(chosen):
        _tell(
            f"note: {len(chosen) - len(current)} older or later element sets of the same objects are not used"
        )
    reasons = [f"skipped: {one}" for one in skipped]
    trajectories, refused = sgp4_trajectories(current, EarthOrientation.bundled())
    reasons += [f"skipped: {error}" for error in refused]
    lost = [error.norad_id for error in refused]

    def on_error(trajectory: Trajectory, error: PropagationError) -> None:
        lost.append(trajectory.norad_id)
        reasons.append(f"skipped: {error}")

    with _progress("passes") as progress:
        found = station_windows(trajectories, sites, interval, on_error=on_error, progress=progress)
    for reason in reasons:
        _tell(reason)
    used = [one for one in current if one.norad_id not in lost]
    if not used:
        raise InputError(
            f"no object of {path} can be used from {interval.start.iso(0)} to {interval.end.iso(0)}"
        )
    _warn_of_age(used, interval)
    write_station_windows(found, sys.stdout, form)
    return bool(reasons)


def _chosen(catalogue: Catalogue, only: str | None) -> tuple[tuple[MeanElements, ...], tuple[Skipped, ...]]:
    """Objects asked for, and those of them that could not be read; all where ``only`` is None."""
    if only is None:
        return catalogue.elements, catalogue.skipped
    chosen: list[MeanElements] = []
    skipped: list[Skipped] = []
    for part in only.split(","):
        key = part.strip()
        unread = [
            one
            for one in catalogue.skipped
            if key and (key.casefold() == one.name.casefold() or key == str(one.norad_id))
        ]
        try:
            chosen += [one for one in select(catalogue.elements, part) if one not in chosen]
        except UnknownIdError:
            if not unread:
                raise
        skipped += [one for one in unread if one not in skipped]
    if not chosen:
        raise InputError(f"no usable elements of {only!r}: {'; '.join(str(one) for one in skipped[:3])}")
    return tuple(chosen), tuple(skipped)


def _imaging(
    programme: Programme,
    only: str | None,
    targets: Sequence[Target],
    interval: Interval,
    max_off_nadir_deg: float | None,
    min_sun_elevation_deg: float | None,
    form: Format,
) -> bool:
    """Write the imaging windows; whether a spacecraft was skipped."""
    craft = _spacecraft(programme, only)
    used = [programme.elements[one.norad_id] for one in craft]
    eop = EarthOrientation.bundled()
    trajectories, refused = sgp4_trajectories(used, eop)
    by_number = {one.norad_id: one for one in trajectories}
    fleet = [(one, by_number[one.norad_id]) for one in craft if one.norad_id in by_number]
    with _progress("imaging windows") as progress:
        found, lost = constellation_windows(
            fleet,
            targets,
            interval,
            max_off_nadir_deg=max_off_nadir_deg,
            min_sun_elevation_deg=min_sun_elevation_deg,
            eop=eop,
            progress=progress,
        )
    for error in (*refused, *lost):
        _tell(f"skipped: {error}")
    if len(refused) + len(lost) == len(craft):
        raise InputError(f"no spacecraft of {programme.id} can be used from {interval.start.iso(0)}")
    _warn_of_age(used, interval)
    write_imaging_windows(found, sys.stdout, form)
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


def _warn_of_age(used: Sequence[MeanElements], interval: Interval) -> None:
    """Say which elements are too far from the interval to be trusted, and about how far off they may be."""
    old = sorted(
        ((abs(one.age_s(interval.middle)) / _DAY_S, one) for one in used),
        key=lambda pair: pair[0],
        reverse=True,
    )
    old = [(days, one) for days, one in old if days > OLD_DAYS]
    for days, one in old[:_SHOWN_WARNINGS]:
        # Public elements of low orbits err by 1 … 3 km more along the track each day
        # (Vallado & Cefola, "Two-line element sets – practice and use", IAC-12-A6.6.11).
        error = f"{2 * days:,.0f} km" if one.mean_motion > _LOW_ORBIT else "many km"
        _tell(
            f"warning: the elements of {one.name} ({one.norad_id}) are {days:.0f} days from the interval: "
            f"it may be {error} off along its track"
        )
    if len(old) > _SHOWN_WARNINGS:
        _tell(f"warning: so are those of {len(old) - _SHOWN_WARNINGS} more objects (over {OLD_DAYS:g} days)")


def _tell(message: str) -> None:
    sys.stderr.write(message + "\n")


@contextmanager
def _progress(title: str) -> Iterator[Progress]:
    """A bar on standard error where that is a terminal."""
    if not sys.stderr.isatty():
        yield silent
        return
    from comity.cli.common import progress_bar

    with progress_bar(title) as progress:
        yield progress
