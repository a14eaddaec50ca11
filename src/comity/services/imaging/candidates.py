"""From windows and tasks to the planner's opportunities."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import shapely

from comity.access import ImagingWindow, Look
from comity.core import Interval
from comity.fleet import Programme
from comity.planning import Opportunity
from comity.services.base import Candidate, ClearSky, OrderTask

#: Ground speed of a low orbit's sub-satellite point, for the time a point scene takes (m/s).
GROUND_SPEED_M_S = 6_900.0
#: The scan of a point scene: as long as the swath is wide, within these limits (m).
SCENE_LENGTH_M = (10_000.0, 60_000.0)
#: What the worst geometry and the last moment cost of a task's worth.
OFF_NADIR_PENALTY = 0.15
LATE_PENALTY = 0.05


def make_candidates(
    programme: Programme,
    tasks: Iterable[OrderTask],
    windows: Iterable[ImagingWindow],
    horizon: Interval,
    clear_sky: ClearSky,
) -> Iterator[Candidate]:
    """Every way in which ``windows`` can serve ``tasks`` inside ``horizon``.

    ``clear_sky(lon, lat, max_cloud)``: chance that the sky is clear enough. An agile spacecraft gets
    one candidate per look of a window; a scan is one candidate. Instruments that a licence rule
    keeps from the task are left out, and so are cells that the customer already has.
    """
    by_target: dict[str, list[ImagingWindow]] = {}
    for window in windows:
        by_target.setdefault(window.target.split("/strip-")[0], []).append(window)
    for task in tasks:
        missing = np.setdiff1d(np.arange(len(task.cell_points)), np.array(task.got, dtype=int))
        points = np.array(task.cell_points)[missing] if len(missing) else np.empty((0, 2))
        local = {int(cell): k for k, cell in enumerate(missing)}
        number = 0
        for window in by_target.get(task.target, ()):
            if f"{window.spacecraft}/{window.instrument}" not in task.deliver_gsd_m:
                continue
            cells = _covered(window, points, missing) if task.cell_points else None
            if cells is not None and not cells:
                continue
            for look, interval in _starts(programme, window):
                inside = horizon.start <= interval.start and interval.end <= horizon.end
                if not inside or not _within(interval, task.interval):
                    continue
                number += 1
                yield Candidate(
                    opportunity=Opportunity(
                        id=f"{task.id}#{number}",
                        task=task.id,
                        spacecraft=window.spacecraft,
                        start_s=interval.start - horizon.start,
                        end_s=interval.end - horizon.start,
                        from_direction=(window.looks[0] if window.whole else look).inertial,
                        to_direction=(window.looks[-1] if window.whole else look).inertial,
                        quality=_quality(programme, window, look, task, clear_sky),
                        bits=programme.instrument(window.spacecraft, window.instrument).data_rate_bps
                        * interval.duration_s,
                        cells=None if cells is None else tuple(local[c] for c in cells),
                    ),
                    task=task,
                    window=window,
                    look=look,
                    interval=interval,
                )


def _within(inner: Interval, outer: Interval) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end


def _covered(window: ImagingWindow, points: np.ndarray, cells: np.ndarray) -> tuple[int, ...]:
    """Cells (their numbers in the task) whose middle lies in the window's footprint."""
    if not len(points):
        return ()
    inside = shapely.contains_xy(window.footprint, points[:, 0], points[:, 1])
    return tuple(int(c) for c in cells[inside])


def _starts(programme: Programme, window: ImagingWindow) -> Iterator[tuple[Look, Interval]]:
    if window.whole:
        yield window.best, window.interval
        return
    instrument = programme.instrument(window.spacecraft, window.instrument)
    length_m = min(max(instrument.swath_m, SCENE_LENGTH_M[0]), SCENE_LENGTH_M[1])
    duration_s = length_m / GROUND_SPEED_M_S
    if window.interval.duration_s < duration_s:
        return
    seen: set[int] = set()
    for look in window.looks:
        latest = window.interval.end + -duration_s
        start = min(max(look.at + -duration_s / 2, window.interval.start), latest)
        if start.tai_ns not in seen:
            seen.add(start.tai_ns)
            yield look, Interval(start, start + duration_s)


def _quality(
    programme: Programme, window: ImagingWindow, look: Look, task: OrderTask, clear_sky: ClearSky
) -> float:
    limit = max(programme.instrument(window.spacecraft, window.instrument).max_off_nadir_deg, 45.0)
    middle = window.footprint.representative_point()
    age = (look.at - task.interval.start) / task.interval.duration_s
    geometry = 1.0 - OFF_NADIR_PENALTY * min(1.0, look.off_nadir_deg / limit) ** 2
    late = 1.0 - LATE_PENALTY * max(0.0, age)
    return float(clear_sky(middle.x, middle.y, task.max_cloud) * geometry * late)
