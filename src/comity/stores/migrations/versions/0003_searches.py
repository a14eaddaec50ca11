"""What customers asked for in their own words, and searches that are answered later."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_RECORDS = {"asked": ("customer",), "searches": ("customer", "product", "status")}


def upgrade() -> None:
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


def downgrade() -> None:
    for name in reversed(_RECORDS):
        op.drop_table(name)
