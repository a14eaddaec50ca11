"""What the operator remembers of the road: orders and their tasks, plans, activities, items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from shapely.geometry.base import BaseGeometry

from comity.access import ImagingWindow, Look
from comity.commerce import Decision
from comity.core import Epoch, Interval
from comity.planning import Problem, Solution

#: Order status codes of STAPI 0.1.
OrderStatusCode = Literal[
    "received", "accepted", "rejected", "completed", "cancelled", "scheduled", "held", "processing",
    "reserved", "tasked", "user_cancelled", "failed", "expired",
]  # fmt: skip
TaskState = Literal["open", "planned", "acquired", "done", "refused-by-rule", "failed", "cancelled"]
ActivityKind = Literal["acquisition", "downlink"]
ActivityState = Literal["planned", "done", "failed", "dropped"]
ItemState = Literal["offered", "accepted", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpportunitySet:
    """All imaging windows found for a request, and when and with which elements.

    ``elements``: digest of the programme's element sets; other elements make the set out of date.
    """

    id: str
    request: str
    found_at: Epoch
    interval: Interval
    elements: str
    windows: tuple[ImagingWindow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderStatus:
    """One entry of an order's history (STAPI OrderStatus)."""

    at: Epoch
    code: OrderStatusCode
    reason_code: str | None = None
    reason_text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A customer's binding order of a quote; ``statuses`` is its whole history, oldest first."""

    id: str
    request: str
    quote: str
    customer: str
    product: str
    created: Epoch
    statuses: tuple[OrderStatus, ...]

    @property
    def status(self) -> OrderStatusCode:
        """The present status."""
        return self.statuses[-1].code


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """One thing a spacecraft and perhaps a station do: an acquisition or a downlink.

    ``carries``: for a downlink, the acquisitions it brings (whole or the last part of); ``begins``: those
    of which it brings an earlier part. ``cells``: cells of the task that the acquisition covers.
    ``licence``: what the rules said of this very image. ``cloud``: what was found, None before
    execution. ``simulated``: the outcome was drawn, not reported.
    """

    id: str
    plan: str
    kind: ActivityKind
    spacecraft: str
    interval: Interval
    state: ActivityState
    bits: float
    instrument: str | None = None
    station: str | None = None
    order: str | None = None
    task: str | None = None
    target: str | None = None
    look: Look | None = None
    footprint: BaseGeometry | None = None
    ascending: bool = False
    cells: tuple[int, ...] = ()
    carries: tuple[str, ...] = ()
    begins: tuple[str, ...] = ()
    licence: Decision | None = None
    received_by: str | None = None
    cloud: float | None = None
    cloud_source: str = ""
    simulated: bool = False
    outcome: str = ""
    elements_source: str = ""
    elements_epoch: Epoch | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRecord:
    """A plan as it was made: problem and solution are kept, so every reason can be recomputed."""

    id: str
    created: Epoch
    problem: Problem
    solution: Solution


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRecord:
    """A delivered product: one STAC Item and the customer's word on it.

    ``path``: the item's JSON, ``image`` and ``quicklook`` its assets, relative to the delivery
    folder. ``area_part``: part of the task's value it brings (1 for a point).
    """

    id: str
    activity: str
    order: str
    task: str
    target: str
    path: str
    image: str
    quicklook: str
    cloud: float
    native_gsd_m: float
    delivered_gsd_m: float
    pixel_m: float
    area_part: float
    delivered: Epoch
    state: ItemState
    state_reason: str = ""
