"""How much of what is asked for can be had at all: what a quote charges no more than."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import shapely

from comity.access import ImagingWindow
from comity.commerce import asked_quantity
from comity.fleet import PriceUnit, Request, Target, area_km2


def feasible_quantity(
    unit: PriceUnit, request: Request, target: Target, windows: Sequence[ImagingWindow]
) -> Decimal | int:
    """How much of a target there are windows for: periods with one, or km² under their footprints."""
    period = request.product.repeat_s or request.interval.duration_s
    periods: dict[int, list[ImagingWindow]] = {}
    for window in windows:
        if window.target.split("/strip-")[0] == target.id:
            number = int((window.interval.start - request.interval.start) // period)
            periods.setdefault(number, []).append(window)
    if unit != "km2":
        return len(periods)
    seen = (shapely.union_all([w.footprint for w in mine]) for mine in periods.values())
    feasible = sum((Decimal(area_km2(each.intersection(target.geometry))) for each in seen), Decimal(0))
    return min(asked_quantity(unit, request, target), feasible)
