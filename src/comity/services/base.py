"""What every service offers the road: from a request to opportunities, tasks and products."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from comity.access import ImagingWindow, Look
from comity.core import Executor, Interval, Progress
from comity.fleet import Programme, Request
from comity.orbits import Trajectory
from comity.planning import Opportunity

TaskState = Literal["open", "planned", "acquired", "done", "refused-by-rule", "failed", "cancelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTask:
    """One thing an order wants once: a target, or one day of a monitored target.

    ``value``: what it earns when done whole, programme currency. ``cell_points``: lon, lat of the
    area's cells (empty for a point) and ``cell_weights`` their parts of the area (sum 1); ``got``:
    indices of cells held in accepted or offered images. ``deliver_gsd_m``:
    ``spacecraft/instrument`` → the finest GSD the licence lets us deliver, m; instruments not named
    may not serve it. ``missed``: acquisitions that were planned and not commanded in time, which are no
    ``tries``.
    """

    id: str
    order: str
    target: str
    interval: Interval
    value: float
    max_cloud: float
    cell_points: tuple[tuple[float, float], ...]
    cell_weights: tuple[float, ...]
    got: tuple[int, ...]
    deliver_gsd_m: dict[str, float]
    state: TaskState
    tries: int = 0
    missed: int = 0
    reason_code: str = ""
    reason_text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A planner's opportunity together with the window, look and span it stands for."""

    opportunity: Opportunity
    task: OrderTask
    window: ImagingWindow
    look: Look
    interval: Interval


class ClearSky(Protocol):
    """Chance, 0…1, that the cloud over a place is no more than ``max_cloud``."""

    def __call__(self, lon_deg: float, lat_deg: float, max_cloud: float, /) -> float:
        """For a place in degrees and a cloud fraction 0…1."""
        ...


class Service(Protocol):
    """A thing sold: turns a request into opportunities and tasks over access windows."""

    def find(
        self,
        programme: Programme,
        request: Request,
        trajectories: Mapping[int, Trajectory],
        interval: Interval,
        *,
        executor: Executor,
        progress: Progress,
    ) -> tuple[ImagingWindow, ...]:
        """All windows that could serve the request in ``interval``, sorted by start."""
        ...

    def tasks(
        self,
        order: str,
        request: Request,
        values: Mapping[str, float],
        deliver_gsd_m: Mapping[str, Mapping[str, float]],
    ) -> Iterable[OrderTask]:
        """What an order of the request asks the planner for."""
        ...

    def candidates(
        self,
        programme: Programme,
        tasks: Iterable[OrderTask],
        windows: Iterable[ImagingWindow],
        horizon: Interval,
        clear_sky: ClearSky,
    ) -> Iterable[Candidate]:
        """Every way in which ``windows`` can serve ``tasks`` inside ``horizon``."""
        ...
