"""What the use cases need of the outside, as Protocols, and what a unit of work is."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self, TypeVar

from comity.commerce import Billing, Ledger, Quote
from comity.fleet import Programme, Request
from comity.operations.records import (
    Activity,
    ItemRecord,
    OpportunitySet,
    Order,
    PlanRecord,
)
from comity.services import OrderTask

R = TypeVar("R")


class Collection(Protocol[R]):
    """Records of one kind, by id (a billing by its order's), in the order they were added."""

    def get(self, id: str) -> R:
        """The record with this id; raises :class:`comity.core.UnknownIdError`."""
        ...

    def put(self, record: R) -> None:
        """Add the record, or replace the one of the same id."""
        ...

    def all(self, **equal: str) -> list[R]:
        """Every record whose indexed columns equal the given values."""
        ...


class UnitOfWork(Protocol):
    """One transaction: what is put inside ``with`` is kept whole at its end, or not at all."""

    @property
    def requests(self) -> Collection[Request]: ...
    @property
    def opportunities(self) -> Collection[OpportunitySet]: ...
    @property
    def quotes(self) -> Collection[Quote]: ...
    @property
    def orders(self) -> Collection[Order]: ...
    @property
    def tasks(self) -> Collection[OrderTask]: ...
    @property
    def plans(self) -> Collection[PlanRecord]: ...
    @property
    def activities(self) -> Collection[Activity]: ...
    @property
    def items(self) -> Collection[ItemRecord]: ...
    @property
    def billings(self) -> Collection[Billing]: ...

    def programme(self) -> Programme:
        """The programme this operator runs; raises :class:`comity.core.StateError` before there is one."""
        ...

    def set_programme(self, programme: Programme) -> None:
        """Start running ``programme``, or take in its new text."""
        ...

    def ledger(self) -> Ledger:
        """All transactions so far."""
        ...

    def post(self, ledger: Ledger) -> None:
        """Store the transactions of ``ledger`` that are not stored yet."""
        ...

    def next_id(self, kind: str) -> str:
        """A fresh identifier such as ``order-0007``."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Store(Protocol):
    """Where the operator's state lives."""

    def begin(self) -> UnitOfWork:
        """A new transaction."""
        ...
