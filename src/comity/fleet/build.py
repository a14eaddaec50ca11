"""From checked tables to the programme's domain types: units, sources and places resolved."""

from __future__ import annotations

from collections.abc import Mapping

from comity.core import ComityError, InputError, Interval
from comity.fleet import products as p
from comity.fleet import targets as places
from comity.fleet.antimeridian import bounding_box
from comity.fleet.assets import GroundStation, Instrument, Partner, Source, Spacecraft
from comity.fleet.checks import ASSUMED, NOT_FIGURES, Tables
from comity.fleet.horizon import HorizonMask
from comity.fleet.problems import Problems
from comity.fleet.programme import Programme
from comity.fleet.schema import InstrumentTable, RequestTable, Sourced, StationTable, TargetTable
from comity.orbits import MeanElements

#: Key of the file → (field of the domain type, factor to its unit).
_UNITS = {
    "swath_km": ("swath_m", 1e3),
    "min_swath_km": ("min_swath_m", 1e3),
    "reference_altitude_km": ("reference_altitude_m", 1e3),
    "data_rate_mbps": ("data_rate_bps", 1e6),
    "memory_gbit": ("memory_bits", 1e9),
    "downlink_mbps": ("downlink_bps", 1e6),
    "horizon_mask_deg": ("horizon", 1.0),
}


def build(
    tables: Tables,
    elements: Mapping[int, MeanElements],
    text: str,
    problems: Problems,
    *,
    requests: bool = True,
) -> Programme | None:
    """The programme; mistakes in its requests' places are noted, and any mistake at all gives None."""
    places_of = _requests_places(tables, problems) if requests else {}
    if problems.any or tables.price_book is None:
        return None
    top = tables.top
    instruments = {item.id: _instrument(item, top.citations) for item in tables.instruments}
    platforms = {item.id: item for item in tables.platforms}
    customers = tuple(
        p.Customer(
            id=c.id, name=c.name, country=c.country, kind=c.kind, currency=c.currency, exclusive=c.exclusive
        )
        for c in tables.customers
    )
    products = tuple(
        p.Product(
            id=item.id,
            title=item.title,
            description=item.description,
            service=item.service,
            max_gsd_m=item.max_gsd_m,
            min_swath_m=item.min_swath_km * 1e3,
            max_off_nadir_deg=item.max_off_nadir_deg,
            min_sun_elevation_deg=item.min_sun_elevation_deg,
            max_cloud=item.max_cloud,
            bands=tuple(item.bands),
            repeat_s=None if item.repeat_hours is None else item.repeat_hours * 3600.0,
        )
        for item in tables.products
    )
    spacecraft = []
    for craft in tables.spacecraft:
        bus = platforms[craft.platform]
        spacecraft.append(
            Spacecraft(
                id=craft.id,
                name=craft.name,
                norad_id=craft.norad_id,
                owner=craft.owner,
                instruments=tuple(instruments[name] for name in craft.instruments),
                slew_rate_deg_s=bus.slew_rate_deg_s,
                slew_acceleration_deg_s2=bus.slew_acceleration_deg_s2,
                settle_s=bus.settle_s,
                memory_bits=bus.memory_gbit * 1e9,
                downlink_bps=bus.downlink_mbps * 1e6,
                sources=_sources(bus, top.citations),
                note=craft.note,
            )
        )
    return Programme(
        id=top.id,
        title=top.title,
        epoch=top.epoch,
        currency=top.currency,
        partners=tuple(
            Partner(id=x.id, name=x.name, country=x.country, currency=x.currency, share=x.share)
            for x in tables.partners
        ),
        spacecraft=tuple(spacecraft),
        stations=tuple(_station(item, top.citations) for item in tables.stations),
        products=products,
        customers=customers,
        price_book=_price_book(tables),
        rules=tuple(
            p.Rule(
                id=r.id,
                title=r.title,
                partner=r.partner,
                territories=tuple(r.territories),
                when=r.when,
                customer_kinds=tuple(r.customer_kinds),
                customer_countries=tuple(r.customer_countries),
                finer_than_m=r.finer_than_m,
                effect=r.effect,
                coarsen_to_m=r.coarsen_to_m,
                reason=r.reason,
                source=r.source,
            )
            for r in tables.rules
        ),
        elements={craft.norad_id: elements[craft.norad_id] for craft in tables.spacecraft},
        requests=tuple(
            _request(
                item, places_of[item.id], tables, {c.id: c for c in customers}, {x.id: x for x in products}
            )
            for item in tables.requests
            if item.id in places_of
        ),
        text=text,
    )


def _sources(item: Sourced, citations: Mapping[str, str]) -> dict[str, Source]:
    """Source of every figure that has one, under the figure's name in the domain type."""
    found = {}
    for key in type(item).model_fields:
        text = item.sources.get(key, item.source)
        if key in NOT_FIGURES or text is None or getattr(item, key) is None:
            continue
        field = _UNITS.get(key, (key, 1.0))[0]
        found[field] = Source(text=citations.get(text, text), assumed=text.startswith(ASSUMED))
    return found


