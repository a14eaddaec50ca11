"""What a partner decides on its own assets: a veto against a plan, a booking of its own."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from comity.core import Interval
from comity.operations.oversight import Withheld, lift, veto, withhold
from comity.server.dependencies import OperationId, OperatorDep, Wire, scoped
from comity.server.identity import Caller
from comity.server.operator import Operator
from comity.server.problems import FieldError, ForbiddenError, in_field, responses
from comity.server.settings import Settings

Owner = Annotated[Caller, scoped("plan:veto")]
_TOLD = "Customers whose orders it drops are told it, with the partner's name."


class VetoIn(Wire):
    """Activities that a partner will not fly or receive."""

    activities: list[str] = Field(min_length=1, max_length=500, examples=[["plan-0001-a001"]])
    reason: str = Field(min_length=1, max_length=1000, description=_TOLD, examples=["orbit manoeuvre"])


class WithheldIn(Wire):
    """An asset that a partner keeps for itself: a spacecraft, or its station for a booking of its own."""

    kind: Literal["spacecraft", "station"]
    asset: str = Field(max_length=200)
    datetime: str = Field(
        max_length=100, description="START/END.", examples=["2026-06-01T00:00:00Z/2026-06-01T06:00:00Z"]
    )
    reason: str = Field(min_length=1, max_length=1000, description=_TOLD)


class WithheldOut(BaseModel):
    """What a partner keeps out of plans."""

    id: str
    partner: str
    kind: str
    asset: str
    datetime: str
    reason: str
    plan: str | None = Field(description="The plan it was a veto against.")
    created: str
    lifted: str | None


class WithheldList(BaseModel):
    """In the order they were made."""

    withheld: list[WithheldOut]


def router(operator: Operator, settings: Settings) -> APIRouter:
    """Routes of vetoes and bookings."""
    routes = APIRouter(tags=["Partners"])

    @routes.post("/plans/{plan_id}/veto", summary="Keep own assets out of a plan", responses=responses(409))
    def object_to(
        operator: OperatorDep, caller: Owner, operation: OperationId, plan_id: str, asked: VetoIn
    ) -> WithheldList:
        kept = veto(
            operator.store,
            plan_id,
            asked.activities,
            partner=_partner(caller),
            reason=asked.reason,
            now=operator.now(),
            by=caller.name,
            id=_name(operation),
        )
        return WithheldList(withheld=[_told(each) for each in kept])

    @routes.get("/withheld", summary="What is kept out of plans")
    def kept(
        operator: OperatorDep,
        caller: Annotated[Caller, scoped("plan:read")],
        lifted: Annotated[bool, Query(description="Also what was given back.")] = False,
    ) -> WithheldList:
        with operator.store.read() as work:
            found = work.withheld.all() if caller.sees_all else work.withheld.all(partner=_partner(caller))
        return WithheldList(withheld=[_told(each) for each in found if lifted or each.lifted is None])

    @routes.post(
        "/withheld", summary="Book an own asset for oneself", status_code=201, responses=responses(409)
    )
    def book(operator: OperatorDep, caller: Owner, operation: OperationId, asked: WithheldIn) -> WithheldOut:
        if ".." in asked.datetime:
            raise FieldError(
                "both ends of the interval are needed", field="body.datetime", value=asked.datetime,
                limit="START/END",
            )  # fmt: skip
        with in_field("body.datetime", asked.datetime):
            made = withhold(
                operator.store,
                partner=_partner(caller),
                kind=asked.kind,
                asset=asked.asset,
                interval=Interval.from_iso(asked.datetime),
                reason=asked.reason,
                now=operator.now(),
                by=caller.name,
                id=_name(operation),
            )
        return _told(made)

    @routes.delete("/withheld/{withheld_id}", summary="Give an asset back to planning")
    def give_back(operator: OperatorDep, caller: Owner, withheld_id: str) -> WithheldOut:
        return _told(lift(operator.store, withheld_id, partner=_partner(caller), now=operator.now()))

    return routes


def _name(operation: str) -> str:
    return operation.replace("op-", "withheld-", 1)


def _partner(caller: Caller) -> str:
    if caller.role != "partner":
        raise ForbiddenError("only a partner decides on its own assets")
    return caller.tenant


def _told(withheld: Withheld) -> WithheldOut:
    return WithheldOut(
        id=withheld.id,
        partner=withheld.partner,
        kind=withheld.kind,
        asset=withheld.asset,
        datetime=withheld.interval.iso(),
        reason=withheld.reason,
        plan=withheld.plan,
        created=withheld.created.iso(),
        lifted=None if withheld.lifted is None else withheld.lifted.iso(),
    )
