"""``comity backup``: the operator's state and files, to be restored elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from comity.cli.common import DEFAULT_DB, Db, Json, console, print_json, progress_bar
from comity.core import InputError, SystemClock


def backup(
    out: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder to write; it must not be there yet.")],
    db: Db = DEFAULT_DB,
    delivery: Annotated[
        Path | None, typer.Option("--delivery", help="Folder of the products, to be backed up too.")
    ] = None,
    json: Json = False,
) -> None:
    """Write database and delivered files to a folder, with a list of their SHA-256 sums.

    A server may go on meanwhile: the database is taken in one snapshot. The backup holds secrets (of
    webhooks, buckets and tokens) as the database does: keep it as safe.
    """
    from comity.stores.backup import back_up

    if "://" not in db and not Path(db).expanduser().exists():
        raise InputError(f"there is no database {db}: name the right one with --db")
    with progress_bar("backup") as progress:
        made = back_up(db, out, delivery=delivery, now=SystemClock().now(), progress=progress)
    if json:
        print_json(made)
        return
    console().print(
        f"{made.folder}: {made.rows:,} rows, {made.files:,} files, {made.bytes / 1e6:,.1f} MB", soft_wrap=True
    )
