"""Standing work: schedules."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "schedules",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("every_s", sa.Float, nullable=False),
        sa.Column("settle_s", sa.Float, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("seen", sa.Text, nullable=False),
        sa.Column("noticed", sa.BigInteger, nullable=True),
        sa.Column("asked", sa.Boolean, nullable=False),
        sa.Column("begun", sa.BigInteger, nullable=True),
        sa.Column("runs", sa.Integer, nullable=False),
        sa.Column("job", sa.String(200), nullable=True),
        sa.Column("holder", sa.String(200), nullable=False),
        sa.Column("held_until", sa.BigInteger, nullable=True),
    )


def downgrade() -> None:
    op.drop_table("schedules")
