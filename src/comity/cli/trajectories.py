"""Objects of a file of orbits, whatever its format, ready for a search over an interval."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from comity.core import Epoch, InputError, Interval, SystemClock, UnknownIdError
from comity.orbits import (
    EarthOrientation,
    Ephemeris,
    EphemerisTrajectory,
    MeanElements,
    Orbits,
    SGP4Trajectory,
    Skipped,
    Trajectory,
    age_warnings,
    nearest_in_time,
    read_orbits,
    select,
    sgp4_trajectories,
)

_DAY_S = 86_400.0
T = TypeVar("T", MeanElements, Ephemeris)

#: Option of every command that places objects over the ground.
Only = Annotated[str | None, typer.Option(metavar="NAME_OR_NORAD,…", help="Only these objects.")]
Start = Annotated[str | None, typer.Option(metavar="ISO", help="First instant, UTC.", show_default="now")]
End = Annotated[
    str | None, typer.Option(metavar="ISO", help="Last instant, UTC.", show_default="start + 1 day")
]
Out = Annotated[
    Path | None, typer.Option(help="File to write, whole or not at all.", show_default="standard output")
]
Present = Annotated[str | None, typer.Option(metavar="ISO", help="The present.", show_default="the clock")]
Eop = Annotated[
    Path | None,
    typer.Option(
        "--eop",
        envvar="COMITY_EOP",
        help="Earth orientation: a finals2000A file of IERS, newer than the bundled one.",
        show_default=False,
    ),
]


@dataclass(slots=True, kw_only=True)
class Loaded:
    """Trajectories of the objects asked for; ``skipped``: a reason for each that has none."""

    trajectories: list[Trajectory]
    skipped: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def interval_of(start: str | None, end: str | None, now: str | None, epoch: Epoch | None = None) -> Interval:
    """From ``start`` (else ``now``, ``epoch``, the clock) to ``end`` (else a day later).

    Raises :class:`InputError` for a text that is no time, or an end that is not after the start.
    """
    if start is not None:
        first = Epoch.from_iso(start)
    elif now is not None:
        first = Epoch.from_iso(now)
    else:
        first = epoch or SystemClock().now()
    last = Epoch.from_iso(end) if end is not None else first + _DAY_S
    if last == first:
        raise InputError(f"start {first} is not before end {last}: an interval of no length holds nothing")
    return Interval(first, last)


def earth_orientation(path: Path | None) -> EarthOrientation:
    """The table of a file, or the bundled one."""
    return EarthOrientation.bundled() if path is None else EarthOrientation.from_finals2000a(path)


def load_trajectories(path: Path, only: str | None, interval: Interval, eop: EarthOrientation) -> Loaded:
    """Trajectories over ``interval`` of the objects of a file that ``only`` names (None: all).

    Of elements the set nearest in time is used, one per object; an ephemeris must cover the whole interval.
    Raises :class:`InputError` when the file, a name, the Earth orientation's validity or every object fails.
    """
    eop.check(interval)
    orbits = read_orbits(path, eop)
    if orbits.ephemerides:
        tables, unread = _chosen(orbits.ephemerides, orbits, only)
        loaded = _of_ephemerides(tables, interval, eop)
    else:
        sets, unread = _chosen(orbits.elements, orbits, only)
        loaded = _of_elements(sets, interval, eop)
    loaded.skipped[:0] = [str(one) for one in unread]
    note = eop.prediction_note(interval)
    if note:
        loaded.notes.append(note)
    return loaded


def elements_behind(trajectories: Sequence[Trajectory]) -> list[MeanElements]:
    """The mean elements of those trajectories that stand on some."""
    return [one.elements for one in trajectories if isinstance(one, SGP4Trajectory)]


def warn_of_age(used: Sequence[MeanElements], interval: Interval) -> None:
    """Say on standard error which elements are too far from the interval to be trusted."""
    for line in age_warnings(used, interval.middle):
        tell(f"warning: {line}")


def tell(message: str) -> None:
    """A line on standard error."""
    sys.stderr.write(message + "\n")


def _of_elements(sets: Sequence[MeanElements], interval: Interval, eop: EarthOrientation) -> Loaded:
    current = nearest_in_time(sets, interval.middle)
    trajectories, refused = sgp4_trajectories(current, eop)
    loaded = Loaded(trajectories=list(trajectories), skipped=[str(error) for error in refused])
    if len(current) < len(sets):
        loaded.notes.append(
            f"{len(sets) - len(current)} older or later element sets of the same objects are not used"
        )
    return loaded


def _of_ephemerides(tables: Sequence[Ephemeris], interval: Interval, eop: EarthOrientation) -> Loaded:
    loaded = Loaded(trajectories=[])
    for one in tables:
        if one.covers(interval):
            loaded.trajectories.append(EphemerisTrajectory(one, eop))
            continue
        spans = ", ".join(f"{span.start.iso(0)} to {span.end.iso(0)}" for span in one.spans[:3])
        more = f" and {len(one.spans) - 3} spans more" if len(one.spans) > 3 else ""
        loaded.skipped.append(
            f"{one.name}: its ephemeris covers {spans}{more}, not all of {interval.start.iso(0)} to "
            f"{interval.end.iso(0)}: choose --start and --end within it"
        )
    return loaded


def _chosen(
    objects: Sequence[T], orbits: Orbits, only: str | None
) -> tuple[tuple[T, ...], tuple[Skipped, ...]]:
    """Objects asked for, and those of them that could not be read; all where ``only`` is None."""
    if only is None:
        return tuple(objects), orbits.skipped
    chosen: dict[int, T] = {}
    skipped: list[Skipped] = []
    for part in only.split(","):
        key = part.strip()
        unread = [
            one
            for one in orbits.skipped
            if key and (key.casefold() == one.name.casefold() or key == str(one.norad_id))
        ]
        try:
            chosen |= {id(one): one for one in select(objects, part)}
        except UnknownIdError:
            if not unread:
                raise
        skipped += [one for one in unread if one not in skipped]
    if not chosen:
        raise InputError(f"no usable elements of {only!r}: {'; '.join(str(one) for one in skipped[:3])}")
    return tuple(chosen.values()), tuple(skipped)
