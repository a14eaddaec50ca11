"""The archive in memory: for tests, and as the plain meaning of a search."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from comity.core import UnknownIdError
from comity.operations.archive import (
    ArchiveItem,
    Extent,
    FoundItem,
    Lot,
    Page,
    Search,
    Wanted,
    fits,
    item_bounds,
)


class MemoryArchive:
    """Items in a dict; ``state``: of an item's record."""

    def __init__(self, state: Callable[[str], str | None]) -> None:
        self._state = state
        self.items: dict[tuple[str, str], tuple[int, ArchiveItem]] = {}
        self._lots: dict[Lot, int] = {}
        self._settled: set[tuple[str, str]] = set()
        self._secret = secrets.token_hex(32)

    def copy(self, state: Callable[[str], str | None] | None = None) -> MemoryArchive:
        """Another that holds the same items; ``state``: of an item's record, where another tells it."""
        other = MemoryArchive(state or self._state)
        other.items = dict(self.items)
        other._lots, other._settled = dict(self._lots), set(self._settled)
        other._secret = self._secret
        return other

    def put(self, items: Iterable[ArchiveItem]) -> None:
        """Add items, or replace those of the same collection and id."""
        for item in items:
            key = item.collection, item.id
            number = self.items[key][0] if key in self.items else len(self.items) + 1
            self.items[key] = number, item
            self._settled.discard(key)

    def digests(self) -> dict[tuple[str, str], str]:
        """Items of no record of their own, with the digest of their file."""
        found = self.items.items()
        return {key: i.digest for key, (_, i) in found if i.lot is None and i.record is None}

    def indexed(self, records: Iterable[str]) -> frozenset[str]:
        """Those of the records whose items are in the index."""
        known = {item.record for _, item in self.items.values() if item.lot is None}
        return frozenset(record for record in records if record in known)

    def lot(self, lot: Lot) -> int:
        """The number of a lot."""
        return self._lots.setdefault(lot, len(self._lots) + 1)

    def lots(self) -> dict[int, Lot]:
        """Every lot by number."""
        return {number: lot for lot, number in self._lots.items()}

    def unlisted(self, wanted: Iterable[Wanted], limit: int) -> list[ArchiveItem]:
        """Accepted items that are wanted and were not looked at yet."""
        asked = list(wanted)
        found = (
            item
            for key, (_, item) in self.items.items()
            if item.lot is None and item.record is not None and key not in self._settled
            and self._state(item.record) == "accepted" and any(_is_wanted(item, one) for one in asked)
        )  # fmt: skip
        return list(islice(found, limit))

    def settle(self, items: Iterable[ArchiveItem]) -> None:
        """Note of delivered items that they were looked at."""
        self._settled |= {(item.collection, item.id) for item in items}

    def secret(self) -> str:
        """What names for sale are made with."""
        return self._secret

    def clear(self) -> None:
        """Forget all items."""
        self.items.clear()
        self._settled.clear()

    def search(self, search: Search) -> Page:
        """The items that fulfil everything asked."""
        place = search.place()
        found = [(number, item) for number, item in self.items.values() if fits(search, item)]
        found.sort(key=lambda pair: pair[0], reverse=search.sort[0].descending)
        for key in reversed(search.sort):
            column = key.property.column
            known = [pair for pair in found if pair[1].facts()[column] is not None]
            missing = [pair for pair in found if pair[1].facts()[column] is None]
            known.sort(key=_by(column), reverse=key.descending)
            found = known + missing
        if place is not None:
            number = place[1]
            later = [at for at, pair in enumerate(found) if pair[0] == number]
            found = found[later[0] + 1 :] if later else []
        page = found[: search.limit]
        more = len(found) > search.limit
        values = [page[-1][1].facts()[key.property.column] for key in search.sort] if more else []
        return Page(
            items=tuple(self._found(item) for _, item in page),
            next=search.token(values, page[-1][0]) if more else None,
        )

    def get(self, collection: str, id: str, *, owner: str | None, listed: bool = False) -> FoundItem:
        """One item of this owner; raises :class:`UnknownIdError`."""
        found = self.items.get((collection, id))
        if found is None or owner not in (None, found[1].owner) or (found[1].lot is not None) != listed:
            raise UnknownIdError("item", id)
        return self._found(found[1])

    def extents(self, *, owner: str | None, lots: Iterable[int] | None = None) -> list[Extent]:
        """Every collection with items of this owner, or with some in these lots, by name."""
        groups: dict[str, list[ArchiveItem]] = {}
        wanted: set[int | None] = {None} if lots is None else set(lots)
        for _, item in self.items.values():
            if owner in (None, item.owner) and item.lot in wanted:
                groups.setdefault(item.collection, []).append(item)
        return [_extent(name, items) for name, items in sorted(groups.items())]

    def _found(self, item: ArchiveItem) -> FoundItem:
        state = None if item.record is None else self._state(item.record)
        return FoundItem(item=item, state=state or "accepted")


def _is_wanted(item: ArchiveItem, wanted: Wanted) -> bool:
    told = item.facts()
    end = told["end_us"]
    return (
        item.collection == wanted.product
        and told["platform"] in wanted.platforms
        and item.owner not in wanted.not_of
        and isinstance(end, int)
        and end <= wanted.until_us
    )


def _by(column: str) -> Callable[[tuple[int, ArchiveItem]], Any]:
    return lambda pair: pair[1].facts()[column]


def _extent(name: str, items: list[ArchiveItem]) -> Extent:
    boxes = [item_bounds(item.geometry) for item in items]
    facts: list[dict[str, Any]] = [item.facts() for item in items]
    return Extent(
        collection=name,
        items=len(items),
        bbox=(
            min(one[0] for one in boxes),
            min(one[1] for one in boxes),
            max(one[2] for one in boxes),
            max(one[3] for one in boxes),
        ),
        start_us=min(one["start_us"] for one in facts),
        end_us=max(one["end_us"] for one in facts),
    )
