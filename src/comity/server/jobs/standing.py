"""The operator's standing work in a server: which there is, how often, and the jobs that only it begins."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

from comity.core import StateError
from comity.operations import execute_passed, expire_tasks
from comity.operations.oversight import approve_plan, newest_plan
from comity.operations.schedules import Schedule, ScheduleName, Standing, duties, set_up
from comity.operations.worker import Kind, Run
from comity.server.identity import machine_now
from comity.server.operator import Operator
from comity.server.settings import Automation
from comity.stores.schedules import SqlScheduleStore


def standing_kinds(operator: Operator, automation: Automation) -> tuple[Kind, ...]:
    """The kinds of jobs that schedules begin, beside those that people begin too."""

    def approve(run: Run) -> Mapping[str, Any]:
        with run.store.read() as work:
            newest = newest_plan(work)
        try:
            given = approve_plan(
                run.store,
                newest.id if newest else "none",
                now=operator.now(),
                by="schedule approve",
                reason="approved automatically, as the operator chose",
            )
        except StateError as error:  # replaced or over meanwhile: the next look says what is to be approved
            return {"approved": None, "why": str(error)}
        return {"approved": given.plan}

    def execute(run: Run) -> Mapping[str, Any]:
        seed = run.job.payload["seed"]
        taken = execute_passed(run.store, now=operator.now(), simulated=automation.simulate, seed=seed)
        return {"done": taken.done, "failed": taken.failed, "received": taken.received}

    def close(run: Run) -> Mapping[str, Any]:
        return {"ended": list(expire_tasks(run.store, now=operator.now()))}

    return (
        Kind(name="approve", handler=approve),
        Kind(name="execute", handler=execute),
        Kind(name="close", handler=close),
    )


def schedules_of(automation: Automation) -> list[Schedule]:
    """Every schedule as a server sets it up; what is not active is paused."""
    plan: dict[str, Any] = {"time_limit_s": automation.plan_limit_s, "seed": automation.seed}
    often_s = automation.look_s
    known: tuple[tuple[ScheduleName, float, float, dict[str, Any]], ...] = (
        ("plan", automation.plan_every_s, automation.settle_s, plan),
        ("approve", 0.0, 0.0, {}),
        ("execute", often_s, 0.0, {"seed": automation.seed}),
        ("process", often_s, 0.0, {"max_pixels": automation.max_pixels}),
        ("close", often_s, 0.0, {}),
    )
    return [
        Schedule(
            name=name,
            every_s=every_s,
            settle_s=settle_s,
            payload=payload,
            state="active" if name in automation.active else "paused",
        )
        for name, every_s, settle_s, payload in known
    ]


class StandingWork:
    """Looks after the schedules of a server, now and then."""

    def __init__(self, operator: Operator, automation: Automation, *, name: str) -> None:
        self._operator = operator
        self._automation = automation
        self._store = SqlScheduleStore(operator.sql.engine)
        self._standing = Standing(
            self._store,
            operator.sql,
            duties(simulate=automation.simulate),
            name=name,
            recheck_s=automation.look_s if automation.simulate else max(30.0, automation.look_s),
        )
        self._looking = threading.Lock()
        self._last = float("-inf")

    def set_up(self) -> None:
        """Keep the schedules; the state that the operator gave them stays, unless it is told anew."""
        active = self._automation.active if self._automation.insist else None
        set_up(self._store, schedules_of(self._automation), active=active)

    def look(self, *, hurry: bool = False) -> int:
        """Begin what is due, where the last look is long enough ago; returns how many jobs."""
        if not self._looking.acquire(blocking=False):
            return 0
        try:
            if not hurry and time.monotonic() - self._last < self._automation.look_s:
                return 0
            self._last = time.monotonic()
            return len(self._standing.look(now=machine_now(), at=self._operator.now()))
        finally:
            self._looking.release()
