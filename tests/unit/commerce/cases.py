"""A small pool to test with: figures chosen so that results can be worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from shapely.geometry import Point, box

from comity.commerce import Decision, Quote, decide_request, quote_request
from comity.core import Epoch, Interval
from comity.fleet.assets import Partner
from comity.fleet.products import Customer, ExchangeRate, Price, PriceBook, Product, Request, Rule, Target

NOW = Epoch.from_iso("2024-09-22T06:00:00Z")
WEEK = Interval(NOW, NOW + 7 * 86_400)

PARTNERS = (
    Partner(id="ru", name="Russian operator", country="RUS", currency="RUB", share=Decimal("0.5")),
    Partner(id="dj", name="Djibouti", country="DJI", currency="DJF", share=Decimal("0.2")),
    Partner(id="cn", name="Chinese operator", country="CHN", currency="CNY", share=Decimal("0.3")),
)


def rate(base: str, quote: str, value: str, date: str = "2024-09-20") -> ExchangeRate:
    return ExchangeRate(base=base, quote=quote, rate=Decimal(value), date=date, source="test bank")


RATES = (rate("EUR", "RUB", "103.25"), rate("EUR", "DJF", "197.721"), rate("CNY", "EUR", "0.127"))

BOOK = PriceBook(
    currency="EUR",
    prices=(
        Price(
            product="area",
            unit="km2",
            amount=Decimal("12.50"),
            minimum=Decimal("500"),
            strict_cloud_surcharge=Decimal("0.25"),
        ),
        Price(
            product="scene",
            unit="scene",
            amount=Decimal("90"),
            minimum=Decimal("250"),
            strict_cloud_surcharge=Decimal("0.5"),
        ),
        Price(
            product="daily",
            unit="pass",
            amount=Decimal("33.34"),
            minimum=Decimal("0"),
            strict_cloud_surcharge=Decimal("0"),
        ),
    ),
    rates=RATES,
    satellite_part=Decimal("0.6"),
    station_part=Decimal("0.25"),
    pool_part=Decimal("0.15"),
    strict_cloud_below=0.2,
    quote_valid_s=86_400.0,
    note="illustrative",
)


def product(id: str) -> Product:
    return Product(
        id=id,
        title=id,
        description="",
        service="imaging",
        max_gsd_m=3.0,
        min_swath_m=0.0,
        max_off_nadir_deg=30.0,
        min_sun_elevation_deg=10.0,
        max_cloud=0.3,
        bands=("red",),
        repeat_s=86_400.0 if id == "daily" else None,
    )


def customer(currency: str = "EUR", **changes: Any) -> Customer:
    base = Customer(id="ministry", name="Ministry", country="DJI", kind="government", currency=currency)
    return replace(base, **changes)


def target(id: str, territory: str | None = "DJI", *, area: bool = False) -> Target:
    shape = box(42.5, 11.5, 42.6, 11.6) if area else Point(42.5, 11.5)
    return Target(id=id, name=id.title(), geometry=shape, territory=territory)


def request(product_id: str, targets: tuple[Target, ...], **changes: Any) -> Request:
    base = Request(
        id="req-1",
        customer=customer(),
        product=product(product_id),
        targets=targets,
        interval=WEEK,
        max_cloud=0.2,
        max_gsd_m=3.0,
        max_off_nadir_deg=30.0,
        min_sun_elevation_deg=10.0,
        created=NOW,
    )
    return replace(base, **changes)


def rule(id: str, effect: str, **changes: Any) -> Rule:
    fields: dict[str, Any] = {
        "title": f"title of {id}",
        "partner": None,
        "territories": (),
        "when": "any",
        "customer_kinds": (),
        "customer_countries": (),
        "finer_than_m": None,
        "coarsen_to_m": None,
        "reason": f"reason of {id}.",
        "source": "licence text",
    }
    return Rule(id=id, effect=effect, **{**fields, **changes})  # type: ignore[arg-type]


def allowed(req: Request) -> tuple[Decision, ...]:
    return decide_request((), req, {"ru": [2.1]}, at=NOW)


def quote(req: Request, **more: Any) -> Quote:
    return quote_request(BOOK, req, more.pop("decisions", allowed(req)), quote_id="q-1", now=NOW, **more)
