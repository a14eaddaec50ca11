"""Finding opportunities at once: the fleet's states at hand, licences applied, answers kept a while."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeVar

from comity.access import ImagingWindow, SampledTrajectory
from comity.core import Epoch, Interval, silent
from comity.fleet import Programme, Request
from comity.operations import licence_decisions
from comity.operations.orders import elements_digest
from comity.operations.sky import trajectories_of
from comity.orbits import EarthOrientation, Trajectory
from comity.server.operator import Operator
from comity.server.stapi.asking import Wish
from comity.services import service_of

T = TypeVar("T")
R = TypeVar("R")

_DAY_S = 86_400.0
#: Fleet states are kept from the day's beginning for so long (s); searches beyond are computed as they come.
SPAN_S = 10 * _DAY_S
#: So many answers are kept, for their further pages.
_KEPT = 64
#: Deliverable GSD by target and ``spacecraft/instrument``, m.
Deliver = Mapping[tuple[str, str], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Windows that may be ordered, in order of time, and how fine they may be delivered (m)."""

    windows: tuple[ImagingWindow, ...]
    deliver: Deliver | None


#: States of a fleet by its elements and day: a process has one operator, and keeps what was last asked of.
_fleets: dict[tuple[str, Epoch], dict[int, Trajectory]] = {}
_fleets_lock = threading.Lock()


def _fleet_of(programme: Programme, day: Epoch) -> dict[int, Trajectory]:
    key = elements_digest(programme), day
    with _fleets_lock:
        if key not in _fleets:
            span, eop = Interval(day, day + SPAN_S), EarthOrientation.bundled()
            _fleets.clear()
            _fleets[key] = {
                number: SampledTrajectory(trajectory, span, eop)
                for number, trajectory in trajectories_of(programme).items()
            }
        return _fleets[key]


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

    def trajectories(self, programme: Programme, now: Epoch) -> Mapping[int, Trajectory]:
        """The programme's spacecraft, with their states of the coming days at hand."""
        return _fleet_of(programme, Epoch.from_iso(now.iso(0)[:10]))

    def warm(self) -> None:
        """Work out the fleet's states now, so that the first customer need not wait."""
        programme = self._operator.programme
        for trajectory in self.trajectories(programme, self._operator.now()).values():
            if isinstance(trajectory, SampledTrajectory):
                trajectory.prepare()

    def find(self, programme: Programme, wish: Wish, now: Epoch) -> Found:
        """Every window of a wish that the customer's licences allow."""
        key = _key(programme, wish)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        request = wish.request
        windows = service_of(request.product.service).find(
            programme,
            request,
            self.trajectories(programme, now),
            request.interval,
            executor=_Serial(),
            progress=silent,
        )
        found = licensed(programme, request, windows, now) if wish.licensed else unlicensed(windows)
        with self._lock:
            self._kept[key] = found
            while len(self._kept) > _KEPT:
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
