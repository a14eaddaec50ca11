"""Precise orbits in the IGS format SP3 (versions a to d), one ephemeris per satellite.

Layout: Hilla, "The Extended Standard Product 3 Orbit Format (SP3-d)", 2016. Positions are km, velocities
dm/s; clocks are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from comity.core import Epoch, InputError
from comity.orbits.earth import EarthOrientation
from comity.orbits.elements import Skipped
from comity.orbits.ephemeris import Ephemeris, EphemerisSegment
from comity.orbits.timesystems import epoch_of, time_system_of

#: Degree of the polynomial through ten positions, IGS's usual practice for steps of 5 to 15 minutes.
DEGREE = 9

_HEAD = re.compile(r"#[a-d][PV]\s*\d{4}\s")
_State = tuple[float, ...]


def looks_like_sp3(text: str) -> bool:
    """Whether a text begins as an SP3 file does."""
    return _HEAD.match(text.lstrip()[:40]) is not None


def read_sp3(text: str, source: str, eop: EarthOrientation | None = None) -> Iterator[Ephemeris | Skipped]:
    """Ephemerides of an SP3 file's satellites, by their names in it (``G13``), in the order they appear.

    A satellite's missing states (0.000000) and manoeuvres (flag ``M``) end a segment; one shorter than the
    ten states that its interpolation needs is left out, and a satellite without a longer one is skipped. With
    a velocity in every state the polynomial is Hermite's. Raises :class:`InputError` naming the line when the
    text is not laid out as SP3.
    """
    lines = text.splitlines()
    if not looks_like_sp3(text):
        raise InputError("does not begin with an SP3 header such as '#dP2021 12 12  0  0  0.00000000'")
    frame = lines[0][46:51].strip() or "ITRF"
    agency = lines[0][56:60].strip()
    system = ""
    epochs: list[Epoch] = []
    states: dict[str, dict[int, _State]] = {}
    moved: dict[str, set[int]] = {}
    ended = False
    for number, line in enumerate(lines[1:], start=2):
        if line.startswith("%c") and not system:
            named = line[9:12].strip()
            system = time_system_of(named if named and named != "ccc" else "GPS")
        elif line.startswith("*"):
            epochs.append(_epoch(line, number, system or "GPS", eop))
            if len(epochs) > 1 and epochs[-1] <= epochs[-2]:
                raise InputError(f"line {number}: its time does not follow the one before")
        elif line[:1] in ("P", "V"):
            if not epochs:
                raise InputError(f"line {number}: a state before the first time")
            satellite = _satellite(line, number)
            values = _three(line, number)
            known = states.setdefault(satellite, {})
            at = len(epochs) - 1
            if line[0] == "P":
                if any(values):
                    known[at] = tuple(1e3 * value for value in values)
                if line[78:79] == "M":
                    moved.setdefault(satellite, set()).add(at)
            elif at in known and len(known[at]) == 3 and any(values):
                known[at] = (*known[at], *(0.1 * value for value in values))
        elif line.startswith("EOF"):
            ended = True
            break
        elif not line.startswith(("#", "+", "%", "/", "E")) and line.strip():
            raise InputError(f"line {number} is not of an SP3 file: {line[:40]!r}")
    if not ended:
        raise InputError("has no EOF line: is it cut short?")
    if not states:
        raise InputError("is an SP3 file without a satellite")
    for satellite, known in states.items():
        try:
            segments = _segments(epochs, known, moved.get(satellite, set()), frame, system or "GPS")
            yield Ephemeris(
                name=satellite, object_id=satellite, segments=segments, originator=agency, source=source
            )
        except InputError as error:
            yield Skipped(name=satellite, norad_id=None, where="SP3", reason=str(error))


def _segments(
    epochs: list[Epoch], known: dict[int, _State], moved: set[int], frame: str, system: str
) -> tuple[EphemerisSegment, ...]:
    runs: list[list[int]] = []
    for at in sorted(known):
        if runs and at == runs[-1][-1] + 1 and at not in moved:
            runs[-1].append(at)
        else:
            runs.append([at])
    runs = [run for run in runs if len(run) > DEGREE]
    if not runs:
        raise InputError(
            f"nowhere has it {DEGREE + 1} states in a row, which interpolation needs ({len(known)} in all)"
        )
    return tuple(_segment(epochs, known, run, frame, system) for run in runs)


def _segment(
    epochs: list[Epoch], known: dict[int, _State], run: list[int], frame: str, system: str
) -> EphemerisSegment:
    moving = all(len(known[at]) == 6 for at in run)
    table = np.array([known[at][: 6 if moving else 3] for at in run])
    first = epochs[run[0]]
    return EphemerisSegment(
        epoch=first,
        seconds=np.array([epochs[at] - first for at in run]),
        position=table[:, :3],
        velocity=table[:, 3:] if moving else None,
        ref_frame=frame,
        frame_name=frame,
        time_system=system,
        interpolation="HERMITE" if moving else "LAGRANGE",
        degree=DEGREE,
    )


def _epoch(line: str, number: int, system: str, eop: EarthOrientation | None) -> Epoch:
    try:
        year, month, day, hour, minute, second = line[1:].split()
        text = f"{year}-{int(month):02d}-{int(day):02d}T{int(hour):02d}:{int(minute):02d}:{second:0>11}"
        return epoch_of(text, system, eop)
    except (ValueError, InputError) as error:
        raise InputError(f"line {number} is not a time of SP3: {line.strip()[:40]!r}") from error


def _satellite(line: str, number: int) -> str:
    """``G13``; versions a and b may leave out the letter of GPS."""
    name = line[1:4]
    letter, digits = name[:1].strip() or "G", name[1:].strip()
    if not digits.isalnum():
        raise InputError(f"line {number}: {name!r} is not a satellite of SP3")
    return f"{letter}{digits.rjust(2, '0')}"


def _three(line: str, number: int) -> tuple[float, float, float]:
    try:
        return float(line[4:18]), float(line[18:32]), float(line[32:46])
    except ValueError as error:
        raise InputError(f"line {number}: {line[4:46]!r} are not three numbers of SP3") from error
