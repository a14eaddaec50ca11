"""Saved searches: whoever keeps one is told of every item that it finds from then on.

A match is kept in the transaction that indexes the item, once for each search and item, and the store adds
its event beside it: what webhooks are told and what the list of matches shows is the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from shapely.geometry.base import BaseGeometry

from comity.core import Epoch, InputError, UnknownIdError
from comity.operations.archive import ArchiveItem, Offer, Search, fits
from comity.operations.filter_reading import filter_of
from comity.operations.ports import Store, UnitOfWork
from comity.operations.subscriptions import fresh_name, kept_earlier

Shelf = Literal["delivered", "for-sale"]
SHELVES: tuple[Shelf, ...] = ("delivered", "for-sale")
#: Searches that a tenant may keep.
MOST_SEARCHES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedSearch:
    """An item search that a tenant keeps.

    ``over``: what it looks through. ``body``: the search as it came (STAC API item search); the fields after
    it are what it means. Times are µs of UTC since 1970.
    """

    id: str
    tenant: str
    title: str
    over: tuple[Shelf, ...]
    body: Mapping[str, Any]
    collections: tuple[str, ...] | None
    area: BaseGeometry | None
    start_us: int | None
    end_us: int | None
    filter: Mapping[str, Any] | None
    created: Epoch
    state: Literal["active", "paused", "deleted"] = "active"

    def search(self) -> Search:
        """What it looks for, of anybody."""
        return Search(
            owner=None,
            collections=self.collections,
            area=self.area,
            start_us=self.start_us,
            end_us=self.end_us,
            filter=None if self.filter is None else filter_of(self.filter),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchMatch:
    """An item that a saved search found when it was indexed."""

    id: str
    search: str
    tenant: str
    shelf: Shelf
    collection: str
    item: str
    at: Epoch


def save_search(
    store: Store,
    search: Search,
    *,
    tenant: str,
    title: str,
    over: Iterable[Shelf],
    body: Mapping[str, Any],
    now: Epoch,
    id: str | None = None,
) -> SavedSearch:
    """Keep a search; it is told of what comes from now on. Raises :class:`InputError` beyond the limit.

    ``id``: its name; one of the tenant's that has it already is given as it is.
    """
    with store.begin() as work:
        if earlier := kept_earlier(work.saved_searches, id, tenant):
            return earlier
        mine = [one for one in work.saved_searches.all(tenant=tenant) if one.state != "deleted"]
        if len(mine) >= MOST_SEARCHES:
            raise InputError(f"{tenant} keeps {len(mine)} searches, the limit is {MOST_SEARCHES}: delete one")
        saved = SavedSearch(
            id=fresh_name(work.saved_searches, id, tenant, "saved-search", work),
            tenant=tenant,
            title=title,
            over=tuple(dict.fromkeys(over)),
            body=body,
            collections=search.collections,
            area=search.area,
            start_us=search.start_us,
            end_us=search.end_us,
            filter=body.get("filter"),
            created=now,
        )
        work.saved_searches.put(saved)
    return saved


def saved_searches_of(store: Store, tenant: str) -> list[SavedSearch]:
    """A tenant's saved searches, oldest first."""
    with store.read() as work:
        return [one for one in work.saved_searches.all(tenant=tenant) if one.state != "deleted"]


def saved_search_of(work: UnitOfWork, id: str, tenant: str) -> SavedSearch:
    """One of a tenant's; another tenant's is as unknown as none."""
    found = next((one for one in work.saved_searches.all(id=id) if one.tenant == tenant), None)
    if found is None or found.state == "deleted":
        raise UnknownIdError("saved search", id)
    return found


def change_saved_search(
    store: Store, id: str, *, tenant: str, state: Literal["active", "paused", "deleted"]
) -> SavedSearch:
    """Pause, resume or delete one. What comes while it is paused it is never told of."""
    with store.begin() as work:
        changed = replace(saved_search_of(work, id, tenant), state=state)
        work.saved_searches.put(changed)
    return changed


def matches_of(
    store: Store, id: str, *, tenant: str, limit: int, before: str | None = None
) -> list[SearchMatch]:
    """What a saved search found, newest first."""
    with store.read() as work:
        saved_search_of(work, id, tenant)
        if before is not None and not any(one.search == id for one in work.matches.all(id=before)):
            raise UnknownIdError("match", before)
        return work.matches.page(limit, before=before, search=id)


def tell_matches(
    work: UnitOfWork,
    items: Sequence[ArchiveItem],
    now: Epoch,
    offers: Mapping[str, tuple[Offer, ...]] | None = None,
) -> int:
    """Keep which saved searches find these items, each pair once; how many are new.

    ``offers``: where the items are for sale, what each tenant is offered; None: they were delivered.
    """
    if not items:
        return 0
    shelf: Shelf = "delivered" if offers is None else "for-sale"
    new = 0
    for saved in work.saved_searches.all(state="active"):
        if shelf not in saved.over:
            continue
        search = saved.search()
        if offers is None:
            search = replace(search, owner=saved.tenant)
        else:
            search = replace(search, offers=offers.get(saved.tenant, ()))
        for item in items:
            digest = hashlib.sha256(f"{item.collection}/{item.id}".encode()).hexdigest()[:32]
            id = f"{saved.id}/{digest}"
            if not fits(search, item) or work.matches.all(id=id):
                continue
            work.matches.put(
                SearchMatch(
                    id=id, search=saved.id, tenant=saved.tenant, shelf=shelf, collection=item.collection,
                    item=item.id, at=now,
                )
            )  # fmt: skip
            new += 1
    return new
