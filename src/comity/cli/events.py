"""``comity events``: when conditions on orbits hold, written as expressions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated

import typer

from comity.access import ElementsUsed, Site
from comity.access.conditions import Surroundings, condition_from_text, find_all_events
from comity.cli.output import output
from comity.cli.trajectories import (
    End,
    Eop,
    Only,
    Out,
    Present,
    Start,
    earth_orientation,
    elements_behind,
    interval_of,
    load_trajectories,
    tell,
    warn_of_age,
)
from comity.cli.window_output import Format, ObjectEvent, write_events
from comity.cli.windows import parse_sites
from comity.core import InputError, Interval
from comity.orbits import EarthOrientation, PropagationError, Trajectory

_LABELLED = re.compile(r"\s*(?P<label>[^\W\d][\w -]*?)\s*:\s*(?P<text>.+)", re.DOTALL)


def events(
    elements: Annotated[
        Path,
        typer.Option(
            help="Orbits: TLE, 3LE, CCSDS OMM (XML, KVN, JSON, CelesTrak CSV), CCSDS OEM (KVN, XML) or SP3."
        ),
    ],
    when: Annotated[
        list[str],
        typer.Option(
            metavar="[LABEL:]EXPR",
            help="What must hold, as 'elevation(site) > 10 and sunlit'; repeatable. A wrong word lists all.",
        ),
    ],
    only: Only = None,
    site: Annotated[
        list[str] | None,
        typer.Option(metavar="[NAME=]LON,LAT[,ALT_M]", help="Site an expression may name; repeatable."),
    ] = None,
    start: Start = None,
    end: End = None,
    format: Annotated[Format, typer.Option(help="What to write.")] = "table",
    out: Out = None,
    eop: Eop = None,
    now: Present = None,
) -> None:
    """Find when conditions on objects hold: passes, eclipses, sight of each other, angles to Sun and Moon.

    Spans are clipped to [start, end]; each is found however short (1 ms). Exit codes: 0 fine; 2 bad input or
    nothing usable; 3 some objects were skipped, each with its reason on standard error.
    """
    interval = interval_of(start, end, now, None)
    sites = {one.name: one for one in parse_sites(site, 0.0)} if site else {}
    orientation = earth_orientation(eop)
    loaded = load_trajectories(elements, only, interval, orientation)

    @cache
    def other(name: str) -> Trajectory:
        found = load_trajectories(elements, name, interval, orientation).trajectories
        if len(found) != 1:
            raise InputError(f"{len(found)} objects are called {name!r}: give the catalogue number")
        return found[0]

    labelled = _labelled(when)
    for note in loaded.notes:
        tell(f"note: {note}")
    reasons = list(loaded.skipped)
    used: list[Trajectory] = []

    def rows() -> Iterator[ObjectEvent]:
        for trajectory in loaded.trajectories:
            try:
                found = list(_events_of(trajectory, labelled, sites, other, interval, orientation))
            except PropagationError as error:
                if error.norad_id != trajectory.norad_id:
                    raise InputError(str(error)) from error
                reasons.append(str(error))
                continue
            used.append(trajectory)
            yield from found
        if not used:
            for reason in reasons:
                tell(f"skipped: {reason}")
            raise InputError(
                f"no object of {elements} can be used from {interval.start.iso(0)} to {interval.end.iso(0)}"
            )

    with output(out) as stream:
        write_events(rows(), stream, format)
    for reason in reasons:
        tell(f"skipped: {reason}")
    warn_of_age(elements_behind(used), interval)
    if reasons:
        raise typer.Exit(3)


def _events_of(
    trajectory: Trajectory,
    labelled: Mapping[str, str],
    sites: Mapping[str, Site],
    other: Callable[[str], Trajectory],
    interval: Interval,
    eop: EarthOrientation,
) -> Iterator[ObjectEvent]:
    def find(name: str) -> Trajectory:
        found = other(name)
        if found.norad_id == trajectory.norad_id and found.name == trajectory.name:
            raise InputError(f"{trajectory.name} cannot be compared with itself: leave it out with --only")
        return found

    around = Surroundings(sites=sites, find=find)
    conditions = {label: condition_from_text(text, trajectory, around) for label, text in labelled.items()}
    for event in find_all_events(conditions, interval, eop=eop):
        yield ObjectEvent(
            spacecraft=trajectory.name,
            norad_id=trajectory.norad_id,
            event=event.what,
            interval=event.interval,
            elements=ElementsUsed(
                norad_id=trajectory.norad_id,
                source=trajectory.source,
                epoch=trajectory.epoch,
                age_s=event.interval.middle - trajectory.epoch,
            ),
        )


def _labelled(texts: Sequence[str]) -> dict[str, str]:
    """Expressions by label; one without is called what it says."""
    found: dict[str, str] = {}
    for text in texts:
        m = _LABELLED.fullmatch(text)
        label, expression = (m["label"], m["text"]) if m else (" ".join(text.split()), text)
        if not expression.strip():
            raise InputError("an expression is empty: give --when 'elevation(site) > 10', for example")
        if label in found:
            raise InputError(f"two expressions are called {label!r}: give each a label of its own")
        found[label] = expression
    return found
