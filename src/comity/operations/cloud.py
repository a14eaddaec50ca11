"""Images over an order's cloud limit: tried again while the window lasts, then put before the customer."""

from __future__ import annotations

from comity.core import Epoch
from comity.operations.ports import UnitOfWork
from comity.operations.records import Activity
from comity.services import OrderTask

#: Why a task is open again, or an order's history has an entry.
CODE = "cloud"


def over_limit(activity: Activity, task: OrderTask) -> bool:
    """Whether the cloud found on an acquisition is more than its order allows; unknown is taken as clear."""
    return activity.cloud is not None and activity.cloud > task.max_cloud


def over_text(cloud: float, task: OrderTask) -> str:
    """``cloud 45% is over the limit of 20%``."""
    return f"cloud {cloud:.0%} is over the limit of {task.max_cloud:.0%}"


def for_customer(work: UnitOfWork, task: OrderTask) -> list[Activity]:
    """The images over the limit that stand in for a clear one once the task's window has closed.

    The least cloudy of a point; of an area the least cloudy ones that show what nothing else does. What the
    customer was already asked about (an item of it, over the limit as well) is not asked again.
    """
    if task.state in ("done", "failed", "cancelled"):
        return []
    mine = work.activities.all(task=task.id, kind="acquisition", state="done")
    made = {item.activity for item in work.items.all(task=task.id)}
    asked = [a for a in mine if over_limit(a, task) and a.id in made]
    held = [a for a in mine if over_limit(a, task) and a.id not in made]
    held.sort(key=lambda a: (a.received_by is None, a.cloud or 0.0))  # what is still aboard may never come
    if not task.cell_points:
        answered = asked or any(not over_limit(a, task) for a in mine if not _refused(work, a))
        return [] if answered else held[:1]
    shown = {*task.got, *(cell for a in asked for cell in a.cells)}
    chosen = []
    for activity in held:
        if not shown.issuperset(activity.cells):
            shown.update(activity.cells)
            chosen.append(activity)
    return chosen


def held_back(work: UnitOfWork, task: OrderTask, now: Epoch) -> list[Activity]:
    """Received images over the limit that are not made, because a clearer one may still be taken."""
    if task.interval.end <= now or task.state in ("done", "failed", "cancelled"):
        return []
    made = {item.activity for item in work.items.all(task=task.id)}
    mine = work.activities.all(task=task.id, kind="acquisition", state="done")
    return [a for a in mine if a.received_by is not None and a.id not in made and over_limit(a, task)]


def _refused(work: UnitOfWork, activity: Activity) -> bool:
    return any(item.state == "refused" for item in work.items.all(activity=activity.id))
