"""``comity status``: where the orders stand."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from comity.cli.common import DEFAULT_DB, Db, Json, Now, console, open_store, print_json
from comity.core import Epoch, StateError, encode
from comity.operations import as_of


def status(
    order: Annotated[str | None, typer.Argument(help="One order's id; default: all.")] = None,
    db: Db = DEFAULT_DB,
    now: Now = None,
    json: Json = False,
) -> None:
    """Show orders, or the whole history of one; with --now as they stood then."""
    with open_store(db) as store, store.read() as work:
        orders = [work.orders.get(order)] if order else work.orders.all()
    if now is not None:
        at = Epoch.from_iso(now)
        orders = [past for past in (as_of(each, at) for each in orders) if past is not None]
        if order and not orders:
            raise StateError(f"{order} did not exist yet at {at}")
    if json:
        print_json([{**encode(each), "status": each.status} for each in orders])
        return
    if order:
        table = Table("time (UTC)", "status", "reason", title=order)
        for entry in orders[0].statuses:
            table.add_row(entry.at.iso(0), entry.code, entry.reason_text or "")
    else:
        table = Table("order", "customer", "product", "status", "since", "reason")
        for each in orders:
            last = each.statuses[-1]
            table.add_row(
                each.id, each.customer, each.product, last.code, last.at.iso(0), last.reason_text or ""
            )
    console().print(table)
