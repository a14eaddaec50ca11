"""What happened, once each, in the order it was kept: what webhooks are told from.

The store adds an event in the very transaction that puts the record, whoever puts it: nothing is announced
that did not happen, and nothing happens unannounced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from comity.core import Epoch
from comity.operations.records import ItemRecord, Order
from comity.operations.saved_searches import SearchMatch

EventKind = Literal[
    "order.status",
    "item.offered",
    "search.match",
    "plan.made",
    "plan.approved",
    "activities.dropped",
    "asset.withheld",
    "statement.entry",
]
#: What customers hear of, and what partners do.
CUSTOMER_KINDS: tuple[EventKind, ...] = ("item.offered", "order.status", "search.match")
PARTNER_KINDS: tuple[EventKind, ...] = (
    "activities.dropped",
    "asset.withheld",
    "plan.approved",
    "plan.made",
    "statement.entry",
)


def partner_tenant(partner: str) -> str:
    """Under which name a partner's events, webhooks and jobs are kept: a customer may be called as it is."""
    return f"partner:{partner}"


def kinds_for(tenant: str) -> tuple[EventKind, ...]:
    """What may be told to whose webhooks are kept under this name."""
    return PARTNER_KINDS if tenant.startswith("partner:") else CUSTOMER_KINDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened. ``tenant``: whom it concerns; ``subject``: the order, item, search, plan …"""

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


def match_event(match: SearchMatch) -> Event:
    """The event of an item that a saved search found."""
    return Event(
        id=f"{match.id}/match",
        kind="search.match",
        tenant=match.tenant,
        subject=match.search,
        at=match.at,
        data={
            "search": match.search,
            "over": match.shelf,
            "collection": match.collection,
            "item": match.item,
        },
    )
