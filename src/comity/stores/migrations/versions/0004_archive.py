"""The archive's index: items to search, their documents, and where they are."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"

_TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
_TEXTS = ("platform", "mission", "orbit_state", "level", "order", "target", "station")
_NUMBERS = (
    "gsd",
    "cloud",
    "off_nadir",
    "incidence",
    "sun_azimuth",
    "sun_elevation",
    "norad_id",
    "native_gsd",
)
_INDEXES = {
    "id": ("id",),
    "at": ("at_us", "seq"),
    "owner_at": ("owner", "at_us", "seq"),
    "order": ("order",),
    "span": ("span_us",),
}


def upgrade() -> None:
    op.create_table(
        "archive_items",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        *(sa.Column(name, _TEXT, nullable=False) for name in ("owner", "id", "collection")),
        *(sa.Column(name, sa.Double, nullable=False) for name in ("west", "south", "east", "north")),
        *(
            sa.Column(name, sa.BigInteger, nullable=False)
            for name in ("span_us", "at_us", "start_us", "end_us")
        ),
        *(sa.Column(name, _TEXT, nullable=True) for name in _TEXTS),
        *(sa.Column(name, sa.Double, nullable=True) for name in (*_NUMBERS, "usable")),
        sa.Column("simulated", sa.Boolean, nullable=True),
    )
    op.create_index("ix_archive_items_collection_id", "archive_items", ["collection", "id"], unique=True)
    for name, columns in _INDEXES.items():
        op.create_index(f"ix_archive_items_{name}", "archive_items", list(columns))
    op.create_table(
        "archive_documents",
        sa.Column(
            "seq", sa.Integer, sa.ForeignKey("archive_items.seq"), primary_key=True, autoincrement=False
        ),
        sa.Column("record", sa.String(200), nullable=True),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("shape", sa.LargeBinary, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE VIRTUAL TABLE archive_places USING rtree"
            "(seq, west, east, south, north, start_day, end_day)"
        )
    else:
        op.execute(
            "CREATE INDEX ix_archive_items_place ON archive_items USING gist "
            "(box(point(west, south), point(east, north)), int8range(start_us, end_us, '[]'))"
        )


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.drop_table("archive_places")
    op.drop_table("archive_documents")
    op.drop_table("archive_items")
