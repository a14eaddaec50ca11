"""``comity programme``: check a programme file, show what it declares, start running it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from comity.cli.common import DEFAULT_DB, Db, Now, console, open_store
from comity.core import Epoch, Money, SystemClock
from comity.fleet import Instrument, Programme, Request, Rule, Source, load_programme

app = typer.Typer(help="Check a programme file, or start running it.", no_args_is_help=True)

Which = Annotated[
    str, typer.Argument(metavar="FILE|NAME", help="A TOML file, or an embedded programme's name.")
]


@app.command()
def check(
    programme: Which,
    sources: Annotated[
        bool, typer.Option("--sources", help="Also list every figure of the fleet with its source.")
    ] = False,
    now: Now = None,
) -> None:
    """Check a programme and show what it declares.

    Mistakes name the file, the key, the value and the limit, one a line, and give exit code 2.
    """
    loaded = load_programme(programme)
    oldest = _oldest_elements(loaded, now)
    _show(loaded, sources)
    console().print(oldest)


@app.command()
def use(programme: Which, db: Db = DEFAULT_DB, now: Now = None) -> None:
    """Start running a programme: later commands on this database use it."""
    loaded = load_programme(programme)
    oldest = _oldest_elements(loaded, now)
    with open_store(db, create=True) as store, store.begin() as work:
        work.set_programme(loaded)
    console().print(f"{db} now runs {loaded.id}: {loaded.title}. {oldest}")


def _oldest_elements(programme: Programme, now: str | None) -> str:
    """How old the programme's oldest elements are at ``--now`` (default: its epoch, else the clock)."""
    at = Epoch.from_iso(now) if now else programme.epoch or SystemClock().now()
    age_days = max(elements.age_s(at) for elements in programme.elements.values()) / 86_400
    return f"Oldest orbital elements at {at.iso(0)}: {age_days:.1f} days."


def _show(programme: Programme, sources: bool) -> None:
    out = console()
    out.print(Text(programme.title, style="bold"))
    epoch = programme.epoch.iso(0) if programme.epoch else "follows the clock"
    out.print(f"{programme.id} · epoch {epoch} · prices in {programme.currency}\n")
    out.print(_partners(programme))
    out.print(_fleet(programme))
    out.print(_stations(programme))
    out.print(_products(programme))
    if programme.price_book.rates:
        out.print(_rates(programme))
    out.print(_rules(programme.rules))
    if programme.requests:
        out.print(_requests(programme.requests))
    figures = [figure for owner in _sourced(programme) for figure in owner[1].items()]
    assumed = sum(source.assumed for _, source in figures)
    if sources:
        out.print(_sources(programme))
    elif figures:
        out.print(_assumed(programme))
    out.print(Text("The programme is in order.", style="green"))
    if figures:
        share = f"* {assumed} of {len(figures)} sourced figures are assumed, not published"
        out.print(share + ("." if sources else "; --sources lists each with its source."))


def _table(title: str, *columns: str, right: Iterable[str] = ()) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold cyan", box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left")
    return table


def _partners(programme: Programme) -> Table:
    right = ("share", "spacecraft", "stations")
    table = _table("Partners", "id", "name", "country", "paid in", *right, right=right)
    for partner in programme.partners:
        table.add_row(
            partner.id,
            partner.name,
            partner.country,
            partner.currency,
            _percent(partner.share),
            str(sum(craft.owner == partner.id for craft in programme.spacecraft)),
            str(sum(station.owner == partner.id for station in programme.stations)),
        )
    return table


def _fleet(programme: Programme) -> Table:
    right = ("NORAD", "GSD (m)", "swath (km)", "off-nadir")
    table = _table(
        "Fleet", "spacecraft", "NORAD", "owner", "elements of", "instrument", *right[1:], right=right
    )
    for craft in programme.spacecraft:
        epoch = programme.elements[craft.norad_id].epoch.iso(0)
        first = (craft.name, str(craft.norad_id), craft.owner, epoch[:16].replace("T", " "))
        for number, instrument in enumerate(craft.instruments):
            table.add_row(*(first if number == 0 else ("",) * 4), *_instrument(instrument))
        if not craft.instruments:
            table.add_row(*first, "no imager", "", "", "")
    return table


def _instrument(instrument: Instrument) -> tuple[str, str, str, str]:
    def star(figure: str) -> str:
        source = instrument.sources.get(figure)
        return "*" if source and source.assumed else " "

    fixed = instrument.pointing == "nadir"
    return (
        instrument.id,
        f"{instrument.gsd_m:g}{star('gsd_m')}",
        f"{instrument.swath_m / 1e3:g}{star('swath_m')}",
        "fixed " if fixed else f"{instrument.max_off_nadir_deg:g}°{star('max_off_nadir_deg')}",
    )


