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
from comity.operations import ObjectStore, held_for_clouds, make_mosaics, publish
from comity.operations import deliver as make_products


def deliver(
    folder: Annotated[Path, typer.Option("--out", help="Folder of the catalogue.")] = Path("delivery"),
    max_pixels: Annotated[int, typer.Option(help="Most pixels an image may have.")] = 20_000_000,
    seed: Annotated[int, typer.Option(help="Seed of the simulated ground.")] = 0,
    mosaic: Annotated[
        bool, typer.Option("--mosaic", help="Also join the accepted images of each area into one.")
    ] = False,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="s3://BUCKET/PREFIX|FOLDER",
            help="Also copy catalogue and files there, whole; restartable.",
        ),
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(metavar="URL", help="S3-compatible server; default: AWS_ENDPOINT_URL.")
    ] = None,
    db: Db = DEFAULT_DB,
    now: Now = None,
    json: Json = False,
) -> None:
    """Make a product of each received acquisition and offer it to its customer.

    Images over the order's cloud limit are held back while a clearer one may still be taken; when its time is
    over the customer decides on the least cloudy. With --to, credentials come from AWS_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY and AWS_REGION; what is there already is not sent again.
    """
    if max_pixels < 10_000:
        raise InputError(f"max pixels {max_pixels} is below 10000: an image needs at least 100 × 100")
    if endpoint is not None and to is None:
        raise InputError("--endpoint says where s3://BUCKET is: add --to")
    objects = None if to is None else _opened(to, endpoint)
    with open_store(db) as store:
        at = time_of(store, now)
        with progress_bar("products") as progress:
            items = make_products(store, folder, now=at, seed=seed, max_pixels=max_pixels, progress=progress)
        held = held_for_clouds(store, at)
        mosaics = []
        if mosaic:
            with progress_bar("mosaics") as progress:
                mosaics = make_mosaics(store, folder, progress=progress)
    published = None
    catalogue = folder / "stac" / "catalog.json"
    if objects is not None and catalogue.is_file():
        with progress_bar(f"to {to}") as progress:
            published = publish(catalogue, objects, progress=progress)
    if json:
        told: dict[str, object] = {"items": items}
        told |= {"mosaics": mosaics} if mosaic else {}
        told |= {"published": published} if to is not None else {}
        print_json(told if len(told) > 1 else items)
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
    for item in items:
        if item.state_reason:
            out.print(f"{item.id}: {item.state_reason}: the customer decides")
    if held:
        out.print(f"held back, over the cloud limit while a clearer one may be taken: {', '.join(held)}")
    for one in mosaics:
        kept = ", as it was" if one.reused else ""
        out.print(f"mosaic of {len(one.parts)} images{kept}: {one.image}", soft_wrap=True)
    if published is not None:
        out.print(
            f"published: {published.catalogue}, {published.items} items; {published.sent} files sent "
            f"({published.bytes_sent / 1e6:,.1f} MB), {published.kept} were there",
            soft_wrap=True,
        )
    if items:
        out.print(
            f"catalogue: {folder / 'stac' / 'catalog.json'}; next: comity accept", style="dim", soft_wrap=True
        )


def _opened(to: str, endpoint: str | None) -> ObjectStore:
    """The store to copy to, asked once whether it will do: before long work begins."""
    from comity.stores import object_store

    objects = object_store(to, endpoint=endpoint)
    objects.check()
    return objects
