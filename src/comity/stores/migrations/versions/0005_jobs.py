"""The queue of jobs, events, webhooks and customers' buckets; the past of orders becomes events."""

from __future__ import annotations

import json
import zlib
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_RECORDS = {
    "events": ("tenant", "subject"),
    "webhooks": ("tenant", "state"),
    "buckets": ("tenant", "state"),
}
#: Records read at once.
_AT_ONCE = 500


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(200), nullable=False, unique=True),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("tenant", sa.String(200), nullable=False),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("due", sa.BigInteger, nullable=False),
        sa.Column("most_runs", sa.Integer, nullable=False),
        sa.Column("runs", sa.Integer, nullable=False),
        sa.Column("worker", sa.String(200), nullable=False),
        sa.Column("lease_until", sa.BigInteger, nullable=True),
        sa.Column("cancel_asked", sa.Boolean, nullable=False),
        sa.Column("done", sa.Float, nullable=False),
        sa.Column("total", sa.Float, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("ended", sa.BigInteger, nullable=True),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("result", sa.Text, nullable=True),
        sa.Column("notes", sa.Text, nullable=False),
        sa.UniqueConstraint("kind", "tenant", "key", name="uq_jobs_key"),
    )
    op.create_index("ix_jobs_state", "jobs", ["state", "due", "seq"])
    op.create_index("ix_jobs_tenant", "jobs", ["tenant", "seq"])
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
    _tell_the_past()


def _tell_the_past() -> None:
    """Events of what is in the database already: nobody is told of it again when it is next touched."""
    customers: dict[str, str] = {}
    for order in _bodies("orders"):
        customers[order["id"]] = order["customer"]
        _add(
            [
                _event(
                    f"{order['id']}/status/{number}",
                    "order.status",
                    order["customer"],
                    order["id"],
                    entry["at"],
                    {
                        "order": order["id"],
                        "product": order["product"],
                        "status": {
                            "timestamp": entry["at"],
                            "status_code": entry["code"],
                            "reason_code": entry["reason_code"],
                            "reason_text": entry["reason_text"],
                        },
                    },
                )
                for number, entry in enumerate(order["statuses"], 1)
            ]
        )
    for item in _bodies("items"):
        data = {name: item[name] for name in ("order", "target", "cloud", "delivered_gsd_m")}
        customer = customers.get(item["order"], "")
        _add(
            [
                _event(
                    f"{item['id']}/offered",
                    "item.offered",
                    customer,
                    item["id"],
                    item["delivered"],
                    {"item": item["id"], **data},
                )
            ]
        )


def _bodies(name: str) -> Any:
    """Each record of a table, oldest first, a few at a time."""
    table = sa.table(name, sa.column("seq", sa.Integer), sa.column("body", sa.LargeBinary))
    last = 0
    while True:
        query = sa.select(table.c.seq, table.c.body).where(table.c.seq > last)
        rows = op.get_bind().execute(query.order_by(table.c.seq).limit(_AT_ONCE)).all()
        if not rows:
            return
        last = rows[-1].seq
        for row in rows:
            yield json.loads(zlib.decompress(row.body))


def _event(id: str, kind: str, tenant: str, subject: str, at: str, data: dict[str, Any]) -> dict[str, Any]:
    body = {"id": id, "kind": kind, "tenant": tenant, "subject": subject, "at": at, "data": data}
    packed = zlib.compress(json.dumps(body, separators=(",", ":")).encode(), 1)
    return {"id": id, "tenant": tenant, "subject": subject, "body": packed}


def _add(rows: list[dict[str, Any]]) -> None:
    events = sa.table(
        "events",
        sa.column("id", sa.String),
        sa.column("tenant", sa.String),
        sa.column("subject", sa.String),
        sa.column("body", sa.LargeBinary),
    )
    if rows:
        op.get_bind().execute(sa.insert(events), rows)


def downgrade() -> None:
    for name in (*reversed(_RECORDS), "jobs"):
        op.drop_table(name)
