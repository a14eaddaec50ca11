"""``comity request``: what customers want."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from comity.cli.common import DEFAULT_DB, Db, Json, Now, console, open_store, print_json, time_of
from comity.cli.places import targets_of
from comity.core import Epoch, Interval
from comity.fleet import load_programme
from comity.operations import add_request

app = typer.Typer(help="What customers want.", no_args_is_help=True)


@app.command("add")
def add(
    customer: Annotated[str, typer.Option(help="Customer's id in the programme.")],
    product: Annotated[str, typer.Option(help="Product's id in the programme.")],
    start: Annotated[str | None, typer.Option(help="First instant (ISO 8601 UTC); default: now.")] = None,
    end: Annotated[str | None, typer.Option(help="Last instant; default: 7 days after the start.")] = None,
    point: Annotated[list[str] | None, typer.Option(help="[NAME=]LON,LAT; may be repeated.")] = None,
    area: Annotated[list[Path] | None, typer.Option(help="GeoJSON file; may be repeated.")] = None,
    country: Annotated[list[str] | None, typer.Option(help="Territory's code or name; repeatable.")] = None,
    max_cloud: Annotated[float | None, typer.Option(help="Cloud limit, 0…1.")] = None,
    max_gsd_m: Annotated[float | None, typer.Option(help="Coarsest GSD accepted (m).")] = None,
    max_off_nadir_deg: Annotated[float | None, typer.Option(help="Largest off-nadir angle.")] = None,
    min_sun_elevation_deg: Annotated[float | None, typer.Option(help="Lowest sun at the target.")] = None,
    programme: Annotated[
        str | None, typer.Option(help="Programme (file or embedded name) to start running first.")
    ] = None,
    db: Db = DEFAULT_DB,
    now: Now = None,
    json: Json = False,
) -> None:
    """Add a request; prints its id."""
    targets = targets_of(area or [], country or [], point or [])
    with open_store(db, create=programme is not None) as store:
        if programme is not None:
            loaded = load_programme(programme)
            with store.begin() as work:
                work.set_programme(loaded)
        at = time_of(store, now)
        first = Epoch.from_iso(start) if start else at
        request = add_request(
            store,
            customer=customer,
            product=product,
            targets=targets,
            interval=Interval(first, Epoch.from_iso(end) if end else first + 7 * 86_400),
            now=at,
            max_cloud=max_cloud,
            max_gsd_m=max_gsd_m,
            max_off_nadir_deg=max_off_nadir_deg,
            min_sun_elevation_deg=min_sun_elevation_deg,
        )
    if json:
        print_json(request)
        return
    out = console()
    out.print(f"{request.id}: {request.product.title} for {request.customer.name}")
    for target in request.targets:
        out.print(f"  {target.id}: {target.name} ({target.territory or 'at sea'})")
    out.print(f"  {request.interval.iso()}, cloud ≤ {request.max_cloud:.0%}, GSD ≤ {request.max_gsd_m:g} m")
    out.print(f"next: comity quote {request.id}", style="dim")


@app.command("list")
def list_requests(db: Db = DEFAULT_DB, now: Now = None, json: Json = False) -> None:
    """List all requests; with --now those that were there by then."""
    with open_store(db) as store, store.read() as work:
        requests = work.requests.all()
    if now is not None:
        at = Epoch.from_iso(now)
        requests = [request for request in requests if request.created <= at]
    if json:
        print_json(requests)
        return
    table = Table("request", "customer", "product", "targets", "from", "to")
    for r in requests:
        table.add_row(
            r.id,
            r.customer.name,
            r.product.id,
            str(len(r.targets)),
            r.interval.start.iso(0),
            r.interval.end.iso(0),
        )
    console().print(table)
