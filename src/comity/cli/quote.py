"""``comity quote``: the price of a request, and what the licences say."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from comity.cli.common import (
    DEFAULT_DB,
    Db,
    Json,
    Now,
    console,
    open_store,
    print_json,
    progress_bar,
    time_of,
)
from comity.commerce import Quote
from comity.core import encode
from comity.operations import make_quote


def quote(
    request: Annotated[str, typer.Argument(help="Request's id.")],
    db: Db = DEFAULT_DB,
    now: Now = None,
    json: Json = False,
) -> None:
    """Find the opportunities of a request, decide its licences and price it; prints the quote's id."""
    with open_store(db) as store, progress_bar("opportunities") as progress:
        made = make_quote(store, request, now=time_of(store, now), progress=progress)
    if json:
        print_json({**encode(made), "total": made.total, "orderable": made.orderable})
        return
    show_quote(made)


def show_quote(quote: Quote, *, order: str = "comity order") -> None:
    """Print a quote; ``order``: the command that orders it."""
    out = console()
    table = Table("target", "quantity", "delivered at", "price", title=f"{quote.id} for {quote.customer}")
    for line in quote.lines:
        table.add_row(
            line.name, f"{line.quantity:,} {line.unit}", f"≥ {line.deliver_gsd_m:g} m", str(line.amount)
        )
    table.add_section()
    table.add_row("total", "", "", str(quote.total), style="bold")
    out.print(table)
    for line in quote.lines:
        if not line.meets_request:
            text = next((d.text for d in quote.decisions if d.inputs.target == line.target and d.rule), "")
            out.print(f"coarsened: {text}")
    for entry in quote.not_offered:
        out.print(f"not offered: {entry.text}")
    out.print(f"{quote.note}", style="dim")
    if quote.orderable:
        out.print(f"valid until {quote.valid_until}; next: {order} {quote.id}", style="dim")
    else:
        out.print("nothing of this request can be ordered", style="red")
