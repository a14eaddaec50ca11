"""The use cases that walk the road, and the ports they need."""

from comity.operations.account import Account, read_account
from comity.operations.asked import Asked, OpportunitySearch, SearchStatus, SearchStatusCode
from comity.operations.buckets import Bucket, BucketOpener
from comity.operations.closing import expire_tasks
from comity.operations.delivery import (
    Judgement,
    deliver,
    held_for_clouds,
    judge_items,
    offered_items,
)
from comity.operations.events import Event, EventLog
from comity.operations.execution import ExecutionSummary, Outcome, execute, execute_passed, simulate
from comity.operations.explain import OrderAccount, TaskAccount, explain_order
from comity.operations.frames import process_one
from comity.operations.jobs import HeldStore, Job, JobCancelledError, JobQueue, JobStore, LeaseLostError
from comity.operations.licences import licence_decisions
from comity.operations.memory import MemoryStore
from comity.operations.memory_jobs import MemoryJobStore
from comity.operations.mosaics import make_mosaics, mosaic_items
from comity.operations.orders import (
    add_request,
    advance,
    as_of,
    cancel_order,
    draft_request,
    find_opportunities,
    make_quote,
    place_order,
)
from comity.operations.plans import make_plan
from comity.operations.ports import (
    Collection,
    ObjectStore,
    ObjectStoreError,
    Store,
    StoredObject,
    StoreError,
    UnitOfWork,
)
from comity.operations.publishing import Published, publish
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
from comity.operations.searches import cancel_search, open_search, run_search
from comity.operations.settlement import SettlementSummary, settle
from comity.operations.tasking import export_plan, read_report
from comity.operations.webhooks import Answer, NoticeStore, Webhook, WebhookError, WebhookSender
from comity.operations.whatif import OrderEffect, PlanWhatIf, what_if_planned
from comity.operations.worker import Kind, Run, Worker

__all__ = [
    "Account",
    "Activity",
    "Answer",
    "Asked",
    "Bucket",
    "BucketOpener",
    "Collection",
    "Event",
    "EventLog",
    "ExecutionSummary",
    "HeldStore",
    "ItemRecord",
    "Job",
    "JobCancelledError",
    "JobQueue",
    "JobStore",
    "Judgement",
    "Kind",
    "LeaseLostError",
    "MemoryJobStore",
    "MemoryStore",
    "NoticeStore",
    "ObjectStore",
    "ObjectStoreError",
    "OpportunitySearch",
    "OpportunitySet",
    "Order",
    "OrderAccount",
    "OrderEffect",
    "OrderStatus",
    "OrderStatusCode",
    "Outcome",
    "PlanRecord",
    "PlanWhatIf",
    "Published",
    "Run",
    "SearchStatus",
    "SearchStatusCode",
    "SettlementSummary",
    "Store",
    "StoreError",
    "StoredObject",
    "TaskAccount",
    "UnitOfWork",
    "Walk",
    "Webhook",
    "WebhookError",
    "WebhookSender",
    "Worker",
    "add_request",
    "advance",
    "as_of",
    "cancel_order",
    "cancel_search",
    "deliver",
    "draft_request",
    "execute",
    "execute_passed",
    "expire_tasks",
    "explain_order",
    "export_plan",
    "find_opportunities",
    "held_for_clouds",
    "judge_items",
    "licence_decisions",
    "make_mosaics",
    "make_plan",
    "make_quote",
    "mosaic_items",
    "offered_items",
    "open_search",
    "place_order",
    "process_one",
    "publish",
    "read_account",
    "read_report",
    "run_search",
    "settle",
    "simulate",
    "walk",
    "what_if_planned",
]
