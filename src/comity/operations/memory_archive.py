"""The archive in memory: for tests, and as the plain meaning of a search."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from comity.core import UnknownIdError
from comity.operations.archive import (
    ArchiveItem,
    Extent,
    FoundItem,
    Page,
    Search,
    fits,
    item_bounds,
)


class MemoryArchive:
    """Items in a dict; ``state``: of an item's record."""

    def __init__(self, state: Callable[[str], str | None]) -> None:
        self._state = state
        self.items: dict[tuple[str, str], tuple[int, ArchiveItem]] = {}

    def copy(self) -> MemoryArchive:
        """Another that holds the same items."""
        other = MemoryArchive(self._state)
        other.items = dict(self.items)
        return other

    def put(self, items: Iterable[ArchiveItem]) -> None:
        """Add items, or replace those of the same collection and id."""
        for item in items:
            key = item.collection, item.id
            number = self.items[key][0] if key in self.items else len(self.items) + 1
            self.items[key] = number, item

    def digests(self) -> dict[tuple[str, str], str]:
        """Every indexed item with the digest of its file."""
        return {key: item.digest for key, (_, item) in self.items.items()}

    def clear(self) -> None:
        """Forget all items."""
        self.items.clear()

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

    def get(self, collection: str, id: str, *, owner: str | None) -> FoundItem:
        """One item of this owner; raises :class:`UnknownIdError`."""
        found = self.items.get((collection, id))
        if found is None or owner not in (None, found[1].owner):
            raise UnknownIdError("item", id)
        return self._found(found[1])

    def extents(self, *, owner: str | None) -> list[Extent]:
        """Every collection with items of this owner, by name."""
        groups: dict[str, list[ArchiveItem]] = {}
        for _, item in self.items.values():
            if owner in (None, item.owner):
                groups.setdefault(item.collection, []).append(item)
        return [_extent(name, items) for name, items in sorted(groups.items())]

    def _found(self, item: ArchiveItem) -> FoundItem:
        state = None if item.record is None else self._state(item.record)
        return FoundItem(item=item, state=state or "accepted")


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
