"""The customer's word on what is offered: an item is accepted (and charged), or refused with a reason."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from comity.core import UnknownIdError
from comity.operations import ItemRecord, Order, judge_items
from comity.server.dependencies import Limit, OperatorDep, Wire, item_of, scoped
from comity.server.identity import Caller
from comity.server.operator import Operator
from comity.server.problems import ForbiddenError, responses
from comity.server.settings import Settings

Reader = Annotated[Caller, scoped("archive:read")]
Buyer = Annotated[Caller, scoped("orders:write")]


class RefusalIn(Wire):
    """Why an item is refused."""

    reason: str = Field(min_length=1, max_length=1000, examples=["cloud over the port"])


class ItemOut(BaseModel):
    """A delivered item; ``item`` is its STAC Item's address."""

    id: str
    order: str
    target: str
    state: Literal["offered", "accepted", "refused"]
    reason: str = Field(description="Why it is offered although over a limit, or was refused.")
    cloud: float = Field(description="0…1.")
    delivered_gsd_m: float
    delivered: str
    item: str


class ItemsOut(BaseModel):
    """Items, newest first."""

    items: list[ItemOut]
    next: str | None = Field(description="Give it as ``before`` to go on; null at the end.")


def router(operator: Operator, settings: Settings) -> APIRouter:
    """``/items``."""
    routes = APIRouter(prefix="/items", tags=["Items"])

    def told(item: ItemRecord, order: Order) -> ItemOut:
        return ItemOut(
            id=item.id,
            order=item.order,
            target=item.target,
            state=item.state,
            reason=item.state_reason,
            cloud=item.cloud,
            delivered_gsd_m=item.delivered_gsd_m,
            delivered=item.delivered.iso(),
            item=f"{settings.base_url}/stac/collections/{quote(order.product, safe='')}/items/"
            + quote(PurePosixPath(item.path).stem, safe=""),
        )

    def judged(operator: Operator, caller: Caller, item_id: str, refuse: str | None) -> ItemOut:
        with operator.store.read() as work:
            item = item_of(work, caller, item_id)
        judge_items(operator.store, [item], now=operator.now(), refuse=refuse)
        with operator.store.read() as work:
            item = work.items.get(item_id)
            return told(item, work.orders.get(item.order))

    @routes.get("", operation_id="listItems", summary="What was delivered to one's orders")
    def items(
        operator: OperatorDep,
        caller: Reader,
        order: Annotated[str | None, Query(max_length=200)] = None,
        state: Annotated[Literal["offered", "accepted", "refused"] | None, Query()] = None,
        before: Annotated[str | None, Query(max_length=200)] = None,
        limit: Limit = 100,
    ) -> ItemsOut:
        """`state=offered` are those that await a word."""
        if caller.role == "partner":
            raise ForbiddenError("items are a customer's: a partner has none")
        equal = {name: value for name, value in (("order", order), ("state", state)) if value is not None}
        found: list[tuple[ItemRecord, Order]] = []
        with operator.store.read() as work:
            if before is not None:
                item_of(work, caller, before)
            if order is not None and not caller.sees(work.orders.get(order).customer):
                raise UnknownIdError("order", order)
            mine = {} if caller.sees_all else {"customer": caller.tenant}
            orders = {each.id: each for each in work.orders.all(**mine)}
            while len(found) <= limit:
                page = work.items.page(limit + 1, before=before, **equal)
                found += [(item, orders[item.order]) for item in page if item.order in orders]
                if len(page) <= limit:
                    break
                before = page[-1].id
        return ItemsOut(
            items=[told(item, its) for item, its in found[:limit]],
            next=found[limit - 1][0].id if len(found) > limit else None,
        )

    @routes.post("/{item_id}/accept", operation_id="acceptItem", summary="Accept", responses=responses(409))
    def accept(operator: OperatorDep, caller: Buyer, item_id: str) -> ItemOut:
        """It is charged, and its data can be read. 409 once the word was given."""
        return judged(operator, caller, item_id, None)

    @routes.post("/{item_id}/refuse", operation_id="refuseItem", summary="Refuse", responses=responses(409))
    def refuse(operator: OperatorDep, caller: Buyer, item_id: str, asked: RefusalIn) -> ItemOut:
        """It is not charged; its place is tried again while the order lasts."""
        return judged(operator, caller, item_id, asked.reason)

    return routes
