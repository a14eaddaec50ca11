"""The account of the road: everything the operator knows, read once for a report or a screen."""

from __future__ import annotations

from dataclasses import dataclass

from comity.commerce import Ledger, Quote
from comity.core import Epoch
from comity.fleet import Programme, Request
from comity.operations.ports import Store
from comity.operations.records import (
    Activity,
    ItemRecord,
    OpportunitySet,
    Order,
    PlanRecord,
)
from comity.services import OrderTask


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A consistent reading of the store at ``now`` (one transaction)."""

    now: Epoch
    programme: Programme
    requests: tuple[Request, ...]
    opportunities: tuple[OpportunitySet, ...]
    quotes: tuple[Quote, ...]
    orders: tuple[Order, ...]
    tasks: tuple[OrderTask, ...]
    plans: tuple[PlanRecord, ...]
    activities: tuple[Activity, ...]
    items: tuple[ItemRecord, ...]
    ledger: Ledger


def read_account(store: Store, now: Epoch) -> Account:
    """Read everything."""
    with store.read() as work:
        return Account(
            now=now,
            programme=work.programme(),
            requests=tuple(work.requests.all()),
            opportunities=tuple(work.opportunities.all()),
            quotes=tuple(work.quotes.all()),
            orders=tuple(work.orders.all()),
            tasks=tuple(work.tasks.all()),
            plans=tuple(work.plans.all()),
            activities=tuple(work.activities.all()),
            items=tuple(work.items.all()),
            ledger=work.ledger(),
        )
