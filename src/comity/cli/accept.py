"""``comity accept``: the customer's word on what was delivered."""

from __future__ import annotations

from typing import Annotated

import typer

from comity.cli.common import DEFAULT_DB, Db, Json, Now, console, open_store, print_json, time_of
from comity.core import InputError
from comity.operations import expire_tasks, judge_items, offered_items


def accept(
    item: Annotated[str | None, typer.Argument(help="One item's id.")] = None,
    order: Annotated[str | None, typer.Option(help="All offered items of this order.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="All offered items of all orders.")] = False,
    refuse: Annotated[str | None, typer.Option(help="Refuse them, for this reason.")] = None,
    within_limits: Annotated[
        bool, typer.Option("--within-limits", help="Accept what keeps the cloud limit, refuse the rest.")
    ] = False,
    db: Db = DEFAULT_DB,
    now: Now = None,
    json: Json = False,
) -> None:
    """Accept delivered items, which charges them, or refuse them, which tries again while time lasts."""
    if sum((item is not None, order is not None, all_)) != 1:
        raise InputError("name one item, or --order ORDER, or --all")
    if refuse is not None and not refuse.strip():
        raise InputError("a refusal needs a reason")
    if refuse is not None and within_limits:
        raise InputError("--refuse refuses all, --within-limits decides by cloud: choose one")
    with open_store(db) as store:
        at = time_of(store, now)
        items = offered_items(store, item=item, order=order)
        result = judge_items(store, items, now=at, refuse=refuse, within_limits=within_limits)
        expire_tasks(store, now=at)
    if json:
        print_json(result)
        return
    out = console()
    for name in result.accepted:
        out.print(f"{name}: accepted and invoiced")
    for name in result.refused:
        again = ", to be tried again" if name in result.retried else ""
        out.print(f"{name}: refused, not charged{again}")
    if not items:
        out.print("no item awaits a word")
