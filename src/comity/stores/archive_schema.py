"""The archive's tables: a narrow one to search, the documents apart, and each database's own index of places.

``archive_items`` has a column for every queryable; ``archive_documents`` what is only read for items found.
Places: SQLite keeps them in the R*Tree ``archive_places`` (west … east, south … north in degrees, start …
end in days since 2000), PostgreSQL in a GiST index over ``box`` and ``int8range``, which come with it, or,
where it has PostGIS, the geometries themselves in ``archive_grounds``
(:mod:`comity.stores.archive_postgis`). The migration makes them; they are not part of the metadata.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

from comity.operations.queryables import QUERYABLES
from comity.stores.schema import CompressedJson, metadata

#: Text in the order of its code points, in every database and whatever the locale of the server.
PlainText = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
_TYPES: dict[str, TypeEngine[Any]] = {
    "text": PlainText, "number": Double(), "time": BigInteger(), "flag": Boolean(),
}  # fmt: skip
_ALWAYS = ("id", "collection", "at_us", "start_us", "end_us")

archive_items = Table(
    "archive_items",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("owner", PlainText, nullable=False),
    Column("west", Double, nullable=False),
    Column("south", Double, nullable=False),
    Column("east", Double, nullable=False),
    Column("north", Double, nullable=False),
    Column("span_us", BigInteger, nullable=False),
    Column("lot", Integer, nullable=True),
    Column("settled", Boolean, nullable=True),
    *(
        Column(one.column, _TYPES[one.kind], nullable=one.column not in _ALWAYS)
        for one in QUERYABLES.values()
        if one.kind != "geometry"
    ),
    Index("ix_archive_items_collection_id", "collection", "id", unique=True),
    Index("ix_archive_items_id", "id"),
    Index("ix_archive_items_at", "at_us", "seq"),
    Index("ix_archive_items_owner_at", "owner", "at_us", "seq"),
    Index("ix_archive_items_order", "order"),
    Index("ix_archive_items_span", "span_us"),
    Index(
        "ix_archive_items_unsettled",
        "collection",
        "end_us",
        postgresql_where=text("settled IS NULL AND lot IS NULL"),
        sqlite_where=text("settled IS NULL AND lot IS NULL"),
    ),
)

#: What each tenant's items, and each lot's, come to in a collection: kept with every change of the index.
#: ``lot``: 0 for what was delivered.
archive_extents = Table(
    "archive_extents",
    metadata,
    Column("owner", PlainText, primary_key=True),
    Column("collection", PlainText, primary_key=True),
    Column("lot", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, nullable=False),
    Column("west", Double, nullable=False),
    Column("south", Double, nullable=False),
    Column("east", Double, nullable=False),
    Column("north", Double, nullable=False),
    Column("start_us", BigInteger, nullable=False),
    Column("end_us", BigInteger, nullable=False),
)

archive_lots = Table(
    "archive_lots",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("body", Text, nullable=False, unique=True),
)

#: One row: what names for sale are made with.
archive_secrets = Table(
    "archive_secrets",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("value", String(200), nullable=False),
)

archive_documents = Table(
    "archive_documents",
    metadata,
    Column("seq", Integer, ForeignKey("archive_items.seq"), primary_key=True, autoincrement=False),
    Column("record", String(200), nullable=True, index=True),
    Column("path", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("shape", LargeBinary, nullable=False),
    Column("body", CompressedJson, nullable=False),
)
