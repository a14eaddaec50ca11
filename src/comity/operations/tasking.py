"""What an operator would send: tasking per spacecraft and a schedule per station, as CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from comity.core import Epoch, InputError, StateError, encode, read_text, write_text
from comity.operations.execution import Outcome
from comity.operations.orders import advance
from comity.operations.oversight import approved
from comity.operations.ports import Store
from comity.operations.records import Activity

TASKING_COLUMNS = (
    "activity_id", "kind", "spacecraft", "norad_id", "instrument", "start_utc", "end_utc", "order",
    "target", "roll_deg", "pitch_deg", "off_nadir_deg", "lon_deg", "lat_deg", "station", "bits",
)  # fmt: skip
SCHEDULE_COLUMNS = (
    "activity_id", "station", "spacecraft", "norad_id", "start_utc", "end_utc", "bits", "carries",
)  # fmt: skip


def export_plan(store: Store, folder: Path, *, now: Epoch) -> list[Path]:
    """Write the planned activities under ``folder``; that approves their plans and tasks their orders.

    ``tasking/SPACECRAFT.csv`` and ``.json``, ``schedules/STATION.csv`` and ``.json``; those of an earlier
    plan for others are removed, so that nobody flies them. Raises :class:`StateError` when nothing is
    planned.
    """
    with store.begin() as work:
        programme = work.programme()
        planned = sorted(work.activities.all(state="planned"), key=lambda a: (a.interval.start, a.id))
        if not planned:
            raise StateError("nothing is planned: run plan make first")
        for order_id in dict.fromkeys(a.order for a in planned if a.order):
            order = work.orders.get(order_id)
            if order.status == "scheduled":
                work.orders.put(advance(order, now, "tasked", None, "commands exported"))
        for plan in dict.fromkeys(a.plan for a in planned):
            approved(work, plan, now=now, by="export", reason="commands exported")
    norad = {craft.id: craft.norad_id for craft in programme.spacecraft}
    files: list[Path] = []
    for name in dict.fromkeys(a.spacecraft for a in planned):
        rows = [_tasking_row(a, norad[name]) for a in planned if a.spacecraft == name]
        files += _write(folder / "tasking" / name, TASKING_COLUMNS, rows, now)
    for name in dict.fromkeys(a.station for a in planned if a.station):
        rows = [_schedule_row(a, norad[a.spacecraft]) for a in planned if a.station == name]
        files += _write(folder / "schedules" / str(name), SCHEDULE_COLUMNS, rows, now)
    known = [folder / "tasking" / craft.id for craft in programme.spacecraft]
    known += [folder / "schedules" / station.id for station in programme.stations]
    for old in (stem.with_name(f"{stem.name}{kind}") for stem in known for kind in (".csv", ".json")):
        if old not in files:
            old.unlink(missing_ok=True)
    return files


def _tasking_row(activity: Activity, norad_id: int) -> tuple[object, ...]:
    look = activity.look
    middle = activity.footprint.representative_point() if activity.footprint is not None else None
    return (
        activity.id,
        activity.kind,
        activity.spacecraft,
        norad_id,
        activity.instrument,
        activity.interval.start.iso(),
        activity.interval.end.iso(),
        activity.order,
        activity.target,
        None if look is None else round(look.roll_deg, 4),
        None if look is None else round(look.pitch_deg, 4),
        None if look is None else round(look.off_nadir_deg, 4),
        None if middle is None else round(middle.x, 5),
        None if middle is None else round(middle.y, 5),
        activity.station,
        round(activity.bits),
    )


def _schedule_row(activity: Activity, norad_id: int) -> tuple[object, ...]:
    return (
        activity.id,
        activity.station,
        activity.spacecraft,
        norad_id,
        activity.interval.start.iso(),
        activity.interval.end.iso(),
        round(activity.bits),
        " ".join(activity.carries),
    )


def _write(stem: Path, columns: Sequence[str], rows: Iterable[Sequence[object]], now: Epoch) -> list[Path]:
    rows = list(rows)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    entries = [dict(zip(columns, row, strict=True)) for row in rows]
    text = json.dumps({"created": encode(now), "activities": entries}, indent=1, ensure_ascii=False)
    return [
        write_text(stem.with_name(f"{stem.name}.csv"), out.getvalue()),
        write_text(stem.with_name(f"{stem.name}.json"), text + "\n"),
    ]


def read_report(path: Path) -> list[Outcome]:
    """An execution report: CSV (or JSON list) of ``activity_id, state, cloud, text``.

    ``state`` is ``done`` or ``failed``; ``cloud`` (0…1) and ``text`` may be empty. Raises
    :class:`InputError` naming the file and line of what cannot be read.
    """
    text = read_text(path)
    if text.lstrip().startswith(("[", "{")):
        try:
            data = json.loads(text)
        except json.JSONDecodeError as error:
            raise InputError(f"report {path} is not JSON: {error}") from error
        rows = data.get("activities", []) if isinstance(data, dict) else data
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise InputError(f"report {path}: expected a list of objects with activity_id and state")
    else:
        rows = list(csv.DictReader(io.StringIO(text)))
    if not rows:
        raise InputError(f"report {path} names no activity")
    return [_outcome(path, number, row) for number, row in enumerate(rows, 1)]


def _outcome(path: Path, number: int, row: dict[str, object]) -> Outcome:
    where = f"report {path}, entry {number}"
    activity, state = str(row.get("activity_id") or ""), str(row.get("state") or "").lower()
    if not activity:
        raise InputError(f"{where}: no activity_id; needed: activity_id, state, and perhaps cloud, text")
    if state not in ("done", "failed"):
        raise InputError(f"{where}: state {state!r} of {activity} is neither done nor failed")
    cloud = row.get("cloud")
    value: float | None = None
    if cloud not in (None, ""):
        try:
            value = float(str(cloud))
        except ValueError as error:
            raise InputError(f"{where}: cloud {cloud!r} of {activity} is not a number") from error
        if not 0 <= value <= 1:
            raise InputError(f"{where}: cloud {value} of {activity} is outside 0…1")
    return Outcome(
        activity=activity,
        state="done" if state == "done" else "failed",
        cloud=value,
        text=str(row.get("text") or ""),
        cloud_source="operator's report" if value is not None else "",
    )
