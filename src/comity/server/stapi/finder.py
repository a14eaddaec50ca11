"""Finding opportunities at once: the fleet's states at hand, licences applied, answers kept a while."""

from __future__ import annotations

import gc
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeVar

from shapely.geometry import box

from comity.access import ImagingWindow, constellation_windows
from comity.core import Epoch, Interval, silent, span
from comity.fleet import Programme, Request, area_target, point_target, territory
from comity.fleet.territories import territory_ids
from comity.imagery import clear_probability
from comity.operations import licence_decisions
from comity.operations.sky import elements_digest
from comity.server.operator import Operator
from comity.server.stapi.asking import Wish
from comity.services import service_of

T = TypeVar("T")
R = TypeVar("R")

_DAY_S = 86_400.0
#: So many answers, and windows in all of them, are kept for their further pages.
_KEPT = 64
_KEPT_WINDOWS = 5_000
#: How often it is looked whether the fleet's states are still the present ones (s).
_LOOK_S = 30.0
#: Instruments with a swath like this (m) can take areas.
_WIDE_M = 5_000.0
#: Deliverable GSD by target and ``spacecraft/instrument``, m.
Deliver = Mapping[tuple[str, str], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Windows that may be ordered, in order of time, and how fine they may be delivered (m)."""

    windows: tuple[ImagingWindow, ...]
    deliver: Deliver | None


class _Serial:
    """One piece after another: they are short, and threads would only make them wait for each other."""

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Results in the order of ``items``."""
        return map(function, items)


class Finder:
    """Searches at once. Safe to share between threads."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Found] = OrderedDict()

    def prepare(self) -> None:
        """Have at hand what searches read, so that the first customer need not wait."""
        operator, programme, now = self._operator, self._operator.programme, self._operator.now()
        operator.fleet.renew(programme, now)
        for name in territory_ids():
            territory(name)
        clear_probability([0.0], [0.0], 0.5)
        wide = [
            craft for craft in programme.spacecraft if any(i.swath_m >= _WIDE_M for i in craft.instruments)
        ]
        targets = [point_target(0.0, 0.0, "point"), area_target(box(0.0, 0.0, 0.1, 0.1), "area")]
        trajectories = operator.fleet.trajectories(programme, now)
        for craft in wide[:1]:  # loads the compiled search
            mine = [one.id for one in craft.instruments if one.swath_m >= _WIDE_M]
            fleet = [(craft, trajectories[craft.norad_id])]
            constellation_windows(
                fleet, targets, Interval(now, now + _DAY_S), instruments=mine, executor=_Serial()
            )

    def keep_ready(self, stop: threading.Event) -> None:
        """:meth:`prepare`, then new states from time to time until ``stop``."""
        self.prepare()
        # What is at hand by now stays: the collector need not go through it time and again, for 0.1 s each.
        gc.collect()
        gc.freeze()
        while not stop.wait(_LOOK_S):
            self._operator.fleet.renew(self._operator.programme, self._operator.now())

    def find(self, programme: Programme, wish: Wish, now: Epoch) -> Found:
        """Every window of a wish that the customer's licences allow."""
        key = _key(programme, wish)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        request = wish.request
        with span("search opportunities", product=request.product.id, spacecraft=len(programme.spacecraft)):
            windows = service_of(request.product.service).find(
                programme,
                request,
                self._operator.fleet.trajectories(programme, now),
                request.interval,
                executor=_Serial(),
                progress=silent,
            )
        found = licensed(programme, request, windows, now) if wish.licensed else unlicensed(windows)
        with self._lock:
            self._kept[key] = found
            while len(self._kept) > 1 and (
                len(self._kept) > _KEPT or sum(len(f.windows) for f in self._kept.values()) > _KEPT_WINDOWS
            ):
                self._kept.popitem(last=False)
        return found


def unlicensed(windows: tuple[ImagingWindow, ...]) -> Found:
    """All windows, whoever may order them: for the operator's own people."""
    return Found(windows=windows, deliver=None)


def licensed(programme: Programme, request: Request, windows: tuple[ImagingWindow, ...], now: Epoch) -> Found:
    """The windows that the owners' rules let this customer order, decided as a quote decides them."""
    allowed = {
        (d.inputs.target, d.inputs.owner, d.inputs.gsd_m): d.deliver_gsd_m or 0.0
        for d in licence_decisions(programme, request, now)
        if d.effect != "refuse"
    }
    kept: list[ImagingWindow] = []
    deliver: dict[tuple[str, str], float] = {}
    for window in windows:
        target = window.target.split("/strip-")[0]
        owner = programme.craft(window.spacecraft).owner
        gsd_m = programme.instrument(window.spacecraft, window.instrument).gsd_m
        limit = allowed.get((target, owner, gsd_m))
        if limit is not None:
            kept.append(window)
            deliver[target, f"{window.spacecraft}/{window.instrument}"] = limit
    return Found(windows=tuple(kept), deliver=deliver)


def _key(programme: Programme, wish: Wish) -> str:
    request = wish.request
    text = json.dumps(
        [
            elements_digest(programme),
            programme.text,
            request.customer.id if wish.licensed else None,
            request.product.id,
            wish.asked.geometry,
            request.interval.iso(),
            request.max_gsd_m,
            request.max_off_nadir_deg,
            request.min_sun_elevation_deg,
        ],
        sort_keys=True,
    )
    return sha256(text.encode()).hexdigest()
