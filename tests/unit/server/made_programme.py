"""The programme and requests of the made-up account that tests of the report look at.

Spacecraft fly on plausible sun-synchronous elements. Some names are hostile on purpose.
"""

from __future__ import annotations

from decimal import Decimal

from shapely.geometry import Point

from comity.core import Epoch, Interval
from comity.fleet import (
    Customer,
    ExchangeRate,
    GroundStation,
    Instrument,
    Partner,
    Price,
    PriceBook,
    Product,
    Programme,
    Request,
    Rule,
    Source,
    Spacecraft,
    Target,
    border_band,
    territory,
)
from comity.orbits import MeanElements

NOW = Epoch.from_iso("2024-09-22T00:00:00Z")
WEEK = Interval(NOW, NOW + 7 * 86_400)
#: A customer that tries to break out of the page.
HOSTILE = '<script>document.title="broken"</script> & "Söhne" \'GmbH\''
HOSTILE_CITY = "Nairobi</title><img src=x onerror=alert(1)>"
CAPITALS = {
    "Cairo": (31.24, 30.04),
    "Pretoria": (28.19, -25.75),
    "Moscow": (37.62, 55.75),
    "Beijing": (116.39, 39.91),
    "Brasília": (-47.88, -15.79),
    "Ottawa": (-75.70, 45.42),
    "Canberra": (149.13, -35.28),
    "Suva": (178.44, -18.14),
}

_SOURCE = Source(text="a published table")
_OURS = Source(text="no published value was found", assumed=True)


