"""What webhooks and buckets have in common: a tenant keeps a few, and each takes in every event once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

from comity.core import InputError, UnknownIdError
from comity.operations.ports import Collection

if TYPE_CHECKING:  # a match of a saved search is an event, too
    from comity.operations.events import Event, EventLog


class Subscription(Protocol):
    """A tenant's wish to have what happens."""

    @property
    def id(self) -> str: ...
    @property
    def tenant(self) -> str: ...
    @property
    def state(self) -> str: ...


class Listener(Subscription, Protocol):
    """One that takes in events. ``after``: number of the newest event taken in."""

    @property
    def after(self) -> int: ...


class Numbers(Protocol):
    """Who gives fresh identifiers: a unit of work."""

    def next_id(self, kind: str) -> str: ...


S = TypeVar("S", bound=Subscription)
L = TypeVar("L", bound=Listener)


def kept_by(kept: Collection[S], tenant: str) -> list[S]:
    """A tenant's, oldest first."""
    return [each for each in kept.all(tenant=tenant) if each.state != "deleted"]


def kept_one(kept: Collection[S], kind: str, id: str, tenant: str) -> S:
    """One of a tenant's; another tenant's is as unknown as none."""
    for each in kept_by(kept, tenant):
        if each.id == id:
            return each
    raise UnknownIdError(kind, id)


def kept_earlier(kept: Collection[S], id: str | None, tenant: str) -> S | None:
    """What a try that came before has made under this name; None where there is none (any more)."""
    return next((each for each in kept_by(kept, tenant) if each.id == id), None)


def fresh_name(kept: Collection[S], id: str | None, tenant: str, kind: str, work: Numbers) -> str:
    """``id``, or a number where none is given or a record that was deleted has it."""
    taken = id is None or any(each.id == id for each in kept.all(tenant=tenant))
    return work.next_id(kind) if id is None or taken else id


def check_room(kept: Collection[S], kind: str, tenant: str, most: int) -> None:
    """Raises :class:`InputError` where a tenant has as many as it may."""
    mine = len(kept_by(kept, tenant))
    if mine >= most:
        raise InputError(f"{tenant} has {mine} {kind}s, the limit is {most}: delete one")


def take_in(
    events: EventLog,
    kept: Collection[L],
    state: str,
    wanted: Callable[[L, Event], bool],
    queue: Callable[[L, Event], object],
    moved: Callable[[L, int], L],
    *,
    limit: int,
) -> int:
    """Queue every new event for each in ``state`` that wants it, once; how many were queued.

    ``moved``: the subscription with another ``after``.
    """
    queued, last = 0, events.last()
    for each in kept.all(state=state):
        after = each.after
        while after < last and (found := events.after(after, limit=limit)):
            for _, event in found:
                if event.tenant == each.tenant and wanted(each, event):
                    queue(each, event)
                    queued += 1
            after = found[-1][0]
        if after != each.after:
            kept.put(moved(each, after))
    return queued
