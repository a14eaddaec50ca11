"""The use cases that walk the road, and the ports they need."""

from comity.operations.account import Account, read_account
from comity.operations.delivery import Judgement, deliver, judge_items, offered_items
from comity.operations.execution import ExecutionSummary, Outcome, execute, simulate
from comity.operations.explain import OrderAccount, TaskAccount, explain_order
from comity.operations.licences import licence_decisions
from comity.operations.memory import MemoryStore
from comity.operations.orders import (
    add_request,
    advance,
    as_of,
    cancel_order,
    expire_tasks,
    find_opportunities,
    make_quote,
    place_order,
)
from comity.operations.plans import make_plan
from comity.operations.ports import Collection, Store, UnitOfWork
from comity.operations.records import (
    Activity,
    ItemRecord,
    OpportunitySet,
    Order,
    OrderStatus,
    OrderStatusCode,
    PlanRecord,
)
from comity.operations.road import Walk, walk
from comity.operations.settlement import SettlementSummary, settle
from comity.operations.tasking import export_plan, read_report

__all__ = [
    "Account",
    "Activity",
    "Collection",
    "ExecutionSummary",
    "ItemRecord",
    "Judgement",
    "MemoryStore",
    "OpportunitySet",
    "Order",
    "OrderAccount",
    "OrderStatus",
    "OrderStatusCode",
    "Outcome",
    "PlanRecord",
    "SettlementSummary",
    "Store",
    "TaskAccount",
    "UnitOfWork",
    "Walk",
    "add_request",
    "advance",
    "as_of",
    "cancel_order",
    "deliver",
    "execute",
    "expire_tasks",
    "explain_order",
    "export_plan",
    "find_opportunities",
    "judge_items",
    "licence_decisions",
    "make_plan",
    "make_quote",
    "offered_items",
    "place_order",
    "read_account",
    "read_report",
    "settle",
    "simulate",
    "walk",
]
