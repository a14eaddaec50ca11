"""What a partner is told of its own assets and its account: collected in a transaction, told when it ends.

Nothing in it names an order, a customer or a target, nor another partner's reason: only what is planned on
the partner's own spacecraft and stations, what was withheld of them, and what was booked on its account.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from comity.commerce import Transaction, account_name
from comity.core import Epoch, SystemClock
from comity.fleet import Programme
from comity.operations.events import Event, EventKind, partner_tenant
from comity.operations.oversight import Verdict, Withheld
from comity.operations.records import Activity, PlanRecord


@dataclass(slots=True)
class PartnerNews:
    """What one transaction has put that partners are told of."""

    plans: list[PlanRecord] = field(default_factory=list)
    activities: dict[str, Activity] = field(default_factory=dict)
    verdicts: list[Verdict] = field(default_factory=list)
    withheld: list[Withheld] = field(default_factory=list)
    transactions: list[Transaction] = field(default_factory=list)
    #: When it happened, as the histories of the orders say that changed with it.
    at: Epoch | None = None

    def activity(self, put: Activity) -> None:
        """An activity was put; what became of it last counts."""
        self.activities[put.id] = put

    def __bool__(self) -> bool:
        dropped = any(each.state == "dropped" for each in self.activities.values())
        return bool(self.plans or self.verdicts or self.withheld or self.transactions or dropped)

    def events(self, programme: Programme, approved: Iterable[Activity]) -> list[Event]:
        """The events, by partner. ``approved``: what is planned of the plans approved."""
        found: list[Event] = []
        put = list(self.activities.values())
        for plan in self.plans:
            own = [each for each in put if each.plan == plan.id and each.state == "planned"]
            found += _of_activities(programme, "plan.made", plan.id, own, plan.created, plan.id)
        planned = list(approved)
        for verdict in self.verdicts:
            own = [each for each in planned if each.plan == verdict.plan]
            found += _of_activities(programme, "plan.approved", verdict.id, own, verdict.at, verdict.plan)
        if not self.plans:  # what a new plan replaces is told with that plan
            dropped = [each for each in put if each.state == "dropped"]
            at = self.at or (self.withheld[0].created if self.withheld else SystemClock().now())
            for plan_id in dict.fromkeys(each.plan for each in dropped):
                own = [each for each in dropped if each.plan == plan_id]
                found += _of_activities(
                    programme, "activities.dropped", f"{own[0].id}/drop", own, at, plan_id
                )
        found += [_withheld(each) for each in self.withheld]
        for each in self.transactions:
            found += _booked(programme, each)
        return found


def _of_activities(
    programme: Programme, kind: EventKind, subject: str, activities: list[Activity], at: Epoch, plan: str
) -> list[Event]:
    """One event for each partner whose spacecraft or stations are in it."""
    own: dict[str, list[dict[str, Any]]] = {}
    for each in activities:
        owners = [programme.craft(each.spacecraft).owner]
        if each.station is not None:
            owners.append(programme.station(each.station).owner)
        for owner in dict.fromkeys(owners):
            own.setdefault(owner, []).append(
                {
                    "id": each.id,
                    "kind": each.kind,
                    "start": each.interval.start.iso(),
                    "end": each.interval.end.iso(),
                    "spacecraft": each.spacecraft,
                    "station": each.station,
                }
            )
    return [
        Event(
            id=f"{subject}/{kind}/{partner}",
            kind=kind,
            tenant=partner_tenant(partner),
            subject=subject,
            at=at,
            data={"plan": plan, "activities": listed},
        )
        for partner, listed in own.items()
    ]


def _withheld(each: Withheld) -> Event:
    return Event(
        id=f"{each.id}/{'kept' if each.lifted is None else 'lifted'}",
        kind="asset.withheld",
        tenant=partner_tenant(each.partner),
        subject=each.id,
        at=each.lifted or each.created,
        data={
            "withheld": each.id,
            "kind": each.kind,
            "asset": each.asset,
            "datetime": each.interval.iso(),
            "plan": each.plan,
            "lifted": each.lifted is not None,
        },
    )


def _booked(programme: Programme, each: Transaction) -> list[Event]:
    found = []
    for partner in programme.partners:
        account = account_name("partner", partner.id)
        own = [posting for posting in each.postings if posting.account == account]
        if own:
            entries = [
                {"amount": str((-p.money).amount), "currency": p.currency, "what": p.memo} for p in own
            ]
            found.append(
                Event(
                    id=f"{each.id}/booked/{partner.id}",
                    kind="statement.entry",
                    tenant=partner_tenant(partner.id),
                    subject=each.id,
                    at=each.at,
                    data={"transaction": each.id, "kind": each.kind, "entries": entries},
                )
            )
    return found


__all__ = ["PartnerNews"]
