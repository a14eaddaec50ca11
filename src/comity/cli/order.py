"""``comity order``: make a quote binding."""

from __future__ import annotations

from typing import Annotated

import typer

from comity.cli.common import DEFAULT_DB, Db, Json, Now, console, open_store, print_json, time_of
from comity.core import encode
from comity.operations import place_order


def order(
    quote: Annotated[str, typer.Argument(help="Quote's id.")],
    db: Db = DEFAULT_DB,
    now: Now = None,
    json: Json = False,
) -> None:
    """Order a quote; prints the order's id and status."""
    with open_store(db) as store:
        placed = place_order(store, quote, now=time_of(store, now))
    if json:
        print_json({**encode(placed), "status": placed.status})
        return
    out = console()
    out.print(f"{placed.id}: {placed.status} — {placed.statuses[-1].reason_text}")
    out.print("next: comity plan make", style="dim")