def programme() -> Programme:
    """Three partners, five spacecraft, three stations, three products, two licence rules."""
    partners = tuple(
        Partner(id=id, name=name, country=country, currency=currency, share=Decimal(share))
        for id, name, country, currency, share in (
            ("north", "Northern Space Agency", "RUS", "RUB", "0.5"),
            ("east", "Eastern Imaging Corporation", "CHN", "CNY", "0.3"),
            ("south", "Southern Earth Observatory", "ZAF", "ZAR", "0.2"),
        )
    )
    crafts, elements = [], {}
    fine = ("north", "north", "north", "east", "east")
    for k, owner in enumerate(fine):
        name, norad = f"Sight-{k + 1}", 40_001 + k
        instrument = Instrument(
            id="pan",
            name="PAN",
            gsd_m=(0.7, 2.1, 2.1, 0.8, 60.0)[k],
            swath_m=(38e3, 23e3, 23e3, 45e3, 900e3)[k],
            max_off_nadir_deg=45.0,
            reference_altitude_m=505e3,
            bands=("pan", "red"),
            bits_per_sample=10,
            data_rate_bps=6e8,
            pointing="agile",
            sources={"gsd_m": _SOURCE, "data_rate_bps": _OURS},
        )
        crafts.append(
            Spacecraft(
                id=f"sight-{k + 1}",
                name=name,
                norad_id=norad,
                owner=owner,
                instruments=(instrument,),
                slew_rate_deg_s=1.0,
                slew_acceleration_deg_s2=0.1,
                settle_s=10.0,
                memory_bits=1e12,
                downlink_bps=1.2e8,
                sources={"memory_bits": _OURS},
            )
        )
        elements[norad] = MeanElements(
            name=name,
            norad_id=norad,
            cospar_id=f"2020-00{k + 1}A",
            epoch=NOW + -7_200.0 * (k + 1),
            mean_motion=15.2 - 0.1 * k,
            eccentricity=0.001,
            inclination_deg=97.6,
            raan_deg=30.0 + 40.0 * k,
            arg_of_perigee_deg=90.0,
            mean_anomaly_deg=50.0 * k,
            bstar=1e-4,
            mean_motion_dot=0.0,
            mean_motion_ddot=0.0,
            source="made up for tests",
        )
    stations = tuple(
        GroundStation(
            id=id,
            name=name,
            owner=owner,
            lon_deg=lon,
            lat_deg=lat,
            altitude_m=100.0,
            min_elevation_deg=5.0,
            downlink_bps=3e8,
            antennas=1,
            sources={"lon_deg": _SOURCE},
        )
        for id, name, owner, lon, lat in (
            ("moscow", "Moscow", "north", 37.5, 55.9),
            ("sanya", "Sanya", "east", 109.3, 18.3),
            ("hart", "Hartebeesthoek", "south", 27.7, -25.9),
        )
    )
    products = tuple(
        Product(
            id=id,
            title=title,
            description=title,
            service="imaging",
            max_gsd_m=gsd,
            min_swath_m=0.0,
            max_off_nadir_deg=40.0,
            min_sun_elevation_deg=10.0,
            max_cloud=0.2,
            bands=("red",),
        )
        for id, title, gsd in (("area", "Area coverage", 3.0), ("scene", "Single scene", 3.0))
    )
    customers = (
        Customer(
            id="ministry", name="Ministry of Infrastructure", country="DJI", kind="government", currency="DJF"
        ),
        Customer(
            id="museum", name="Museum of Capitals", country="FRA", kind="public-service", currency="EUR"
        ),
        Customer(id="firm", name=HOSTILE, country="DEU", kind="commercial", currency="EUR"),
    )
    book = PriceBook(
        currency="EUR",
        prices=(
            Price(
                product="area",
                unit="km2",
                amount=Decimal("1.20"),
                minimum=Decimal(500),
                strict_cloud_surcharge=Decimal("0.25"),
            ),
            Price(
                product="scene",
                unit="scene",
                amount=Decimal(900),
                minimum=Decimal(500),
                strict_cloud_surcharge=Decimal(0),
            ),
        ),
        rates=tuple(
            ExchangeRate(
                base="EUR", quote=quote, rate=Decimal(rate), date="2024-09-20", source="a central bank"
            )
            for quote, rate in (("RUB", "103.25"), ("CNY", "7.8667"), ("ZAR", "19.4653"), ("DJF", "198.29"))
        ),
        satellite_part=Decimal("0.6"),
        station_part=Decimal("0.2"),
        pool_part=Decimal("0.2"),
        strict_cloud_below=0.25,
        quote_valid_s=30 * 86_400.0,
        note="Prices are illustrative: made for this example, nobody's offer.",
    )
    rules = tuple(
        Rule(
            id=id,
            title=title,
            partner=partner,
            territories=(),
            when="foreign",
            customer_kinds=("government",),
            customer_countries=(),
            finer_than_m=limit,
            effect=effect,
            coarsen_to_m=to,
            reason=reason,
            source="example rule",
        )
        for id, title, partner, limit, effect, to, reason in (
            (
                "fine-abroad",
                "Fine images of other territories",
                "north",
                2.5,
                "refuse",
                None,
                "the state imaged has not consented",
            ),
            (
                "coarse-abroad",
                "Coarse images only",
                "east",
                2.5,
                "coarsen",
                10.0,
                "no finer than 10 m without consent",
            ),
        )
    )
    return Programme(
        id="test-eo",
        title="Joint test programme",
        epoch=NOW,
        currency="EUR",
        partners=partners,
        spacecraft=tuple(crafts),
        stations=stations,
        products=products,
        customers=customers,
        price_book=book,
        rules=rules,
        elements=elements,
        requests=(),
        text="",
    )


def requests(owned: Programme) -> tuple[Request, ...]:
    """A territory with the bands around it, eight capitals, one city for a hostile name."""
    home = territory("DJI")
    bands = [
        Target(
            id=f"band-{id.lower()}",
            name=f"{territory(id).name}, 25 km band",
            territory=territory(id).id,
            geometry=border_band(territory(id), of=home, width_m=25_000.0).simplify(0.01),
        )
        for id in ("ETH", "ERI", "somaliland")
    ]
    area = Target(id="dji", name="Djibouti", geometry=home.geometry, territory="DJI")
    capitals = tuple(
        Target(id=name.lower(), name=name, geometry=Point(lon, lat), territory=None)
        for name, (lon, lat) in CAPITALS.items()
    )
    city = Target(id="city", name=HOSTILE_CITY, geometry=Point(36.82, -1.29), territory="KEN")
    wishes = (("ministry", "area", (area, *bands)), ("museum", "scene", capitals), ("firm", "scene", (city,)))
    return tuple(
        Request(
            id=f"request-000{k}",
            customer=owned.customer(customer),
            product=owned.product(product),
            targets=targets,
            interval=WEEK,
            max_cloud=0.2,
            max_gsd_m=3.0,
            max_off_nadir_deg=40.0,
            min_sun_elevation_deg=10.0,
            created=NOW,
        )
        for k, (customer, product, targets) in enumerate(wishes, 1)
    )
