"""Products as STAPI describes them: what they are, what can be filtered by, what an order can say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from comity.commerce import price_of
from comity.core import InputError, UnknownIdError
from comity.fleet import Product, Programme
from comity.server.stapi.documents import (
    GEOJSON,
    JSON,
    PRODUCT_CLASSES,
    SCHEMA,
    VERSION,
    Addresses,
    link,
)
from comity.server.stapi.filters import CLOUD, GSD, OFF_NADIR, SUN

_DRAFT = "http://json-schema.org/draft-07/schema#"
#: Order parameters of every product; each is acted on.
MAX_REFERENCE = 200


def on_sale(programme: Programme) -> list[Product]:
    """The products that have a price, in the programme's order."""
    return [product for product in programme.products if _priced(programme, product)]


def find_product(programme: Programme, id: str) -> Product:
    """The product on sale under this id; raises :class:`UnknownIdError`."""
    for product in on_sale(programme):
        if product.id == id:
            return product
    raise UnknownIdError("product", id)


def _priced(programme: Programme, product: Product) -> bool:
    try:
        price_of(programme.price_book, product.id)
    except InputError:
        return False
    return True


def product_document(programme: Programme, product: Product, at: Addresses) -> dict[str, Any]:
    """The STAPI Product object."""
    price = price_of(programme.price_book, product.id)
    return {
        "type": "Collection",
        "stapi_type": "Product",
        "stapi_version": VERSION,
        "id": product.id,
        "title": product.title,
        "description": product.description,
        "conformsTo": list(PRODUCT_CLASSES),
        "keywords": [product.service, *product.bands],
        "license": "proprietary",
        "providers": list(_providers(programme, product, at)),
        "comity:price": {
            "unit": price.unit,
            "amount": str(price.amount),
            "minimum": str(price.minimum),
            "currency": programme.price_book.currency,
            "note": programme.price_book.note,
        },
        "links": product_links(product, at),
    }


def product_links(product: Product, at: Addresses) -> list[dict[str, Any]]:
    """The links of a product."""
    here = ("products", product.id)
    return [
        link("self", at(*here)),
        link("root", at()),
        link("parent", at("products")),
        link("conformance", at(*here, "conformance")),
        link("queryables", at(*here, "queryables"), SCHEMA),
        link("order-parameters", at(*here, "order-parameters"), SCHEMA),
        link("opportunities", at(*here, "opportunities"), GEOJSON, method="POST"),
        link("create-order", at(*here, "orders"), GEOJSON, method="POST"),
        link("orders", at(*here, "orders"), GEOJSON, f"Own orders of {product.title}"),
        link("create-quote", at(*here, "quotes"), JSON, "Price an order, bindingly", method="POST"),
    ]


def _providers(programme: Programme, product: Product, at: Addresses) -> Iterable[dict[str, Any]]:
    """Owners of instruments that serve it, then the operator, who licenses and hosts."""
    owners = dict.fromkeys(
        craft.owner for craft in programme.spacecraft if _serves(programme, product, craft.id)
    )
    for owner in owners:
        partner = programme.partner(owner)
        yield {"name": partner.name, "roles": ["producer"], "url": at.base}
    yield {"name": programme.title, "roles": ["licensor", "processor", "host"], "url": at.base}


def _serves(programme: Programme, product: Product, spacecraft: str) -> bool:
    return any(
        set(product.bands) <= set(instrument.bands)
        and instrument.gsd_m <= product.max_gsd_m
        and instrument.swath_m >= product.min_swath_m
        for instrument in programme.craft(spacecraft).instruments
    )


def platforms(programme: Programme, product: Product) -> list[str]:
    """Spacecraft that carry an instrument for the product."""
    return [craft.id for craft in programme.spacecraft if _serves(programme, product, craft.id)]


def queryables(programme: Programme, product: Product) -> dict[str, Any]:
    """What a filter may name, as JSON Schema (draft-07)."""
    percent = product.max_cloud * 100.0
    return {
        "$schema": _DRAFT,
        "title": f"Queryables of {product.title}",
        "type": "object",
        "properties": {
            CLOUD: {
                "type": "number",
                "minimum": 0,
                "maximum": 100,
                "default": percent,
                "description": "The most cloud that is accepted, per cent. Not known beforehand: only as an "
                f"upper limit ('<='), alone or joined by 'and'. Without it {percent:g}. Binds orders.",
            },
            GSD: {
                "type": "number",
                "exclusiveMinimum": 0,
                "description": "Ground sample distance, m. As an upper limit it binds orders. "
                f"The product promises {product.max_gsd_m:g} m or finer.",
            },
            OFF_NADIR: {
                "type": "number",
                "minimum": 0,
                "maximum": 90,
                "description": "Angle at the spacecraft between nadir and target, degrees. As an upper "
                f"limit it binds orders. The product goes to {product.max_off_nadir_deg:g}.",
            },
            SUN: {
                "type": "number",
                "minimum": -90,
                "maximum": 90,
                "description": "Height of the Sun at the target, degrees. As a lower limit it binds orders. "
                f"The product needs {product.min_sun_elevation_deg:g}.",
            },
            "view:incidence_angle": {
                "type": "number",
                "minimum": 0,
                "maximum": 90,
                "description": "Angle at the target between the vertical and the spacecraft, degrees. "
                "Filters opportunities.",
            },
            "view:azimuth": {
                "type": "number",
                "minimum": 0,
                "maximum": 360,
                "description": "Direction from the point below the spacecraft to the target, degrees "
                "clockwise from north. Filters opportunities.",
            },
            "view:sun_azimuth": {
                "type": "number",
                "minimum": 0,
                "maximum": 360,
                "description": "Direction of the Sun at the target, degrees clockwise from north. "
                "Filters opportunities.",
            },
            "sat:orbit_state": {
                "type": "string",
                "enum": ["ascending", "descending"],
                "description": "Whether the spacecraft moves north. Filters opportunities.",
            },
            "platform": {
                "type": "string",
                "enum": platforms(programme, product),
                "description": "The spacecraft. Filters opportunities: an order is served by whichever "
                "serves it best.",
            },
        },
        "additionalProperties": False,
    }


def order_parameters() -> dict[str, Any]:
    """What an order may say beside what it wants, as JSON Schema (draft-07)."""
    return {
        "$schema": _DRAFT,
        "title": "Order parameters",
        "type": "object",
        "properties": {
            "quote": {
                "type": "string",
                "maxLength": MAX_REFERENCE,
                "description": "Order this quote, at its price; datetime, geometry and filter must be the "
                "quote's own.",
            },
            "max_price": {
                "type": "number",
                "minimum": 0,
                "description": "Do not order if it costs more than this, in your own currency.",
            },
            "reference": {
                "type": "string",
                "maxLength": MAX_REFERENCE,
                "description": "Your own name for the order; given back with it.",
            },
        },
        "additionalProperties": False,
    }
