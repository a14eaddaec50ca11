"""``comity settle``: who gets what."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from comity.cli.common import DEFAULT_DB, Db, Json, Now, console, open_store, print_json, time_of
from comity.operations import SettlementSummary, expire_tasks
from comity.operations import settle as settle_all


def settle(
    folder: Annotated[Path, typer.Option("--out", help="Folder of the statements.")] = Path("statements"),
    db: Db = DEFAULT_DB,
    now: Now = None,
    json: Json = False,
) -> None:
    """End the orders whose time is over, share out the revenue and write a statement per partner."""
    with open_store(db) as store:
        at = time_of(store, now)
        expire_tasks(store, now=at)
        summary = settle_all(store, now=at, folder=folder)
    if json:
        print_json({"run": summary.run, "statements": summary.statements})
        return
    show_settlement(summary)


def show_settlement(summary: SettlementSummary) -> None:
    """Print what was billed and each partner's account."""
    out = console()
    bills = Table("order", "reserved", "invoiced", "credited", "open", title="orders")
    for billing in summary.billings:
        bills.add_row(
            billing.order,
            str(billing.reserved),
            str(billing.invoiced),
            str(billing.credited),
            str(billing.open),
        )
    out.print(bills)
    table = Table("partner", "what", "amount", title=summary.run)
    for statement in summary.statements:
        for total in statement.totals:
            table.add_row(statement.name, f"{total.what} ({total.kind})", str(total.amount))
        table.add_section()
    out.print(table)
    for path in summary.files:
        out.print(str(path), soft_wrap=True)
