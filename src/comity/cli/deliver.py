"""``comity deliver``: products of what was received."""

from __future__ import annotations

from pathlib import Path
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
from comity.core import InputError
from comity.operations import deliver as make_products


def deliver(
    folder: Annotated[Path, typer.Option("--out", help="Folder of the catalogue.")] = Path("delivery"),
    max_pixels: Annotated[int, typer.Option(help="Most pixels an image may have.")] = 20_000_000,
    seed: Annotated[int, typer.Option(help="Seed of the simulated ground.")] = 0,
    db: Db = DEFAULT_DB,
    now: Now = None,
    json: Json = False,
) -> None:
    """Make a product of each received acquisition and offer it to its customer."""
    if max_pixels < 10_000:
        raise InputError(f"max pixels {max_pixels} is below 10000: an image needs at least 100 × 100")
    with open_store(db) as store, progress_bar("products") as progress:
        items = make_products(
            store, folder, now=time_of(store, now), seed=seed, max_pixels=max_pixels, progress=progress
        )
    if json:
        print_json(items)
        return
    out = console()
    table = Table("item", "target", "cloud", "GSD", "delivered", "pixel", "file")
    for item in items:
        table.add_row(
            item.id,
            item.target,
            f"{item.cloud:.0%}",
            f"{item.native_gsd_m:.2f} m",
            f"{item.delivered_gsd_m:.2f} m",
            f"{item.pixel_m:.1f} m",
            item.image,
        )
    out.print(table if items else "nothing is waiting to be delivered")
    if items:
        out.print(
            f"catalogue: {folder / 'stac' / 'catalog.json'}; next: comity accept", style="dim", soft_wrap=True
        )