def _instrument(item: InstrumentTable, citations: Mapping[str, str]) -> Instrument:
    return Instrument(
        id=item.id,
        name=item.name,
        gsd_m=item.gsd_m,
        ms_gsd_m=item.ms_gsd_m,
        swath_m=item.swath_km * 1e3,
        max_off_nadir_deg=item.max_off_nadir_deg,
        reference_altitude_m=item.reference_altitude_km * 1e3,
        bands=tuple(item.bands),
        bits_per_sample=item.bits_per_sample,
        data_rate_bps=item.data_rate_mbps * 1e6,
        pointing=item.pointing,
        sources=_sources(item, citations),
    )


def _station(item: StationTable, citations: Mapping[str, str]) -> GroundStation:
    return GroundStation(
        id=item.id,
        name=item.name,
        owner=item.owner,
        lon_deg=item.lon_deg,
        lat_deg=item.lat_deg,
        altitude_m=item.altitude_m,
        min_elevation_deg=item.min_elevation_deg,
        downlink_bps=item.downlink_mbps * 1e6,
        antennas=item.antennas,
        horizon=None
        if item.horizon_mask_deg is None
        else HorizonMask(tuple((azimuth, elevation) for azimuth, elevation in item.horizon_mask_deg)),
        sources=_sources(item, citations),
    )


def _price_book(tables: Tables) -> p.PriceBook:
    book = tables.price_book
    assert book is not None
    return p.PriceBook(
        currency=book.currency or tables.top.currency,
        prices=tuple(
            p.Price(
                product=x.product,
                unit=x.unit,
                amount=x.amount,
                minimum=x.minimum,
                strict_cloud_surcharge=x.strict_cloud_surcharge,
            )
            for x in tables.prices
        ),
        rates=tuple(
            p.ExchangeRate(base=x.base, quote=x.quote, rate=x.rate, date=x.date, source=x.source)
            for x in tables.rates
        ),
        satellite_part=book.satellite_part,
        station_part=book.station_part,
        pool_part=book.pool_part,
        strict_cloud_below=book.strict_cloud_below,
        quote_valid_s=book.quote_valid_hours * 3600.0,
        note=book.note,
        archive=tuple(
            p.ArchivePrice(
                product=x.product,
                owners=tuple(x.owners),
                unit=x.unit,
                amount=x.amount,
                minimum=x.minimum,
                embargo_s=x.embargo_days * 86_400.0,
                source=tables.top.citations.get(x.source, x.source),
            )
            for x in tables.archive
        ),
    )


def _request(
    item: RequestTable,
    targets: tuple[p.Target, ...],
    tables: Tables,
    customers: Mapping[str, p.Customer],
    products: Mapping[str, p.Product],
) -> p.Request:
    product = products[item.product]
    start = item.start or tables.top.epoch
    assert start is not None
    end = item.end if item.end is not None else start + float(item.days or 0.0) * 86_400.0

    def tighter(own: float | None, promised: float) -> float:
        return promised if own is None else min(own, promised)

    sun = item.min_sun_elevation_deg
    return p.Request(
        id=item.id,
        customer=customers[item.customer],
        product=product,
        targets=targets,
        interval=Interval(start, end),
        max_cloud=product.max_cloud if item.max_cloud is None else item.max_cloud,
        max_gsd_m=tighter(item.max_gsd_m, product.max_gsd_m),
        max_off_nadir_deg=tighter(item.max_off_nadir_deg, product.max_off_nadir_deg),
        min_sun_elevation_deg=product.min_sun_elevation_deg
        if sun is None
        else max(sun, product.min_sun_elevation_deg),
        created=item.created or start,
    )


def _requests_places(tables: Tables, problems: Problems) -> dict[str, tuple[p.Target, ...]]:
    """Targets of every request; ids are unique in the programme: ``REQUEST-PLACE``."""
    found: dict[str, tuple[p.Target, ...]] = {}
    for request in tables.requests:
        key = f"requests.{request.id}"
        targets: list[p.Target] = []
        for number, table in enumerate(request.targets, 1):
            path = f"{key}.targets[{number}]"
            place = problems.read(TargetTable, table, path)
            if place is None:
                continue
            try:
                targets += _places(place)
            except ComityError as error:
                problems.add(path, str(error))
        found[request.id] = places.unique_ids(targets, f"{request.id}-")
    return found


def _places(place: TargetTable) -> tuple[p.Target, ...]:
    given = [k for k in ("point", "territory", "band_of", "bbox", "polygon") if getattr(place, k) is not None]
    if len(given) != 1:
        has = " and ".join(given) or "none"
        raise InputError(f"give one of point, territory, band_of, bbox or polygon, not {has}")
    if (place.band_of is None) != (place.width_km is None):
        raise InputError("band_of and width_km go together")
    if place.point is not None:
        return (places.point_target(place.point[0], place.point[1], place.name),)
    if place.territory is not None:
        return (places.territory_target(place.territory),)
    if place.band_of is not None and place.width_km is not None:
        return places.band_targets(place.band_of, place.width_km * 1e3, inside=place.inside)
    name = place.name or "area"
    if place.bbox is not None:
        west, south, east, north = place.bbox
        return (places.area_target(bounding_box(west, south, east, north, name), name),)
    return (places.outline_target(place.polygon or [], name),)
