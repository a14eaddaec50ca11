"""The operator's state in memory: for tests and for trying things out."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from types import TracebackType
from typing import Generic, Self, TypeVar

from comity.commerce import Billing, Ledger, Quote
from comity.core import StateError, UnknownIdError
from comity.fleet import Programme, Request
from comity.operations.asked import Asked, OpportunitySearch
from comity.operations.memory_archive import MemoryArchive
from comity.operations.oversight import Verdict, Withheld
from comity.operations.ports import Store
from comity.operations.records import (
    Activity,
    ItemRecord,
    OpportunitySet,
    Order,
    PlanRecord,
)
from comity.operations.saved_searches import SavedSearch, SearchMatch
from comity.services import OrderTask

R = TypeVar("R")


class MemoryCollection(Generic[R]):
    """Records of one kind in a dict, keyed by the field ``key``."""

    def __init__(self, name: str, key: str = "id") -> None:
        self._name = name
        self._key = key
        self.records: dict[str, R] = {}

    def get(self, id: str) -> R:
        """The record with this id; raises :class:`UnknownIdError`."""
        if id not in self.records:
            raise UnknownIdError(self._name, id, tuple(self.records))
        return self.records[id]

    def put(self, record: R) -> None:
        """Add the record, or replace the one of the same id."""
        self.records[getattr(record, self._key)] = record

    def all(self, **equal: str) -> list[R]:
        """Every record whose fields equal the given values, in the order added."""
        return [
            record
            for record in self.records.values()
            if all(getattr(record, name) == value for name, value in equal.items())
        ]

    def page(
        self, limit: int, *, before: str | None = None, after: str | None = None, **equal: str
    ) -> list[R]:
        """At most ``limit`` of them, newest first, before ``before`` or next after ``after``."""
        ids = list(self.records)
        for named in (before, after):
            if named is not None:
                self.get(named)
        if before is not None:
            ids = ids[: ids.index(before)]
        if after is not None:
            ids = ids[ids.index(after) + 1 :]
        found = [self.records[id] for id in reversed(ids)]
        fit = [r for r in found if all(getattr(r, name) == value for name, value in equal.items())]
        return fit[:limit] if after is None else fit[max(0, len(fit) - limit) :]


class MemoryStore:
    """A :class:`comity.operations.Store` whose transactions are undone on an error."""

    def __init__(self) -> None:
        self._state = _MemoryWork()

    @property
    def archive(self) -> MemoryArchive:
        """Searching what was delivered."""
        return self._state.archive

    def copy(self) -> MemoryStore:
        """Another store that starts with the same records."""
        other = MemoryStore()
        vars(other._state).update({name: _snapshot(value) for name, value in vars(self._state).items()})
        other._state.archive = self._state.archive.copy(other._state._item_state)
        return other

    @classmethod
    def scratch(cls, store: Store) -> MemoryStore:
        """The records of any ``store``, to try things out on: nothing comes back to it."""
        other = cls()
        with store.read() as work, other.begin() as mine:
            mine.set_programme(work.programme())
            mine.post(work.ledger())
            for name, kept in vars(mine).items():
                if isinstance(kept, MemoryCollection):
                    for record in getattr(work, name).all():
                        kept.put(record)
                    mine.number_after(kept.records)
        return other

    def begin(self) -> _MemoryWork:
        """A new transaction."""
        return self._state

    def read(self) -> _MemoryWork:
        """The state as it is."""
        return self._state


class _MemoryWork:
    def __init__(self) -> None:
        self.requests: MemoryCollection[Request] = MemoryCollection("request")
        self.opportunities: MemoryCollection[OpportunitySet] = MemoryCollection("opportunities")
        self.quotes: MemoryCollection[Quote] = MemoryCollection("quote")
        self.orders: MemoryCollection[Order] = MemoryCollection("order")
        self.tasks: MemoryCollection[OrderTask] = MemoryCollection("task")
        self.plans: MemoryCollection[PlanRecord] = MemoryCollection("plan")
        self.activities: MemoryCollection[Activity] = MemoryCollection("activity")
        self.items: MemoryCollection[ItemRecord] = MemoryCollection("item")
        self.billings: MemoryCollection[Billing] = MemoryCollection("billing", "order")
        self.withheld: MemoryCollection[Withheld] = MemoryCollection("withheld asset")
        self.verdicts: MemoryCollection[Verdict] = MemoryCollection("verdict")
        self.asked: MemoryCollection[Asked] = MemoryCollection("asked", "request")
        self.searches: MemoryCollection[OpportunitySearch] = MemoryCollection("search")
        self.saved_searches: MemoryCollection[SavedSearch] = MemoryCollection("saved search")
        self.matches: MemoryCollection[SearchMatch] = MemoryCollection("match")
        self.archive = MemoryArchive(self._item_state)
        self._programme: Programme | None = None
        self._ledger = Ledger()
        self._counters: dict[str, int] = {}

    def _item_state(self, id: str) -> str | None:
        return self.items.records[id].state if id in self.items.records else None

    def programme(self) -> Programme:
        """The programme this operator runs."""
        if self._programme is None:
            raise StateError("no programme yet: name one by --programme or 'comity programme use FILE'")
        return self._programme

    def set_programme(self, programme: Programme) -> None:
        """Start running ``programme``."""
        self._programme = programme

    def ledger(self) -> Ledger:
        """All transactions so far."""
        return Ledger(self._ledger)

    def post(self, ledger: Ledger) -> None:
        """Keep the transactions that are not kept yet."""
        self._ledger.extend(ledger)

    def next_id(self, kind: str) -> str:
        """A fresh identifier such as ``order-0007``."""
        self._counters[kind] = self._counters.get(kind, 0) + 1
        return f"{kind}-{self._counters[kind]:04d}"

    def number_after(self, ids: Iterable[str]) -> None:
        """Let fresh identifiers follow these."""
        for id in ids:
            kind, _, number = id.rpartition("-")
            if number.isdecimal():
                self._counters[kind] = max(int(number), self._counters.get(kind, 0))

    def __enter__(self) -> Self:
        self._before = {name: _snapshot(value) for name, value in vars(self).items() if name != "_before"}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            vars(self).update(self._before)


def _snapshot(value: object) -> object:
    """A copy that later changes do not reach; the records themselves never change."""
    if isinstance(value, MemoryCollection):
        copied = copy.copy(value)
        copied.records = dict(value.records)
        return copied
    if isinstance(value, MemoryArchive):
        return value.copy()
    if isinstance(value, Ledger):
        return Ledger(value)
    return dict(value) if isinstance(value, dict) else value
