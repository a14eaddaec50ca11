"""Keeping the archive's index in step with what was delivered."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from comity.core import Epoch, InputError, UnknownIdError
from comity.operations.archive import ArchiveItem
from comity.operations.ports import Store, UnitOfWork
from comity.operations.records import ItemRecord, Order
from comity.operations.saved_searches import tell_matches

#: Records that are looked up in the index at once.
_PAGE = 100


def index_deliveries(work: UnitOfWork, folder: Path, others: list[Path], *, tell: bool = True) -> int:
    """Index what was delivered into ``folder`` since the last time; returns how many Items that were.

    ``others``: Items made of several that were delivered (mosaics): those that have changed.
    An Item belongs to the customer of its
    order, and to the collection of the product ordered. ``tell``: whether saved searches are told. Raises
    :class:`InputError` for a file that is missing or no Item.
    """
    known = work.archive.digests()
    records = _new_records(work)
    orders = _Orders(work)
    paths = [(folder / record.path, record.order, record.id) for record in records]
    changed = []
    for path, order_id, record in [*paths, *((path, None, None) for path in others)]:
        try:
            content = path.read_bytes()
            document = json.loads(content)
            order = orders.get(order_id or document["properties"]["comity:order"])
            key = order.product, str(document["id"])
        except OSError as error:
            raise InputError(f"item {path} cannot be read: {error.strerror or error}") from error
        except (ValueError, KeyError, TypeError, UnknownIdError) as error:
            raise InputError(f"{path} is no Item of a delivery: {error}") from error
        digest = hashlib.sha256(content).hexdigest()
        if record is not None or known.get(key) != digest:
            changed.append(
                ArchiveItem(
                    id=key[1],
                    collection=key[0],
                    owner=order.customer,
                    record=record,
                    path=path.relative_to(folder).as_posix(),
                    digest=digest,
                    document=document,
                )
            )
    work.archive.put(changed)
    if tell and changed:
        newest = work.items.page(1)[0]
        tell_matches(work, changed, newest.delivered)
    return len(changed)


def _new_records(work: UnitOfWork) -> list[ItemRecord]:
    """Records that the index does not know, oldest first: all before one that it knows are in it, too."""
    new: list[ItemRecord] = []
    before: str | None = None
    while page := work.items.page(_PAGE, before=before):
        indexed = work.archive.indexed(record.id for record in page)
        new += [record for record in page if record.id not in indexed]
        if indexed:
            break
        before = page[-1].id
    return new[::-1]


class _Orders:
    """Orders as they are asked for, each read once."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work
        self._known: dict[str, Order] = {}

    def get(self, id: str) -> Order:
        if id not in self._known:
            self._known[id] = self._work.orders.get(id)
        return self._known[id]


def rebuild_index(store: Store, folder: Path, *, now: Epoch | None = None) -> int:
    """Forget the index and make it anew from what was delivered into ``folder``, whole or not at all.

    ``now``: what is for sale at that time is listed too. Saved searches are not told: nothing is new.
    """
    from comity.operations.archive_sales import list_some
    from comity.operations.mosaics import mosaic_items

    with store.begin() as work:
        work.archive.clear()
        indexed = index_deliveries(work, folder, list(mosaic_items(folder)), tell=False)
        while now is not None and list_some(work, now, tell=False)[0]:
            pass
        return indexed
