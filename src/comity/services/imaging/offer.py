"""From a request to the imaging windows that could serve it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from comity.access import ImagingWindow, constellation_windows
from comity.core import Executor, InputError, Interval, Progress
from comity.fleet import Instrument, Programme, Request, Spacecraft
from comity.orbits import Trajectory


class OutOfReachError(InputError):
    """More than the pool can do for one request, of the ``area`` (km²) or the ``gsd`` (m), and its limit."""

    def __init__(
        self, message: str, *, what: Literal["area", "gsd"], value: float, limit: float | None
    ) -> None:
        super().__init__(message)
        self.what = what
        self.value = value
        self.limit = limit


def suitable_instruments(programme: Programme, request: Request) -> list[tuple[Spacecraft, Instrument]]:
    """Instruments of the pool whose bands, GSD and swath meet the request.

    Raises :class:`OutOfReachError` when the pool has none: such a request can never be served.
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
        fit = [
            i.gsd_m
            for s in programme.spacecraft
            for i in s.instruments
            if set(product.bands) <= set(i.bands) and i.swath_m >= product.min_swath_m
        ]
        raise OutOfReachError(
            f"no instrument of {programme.id} gives bands {', '.join(product.bands) or 'any'} at "
            f"{request.max_gsd_m:g} m or finer over {product.min_swath_m / 1000:g} km: "
            f"the pool's finest is {finest:g} m; ask for a coarser GSD or another product",
            what="gsd",
            value=request.max_gsd_m,
            limit=min(fit, default=None),
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
    suitable = suitable_instruments(programme, request)
    pairs = {(craft.id, instrument.id) for craft, instrument in suitable}
    fleet = {craft.id: craft for craft, _ in suitable}
    windows, refused = constellation_windows(
        [(craft, trajectories[craft.norad_id]) for craft in fleet.values()],
        request.targets,
        interval,
        max_off_nadir_deg=request.max_off_nadir_deg,
        min_sun_elevation_deg=request.min_sun_elevation_deg,
        max_gsd_m=request.max_gsd_m,
        instruments={instrument.id for _, instrument in suitable},
        executor=executor,
        progress=progress,
    )
    if refused:
        raise refused[0]
    return tuple(w for w in windows if (w.spacecraft, w.instrument) in pairs)
