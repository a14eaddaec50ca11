"""``comity restore``: a backup into an empty database."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from comity.cli.common import DEFAULT_DB, Db, Json, console, print_json, progress_bar


def restore(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder that comity backup wrote.")],
    db: Db = DEFAULT_DB,
    delivery: Annotated[
        Path | None, typer.Option("--delivery", help="Empty folder for the products.")
    ] = None,
    json: Json = False,
) -> None:
    """Bring a backup into an empty database: a new SQLite file, or PostgreSQL by its URL.

    The backup is checked against its sums first. One of an older Comity is migrated on the way.
    """
    from comity.stores.backup import restore as bring_back

    with progress_bar("restore") as progress:
        made = bring_back(folder, db, delivery=delivery, progress=progress)
    if json:
        print_json(made)
        return
    console().print(
        f"{made.rows:,} rows and {made.files:,} files as of {made.created} are back", soft_wrap=True
    )