def _stations(programme: Programme) -> Table:
    right = ("lon", "lat", "mask", "Mbit/s", "antennas")
    table = _table("Ground stations", "station", "owner", *right, right=right)
    for station in programme.stations:
        table.add_row(
            station.name,
            station.owner,
            f"{station.lon_deg:.2f}",
            f"{station.lat_deg:.2f}",
            f"{station.min_elevation_deg:g}°",
            f"{station.downlink_bps / 1e6:g}",
            str(station.antennas),
        )
    return table


def _products(programme: Programme) -> Table:
    book = programme.price_book
    prices = {price.product: price for price in book.prices}
    split = (
        f"{_percent(book.satellite_part)} to the satellites' owners, {_percent(book.station_part)} to the"
        f" stations', {_percent(book.pool_part)} to all by share"
    )
    right = ("GSD ≤ (m)", "cloud ≤", "price", "at least")
    table = _table("Products and prices", "product", "title", *right, right=right)
    table.caption = f"{book.note}\nRevenue: {split}."
    table.caption_justify = "left"
    for product in programme.products:
        price = prices[product.id]
        table.add_row(
            product.id,
            product.title,
            f"{product.max_gsd_m:g}",
            f"{product.max_cloud:.0%}",
            f"{Money(price.amount, book.currency)} a {'km²' if price.unit == 'km2' else price.unit}",
            str(Money(price.minimum, book.currency)),
        )
    return table


def _rates(programme: Programme) -> Table:
    table = _table("Exchange rates", "rate", "of", "source")
    for rate in programme.price_book.rates:
        table.add_row(f"1 {rate.base} = {rate.rate} {rate.quote}", rate.date, rate.source)
    return table


def _percent(part: Decimal) -> str:
    return f"{float(part * 100):g} %"


def _rules(rules: tuple[Rule, ...]) -> Table:
    table = _table(
        "Licence rules, in order: the first that applies decides", "rule", "owner", "applies to", "effect"
    )
    for rule in rules:
        place = ", ".join(rule.territories) or "any territory"
        stands = {"own": "the customer's own", "foreign": "foreign to the customer", "any": ""}[rule.when]
        who = ", ".join((*rule.customer_kinds, *rule.customer_countries))
        finer = f"finer than {rule.finer_than_m:g} m" if rule.finer_than_m else ""
        words = [place, stands, f"for {who}" if who else "", finer]
        effect = f"coarsen to {rule.coarsen_to_m:g} m" if rule.effect == "coarsen" else rule.effect
        table.add_row(rule.id, rule.partner or "every", ", ".join(word for word in words if word), effect)
    return table


def _requests(requests: tuple[Request, ...]) -> Table:
    right = ("places", "cloud ≤")
    table = _table(
        "Requests that come with it", "request", "customer", "product", *right, "until", right=right
    )
    for request in requests:
        table.add_row(
            request.id,
            request.customer.id,
            request.product.id,
            str(len(request.targets)),
            f"{request.max_cloud:.0%}",
            request.interval.end.iso(0),
        )
    return table


def _sourced(programme: Programme) -> list[tuple[str, Mapping[str, Source]]]:
    """Everything with sourced figures, each kind of instrument once."""
    instruments = {i.id: i.sources for craft in programme.spacecraft for i in craft.instruments}
    return [
        *((f"instrument {id}", found) for id, found in instruments.items()),
        *((f"spacecraft {craft.id}", craft.sources) for craft in programme.spacecraft),
        *((f"station {station.id}", station.sources) for station in programme.stations),
    ]


def _assumed(programme: Programme) -> Table:
    """What is assumed, objects with the same assumed figures on one line."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, found in _sourced(programme):
        figures = tuple(figure for figure, source in found.items() if source.assumed)
        if figures:
            groups.setdefault(figures, []).append(name.partition(" ")[2])
    table = _table("Assumed figures", "of", "figures")
    for figures, names in groups.items():
        table.add_row(", ".join(names), ", ".join(figures))
    return table


def _sources(programme: Programme) -> Table:
    """Every figure with its source; figures of one object from one source on one line."""
    table = _table("Figures and their sources", "of", "figures", "source")
    for name, found in _sourced(programme):
        groups: dict[Source, list[str]] = {}
        for figure, source in found.items():
            groups.setdefault(source, []).append(figure)
        for number, (source, figures) in enumerate(groups.items()):
            stars = "*" if source.assumed else ""
            table.add_row(name if number == 0 else "", ", ".join(figures) + stars, source.text)
    return table
