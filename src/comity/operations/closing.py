"""How tasks and orders end: done, in part, failed; what was not delivered is credited."""

from __future__ import annotations

from dataclasses import replace

from comity.core import Epoch
from comity.operations.cloud import for_customer, over_limit
from comity.operations.orders import FINAL, advance
from comity.operations.ports import Store, UnitOfWork
from comity.operations.records import Order
from comity.operations.settlement import credit_rest
from comity.services import OrderTask


def close_if_done(work: UnitOfWork, order_id: str, now: Epoch) -> Order:
    """End the order once no task can go on and no item awaits a word; credit what was not delivered."""
    order = work.orders.get(order_id)
    if order.status in FINAL:
        credit_rest(work, order_id, now, f"not delivered: order {order.status}")
        return order
    tasks = work.tasks.all(order=order_id)
    waiting = work.items.all(order=order_id, state="offered")
    active = [task for task in tasks if task.state in ("open", "planned", "acquired")]
    if active or waiting:
        return order
    accepted = work.items.all(order=order_id, state="accepted")
    lost = [task for task in tasks if task.state == "failed"]
    parts = [task for task in tasks if task.reason_code == "partial"]
    text = f"{len(accepted)} item{'s' * (len(accepted) != 1)} accepted"
    if parts:
        text += f"; {len(parts)} of {len(tasks)} tasks in part"
    if lost:
        text += f"; {len(lost)} of {len(tasks)} tasks failed and credited"
    if accepted:
        if order.status not in ("processing", "scheduled"):
            order = advance(order, now, "processing" if order.status == "tasked" else "scheduled")
        order = advance(order, now, "completed", "partial_delivery" if lost or parts else None, text)
    else:
        order = advance(order, now, "failed", "no_delivery", text)
    credit_rest(work, order_id, now, "not delivered within the order's time")
    work.orders.put(order)
    return order


def finished(work: UnitOfWork, task: OrderTask, now: Epoch) -> OrderTask:
    """An acquired task as done, unless an acquisition awaits its outcome, product or the customer's word.

    What is still planned for it beyond now, e.g. a strip over ground that it has already, is dropped.
    """
    mine = work.activities.all(task=task.id)
    items = {item.activity: item for item in work.items.all(task=task.id)}
    judged = {name for name, item in items.items() if item.state != "offered"}
    # An image over the cloud limit that was held back for a clearer one is not needed any more.
    judged |= {a.id for a in mine if a.state == "done" and a.id not in items and over_limit(a, task)}
    ahead = {a.id: a for a in mine if a.state == "planned" and a.interval.start > now}
    if any(a.state in ("planned", "done") and a.id not in judged and a.id not in ahead for a in mine):
        return task
    for activity in ahead.values():
        work.activities.put(replace(activity, state="dropped", outcome="no longer needed"))
    return replace(task, state="done", reason_code="", reason_text="")


def expire_tasks(store: Store, *, now: Epoch) -> tuple[str, ...]:
    """Fail the open tasks whose time is over, and end the orders that nothing can follow."""
    ended = []
    with store.begin() as work:
        for order in work.orders.all():
            if order.status in FINAL:
                continue
            for task in work.tasks.all(order=order.id):
                if task.state not in ("open", "planned", "acquired") or task.interval.end > now:
                    continue
                if _still_coming(work, task):
                    continue
                if task.state == "acquired":
                    task = finished(work, task, now)
                elif task.got:
                    part = sum(task.cell_weights[cell] for cell in task.got)
                    text = f"{part:.0%} of the area delivered in time"
                    task = replace(task, state="done", reason_code="partial", reason_text=text)
                else:
                    text = task.reason_text or "its time passed before it could be acquired"
                    task = replace(task, state="failed", reason_code="expired", reason_text=text)
                work.tasks.put(task)
            if close_if_done(work, order.id, now).status in FINAL:
                ended.append(order.id)
    return tuple(ended)


def _still_coming(work: UnitOfWork, task: OrderTask) -> bool:
    """Whether an acquisition of the task is planned, aboard, in production or awaits the customer."""
    items = {item.activity: item for item in work.items.all(task=task.id)}
    mine = work.activities.all(task=task.id)
    asking = {a.id for a in for_customer(work, task)}
    for activity in mine:
        item = items.get(activity.id)
        if activity.state == "planned" or (item is not None and item.state == "offered"):
            return True
        standing = not over_limit(activity, task) or activity.id in asking
        if activity.state == "done" and item is None and standing:
            return True
    return False
