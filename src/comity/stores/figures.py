"""What figures about the operator need of its database: timed statements, connections, the queue's age."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, event, func, select

from comity.stores import schema
from comity.stores.database import reading, transaction
from comity.stores.job_schema import jobs

#: Told of each statement when it is done: its verb, its text without values, how long it took (s).
Told = Callable[[str, str, float], object]
_STARTED = "comity_started"


def time_statements(engine: Engine, told: Told) -> None:
    """Tell of every statement of ``engine`` from now on."""

    @event.listens_for(engine, "before_cursor_execute")
    def before(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        connection.info[_STARTED] = time.perf_counter()

    @event.listens_for(engine, "after_cursor_execute")
    def after(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        started = connection.info.pop(_STARTED, None)
        if started is not None:
            verb = statement.split(None, 1)[0].lower() if statement.strip() else "none"
            told(verb, statement, time.perf_counter() - started)


def connections(engine: Engine) -> dict[str, int]:
    """Connections of this process by state; empty where they are not pooled."""
    pool: Any = engine.pool
    if not hasattr(pool, "checkedout"):
        return {}
    return {"in use": pool.checkedout(), "idle": pool.checkedin()}


def oldest_jobs(engine: Engine) -> dict[tuple[str, str], int]:
    """When the longest waiting or running job of each kind and state was due (ns TAI)."""
    query = (
        select(jobs.c.kind, jobs.c.state, func.min(jobs.c.due))
        .where(jobs.c.state.in_(("queued", "running")))
        .group_by(jobs.c.kind, jobs.c.state)
    )
    with transaction(reading(engine)) as connection:
        return {(kind, state): due for kind, state, due in connection.execute(query)}


def newest_plan_id(engine: Engine) -> str | None:
    """The newest plan, without reading it."""
    with transaction(reading(engine)) as connection:
        return connection.scalar(select(schema.plans.c.id).order_by(schema.plans.c.seq.desc()).limit(1))
