"""Windows as CSV, JSON or a table: the columns are a public contract that scripts read."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Literal, TypeVar

from comity.access import ElementsUsed, ImagingWindow, StationWindow
from comity.core import Epoch, Interval

Format = Literal["csv", "json", "table"]
Row = Mapping[str, str | int | float]
W = TypeVar("W", StationWindow, ImagingWindow)

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


def write_station_windows(windows: Sequence[StationWindow], out: IO[str], form: Format) -> None:
    """Passes over sites to ``out``, in the order given."""
    _write(windows, STATION_COLUMNS, _station_row, out, form)


def write_imaging_windows(windows: Sequence[ImagingWindow], out: IO[str], form: Format) -> None:
    """Imaging windows to ``out``, in the order given; angles and GSD are those of the best look."""
    _write(windows, IMAGING_COLUMNS, _imaging_row, out, form)


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
    windows: Sequence[W], columns: Sequence[str], row: Callable[[W], Row], out: IO[str], form: Format
) -> None:
    if form == "csv":
        writer = csv.DictWriter(out, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(row(window) for window in windows)
    elif form == "json":
        records = [{**row(window), "elements": _elements(window.elements)} for window in windows]
        json.dump(records, out, indent=1, ensure_ascii=False)
        out.write("\n")
    else:
        _table([row(window) for window in windows], columns, out)


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
