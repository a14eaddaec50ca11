"""Schedules in the database, row by row as the queue is."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, select
from sqlalchemy.dialects import postgresql, sqlite

from comity.core import Epoch, UnknownIdError
from comity.operations.schedules import Schedule
from comity.stores import schema
from comity.stores.database import locking_rows, reading, transaction
from comity.stores.job_schema import schedules
from comity.stores.jobs import SqlEvents, SqlJobs

_TIMES = ("noticed", "begun", "held_until")
_FIELDS = tuple(each.name for each in fields(Schedule))


def _row(schedule: Schedule) -> dict[str, Any]:
    row = {name: getattr(schedule, name) for name in _FIELDS}
    for name in _TIMES:
        row[name] = None if row[name] is None else row[name].tai_ns
    return row | {name: json.dumps(row[name], separators=(",", ":")) for name in ("payload", "seen")}


def _schedule(row: Row[Any]) -> Schedule:
    values = {name: getattr(row, name) for name in _FIELDS}
    for name in _TIMES:
        values[name] = None if values[name] is None else Epoch(values[name])
    values["payload"] = json.loads(values["payload"])
    values["seen"] = tuple(json.loads(values["seen"]))
    return Schedule(**values)


class SqlSchedules:
    """:class:`comity.operations.schedules.Schedules` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self) -> list[Schedule]:
        """In the order of their names."""
        query = select(schedules).order_by(schedules.c.name)
        return [_schedule(row) for row in self._connection.execute(query)]

    def get(self, name: str) -> Schedule:
        """One, locked."""
        query = select(schedules).where(schedules.c.name == name).with_for_update()
        row = self._connection.execute(query).first()
        if row is None:
            raise UnknownIdError("schedule", name)
        return _schedule(row)

    def put(self, schedule: Schedule) -> None:
        """Add or replace it; another server that starts at the same time may have added it just now."""
        row = _row(schedule)
        flavour = postgresql if self._connection.dialect.name == "postgresql" else sqlite
        new = flavour.insert(schedules).values(row)
        self._connection.execute(new.on_conflict_do_update(index_elements=["name"], set_=row))


@dataclass(frozen=True, slots=True)
class SqlScheduleWork:
    """One transaction on schedules and the queue."""

    schedules: SqlSchedules
    jobs: SqlJobs


class SqlScheduleStore:
    """A :class:`comity.operations.schedules.ScheduleStore`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def begin(self) -> Iterator[SqlScheduleWork]:
        """A new transaction."""
        with transaction(locking_rows(self._engine)) as connection:
            yield SqlScheduleWork(SqlSchedules(connection), SqlJobs(connection))

    def all(self) -> list[Schedule]:
        """Every schedule, without waiting for any transaction."""
        with transaction(reading(self._engine)) as connection:
            return SqlSchedules(connection).all()

    def stamp(self) -> str:
        """A word that changes with what reasons are found in."""
        with transaction(reading(self._engine)) as connection:
            parts: list[Any] = [SqlEvents(connection).last()]
            for table, column in (("activities", "state"), ("tasks", "state"), ("items", "state")):
                by = getattr(schema, table).c[column]
                rows = connection.execute(select(by, func.count()).group_by(by).order_by(by))
                parts.append([tuple(row) for row in rows])
            parts += [
                connection.scalar(select(func.max(table.c.seq)))
                for table in (schema.programmes, schema.verdicts, schema.plans)
            ]
            bodies = connection.scalars(select(schema.withheld.c.body).order_by(schema.withheld.c.seq))
            parts.append(zlib.crc32(json.dumps(list(bodies)).encode()))
            return json.dumps(parts)
