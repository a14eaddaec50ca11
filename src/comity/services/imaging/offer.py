"""From a request to the imaging windows that could serve it."""

from __future__ import annotations

from collections.abc import Mapping

from comity.access import ImagingWindow, constellation_windows
from comity.core import Executor, InputError, Interval, Progress
from comity.fleet import Instrument, Programme, Request, Spacecraft
from comity.orbits import Trajectory


def suitable_instruments(programme: Programme, request: Request) -> list[tuple[Spacecraft, Instrument]]:
    """Instruments of the pool whose bands, GSD and swath meet the request.

    Raises :class:`InputError` when the pool has none: such a request can never be served.
    """
    product = request.product
    found = [
        (craft, instrument)
        for craft in programme.spacecraft
        for instrument in craft.instruments
        if set(product.bands) <= set(instrument.bands)
        and instrument.gsd_m <= request.max_gsd_m
        and instrument.swath_m >= product.min_swath_m
    ]
    if not found:
        finest = min(i.gsd_m for s in programme.spacecraft for i in s.instruments)
        raise InputError(
            f"no instrument of {programme.id} gives bands {', '.join(product.bands) or 'any'} at "
            f"{request.max_gsd_m:g} m or finer over {product.min_swath_m / 1000:g} km: "
            f"the pool's finest is {finest:g} m; ask for a coarser GSD or another product"
        )
    return found


def find_opportunities(
    programme: Programme,
    request: Request,
    trajectories: Mapping[int, Trajectory],
    interval: Interval,
    *,
    executor: Executor,
    progress: Progress,
) -> tuple[ImagingWindow, ...]:
    """Every imaging window of every suitable instrument on the request's targets in ``interval``.

    ``trajectories``: NORAD id → trajectory. Sorted by start. A request may have no window at all:
    the answer is then empty, and so is a spacecraft's share whose instruments do not suit.
    """
    chosen: dict[str, tuple[Spacecraft, list[str]]] = {}
    for craft, instrument in suitable_instruments(programme, request):
        chosen.setdefault(craft.id, (craft, []))[1].append(instrument.id)
    return tuple(
        constellation_windows(
            [(craft, trajectories[craft.norad_id], tuple(ids)) for craft, ids in chosen.values()],
            request.targets,
            interval,
            max_off_nadir_deg=request.max_off_nadir_deg,
            min_sun_elevation_deg=request.min_sun_elevation_deg,
            max_gsd_m=request.max_gsd_m,
            executor=executor,
            progress=progress,
        )
    )
