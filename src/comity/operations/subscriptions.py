"""What webhooks and buckets have in common: a tenant keeps a few, and each takes in every event once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from comity.core import InputError, UnknownIdError
from comity.operations.events import Event, EventLog
from comity.operations.ports import Collection


class Subscription(Protocol):
    """A tenant's wish to have what happens. ``after``: number of the newest event taken in."""

    @property
    def id(self) -> str: ...
    @property
    def tenant(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def after(self) -> int: ...


S = TypeVar("S", bound=Subscription)


def kept_by(kept: Collection[S], tenant: str) -> list[S]:
    """A tenant's, oldest first."""
    return [each for each in kept.all(tenant=tenant) if each.state != "deleted"]


def kept_one(kept: Collection[S], kind: str, id: str, tenant: str) -> S:
    """One of a tenant's; another tenant's is as unknown as none."""
    for each in kept_by(kept, tenant):
        if each.id == id:
            return each
    raise UnknownIdError(kind, id)


def check_room(kept: Collection[S], kind: str, tenant: str, most: int) -> None:
    """Raises :class:`InputError` where a tenant has as many as it may."""
    mine = len(kept_by(kept, tenant))
    if mine >= most:
        raise InputError(f"{tenant} has {mine} {kind}s, the limit is {most}: delete one")


def take_in(
    events: EventLog,
    kept: Collection[S],
    state: str,
    wanted: Callable[[S, Event], bool],
    queue: Callable[[S, Event], object],
    moved: Callable[[S, int], S],
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
