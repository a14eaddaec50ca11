"""Passes over sites, however many: found and handed on in pieces that fit in memory."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from comity.access import Site, StationWindow, station_windows
from comity.core import Epoch, InputError, Interval, Progress
from comity.orbits import PropagationError, Trajectory

#: Windows held in memory at a time, about: with what finding them takes, some 100 MB.
HELD_WINDOWS = 20_000
#: More expected windows than this (some 100 GB as CSV) are refused.
MAX_WINDOWS = 1_000_000_000

#: Windows a low satellite makes per site and day above 10°: 41,903 for 100 × 100 of them.
_PER_SITE_DAY = 4.2
_DAY_S = 86_400.0
_ROUNDING_S = 1e-5

OnError = Callable[[Trajectory, PropagationError], None]


def expected_windows(objects: int, sites: int, interval: Interval) -> float:
    """About how many passes so many low satellites make over so many sites."""
    return objects * sites * _PER_SITE_DAY * interval.duration_s / _DAY_S


def check_size(objects: int, sites: int, interval: Interval) -> None:
    """Raise :class:`InputError` when the result would fill a disk before it is done."""
    expected = expected_windows(objects, sites, interval)
    if expected > MAX_WINDOWS:
        raise InputError(
            f"{objects:,} objects × {sites:,} sites × {interval.duration_s / _DAY_S:,.1f} days make about "
            f"{expected:.1e} windows, more than {MAX_WINDOWS:.0e}: name fewer objects with --only, fewer "
            "sites or a shorter interval"
        )


def stream_passes(
    trajectories: Sequence[Trajectory],
    sites: Sequence[Site],
    interval: Interval,
    *,
    on_error: OnError,
    progress: Progress,
    held: int = HELD_WINDOWS,
) -> Iterator[StationWindow]:
    """Passes by object, then site, then time, about ``held`` of them in memory at once.

    Objects are taken in blocks; where even one makes more passes than that, its interval is cut and what
    a cut divides is joined again, and its passes come by piece of time first. An object without a state
    somewhere is handed to ``on_error`` and leaves none of its passes (or, in a cut interval, those before
    it was lost).
    """
    one = max(expected_windows(1, len(sites), interval), 1e-9)
    block = max(1, int(held / one))
    pieces = max(1, math.ceil(one / held))
    for start in range(0, len(trajectories), block):
        some = trajectories[start : start + block]

        def told(done: float, total: float, message: str, /, before: int = start, n: int = len(some)) -> None:
            progress(before + n * done / total, len(trajectories), message)

        if pieces == 1:
            yield from station_windows(some, sites, interval, on_error=on_error, progress=told)
        else:
            for trajectory in some:
                yield from _in_pieces(trajectory, sites, interval, pieces, on_error, told)


def _in_pieces(
    trajectory: Trajectory,
    sites: Sequence[Site],
    interval: Interval,
    pieces: int,
    on_error: OnError,
    progress: Progress,
) -> Iterator[StationWindow]:
    try:
        _probe(trajectory, interval)
    except PropagationError as error:
        on_error(trajectory, error)
        return
    halves: dict[str, StationWindow] = {}
    for done, part in enumerate(cut(interval, pieces), start=1):
        try:
            found = station_windows([trajectory], sites, part)
        except PropagationError as error:
            on_error(trajectory, error)
            return
        open_at_end: dict[str, StationWindow] = {}
        for window in found:
            if window.target in halves and _at(window.interval.start, part.start):
                window = join(halves.pop(window.target), window)
            if _at(window.interval.end, part.end) and done < pieces:
                open_at_end[window.target] = window
            else:
                yield window
        yield from halves.values()  # they ended in the very instant of the cut
        halves = open_at_end
        progress(done, pieces, f"passes of {trajectory.name}")


def _at(one: Epoch, other: Epoch) -> bool:
    """The same instant but for the rounding of seconds counted in doubles."""
    return abs(one - other) < _ROUNDING_S


def cut(interval: Interval, pieces: int) -> Iterator[Interval]:
    """``interval`` in as many parts of equal length, without a gap."""
    whole = interval.end.tai_ns - interval.start.tai_ns
    edges = [Epoch(interval.start.tai_ns + whole * k // pieces) for k in range(pieces + 1)]
    for start, end in itertools.pairwise(edges):
        yield Interval(start, end)


def join(first: StationWindow, second: StationWindow) -> StationWindow:
    """One pass of the two halves that a cut made of it."""
    higher = first if first.max_elevation_deg >= second.max_elevation_deg else second
    whole = Interval(first.interval.start, second.interval.end)
    used = replace(first.elements, age_s=first.elements.age_s + (whole.middle - first.interval.middle))
    return replace(higher, interval=whole, elements=used)


def _probe(trajectory: Trajectory, interval: Interval) -> None:
    """Find out early that an object decays in the interval, before passes of its first part are written."""
    trajectory.itrf(interval.start, np.linspace(0.0, interval.duration_s, 257))
