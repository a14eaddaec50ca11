"""One row per spacecraft over the days of the plan: what it acquired and what it sent where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from comity.core import Epoch
from comity.operations.records import Activity
from comity.server.report import text
from comity.server.report.lookup import Lookup, short_name
from comity.server.report.maps import acquisition_tip

_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """An activity: ``left`` and ``width`` in per cent of the row."""

    left: float
    width: float
    css: str
    tip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A spacecraft's bars: acquisitions above, downlinks below."""

    name: str
    owner: str
    css: str
    acquisitions: tuple[Bar, ...]
    downlinks: tuple[Bar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A line across all rows at ``left`` per cent."""

    left: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """An entry of the legend."""

    css: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """The whole chart; ``days`` is its length, ``idle`` names spacecraft with nothing to show."""

    days: int
    ticks: tuple[Tick, ...]
    hours: tuple[Tick, ...]
    plans: tuple[Tick, ...]
    rows: tuple[Row, ...]
    idle: tuple[str, ...]
    owners: tuple[Key, ...]
    stations: tuple[Key, ...]


def timeline(lookup: Lookup) -> Timeline | None:
    """The chart of every activity that was not dropped, None when there is none."""
    account = lookup.account
    shown = [a for a in account.activities if a.state != "dropped"]
    if not shown:
        return None
    start = _midnight(min(a.interval.start for a in shown))
    last = max(a.interval.end for a in shown)
    days = max(1, -int(-(last - start) // _DAY_S))
    length = days * _DAY_S
    by_craft: dict[str, list[Activity]] = {}
    for activity in shown:
        by_craft.setdefault(activity.spacecraft, []).append(activity)
    known = [craft.id for craft in account.programme.spacecraft]
    order = [id for id in known if id in by_craft] + sorted(set(by_craft) - set(known))
    owners = {lookup.owner(id) for id in by_craft}
    stations = {a.station for a in shown if a.kind == "downlink"}
    programme = account.programme
    return Timeline(
        days=days,
        ticks=tuple(Tick(left=100.0 * k / days, label=text.day(start + k * _DAY_S)) for k in range(days)),
        hours=tuple(
            Tick(left=round(100.0 * k / (4 * days), 4), label=f"{6 * (k % 4):02d}:00")
            for k in range(4 * days)
            if k % 4
        ),
        plans=tuple(
            Tick(
                left=round(100.0 * (plan.created - start) / length, 4),
                label=f"{plan.id} made {text.utc(plan.created)} UTC",
            )
            for plan in account.plans
            if 0.0 <= plan.created - start <= length
        ),
        rows=tuple(_row(lookup, id, by_craft[id], start, length) for id in order),
        idle=tuple(craft.name for craft in programme.spacecraft if craft.id not in by_craft),
        owners=tuple(
            Key(css=lookup.partner_css(p.id), label=p.name) for p in programme.partners if p.id in owners
        ),
        stations=tuple(
            Key(css=lookup.station_css(s.id), label=short_name(s.name))
            for s in programme.stations
            if s.id in stations
        ),
    )


def _row(lookup: Lookup, craft: str, activities: Sequence[Activity], start: Epoch, length: float) -> Row:
    acquisitions, downlinks = [], []
    for activity in sorted(activities, key=lambda a: a.interval.start):
        left = round(100.0 * (activity.interval.start - start) / length, 4)
        width = round(100.0 * activity.interval.duration_s / length, 4)
        if activity.kind == "acquisition":
            css = f"{activity.state} {lookup.partner_css(lookup.owner(craft))}"
            tip = acquisition_tip(lookup, activity)
            acquisitions.append(Bar(left=left, width=width, css=css, tip=tip))
        else:
            css = f"{activity.state} {lookup.station_css(activity.station)}"
            downlinks.append(Bar(left=left, width=width, css=css, tip=_downlink_tip(lookup, activity)))
    return Row(
        name=lookup.craft_name(craft),
        owner=lookup.partner_name(lookup.owner(craft)),
        css=lookup.partner_css(lookup.owner(craft)),
        acquisitions=tuple(acquisitions),
        downlinks=tuple(downlinks),
    )


def _downlink_tip(lookup: Lookup, activity: Activity) -> str:
    outcome = f": {activity.outcome}" if activity.outcome else ""
    return "\n".join(
        [
            f"Downlink {lookup.craft_name(activity.spacecraft)} → {lookup.station_name(activity.station)}",
            f"{text.span(activity.interval)} UTC ({text.duration(activity.interval.duration_s)})",
            f"{text.bits(activity.bits)}, {text.plural(len(activity.carries), 'acquisition')}",
            f"{activity.state}{' (simulated)' if activity.simulated else ''}{outcome}",
        ]
    )


def _midnight(epoch: Epoch) -> Epoch:
    """The UTC midnight at or before an instant."""
    return Epoch.from_iso(epoch.iso(9)[:10])
