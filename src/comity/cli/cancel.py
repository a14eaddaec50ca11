"""``comity cancel``: take an order back."""

from __future__ import annotations

from typing import Annotated

import typer

from comity.cli.common import DEFAULT_DB, Db, Json, Now, console, open_store, print_json, time_of
from comity.operations import cancel_order


def cancel(
    order: Annotated[str, typer.Argument(help="Order's id.")],
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    db: Db = DEFAULT_DB,
    now: Now = None,
    json: Json = False,
) -> None:
    """Cancel an order: what is not delivered is credited."""
    with open_store(db) as store:
        cancelled = cancel_order(store, order, now=time_of(store, now), reason=reason)
    if json:
        print_json(cancelled)
        return
    console().print(f"{cancelled.id}: {cancelled.status} — {cancelled.statuses[-1].reason_text}")
