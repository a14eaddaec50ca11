"""What happened to orders and items, once each, in the order it was kept: what webhooks are told from.

The store adds an event in the very transaction that puts the record, whoever puts it: nothing is announced
that did not happen, and nothing happens unannounced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from comity.core import Epoch
from comity.operations.records import ItemRecord, Order

EventKind = Literal["order.status", "item.offered"]
EVENT_KINDS: tuple[EventKind, ...] = ("item.offered", "order.status")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened. ``tenant``: the customer it concerns; ``subject``: the order or item."""

    id: str
    kind: EventKind
    tenant: str
    subject: str
    at: Epoch
    data: Mapping[str, Any]


class EventLog(Protocol):
    """All events, within one transaction."""

    def after(self, number: int, *, limit: int = 500) -> list[tuple[int, Event]]:
        """Events later than the one of this number, oldest first, with their numbers."""
        ...

    def last(self) -> int:
        """Number of the newest event, 0 before there is one."""
        ...


def order_events(order: Order, known: int = 0) -> list[Event]:
    """The events of an order's status history from its entry ``known`` on."""
    return [
        Event(
            id=f"{order.id}/status/{number}",
            kind="order.status",
            tenant=order.customer,
            subject=order.id,
            at=entry.at,
            data={
                "order": order.id,
                "product": order.product,
                "status": {
                    "timestamp": entry.at.iso(),
                    "status_code": entry.code,
                    "reason_code": entry.reason_code,
                    "reason_text": entry.reason_text,
                },
            },
        )
        for number, entry in enumerate(order.statuses[known:], known + 1)
    ]


def item_event(item: ItemRecord, customer: str) -> Event:
    """The event of an item that was offered to ``customer``."""
    return Event(
        id=f"{item.id}/offered",
        kind="item.offered",
        tenant=customer,
        subject=item.id,
        at=item.delivered,
        data={
            "item": item.id,
            "order": item.order,
            "target": item.target,
            "cloud": item.cloud,
            "delivered_gsd_m": item.delivered_gsd_m,
        },
    )
