"""``comity archive``: the index of what was delivered, and what of it is for sale again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from comity.core import InputError, encode

if TYPE_CHECKING:
    from comity.operations.filters import Node

app = typer.Typer(
    help="Keep the archive's index; search, price and order what is for sale.", no_args_is_help=True
)
Out = Annotated[Path, typer.Option("--out", help="Folder of the catalogue.")]
Buyer = Annotated[str, typer.Option("--customer", help="Who buys: a customer of the programme.")]
_OUT = Path("delivery")


@app.callback()
def archive() -> None:
    """Keep the archive's index of what was delivered; search, price and order what of it is for sale."""


@app.command()
def index(folder: Out = _OUT, db: Db = DEFAULT_DB, now: Now = None, json: Json = False) -> None:
    """Make the index anew from the delivered Items, whole or not at all.

    Every delivery keeps it up to date by itself; this is for a database older than the index, or files that
    were changed by hand. Where the database is PostgreSQL and has PostGIS, or lets it be made, geometries are
    kept with it from then on.
    """
    from comity.operations.archiving import rebuild_index

    with open_store(db) as store:
        postgis = store.use_postgis()
        items = rebuild_index(store, folder, now=time_of(store, now))
    if json:
        print_json({"items": items, "postgis": postgis})
    else:
        console().print(f"{items} items indexed{', with PostGIS' if postgis else ''}")


@app.command()
def search(
    customer: Buyer,
    bbox: Annotated[str | None, typer.Option(help="west,south,east,north in degrees.")] = None,
    product: Annotated[str | None, typer.Option(help="Only images of this product.")] = None,
    filter: Annotated[str | None, typer.Option(help="CQL2 text, e.g. 'eo:cloud_cover < 10'.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Most images shown.")] = 20,
    db: Db = DEFAULT_DB,
    now: Now = None,
    json: Json = False,
) -> None:
    """What of the archive a customer may buy, newest first."""
    from comity.operations.archive import Search
    from comity.operations.archive_sales import SHELF, Shelf, list_for_sale
    from comity.operations.literals import bbox_of

    area = None
    if bbox is not None:
        try:
            area = bbox_of([float(one) for one in bbox.split(",")])
        except ValueError as error:
            raise InputError(f"bbox {bbox!r}: give west,south,east,north in degrees") from error
    with open_store(db) as store:
        at = time_of(store, now)
        list_for_sale(store, now=at)
        with store.read() as work:
            programme = work.programme()
        buyer = programme.customer(customer)
        found = store.archive.search(
            Search(
                owner=SHELF,
                offers=Shelf().offers(programme, buyer, store.archive.lots(), at),
                collections=None if product is None else (programme.product(product).id,),
                area=area,
                filter=None if filter is None else _filter(filter),
                limit=limit,
            )
        ).items
    if json:
        print_json([{**one.item.document, "collection": one.item.collection} for one in found])
        return
    table = Table("image", "product", "taken", "by", "GSD", "cloud")
    for one in found:
        told = one.item.document["properties"]
        table.add_row(
            one.item.id, one.item.collection, told["datetime"][:16], told["platform"],
            f"{told['gsd']:g} m", f"{told['eo:cloud_cover']:g} %",
        )  # fmt: skip
    console().print(table if found else "nothing of the archive is for sale to them there")


@app.command()
def quote(
    image: Annotated[str, typer.Argument(help="An image of 'comity archive search'.")],
    customer: Buyer,
    db: Db = DEFAULT_DB,
    now: Now = None,
    json: Json = False,
) -> None:
    """Price an image of the archive; prints the quote's id."""
    from comity.cli.quote import show_quote
    from comity.operations.archive import Search
    from comity.operations.archive_orders import quote_archived
    from comity.operations.archive_sales import SHELF, Shelf, list_for_sale

    with open_store(db) as store:
        at = time_of(store, now)
        list_for_sale(store, now=at)
        with store.read() as work:
            programme = work.programme()
        everything = Shelf().offers(programme, None, store.archive.lots(), at)
        found = store.archive.search(Search(owner=SHELF, offers=everything, ids=(image,))).items
        if not found:
            raise InputError(f"no image {image!r} is for sale: 'comity archive search' lists them")
        made = quote_archived(store, found[0], customer=customer, now=at)
    if json:
        print_json({**encode(made), "total": made.total, "orderable": made.orderable})
    else:
        show_quote(made, order="comity archive order")


@app.command()
def order(
    quote: Annotated[str, typer.Argument(help="A quote of 'comity archive quote'.")],
    folder: Out = _OUT,
    max_pixels: Annotated[int, typer.Option(min=1, help="Most pixels of the image.")] = 20_000_000,
    db: Db = DEFAULT_DB,
    now: Now = None,
    json: Json = False,
) -> None:
    """Order a quote of the archive and deliver it at once; prints the order's id and the item's."""
    from comity.operations import place_order
    from comity.operations.archive_orders import deliver_archived

    with open_store(db) as store, progress_bar("delivery") as progress:
        at = time_of(store, now)
        with store.read() as work:
            if work.requests.get(work.quotes.get(quote).request).acquisition is None:
                raise InputError(f"{quote} is not of the archive: order it with 'comity order'")
        placed = place_order(store, quote, now=at)
        items = deliver_archived(
            store, folder, now=at, order=placed.id, max_pixels=max_pixels, progress=progress
        )
    if json:
        print_json({"order": placed.id, "items": [one.id for one in items]})
        return
    out = console()
    for one in items:
        out.print(f"{placed.id}: {one.id} is at {folder / one.path}")
    out.print(f"next: comity accept --order {placed.id}", style="dim")


def _filter(text: str) -> Node:
    import cql2

    from comity.operations.filter_reading import filter_of

    try:
        return filter_of(cql2.parse_text(text).to_json())
    except (cql2.ParseError, cql2.ValidationError, ValueError, RecursionError) as error:
        raise InputError(f"filter is no CQL2 text: {' '.join(str(error).split())[:200]}") from error
