"""From an order to the tasks that the planner places: targets, days of monitoring, cells of areas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from comity.access import cells
from comity.core import Interval
from comity.fleet import Request, Target, area_from_geometry
from comity.services.base import OrderTask

#: An area is judged by about this many cells: enough that a strip's part of it is known to 1 %.
CELLS_PER_AREA = 400
MIN_CELL_M = 2_000.0


def make_tasks(
    order: str,
    request: Request,
    values: Mapping[str, float],
    deliver_gsd_m: Mapping[str, Mapping[str, float]],
) -> Iterator[OrderTask]:
    """The tasks of ``order``, one per target, or per target and day for a monitoring product.

    ``values``: target id → worth of all of it, programme currency. ``deliver_gsd_m``: target id →
    ``spacecraft/instrument`` → finest GSD that may be delivered; a target that nobody may serve is
    given an empty mapping and becomes a task that a rule refuses.
    """
    for target in request.targets:
        allowed = dict(deliver_gsd_m.get(target.id, {}))
        points, weights = _cells(target)
        spans = list(_spans(request))
        for number, span in enumerate(spans, 1):
            suffix = f"/day-{number}" if len(spans) > 1 else ""
            yield OrderTask(
                id=f"{order}/{target.id}{suffix}",
                order=order,
                target=target.id,
                interval=span,
                value=values.get(target.id, 0.0) / len(spans),
                max_cloud=request.max_cloud,
                cell_points=points,
                cell_weights=weights,
                got=(),
                deliver_gsd_m=allowed,
                state="open" if allowed else "refused-by-rule",
                reason_code="" if allowed else "rule",
            )


def _spans(request: Request) -> Iterator[Interval]:
    if request.product.repeat_s is None:
        yield request.interval
        return
    start = request.interval.start
    while start < request.interval.end:
        end = min(start + request.product.repeat_s, request.interval.end)
        yield Interval(start, end)
        start = end


def _cells(target: Target) -> tuple[tuple[tuple[float, float], ...], tuple[float, ...]]:
    if target.geometry.geom_type == "Point":
        return (), ()
    area = area_from_geometry(target.geometry, target.name)
    size_m = max(MIN_CELL_M, 1000.0 * (area.area_km2 / CELLS_PER_AREA) ** 0.5)
    grid = cells(area, size_m)
    points = tuple((round(float(lon), 5), round(float(lat), 5)) for lon, lat in grid.points)
    return points, tuple(float(w) for w in grid.weights)
