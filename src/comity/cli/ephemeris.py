"""``comity ephemeris``: states of objects at even steps, as a CCSDS Orbit Ephemeris Message."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
from comity.core import InputError
from comity.orbits import (
    FRAMES,
    EphemerisTrajectory,
    PropagationError,
    SGP4Trajectory,
    Trajectory,
    ephemeris_to_oem,
    sample_ephemeris,
)


def ephemeris(
    elements: Annotated[
        Path, typer.Option(help="Orbits: TLE, 3LE, CCSDS OMM (XML, KVN, JSON, CSV), CCSDS OEM or SP3.")
    ],
    only: Only = None,
    start: Start = None,
    end: End = None,
    step_s: Annotated[float, typer.Option(help="Longest time between two states (s).")] = 60.0,
    frame: Annotated[str, typer.Option(help=f"{', '.join(FRAMES)}, or an ITRF by year.")] = "EME2000",
    out: Out = None,
    eop: Eop = None,
    now: Present = None,
) -> None:
    """Tabulate objects as CCSDS OEM 2.0 (KVN), one message after another.

    `comity windows --elements FILE` reads such a file, as do other programs of flight dynamics. Exit codes: 0
    fine; 2 bad input or nothing usable; 3 some objects were skipped, each with its reason on standard error.
    """
    interval = interval_of(start, end, now)
    orientation = earth_orientation(eop)
    loaded = load_trajectories(elements, only, interval, orientation)
    for note in loaded.notes:
        tell(f"note: {note}")
    skipped, used = list(loaded.skipped), list[Trajectory]()
    with output(out) as stream:
        for one in loaded.trajectories:
            try:
                table = sample_ephemeris(
                    one, interval, step_s, ref_frame=frame, object_id=_designator(one), eop=orientation
                )
            except PropagationError as error:
                skipped.append(str(error))
                continue
            stream.write(("\n" if used else "") + ephemeris_to_oem(table))
            used.append(one)
        for reason in skipped:
            tell(f"skipped: {reason}")
        if not used:
            raise InputError(
                f"no object of {elements} can be used from {interval.start.iso(0)} to {interval.end.iso(0)}"
            )
    warn_of_age(elements_behind(used), interval)
    if skipped:
        raise typer.Exit(3)


def _designator(trajectory: Trajectory) -> str:
    """Its international designator, or whatever else its own ephemeris calls it by."""
    if isinstance(trajectory, SGP4Trajectory):
        return trajectory.elements.cospar_id
    return trajectory.ephemeris.object_id if isinstance(trajectory, EphemerisTrajectory) else ""
