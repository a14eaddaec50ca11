"""Why: what the plan says of an order, task by task, recomputed from what is stored."""

from __future__ import annotations

from dataclasses import dataclass

from comity.commerce import Quote
from comity.core import Epoch
from comity.operations.ports import Store
from comity.operations.records import Activity, Order, PlanRecord
from comity.planning import explain as explain_task
from comity.services import OrderTask


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskAccount:
    """One task: its state, what is planned or was done for it, and why nothing (or no more) is."""

    task: OrderTask
    activities: tuple[Activity, ...]
    reason_code: str
    reason_text: str
    beaten_by: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAccount:
    """An order with everything that can be said of it."""

    order: Order
    quote: Quote
    plan: PlanRecord | None
    tasks: tuple[TaskAccount, ...]


def explain_order(store: Store, order_id: str, at: Epoch | None = None) -> OrderAccount:
    """The account of one order; reasons of open tasks are recomputed from the newest plan (by ``at``)."""
    with store.read() as work:
        order = work.orders.get(order_id)
        quote = work.quotes.get(order.quote)
        tasks = work.tasks.all(order=order_id)
        activities = work.activities.all(order=order_id)
        plans = [plan for plan in work.plans.all() if at is None or plan.created <= at]
    plan = plans[-1] if plans else None
    return OrderAccount(
        order=order,
        quote=quote,
        plan=plan,
        tasks=tuple(_task_account(task, activities, plan) for task in tasks),
    )


def _task_account(task: OrderTask, activities: list[Activity], plan: PlanRecord | None) -> TaskAccount:
    mine = tuple(a for a in activities if a.task == task.id and a.state != "dropped")
    code, text = task.reason_code, task.reason_text
    by: tuple[str, ...] = ()
    in_plan = plan is not None and any(t.id == task.id for t in plan.problem.tasks)
    if plan is not None and in_plan and task.state in ("open", "planned") and code != "retry":
        reason = explain_task(plan.problem, plan.solution, task.id)
        if reason is not None:
            code, text, by = reason.code, reason.text, reason.by
    return TaskAccount(task=task, activities=mine, reason_code=code, reason_text=text, beaten_by=by)
