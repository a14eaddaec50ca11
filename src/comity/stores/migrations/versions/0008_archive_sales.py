"""What is for sale, the extents of collections, saved searches; geometries in PostGIS where there is one."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from comity.stores.archive_postgis import use_postgis

revision = "0008"
down_revision = "0005"

_TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
_SIDES = ("west", "south", "east", "north")
_RECORDS = {"saved_searches": ("tenant", "state"), "matches": ("search",)}
_UNSETTLED = sa.text("settled IS NULL AND lot IS NULL")


def upgrade() -> None:
    for name, kind in (("lot", sa.Integer), ("settled", sa.Boolean)):
        op.add_column("archive_items", sa.Column(name, kind, nullable=True))
    op.create_index(
        "ix_archive_items_unsettled", "archive_items", ["collection", "end_us"],
        postgresql_where=_UNSETTLED, sqlite_where=_UNSETTLED,
    )  # fmt: skip
    op.create_table(
        "archive_extents",
        sa.Column("owner", _TEXT, primary_key=True),
        sa.Column("collection", _TEXT, primary_key=True),
        sa.Column("lot", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer, nullable=False),
        *(sa.Column(side, sa.Double, nullable=False) for side in _SIDES),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("start_us", "end_us")),
    )
    op.execute(
        "INSERT INTO archive_extents SELECT owner, collection, 0, count(*), min(west), min(south), "
        "max(east), max(north), min(start_us), max(end_us) FROM archive_items GROUP BY owner, collection"
    )
    op.create_table(
        "archive_lots",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("body", sa.Text, nullable=False, unique=True),
    )
    op.create_table(
        "archive_secrets",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("value", sa.String(200), nullable=False),
    )
    for name, columns in _RECORDS.items():
        op.create_table(
            name,
            sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
            sa.Column("id", sa.String(200), nullable=False, unique=True),
            *(sa.Column(column, sa.String(200), nullable=True) for column in columns),
            sa.Column("body", sa.LargeBinary, nullable=False),
        )
        for column in columns:
            op.create_index(f"ix_{name}_{column}", name, [column])
    use_postgis(op.get_bind(), create=False)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER IF EXISTS archive_ground ON archive_documents")
        op.execute("DROP FUNCTION IF EXISTS archive_ground()")
        op.execute("DROP TABLE IF EXISTS archive_grounds")
    for name in ("matches", "saved_searches", "archive_secrets", "archive_lots", "archive_extents"):
        op.drop_table(name)
    op.drop_index("ix_archive_items_unsettled", "archive_items")
    with op.batch_alter_table("archive_items") as batch:
        batch.drop_column("settled")
        batch.drop_column("lot")
