"""The programme's clock, which all servers on the database go by; items of the archive by their record."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "programme_clock",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("programme", sa.String(200), nullable=False),
        sa.Column("machine_ns", sa.BigInteger, nullable=False),
        sa.Column("programme_ns", sa.BigInteger, nullable=False),
        sa.Column("speed", sa.Float, nullable=False),
        sa.Column("seen_ns", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_archive_documents_record", "archive_documents", ["record"])


def downgrade() -> None:
    op.drop_index("ix_archive_documents_record", "archive_documents")
    op.drop_table("programme_clock")
