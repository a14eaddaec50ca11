"""``comity archive``: the index of what was delivered."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from comity.cli.common import DEFAULT_DB, Db, Json, console, open_store, print_json

app = typer.Typer(help="Keep the archive's index of what was delivered.", no_args_is_help=True)


@app.callback()
def archive() -> None:
    """Keep the archive's index of what was delivered."""


@app.command()
def index(
    folder: Annotated[Path, typer.Option("--out", help="Folder of the catalogue.")] = Path("delivery"),
    db: Db = DEFAULT_DB,
    json: Json = False,
) -> None:
    """Make the index anew from the delivered Items, whole or not at all.

    Every delivery keeps it up to date by itself; this is for a database older than the index, or files that
    were changed by hand.
    """
    from comity.operations.archiving import rebuild_index

    with open_store(db) as store:
        items = rebuild_index(store, folder)
    if json:
        print_json({"items": items})
    else:
        console().print(f"{items} items indexed")
