"""What the use cases need of the outside, as Protocols, and what a unit of work is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

from comity.commerce import Billing, Ledger, Quote
from comity.core import ComityError
from comity.fleet import Programme, Request
from comity.operations.archive import ArchiveIndex
from comity.operations.asked import Asked, OpportunitySearch
from comity.operations.records import (
    Activity,
    ItemRecord,
    OpportunitySet,
    Order,
    PlanRecord,
)
from comity.services import OrderTask

if TYPE_CHECKING:  # it stands on these ports itself
    from comity.operations.oversight import Verdict, Withheld
    from comity.operations.saved_searches import SavedSearch, SearchMatch

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

    def page(
        self, limit: int, *, before: str | None = None, after: str | None = None, **equal: str
    ) -> list[R]:
        """At most ``limit`` of those, newest first, that were added before the record ``before``.

        With ``after`` instead, those that were added next after that record. Raises
        :class:`comity.core.UnknownIdError` where no record has that id.
        """
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
    @property
    def withheld(self) -> Collection[Withheld]: ...
    @property
    def verdicts(self) -> Collection[Verdict]: ...
    @property
    def asked(self) -> Collection[Asked]: ...
    @property
    def searches(self) -> Collection[OpportunitySearch]: ...
    @property
    def saved_searches(self) -> Collection[SavedSearch]: ...
    @property
    def matches(self) -> Collection[SearchMatch]: ...

    @property
    def archive(self) -> ArchiveIndex: ...

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
        """Store the transactions of ``ledger`` that are not stored yet; raises
        :class:`comity.core.StateError` where another one has the id of one of them."""
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


class StoreError(ComityError):
    """The database did not do what was asked: it is away, starting, or was locked for too long.

    Whether a transaction that was just ending was kept is known to those who look again.
    """


class Store(Protocol):
    """Where the operator's state lives."""

    def begin(self) -> UnitOfWork:
        """A new transaction; raises :class:`StoreError` where the database does not answer."""
        ...

    def read(self) -> UnitOfWork:
        """One moment of the state, to be read only: it waits for no other transaction."""
        ...


class ObjectStoreError(ComityError):
    """An object store did not do what was asked: it is down, too slow or broken. Nothing is half there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """One object of a store: its ``key`` (relative to the store's root, parts by ``/``) and size in bytes."""

    key: str
    size: int


class ObjectStore(Protocol):
    """Files by key, in a folder or a bucket; each is there whole or not at all.

    Every call raises :class:`comity.core.InputError` for what the caller can mend (no such bucket or key,
    access denied, no credentials, disk full) and :class:`ObjectStoreError` when the store does not answer.
    """

    @property
    def place(self) -> str:
        """How a person names it: ``s3://bucket/prefix`` or the folder."""
        ...

    def check(self) -> None:
        """Raise now what any other call would: no such bucket, access denied, no answer."""
        ...

    def put(self, key: str, source: Path | bytes, *, media_type: str | None = None) -> str:
        """Keep a file or bytes under ``key``, replacing what is there; returns its SHA-256 (hexadecimal)."""
        ...

    def get(self, key: str) -> bytes:
        """The whole object."""
        ...

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """``length`` bytes from ``start``; fewer where the object ends."""
        ...

    def fetch(self, key: str, destination: Path) -> str:
        """The whole object into a file, whole or not at all; returns its SHA-256 as it was read."""
        ...

    def digest(self, key: str) -> str | None:
        """SHA-256 (hexadecimal) of the object as it was put; None when it is not there or not put by us."""
        ...

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """The objects whose keys begin with the path ``prefix``, in the order of their keys."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        ...
