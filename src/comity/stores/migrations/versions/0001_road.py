"""The road's first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_RECORDS = {
    "requests": ("customer", "product"),
    "opportunities": ("request",),
    "quotes": ("request",),
    "orders": ("request", "quote", "customer", "status"),
    "tasks": ("order", "state"),
    "plans": (),
    "activities": ("plan", "kind", "state", "order", "task", "spacecraft"),
    "items": ("activity", "order", "task", "state"),
    "billings": (),
}


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
    op.create_table(
        "programmes",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("elements", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "transactions",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(200), nullable=False, unique=True),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("reference", sa.String(200), nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_transactions_kind", "transactions", ["kind"])
    op.create_index("ix_transactions_reference", "transactions", ["reference"])
    op.create_table(
        "postings",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("transaction", sa.String(200), sa.ForeignKey("transactions.id"), nullable=False),
        sa.Column("account", sa.String(200), nullable=False),
        sa.Column("amount", sa.String(60), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
    )
    op.create_index("ix_postings_transaction", "postings", ["transaction"])
    op.create_index("ix_postings_account", "postings", ["account"])
    op.create_table(
        "counters",
        sa.Column("kind", sa.String(40), primary_key=True),
        sa.Column("last", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    for name in ("counters", "postings", "transactions", "programmes", *reversed(_RECORDS)):
        op.drop_table(name)
