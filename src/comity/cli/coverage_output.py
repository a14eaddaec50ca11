"""The summary of a coverage run: a table for people, JSON for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from comity.access.coverage import Coverage
from comity.access.coverage.maps import described
from comity.access.coverage.summary import OverArea, Summary, TimeToCover
from comity.cli.common import console, print_json
from comity.cli.work import short_time
from comity.core import encode

_NAMES = {
    "revisit_mean": "mean revisit",
    "revisit_median": "median revisit",
    "revisit_max": "longest revisit",
    "response_mean": "mean response",
    "response_max": "longest response",
    "longest_gap": "longest gap, cut ones too",
}


def print_summary(summary: Summary, result: Coverage, label: str, files: Sequence[Path]) -> None:
    """The summary as text on standard output."""
    from rich.table import Table

    screen = console()
    screen.print(f"{label}\n{described(result)}", soft_wrap=True)
    weight = f", {summary.area_km2:,.0f} km²" if summary.area_km2 else ""
    cells = f"{summary.cells:,} cell{'' if summary.cells == 1 else 's'}"
    craft = f"{summary.spacecraft} satellite{'' if summary.spacecraft == 1 else 's'}"
    screen.print(f"{craft}, {cells} ({result.grid.kind}){weight}\n")
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("over the area")
    for name in ("mean", "best cell", "worst cell"):
        table.add_column(name, justify="right")
    table.add_column("where (lon, lat)", justify="right")
    for one in summary.over_area:
        table.add_row(_name(one.name), *_row(one))
    screen.print(table)
    screen.print()
    for line in _lines(summary):
        screen.print(line, soft_wrap=True)
    for path in files:
        screen.print(f"written: {path}", soft_wrap=True)


def print_summary_json(summary: Summary, result: Coverage, label: str, files: Sequence[Path]) -> None:
    """The same as JSON, times in seconds; figures that no cell has are null."""
    print_json(
        {
            "constellation": label,
            "start": result.interval.start.iso(),
            "end": result.interval.end.iso(),
            "region": result.grid.name,
            "grid": result.grid.kind,
            "sensors": sorted({str(one) for one in result.sensors}),
            "model": result.model,
            **encode(summary),
            "skipped": [one.reason for one in result.lost],
            "files": [str(path) for path in files],
        }
    )


def _name(name: str) -> str:
    if name in _NAMES:
        return _NAMES[name]
    what, _, percent = name.rpartition("_p")
    return f"{percent} % of {what}s within" if what == "response" else f"{percent} % of revisits within"


def _row(one: OverArea) -> tuple[str, ...]:
    if one.mean_s is None or one.least_s is None or one.greatest_s is None:
        return "–", "–", "–", ""
    where = f"{one.greatest_lon_deg:.2f}, {one.greatest_lat_deg:.2f}"
    return short_time(one.mean_s), short_time(one.least_s), short_time(one.greatest_s), where


def _lines(summary: Summary) -> list[str]:
    seen = summary.seen_fraction
    lines = [
        f"Seen at least once: {_percent(seen)} of the area; in view {_percent(summary.covered_fraction)} "
        f"of the time; {summary.looks_per_day:.3g} looks per cell and day."
    ]
    lines += [_cover_line(one) for one in summary.time_to_cover]
    band = summary.worst_band
    bounds = f"{_lat(band.south_deg)} to {_lat(band.north_deg)}"
    if band.seen_fraction < 1.0 - 1e-9:
        lines.append(f"Worst latitudes: {bounds}, of which {_percent(band.seen_fraction)} is seen.")
    elif band.revisit_mean_s is not None:
        lines.append(f"Worst latitudes: {bounds}, mean revisit {short_time(band.revisit_mean_s)}.")
    return lines


def _cover_line(one: TimeToCover) -> str:
    head = f"Time to see {one.fraction * 100:g} %: "
    if one.from_start_s is None:
        return head + "not within the interval."
    line = head + f"{short_time(one.from_start_s)} from the start"
    if one.mean_s is not None:
        return line + f", {short_time(one.mean_s)} on average over {one.starts} start times."
    if one.starts:
        return line + f"; {one.starts_reached} of {one.starts} start times reach it."
    return line + "."


def _percent(fraction: float) -> str:
    percent = 100.0 * fraction
    if percent in (0.0, 100.0):
        return f"{percent:g} %"
    if percent > 99.95:
        return "just under 100 %"
    return f"{percent:.1f} %" if percent >= 0.1 else f"{percent:.2g} %"


def _lat(degrees: float) -> str:
    return f"{abs(degrees):g}°{'' if degrees == 0 else 'N' if degrees > 0 else 'S'}"
