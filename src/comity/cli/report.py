"""``comity report``: everything on one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from comity.cli.common import DEFAULT_DB, Db, Now, console, open_store, time_of
from comity.operations import read_account
from comity.server.report import write_report


def report(
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("report.html"),
    folder: Annotated[Path, typer.Option(help="Folder of the delivered catalogue.")] = Path("delivery"),
    db: Db = DEFAULT_DB,
    now: Now = None,
) -> None:
    """Write the operator's report: map, timeline, plan, orders, items, settlement."""
    with open_store(db) as store:
        account = read_account(store, time_of(store, now))
    write_report(account, folder=folder, out=out, title=account.programme.title)
    console().print(str(out), soft_wrap=True)
