"""Windows as CSV, JSON or a table: the columns are a public contract that scripts read.

CSV and JSON are written as windows are found, so that their number costs no memory; nothing is written
before the first is found or the search has ended well.
"""

from __future__ import annotations

import csv
import itertools
import json
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Literal, TypeVar

from comity.access import ElementsUsed, ImagingWindow, StationWindow
from comity.core import Epoch, InputError, Interval

Format = Literal["csv", "json", "table"]
Row = Mapping[str, str | int | float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectEvent:
    """A span in which a condition (``event``) holds for an object."""

    spacecraft: str
    norad_id: int
    event: str
    interval: Interval
    elements: ElementsUsed


W = TypeVar("W", StationWindow, ImagingWindow, ObjectEvent)

#: More rows than this are no table to look at, and all must be known before the first is drawn.
MAX_TABLE_ROWS = 100_000

STATION_COLUMNS = (
    "spacecraft",
    "norad_id",
    "target",
    "start_utc",
    "end_utc",
    "duration_s",
    "max_elevation_deg",
    "max_elevation_utc",
)
IMAGING_COLUMNS = (
    "spacecraft",
    "norad_id",
    "instrument",
    "target",
    "start_utc",
    "end_utc",
    "duration_s",
    "min_off_nadir_deg",
    "gsd_m",
    "sun_elevation_deg",
)
EVENT_COLUMNS = ("spacecraft", "norad_id", "event", "start_utc", "end_utc", "duration_s")


def write_station_windows(windows: Iterable[StationWindow], out: IO[str], form: Format) -> None:
    """Passes over sites to ``out``, in the order given."""
    _write(windows, STATION_COLUMNS, _station_row, out, form)


def write_imaging_windows(windows: Iterable[ImagingWindow], out: IO[str], form: Format) -> None:
    """Imaging windows to ``out``, in the order given; angles and GSD are those of the best look."""
    _write(windows, IMAGING_COLUMNS, _imaging_row, out, form)


def write_events(events: Iterable[ObjectEvent], out: IO[str], form: Format) -> None:
    """Spans of conditions to ``out``, in the order given."""
    _write(events, EVENT_COLUMNS, _event_row, out, form)


def _event_row(event: ObjectEvent) -> Row:
    return {
        "spacecraft": event.spacecraft,
        "norad_id": event.norad_id,
        "event": event.event,
        **_span(event.interval),
    }


def _station_row(window: StationWindow) -> Row:
    return {
        "spacecraft": window.spacecraft,
        "norad_id": window.norad_id,
        "target": window.target,
        **_span(window.interval),
        "max_elevation_deg": round(window.max_elevation_deg, 4),
        "max_elevation_utc": window.max_elevation_at.iso(),
    }


def _imaging_row(window: ImagingWindow) -> Row:
    return {
        "spacecraft": window.spacecraft,
        "norad_id": window.norad_id,
        "instrument": window.instrument,
        "target": window.target,
        **_span(window.interval),
        "min_off_nadir_deg": round(window.best.off_nadir_deg, 4),
        "gsd_m": round(window.best.gsd_m, 4),
        "sun_elevation_deg": round(window.best.sun_elevation_deg, 4),
    }


def _span(interval: Interval) -> dict[str, str | float]:
    start, end = (_millisecond(epoch) for epoch in (interval.start, interval.end))
    return {
        "start_utc": start.iso(),
        "end_utc": end.iso(),
        # of the times as printed, so that the columns agree
        "duration_s": round(end - start, 3),
    }


def _millisecond(epoch: Epoch) -> Epoch:
    return Epoch((epoch.tai_ns + 500_000) // 1_000_000 * 1_000_000)


def _write(
    windows: Iterable[W], columns: Sequence[str], row: Callable[[W], Row], out: IO[str], form: Format
) -> None:
    found = _begun(windows)
    if form == "csv":
        writer = csv.DictWriter(out, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(row(window) for window in found)
    elif form == "json":
        _json(({**row(window), "elements": _elements(window.elements)} for window in found), out)
    else:
        _table(_limited(row(window) for window in found), columns, out)


def _begun(windows: Iterable[W]) -> Iterator[W]:
    """The same windows, the search for the first of them already done: what refuses it has spoken."""
    iterator = iter(windows)
    first = list(itertools.islice(iterator, 1))
    return itertools.chain(first, iterator)


def _limited(rows: Iterable[Row]) -> list[Row]:
    kept = list(itertools.islice(rows, MAX_TABLE_ROWS + 1))
    if len(kept) > MAX_TABLE_ROWS:
        raise too_long_for_a_table(f"more than {MAX_TABLE_ROWS:,}")
    return kept


def too_long_for_a_table(count: str) -> InputError:
    """What to say about so many windows."""
    return InputError(
        f"{count} windows are too many for a table: use --format csv, which is written as they are found, "
        "or a shorter interval"
    )


def _json(records: Iterable[Mapping[str, object]], out: IO[str]) -> None:
    """A list of records, laid out as ``json.dump`` with an indent of 1 would, one at a time."""
    mark = "["
    for record in records:
        out.write(mark + "\n" + textwrap.indent(json.dumps(record, indent=1, ensure_ascii=False), " "))
        mark = ","
    out.write("[]\n" if mark == "[" else "\n]\n")


def _elements(used: ElementsUsed) -> Row:
    return {"epoch": used.epoch.iso(), "age_s": round(used.age_s, 3), "source": used.source}


def _table(rows: Sequence[Row], columns: Sequence[str], out: IO[str]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    numbers = {name for name in columns if rows and not isinstance(rows[0][name], str)}
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        table.add_column(name, justify="right" if name in numbers else "left", no_wrap=True)
    for row in rows:
        # Text, not markup: a name may hold square brackets
        table.add_row(*(Text(_shown(name, row[name])) for name in columns))
    # as wide as it takes: a cut time is worse than a wrapped line
    console = Console(file=out, highlight=False, width=10_000)
    console.print(table)
    console.print(f"{len(rows)} window{'' if len(rows) == 1 else 's'}")


def _shown(name: str, value: str | int | float) -> str:
    if isinstance(value, float):
        return f"{value:.1f}" if name == "duration_s" else f"{value:.2f}"
    return str(value)
