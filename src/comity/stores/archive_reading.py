"""Reading what the archive's index holds of items and lots."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from comity.operations.archive import ArchiveItem, FoundItem, Lot
from comity.stores import schema
from comity.stores.archive_schema import archive_documents as documents
from comity.stores.archive_schema import archive_items as items
from comity.stores.archive_schema import archive_lots


def found_items(connection: Connection, numbers: list[int]) -> list[FoundItem]:
    """The items of these numbers, in their order."""
    query = (
        sa.select(items.c.seq, items.c.id, items.c.collection, items.c.owner, documents.c.record,
                  documents.c.path, documents.c.digest, items.c.lot, documents.c.body, schema.items.c.state)
        .join(documents, documents.c.seq == items.c.seq)
        .join(schema.items, schema.items.c.id == documents.c.record, isouter=True)
        .where(items.c.seq.in_(numbers))
    )  # fmt: skip
    rows = {row.seq: row for row in connection.execute(query)}
    return [
        FoundItem(
            item=ArchiveItem(
                id=row.id,
                collection=row.collection,
                owner=row.owner,
                record=row.record,
                path=row.path,
                digest=row.digest,
                document=row.body,
                lot=row.lot,
            ),
            state=row.state or "accepted",
        )
        for row in (rows[number] for number in numbers)
    ]


def read_lots(connection: Connection, after: int = 0) -> dict[int, Lot]:
    """The lots of higher numbers."""
    query = sa.select(archive_lots).where(archive_lots.c.number > after).order_by(archive_lots.c.number)
    return {row.number: _lot(json.loads(row.body)) for row in connection.execute(query)}


def _lot(told: dict[str, Any]) -> Lot:
    return Lot(**{**told, "territories": tuple(told["territories"])})
