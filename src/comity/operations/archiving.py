"""Keeping the archive's index in step with what was delivered."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from comity.core import Epoch, InputError
from comity.operations.archive import ArchiveItem
from comity.operations.ports import Store, UnitOfWork
from comity.operations.saved_searches import tell_matches


def index_deliveries(work: UnitOfWork, folder: Path, others: list[Path], *, tell: bool = True) -> int:
    """Index what is delivered into ``folder`` and not indexed as it is now; returns how many Items that were.

    ``others``: Items made of several that were delivered (mosaics). An Item belongs to the customer of its
    order, and to the collection of the product ordered. ``tell``: whether saved searches are told. Raises
    :class:`InputError` for a file that is missing or no Item.
    """
    known = work.archive.digests()
    records = work.items.all()
    orders = {order.id: order for order in work.orders.all()}
    paths = [(folder / record.path, record.order, record.id) for record in records]
    changed = []
    for path, order_id, record in [*paths, *((path, None, None) for path in others)]:
        try:
            content = path.read_bytes()
            document = json.loads(content)
            order = orders[order_id or document["properties"]["comity:order"]]
            key = order.product, str(document["id"])
        except OSError as error:
            raise InputError(f"item {path} cannot be read: {error.strerror or error}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path} is no Item of a delivery: {error}") from error
        digest = hashlib.sha256(content).hexdigest()
        if known.get(key) != digest:
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
        tell_matches(work, changed, max(record.delivered for record in records))
    return len(changed)


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
