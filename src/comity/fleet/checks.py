"""What only several tables of a programme file together can show to be wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from comity.fleet.problems import Problems
from comity.fleet.schema import (
    ArchivePriceTable,
    CustomerTable,
    InstrumentTable,
    PartnerTable,
    PlatformTable,
    PriceBookTable,
    PriceTable,
    ProductTable,
    ProgrammeTable,
    RateTable,
    RequestTable,
    RuleTable,
    Sourced,
    SpacecraftTable,
    StationTable,
)

#: Kinds of ``source`` text: these begin a figure that we made up and say so.
ASSUMED = "assumed"
#: Keys of a sourced table that are no figures.
NOT_FIGURES = ("id", "name", "owner", "pointing", "source", "sources")


@dataclass(slots=True, kw_only=True)
class Tables:
    """All tables of a file that are right by themselves, and the ids that were given at all."""

    top: ProgrammeTable
    partners: list[PartnerTable]
    instruments: list[InstrumentTable]
    platforms: list[PlatformTable]
    spacecraft: list[SpacecraftTable]
    stations: list[StationTable]
    products: list[ProductTable]
    customers: list[CustomerTable]
    price_book: PriceBookTable | None
    prices: list[PriceTable] = field(default_factory=list)
    rates: list[RateTable] = field(default_factory=list)
    archive: list[ArchivePriceTable] = field(default_factory=list)
    rules: list[RuleTable]
    requests: list[RequestTable]

    def ids(self, key: str) -> list[str]:
        """Ids written under ``key``, also of tables that have other mistakes."""
        return [t["id"] for t in getattr(self.top, key) if isinstance(t.get("id"), str)]


def check_together(tables: Tables, problems: Problems) -> None:
    """Note every reference to nothing, every sum that is not 1 and every limit that two keys share."""
    _partners(tables, problems)
    _spacecraft(tables, problems)
    _figures(tables, problems)
    _products(tables, problems)
    _prices(tables, problems)
    _archive(tables, problems)
    _rules(tables, problems)
    _requests(tables, problems)


def _partners(tables: Tables, problems: Problems) -> None:
    if len(tables.partners) < len(tables.top.partners):
        return  # a share that could not be read would make the sum wrong twice
    total = sum((partner.share for partner in tables.partners), Decimal(0))
    if total != 1:
        parts = " + ".join(f"{p.share:f}" for p in tables.partners)
        problems.add("partners.share", f"the shares sum to {total:f}, not 1 ({parts})")


def _spacecraft(tables: Tables, problems: Problems) -> None:
    partners, platforms = tables.ids("partners"), tables.ids("platforms")
    instruments = tables.ids("instruments")
    by_number: dict[int, str] = {}
    for craft in tables.spacecraft:
        key = f"spacecraft.{craft.id}"
        problems.known(f"{key}.owner", craft.owner, "partner", partners, ": a satellite that nobody owns")
        problems.known(f"{key}.platform", craft.platform, "platform", platforms)
        for name in craft.instruments:
            problems.known(f"{key}.instruments", name, "instrument", instruments)
        for name in {n for n in craft.instruments if craft.instruments.count(n) > 1}:
            problems.add(f"{key}.instruments", "the same instrument is listed twice", name)
        first = by_number.setdefault(craft.norad_id, craft.id)
        if first != craft.id:
            problems.add(f"{key}.norad_id", f"{first} has this number too", craft.norad_id)
    for station in tables.stations:
        key = f"stations.{station.id}.owner"
        problems.known(key, station.owner, "partner", partners, ": a station that nobody owns")
    _flown(tables, problems)


def _flown(tables: Tables, problems: Problems) -> None:
    used = {name for craft in tables.spacecraft for name in craft.instruments}
    if len(tables.spacecraft) == len(tables.top.spacecraft):
        for item in tables.instruments:
            if item.id not in used:
                problems.add(
                    f"instruments.{item.id}", "no spacecraft carries it: remove it, or list it there"
                )
    for item in tables.instruments:
        if item.pointing == "nadir" and item.max_off_nadir_deg > 0:
            problems.add(
                f"instruments.{item.id}.max_off_nadir_deg",
                'must be 0 for pointing = "nadir", whose field of view is fixed',
                item.max_off_nadir_deg,
            )


def _figures(tables: Tables, problems: Problems) -> None:
    groups: Sequence[tuple[str, Sequence[Sourced]]] = (
        ("instruments", tables.instruments),
        ("platforms", tables.platforms),
        ("stations", tables.stations),
    )
    for group, items in groups:
        for item in items:
            key = f"{group}.{getattr(item, 'id', '')}"
            for figure, text in item.sources.items():
                known = [name for name in type(item).model_fields if name not in NOT_FIGURES]
                problems.known(f"{key}.sources", figure, "figure", known)
                _citation(tables, problems, f"{key}.sources.{figure}", text)
            if item.source:
                _citation(tables, problems, f"{key}.source", item.source)


def _citation(tables: Tables, problems: Problems, key: str, text: str) -> None:
    # A word on its own is meant as the key of a citation; prose cites for itself.
    if " " not in text and text != ASSUMED:
        problems.known(key, text, "citation", tables.top.citations)


def _products(tables: Tables, problems: Problems) -> None:
    if len(tables.instruments) < len(tables.top.instruments):
        return
    for product in tables.products:
        fit = [
            item
            for item in tables.instruments
            if item.gsd_m <= product.max_gsd_m
            and item.swath_km >= product.min_swath_km
            and set(product.bands) <= set(item.bands)
        ]
        if not fit:
            wide = f", swath ≥ {product.min_swath_km:g} km" if product.min_swath_km else ""
            wanted = f"GSD ≤ {product.max_gsd_m:g} m{wide}, bands {', '.join(product.bands)}"
            problems.add(f"products.{product.id}", f"no instrument of the pool can make it: {wanted}")


def _prices(tables: Tables, problems: Problems) -> None:
    book = tables.price_book
    if book is None:
        return
    total = book.satellite_part + book.station_part + book.pool_part
    if total != 1:
        parts = f"{book.satellite_part:f} + {book.station_part:f} + {book.pool_part:f}"
        problems.add(
            "price_book", f"satellite_part, station_part and pool_part sum to {total:f}, not 1 ({parts})"
        )
    currency = book.currency or tables.top.currency
    if currency != tables.top.currency:
        problems.add("price_book.currency", f"the programme's currency is {tables.top.currency}", currency)
    products = tables.ids("products")
    seen: set[str] = set()
    for price in tables.prices:
        key = f"price_book.prices.{price.product}"
        problems.known(f"{key}.product", price.product, "product", products)
        if price.product in seen:
            problems.add(key, "the product is priced twice")
        seen.add(price.product)
        if price.currency not in (None, currency):
            problems.add(
                f"{key}.currency", f"the price book is in {currency}: give the amount in it", price.currency
            )
    if len(tables.prices) == len(book.prices):
        for product in products:
            if product not in seen:
                problems.add(f"products.{product}", "has no price in price_book.prices")
    _rates(tables, currency, problems)


def _archive(tables: Tables, problems: Problems) -> None:
    """What is sold again names products and owners that are, each pair once."""
    products, partners = tables.ids("products"), tables.ids("partners")
    seen: set[tuple[str, str]] = set()
    for price in tables.archive:
        key = f"price_book.archive.{price.product}"
        problems.known(f"{key}.product", price.product, "product", products)
        _citation(tables, problems, f"{key}.source", price.source)
        for owner in price.owners:
            problems.known(f"{key}.owners", owner, "partner", partners)
        pairs = {(price.product, owner) for owner in price.owners or partners}
        for _, owner in sorted(pairs & seen):
            problems.add(f"{key}.owners", "the product of this owner is priced twice", owner)
        seen |= pairs


def _rates(tables: Tables, currency: str, problems: Problems) -> None:
    book = tables.price_book
    if book is None or len(tables.rates) < len(book.rates):
        return
    reach = {rate.quote for rate in tables.rates if rate.base == currency}
    reach |= {rate.base for rate in tables.rates if rate.quote == currency} | {currency}
    for group, items in (("partners", tables.partners), ("customers", tables.customers)):
        for item in items:
            if item.currency not in reach:
                problems.add(
                    f"{group}.{item.id}.currency",
                    f"price_book.rates has no rate between {currency} and {item.currency}",
                    item.currency,
                )


def _rules(tables: Tables, problems: Problems) -> None:
    partners = tables.ids("partners")
    for rule in tables.rules:
        key = f"rules.{rule.id}"
        if rule.partner is not None:
            problems.known(f"{key}.partner", rule.partner, "partner", partners)
        if (rule.effect == "coarsen") != (rule.coarsen_to_m is not None):
            wanted = (
                "is missing: coarsen to what?"
                if rule.effect == "coarsen"
                else f"has no place where effect is {rule.effect!r}"
            )
            problems.add(f"{key}.coarsen_to_m", wanted)
        if rule.coarsen_to_m and rule.finer_than_m and rule.coarsen_to_m < rule.finer_than_m:
            problems.add(
                f"{key}.coarsen_to_m",
                f"must be at least finer_than_m ({rule.finer_than_m:g}), or the result breaks the rule again",
                rule.coarsen_to_m,
            )


def _requests(tables: Tables, problems: Problems) -> None:
    customers, products = tables.ids("customers"), tables.ids("products")
    offered = {product.id: product for product in tables.products}
    for request in tables.requests:
        key = f"requests.{request.id}"
        problems.known(f"{key}.customer", request.customer, "customer", customers)
        problems.known(f"{key}.product", request.product, "product", products)
        product = offered.get(request.product)
        if product and request.max_gsd_m is not None and request.max_gsd_m > product.max_gsd_m:
            problems.add(
                f"{key}.max_gsd_m",
                f"{product.id} promises {product.max_gsd_m:g} m or finer; a request can only ask for less",
                request.max_gsd_m,
            )
        if request.end is not None and request.days is not None:
            problems.add(f"{key}.days", "give either end or days, not both", request.days)
        if request.end is None and request.days is None:
            problems.add(f"{key}.end", "is missing: give end, or days after the start")
        start = request.start or tables.top.epoch
        if start is None:
            problems.add(f"{key}.start", "is missing, and the programme has no epoch to start from")
        elif request.end is not None and request.end <= start:
            problems.add(f"{key}.end", f"is not after the start, {start.iso(0)}", request.end.iso(0))
